//! What authentic receipts change.

use sandbox::wire::client;

use crate::scene::{JOURNAL, REFERENCE, SID, Scene};

const OTHER: &str = "SMffffffffffffffffffffffffffffffff";

#[tokio::test]
async fn a_delivered_text_is_stored_and_counted_once_for_each_provider() {
    let scene = Scene::start().await;
    scene.sent("twilio", SID).await;
    assert_eq!(scene.twilio("delivered", &[]).await, 204);
    assert_eq!(scene.reported("twilio").await.as_deref(), Some("delivered"));
    assert_eq!(scene.twilio("delivered", &[]).await, 204);
    assert_eq!(scene.counted("delivered").await, 1);
    assert_eq!(
        scene.counted("within_10").await + scene.counted("within_20").await,
        1
    );
    assert_eq!(scene.outcomes(), ["recorded", "known"]);
}

#[tokio::test]
async fn every_provider_is_understood() {
    for provider in [
        "plivo",
        "vonage",
        "vonage-json",
        "vonage-query",
        "clickatell",
        "clickatell-flat",
    ] {
        let scene = Scene::start().await;
        let name = provider.split('-').next().unwrap();
        scene.sent(name, "id-1").await;
        let status = match provider {
            "plivo" => {
                scene
                    .plivo(&format!("/plivo/{REFERENCE}"), "id-1", "delivered", &[])
                    .await
            }
            "vonage" => {
                scene
                    .post_form("/vonage", &Scene::dlr("id-1", "delivered", "0"), &[])
                    .await
            }
            "vonage-json" => {
                let dlr: serde_json::Map<String, serde_json::Value> =
                    Scene::dlr("id-1", "delivered", "0")
                        .into_iter()
                        .map(|(name, value)| (name, value.into()))
                        .collect();
                let request = client().post(scene.url("/vonage")).json(&dlr);
                request.send().await.unwrap().status().as_u16()
            }
            "vonage-query" => {
                let request =
                    client()
                        .get(scene.url("/vonage"))
                        .query(&Scene::dlr("id-1", "delivered", "0"));
                request.send().await.unwrap().status().as_u16()
            }
            "clickatell" => {
                scene
                    .clickatell(Scene::token(), &Scene::update("id-1", 5))
                    .await
            }
            _ => {
                let flat = serde_json::json!({
                    "apiKey": sandbox::clickatell::API_KEY, "messageId": "id-1", "clientMessageId": REFERENCE,
                    "to": "4520304050", "status": "5", "statusDescription": "RECEIVED_BY_RECIPIENT", "timestamp": 1,
                });
                scene.clickatell(Scene::token(), &flat).await
            }
        };
        assert_eq!(status, 204, "{provider}");
        let stored = scene.reported(name).await;
        assert_eq!(stored.as_deref(), Some("delivered"), "{provider}");
    }
}

#[tokio::test]
async fn the_state_only_moves_forward_whatever_the_order() {
    let orders = [
        (["sent", "delivered", "undelivered"], "delivered"),
        (["delivered", "sent", "undelivered"], "delivered"),
        (["delivered", "undelivered", "queued"], "delivered"),
        (["undelivered", "sent", "delivered"], "unreachable"),
        (["queued", "undelivered", "delivered"], "unreachable"),
    ];
    for (order, expected) in orders {
        let scene = Scene::start().await;
        scene.sent("twilio", SID).await;
        for status in order {
            let code: &[(&str, &str)] = if status == "undelivered" {
                &[("ErrorCode", "30003")]
            } else {
                &[]
            };
            assert_eq!(scene.twilio(status, code).await, 204);
        }
        assert_eq!(
            scene.reported("twilio").await.as_deref(),
            Some(expected),
            "{order:?}"
        );
        let finals = scene.counted("delivered").await + scene.counted("failed_unreachable").await;
        assert_eq!(finals, 1, "{order:?}");
    }
}

#[tokio::test]
async fn a_code_that_did_not_arrive_makes_the_next_one_avoid_its_provider() {
    let scene = Scene::start().await;
    scene.sent("twilio", SID).await;
    assert_eq!(
        scene.twilio("undelivered", &[("ErrorCode", "30008")]).await,
        204
    );
    let road = scene.items("road#").await.remove(0);
    let until: u64 = road["failed_twilio"]["N"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let now = sandbox::now().as_secs();
    assert!((now + 590..=now + 600).contains(&until), "{until}");
}

#[tokio::test]
async fn an_opt_out_makes_no_code_take_another_road() {
    let scene = Scene::start().await;
    scene.sent("twilio", SID).await;
    assert_eq!(scene.twilio("failed", &[("ErrorCode", "21610")]).await, 204);
    assert_eq!(scene.reported("twilio").await.as_deref(), Some("opted_out"));
    let road = scene.items("road#").await.remove(0);
    assert!(road["failed_twilio"].is_null());
}

#[tokio::test]
async fn a_receipt_of_another_message_or_of_none_of_ours_changes_nothing() {
    let scene = Scene::start().await;
    scene.sent("twilio", SID).await;
    let own = format!("/twilio/{REFERENCE}");
    let paths = [
        (own.as_str(), OTHER),
        ("/twilio", SID),
        ("/twilio/", SID),
        ("/twilio/code-BBBBBBBBBBBBBBBBBBBBBB", SID),
        ("/twilio/code-AAAAAAAAAAAAAAAAAAAAAA/x", SID),
        ("/twilio/mail-AAAAAAAAAAAAAAAAAAAAAA", SID),
    ];
    for (path, sid) in paths {
        assert_eq!(
            scene.twilio_of(path, sid, "undelivered", &[]).await,
            204,
            "{path}"
        );
    }
    assert_eq!(scene.reported("twilio").await, None);
    assert_eq!(scene.items("score#").await.len(), 0);
    let journal = scene.items("sent#").await;
    assert_eq!(journal.len(), 1);
    assert_eq!(journal[0]["pk"]["S"], JOURNAL);
}

#[tokio::test]
async fn while_the_table_is_unavailable_the_provider_is_asked_to_come_again() {
    let scene = Scene::start().await;
    scene.sent("twilio", SID).await;
    scene
        .dynamodb()
        .always_with("reported_at", sandbox::scene::status(500));
    assert_eq!(scene.twilio("delivered", &[]).await, 503);
    scene.dynamodb().clear();
    assert_eq!(scene.twilio("delivered", &[]).await, 204);
    assert_eq!(scene.reported("twilio").await.as_deref(), Some("delivered"));
}
