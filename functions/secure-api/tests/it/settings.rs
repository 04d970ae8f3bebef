//! Variables: what is wrong is said at start, all of it.

use sandbox::Sandbox;
use sandbox::auth0::API_AUDIENCE;
use serde_json::Value;

use crate::scene::{BINARY, FUNCTION};

#[tokio::test]
async fn every_problem_is_named_in_one_line_and_the_process_ends() {
    let overrides = [
        ("TABLE_NAME", None),
        ("AUTH0_URL", Some("http://acme.eu.auth0.com")),
        ("API_AUDIENCE", Some(" ")),
        ("EXTRA_CA_FILE", Some("/nowhere.pem")),
        ("LOG_LEVEL", Some("loud")),
    ];
    let sandbox = Sandbox::start().await;
    let lambda = sandbox
        .run_with(FUNCTION, BINARY.as_ref(), 1, &overrides)
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
async fn the_table_the_tenant_and_the_audience_must_be_named() {
    let sandbox = Sandbox::start().await;
    let audience = ("API_AUDIENCE", Some(API_AUDIENCE));
    let lambda = sandbox
        .run_with(
            FUNCTION,
            BINARY.as_ref(),
            1,
            &[audience, ("LOG_LEVEL", None)],
        )
        .await;
    lambda.wait_ready().await.unwrap();
    lambda.stop().await;
    for name in ["TABLE_NAME", "AUTH0_URL", "API_AUDIENCE"] {
        let lambda = sandbox
            .run_with(FUNCTION, BINARY.as_ref(), 1, &[audience, (name, None)])
            .await;
        assert!(
            lambda
                .wait_ready()
                .await
                .unwrap_err()
                .contains(&format!("{name} is missing"))
        );
    }
}
