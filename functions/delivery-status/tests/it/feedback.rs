//! Feedback to the provider: was the code used?

use std::time::{Duration, Instant};

use sandbox::wire::Fault;
use serde_json::json;

use crate::scene::{PHONE, REFERENCE, SID, Scene};

const ON: [(&str, Option<&str>); 1] = [("CONVERSION_FEEDBACK", Some("on"))];

async fn used(scene: &Scene) -> u16 {
    let body = json!({ "recipient": PHONE });
    scene.used(Some(Scene::bearer()), &body).await
}

#[tokio::test]
async fn twilio_is_told_once_that_its_code_was_used() {
    let scene = Scene::with(&ON).await;
    scene.sent("twilio", SID).await;
    scene.sandbox.twilio.take_feedback(SID);
    for _ in 0..2 {
        assert_eq!(used(&scene).await, 204);
    }
    let twilio = &scene.sandbox.twilio;
    assert_eq!(twilio.feedback(SID).as_deref(), Some("confirmed"));
    assert_eq!(twilio.server().exchanges().len(), 1);
}

#[tokio::test]
async fn twilio_is_told_that_a_code_did_not_arrive() {
    let scene = Scene::with(&ON).await;
    scene.sent("twilio", SID).await;
    scene.sandbox.twilio.take_feedback(SID);
    for _ in 0..2 {
        let code = [("ErrorCode", "30003")];
        assert_eq!(scene.twilio("undelivered", &code).await, 204);
    }
    let twilio = &scene.sandbox.twilio;
    assert_eq!(twilio.feedback(SID).as_deref(), Some("unconfirmed"));
    assert_eq!(twilio.server().exchanges().len(), 1);
}

#[tokio::test]
async fn vonage_is_told_of_used_and_of_failed_codes() {
    let scene = Scene::with(&ON).await;
    let vonage = &scene.sandbox.vonage;
    vonage.enable_conversions();
    scene.sent("vonage", "id-1").await;
    assert_eq!(used(&scene).await, 204);
    scene.sent("vonage", "id-2").await;
    let failed = Scene::dlr("id-2", "failed", "1");
    assert_eq!(scene.post_form("/vonage", &failed, &[]).await, 204);
    let told = [("id-1".to_owned(), true), ("id-2".to_owned(), false)];
    assert_eq!(vonage.conversions(), told);
}

#[tokio::test]
async fn an_account_without_the_conversion_api_is_reported_once() {
    let scene = Scene::with(&ON).await;
    for id in ["id-1", "id-2", "id-3"] {
        scene.sent("vonage", id).await;
        assert_eq!(used(&scene).await, 204);
    }
    assert_eq!(scene.counted("used").await, 3);
    let hints = scene.lambda.log().into_iter();
    let hints = hints.filter(|line| line.contains("takes no feedback yet"));
    assert_eq!(hints.count(), 1);
}

#[tokio::test]
async fn a_delivered_code_and_other_texts_are_no_feedback() {
    let scene = Scene::with(&ON).await;
    scene.sent("twilio", SID).await;
    assert_eq!(scene.twilio("delivered", &[]).await, 204);
    // Another message than the one that was accepted.
    let path = format!("/twilio/{REFERENCE}");
    let other = "SMffffffffffffffffffffffffffffffff";
    scene.twilio_of(&path, other, "undelivered", &[]).await;
    assert_eq!(scene.sandbox.twilio.server().exchanges().len(), 0);
}

#[tokio::test]
async fn without_the_setting_nobody_is_told() {
    let scene = Scene::start().await;
    scene.sent("twilio", SID).await;
    scene.sandbox.twilio.take_feedback(SID);
    assert_eq!(used(&scene).await, 204);
    scene.sent("vonage", "id-1").await;
    let failed = Scene::dlr("id-1", "failed", "1");
    assert_eq!(scene.post_form("/vonage", &failed, &[]).await, 204);
    assert_eq!(scene.sandbox.twilio.server().exchanges().len(), 0);
    assert_eq!(scene.sandbox.vonage.server().exchanges().len(), 0);
}

#[tokio::test]
async fn neither_a_slow_nor_a_failing_provider_delays_or_changes_the_answer() {
    let scene = Scene::with(&ON).await;
    scene.sent("twilio", SID).await;
    let server = scene.sandbox.twilio.server();
    server
        .faults()
        .always(Some(Fault::Delay(Duration::from_secs(30))));
    let started = Instant::now();
    assert_eq!(used(&scene).await, 204);
    assert!(started.elapsed() < Duration::from_secs(6));
    server.faults().clear();
    server.faults().always(Some(Fault::Answer {
        status: 500,
        headers: vec![],
        body: "no".into(),
    }));
    scene.sent("twilio", SID).await;
    assert_eq!(used(&scene).await, 204);
    assert_eq!(scene.counted("used").await, 2);
    assert_eq!(scene.outcomes(), ["used", "used"]);
}
