//! The same reply more than once: in a row, at once, after an answer that got lost, after a crash.

use std::sync::Arc;
use std::time::Duration;

use sandbox::Sandbox;
use sandbox::auth0::LinkPage;
use sandbox::twilio::Reply;
use sandbox::wire::Fault;
use serde_json::Value;
use shared::platform::time::epoch;
use shared::rules::link::Kind;
use tokio::task::JoinSet;

use crate::scene::{CONFIRMED, FUNCTION, RETRY, Scene, WRONG, answer, replaced, request};

#[tokio::test]
async fn twilio_s_retry_gets_the_first_answer_again() {
    let scene = Scene::start().await;
    let mail = scene.verification(LinkPage::Form).await;
    for (text, expected) in [("NO", WRONG), ("YES", CONFIRMED)] {
        let params = scene.inbound(text);
        let first = scene
            .sandbox
            .twilio
            .deliver(params.clone(), scene.lambda.url())
            .await;
        assert_eq!(first.messages, [expected]);
        for _ in 0..3 {
            let again = scene
                .sandbox
                .twilio
                .deliver(params.clone(), scene.lambda.url())
                .await;
            assert_eq!((again.status, &again.body), (200, &first.body));
        }
    }
    assert_eq!(
        (
            scene.sandbox.auth0.fetched(&mail.ticket),
            scene.sandbox.auth0.posted(&mail.ticket)
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn a_lost_answer_confirms_no_second_time() {
    let scene = Scene::start().await;
    let mail = scene.verification(LinkPage::Form).await;
    scene
        .sandbox
        .door(FUNCTION)
        .faults()
        .next(Fault::ResetAfter);
    let reply = scene.text("YES").await;
    assert_eq!(
        (reply.attempts, reply.messages.as_slice()),
        (2, &[CONFIRMED.to_owned()][..])
    );
    assert_eq!(scene.sandbox.auth0.posted(&mail.ticket), 1);
}

/// Twenty requests at once to four processes.
async fn at_once(same_message: bool) {
    let scene = Arc::new(Scene::within(Sandbox::start().await, 4, &[]).await);
    let mail = scene.verification(LinkPage::Form).await;
    let params = scene.inbound("YES");
    let mut replies = JoinSet::new();
    for _ in 0..20 {
        let params = if same_message {
            params.clone()
        } else {
            scene.inbound("YES")
        };
        let scene = Arc::clone(&scene);
        replies.spawn(async move {
            scene
                .sandbox
                .twilio
                .deliver(params, scene.lambda.url())
                .await
        });
    }
    let replies: Vec<Reply> = replies.join_all().await;
    for reply in &replies {
        assert_eq!(
            (reply.status, reply.messages.as_slice()),
            (200, &[CONFIRMED.to_owned()][..]),
            "{:#?}",
            scene.lambda.log()
        );
    }
    assert_eq!(
        (
            scene.sandbox.auth0.fetched(&mail.ticket),
            scene.sandbox.auth0.posted(&mail.ticket)
        ),
        (1, 1)
    );
    assert_eq!(scene.pending().await, None);
    scene.assert_everything_expires().await;
}

#[tokio::test]
async fn one_message_twenty_times_at_once() {
    at_once(true).await;
}

#[tokio::test]
async fn twenty_messages_at_once() {
    at_once(false).await;
}

#[tokio::test]
async fn a_second_reply_waits_for_the_first() {
    let scene = Arc::new(Scene::within(Sandbox::start().await, 2, &[]).await);
    let mail = scene.verification(LinkPage::Form).await;
    scene
        .sandbox
        .auth0
        .server()
        .faults()
        .next(Fault::Delay(Duration::from_millis(300)));
    let (first, second) = tokio::join!(scene.text("YES"), scene.text("YES"));
    assert_eq!(
        (first.messages, second.messages),
        (vec![CONFIRMED.to_owned()], vec![CONFIRMED.to_owned()])
    );
    assert_eq!(scene.sandbox.auth0.posted(&mail.ticket), 1);
}

#[tokio::test]
async fn after_a_crash_another_yes_works() {
    let scene = Arc::new(Scene::hurried(Duration::from_secs(3)).await);
    let mail = scene.verification(LinkPage::Form).await;
    scene.sandbox.auth0.server().faults().next(Fault::Hang);
    let params = scene.inbound("YES");
    let crashing = tokio::spawn({
        let (scene, params) = (Arc::clone(&scene), params.clone());
        async move {
            scene
                .sandbox
                .twilio
                .deliver(params, scene.lambda.url())
                .await
        }
    });
    while scene.opened().is_empty() {
        tokio::task::yield_now().await;
    }
    scene.lambda.kill(scene.lambda.pids()[0]).await;
    assert_eq!(crashing.await.unwrap().status, 502);
    assert_eq!(scene.waiting().await, 1);
    let reply = scene.deliver_until_answered(&scene.inbound("YES")).await;
    assert_eq!(reply.messages, [CONFIRMED], "{:#?}", scene.lambda.log());
    let again = scene
        .sandbox
        .twilio
        .deliver(params, scene.lambda.url())
        .await;
    assert_eq!(again.messages, [CONFIRMED], "the message that crashed");
    assert_eq!(
        (scene.sandbox.auth0.posted(&mail.ticket), scene.verified()),
        (1, true)
    );
}

/// A signed message is valid for ever; what it once led to is not done again for a later request.
#[tokio::test]
async fn a_replay_after_the_link_is_forgotten_hands_over_no_other() {
    let scene = Scene::start().await;
    let first = scene.password().await;
    let params = scene.inbound("YES");
    let reply = scene
        .sandbox
        .twilio
        .deliver(params.clone(), scene.lambda.url())
        .await;
    assert!(reply.messages.concat().contains(&first.ticket), "{reply:?}");
    let items = scene.sandbox.aws.items().await;
    let text = |item: &Value, name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    let kept = items
        .iter()
        .find(|item| text(item, "sk").ends_with("#link"))
        .unwrap();
    let past = epoch(shared::platform::runtime::now()) - 1;
    scene
        .sandbox
        .aws
        .update_expiry(&text(kept, "pk"), &text(kept, "sk"), past)
        .await;
    let second = scene.password().await;
    let again = scene
        .sandbox
        .twilio
        .deliver(params, scene.lambda.url())
        .await;
    assert_eq!(
        (again.status, again.messages.len(), scene.waiting().await),
        (200, 0, 1)
    );
    let reply = scene.text("YES").await;
    assert!(
        reply.messages.concat().contains(&second.ticket),
        "{reply:?}"
    );
}

#[tokio::test]
async fn a_replay_of_a_yes_that_failed_may_confirm_only_what_it_was_said_to() {
    let scene = Scene::start().await;
    let mail = scene.verification(LinkPage::Form).await;
    let params = scene.inbound("YES");
    for _ in 0..2 {
        scene
            .sandbox
            .auth0
            .server()
            .faults()
            .next(answer(503, &[], ""));
        let reply = scene
            .sandbox
            .twilio
            .deliver(params.clone(), scene.lambda.url())
            .await;
        assert_eq!(
            (reply.messages, scene.waiting().await),
            (vec![RETRY.to_owned()], 1)
        );
    }
    let other = scene.sandbox.auth0.mail_verification(
        &scene.sandbox.auth0.sign_up("other@sms.example.com"),
        LinkPage::Form,
    );
    scene.text_answered("YES", CONFIRMED).await;
    scene
        .pend(&request("other", Kind::Verification, &other.link))
        .await;
    let again = scene
        .sandbox
        .twilio
        .deliver(params, scene.lambda.url())
        .await;
    assert_eq!(
        (again.status, again.messages, scene.waiting().await),
        (200, vec![CONFIRMED.to_owned()], 1)
    );
    assert_eq!(
        (
            scene.sandbox.auth0.posted(&mail.ticket),
            scene.sandbox.auth0.fetched(&other.ticket)
        ),
        (1, 0)
    );
}

#[tokio::test]
async fn a_yes_that_failed_confirms_what_it_was_said_to_when_it_comes_again() {
    let scene = Scene::start().await;
    let mail = scene.verification(LinkPage::Form).await;
    scene
        .sandbox
        .auth0
        .server()
        .faults()
        .next(answer(503, &[], ""));
    let params = scene.inbound("YES");
    for expected in [RETRY, CONFIRMED, CONFIRMED] {
        let reply = scene
            .sandbox
            .twilio
            .deliver(params.clone(), scene.lambda.url())
            .await;
        assert_eq!(reply.messages, [expected]);
    }
    assert_eq!(
        (
            scene.sandbox.auth0.posted(&mail.ticket),
            scene.pending().await
        ),
        (1, None)
    );
}

/// Lets so many days pass since messages were answered.
async fn let_pass(scene: &Scene, days: u64) {
    for item in scene.sandbox.aws.items().await {
        let key = |name: &str| item[name]["S"].as_str().unwrap();
        if key("pk").starts_with("seen#twilio-confirmation#") {
            for moment in ["expires_at", "first"] {
                if item[moment].is_object() {
                    let at = sandbox::scene::number(&item[moment]) - days * 86_400;
                    let aws = &scene.sandbox.aws;
                    aws.set_number(key("pk"), key("sk"), moment, at).await;
                }
            }
        }
    }
    scene.sandbox.aws.sweep_now().await;
}

/// A signature has no end. Whoever has seen a YES could send it when another request waits.
#[tokio::test]
async fn a_replay_after_weeks_confirms_nothing() {
    for failed in [false, true] {
        let scene = Scene::start().await;
        scene.verification(LinkPage::Form).await;
        if failed {
            let auth0 = scene.sandbox.auth0.server().faults();
            auth0.next(answer(503, &[], ""));
        }
        let params = scene.inbound("YES");
        let deliver = async || {
            let twilio = &scene.sandbox.twilio;
            let reply = twilio.deliver(params.clone(), scene.lambda.url()).await;
            assert_eq!(reply.status, 200);
            reply.messages
        };
        let first = if failed { RETRY } else { CONFIRMED };
        assert_eq!(deliver().await, [first]);
        if failed {
            scene.text_answered("YES", CONFIRMED).await;
        }
        let other = scene.sandbox.auth0.mail_verification(
            &scene.sandbox.auth0.sign_up("other@sms.example.com"),
            LinkPage::Form,
        );
        scene
            .pend(&request("other", Kind::Verification, &other.link))
            .await;
        for days in [8, 391] {
            let_pass(&scene, days).await;
            assert_eq!(deliver().await, [""; 0], "{failed} {days}");
            assert_eq!(
                (
                    scene.sandbox.auth0.fetched(&other.ticket),
                    scene.waiting().await
                ),
                (0, 1),
                "{failed} {days}"
            );
        }
    }
}

/// Twilio's signature has nothing between names and values. So it also fits the message without its end, which is then a parameter.
#[tokio::test]
async fn a_message_that_is_cut_differently_confirms_nothing() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    let honest = scene.inbound("YESDan");
    let mut cut = replaced(&honest, "Body", "YES");
    cut.push(("Dan".to_owned(), String::new()));
    let sign = |params: &[_]| scene.sandbox.twilio.sign(scene.lambda.url(), params);
    assert_eq!(sign(&honest), sign(&cut));
    for (params, messages) in [(&honest, vec![WRONG.to_owned()]), (&cut, Vec::new())] {
        let twilio = &scene.sandbox.twilio;
        let reply = twilio.deliver(params.clone(), scene.lambda.url()).await;
        assert_eq!((reply.status, reply.messages), (200, messages));
    }
    scene.assert_nothing_fetched();
    assert_eq!(scene.waiting().await, 1);
}
