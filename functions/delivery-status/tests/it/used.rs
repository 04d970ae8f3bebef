//! `/used`.

use serde_json::json;

use crate::scene::{PHONE, SID, Scene};

#[tokio::test]
async fn a_used_code_is_counted_once_for_the_provider_that_sent_it() {
    let scene = Scene::start().await;
    scene.sent("twilio", SID).await;
    let body = json!({ "recipient": PHONE });
    for _ in 0..2 {
        assert_eq!(scene.used(Some(Scene::bearer()), &body).await, 204);
    }
    assert_eq!(scene.counted("used").await, 1);
    let item = scene.items("score#").await.remove(0);
    assert_eq!(item["sk"]["S"], "twilio#DK#ACME");
    assert_eq!(scene.outcomes(), ["used", "known"]);
}

#[tokio::test]
async fn a_stranger_and_a_number_without_a_code_change_nothing() {
    let scene = Scene::start().await;
    let body = json!({ "recipient": PHONE });
    assert_eq!(scene.used(None, &body).await, 401);
    assert_eq!(scene.used(Some("guessed"), &body).await, 401);
    assert_eq!(
        scene
            .used(Some(Scene::bearer()), &json!({ "recipient": "x" }))
            .await,
        400
    );
    for list in [json!([]), json!([PHONE])] {
        assert_eq!(scene.used(Some(Scene::bearer()), &list).await, 400);
    }
    assert_eq!(scene.used(Some(Scene::bearer()), &body).await, 204);
    assert_eq!(scene.items("score#").await.len(), 0);
}

const NEWER: &str = "code-BBBBBBBBBBBBBBBBBBBBBB";

/// The gateway noted the newer one, and then refused it.
#[tokio::test]
async fn if_the_newest_code_was_not_sent_the_one_before_is_used() {
    for stage in [None, Some("failed")] {
        let scene = Scene::start().await;
        scene.sent("twilio", SID).await;
        let mut road = scene.items("road#").await.remove(0);
        road["previous"] = road["newest"].take();
        road["newest"] = json!({ "S": NEWER });
        scene.sandbox.aws.put(road).await;
        if let Some(stage) = stage {
            let mut entry = scene.items("sent#").await.remove(0);
            entry["pk"] = json!({ "S": NEWER.replace("code-", "sent#code#") });
            entry["stage"] = json!({ "S": stage });
            scene.sandbox.aws.put(entry).await;
        }
        let body = json!({ "recipient": PHONE });
        for _ in 0..2 {
            assert_eq!(scene.used(Some(Scene::bearer()), &body).await, 204);
        }
        assert_eq!(scene.outcomes(), ["used", "known"], "{stage:?}");
        assert_eq!(scene.counted("used").await, 1);
    }
}

#[tokio::test]
async fn a_code_whose_answer_was_lost_is_used_once_it_is_delivered() {
    let scene = Scene::start().await;
    scene.sent("twilio", SID).await;
    let mut entry = scene.items("sent#").await.remove(0);
    entry["stage"] = json!({ "S": "unknown" });
    for name in ["provider", "sid"] {
        entry.as_object_mut().unwrap().remove(name);
    }
    scene.sandbox.aws.put(entry).await;
    let body = json!({ "recipient": PHONE });
    assert_eq!(scene.used(Some(Scene::bearer()), &body).await, 204);
    assert_eq!(scene.twilio("delivered", &[]).await, 204);
    for _ in 0..2 {
        assert_eq!(scene.used(Some(Scene::bearer()), &body).await, 204);
    }
    let outcomes = scene.outcomes();
    assert_eq!(outcomes, ["unknown_text", "recorded", "used", "known"]);
    assert_eq!(scene.items("score#").await.len(), 1);
}
