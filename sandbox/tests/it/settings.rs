//! Variables of all functions: what is wrong is said at start, all of it at once, and only what has no default must be set.

use std::collections::BTreeSet;

use sandbox::Sandbox;
use sandbox::scene::{Setting, problems};

use crate::{DELIVERY, FLOW, GATEWAY, binary, docs::required};

/// Values that are wrong in every function that reads the variable. `None` and blanks are values that are missing.
const WRONG: [Setting<'static>; 59] = [
    ("ALLOWED_COUNTRIES", Some("Denmark")),
    ("API_AUDIENCE", Some(" ")),
    ("API_PATH", Some("accounts/{account_number}")),
    ("API_URL", Some("api.acme.example")),
    ("AREA_PREFIXES", Some("415,4156")),
    ("AUTH0_SECRET", Some(" ")),
    ("AUTH0_URL", Some("http://acme.eu.auth0.com")),
    ("AWS_ENDPOINT_URL_DYNAMODB", Some("ftp://127.0.0.1")),
    ("AWS_ENDPOINT_URL_KMS", Some("http://kms.acme.example")),
    ("CALL_FORWARD_URL", Some("http://calls.example.com/")),
    ("CLEAN_MOBILE", Some("1")),
    ("CODE_LIFE_SECONDS", Some("59")),
    ("CONVERSION_FLOOR_PERCENT", Some("101")),
    ("COGNITO_TEXTS", Some("[]")),
    ("COUNTRY_LANGUAGES", Some("Switzerland=fr")),
    ("DEFAULT_LANGUAGE", Some("klingon")),
    ("DEFAULT_REGION", Some("Denmark")),
    ("DELIVERY_FLOOR_PERCENT", Some("all")),
    ("DELIVERY_TIMEOUT_SECONDS", Some("4")),
    ("DIAL_TIMEOUT_SECONDS", Some("4")),
    ("DRY_RUN", Some("yes")),
    ("FALLBACK_CHANNEL", Some("voice")),
    ("FORWARD_SEGMENTS_PER_HOUR", Some("0")),
    ("FORWARD_SEGMENTS_PER_NUMBER_PER_DAY", Some("2501")),
    ("FORWARD_SEGMENTS_PER_NUMBER_PER_HOUR", Some("49")),
    ("GATEWAY_TOKEN_LIFE_SECONDS", Some("1h")),
    ("GATEWAY_UNDATED_TOKENS", Some("no")),
    ("HOOK_SECRET", None),
    ("IVR_LANGUAGE", Some("en\"US")),
    ("IVR_MENU", Some("[]")),
    ("IVR_SECRET", None),
    ("KEEP_FOR_FAILOVER", Some("yes")),
    ("LANGUAGES", Some("klingon")),
    ("LOG_LEVEL", Some("loud")),
    ("MAIL_SENDERS", Some("acme.example")),
    ("MAX_CALL_SECONDS", Some("14401")),
    ("MAX_CONCURRENT_CALLS", Some("0")),
    ("MAX_MINUTES_PER_DAY", Some("many")),
    ("MAX_NUMBERS", Some("-1")),
    ("MAX_PURCHASES_PER_RUN", Some("101")),
    ("MESSAGES_PER_PAIR_PER_MINUTE", Some("0")),
    ("NUMBER_COUNTRY", Some("USA")),
    ("OKTA_SECRET", Some(" ")),
    ("OKTA_URL", Some("http://acme.okta.com")),
    ("ON_UNKNOWN", Some("retry")),
    ("PIN_ATTEMPTS", Some("0")),
    ("PIN_FAILURES_PER_DAY", Some("0")),
    ("PIN_LENGTH", Some("3")),
    ("PIN_LOCK_MINUTES", Some("1441")),
    ("PUBLIC_URL", Some("https://u:p@hooks.example.com")),
    ("RECIPIENT_DOMAIN", None),
    ("RELEASE_AFTER_DAYS", Some("-1")),
    ("RESEND_COOLDOWN_SECONDS", Some("30s")),
    ("SMS_FROM", Some("twilio=+15005550006")),
    ("SMS_ORDER", Some("fastest")),
    ("TABLE_NAME", None),
    ("TWILIO_SECRET", None),
    ("VOICEMAIL", Some("yes")),
    ("WORDS", Some("[]")),
];

#[tokio::test]
async fn every_problem_is_named_in_one_line_and_the_process_ends() {
    let sandbox = Sandbox::start().await;
    let (required, mut tried) = (required(&sandbox), BTreeSet::new());
    for function in &sandbox.template().functions {
        let is_read =
            |name: &str| name.starts_with("AWS_") || function.environment.contains_key(name);
        let is_wrong = |(name, value): &Setting<'_>| {
            let is_missing = value.is_none_or(|value| value.trim().is_empty());
            is_read(name) && (!is_missing || required[&function.name].contains(*name))
        };
        let wrong: Vec<_> = WRONG.into_iter().filter(is_wrong).collect();
        let binary = binary(&function.name).await;
        let told = problems(&sandbox, &function.name, binary, &wrong).await;
        for (name, _) in wrong {
            // The length of area codes is known only with the country.
            let is_named = told.iter().any(|problem| problem.contains(name));
            assert!(
                is_named || name == "AREA_PREFIXES",
                "{}: {name} in {told:#?}",
                function.name
            );
            tried.insert(name);
        }
    }
    assert_eq!(tried.len(), WRONG.len());
}

#[tokio::test]
async fn what_has_no_default_is_missed_by_its_name() {
    let sandbox = Sandbox::start().await;
    let mut tried = 0;
    for (function, required) in &required(&sandbox) {
        for name in required {
            let told = problems(&sandbox, function, binary(function).await, &[(name, None)]).await;
            assert!(
                told.len() == 1
                    && told[0].contains(name.as_str())
                    && told[0].ends_with("is missing"),
                "{function}, {name}: {told:?}"
            );
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried}");
}

#[tokio::test]
async fn what_has_a_default_may_be_left_out() {
    let sandbox = Sandbox::start().await;
    let required = required(&sandbox);
    for function in &sandbox.template().functions {
        let required = &required[&function.name];
        let optional = function.environment.keys().filter(|name| {
            let of_it = (function.name.as_str(), name.as_str());
            let remaining_credential = [
                (FLOW, "STUDIO_SECRET"),
                (DELIVERY, "TWILIO_SECRET"),
                (GATEWAY, "GATEWAY_SECRET"),
            ]
            .contains(&of_it);
            !(remaining_credential || required.contains(*name))
        });
        let unset: Vec<Setting<'_>> = optional.map(|name| (name.as_str(), None)).collect();
        assert!(unset.len() > 3, "{}: {unset:?}", function.name);
        let lambda = sandbox
            .run_with(&function.name, binary(&function.name).await, 1, &unset)
            .await;
        let ready = lambda.wait_ready().await;
        assert_eq!(ready, Ok(()), "{} without {unset:?}", function.name);
        lambda.stop().await;
    }
}

#[tokio::test]
async fn without_a_variable_of_lambda_s_own_it_does_not_panic() {
    let sandbox = Sandbox::start().await;
    for name in [
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
    ] {
        for function in &sandbox.template().functions {
            let binary = binary(&function.name).await;
            let told = problems(&sandbox, &function.name, binary, &[(name, None)]).await;
            assert!(
                told.len() == 1 && told[0].contains(name),
                "{}: {told:?}",
                function.name
            );
        }
    }
}
