//! The newest mail's link has taken the place of an older one, before the reply or during it.

use std::sync::Arc;
use std::time::Duration;

use sandbox::auth0::LinkPage;
use sandbox::wire::Fault;
use serde_json::json;
use shared::platform::time::epoch;
use shared::rules::link::Kind;
use shared::rules::pending::Request;

use crate::scene::{CONFIRMED, EMAIL, PHONE, Scene, WRONG, answer, request};

/// The request of one of several mails to one address.
fn of_one_address(id: &str, kind: Kind, link: &str) -> Request {
    Request {
        slot: shared::rules::pending::slot(kind, EMAIL),
        ..request(id, kind, link)
    }
}

#[tokio::test]
async fn a_yes_to_the_newest_of_several_mails_needs_no_code() {
    let scene = Scene::start().await;
    let user = scene.sandbox.auth0.sign_up(EMAIL);
    let mails = [0; 3].map(|_| scene.sandbox.auth0.mail_verification(&user, LinkPage::Form));
    for (number, mail) in mails.iter().enumerate() {
        scene
            .pend(&of_one_address(
                &format!("mail{number}"),
                Kind::Verification,
                &mail.link,
            ))
            .await;
    }
    scene.text_answered("YES", CONFIRMED).await;
    assert_eq!(
        mails
            .each_ref()
            .map(|mail| scene.sandbox.auth0.fetched(&mail.ticket)),
        [0, 0, 1]
    );
    assert_eq!((scene.verified(), scene.pending().await), (true, None));
}

#[tokio::test]
async fn the_newest_password_link_is_handed_over() {
    let scene = Scene::start().await;
    let user = scene.sandbox.auth0.sign_up(EMAIL);
    let [older, newer] = [0; 2].map(|_| scene.sandbox.auth0.mail_password(&user));
    scene
        .pend(&of_one_address("older", Kind::Password, &older.link))
        .await;
    scene
        .pend(&of_one_address("newer", Kind::Password, &newer.link))
        .await;
    let reply = scene.text("YES").await;
    assert!(reply.messages.concat().contains(&newer.ticket), "{reply:?}");
    assert_eq!(scene.pending().await, None);
}

/// The reply was to the older mail's text; the newer one asks for its own.
#[tokio::test]
async fn a_request_that_comes_while_an_older_one_is_confirmed_is_not_used_up() {
    let scene = Arc::new(Scene::start().await);
    let user = scene.sandbox.auth0.sign_up(EMAIL);
    let [older, newer] =
        [0; 2].map(|_| scene.sandbox.auth0.mail_verification(&user, LinkPage::Form));
    scene
        .pend(&of_one_address("older", Kind::Verification, &older.link))
        .await;
    scene
        .pend(&request(
            "beside",
            Kind::Password,
            &scene.sandbox.auth0.mail_password(&user).link,
        ))
        .await;
    let list = scene.text("YES").await.messages.concat();
    let code = list
        .lines()
        .find(|line| line.contains("verification"))
        .unwrap()[10..14]
        .to_owned();
    scene
        .sandbox
        .auth0
        .server()
        .faults()
        .next(Fault::Delay(Duration::from_millis(500)));
    let replying = tokio::spawn({
        let scene = Arc::clone(&scene);
        async move { scene.text(&format!("YES {code}")).await }
    });
    while scene.opened().is_empty() {
        tokio::task::yield_now().await;
    }
    scene
        .pend(&of_one_address("newer", Kind::Verification, &newer.link))
        .await;
    assert_eq!(replying.await.unwrap().messages, [CONFIRMED]);
    assert_eq!(
        (
            scene.sandbox.auth0.posted(&older.ticket),
            scene.waiting().await
        ),
        (1, 2)
    );
    let item = scene.pending().await.unwrap();
    assert!(
        item.to_string().contains(&newer.ticket) && item["held_by"].is_null(),
        "{item:#}"
    );
}

