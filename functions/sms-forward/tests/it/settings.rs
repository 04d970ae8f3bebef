//! Variables: what is wrong is said at start, all of it.

use sandbox::Sandbox;
use serde_json::Value;

use crate::scene::{FUNCTION, STRANGER, Scene, forwarded};

#[tokio::test]
async fn every_problem_is_named_in_one_line_and_the_process_ends() {
    let overrides = [
        ("TABLE_NAME", None),
        ("TWILIO_SECRET", None),
        ("OKTA_URL", Some("http://acme.okta.com")),
        ("OKTA_SECRET", Some(" ")),
        ("PUBLIC_URL", Some("hooks.example.com")),
        ("ALLOWED_COUNTRIES", Some("Denmark")),
        ("MESSAGES_PER_PAIR_PER_MINUTE", Some("0")),
        ("REPLIES_PER_DAY", Some("many")),
        ("FORWARD_SEGMENTS_PER_NUMBER_PER_HOUR", Some("49")),
        ("FORWARD_SEGMENTS_PER_NUMBER_PER_DAY", Some("2501")),
        ("FORWARD_SEGMENTS_PER_HOUR", Some("0")),
        ("LOG_LEVEL", Some("loud")),
        ("AWS_ENDPOINT_URL_DYNAMODB", Some("ftp://127.0.0.1")),
    ];
    let sandbox = Sandbox::start().await;
    let lambda = sandbox
        .run_with(
            FUNCTION,
            env!("CARGO_BIN_EXE_sms-forward").as_ref(),
            1,
            &overrides,
        )
        .await;
    let reported = lambda.wait_ready().await.unwrap_err();
    assert!(!lambda.wait_exits(1).await[0].success());
    let lines = lambda.errors();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["outcome"], "bad_configuration");
    let problems: Vec<String> = serde_json::from_value(line["problems"].clone()).unwrap();
    assert_eq!(problems.len(), overrides.len(), "{problems:#?}");
    for (name, _) in overrides {
        assert!(
            problems
                .iter()
                .any(|problem| problem.contains(name) && reported.contains(problem)),
            "{name} in {problems:#?}"
        );
    }
}

#[tokio::test]
async fn what_has_a_default_may_be_left_out() {
    let optional = [
        "MESSAGES_PER_PAIR_PER_MINUTE",
        "REPLIES_PER_DAY",
        "FORWARD_SEGMENTS_PER_NUMBER_PER_HOUR",
        "FORWARD_SEGMENTS_PER_NUMBER_PER_DAY",
        "FORWARD_SEGMENTS_PER_HOUR",
        "FORWARD_SEGMENTS_PER_DAY",
    ];
    let unset = optional.map(|name| (name, None));
    let scene = Scene::with(&[&[("ALLOWED_COUNTRIES", Some(""))][..], &unset].concat()).await;
    scene
        .text_leads_to(STRANGER, "Hello", &[&forwarded(STRANGER, "Hello")])
        .await;
}
