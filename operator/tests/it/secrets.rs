//! Secrets: set from standard input, the environment and at random, kept, rotated, refused; never printed.

use sandbox::cloudformation::STACK_NAME;
use sandbox::twilio;
use serde_json::json;

use crate::scene::Scene;

const SET: [&str; 4] = ["--stack", STACK_NAME, "secrets", "set"];

#[tokio::test]
async fn keys_given_are_set_and_the_others_kept() {
    let scene = Scene::new().await;
    let arguments = [&SET[..], &["mailgun", "--rotate"]].concat();
    let output = scene
        .run_with(&arguments, &[], r#"{"signing_key":"key-new-1234567890"}"#)
        .await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(
        output
            .out
            .contains("set signing_key of switchboard/mailgun"),
        "{output:?}"
    );
    assert!(!output.out.contains("key-new") && !output.err.contains("key-new"));
    let stored = scene.sandbox.aws.secret("switchboard/mailgun").unwrap();
    assert_eq!(
        stored,
        json!({ "signing_key": "key-new-1234567890", "previous_signing_key": sandbox::mailgun::SIGNING_KEY })
    );
    let again = scene
        .run_with(&arguments, &[], r#"{"signing_key":"key-new-1234567890"}"#)
        .await;
    assert_eq!(
        (again.code, again.out.as_str()),
        (0, "switchboard/mailgun: nothing to change\n")
    );
    assert_eq!(
        scene.sandbox.aws.secret("switchboard/mailgun").unwrap(),
        stored
    );
}

#[tokio::test]
async fn from_the_environment_and_at_random() {
    let scene = Scene::new().await;
    let variables = [
        ("VONAGE_API_KEY", "abcd1234"),
        ("VONAGE_API_SECRET", "example-vonage-secret-2"),
    ];
    let output = scene
        .run_with(
            &[&SET[..], &["vonage", "--from-env"]].concat(),
            &variables,
            "",
        )
        .await;
    assert!(
        output.code == 0 && !output.out.contains("example-vonage-secret-2"),
        "{output:?}"
    );
    assert_eq!(
        scene.sandbox.aws.secret("switchboard/vonage").unwrap()["api_secret"],
        "example-vonage-secret-2"
    );
    let output = scene
        .run_with(
            &[
                &SET[..],
                &["hook", "--generate", "bearer_token", "--rotate"],
            ]
            .concat(),
            &[],
            "",
        )
        .await;
    let stored = scene.sandbox.aws.secret("switchboard/hook").unwrap();
    let token = stored["bearer_token"].as_str().unwrap();
    assert!(
        output.code == 0 && token.len() == 64 && !output.out.contains(token),
        "{output:?}"
    );
    let output = scene
        .run_with(
            &[
                &SET[..],
                &["recipient", "--generate", "recipient_key", "--rotate"],
            ]
            .concat(),
            &[],
            "",
        )
        .await;
    let stored = scene.sandbox.aws.secret("switchboard/recipient").unwrap();
    assert!(
        output.code == 0 && stored["recipient_key"].as_str().unwrap().len() == 64,
        "{output:?}"
    );
    assert_eq!(stored["previous_recipient_key"], sandbox::RECIPIENT_KEY);
    let stored = scene.sandbox.aws.secret("switchboard/hook").unwrap();
    for (secret, key, words) in [
        ("hook", "bearer_token", "--rotate"),
        ("twilio", "auth_token", "cannot be made up"),
    ] {
        let refused = scene
            .run_with(&[&SET[..], &[secret, "--generate", key]].concat(), &[], "")
            .await;
        assert!(
            refused.code == 2 && refused.err.contains(words),
            "{refused:?}"
        );
    }
    assert_eq!(
        scene.sandbox.aws.secret("switchboard/hook").unwrap(),
        stored
    );
    // Standard input is not read.
    let output = scene
        .run_with(
            &[
                &SET[..],
                &["hook", "--generate", "bearer_token", "--replace"],
            ]
            .concat(),
            &[],
            "no JSON",
        )
        .await;
    assert_eq!(output.code, 0, "{output:?}");
}

#[tokio::test]
async fn what_cannot_be_right_is_not_written() {
    let scene = Scene::new().await;
    let before = scene.sandbox.aws.secret("switchboard/twilio");
    for (input, words, code) in [
        (
            r#"{"account_sid":"AC1"}"#,
            "account_sid is not AC and 32 digits",
            1,
        ),
        (
            r#"{"api_key_sid":"SK00000000000000000000000000000001"}"#,
            "lacks api_key_secret",
            1,
        ),
        (
            r#"{"token":"x"}"#,
            "no key token; it has account_sid, auth_token",
            2,
        ),
        ("hunter2", "no JSON object", 2),
        (r#"{"auth_token":7}"#, "auth_token is not a text", 2),
        (
            r#"{"auth_token":"a\u0000b"}"#,
            "auth_token has blanks or line breaks",
            1,
        ),
    ] {
        let output = scene
            .run_with(&[&SET[..], &["twilio"]].concat(), &[], input)
            .await;
        assert!(
            output.code == code && output.err.contains(words),
            "{input}: {output:?}"
        );
        assert!(!output.err.contains("hunter2"));
    }
    let dry = scene
        .run_with(
            &[&["--dry-run"], &SET[..], &["twilio"]].concat(),
            &[],
            r#"{"auth_token":"another"}"#,
        )
        .await;
    assert!(
        dry.code == 0 && dry.out.contains("would set auth_token"),
        "{dry:?}"
    );
    assert_eq!(scene.sandbox.aws.secret("switchboard/twilio"), before);
}

#[tokio::test]
async fn who_only_sends_gets_the_api_key_or_where_there_is_none_the_auth_token() {
    let scene = Scene::new().await;
    let aws = &scene.sandbox.aws;
    aws.set_secret("switchboard/twilio", &json!({}));
    aws.set_secret("switchboard/twilio-send", &json!({}));
    let set = async |more: &[&str], input: &str| {
        let output = scene
            .run_with(
                &[&SET[..], &["twilio", "--stdin"], more].concat(),
                &[],
                input,
            )
            .await;
        assert_eq!(output.code, 0, "{output:?}");
        (
            output.out,
            aws.secret("switchboard/twilio").unwrap(),
            aws.secret("switchboard/twilio-send").unwrap(),
        )
    };
    let (sid, token) = (twilio::ACCOUNT_SID, "example-auth-token-1");
    let key = json!({ "account_sid": sid, "api_key_sid": twilio::API_KEY_SID, "api_key_secret": twilio::API_KEY_SECRET });
    let (out, both, sends) = set(
        &[],
        &json!({ "account_sid": sid, "auth_token": token }).to_string(),
    )
    .await;
    assert!(
        out.contains("set auth_token of switchboard/twilio\n"),
        "{out}"
    );
    assert!(
        out.contains("set auth_token of switchboard/twilio-send\n"),
        "{out}"
    );
    assert_eq!(
        (&both, &sends),
        (&json!({ "account_sid": sid, "auth_token": token }), &both)
    );
    let (out, both, sends) = set(&[], &key.to_string()).await;
    assert!(
        out.contains("removed auth_token of switchboard/twilio-send"),
        "{out}"
    );
    assert_eq!(
        (&both["auth_token"], &both["api_key_sid"], &sends),
        (&json!(token), &key["api_key_sid"], &key)
    );
    // One that was lost, or never written, follows without a further question.
    aws.set_secret("switchboard/twilio-send", &json!("text"));
    let (out, both_again, sends) = set(&[], "").await;
    assert!(
        out.contains("switchboard/twilio: nothing to change")
            && out.contains("of switchboard/twilio-send"),
        "{out}"
    );
    assert_eq!((&both_again, &sends), (&both, &key));
    let (_, both, sends) = set(&["--rotate"], r#"{"auth_token":"example-auth-token-2"}"#).await;
    assert_eq!(
        (&both["previous_auth_token"], &sends),
        (&json!(token), &key),
        "the key is not rotated with it"
    );
    let (_, _, sends) = set(
        &["--remove", "api_key_sid", "--remove", "api_key_secret"],
        "",
    )
    .await;
    assert_eq!(
        sends,
        json!({ "account_sid": sid, "auth_token": "example-auth-token-2" })
    );
}

/// As docs/deploy.md shows it by hand. Twilio shows a key only once.
#[tokio::test]
async fn an_api_key_that_only_the_secret_for_sending_has_is_kept() {
    let scene = Scene::new().await;
    let aws = &scene.sandbox.aws;
    let sid = twilio::ACCOUNT_SID;
    let key = json!({ "account_sid": sid, "api_key_sid": twilio::API_KEY_SID, "api_key_secret": twilio::API_KEY_SECRET });
    let token = json!({ "account_sid": sid, "auth_token": "example-auth-token-1" });
    aws.set_secret("switchboard/twilio", &token);
    aws.set_secret("switchboard/twilio-send", &key);
    let set = async |more: &[&str], input: &str| {
        let arguments = [&SET[..], &["twilio", "--stdin"], more].concat();
        scene.run_with(&arguments, &[], input).await
    };
    for input in ["", "{}"] {
        let output = set(&[], input).await;
        assert!(
            output.code == 2 && output.err.contains("nothing was given"),
            "{output:?}"
        );
        assert_eq!(aws.secret("switchboard/twilio-send").unwrap(), key);
    }
    let output = set(&["--rotate"], r#"{"auth_token":"example-auth-token-2"}"#).await;
    assert_eq!(output.code, 0, "{output:?}");
    assert_eq!(aws.secret("switchboard/twilio-send").unwrap(), key);
    // A key of another account is of no use.
    let other = json!({ "account_sid": "AC00000000000000000000000000000009", "auth_token": "example-auth-token-3" });
    let output = set(&[], &other.to_string()).await;
    assert_eq!(output.code, 0, "{output:?}");
    assert_eq!(aws.secret("switchboard/twilio-send").unwrap(), other);
}

#[tokio::test]
async fn where_twilio_calls_nobody_the_auth_token_is_not_asked_for() {
    let scene = Scene::new().await;
    scene
        .sandbox
        .aws
        .set_secret("switchboard/twilio-send", &json!({}));
    scene
        .sandbox
        .cloudformation
        .change_stack(STACK_NAME, |stack| {
            stack.outputs.retain(|name, _| name != "TwilioSecretName");
        });
    let before = scene.sandbox.aws.secret("switchboard/twilio");
    let variables = [
        ("TWILIO_ACCOUNT_SID", twilio::ACCOUNT_SID),
        ("TWILIO_API_KEY_SID", twilio::API_KEY_SID),
        ("TWILIO_API_KEY_SECRET", twilio::API_KEY_SECRET),
    ];
    let output = scene
        .run_with(
            &[&SET[..], &["twilio", "--from-env"]].concat(),
            &variables,
            "",
        )
        .await;
    assert!(
        output.code == 0
            && output
                .out
                .contains("set api_key_secret of switchboard/twilio-send"),
        "{output:?}"
    );
    let key = json!({ "account_sid": variables[0].1, "api_key_sid": variables[1].1, "api_key_secret": variables[2].1 });
    assert_eq!(
        scene.sandbox.aws.secret("switchboard/twilio-send").unwrap(),
        key
    );
    assert_eq!(scene.sandbox.aws.secret("switchboard/twilio"), before);
}

#[tokio::test]
async fn a_key_from_a_file_and_the_other_way_of_logging_in() {
    let scene = Scene::new().await;
    let app = sandbox::okta::service_app();
    let path = format!(
        "{}/okta-key-{}.pem",
        env!("CARGO_TARGET_TMPDIR"),
        std::process::id()
    );
    std::fs::write(&path, app["private_key"].as_str().unwrap()).unwrap();
    let input = json!({ "client_id": app["client_id"], "key_id": app["key_id"], "private_key": format!("@{path}") }).to_string();
    let output = scene
        .run_with(
            &[&SET[..], &["okta", "--remove", "api_token", "--stdin"]].concat(),
            &[],
            &input,
        )
        .await;
    std::fs::remove_file(&path).unwrap();
    assert!(
        output.code == 0 && output.out.contains("removed api_token"),
        "{output:?}"
    );
    assert_eq!(scene.sandbox.aws.secret("switchboard/okta").unwrap(), app);
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_replaced_when_told_to() {
    let scene = Scene::new().await;
    scene
        .sandbox
        .aws
        .set_secret("switchboard/plivo", &json!("text"));
    let input = r#"{"auth_id":"MA1","auth_token":"example-plivo-token-2"}"#;
    let refused = scene
        .run_with(&[&SET[..], &["plivo"]].concat(), &[], input)
        .await;
    assert!(
        refused.code == 1 && refused.err.contains("--replace"),
        "{refused:?}"
    );
    let output = scene
        .run_with(&[&SET[..], &["plivo", "--replace"]].concat(), &[], input)
        .await;
    assert_eq!(
        (
            output.code,
            &scene.sandbox.aws.secret("switchboard/plivo").unwrap()["auth_id"]
        ),
        (0, &json!("MA1")),
        "{output:?}"
    );
}

#[tokio::test]
async fn the_list_has_names_and_what_is_missing() {
    let scene = Scene::new().await;
    scene
        .sandbox
        .aws
        .set_secret("switchboard/mailgun", &json!({}));
    let output = scene.succeed(&["secrets", "list"]).await;
    for words in [
        "switchboard/twilio: account_sid, auth_token",
        "lacks signing_key",
        "empty (needed)",
        "(changed ",
    ] {
        assert!(output.out.contains(words), "{words}: {}", output.out);
    }
    assert!(!output.out.contains(twilio::ACCOUNT_SID));
}

#[tokio::test]
async fn a_pipeline_that_gives_nothing_is_told_so() {
    let scene = Scene::new().await;
    for (arguments, input) in [
        (&["secrets", "set", "mailgun", "--from-env"][..], ""),
        (&["secrets", "set", "mailgun"], "{}"),
    ] {
        let arguments = [&["--stack", STACK_NAME], arguments].concat();
        let output = scene.run_with(&arguments, &[], input).await;
        assert_eq!(output.code, 2, "{output:?}");
        assert!(
            output
                .err
                .contains("nothing was given for the secret mailgun"),
            "{output:?}"
        );
        assert!(output.err.contains("MAILGUN_SIGNING_KEY"), "{output:?}");
    }
}
