//! Variables whose values depend on each other, or are more than a text.

use sandbox::Sandbox;
use sandbox::scene;

use crate::scene::{FUNCTION, Override};

/// The problems with which the process ends.
async fn problems(settings: &[Override<'_>]) -> Vec<String> {
    let binary = env!("CARGO_BIN_EXE_sms-gateway").as_ref();
    scene::problems(&Sandbox::start().await, FUNCTION, binary, settings).await
}

#[tokio::test]
async fn numbers_choices_and_pairs_that_are_none_are_named() {
    let wrong = [
        ("SMS_PER_NUMBER_PER_HOUR", Some("0")),
        ("SMS_PER_RANGE_PER_HOUR", Some("-1")),
        ("SMS_PER_HOUR", Some("many")),
        ("GATEWAY_SUBJECT", None), // it goes together with the audience
        ("TWILIO_RETENTION", Some("retain")),
        ("CONVERSION_FEEDBACK", Some("yes")),
        ("ALLOW_LOG_PROVIDER", Some("yes")),
        ("PLIVO_URL", Some("http://api.plivo.com")),
    ];
    let problems = problems(&wrong).await;
    for (name, _) in wrong {
        assert!(
            problems.iter().any(|problem| problem.contains(name)),
            "{name} in {problems:#?}"
        );
    }
}

#[tokio::test]
async fn every_mistake_about_cognito_is_named() {
    let wrong = [
        ("COGNITO_POOLS", Some("eu-west-1_EXAMPLE,my-pool")),
        ("COGNITO_KEY_ARN", Some("alias/cognito")),
        (
            "COGNITO_TEXTS",
            Some(r#"{"default":"no place","Login":"{code}"}"#),
        ),
    ];
    let found = problems(&wrong).await;
    for mistake in [
        "my-pool is not the id of a user pool",
        "COGNITO_KEY_ARN is not the ARN of a KMS key",
        "COGNITO_TEXTS: default: the text has no {code}",
        "COGNITO_TEXTS: Login: the name is none of",
    ] {
        assert!(
            found.iter().any(|problem| problem.contains(mistake)),
            "{mistake} in {found:#?}"
        );
    }
    assert_eq!(found.len(), 4, "{found:#?}");
    let no_entrance = ["GATEWAY_SECRET", "COGNITO_POOLS", "COGNITO_KEY_ARN"];
    let found = problems(&no_entrance.map(|name| (name, None))).await;
    assert_eq!(found, ["GATEWAY_SECRET is missing"]);
    for alone in ["COGNITO_POOLS", "COGNITO_KEY_ARN"] {
        let found = problems(&[(alone, None)]).await;
        assert!(
            found.len() == 1 && found[0].contains("go together"),
            "{found:?}"
        );
    }
}

#[tokio::test]
async fn every_mistake_in_the_routes_is_named() {
    let problems = problems(&[(
        "SMS_ROUTES",
        Some("+45=twilio,twilio;45=plivo;+45=nexmo;*=log;twilio"),
    )])
    .await;
    for mistake in [
        "+45 names twilio twice",
        "45 is neither",
        "+45 is routed twice",
        "nexmo",
        "ALLOW_LOG_PROVIDER",
        "twilio is not prefix",
    ] {
        assert!(
            problems.iter().any(|problem| problem.contains(mistake)),
            "{mistake} in {problems:#?}"
        );
    }
}

#[tokio::test]
async fn routes_without_a_route_and_two_senders_of_one_provider() {
    let found = problems(&[
        ("SMS_ROUTES", Some(" ; ")),
        (
            "SMS_FROM",
            Some("vonage:ACME,twilio:+15005550006,vonage:Acme"),
        ),
    ])
    .await;
    assert_eq!(found.len(), 2, "{found:?}");
    for mistake in ["SMS_ROUTES routes nothing", "SMS_FROM names vonage twice"] {
        assert!(
            found.iter().any(|problem| problem == mistake),
            "{mistake} in {found:#?}"
        );
    }
}

#[tokio::test]
async fn the_log_provider_must_be_allowed() {
    for overrides in [
        &[("SMS_ROUTES", Some("*=log"))][..],
        &[
            ("SMS_ROUTES", Some("*=twilio,log")),
            ("ALLOW_LOG_PROVIDER", Some("false")),
        ],
    ] {
        let problems = problems(overrides).await;
        assert!(
            problems.len() == 1 && problems[0].contains("ALLOW_LOG_PROVIDER"),
            "{problems:?}"
        );
    }
}

#[tokio::test]
async fn every_mistake_in_the_settings_of_the_entrances_is_named() {
    let found = problems(&[
        ("WEBHOOK_SECRET", Some(sandbox::WEBHOOK_SECRET)),
        ("GENERIC_SECRET", Some(sandbox::GENERIC_SECRET)),
        (
            "GENERIC_MAPPING",
            Some(r#"{"recipient":"to","phone":"/to"}"#),
        ),
        ("GENERIC_SIGNATURE_HEADER", Some("x signature")),
        ("CODE_TEXT", Some("Your code")),
        ("MAX_WEBHOOK_AGE_SECONDS", Some("0")),
    ])
    .await;
    for mistake in [
        "GENERIC_MAPPING: recipient must be a JSON pointer, such as /payload/code",
        "GENERIC_MAPPING: phone is not one of recipient, text, code, channel, id, locale, ip",
        "GENERIC_MAPPING lacks text or code, the pointer to what is sent",
        "GENERIC_SIGNATURE_HEADER must be the name of a header: letters, digits, - and _",
        "CODE_TEXT must contain {code} in each text",
        "MAX_WEBHOOK_AGE_SECONDS must be a whole number from 1 to 3153600000",
    ] {
        assert!(
            found.iter().any(|problem| problem == mistake),
            "{mistake} in {found:#?}"
        );
    }
    assert_eq!(found.len(), 6, "{found:#?}");
}

#[tokio::test]
async fn the_generic_entrance_needs_a_mapping() {
    let found = problems(&[
        ("GENERIC_SECRET", Some(sandbox::GENERIC_SECRET)),
        ("GENERIC_MAPPING", None),
    ])
    .await;
    assert_eq!(found, ["GENERIC_MAPPING is missing"]);
}
