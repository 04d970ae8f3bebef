//! The same mail again: one text, whoever delivers it how often.

use std::{sync::Arc, time::Duration};

use sandbox::{Sandbox, mail::Mail, wire::Fault};

use crate::scene::{PHONE, Scene, get, set, wait_items};

#[tokio::test]
async fn the_identical_post_is_answered_200_and_sends_nothing() {
    let scene = Scene::start().await;
    let fields = scene.fields(&scene.mail());
    for _ in 0..3 {
        assert_eq!(scene.post(&fields).await.status, 200);
    }
    let line = scene.logged("duplicate").await;
    assert_eq!(line["sid"], scene.sandbox.twilio.messages()[0].sid);
    assert_eq!(
        (
            scene.texts(),
            scene.asked(),
            scene.pending(PHONE).await.len()
        ),
        (1, 1, 1)
    );
    assert_eq!(
        (scene.counted(PHONE).await, scene.counted("all").await),
        (1, 1),
        "duplicates count nothing"
    );
}

#[tokio::test]
async fn the_same_mail_signed_anew_is_a_duplicate() {
    let scene = Scene::start().await;
    let mail = scene.mail();
    for _ in 0..3 {
        assert_eq!(scene.post_mail(&mail).await.status, 200);
    }
    assert_eq!((scene.texts(), scene.pending(PHONE).await.len()), (1, 1));
}

#[tokio::test]
async fn a_token_is_good_for_one_mail() {
    let scene = Scene::start().await;
    let used = scene.fields(&scene.mail());
    assert_eq!(scene.post(&used).await.status, 200);
    let mut other = scene.fields(&scene.mail_to("+4587654321"));
    for name in ["timestamp", "token", "signature"] {
        set(&mut other, name, get(&used, name));
    }
    assert_eq!(scene.post(&other).await.status, 200);
    scene.logged("replayed").await;
    assert_eq!(
        (
            scene.texts(),
            scene.asked(),
            scene.pending("+4587654321").await.len()
        ),
        (1, 1, 0)
    );
}

#[tokio::test]
async fn without_a_message_id_the_token_tells_mails_apart() {
    let scene = Scene::start().await;
    let mail = Mail {
        message_id: String::new(),
        ..scene.mail()
    };
    let (one, other) = (scene.fields(&mail), scene.fields(&mail));
    for fields in [&one, &one, &other] {
        assert_eq!(scene.post(fields).await.status, 200);
    }
    assert_eq!(scene.texts(), 2);
}

#[tokio::test]
async fn one_message_id_to_two_phones_is_two_mails() {
    let scene = Scene::start().await;
    let mail = scene.mail();
    let copy = Mail {
        recipient: scene.sign_up("+4587654321").email,
        ..mail.clone()
    };
    for mail in [mail, copy] {
        assert_eq!(scene.post_mail(&mail).await.status, 200);
    }
    assert_eq!(scene.texts(), 2);
}

#[tokio::test]
async fn fifty_deliveries_at_once_over_four_processes_send_one_text() {
    let scene = Arc::new(Scene::on(Sandbox::start().await, 4, &[]).await);
    let mail = scene.mail();
    let same = scene.fields(&mail);
    let posts = (0..50)
        .map(|n| {
            if n % 2 == 0 {
                same.clone()
            } else {
                scene.fields(&mail)
            }
        })
        .collect();
    let statuses = scene.post_together(posts).await;
    assert_eq!(statuses, [200; 50]);
    assert_eq!(
        (scene.texts(), scene.asked(), scene.stage().await.as_str()),
        (1, 1, "sent")
    );
    assert_eq!(
        (scene.counted(PHONE).await, scene.counted("all").await),
        (1, 1),
        "fifty copies are one text"
    );
}

/// It neither sends meanwhile nor gives up: it takes over once the other one has failed.
#[tokio::test]
async fn a_delivery_during_the_send_waits_for_how_that_ends() {
    let scene = Scene::on(Sandbox::start().await, 2, &[]).await;
    scene.twilio().next(Fault::Hang);
    let fields = scene.fields(&scene.mail());
    let second = async {
        scene.wait_asked(1).await;
        scene.post(&fields).await.status
    };
    let cut = async {
        // The second one has met the first one's claim, and looks at it again.
        wait_items(scene.sandbox.aws.dynamodb(), 1, "GetItem", "sent#").await;
        let asked = scene.asked();
        scene.cut_twilio();
        asked
    };
    let (first, second, asked) = tokio::join!(scene.post(&fields), second, cut);
    assert_eq!((first.status, second, asked), (503, 200, 1));
    assert_eq!(
        (scene.texts(), scene.asked(), scene.stage().await.as_str()),
        (1, 2, "sent")
    );
}

/// The first one has written that it failed, but takes its request back only when the second one has sent it.
#[tokio::test]
async fn a_late_withdrawal_leaves_the_request_of_another_delivery_alone() {
    let scene = Scene::on(Sandbox::start().await, 2, &[]).await;
    scene.twilio().next(Fault::Answer {
        status: 503,
        headers: vec![],
        body: String::new(),
    });
    scene
        .dynamodb()
        .next_with("TransactItems", Fault::Delay(Duration::ZERO));
    scene.dynamodb().next_with("\"pending#", Fault::Hang);
    let fields = scene.fields(&scene.mail());
    let second = async {
        wait_items(scene.sandbox.aws.dynamodb(), 1, "UpdateItem", "pending#").await;
        let status = scene.post(&fields).await.status;
        scene.dynamodb().refuse(true);
        scene.dynamodb().refuse(false);
        status
    };
    let (first, second) = tokio::join!(scene.post(&fields), second);
    assert_eq!((first.status, second, scene.texts()), (503, 200, 1));
    assert_eq!(
        (
            scene.pending(PHONE).await.len(),
            scene.stage().await.as_str()
        ),
        (1, "sent")
    );
    assert_eq!((scene.post(&fields).await.status, scene.texts()), (200, 1));
}
