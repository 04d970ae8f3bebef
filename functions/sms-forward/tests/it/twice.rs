//! The same message again, many at once, and too many.

use std::sync::Arc;
use std::time::Duration;

use sandbox::Sandbox;
use sandbox::wire::Fault;
use serde_json::json;

use crate::scene::{
    COMPANY, MOBILE, MORE, NOTICE, OTHER, STRANGER, Scene, answer, forwarded, replaced, together,
};

#[tokio::test]
async fn twilio_s_retry_gets_the_same_answer_and_changes_nothing() {
    let scene = Scene::start().await;
    let first = scene.inbound(STRANGER, "Hello");
    let answers = [scene.deliver(&first).await, scene.deliver(&first).await];
    assert!(answers[0].body.contains("Hello") && answers[0].body == answers[1].body);
    assert_eq!(
        (
            scene.counted().await.iter().sum::<u64>(),
            scene.items("seen#").await.len()
        ),
        (1, 2)
    );
    let line = scene.logged("repeated").await;
    assert_eq!(
        (&line["SmsSent"], line["phone"].as_str()),
        (&serde_json::Value::Null, Some("+45••••4050"))
    );
    let reply = scene.inbound(MOBILE, "Hi");
    let replied = scene.deliver(&reply).await;
    scene
        .text_leads_to(OTHER, "Me too", &[&forwarded(OTHER, "Me too")])
        .await;
    assert_eq!(scene.deliver(&first).await.body, answers[0].body);
    assert_eq!(
        scene.correspondent().await.as_deref(),
        Some(OTHER),
        "an old text is not the last one"
    );
    assert_eq!(
        scene.deliver(&reply).await.body,
        replied.body,
        "and an old reply goes where it went"
    );
    assert!(replied.body.contains(STRANGER));
    scene.restart().await;
    assert_eq!(scene.deliver(&reply).await.body, replied.body);
    assert_eq!(scene.counted().await.iter().sum::<u64>(), 3);
    let counted = [
        ("text#all", "day", 3),
        ("text#all", "hour", 3),
        (&format!("text#{COMPANY}"), "hour", 2),
    ];
    for (budget, window, expected) in counted {
        assert_eq!(
            scene.hits(budget, window).await,
            expected,
            "{budget} {window}"
        );
    }
}

#[tokio::test]
async fn addressed_texts_and_notices_are_repeated_too() {
    let scene = Scene::start().await;
    let lost = scene.inbound(MOBILE, "Hello?");
    assert_eq!(scene.deliver(&lost).await.messages, [NOTICE]);
    let addressed = scene.inbound(MOBILE, &format!("{OTHER}: Lunch?"));
    let answer = scene.deliver(&addressed).await;
    assert_eq!(answer.messages, ["Lunch?"]);
    scene
        .text_leads_to(STRANGER, "Hello", &[&forwarded(STRANGER, "Hello")])
        .await;
    assert_eq!(scene.deliver(&addressed).await.body, answer.body);
    assert_eq!(scene.correspondent().await.as_deref(), Some(STRANGER));
    assert_eq!(
        scene.deliver(&lost).await.messages,
        [NOTICE],
        "although there is somebody now"
    );
}

#[tokio::test]
async fn the_same_message_at_once_is_counted_once() {
    let scene = Arc::new(Scene::within(Sandbox::start().await, 4, &[]).await);
    let params = scene.inbound(STRANGER, "Hello");
    let answers = together(&scene, vec![params; 8]).await;
    assert!(
        answers
            .iter()
            .all(|answer| *answer == answers[0] && answer.contains("Hello")),
        "{answers:#?}"
    );
    assert_eq!(scene.counted().await, [1]);
    let own = format!("text#{COMPANY}");
    for (budget, window) in [
        (own.as_str(), "hour"),
        (&own, "day"),
        ("text#all", "hour"),
        ("text#all", "day"),
    ] {
        assert_eq!(scene.hits(budget, window).await, 1, "{budget} {window}");
    }
}

#[tokio::test]
async fn a_lost_answer_of_the_table_counts_nothing_twice() {
    let scene = Scene::start().await;
    scene
        .text_leads_to(OTHER, "Hello", &[&forwarded(OTHER, "Hello")])
        .await;
    for (part, from, body) in [
        ("rate#text-pair#", STRANGER, "to count"),
        ("fingerprint", STRANGER, "to note"),
        ("owner_id", STRANGER, "to remember"),
        ("correspondent", STRANGER, "to follow"),
    ] {
        scene.dynamodb().next_with(part, Fault::ResetAfter);
        scene
            .text_leads_to(from, body, &[&forwarded(from, body)])
            .await;
    }
    let mut counted = scene.counted().await;
    counted.sort_unstable();
    assert_eq!(
        (
            counted,
            scene.hits("text#all", "hour").await,
            scene.dynamodb().pending()
        ),
        (vec![1, 4], 5, 0)
    );
    for (part, body) in [
        ("expires_at <= :now", "to whom"),
        ("owner_id", "to remember"),
        ("known#", "to know"),
    ] {
        scene.dynamodb().next_with(part, Fault::ResetAfter);
        scene.text_leads_to(MOBILE, body, &[body]).await;
    }
    assert_eq!(
        (
            scene.sandbox.twilio.inbox(STRANGER).len(),
            scene.dynamodb().pending()
        ),
        (3, 0)
    );
}

