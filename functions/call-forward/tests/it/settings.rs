//! Variables: what is wrong is said at start, all of it.

use sandbox::Sandbox;
use serde_json::Value;

use crate::scene::FUNCTION;

#[tokio::test]
async fn every_problem_is_named_in_one_line_and_the_process_ends() {
    let long = "x".repeat(1_001);
    let overrides = [
        ("TABLE_NAME", None),
        ("TWILIO_SECRET", None),
        ("OKTA_SECRET", Some(" ")),
        ("OKTA_URL", Some("http://acme.okta.com")),
        ("TWILIO_URL", Some("api.twilio.com")),
        ("PUBLIC_URL", Some("https://u:p@hooks.example.com")),
        ("GREETING", Some(long.as_str())),
        ("DIAL_TIMEOUT_SECONDS", Some("4")),
        ("MAX_CALL_SECONDS", Some("14401")),
        ("MAX_CONCURRENT_CALLS", Some("0")),
        ("MAX_MINUTES_PER_DAY", Some("many")),
        ("ALLOWED_COUNTRIES", Some("Denmark")),
        ("VOICEMAIL", Some("yes")),
        ("LOG_LEVEL", Some("loud")),
    ];
    let sandbox = Sandbox::start().await;
    let lambda = sandbox
        .run_with(
            FUNCTION,
            env!("CARGO_BIN_EXE_call-forward").as_ref(),
            1,
            &overrides,
        )
        .await;
    let reported = lambda.wait_ready().await.unwrap_err();
    assert!(!lambda.wait_exits(1).await[0].success());
    let lines = lambda.errors();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    let problems: Vec<String> = serde_json::from_value(line["problems"].clone()).unwrap();
    for (name, _) in overrides {
        assert!(
            problems.iter().any(|problem| problem.contains(name)),
            "{name} in {problems:#?}"
        );
    }
    assert!(
        problems.len() == overrides.len()
            && problems.iter().all(|problem| reported.contains(problem)),
        "{reported}"
    );
}

#[tokio::test]
async fn only_okta_and_the_secrets_must_be_named() {
    let sandbox = Sandbox::start().await;
    let optional = [
        "PUBLIC_URL",
        "GREETING",
        "DIAL_TIMEOUT_SECONDS",
        "ALLOWED_COUNTRIES",
        "VOICEMAIL",
        "MAX_CALL_SECONDS",
        "MAX_CONCURRENT_CALLS",
        "MAX_MINUTES_PER_DAY",
        "TWILIO_URL",
        "LOG_LEVEL",
    ];
    let binary = env!("CARGO_BIN_EXE_call-forward").as_ref();
    let lambda = sandbox
        .run_with(FUNCTION, binary, 1, &optional.map(|name| (name, None)))
        .await;
    lambda.wait_ready().await.unwrap();
    lambda.stop().await;
    for name in ["OKTA_URL", "OKTA_SECRET", "TWILIO_SECRET", "TABLE_NAME"] {
        let lambda = sandbox.run_with(FUNCTION, binary, 1, &[(name, None)]).await;
        assert!(
            lambda
                .wait_ready()
                .await
                .unwrap_err()
                .contains(&format!("{name} is missing"))
        );
    }
}
