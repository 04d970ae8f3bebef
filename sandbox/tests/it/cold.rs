//! How a function starts: what it leaves alone, and what it says when it cannot.

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

use sandbox::{COMPANY_NUMBER, HOOK_TOKEN, Sandbox, twilio};
use serde_json::{Value, json};
use tokio::net::unix::pipe;

use crate::{API, CALL, FLOW, FORWARD, IVR, PROVISION, RECEIVE, SEND, binary};

/// A folder of this test's own in Cargo's, empty.
fn empty_folder(name: &str) -> PathBuf {
    let folder =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Reading the system's certificates costs tens of milliseconds of every cold start. Whoever reads them looks into these two variables
/// first; here they name a pipe, and to open a pipe for reading waits until someone writes. So a function that is ready has not
/// tried, and none of its threads is still trying if opening the other end finds no reader. That it could speak HTTPS is given: its
/// one client, TLS included, is made before it is ready.
#[tokio::test]
async fn no_system_certificate_is_read() {
    let folder = empty_folder("no-certificates");
    let (bundle, empty) = (folder.join("bundle.pem"), folder.join("certs"));
    assert!(
        Command::new("mkfifo")
            .arg(&bundle)
            .status()
            .unwrap()
            .success()
    );
    fs::create_dir(&empty).unwrap();
    let overrides = [
        ("SSL_CERT_FILE", bundle.to_str()),
        ("SSL_CERT_DIR", empty.to_str()),
    ];
    let sandbox = Sandbox::start().await;
    let mut lambdas = Vec::new();
    for function in &sandbox.template().functions {
        let lambda = sandbox
            .run_with(&function.name, binary(&function.name).await, 1, &overrides)
            .await;
        lambda.wait_ready().await.unwrap();
        lambdas.push(lambda);
    }

    let user = sandbox.auth0.sign_up("acme+4512345678@sms.example.com");
    let mail = sandbox
        .auth0
        .mail_verification(&user, sandbox::auth0::LinkPage::Form)
        .mail;
    assert!(sandbox.mailgun.receive(&mail).await.done);
    assert_eq!(
        sandbox
            .twilio
            .text("+4512345678", twilio::NUMBER, "YES")
            .await
            .status,
        200
    );
    assert!(sandbox.auth0.user(&user.email).unwrap().email_verified);

    let writer = pipe::OpenOptions::new().open_sender(&bundle);
    assert!(
        writer.is_err(),
        "someone has {} open for reading",
        bundle.display()
    );
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn every_problem_of_the_settings_is_in_one_line() {
    let sandbox = Sandbox::start().await;
    for (function, overrides, named) in [
        (
            SEND,
            &[
                ("TABLE_NAME", None),
                ("MAILGUN_SECRET", Some("  ")),
                ("TWILIO_URL", Some("http://api.twilio.example")),
                ("SMS_PER_HOUR", Some("many")),
                ("REQUIRE_DKIM", Some("maybe")),
                ("LOG_LEVEL", Some("loud")),
            ][..],
            &[
                "TABLE_NAME",
                "MAILGUN_SECRET",
                "TWILIO_URL",
                "SMS_PER_HOUR",
                "REQUIRE_DKIM",
                "LOG_LEVEL",
            ][..],
        ),
        (
            RECEIVE,
            &[
                ("AUTH0_URL", None),
                ("TWILIO_SECRET", None),
                ("PASSWORD_LINK_MESSAGE", Some("no place for it")),
                ("CORRECT_SMS_RESPONSE", Some("yes, stop")),
                ("AWS_SECRET_ACCESS_KEY", None),
            ],
            &[
                "AUTH0_URL",
                "TWILIO_SECRET",
                "PASSWORD_LINK_MESSAGE",
                "CORRECT_SMS_RESPONSE",
                "AWS_SECRET_ACCESS_KEY",
            ],
        ),
        (
            CALL,
            &[
                ("OKTA_URL", Some("http://acme.okta.example")),
                ("OKTA_SECRET", None),
                ("VOICEMAIL", Some("maybe")),
                ("DIAL_TIMEOUT_SECONDS", Some("1")),
                ("ALLOWED_COUNTRIES", Some("Denmark")),
            ],
            &[
                "OKTA_URL",
                "OKTA_SECRET",
                "VOICEMAIL",
                "DIAL_TIMEOUT_SECONDS",
                "ALLOWED_COUNTRIES",
            ],
        ),
        (
            FORWARD,
            &[
                ("TABLE_NAME", None),
                ("PUBLIC_URL", Some("ftp://x.example")),
                ("MESSAGES_PER_PAIR_PER_MINUTE", Some("0")),
            ],
            &["TABLE_NAME", "PUBLIC_URL", "MESSAGES_PER_PAIR_PER_MINUTE"],
        ),
        (
            PROVISION,
            &[
                ("HOOK_SECRET", None),
                ("AREA_PREFIXES", None),
                ("NUMBER_COUNTRY", Some("Denmark")),
                ("CALL_FORWARD_URL", Some("http://x.example")),
                ("RELEASE_AFTER_DAYS", Some("never")),
            ],
            &[
                "HOOK_SECRET",
                "AREA_PREFIXES",
                "NUMBER_COUNTRY",
                "CALL_FORWARD_URL",
                "RELEASE_AFTER_DAYS",
            ],
        ),
        (
            IVR,
            &[
                ("API_AUDIENCE", None),
                ("IVR_SECRET", None),
                ("API_URL", Some("http://api.acme.example")),
                ("PIN_LENGTH", Some("3")),
                ("PIN_ATTEMPTS", Some("9")),
                ("IVR_MENU", Some("[]")),
            ],
            &[
                "API_AUDIENCE",
                "IVR_SECRET",
                "API_URL",
                "PIN_LENGTH",
                "PIN_ATTEMPTS",
                "IVR_MENU",
            ],
        ),
        (
            FLOW,
            &[
                ("AUTH0_SECRET", None),
                ("API_PATH", Some("accounts")),
                ("TWILIO_SECRET", None),
                ("STUDIO_SECRET", None),
            ],
            &["AUTH0_SECRET", "API_PATH", "TWILIO_SECRET"],
        ),
        (
            API,
            &[("AUTH0_URL", Some("acme")), ("API_AUDIENCE", Some(" "))],
            &["AUTH0_URL", "API_AUDIENCE"],
        ),
    ] {
        let lambda = sandbox
            .run_with(function, binary(function).await, 1, overrides)
            .await;
        let reported = lambda.wait_ready().await.unwrap_err();
        let exits = lambda.wait_exits(1).await;
        assert_eq!(
            (exits.len(), exits[0].code(), lambda.log().len()),
            (1, Some(1), 0),
            "{function}"
        );
        let errors = lambda.errors();
        let [line] = &errors[..] else {
            panic!("one line, not {errors:#?}")
        };
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&line["function"], &line["outcome"]),
            (&json!(function), &json!("bad_configuration"))
        );
        let problems: Vec<&str> = line["problems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|problem| problem.as_str().unwrap())
            .collect();
        let first_words: BTreeSet<&str> = problems
            .iter()
            .filter_map(|problem| problem.split_whitespace().next())
            .map(|word| word.trim_end_matches(':'))
            .collect();
        assert_eq!(
            first_words,
            named.iter().copied().collect(),
            "{problems:#?}"
        );
        assert_eq!(problems.len(), named.len(), "each once: {problems:#?}");
        assert_eq!(reported, problems.join("; "), "init/error says the same");
    }
}

#[tokio::test]
async fn a_secret_without_its_key_is_named_and_answered_503() {
    let sandbox = Sandbox::start().await;
    sandbox.aws.set_secret(
        "switchboard/twilio",
        &json!({ "account_sid": twilio::ACCOUNT_SID, "auth_tokem": "typed wrong" }),
    );
    sandbox
        .aws
        .set_secret("switchboard/mailgun", &json!({ "signing_key": "" }));
    let send = sandbox.run(SEND, binary(SEND).await).await;
    let receive = sandbox.run(RECEIVE, binary(RECEIVE).await).await;
    let user = sandbox.auth0.sign_up("acme+4512345678@sms.example.com");
    let fields = sandbox.mailgun.fields(
        &sandbox.auth0.mail_password(&user).mail,
        sandbox::now().as_secs(),
    );
    assert_eq!(sandbox.mailgun.post(send.url(), &fields).await.status, 503);
    assert_eq!(
        sandbox
            .twilio
            .text("+4512345678", twilio::NUMBER, "YES")
            .await
            .status,
        503
    );
    for (lambda, error) in [
        (
            send,
            "secret mailgun (switchboard/mailgun) lacks signing_key",
        ),
        (
            receive,
            "secret twilio (switchboard/twilio) lacks auth_token",
        ),
    ] {
        let line: Value =
            serde_json::from_str(&lambda.wait_log(|line| line.contains("outcome")).await).unwrap();
        assert_eq!(
            (&line["outcome"], &line["error"]),
            (&json!("secret_unavailable"), &json!(error))
        );
    }
    assert!(sandbox.twilio.messages().is_empty());
}

#[tokio::test]
async fn the_company_phone_names_the_secret_that_lacks_a_key() {
    let sandbox = Sandbox::start().await;
    sandbox
        .aws
        .set_secret("switchboard/okta", &json!({ "api_tokem": "typed wrong" }));
    let (calls, texts) = (
        sandbox.run(CALL, binary(CALL).await).await,
        sandbox.run(FORWARD, binary(FORWARD).await).await,
    );
    assert_eq!(
        sandbox
            .twilio
            .text("+4512345678", COMPANY_NUMBER, "hello")
            .await
            .status,
        503
    );
    let call = sandbox.twilio.call("+4512345678", COMPANY_NUMBER).await;
    assert!(
        call.status == 200 && call.heard.concat().contains("something went wrong"),
        "{call:?}"
    );
    for lambda in [calls, texts] {
        let line: Value =
            serde_json::from_str(&lambda.wait_log(|line| line.contains("outcome")).await).unwrap();
        assert_eq!(line["outcome"], "directory_unavailable");
        assert!(
            line["error"]
                .as_str()
                .unwrap()
                .contains("secret okta (switchboard/okta) lacks api_token"),
            "{line}"
        );
    }
    sandbox
        .aws
        .set_secret("switchboard/hook", &json!({ "token": "typed wrong" }));
    let hook = sandbox.run(PROVISION, binary(PROVISION).await).await;
    let told = sandbox
        .okta
        .deliver_event(
            &format!("{}okta", hook.url()),
            HOOK_TOKEN,
            "user.lifecycle.create",
            "00u1",
        )
        .await;
    assert_eq!(told.attempts, [503, 503]);
    let line: Value =
        serde_json::from_str(&hook.wait_log(|line| line.contains("outcome")).await).unwrap();
    let error = "secret hook (switchboard/hook) lacks bearer_token";
    assert_eq!(
        (&line["outcome"], &line["error"]),
        (&json!("secret_unavailable"), &json!(error))
    );
    sandbox.twilio.alerts();
}
