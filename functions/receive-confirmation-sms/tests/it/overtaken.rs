//! A message that is handled later than a newer request was stored: it was not said to that one.

use std::sync::Arc;
use std::time::Duration;

use sandbox::Sandbox;
use sandbox::auth0::{LinkPage, TicketMail};
use sandbox::twilio::Reply;
use sandbox::wire::Fault;
use shared::platform::time::epoch;
use shared::rules::link::Kind;
use shared::rules::pending::Request;

use crate::outages::broken;
use crate::scene::{CONFIRMED, Scene, aged, request};

/// A second account signs up with this phone.
fn other_account(scene: &Scene) -> TicketMail {
    let auth0 = &scene.sandbox.auth0;
    auth0.mail_verification(&auth0.sign_up("other@sms.example.com"), LinkPage::Form)
}

/// The request of a mail that comes some seconds later.
fn later(mail: &TicketMail) -> Request {
    let created_at = epoch(shared::platform::runtime::now()) + 3;
    Request {
        created_at,
        ..request("other", Kind::Verification, &mail.link)
    }
}

async fn deliver(scene: &Scene, params: &[(String, String)]) -> Reply {
    let twilio = &scene.sandbox.twilio;
    twilio.deliver(params.to_vec(), scene.lambda.url()).await
}

/// The answer of a message is not stored.
fn lose_answers(scene: &Scene) {
    let faults = scene.sandbox.aws.dynamodb().faults();
    faults.always_with("\"answer\"", broken());
}

fn lose_nothing(scene: &Scene) {
    scene.sandbox.aws.dynamodb().faults().clear();
}

/// Both come within a second, so no clock tells which was first.
#[tokio::test]
async fn a_retry_of_a_yes_whose_answer_was_lost_confirms_no_second_request() {
    let scene = Scene::start().await;
    let mail = scene.verification(LinkPage::Form).await;
    let params = scene.inbound("YES");
    lose_answers(&scene);
    // Twilio does not get this answer.
    assert_eq!(deliver(&scene, &params).await.messages, [CONFIRMED]);
    assert_eq!(scene.waiting().await, 0);
    lose_nothing(&scene);
    let other = other_account(&scene);
    let second = request("other", Kind::Verification, &other.link);
    scene.pend(&second).await;
    for _ in 0..2 {
        let reply = scene.deliver_until_answered(&params).await;
        assert_eq!(reply.messages, [CONFIRMED], "{:#?}", scene.lambda.log());
    }
    let auth0 = &scene.sandbox.auth0;
    assert_eq!(
        (auth0.posted(&mail.ticket), auth0.fetched(&other.ticket)),
        (1, 0)
    );
    scene.text_answered("YES", CONFIRMED).await;
    assert_eq!(auth0.posted(&other.ticket), 1, "its own YES confirms it");
}

#[tokio::test]
async fn a_yes_that_waits_for_another_one_confirms_no_request_that_came_meanwhile() {
    let scene = Arc::new(Scene::within(Sandbox::start().await, 2, &[]).await);
    let mail = scene.verification(LinkPage::Form).await;
    let faults = scene.sandbox.auth0.server().faults();
    faults.next(Fault::Delay(Duration::from_millis(700)));
    let reply = || {
        let scene = Arc::clone(&scene);
        tokio::spawn(async move { scene.text("YES").await })
    };
    let first = reply();
    while scene.opened().is_empty() {
        tokio::task::yield_now().await;
    }
    let before = scene.sandbox.aws.dynamodb().exchanges().len();
    let second = reply();
    // It notes and claims its message, and does not get the requests.
    while scene.sandbox.aws.dynamodb().exchanges().len() < before + 3 {
        tokio::task::yield_now().await;
    }
    let other = other_account(&scene);
    let added = later(&other);
    scene.pend(&added).await;
    for replied in [first.await.unwrap(), second.await.unwrap()] {
        assert_eq!(replied.messages, [CONFIRMED], "{:#?}", scene.lambda.log());
    }
    let auth0 = &scene.sandbox.auth0;
    assert_eq!(
        (auth0.posted(&mail.ticket), auth0.fetched(&other.ticket)),
        (1, 0)
    );
    assert_eq!(scene.waiting().await, 1);
}

