//! Variables whose values depend on each other, or are more than a text.

use sandbox::Sandbox;
use sandbox::scene::problems;

use crate::scene::{FUNCTION, Override, Scene};

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

/// One problem, that of the variable `name`, ends the process.
async fn named(sandbox: &Sandbox, settings: &[Override<'_>], name: &str) {
    let binary = env!("CARGO_BIN_EXE_send-verification-sms").as_ref();
    let told = problems(sandbox, FUNCTION, binary, settings).await;
    assert!(
        told.len() == 1 && told[0].contains(name),
        "{settings:?}: {told:?}"
    );
}
