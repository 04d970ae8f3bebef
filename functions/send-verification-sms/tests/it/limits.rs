//! What strangers can make us send.

use std::sync::Arc;

use sandbox::{Sandbox, wire::Fault};
use serde_json::json;

use crate::scene::{PHONE, Scene, number};

/// All counted texts were sent and none beyond the limit, in every hour the test saw (nearly always one).
async fn bounded(scene: &Scene, counter: &str, (setting, limit): (&str, u64), statuses: &[u16]) {
    let windows: Vec<u64> = scene.items(counter).await.iter().map(|item| number(&item["hits"])).collect();
    let sent = u64::try_from(scene.texts()).unwrap();
    assert_eq!(windows.iter().sum::<u64>(), sent);
    assert!(windows.iter().all(|hits| *hits <= limit), "{windows:?}");
    assert!(windows.len() > 1 || sent == limit, "{windows:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), scene.texts());
    assert_eq!(statuses.iter().filter(|status| **status == 406).count(), statuses.len() - scene.texts());
    assert_eq!(scene.logged("rate_limited").await["limit"], setting);
}

#[tokio::test]
async fn different_mails_to_one_phone_at_once() {
    let overrides = [("SMS_PER_NUMBER_PER_HOUR", Some("3"))];
    let scene = Arc::new(Scene::on(Sandbox::start().await, 4, &overrides).await);
    let posts = (0..10).map(|_| scene.fields(&scene.mail())).collect();
    let statuses = scene.post_together(posts).await;
    bounded(&scene, &format!("rate#sms#{PHONE}"), ("SMS_PER_NUMBER_PER_HOUR", 3), &statuses).await;
    assert_eq!(scene.pending(PHONE).await.len(), scene.texts(), "a refused mail leaves nothing behind");
    assert_eq!(scene.items("sent#").await.len(), scene.texts());
}

#[tokio::test]
async fn mails_to_many_phones_at_once() {
    let overrides = [("SMS_PER_HOUR", Some("4"))];
    let scene = Arc::new(Scene::on(Sandbox::start().await, 4, &overrides).await);
    let posts = (0..10).map(|n| scene.fields(&scene.mail_to(&format!("+451111110{n}")))).collect();
    let statuses = scene.post_together(posts).await;
    bounded(&scene, "rate#sms#all", ("SMS_PER_HOUR", 4), &statuses).await;
    assert_eq!(scene.items("pending#").await.len(), scene.texts());
}

#[tokio::test]
async fn a_delivery_repeated_because_of_us_counts_once() {
    let scene = Scene::with(&[("SMS_PER_NUMBER_PER_HOUR", Some("1"))]).await;
    scene.twilio().times(2, || Fault::Answer { status: 429, headers: vec![], body: String::new() });
    scene.twilio().next(Fault::ResetAfter);
    let delivery = scene.sandbox.mailgun.receive(&scene.mail()).await;
    assert_eq!(delivery.attempts.iter().map(|attempt| attempt.status).collect::<Vec<_>>(), [503, 503, 503, 200]);
    let windows = scene.items(&format!("rate#sms#{PHONE}")).await;
    assert_eq!(windows.iter().map(|item| number(&item["hits"])).sum::<u64>(), 1);
}

#[tokio::test]
async fn a_number_that_is_written_to_for_ever_keeps_few_requests() {
    let overrides = [("SMS_PER_NUMBER_PER_HOUR", Some("1000")), ("SMS_PER_HOUR", Some("100000"))];
    let scene = Scene::with(&overrides).await;
    let (text, ago) =
        (|text: &str| json!({ "S": text }), |days: u64| json!({ "N": (sandbox::now().as_secs() - days * 86_400).to_string() }));
    let forgotten = json!({ "M": {
        "kind": text("verification"), "link": text("https://old.example/"), "email": text("old"), "created_at": ago(9), "expires_at": ago(8),
    }});
    let key = json!({ "pk": text(&format!("pending#{PHONE}")), "sk": text("pending"), "r_old": forgotten, "expires_at": ago(0) });
    scene.sandbox.aws.put(key).await;
    let mut mails = 0;
    while scene.pending(PHONE).await.iter().any(|request| request["email"]["S"] == "old") {
        mails += 1;
        assert!(mails <= 200, "nothing is ever dropped");
        assert_eq!(scene.post_mail(&scene.mail()).await.status, 200);
    }
    assert_eq!(scene.pending(PHONE).await.len(), mails, "what still waits is kept");
}
