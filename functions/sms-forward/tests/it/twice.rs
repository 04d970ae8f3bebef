//! The same message again, many at once, and too many.

use std::sync::Arc;

use sandbox::Sandbox;
use sandbox::wire::Fault;

use crate::scene::{COMPANY, MOBILE, NOTICE, OTHER, Params, STRANGER, Scene, forwarded, no_fault};

#[tokio::test]
async fn twilio_s_retry_gets_the_same_answer_and_changes_nothing() {
    let scene = Scene::start().await;
    let first = scene.inbound(STRANGER, "Hello");
    let answers = [scene.deliver(&first).await, scene.deliver(&first).await];
    assert!(answers[0].body.contains("Hello") && answers[0].body == answers[1].body);
    assert_eq!((scene.counted().await.iter().sum::<u64>(), scene.items("seen#").await.len()), (1, 1));
    let line = scene.logged("repeated").await;
    assert_eq!((&line["SmsSent"], line["phone"].as_str()), (&serde_json::Value::Null, Some("+45••••4050")));
    let reply = scene.inbound(MOBILE, "Hi");
    let replied = scene.deliver(&reply).await;
    scene.text_leads_to(OTHER, "Me too", &[&forwarded(OTHER, "Me too")]).await;
    assert_eq!(scene.deliver(&first).await.body, answers[0].body);
    assert_eq!(scene.correspondent().await.as_deref(), Some(OTHER), "an old text is not the last one");
    assert_eq!(scene.deliver(&reply).await.body, replied.body, "and an old reply goes where it went");
    assert!(replied.body.contains(STRANGER));
    scene.restart().await;
    assert_eq!(scene.deliver(&reply).await.body, replied.body);
    assert_eq!(scene.counted().await.iter().sum::<u64>(), 3);
}

#[tokio::test]
async fn addressed_texts_and_notices_are_repeated_too() {
    let scene = Scene::start().await;
    let lost = scene.inbound(MOBILE, "Hello?");
    assert_eq!(scene.deliver(&lost).await.messages, [NOTICE]);
    let addressed = scene.inbound(MOBILE, &format!("{OTHER}: Lunch?"));
    let answer = scene.deliver(&addressed).await;
    assert_eq!(answer.messages, ["Lunch?"]);
    scene.text_leads_to(STRANGER, "Hello", &[&forwarded(STRANGER, "Hello")]).await;
    assert_eq!(scene.deliver(&addressed).await.body, answer.body);
    assert_eq!(scene.correspondent().await.as_deref(), Some(STRANGER));
    assert_eq!(scene.deliver(&lost).await.messages, [NOTICE], "although there is somebody now");
}

#[tokio::test]
async fn the_same_message_at_once_is_counted_once() {
    let scene = Arc::new(Scene::within(Sandbox::start().await, 4, &[]).await);
    let params = scene.inbound(STRANGER, "Hello");
    let answers = together(&scene, vec![params; 8]).await;
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.contains("Hello")), "{answers:#?}");
    assert_eq!(scene.counted().await, [1]);
}

#[tokio::test]
async fn a_lost_answer_of_the_table_counts_nothing_twice() {
    let scene = Scene::start().await;
    scene.text_leads_to(OTHER, "Hello", &[&forwarded(OTHER, "Hello")]).await;
    scene.dynamodb().next(Fault::ResetAfter);
    scene.text_leads_to(STRANGER, "Hello", &[&forwarded(STRANGER, "Hello")]).await;
    assert_eq!((scene.counted().await, scene.dynamodb().pending()), (vec![1, 1], 0));
    scene.dynamodb().next(no_fault()); // who wrote last
    scene.dynamodb().next(Fault::ResetAfter);
    scene.text_leads_to(MOBILE, "Hi", &["Hi"]).await;
    assert_eq!((scene.sandbox.twilio.inbox(STRANGER).len(), scene.dynamodb().pending()), (1, 0));
}

/// Two machines that answer each other end after a few texts; so does somebody who does not stop.
#[tokio::test]
async fn more_texts_of_a_pair_than_a_conversation_has_are_dropped() {
    for from in [STRANGER, MOBILE, "12345"] {
        let sandbox = Sandbox::start().await;
        let scene = Arc::new(Scene::within(sandbox, 4, &[("MESSAGES_PER_PAIR_PER_MINUTE", Some("3"))]).await);
        let texts = (0..12).map(|n| scene.inbound(from, &format!("{OTHER}: text {n}"))).collect();
        let answers = together(&scene, texts).await;
        let passed = answers.iter().filter(|answer| answer.contains("<Message")).count();
        let minutes = scene.counted().await;
        assert!(minutes.iter().all(|hits| *hits <= 3) && (minutes.len() > 1 || minutes == [3]), "{minutes:?}");
        assert_eq!(minutes.iter().sum::<u64>(), u64::try_from(passed).unwrap());
        assert_eq!(scene.items("seen#").await.len(), passed, "what is refused leaves nothing behind");
        let line = scene.logged("rate_limited").await;
        assert_eq!((&line["Refused"], &line["status"]), (&1.into(), &200.into()));
        // Others are not affected.
        scene.text_leads_to("+4531415161", "Hello", &[&forwarded("+4531415161", "Hello")]).await;
    }
}

#[tokio::test]
async fn many_correspondents_at_once() {
    let scene = Arc::new(Scene::within(Sandbox::start().await, 4, &[]).await);
    let texts = (0..12).map(|n| scene.inbound(&format!("+45311111{n:02}"), "Hello")).collect();
    let answers = together(&scene, texts).await;
    assert!(answers.iter().all(|answer| answer.contains("Hello")), "{answers:#?}");
    assert_eq!((scene.sandbox.twilio.texts(MOBILE).len(), scene.items(&format!("thread#{COMPANY}")).await.len()), (12, 1));
}

/// The documents that these messages, all at once, are answered with.
async fn together(scene: &Arc<Scene>, texts: Vec<Params>) -> Vec<String> {
    let mut delivering = tokio::task::JoinSet::new();
    for params in texts {
        let scene = Arc::clone(scene);
        delivering.spawn(async move { scene.deliver(&params).await });
    }
    let answers = delivering.join_all().await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:#?}");
    answers.into_iter().map(|answer| answer.body).collect()
}
