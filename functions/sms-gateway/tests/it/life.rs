//! A code is of use for minutes: providers are told to drop it afterwards, and not to keep it.

use std::time::Duration;

use sandbox::Sandbox;
use sandbox::wire::Fault;

use crate::scene::{PHONE, PROVIDERS, Scene, TEXT};

const MINUTES: Duration = Duration::from_mins(3);

/// How long a provider was told to try to deliver the last text it took.
fn validity(sandbox: &Sandbox, provider: &str) -> Option<Duration> {
    match provider {
        "twilio" => sandbox.twilio.messages().pop().unwrap().validity,
        "clickatell" => sandbox.clickatell.messages().pop().unwrap().validity,
        "plivo" => sandbox.plivo.messages().pop().unwrap().validity,
        _ => sandbox.vonage.messages().pop().unwrap().validity,
    }
}

#[tokio::test]
async fn a_code_that_waits_expires_when_it_is_of_no_more_use() {
    for provider in PROVIDERS {
        for (setting, life) in [(None, MINUTES), (Some("600"), Duration::from_mins(10))] {
            let scene = Scene::with(&[
                ("SMS_ROUTES", Some(&format!("*={provider}"))),
                ("CODE_LIFE_SECONDS", setting),
            ])
            .await;
            assert_eq!(scene.send(PHONE, TEXT).await.status, 200, "{provider}");
            // Clickatell's One API cannot be told.
            let told = (provider != "clickatell").then_some(life);
            assert_eq!(
                (
                    validity(&scene.sandbox, provider),
                    scene.server(provider).complaints()
                ),
                (told, vec![]),
                "{provider}"
            );
        }
    }
}

#[tokio::test]
async fn what_one_provider_took_of_a_code_s_life_the_next_does_not_get() {
    let scene = Scene::with(&[
        ("SMS_ROUTES", Some("*=vonage,twilio")),
        ("ON_UNKNOWN", Some("failover")),
    ])
    .await;
    scene.faults("vonage").next(Fault::Hang);
    assert_eq!(scene.send(PHONE, TEXT).await.provider(), "twilio");
    let left = validity(&scene.sandbox, "twilio").unwrap();
    assert!(
        left <= Duration::from_secs(172) && left > MINUTES / 2,
        "{left:?}"
    );
}

#[tokio::test]
async fn twilio_keeps_neither_code_nor_number_if_it_is_told_so() {
    for (setting, kept) in [(None, true), (Some("keep"), true), (Some("discard"), false)] {
        let sandbox = Sandbox::start().await;
        sandbox.twilio.add_message_redaction();
        let scene = Scene::on(
            sandbox,
            1,
            &[
                ("SMS_ROUTES", Some("*=twilio")),
                ("TWILIO_RETENTION", setting),
            ],
        )
        .await;
        assert_eq!(scene.send(PHONE, TEXT).await.status, 200);
        let sent = scene.sandbox.twilio.messages().pop().unwrap();
        assert_eq!(
            (sent.keeps_body, sent.keeps_to),
            (kept, kept),
            "{setting:?}"
        );
    }
}

#[tokio::test]
async fn twilio_is_told_that_feedback_follows_if_the_stack_gives_any() {
    for (setting, follows) in [(None, false), (Some("off"), false), (Some("on"), true)] {
        let scene = Scene::with(&[
            ("SMS_ROUTES", Some("*=twilio")),
            ("CONVERSION_FEEDBACK", setting),
        ])
        .await;
        assert_eq!(scene.send(PHONE, TEXT).await.status, 200);
        let twilio = &scene.sandbox.twilio;
        let sent = twilio.messages().pop().unwrap();
        assert_eq!(twilio.takes_feedback(&sent.sid), follows, "{setting:?}");
    }
}

/// An account without the feature takes no text that names it: so it is left to the operator, and the log says what is wrong.
#[tokio::test]
async fn an_account_without_message_redaction_sends_only_what_may_be_kept() {
    for (setting, status) in [(None, 200), (Some("discard"), 502)] {
        let scene = Scene::with(&[
            ("SMS_ROUTES", Some("*=twilio")),
            ("TWILIO_RETENTION", setting),
        ])
        .await;
        assert_eq!(scene.send(PHONE, TEXT).await.status, status, "{setting:?}");
        if status == 502 {
            assert_eq!(
                scene.logged("all_refused").await["error"],
                "twilio: message refused, code 30029"
            );
        }
    }
}
