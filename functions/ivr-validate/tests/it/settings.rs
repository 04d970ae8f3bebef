//! Variables: what is wrong is said at start, all of it.

use sandbox::Sandbox;
use serde_json::Value;

use crate::scene::FUNCTION;

/// The problems with which the process ends.
async fn problems(sandbox: &Sandbox, overrides: &[(&str, Option<&str>)]) -> Vec<String> {
    let lambda = sandbox
        .run_with(
            FUNCTION,
            env!("CARGO_BIN_EXE_ivr-validate").as_ref(),
            1,
            overrides,
        )
        .await;
    let reported = lambda.wait_ready().await.unwrap_err();
    assert!(!lambda.wait_exits(1).await[0].success());
    let lines = lambda.errors();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    let problems: Vec<String> = serde_json::from_value(line["problems"].clone()).unwrap();
    assert!(
        problems.iter().all(|problem| reported.contains(problem)),
        "{reported}"
    );
    problems
}

#[tokio::test]
async fn every_problem_is_named_in_one_line_and_the_process_ends() {
    let long = "x".repeat(1_001);
    let overrides = [
        ("TABLE_NAME", None),
        ("TWILIO_SECRET", None),
        ("IVR_SECRET", Some(" ")),
        ("AUTH0_SECRET", None),
        ("AUTH0_URL", Some("http://acme.eu.auth0.com")),
        ("API_URL", Some("api.acme.example")),
        ("API_AUDIENCE", None),
        ("PUBLIC_URL", Some("https://u:p@hooks.example.com")),
        ("PIN_ATTEMPTS", Some("0")),
        ("PIN_ATTEMPTS_CALLER", Some("many")),
        ("PIN_LOCK_MINUTES", Some("1441")),
        ("PIN_FAILURES_PER_DAY", Some("0")),
        ("PIN_LENGTH", Some("3")),
        ("IVR_LANGUAGE", Some("en\"US")),
        ("IVR_WELCOME", Some(long.as_str())),
        ("IVR_MENU", Some("[]")),
        ("LOG_LEVEL", Some("loud")),
    ];
    let sandbox = Sandbox::start().await;
    let problems = problems(&sandbox, &overrides).await;
    for (name, _) in overrides {
        assert!(
            problems.iter().any(|problem| problem.contains(name)),
            "{name} in {problems:#?}"
        );
    }
    assert_eq!(problems.len(), overrides.len(), "{problems:#?}");
}

#[tokio::test]
async fn bounds_that_contradict_each_other_and_menus_that_are_none() {
    let sandbox = Sandbox::start().await;
    let bounds = [
        ("PIN_ATTEMPTS", Some("9")),
        ("PIN_ATTEMPTS_ACCOUNT", Some("8")),
    ];
    let told = problems(&sandbox, &bounds).await;
    assert!(
        told.len() == 1 && told[0].contains("PIN_ATTEMPTS_ACCOUNT"),
        "{told:?}"
    );
    for (menu, part) in [
        ("balance", "is not a JSON list"),
        (
            r#"[{"digit":"1","label":"x","exit":true,"sound":"y"}]"#,
            "is not a JSON list",
        ),
        (r#"[{"digit":"12","label":"x","exit":true}]"#, "one digit"),
        (
            r#"[{"digit":"1","label":"x","exit":true},{"digit":"1","label":"y","exit":true}]"#,
            "of its own",
        ),
        (
            r#"[{"digit":"1","label":"x","path":"/a"}]"#,
            "entry 1: either path and say, or exit",
        ),
        (
            r#"[{"digit":"1","label":"x","path":"//evil.example/","say":"y"}]"#,
            "entry 1: path",
        ),
        (
            r#"[{"digit":"1","label":"x","path":"/{pin}","say":"y"}]"#,
            "{account} only",
        ),
        (
            r#"[{"digit":"1","label":"x","path":"/a","say":"It is {balance.amount"}]"#,
            "entry 1: say has a brace",
        ),
        (
            &format!(
                r#"[{{"digit":"1","label":"{}","exit":true}}]"#,
                "x".repeat(101)
            ),
            "entry 1: label is longer than 100",
        ),
    ] {
        let told = problems(&sandbox, &[("IVR_MENU", Some(menu))]).await;
        assert!(
            told.len() == 1 && told[0].contains("IVR_MENU") && told[0].contains(part),
            "{told:?}"
        );
    }
}

#[tokio::test]
async fn only_auth0_the_api_and_the_secrets_must_be_named() {
    let sandbox = Sandbox::start().await;
    let optional = [
        "PUBLIC_URL",
        "LOGIN_REALM",
        "IVR_LANGUAGE",
        "IVR_VOICE",
        "IVR_WELCOME",
        "IVR_MENU",
        "PIN_LENGTH",
        "PIN_ATTEMPTS",
        "PIN_ATTEMPTS_ACCOUNT",
        "PIN_ATTEMPTS_CALLER",
        "PIN_LOCK_MINUTES",
        "PIN_FAILURES_PER_DAY",
        "LOG_LEVEL",
    ];
    let binary = env!("CARGO_BIN_EXE_ivr-validate").as_ref();
    let lambda = sandbox
        .run_with(FUNCTION, binary, 1, &optional.map(|name| (name, None)))
        .await;
    lambda.wait_ready().await.unwrap();
    lambda.stop().await;
    for name in [
        "AUTH0_URL",
        "AUTH0_SECRET",
        "TWILIO_SECRET",
        "IVR_SECRET",
        "TABLE_NAME",
        "API_URL",
        "API_AUDIENCE",
    ] {
        let told = problems(&sandbox, &[(name, None)]).await;
        assert!(
            told.len() == 1 && told[0].contains(&format!("{name} is missing")),
            "{told:?}"
        );
    }
}
