//! Variables: what is wrong is said at start, all of it.

use sandbox::Sandbox;
use serde_json::Value;

use crate::scene::{FUNCTION, Override};

/// The problems the process ended with.
async fn problems(overrides: &[Override<'_>]) -> Vec<String> {
    let sandbox = Sandbox::start().await;
    let lambda = sandbox
        .run_with(
            FUNCTION,
            env!("CARGO_BIN_EXE_sms-gateway").as_ref(),
            1,
            overrides,
        )
        .await;
    let reported = lambda.wait_ready().await.unwrap_err();
    assert!(!lambda.wait_exits(1).await[0].success());
    let lines = lambda.errors();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["outcome"], "bad_configuration");
    let problems: Vec<String> = serde_json::from_value(line["problems"].clone()).unwrap();
    assert!(
        problems.iter().all(|problem| reported.contains(problem)),
        "{reported}"
    );
    problems
}

#[tokio::test]
async fn every_problem_is_named_in_one_line_and_the_process_ends() {
    let overrides = [
        ("TABLE_NAME", None),
        ("GATEWAY_SECRET", None),
        ("GATEWAY_SUBJECT", None),
        ("SMS_FROM", Some("twilio=+15005550006")),
        ("ALLOWED_COUNTRIES", Some("Denmark")),
        ("SMS_PER_NUMBER_PER_HOUR", Some("0")),
        ("SMS_PER_RANGE_PER_HOUR", Some("-1")),
        ("SMS_PER_HOUR", Some("many")),
        ("RESEND_COOLDOWN_SECONDS", Some("30s")),
        ("CODE_LIFE_SECONDS", Some("59")),
        ("GATEWAY_TOKEN_LIFE_SECONDS", Some("1h")),
        ("GATEWAY_UNDATED_TOKENS", Some("no")),
        ("TWILIO_RETENTION", Some("retain")),
        ("ON_UNKNOWN", Some("retry")),
        ("ALLOW_LOG_PROVIDER", Some("yes")),
        ("TWILIO_SECRET", None),
        ("PLIVO_URL", Some("http://api.plivo.com")),
        ("LOG_LEVEL", Some("loud")),
    ];
    let problems = problems(&overrides).await;
    for (name, _) in overrides {
        assert!(
            problems.iter().any(|problem| problem.contains(name)),
            "{name} in {problems:#?}"
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
async fn routes_are_required() {
    assert_eq!(
        problems(&[("SMS_ROUTES", None)]).await,
        ["SMS_ROUTES is missing"]
    );
}
