//! Variables: what is wrong is said at start, all of it.

use sandbox::Sandbox;
use sandbox::auth0::API_AUDIENCE;
use serde_json::Value;

use crate::scene::{BINARY, FUNCTION, Override};

const USUAL: [Override<'static>; 2] = [
    ("API_URL", Some("https://api.acme.example")),
    ("API_AUDIENCE", Some(API_AUDIENCE)),
];

#[tokio::test]
async fn every_problem_is_named_in_one_line_and_the_process_ends() {
    let overrides = [
        ("TABLE_NAME", None),
        ("AUTH0_URL", Some("http://acme.eu.auth0.com")),
        ("AUTH0_SECRET", Some(" ")),
        ("API_URL", Some("api.acme.example")),
        ("API_AUDIENCE", None),
        ("API_PATH", Some("accounts/{account_number}")),
        ("PUBLIC_URL", Some("https://u:p@hooks.example.com")),
        ("TWILIO_SECRET", None),
        ("STUDIO_SECRET", Some("")),
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
    // That there is no credential is one problem with two names.
    assert_eq!(problems.len(), overrides.len() - 1, "{problems:#?}");
    assert!(
        problems.iter().all(|problem| reported.contains(problem)),
        "{reported}"
    );
}

#[tokio::test]
async fn paths_that_are_none_are_named() {
    let sandbox = Sandbox::start().await;
    for path in [
        "//evil.example/{x}",
        "/../{x}",
        "/{",
        "/{}",
        "/{x y}",
        "/a b",
        "/{x}#y",
        "https://evil.example/",
        "/}",
    ] {
        let overrides = [&USUAL[..], &[("API_PATH", Some(path))]].concat();
        let lambda = sandbox
            .run_with(FUNCTION, BINARY.as_ref(), 1, &overrides)
            .await;
        let reported = lambda.wait_ready().await.unwrap_err();
        assert!(reported.contains("API_PATH "), "{path}: {reported}");
    }
}

#[tokio::test]
async fn what_must_be_named() {
    let sandbox = Sandbox::start().await;
    for missing in [
        &["PUBLIC_URL", "API_PATH", "LOG_LEVEL", "TWILIO_SECRET"][..],
        &["STUDIO_SECRET"],
    ] {
        let missing: Vec<Override<'_>> = missing.iter().map(|name| (*name, None)).collect();
        let lambda = sandbox
            .run_with(
                FUNCTION,
                BINARY.as_ref(),
                1,
                &[&USUAL[..], &missing].concat(),
            )
            .await;
        lambda.wait_ready().await.unwrap();
        lambda.stop().await;
    }
    for name in [
        "TABLE_NAME",
        "AUTH0_URL",
        "AUTH0_SECRET",
        "API_URL",
        "API_AUDIENCE",
    ] {
        let lambda = sandbox
            .run_with(
                FUNCTION,
                BINARY.as_ref(),
                1,
                &[&USUAL[..], &[(name, None)]].concat(),
            )
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