/// Two machines that answer each other end after a few texts; so does somebody who does not stop.
#[tokio::test]
async fn more_texts_of_a_pair_than_a_conversation_has_are_dropped() {
    for from in [STRANGER, MOBILE, "12345"] {
        let sandbox = Sandbox::start().await;
        let scene = Arc::new(
            Scene::within(sandbox, 4, &[("MESSAGES_PER_PAIR_PER_MINUTE", Some("3"))]).await,
        );
        let texts = (0..12)
            .map(|n| scene.inbound(from, &format!("{OTHER}: text {n}")))
            .collect();
        let answers = together(&scene, texts).await;
        let passed = answers
            .iter()
            .filter(|answer| answer.contains("<Message"))
            .count();
        let minutes = scene.counted().await;
        assert!(
            minutes.iter().all(|hits| *hits <= 3) && (minutes.len() > 1 || minutes == [3]),
            "{minutes:?}"
        );
        assert_eq!(minutes.iter().sum::<u64>(), u64::try_from(passed).unwrap());
        let refused = scene
            .items("seen#")
            .await
            .into_iter()
            .filter(|item| item["refused"]["S"] == "rate_limited")
            .count();
        assert_eq!(
            (refused, answers.len()),
            (12 - passed, 12),
            "what is refused stays so when Twilio asks again"
        );
        let line = scene.logged("rate_limited").await;
        assert_eq!(
            (&line["Refused"], &line["status"]),
            (&1.into(), &200.into())
        );
        // Others are not affected.
        scene
            .text_leads_to(
                "+4531415161",
                "Hello",
                &[&forwarded("+4531415161", "Hello")],
            )
            .await;
    }
}

#[tokio::test]
async fn many_correspondents_at_once() {
    let scene = Arc::new(Scene::within(Sandbox::start().await, 4, &[]).await);
    let texts = (0..12)
        .map(|n| scene.inbound(&format!("+45311111{n:02}"), "Hello"))
        .collect();
    let answers = together(&scene, texts).await;
    assert!(
        answers.iter().all(|answer| answer.contains("Hello")),
        "{answers:#?}"
    );
    assert_eq!(
        (
            scene.sandbox.twilio.texts(MOBILE).len(),
            scene.items(&format!("thread#{COMPANY}")).await.len()
        ),
        (12, 1)
    );
}

/// The thread is written beside the ledger: a text whose sender could not be noted is not there for the employee, and Twilio's retry
/// makes it so.
#[tokio::test]
async fn a_text_whose_sender_cannot_be_noted_is_not_forwarded_until_it_is() {
    let scene = Scene::start().await;
    scene
        .text_leads_to(OTHER, "Hello", &[&forwarded(OTHER, "Hello")])
        .await;
    let text = scene.inbound(STRANGER, "Me too");
    scene
        .dynamodb()
        .always_with("correspondent", answer(500, "{}"));
    for _ in 0..2 {
        assert_eq!(scene.deliver(&text).await.status, 503);
        assert_eq!(scene.correspondent().await.as_deref(), Some(OTHER));
    }
    scene.dynamodb().clear();
    assert_eq!(
        scene.deliver(&text).await.messages,
        [forwarded(STRANGER, "Me too")]
    );
    assert_eq!(
        scene.correspondent().await.as_deref(),
        Some(STRANGER),
        "before the employee can answer"
    );
    assert_eq!(
        (scene.counted().await, scene.hits("text#all", "day").await),
        (vec![1, 1], 2),
        "it was counted once"
    );
}

/// Somebody wrote meanwhile: what is made up for is old.
#[tokio::test]
async fn a_sender_noted_late_is_not_the_last() {
    let scene = Scene::start().await;
    let text = scene.inbound(STRANGER, "Hello");
    scene
        .dynamodb()
        .always_with("correspondent", answer(500, "{}"));
    assert_eq!(scene.deliver(&text).await.status, 503);
    scene.dynamodb().clear();
    scene
        .text_leads_to(OTHER, "Me first", &[&forwarded(OTHER, "Me first")])
        .await;
    assert_eq!(
        scene.deliver(&text).await.messages,
        [forwarded(STRANGER, "Hello")]
    );
    assert_eq!(scene.correspondent().await.as_deref(), Some(OTHER));
    scene.text_leads_to(MOBILE, "Hi", &["Hi"]).await;
    assert_eq!(scene.sandbox.twilio.inbox(OTHER), ["Hi"]);
}

