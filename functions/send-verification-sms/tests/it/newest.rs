//! Several mails to one address: the newest link waits, the older ones do not.

use sandbox::{mail::Mail, wire::Fault};
use serde_json::{Value, json};

use crate::scene::{Fields, PHONE, Scene, UNASKED, address};

/// The links that wait for the phone.
async fn waiting(scene: &Scene) -> Vec<String> {
    let mut links: Vec<String> = scene
        .pending(PHONE)
        .await
        .iter()
        .map(|request| request["link"]["S"].as_str().unwrap().to_owned())
        .collect();
    links.sort();
    links
}

fn link(mail: &Mail) -> String {
    let (_, after) = mail.html.split_once("<a href=\"http://127.0.0.1").unwrap();
    format!(
        "http://127.0.0.1{}",
        after.split(['#', '"']).next().unwrap()
    )
}

/// What Mailgun posts for a mail that came so many seconds from now.
fn at(scene: &Scene, mail: &Mail, seconds: i64) -> Fields {
    scene.sandbox.mailgun.fields(
        mail,
        sandbox::now()
            .as_secs()
            .checked_add_signed(seconds)
            .unwrap(),
    )
}

#[tokio::test]
async fn the_newest_link_takes_the_place_of_older_ones() {
    let scene = Scene::start().await;
    let (first, second) = (scene.mail(), scene.mail());
    for mail in [&first, &second] {
        assert_eq!(scene.post_mail(mail).await.status, 200);
        assert_eq!(waiting(&scene).await, [link(mail)]);
    }
    assert_eq!(scene.texts(), 2);
    let user = scene.sign_up(PHONE);
    for _ in 0..2 {
        let password = scene.sandbox.auth0.mail_password(&user).mail;
        assert_eq!(scene.post_mail(&password).await.status, 200);
        assert_eq!(
            waiting(&scene).await,
            [link(&second), link(&password)],
            "a password is another matter"
        );
    }
}

#[tokio::test]
async fn an_older_mail_that_comes_late_is_neither_sent_nor_kept_nor_counted() {
    let scene = Scene::start().await;
    let (older, newer) = (scene.mail(), scene.mail());
    assert_eq!(scene.post(&at(&scene, &newer, -10)).await.status, 200);
    for _ in 0..2 {
        let answer = scene.post(&at(&scene, &older, -60)).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    }
    scene.logged("superseded").await;
    assert_eq!(
        (
            scene.texts(),
            scene.counted(PHONE).await,
            scene.counted("all").await
        ),
        (1, 1, 1)
    );
    assert_eq!(
        (waiting(&scene).await, scene.items("sent#").await.len()),
        (vec![link(&newer)], 1)
    );
    let delivery = scene.sandbox.mailgun.receive(&scene.mail()).await;
    assert!(
        delivery.done && scene.texts() == 2,
        "the next one is newer than both"
    );
}

#[tokio::test]
async fn letters_of_either_case_are_the_same_address() {
    let scene = Scene::start().await;
    let (one, other) = (scene.mail(), scene.mail());
    assert_eq!(scene.post_mail(&one).await.status, 200);
    assert_eq!(
        scene
            .post_mail(&Mail {
                recipient: address(PHONE).to_uppercase(),
                ..other.clone()
            })
            .await
            .status,
        200
    );
    assert_eq!(waiting(&scene).await, [link(&other)]);
}

#[tokio::test]
async fn two_addresses_of_one_phone_are_two_requests() {
    let pattern = (
        "RECIPIENT_PATTERN",
        Some(r"(?:acme|shop)\+(?P<phone>\d+)@sms\.example\.com"),
    );
    let scene = Scene::with(&[
        pattern,
        ("RECIPIENT_PREFIX", None),
        ("RECIPIENT_DOMAIN", None),
    ])
    .await;
    for prefix in ["acme", "shop"] {
        let recipient = address(PHONE).replace("acme", prefix);
        scene.sandbox.auth0.sign_up(&recipient);
        assert_eq!(
            scene
                .post_mail(&Mail {
                    recipient,
                    ..scene.mail()
                })
                .await
                .status,
            200
        );
    }
    assert_eq!(scene.pending(PHONE).await.len(), 2);
}

