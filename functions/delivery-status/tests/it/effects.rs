//! What authentic receipts change.

use sandbox::scene::number;
use sandbox::wire::client;
use serde_json::json;

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
async fn the_receipt_of_each_kind_of_text_finds_its_entry() {
    for kind in ["code", "mail", "voicemail", "missed"] {
        let scene = Scene::start().await;
        let hash = "AAAAAAAAAAAAAAAAAAAAAA";
        let entry = format!("sent#{kind}#{hash}");
        scene.sent_as(&entry, "twilio", SID).await;
        let path = format!("/twilio/{kind}-{hash}");
        assert_eq!(scene.twilio_of(&path, SID, "delivered", &[]).await, 204);
        let stored = scene.reported("twilio").await;
        assert_eq!(stored.as_deref(), Some("delivered"), "{kind}");
    }
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

/// The item of the number failed, so the repetition does it.
#[tokio::test]
async fn a_repeated_bad_receipt_repeats_that_the_next_code_takes_another_road() {
    let scene = Scene::start().await;
    scene.sent("twilio", SID).await;
    let unreachable = [("ErrorCode", "30003")];
    scene
        .dynamodb()
        .always_with("failed_twilio", sandbox::scene::status(500));
    assert_eq!(scene.twilio("undelivered", &unreachable).await, 204);
    scene.dynamodb().clear();
    assert!(scene.items("road#").await[0]["failed_twilio"].is_null());
    for (sid, status) in [(OTHER, "undelivered"), (SID, "delivered")] {
        let path = format!("/twilio/{REFERENCE}");
        let answer = scene.twilio_of(&path, sid, status, &unreachable).await;
        assert_eq!(answer, 204);
        assert!(scene.items("road#").await[0]["failed_twilio"].is_null());
    }
    for _ in 0..2 {
        assert_eq!(scene.twilio("undelivered", &unreachable).await, 204);
        let reported = number(&scene.items("sent#").await[0]["reported_at"]);
        let road = scene.items("road#").await.remove(0);
        assert_eq!(number(&road["failed_twilio"]), reported + 600);
    }
    assert_eq!(scene.counted("failed_unreachable").await, 1);
    // An old repetition takes nothing back, and says nothing new.
    let mut entry = scene.items("sent#").await.remove(0);
    let before = number(&entry["reported_at"]) - 300;
    entry["reported_at"] = json!({ "N": before.to_string() });
    scene.sandbox.aws.put(entry).await;
    assert_eq!(scene.twilio("undelivered", &unreachable).await, 204);
    let road = scene.items("road#").await.remove(0);
    assert_eq!(number(&road["failed_twilio"]), before + 900);
}

#[tokio::test]
async fn the_reference_of_another_sender_s_text_touches_no_item() {
    let scene = Scene::start().await;
    scene
        .dynamodb()
        .always_with("order", sandbox::scene::status(400));
    let path = "/twilio/order-12345678";
    assert_eq!(scene.twilio_of(path, SID, "delivered", &[]).await, 204);
    assert_eq!(scene.outcomes(), ["unknown_text"]);
}

#[tokio::test]
async fn in_a_batch_no_update_takes_another_one_with_it() {
    let scene = Scene::start().await;
    scene.sent("clickatell", "id-1").await;
    let good = Scene::update("id-1", 5)["event"]["messageStatusUpdate"][0].clone();
    let mut odd = good.clone();
    odd["messageId"] = json!(7);
    let mut failing = good.clone();
    failing["clientMessageId"] = json!("mail-AAAAAAAAAAAAAAAAAAAAAA");
    scene
        .dynamodb()
        .always_with("sent#mail#", sandbox::scene::status(500));
    let batch = json!({ "event": { "messageStatusUpdate": [odd, failing, 1, good] } });
    assert_eq!(scene.clickatell(Scene::token(), &batch).await, 503);
    let stored = scene.reported("clickatell").await;
    assert_eq!(stored.as_deref(), Some("delivered"));
    scene.dynamodb().clear();
    assert_eq!(scene.clickatell(Scene::token(), &batch).await, 204);
}

#[tokio::test]
async fn vonage_s_json_may_hold_null_and_truth_values() {
    let scene = Scene::start().await;
    scene.sent("vonage", "id-1").await;
    let mut params = Scene::dlr("id-1", "delivered", "0");
    params.retain(|(name, _)| name != "sig");
    params.push(("flag".to_owned(), "true".to_owned()));
    let sig = sandbox::vonage::sign(sandbox::vonage::SIGNATURE_SECRET, &params);
    params.push(("sig".to_owned(), sig));
    let members = params.into_iter().map(|(name, value)| (name, value.into()));
    let mut dlr: serde_json::Map<String, serde_json::Value> = members.collect();
    dlr.insert("flag".to_owned(), json!(true));
    dlr.insert("nothing".to_owned(), json!(null));
    let request = client().post(scene.url("/vonage")).json(&dlr);
    assert_eq!(request.send().await.unwrap().status().as_u16(), 204);
    assert_eq!(scene.reported("vonage").await.as_deref(), Some("delivered"));
    assert_eq!(scene.logged("recorded").await["sid"], "id-1");
}