/// Twilio tries again for seconds. A signature has no end: whoever has seen a request could send it for ever.
#[tokio::test]
async fn a_replay_after_minutes_shows_no_number_and_changes_nothing() {
    let scene = Scene::start().await;
    let first = scene.inbound(STRANGER, "Hello");
    scene.deliver(&first).await;
    let reply = scene.inbound(MOBILE, "Hi");
    assert_eq!(scene.deliver(&reply).await.messages, ["Hi"]);
    scene
        .text_leads_to(OTHER, "Me too", &[&forwarded(OTHER, "Me too")])
        .await;
    scene.let_pass(290).await;
    assert!(
        scene.deliver(&first).await.body.contains(MOBILE),
        "while Twilio may ask again"
    );
    scene.let_pass(10).await;
    for _ in 0..2 {
        for params in [&first, &reply] {
            scene.ignored(params, "replayed").await;
        }
        // A day later, and in another process.
        scene.let_pass(86_400).await;
        scene.sandbox.aws.sweep_now().await;
        scene.restart().await;
    }
    assert_eq!(scene.logged("replayed").await["Refused"], 1);
    assert_eq!(scene.correspondent().await.as_deref(), Some(OTHER));
    assert_eq!(
        (
            scene.hits("text#all", "hour").await,
            scene.hits("text#all", "day").await
        ),
        (3, 3)
    );
}

/// Of what all share an hour, room for one segment is left.
async fn with_room_for_one() -> Scene {
    let settings = [
        ("FORWARD_SEGMENTS_PER_HOUR", Some("201")),
        ("FORWARD_SEGMENTS_PER_NUMBER_PER_HOUR", Some("50")),
    ];
    let scene = Scene::within(Sandbox::start().await, 2, &settings).await;
    let now = sandbox::now().as_secs();
    let slice = now / 300;
    let mut item = json!({
        "pk": { "S": "rate#text#all" }, "sk": { "S": "hour" }, "hits": { "N": "159" },
        "newest": { "N": slice.to_string() }, "expires_at": { "N": (now + 7_200).to_string() },
    });
    item[format!("s_{slice}")] = json!({ "N": "159" });
    scene.sandbox.aws.put(item).await;
    scene
}

/// What a stranger's text has counted: of the pair, of the number an hour and a day, of all an hour and a day.
async fn counts(scene: &Scene) -> [u64; 5] {
    let own = format!("text#{COMPANY}");
    [
        scene.counted().await.iter().sum::<u64>(),
        scene.hits(&own, "hour").await,
        scene.hits(&own, "day").await,
        scene.hits("text#all", "hour").await,
        scene.hits("text#all", "day").await,
    ]
}

/// The first takes the last of what all share, so that the second finds nothing left: it is the same text, which is forwarded, and
/// stays counted.
#[tokio::test]
async fn a_copy_without_room_takes_nothing_of_the_other_away() {
    let scene = with_room_for_one().await;
    let text = scene.inbound(STRANGER, "Hello");
    // Both are remembered late: the first one after the second has looked, the second one after that.
    for seconds in [1, 2] {
        let pause = Fault::Delay(Duration::from_secs(seconds));
        scene.dynamodb().next_with("owner_id", pause);
    }
    let copy = async {
        scene.wait_written("owner_id", 1).await;
        scene.deliver(&text).await
    };
    let (first, second) = tokio::join!(scene.deliver(&text), copy);
    assert_eq!(first.messages, [forwarded(STRANGER, "Hello")]);
    assert_eq!(second.body, first.body);
    assert_eq!(scene.dynamodb().pending(), 0, "they met");
    assert_eq!(counts(&scene).await, [1, 1, 1, 160, 1]);
}

/// Whichever of them is remembered: a text that is refused counts nowhere.
#[tokio::test]
async fn of_copies_that_are_refused_nothing_stays_counted() {
    let scene = with_room_for_one().await;
    let text = scene.inbound(STRANGER, "Hello");
    // The one that has room is remembered after the one that has none.
    let pause = Fault::Delay(Duration::from_secs(2));
    scene.dynamodb().next_with("owner_id", pause);
    let copy = async {
        scene.wait_written("owner_id", 1).await;
        scene.deliver(&text).await
    };
    let (first, second) = tokio::join!(scene.deliver(&text), copy);
    assert_eq!(first.body, second.body, "both are told the same");
    assert!(second.body.contains(MORE));
    assert_eq!(counts(&scene).await, [0, 0, 0, 159, 0]);
}

/// Twilio's signature has nothing between names and values. So it also fits the message without its end, which is then a parameter.
#[tokio::test]
async fn a_message_that_is_cut_differently_is_not_forwarded_again() {
    let scene = Scene::start().await;
    let first = scene.inbound(STRANGER, "Call me, Dan");
    let cut = replaced(&replaced(&first, "Body", "Call me, "), "Dan", "");
    let sign = |params| scene.sandbox.twilio.sign(scene.lambda.url(), params);
    assert_eq!(sign(&first), sign(&cut));
    let answer = scene.deliver(&first).await;
    assert_eq!(answer.messages, [forwarded(STRANGER, "Call me, Dan")]);
    scene.ignored(&cut, "replayed").await;
    // What is asked at the fallback URL says why.
    let fallback = replaced(&first, "ErrorCode", "11200");
    assert_eq!(scene.deliver(&fallback).await.body, answer.body);
    scene.let_pass(86_400).await;
    scene.ignored(&cut, "replayed").await;
    assert_eq!(
        (scene.counted().await, scene.hits("text#all", "day").await),
        (vec![1], 1)
    );
}
