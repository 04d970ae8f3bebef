//! Delivery receipts of the SMS.

use std::time::{Duration, Instant};

use sandbox::scene::status;
use sandbox::twilio::{MESSAGING_SERVICE, NUMBER};
use sandbox::wire::Fault;
use serde_json::{Value, json};

use crate::scene::{Override, Scene, number};

/// Nobody listens there.
const RECEIPTS: Override<'_> = ("DELIVERY_URL", Some("http://127.0.0.1:9/receipts"));

#[tokio::test]
async fn a_text_asks_for_a_receipt_and_is_counted_as_sent() {
    for (overrides, sender) in [
        (vec![RECEIPTS], NUMBER),
        (
            vec![
                RECEIPTS,
                ("TWILIO_NUMBER", None),
                ("TWILIO_MESSAGING_SERVICE", Some(MESSAGING_SERVICE)),
                ("ALLOWED_COUNTRIES", Some("DK")),
            ],
            MESSAGING_SERVICE,
        ),
    ] {
        let scene = Scene::with(&overrides).await;
        let mail = scene.mail();
        assert_eq!(scene.post_mail(&mail).await.status, 200);
        let entry = scene.items("sent#").await.remove(0);
        let pk = entry["pk"]["S"].as_str().unwrap();
        let reference = pk.replace("sent#mail#", "mail-");
        let asked = scene.sandbox.twilio.messages().remove(0).receipt_url;
        let url = format!("http://127.0.0.1:9/receipts/twilio/{reference}#rc=3&rp=5xx,ct,rt");
        assert_eq!(asked, Some(url));
        for (name, value) in [
            ("stage", "sent"),
            ("provider", "twilio"),
            ("region", "DK"),
            ("sender", sender),
        ] {
            assert_eq!(entry[name]["S"], value);
        }
        let score = scene.items("score#").await;
        assert_eq!(score.len(), 1);
        assert_eq!(score[0]["sk"]["S"], format!("twilio#DK#{sender}"));
        assert_eq!(number(&score[0]["sent"]), 1);
        // Mailgun posts the mail again.
        assert_eq!(scene.post_mail(&mail).await.status, 200);
        assert_eq!(scene.texts(), 1);
        assert_eq!(number(&scene.items("score#").await[0]["sent"]), 1);
    }
}

#[tokio::test]
async fn a_text_that_twilio_did_not_take_is_not_counted_and_is_sent_by_the_retry() {
    let scene = Scene::with(&[RECEIPTS]).await;
    let mail = scene.mail();
    scene.twilio().next(status(429));
    assert_eq!(scene.post_mail(&mail).await.status, 503);
    assert_eq!(scene.items("score#").await.len(), 0);
    assert_eq!(scene.post_mail(&mail).await.status, 200);
    assert_eq!(scene.items("score#").await.len(), 1);
    assert_eq!(scene.texts(), 1);
}

#[tokio::test]
async fn if_the_scoreboard_cannot_be_written_the_text_is_sent_all_the_same() {
    for fault in [status(500), Fault::Hang] {
        let scene = Scene::with(&[RECEIPTS]).await;
        scene.dynamodb().always_with("\"score#", fault);
        let begun = Instant::now();
        assert_eq!(scene.post_mail(&scene.mail()).await.status, 200);
        assert!(begun.elapsed() < Duration::from_secs(3));
        scene.logged("sent").await;
        assert_eq!(scene.stage().await, "sent");
        scene.dynamodb().clear();
    }
}

/// Mailgun's retry learns from the receipt that the text arrived.
#[tokio::test]
async fn after_a_lost_answer_a_delivered_text_is_not_sent_again() {
    let scene = Scene::with(&[RECEIPTS]).await;
    let mail = scene.mail();
    scene.twilio().next(status(500));
    assert_eq!(scene.post_mail(&mail).await.status, 503);
    assert_eq!(scene.stage().await, "unknown");
    let mut entry = scene.items("sent#").await.remove(0);
    entry["receipts"]["M"]["twilio"] = json!({ "S": "delivered" });
    entry["reported_at"] = json!({ "N": sandbox::now().as_secs().to_string() });
    scene.sandbox.aws.put(entry).await;
    assert_eq!(scene.post_mail(&mail).await.status, 200);
    assert_eq!((scene.texts(), scene.asked()), (0, 1));
    assert_eq!(scene.outcomes(), ["outcome_unknown", "duplicate"]);
}

#[tokio::test]
async fn without_an_address_no_receipt_is_asked_for_and_nothing_more_is_stored() {
    let scene = Scene::start().await;
    assert_eq!(scene.post_mail(&scene.mail()).await.status, 200);
    assert_eq!(scene.sandbox.twilio.messages()[0].receipt_url, None);
    let entry = scene.items("sent#").await.remove(0);
    for name in ["number", "region", "provider", "sender", "receipts"] {
        assert_eq!(entry[name], Value::Null, "{name}");
    }
    assert_eq!(scene.items("score#").await.len(), 0);
}
