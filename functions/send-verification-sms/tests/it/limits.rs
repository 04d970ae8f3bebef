//! What strangers can make us send.

use std::sync::Arc;

use sandbox::{Sandbox, wire::Fault};
use serde_json::json;

use crate::scene::{PHONE, REGISTRATION, Scene};

fn busy() -> Fault {
    Fault::Answer {
        status: 429,
        headers: vec![],
        body: String::new(),
    }
}

/// All counted texts were sent, as many as there may be; the other mails are to come again.
async fn bounded(scene: &Scene, counter: &str, (setting, limit): (&str, u64), statuses: &[u16]) {
    let sent = u64::try_from(scene.texts()).unwrap();
    assert_eq!((scene.counted(counter).await, sent), (limit, limit));
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        scene.texts()
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 503).count(),
        statuses.len() - scene.texts()
    );
    let line = scene.logged("rate_limited").await;
    assert_eq!(
        (&line["limit"], &line["status"], &line["Refused"]),
        (&json!(setting), &json!(503), &json!(1))
    );
    assert_eq!(
        (&line["level"], &line["Failed"]),
        (&json!("INFO"), &json!(null)),
        "nothing failed"
    );
    let stages = scene
        .items("sent#")
        .await
        .into_iter()
        .map(|item| item["stage"]["S"].clone());
    assert_eq!(
        stages.filter(|stage| stage == "sent").count(),
        scene.texts()
    );
}

#[tokio::test]
async fn different_mails_to_one_phone_at_once() {
    let overrides = [("SMS_PER_NUMBER_PER_HOUR", Some("3"))];
    let scene = Arc::new(Scene::on(Sandbox::start().await, 4, &overrides).await);
    let now = sandbox::now().as_secs();
    let posts = (0..10)
        .map(|_| scene.sandbox.mailgun.fields(&scene.mail(), now))
        .collect();
    let statuses = scene.post_together(posts).await;
    bounded(&scene, PHONE, ("SMS_PER_NUMBER_PER_HOUR", 3), &statuses).await;
    assert_eq!(
        (scene.pending(PHONE).await.len(), scene.counted("all").await),
        (1, 3),
        "what was refused is counted nowhere"
    );
}

#[tokio::test]
async fn mails_to_many_phones_at_once() {
    let overrides = [("SMS_PER_HOUR", Some("4"))];
    let scene = Arc::new(Scene::on(Sandbox::start().await, 4, &overrides).await);
    let posts = (0..10)
        .map(|n| scene.fields(&scene.mail_to(&format!("+451111110{n}"))))
        .collect();
    let statuses = scene.post_together(posts).await;
    bounded(&scene, "all", ("SMS_PER_HOUR", 4), &statuses).await;
    assert_eq!(
        scene.items("pending#").await.len(),
        scene.texts(),
        "a refused mail leaves nothing behind"
    );
    assert_eq!(scene.counted("+45").await, 4, "nor is its number counted");
}

#[tokio::test]
async fn a_mail_over_a_limit_is_counted_and_sent_when_it_comes_again_later() {
    for (setting, number) in [
        ("SMS_PER_NUMBER_PER_HOUR", PHONE),
        ("SMS_PER_HOUR", "+4587654321"),
    ] {
        let scene = Scene::with(&[(setting, Some("1"))]).await;
        assert_eq!(scene.post_mail(&scene.mail_to(number)).await.status, 200);
        let held_back = scene.fields(&scene.mail());
        for _ in 0..3 {
            assert_eq!(scene.post(&held_back).await.status, 503, "{setting}");
            assert_eq!(
                (scene.texts(), scene.counted("all").await),
                (1, 1),
                "{setting}"
            );
        }
        scene.an_hour_passes().await;
        for _ in 0..2 {
            assert_eq!(scene.post(&held_back).await.status, 200, "{setting}");
        }
        assert_eq!(
            (
                scene.texts(),
                scene.sandbox.twilio.inbox(PHONE).last().map(String::as_str)
            ),
            (2, Some(REGISTRATION))
        );
        assert_eq!(
            scene.post_mail(&scene.mail()).await.status,
            503,
            "it was counted: {setting}"
        );
    }
}

/// Its text asks for a YES; that must lead somewhere.
#[tokio::test]
async fn a_mail_over_a_limit_leaves_the_phone_a_request_for_the_text_before() {
    let scene = Scene::with(&[("SMS_PER_NUMBER_PER_HOUR", Some("1"))]).await;
    assert_eq!(scene.post_mail(&scene.mail()).await.status, 200);
    assert_eq!(scene.post_mail(&scene.mail()).await.status, 503);
    assert_eq!(scene.pending(PHONE).await.len(), 1);
}