#[tokio::test]
async fn a_retry_of_a_yes_that_nothing_waited_for_confirms_no_request_that_came_meanwhile() {
    let scene = Scene::start().await;
    let params = scene.inbound("YES");
    lose_answers(&scene);
    assert_eq!(deliver(&scene, &params).await.status, 503);
    lose_nothing(&scene);
    let other = other_account(&scene);
    scene.pend(&later(&other)).await;
    let reply = deliver(&scene, &params).await;
    assert_eq!((reply.status, reply.messages.len()), (200, 0));
    scene.assert_nothing_fetched();
    assert_eq!(scene.waiting().await, 1);
}

/// The message was noted, and could not be claimed.
#[tokio::test]
async fn a_retry_of_a_yes_that_was_only_noted_confirms_no_request_that_came_meanwhile() {
    let scene = Scene::start().await;
    let params = scene.inbound("YES");
    let faults = scene.sandbox.aws.dynamodb().faults();
    faults.always_with("attribute_not_exists(answer) AND (lease_until", broken());
    assert_eq!(deliver(&scene, &params).await.status, 503);
    lose_nothing(&scene);
    // As if that were ten seconds ago.
    let items = scene.sandbox.aws.items().await;
    let noted = items.into_iter().find(|item| item["sk"]["S"] == "first");
    let mut noted = noted.unwrap();
    let second = epoch(shared::platform::runtime::now()) - 10;
    noted["first"]["N"] = second.to_string().into();
    scene.sandbox.aws.put(noted).await;
    let other = other_account(&scene);
    let request = aged("other", Kind::Verification, &other.link, 5);
    scene.pend(&request).await;
    let reply = deliver(&scene, &params).await;
    assert_eq!((reply.status, reply.messages.len()), (200, 0));
    scene.assert_nothing_fetched();
    scene.text_answered("YES", CONFIRMED).await;
}

/// The person opted in again, and asked for another mail.
#[tokio::test]
async fn a_retry_of_a_stop_cancels_no_request_that_came_meanwhile() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    let params = scene.inbound("STOP");
    lose_answers(&scene);
    assert_eq!(deliver(&scene, &params).await.status, 503);
    assert_eq!(scene.waiting().await, 0);
    lose_nothing(&scene);
    let other = other_account(&scene);
    scene.pend(&later(&other)).await;
    let reply = deliver(&scene, &params).await;
    assert_eq!((reply.status, reply.messages.len()), (200, 0));
    assert_eq!(scene.waiting().await, 1);
}

#[tokio::test]
async fn a_retry_of_a_yes_that_asked_which_one_confirms_none() {
    let scene = Scene::start().await;
    let mail = scene.verification(LinkPage::Form).await;
    let other = other_account(&scene);
    let second = request("other", Kind::Verification, &other.link);
    scene.pend(&second).await;
    let list = scene.text("YES").await.messages.concat();
    let code = &list.lines().nth(1).unwrap()[10..14];
    let params = scene.inbound("YES");
    lose_answers(&scene);
    assert_eq!(deliver(&scene, &params).await.status, 503);
    lose_nothing(&scene);
    scene.text_answered(&format!("YES {code}"), CONFIRMED).await;
    let auth0 = &scene.sandbox.auth0;
    let confirmed = || auth0.posted(&mail.ticket) + auth0.posted(&other.ticket);
    assert_eq!(confirmed(), 1);
    let again = deliver(&scene, &params).await;
    assert_eq!((again.status, again.messages.len()), (200, 1));
    assert_ne!(again.messages, [CONFIRMED]);
    assert_eq!((confirmed(), scene.waiting().await), (1, 1));
}
