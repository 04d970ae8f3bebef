//! Variables: what is wrong is said at start, all of it.

use sandbox::Sandbox;
use serde_json::Value;

use crate::scene::FUNCTION;

/// The problems the process ended with.
async fn problems(overrides: &[(&str, Option<&str>)]) -> Vec<String> {
    let sandbox = Sandbox::start().await;
    let lambda = sandbox
        .run_with(
            FUNCTION,
            env!("CARGO_BIN_EXE_provision-numbers").as_ref(),
            1,
            overrides,
        )
        .await;
    lambda.wait_ready().await.unwrap_err();
    assert!(!lambda.wait_exits(1).await[0].success());
    let lines = lambda.errors();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["outcome"], "bad_configuration");
    serde_json::from_value(line["problems"].clone()).unwrap()
}

#[tokio::test]
async fn every_problem_is_named_in_one_line_and_the_process_ends() {
    let overrides = [
        ("TABLE_NAME", None),
        ("TWILIO_SECRET", None),
        ("OKTA_URL", Some("http://acme.okta.com")),
        ("OKTA_SECRET", None),
        ("HOOK_SECRET", None),
        ("AREA_PREFIXES", Some("415,4156")),
        ("NUMBER_COUNTRY", Some("USA")),
        ("CALL_FORWARD_URL", Some("http://calls.example.com/")),
        ("SMS_FORWARD_URL", None),
        ("MAX_PURCHASES_PER_RUN", Some("101")),
        ("MAX_NUMBERS", Some("-1")),
        ("DRY_RUN", Some("yes")),
        ("CLEAN_MOBILE", Some("1")),
        ("RELEASE_AFTER_DAYS", Some("-1")),
        ("DEFAULT_REGION", Some("Denmark")),
        ("ALLOWED_COUNTRIES", Some("XX")),
    ];
    // Outside North America a prefix may have any length up to seven digits.
    let problems = [
        problems(&overrides).await,
        problems(&[("AREA_PREFIXES", Some("415,4156"))]).await,
    ]
    .concat();
    for (name, _) in overrides {
        assert!(
            problems.iter().any(|problem| problem.contains(name)),
            "{name} in {problems:#?}"
        );
    }
}

#[tokio::test]
async fn area_prefixes_are_required() {
    assert_eq!(
        problems(&[("AREA_PREFIXES", None)]).await,
        ["AREA_PREFIXES is missing"]
    );
}
