//! The events of AWS End User Messaging, with which `EventBridge` invokes the function.

use serde_json::{Value, json};

use crate::scene::{REFERENCE, SID, Scene};

fn event(kind: &str, id: &str) -> Value {
    json!({
        "version": "0", "id": "5c0fa4f8-e4ba-ed02-6101-c795472fccd0",
        "detail-type": "Text Message Delivery Status Updated", "source": "aws.sms-voice", "resources": [],
        "detail": {
            "eventType": kind, "eventVersion": "1.0", "isFinal": true, "destinationPhoneNumber": crate::scene::PHONE,
            "messageId": id, "context": { "reference": REFERENCE },
        },
    })
}

#[tokio::test]
async fn an_event_of_aws_is_a_receipt() {
    let scene = Scene::start().await;
    scene.sent("aws", "id-1").await;
    for kind in ["TEXT_SUCCESSFUL", "TEXT_DELIVERED", "TEXT_UNREACHABLE"] {
        scene.lambda.invoke(event(kind, "id-1")).await.unwrap();
    }
    assert_eq!(scene.reported("aws").await.as_deref(), Some("delivered"));
    assert_eq!(scene.outcomes(), ["passing", "recorded", "known"]);
}

#[tokio::test]
async fn a_text_that_aws_did_not_deliver_makes_the_next_code_avoid_aws() {
    let scene = Scene::start().await;
    scene.sent("aws", "id-1").await;
    let expired = event("TEXT_TTL_EXPIRED", "id-1");
    scene.lambda.invoke(expired).await.unwrap();
    assert_eq!(scene.reported("aws").await.as_deref(), Some("expired"));
    let road = scene.items("road#").await.remove(0);
    assert!(road["failed_aws"]["N"].is_string(), "{road}");
}

#[tokio::test]
async fn an_event_of_another_message_or_application_changes_nothing() {
    let scene = Scene::start().await;
    scene.sent("aws", "id-1").await;
    let mut other = event("TEXT_UNREACHABLE", "id-1");
    other["detail"]["context"] = Value::Null;
    for event in [event("TEXT_UNREACHABLE", "id-2"), other] {
        scene.lambda.invoke(event).await.unwrap();
    }
    assert_eq!(scene.reported("aws").await, None);
    assert_eq!(scene.items("score#").await.len(), 0);
}

/// A stranger posts what `EventBridge` would send: it is the body of a request.
#[tokio::test]
async fn an_event_that_comes_over_http_is_no_receipt() {
    let scene = Scene::start().await;
    scene.sent("aws", SID).await;
    for path in ["", "/", "/aws"] {
        let url = scene.url(path);
        let request = sandbox::wire::client().post(url);
        let answer = request.json(&event("TEXT_UNREACHABLE", SID)).send().await;
        assert_eq!(answer.unwrap().status(), 404, "{path}");
    }
    assert_eq!(scene.reported("aws").await, None);
}

#[tokio::test]
async fn while_the_table_is_unavailable_lambda_is_asked_to_try_the_event_again() {
    let scene = Scene::start().await;
    scene.sent("aws", "id-1").await;
    scene
        .dynamodb()
        .always_with("reported_at", sandbox::scene::status(500));
    let delivered = event("TEXT_DELIVERED", "id-1");
    assert!(scene.lambda.invoke(delivered.clone()).await.is_err());
    scene.dynamodb().clear();
    scene.lambda.invoke(delivered).await.unwrap();
    assert_eq!(scene.reported("aws").await.as_deref(), Some("delivered"));
}