/// Its text is on the phone and asks for a YES.
#[tokio::test]
async fn a_newer_mail_that_cannot_be_sent_leaves_the_phone_a_link() {
    let busy = Fault::Answer {
        status: 429,
        headers: vec![],
        body: String::new(),
    };
    for fault in [busy, Fault::ResetAfter] {
        let scene = Scene::start().await;
        assert_eq!(scene.post_mail(&scene.mail()).await.status, 200);
        scene.twilio().next(fault.clone());
        let newer = scene.mail();
        assert_eq!(scene.post_mail(&newer).await.status, 503);
        assert_eq!(waiting(&scene).await, [link(&newer)], "{fault:?}");
        assert_eq!(scene.post_mail(&newer).await.status, 200);
        assert_eq!(waiting(&scene).await, [link(&newer)], "{fault:?}");
    }
}

/// Changes the request that waits for the phone.
async fn change(scene: &Scene, change: impl Fn(&mut Value)) {
    let mut item = scene
        .items(&format!("pending#{PHONE}"))
        .await
        .pop()
        .unwrap();
    let (_, request) = item
        .as_object_mut()
        .unwrap()
        .iter_mut()
        .find(|(name, _)| name.starts_with("r_"))
        .unwrap();
    change(&mut request["M"]);
    scene.sandbox.aws.put(item).await;
}

/// The older mail's text asks for a YES that nothing could come of.
#[tokio::test]
async fn a_newer_mail_that_cannot_be_sent_does_not_stay_where_an_expired_one_stood() {
    for (status, answered) in [(503, 503), (400, 406)] {
        let scene = Scene::start().await;
        assert_eq!(scene.post_mail(&scene.mail()).await.status, 200);
        let past = sandbox::now().as_secs() - 60;
        change(&scene, |request| {
            request["expires_at"] = json!({ "N": past.to_string() });
        })
        .await;
        let refusal = json!({ "code": 21610, "status": 400, "message": "x" });
        scene.twilio().next(Fault::Answer {
            status,
            headers: vec![],
            body: refusal.to_string(),
        });
        let newer = scene.mail();
        assert_eq!(scene.post_mail(&newer).await.status, answered);
        assert!(scene.items("pending#").await.is_empty(), "{status}");
        if answered == 503 {
            assert_eq!(scene.post_mail(&newer).await.status, 200);
            assert_eq!(waiting(&scene).await, [link(&newer)]);
        }
    }
}

/// The text of the first attempt may have arrived, and a reply to it been answered with a list.
#[tokio::test]
async fn a_mail_that_is_sent_once_more_keeps_the_code_that_a_reply_was_told() {
    let scene = Scene::start().await;
    scene.twilio().next(Fault::ResetAfter);
    let fields = scene.fields(&scene.mail());
    assert_eq!(scene.post(&fields).await.status, 503);
    change(&scene, |request| {
        request["code"] = json!({ "S": "4821" });
        request["created_at"] = json!({ "N": "1800000000" });
    })
    .await;
    assert_eq!(scene.post(&fields).await.status, 200);
    let request = scene.pending(PHONE).await.pop().unwrap();
    assert_eq!(request["code"]["S"], "4821");
    assert_ne!(request["created_at"]["N"], "1800000000", "it waits anew");
}

#[tokio::test]
async fn a_mail_that_was_replaced_meanwhile_is_not_sent_again() {
    for unknown in [true, false] {
        let scene = Scene::start().await;
        let busy = Fault::Answer {
            status: 429,
            headers: vec![],
            body: String::new(),
        };
        scene
            .twilio()
            .next(if unknown { Fault::ResetAfter } else { busy });
        let older = scene.fields(&scene.mail());
        assert_eq!(scene.post(&older).await.status, 503);
        let newer = scene.mail();
        assert_eq!(scene.post(&at(&scene, &newer, 30)).await.status, 200);
        let texts = scene.texts();
        assert_eq!(scene.post(&older).await.status, 200);
        scene.logged("superseded").await;
        assert_eq!(
            (scene.texts(), waiting(&scene).await),
            (texts, vec![link(&newer)])
        );
    }
}

#[tokio::test]
async fn a_retry_that_is_signed_anew_is_no_newer_mail() {
    let scene = Scene::with(&[UNASKED]).await;
    scene.twilio().next(Fault::Answer {
        status: 503,
        headers: vec![],
        body: String::new(),
    });
    let (older, newer) = (scene.mail(), scene.mail());
    assert_eq!(scene.post_mail(&older).await.status, 503);
    assert_eq!(scene.post(&at(&scene, &newer, 30)).await.status, 200);
    assert_eq!(scene.post(&at(&scene, &older, 50)).await.status, 200);
    assert_eq!(
        (scene.texts(), waiting(&scene).await),
        (1, vec![link(&newer)])
    );
}
