//! Variables: what is wrong is said at start, all of it.

use sandbox::Sandbox;
use serde_json::Value;

use crate::scene::{FUNCTION, Override, Scene};

#[tokio::test]
async fn every_problem_is_named_in_one_line_and_the_process_ends() {
    let sandbox = Sandbox::start().await;
    let overrides = [
        ("TABLE_NAME", None),
        ("MAIL_SENDERS", Some("acme.example")),
        ("TWILIO_NUMBER", Some("5005550006")),
        ("TWILIO_URL", Some("http://api.example.com")),
        ("RESET_VALID_HOURS", Some("soon")),
        ("RECIPIENT_DOMAIN", None),
        ("ALLOWED_COUNTRIES", Some("Denmark")),
    ];
    let lambda = sandbox
        .run_with(
            FUNCTION,
            env!("CARGO_BIN_EXE_send-verification-sms").as_ref(),
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
    for (name, _) in overrides {
        assert!(
            line["problems"].to_string().contains(name),
            "{name} in {line}"
        );
        assert!(reported.contains(name), "{name} in {reported}");
    }
}

#[tokio::test]
async fn a_pattern_may_say_where_the_phone_stands() {
    let pattern = r"user-(?P<phone>\+?\d+)@(sms|text)\.example\.com";
    let scene = Scene::with(&[
        ("RECIPIENT_PATTERN", Some(pattern)),
        ("RECIPIENT_PREFIX", None),
        ("RECIPIENT_DOMAIN", None),
    ])
    .await;
    for (recipient, status) in [
        ("user-4512345678@sms.example.com", 200),
        ("USER-+4587654321@text.example.com", 200),
        ("acme+4512345678@sms.example.com", 406),
        ("xuser-4512345678@sms.example.com", 406),
        ("user-4512345678@sms.example.com.evil.example", 406),
    ] {
        scene.sandbox.auth0.sign_up(recipient);
        let mail = sandbox::mail::Mail {
            recipient: recipient.into(),
            ..scene.mail()
        };
        assert_eq!(scene.post_mail(&mail).await.status, status, "{recipient}");
    }
    let phones: Vec<_> = scene
        .sandbox
        .twilio
        .messages()
        .into_iter()
        .map(|message| message.to)
        .collect();
    assert_eq!(phones, ["+4512345678", "+4587654321"]);
}

/// A behaviour of `CloudFront` for `/in/mail*` hands the path on whole, and the stage of an HTTP API stays in it.
#[tokio::test]
async fn a_path_that_a_proxy_leaves_there_is_served_as_the_one_below_it() {
    let prefix = ("PUBLIC_URL", Some("https://hooks.example.com/in/mail"));
    let scene = Scene::with(&[prefix]).await;
    for (path, status) in [
        ("in/mail", 200),
        ("in/mail/", 200),
        ("in/mail?a=1", 200),
        ("", 200),
        ("in/mail/mime", 406),
        ("mime", 406),
        ("in", 404),
        ("in/mailx", 404),
        ("in/mail//", 404),
        ("in/mail/x", 404),
        ("in/mail/in/mail", 404),
    ] {
        let fields = scene.fields(&scene.mail());
        let url = format!("{}{path}", scene.lambda.url());
        let answer = scene.sandbox.mailgun.post(&url, &fields).await;
        assert_eq!(answer.status, status, "{path}");
    }
    assert_eq!(scene.texts(), 4);
}

#[tokio::test]
async fn links_to_listed_hosts_only() {
    let scene = Scene::with(&[("LINK_HOSTS", Some("login.acme.example"))]).await;
    assert_eq!(scene.post_mail(&scene.mail()).await.status, 406);
    scene.logged("no_link").await;
    let html =
        "<a href='https://login.acme.example/u/email-verification?ticket=x'>Confirm</a>".to_owned();
    assert_eq!(
        scene
            .post_mail(&sandbox::mail::Mail {
                html,
                ..scene.mail()
            })
            .await
            .status,
        200
    );
}

/// Values that would be accepted and then refuse every mail.
#[tokio::test]
async fn a_value_that_fits_nothing_is_named_at_start() {
    let sandbox = Sandbox::start().await;
    let https = ("AUTH0_URL", Some("https://acme.eu.auth0.com"));
    for (name, value) in [
        ("MAIL_SENDERS", ","),
        ("MAIL_SENDERS", "Acme <no-reply@acme.example>"),
        ("MAIL_SENDERS", "*@acme.example"),
        ("MAIL_SENDERS", "no-reply@acme.example,@"),
        ("RECIPIENT_DOMAIN", "https://sms.example.com"),
        ("RECIPIENT_DOMAIN", "sms.example. com"),
        ("RECIPIENT_DOMAIN", "@sms.example.com"),
        ("RECIPIENT_PREFIX", "acme+"),
        ("LINK_HOSTS", "*.acme.example"),
        ("LINK_HOSTS", "192.0.2.1"),
        ("LINK_HOSTS", "https://login.acme.example"),
    ] {
        named(&sandbox, &[https, (name, Some(value))], name).await;
    }
    let tagged = ("RECIPIENT_KEY_SECRET", Some(sandbox::RECIPIENT_SECRET));
    named(
        &sandbox,
        &[
            https,
            tagged,
            (
                "RECIPIENT_PATTERN",
                Some(r"(?P<phone>\d+)@sms\.example\.com"),
            ),
        ],
        "RECIPIENT_PATTERN",
    )
    .await;
    named(
        &sandbox,
        &[
            ("AUTH0_URL", None),
            ("LINK_HOSTS", Some("login.acme.example")),
        ],
        "AUTH0_URL",
    )
    .await;
}

#[tokio::test]
async fn without_a_variable_of_lambda_s_own_it_does_not_panic() {
    let sandbox = Sandbox::start().await;
    for name in [
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
    ] {
        named(&sandbox, &[(name, None)], name).await;
    }
}

/// One problem, that of the variable `name`, ends the process.
async fn named(sandbox: &Sandbox, overrides: &[Override<'_>], name: &str) {
    let lambda = sandbox
        .run_with(
            FUNCTION,
            env!("CARGO_BIN_EXE_send-verification-sms").as_ref(),
            1,
            overrides,
        )
        .await;
    let reported = lambda
        .wait_ready()
        .await
        .expect_err(&format!("{overrides:?}"));
    let line: Value = serde_json::from_str(&lambda.errors()[0]).unwrap();
    assert_eq!(line["outcome"], "bad_configuration");
    let problems = line["problems"].as_array().unwrap();
    assert!(
        problems.len() == 1 && problems[0].as_str().unwrap().contains(name),
        "{overrides:?}: {line}"
    );
    assert!(reported.contains(name), "{reported}");
}
