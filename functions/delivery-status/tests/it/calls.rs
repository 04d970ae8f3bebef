//! What is told of calls that read a code out.

use sandbox::calls::Called;
use sandbox::receipts::{Post, State};
use sandbox::twilio::{BUSY, HUNG_UP, NO_ANSWER};
use sandbox::vonage::{MACHINE, SIGNATURE_SECRET, event_body, webhook_token};
use sandbox::wire::client;
use serde_json::{Value, json};

use crate::scene::{PHONE, REFERENCE, Scene};

const SID: &str = "CA0123456789abcdef0123456789abcdef";
const UUID: &str = "63f61863-4a51-4f6b-86e1-46edebcf9356";

fn call(scene: &Scene, provider: &str, id: &str) -> Called {
    Called {
        to: PHONE.to_owned(),
        from: "+15005550006".to_owned(),
        says: vec![],
        language: String::new(),
        id: id.to_owned(),
        rings: 20,
        longest: 90,
        receipt_url: Some(scene.url(&format!("/{provider}/{REFERENCE}"))),
        reference: None,
    }
}

#[tokio::test]
async fn the_end_of_a_call_is_stored_and_counts_for_calls_only() {
    for (state, stored) in [
        (State::Delivered, "delivered"),
        (State::Failed(BUSY), "not_answered"),
        (State::Failed(NO_ANSWER), "not_answered"),
        (State::Failed(HUNG_UP), "not_answered"),
        (State::Failed(500), "unknown"),
    ] {
        let scene = Scene::start().await;
        scene.sent("twilio_voice", SID).await;
        let call = call(&scene, "twilio", SID);
        for _ in 0..2 {
            let told = scene
                .sandbox
                .twilio
                .report_call(&call, Post::genuine(state));
            assert_eq!(told.await, 204);
        }
        assert_eq!(
            scene.reported("twilio_voice").await.as_deref(),
            Some(stored)
        );
        assert_eq!(scene.reported("twilio").await, None);
        assert_eq!(scene.outcomes(), ["recorded", "known"]);
        let lines = scene.items("score#").await;
        assert_eq!(lines.len(), 1);
        assert!(
            lines[0]["sk"]["S"]
                .as_str()
                .unwrap()
                .contains("twilio_voice")
        );
        let road = scene.items("road#").await.remove(0);
        let avoids = !road["failed_twilio_voice"].is_null();
        assert_eq!(
            avoids,
            stored == "unknown",
            "a call that nobody takes is nobody's fault"
        );
    }
}

#[tokio::test]
async fn vonage_tells_of_a_call_with_a_token_for_its_body() {
    for (state, stored) in [
        (State::OnItsWay, None),
        (State::Delivered, Some("delivered")),
        (State::Failed(MACHINE), Some("not_answered")),
        (State::Expired, Some("not_answered")),
        (State::Failed(7), Some("unknown")),
    ] {
        let scene = Scene::start().await;
        scene.sent("vonage_voice", UUID).await;
        let call = call(&scene, "vonage", UUID);
        let told = scene
            .sandbox
            .vonage
            .report_call(&call, Post::genuine(state));
        assert_eq!(told.await, 204, "{state:?}");
        assert_eq!(
            scene.reported("vonage_voice").await.as_deref(),
            stored,
            "{state:?}"
        );
        assert_eq!(scene.reported("vonage").await, None);
    }
}

#[tokio::test]
async fn what_is_not_authentic_or_of_another_call_has_no_effect() {
    let scene = Scene::start().await;
    scene.sent("vonage_voice", UUID).await;
    let call = call(&scene, "vonage", UUID);
    let body = event_body(&call, State::Failed(7)).to_string();
    let now = sandbox::now().as_secs();
    let good = webhook_token(SIGNATURE_SECRET, body.as_bytes(), now);
    let old = webhook_token(SIGNATURE_SECRET, body.as_bytes(), now - 26 * 3_600);
    let guessed = webhook_token("guessed", body.as_bytes(), now);
    let other_body = webhook_token(SIGNATURE_SECRET, b"{}", now);
    let unsigned = format!("{}.", good.rsplit_once('.').unwrap().0);
    for token in [
        None,
        Some(&old),
        Some(&guessed),
        Some(&other_body),
        Some(&unsigned),
    ] {
        let mut request = client().post(call.receipt_url.as_ref().unwrap());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let request = request
            .header("content-type", "application/json")
            .body(body.clone());
        assert_eq!(request.send().await.unwrap().status(), 403, "{token:?}");
    }
    for other in ["{}", "[]", "{\"status\":\"answered\"}"] {
        let token = webhook_token(SIGNATURE_SECRET, other.as_bytes(), now);
        let told = client()
            .post(call.receipt_url.as_ref().unwrap())
            .bearer_auth(token)
            .header("content-type", "application/json")
            .body(other);
        assert_eq!(told.send().await.unwrap().status(), 204, "{other}");
    }
    let twilio = Called {
        receipt_url: Some(scene.url(&format!("/twilio/{REFERENCE}"))),
        id: SID.to_owned(),
        ..call.clone()
    };
    let forged = Post::forged(State::Failed(BUSY));
    assert_eq!(scene.sandbox.twilio.report_call(&twilio, forged).await, 403);
    assert_eq!(scene.reported("vonage_voice").await, None);
    // An event of another call, at this call's address.
    let other = Called {
        id: "another-call".to_owned(),
        ..call
    };
    let told = Post::genuine(State::Failed(7));
    assert_eq!(scene.sandbox.vonage.report_call(&other, told).await, 204);
    assert_eq!(scene.reported("vonage_voice").await, None);
    assert_eq!(scene.items("score#").await.len(), 0);
}

#[tokio::test]
async fn an_event_of_aws_about_a_call_is_one() {
    let scene = Scene::start().await;
    scene.sent("aws_voice", "id-1").await;
    let event = |kind: &str| {
        json!({
            "source": "aws.sms-voice", "detail-type": "Voice Message Delivery Status Updated",
            "detail": { "eventType": kind, "isFinal": true, "messageId": "id-1", "context": { "reference": REFERENCE } },
        })
    };
    for kind in ["VOICE_RINGING", "VOICE_NO_ANSWER", "VOICE_COMPLETED"] {
        scene.lambda.invoke(event(kind)).await.unwrap();
    }
    assert_eq!(
        scene.reported("aws_voice").await.as_deref(),
        Some("not_answered")
    );
    assert_eq!(scene.outcomes(), ["passing", "recorded", "known"]);
    let line: Value = scene.items("score#").await.remove(0);
    assert_eq!(line["failed_not_answered"]["N"], "1");
}