#[tokio::test]
async fn a_count_that_cannot_be_made_sends_nothing() {
    let scene = Scene::start().await;
    let fields = scene.fields(&scene.mail());
    scene.dynamodb().always_with(
        "\"rate#sms#all",
        Fault::Answer {
            status: 500,
            headers: vec![],
            body: String::new(),
        },
    );
    assert_eq!(
        (
            scene.post(&fields).await.status,
            scene.asked(),
            scene.counted(PHONE).await
        ),
        (503, 0, 0)
    );
    assert_eq!(
        (
            scene.items("pending#").await.len(),
            scene.stage().await.as_str()
        ),
        (0, "failed")
    );
    scene.dynamodb().clear();
    assert_eq!(
        (
            scene.post(&fields).await.status,
            scene.texts(),
            scene.counted("all").await
        ),
        (200, 1, 1)
    );
}

/// It holds its place, whatever others have used up since.
#[tokio::test]
async fn a_mail_that_twilio_did_not_take_is_not_counted_again() {
    let scene = Scene::with(&[("SMS_PER_HOUR", Some("2"))]).await;
    scene.twilio().next(busy());
    let first = scene.fields(&scene.mail());
    assert_eq!(scene.post(&first).await.status, 503);
    assert_eq!(
        scene.post_mail(&scene.mail_to("+4587654321")).await.status,
        200
    );
    assert_eq!(
        scene.post_mail(&scene.mail_to("+4511111111")).await.status,
        503
    );
    assert_eq!(
        (
            scene.post(&first).await.status,
            scene.texts(),
            scene.counted("all").await
        ),
        (200, 2, 2)
    );
}

/// The large budgets do not know copies by name.
#[tokio::test]
async fn a_mail_delivered_again_after_hours_counts_nothing() {
    let scene = Scene::start().await;
    let fields = scene.fields(&scene.mail());
    assert_eq!(scene.post(&fields).await.status, 200);
    scene.an_hour_passes().await;
    let mut journal = scene.items("sent#").await.remove(0);
    let name = journal["counted_as"]["S"].as_str().unwrap().to_owned();
    assert!(
        name.ends_with(
            journal["pk"]["S"]
                .as_str()
                .unwrap()
                .trim_start_matches("sent#mail#")
        ),
        "{name}"
    );
    // As it was called in an hour before.
    journal["counted_as"]["S"] = format!(
        "{}{}",
        if name.starts_with("00") { "01" } else { "00" },
        &name[2..]
    )
    .into();
    scene.sandbox.aws.put(journal).await;
    assert_eq!(scene.post(&fields).await.status, 200);
    assert_eq!(
        (
            scene.texts(),
            scene.counted(PHONE).await,
            scene.counted("all").await
        ),
        (1, 0, 0)
    );
}

#[tokio::test]
async fn a_delivery_repeated_because_of_us_counts_once() {
    let scene = Scene::with(&[("SMS_PER_NUMBER_PER_HOUR", Some("1"))]).await;
    scene.twilio().times(2, busy);
    scene.twilio().next(Fault::ResetAfter);
    let delivery = scene.sandbox.mailgun.receive(&scene.mail()).await;
    assert_eq!(
        delivery
            .attempts
            .iter()
            .map(|attempt| attempt.status)
            .collect::<Vec<_>>(),
        [503, 503, 503, 200]
    );
    assert_eq!(
        (scene.counted(PHONE).await, scene.counted("all").await),
        (1, 1)
    );
}

#[tokio::test]
async fn a_number_that_is_written_to_for_ever_keeps_few_requests() {
    let overrides = [
        ("SMS_PER_NUMBER_PER_HOUR", Some("1000")),
        ("SMS_PER_HOUR", Some("100000")),
    ];
    let scene = Scene::with(&overrides).await;
    let (text, ago) = (
        |text: &str| json!({ "S": text }),
        |days: u64| json!({ "N": (sandbox::now().as_secs() - days * 86_400).to_string() }),
    );
    let forgotten = json!({ "M": {
        "kind": text("verification"), "link": text("https://old.example/"), "email": text("old"), "created_at": ago(9), "expires_at": ago(8),
    }});
    let key = json!({ "pk": text(&format!("pending#{PHONE}")), "sk": text("pending"), "r_old": forgotten, "expires_at": ago(0) });
    scene.sandbox.aws.put(key).await;
    let mut mails = 0;
    while scene
        .pending(PHONE)
        .await
        .iter()
        .any(|request| request["email"]["S"] == "old")
    {
        mails += 1;
        assert!(mails <= 200, "nothing is ever dropped");
        assert_eq!(scene.post_mail(&scene.mail()).await.status, 200);
    }
    assert_eq!(
        scene.pending(PHONE).await.len(),
        1,
        "what still waits is kept"
    );
}