#[tokio::test]
async fn a_code_is_not_written_over_a_newer_request() {
    let scene = Arc::new(Scene::start().await);
    let user = scene.sandbox.auth0.sign_up(EMAIL);
    let [older, newer] =
        [0; 2].map(|_| scene.sandbox.auth0.mail_verification(&user, LinkPage::Form));
    scene
        .pend(&of_one_address("older", Kind::Verification, &older.link))
        .await;
    scene
        .pend(&request(
            "beside",
            Kind::Password,
            &scene.sandbox.auth0.mail_password(&user).link,
        ))
        .await;
    // The write of the codes is held up.
    scene.sandbox.aws.dynamodb().faults().next_with(
        "version = :version",
        Fault::Delay(Duration::from_millis(500)),
    );
    let listing = tokio::spawn({
        let scene = Arc::clone(&scene);
        async move { scene.text("YES").await }
    });
    while scene.sandbox.aws.dynamodb().faults().pending() > 0 {
        tokio::task::yield_now().await;
    }
    scene
        .pend(&of_one_address("newer", Kind::Verification, &newer.link))
        .await;
    let list = listing.await.unwrap().messages.concat();
    let code =
        |kind: &str| list.lines().find(|line| line.contains(kind)).unwrap()[10..14].to_owned();
    let item = scene.pending().await.unwrap().to_string();
    assert!(
        item.contains(&newer.ticket) && !item.contains(&older.ticket),
        "{item}"
    );
    assert!(
        item.contains(&code("password"))
            && !item.contains(&format!("\"{}\"", code("verification"))),
        "{list} {item}"
    );
    scene
        .text_answered(&format!("YES {}", code("verification")), WRONG)
        .await;
    assert_eq!(
        (
            scene.sandbox.auth0.fetched(&older.ticket),
            scene.sandbox.auth0.fetched(&newer.ticket)
        ),
        (0, 0)
    );
}

#[tokio::test]
async fn a_failed_attempt_leaves_the_newer_request_as_it_is() {
    let scene = Scene::start().await;
    let user = scene.sandbox.auth0.sign_up(EMAIL);
    let [older, newer] =
        [0; 2].map(|_| scene.sandbox.auth0.mail_verification(&user, LinkPage::Form));
    scene
        .pend(&of_one_address("older", Kind::Verification, &older.link))
        .await;
    scene
        .sandbox
        .auth0
        .server()
        .faults()
        .next(answer(503, &[], ""));
    let params = scene.inbound("YES");
    scene
        .sandbox
        .twilio
        .deliver(params.clone(), scene.lambda.url())
        .await;
    scene
        .pend(&of_one_address("newer", Kind::Verification, &newer.link))
        .await;
    let again = scene
        .sandbox
        .twilio
        .deliver(params, scene.lambda.url())
        .await;
    assert_eq!(
        (again.messages.len(), scene.waiting().await),
        (0, 1),
        "that message was said to another mail"
    );
    scene.text_answered("YES", CONFIRMED).await;
    assert_eq!(scene.sandbox.auth0.posted(&newer.ticket), 1);
}

/// As an earlier version of send-verification-sms left it.
#[tokio::test]
async fn a_request_under_its_mail_s_name_is_confirmed_like_any_other() {
    let scene = Scene::start().await;
    let mail = scene
        .sandbox
        .auth0
        .mail_verification(&scene.sandbox.auth0.sign_up(EMAIL), LinkPage::Form);
    let now = epoch(shared::platform::runtime::now());
    let (text, number) = (
        |text: &str| json!({ "S": text }),
        |number: u64| json!({ "N": number.to_string() }),
    );
    let old = json!({ "M": {
        "kind": text("verification"), "link": text(mail.link.trim_end_matches('#')), "email": text(EMAIL),
        "created_at": number(now), "expires_at": number(now + 3600), "added_by": text("somebody"),
    }});
    let item = json!({
        "pk": text(&format!("pending#{PHONE}")), "sk": text("pending"), "version": number(1), "expires_at": number(now + 90_000),
        "r_0123456789abcdef0123456789abcdef": old,
    });
    scene.sandbox.aws.put(item).await;
    scene.text_answered("YES", CONFIRMED).await;
    assert_eq!((scene.verified(), scene.pending().await), (true, None));
}
