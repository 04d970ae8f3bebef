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
    assert_eq!(scene.used(Some(Scene::bearer()), &json!([])).await, 400);
    assert_eq!(scene.used(Some(Scene::bearer()), &body).await, 204);
    assert_eq!(scene.items("score#").await.len(), 0);
}
