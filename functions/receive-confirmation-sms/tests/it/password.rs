//! Password mails: the link goes to the phone, and is not opened by us.

use sandbox::Sandbox;
use sandbox::auth0::LinkPage;
use sandbox::twilio::{NUMBER, Reply};
use shared::rules::link::Kind;

use crate::scene::{CONFIRMED, EXPIRED, FUNCTION, RETRY, Scene, answer, request, targets};

fn link_sent(reply: &Reply, link: &str) {
    let link = link.trim_end_matches('#');
    assert_eq!(
        reply.messages,
        [format!("Open this link to choose your password: {link}")]
    );
}

#[tokio::test]
async fn the_link_is_sent_and_the_tenant_not_contacted() {
    let scene = Scene::start().await;
    let mail = scene.password().await;
    link_sent(&scene.text("YES").await, &mail.link);
    scene.assert_nothing_fetched();
    assert_eq!(scene.pending().await, None);
    scene.text_answered("YES", "").await;
    scene.assert_everything_expires().await;
}

#[tokio::test]
async fn twilio_s_retry_gets_the_link_again() {
    let scene = Scene::start().await;
    let mail = scene.password().await;
    let params = scene.inbound("YES");
    let first = scene
        .sandbox
        .twilio
        .deliver(params.clone(), scene.lambda.url())
        .await;
    link_sent(&first, &mail.link);
    let again = scene
        .sandbox
        .twilio
        .deliver(params, scene.lambda.url())
        .await;
    assert_eq!((again.status, again.body), (200, first.body));
    scene.assert_nothing_fetched();
    scene.assert_everything_expires().await;
}

#[tokio::test]
async fn an_answer_that_got_lost_on_the_way_is_given_again() {
    let scene = Scene::start().await;
    let mail = scene.password().await;
    scene
        .sandbox
        .door(FUNCTION)
        .faults()
        .next(sandbox::wire::Fault::ResetAfter);
    let reply = scene.text("YES").await;
    link_sent(&reply, &mail.link);
    assert_eq!(reply.attempts, 2);
}

#[tokio::test]
async fn a_link_with_markup_in_it_stays_one_text() {
    let scene = Scene::with(&[("PASSWORD_LINK_MESSAGE", Some("<b>{link}</b> & \"go\""))]).await;
    let link = format!(
        "{}/u/reset-verify?ticket=x&a=%3C/Message%3E",
        scene.sandbox.auth0.server().url()
    );
    scene
        .pend(&request("password", Kind::Password, &link))
        .await;
    scene
        .text_answered("YES", &format!("<b>{link}</b> & \"go\""))
        .await;
}

/// A text ends at 1,600 characters, of which the longest link takes 1,000.
#[tokio::test]
async fn the_message_leaves_room_for_the_longest_link() {
    let message = format!("{}{{link}}", "é".repeat(594));
    let scene = Scene::with(&[("PASSWORD_LINK_MESSAGE", Some(&message))]).await;
    let start = format!(
        "{}/u/reset-verify?ticket=",
        scene.sandbox.auth0.server().url()
    );
    let link = format!("{start}{}", "x".repeat(1_000 - start.len()));
    scene
        .pend(&request("password", Kind::Password, &link))
        .await;
    scene
        .text_answered("YES", &message.replace("{link}", &link))
        .await;

    let sandbox = Sandbox::start().await;
    let longer = format!("{message}!");
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_receive-confirmation-sms"));
    let lambda = sandbox
        .run_with(
            FUNCTION,
            binary,
            1,
            &[("PASSWORD_LINK_MESSAGE", Some(&longer))],
        )
        .await;
    let problem = lambda.wait_ready().await.unwrap_err();
    assert!(
        problem.contains("PASSWORD_LINK_MESSAGE") && problem.contains("600 characters"),
        "{problem}"
    );
}

#[tokio::test]
async fn the_link_is_opened_only_if_the_operator_asks_for_it() {
    let scene = Scene::with(&[("PASSWORD_ACTION", Some("click"))]).await;
    scene.sandbox.auth0.allow_password_links(true);
    let mail = scene.password().await;
    scene.text_answered("YES", RETRY).await;
    assert_eq!(
        (
            scene.sandbox.auth0.fetched(&mail.ticket),
            scene.waiting().await
        ),
        (1, 1)
    );
    scene.sandbox.auth0.server().faults().next(answer(
        302,
        &[("location", "https://app.acme.example/?success=true")],
        "",
    ));
    scene.text_answered("YES", CONFIRMED).await;
    assert_eq!(scene.pending().await, None);
    assert_eq!(
        targets(scene.sandbox.auth0.server()),
        ["GET /u/reset-verify"; 2]
    );
}

#[tokio::test]
async fn another_number_is_told_nothing() {
    let scene = Scene::start().await;
    let mail = scene.password().await;
    for body in ["YES", "NO", "YES 1234", "STOP"] {
        let reply = scene.sandbox.twilio.text("+4587654321", NUMBER, body).await;
        assert_eq!((reply.status, reply.messages.len()), (200, 0), "{body}");
    }
    assert_eq!(scene.waiting().await, 1);
    link_sent(&scene.text("YES").await, &mail.link);
}

#[tokio::test]
async fn a_late_yes_gets_no_link() {
    let scene = Scene::start().await;
    scene.password().await;
    crate::late::expired_for(&scene, 60).await;
    scene.text_answered("YES", EXPIRED).await;
    scene.text_answered("YES", "").await;
}

#[tokio::test]
async fn a_stored_kind_is_what_counts_not_a_word_in_the_link() {
    let scene = Scene::start().await;
    let mail = scene.sandbox.auth0.mail_verification(
        &scene.sandbox.auth0.sign_up(crate::scene::EMAIL),
        LinkPage::Form,
    );
    let link = format!("{}&next=/u/reset-verify", mail.link.trim_end_matches('#'));
    scene
        .pend(&request("verify", Kind::Verification, &link))
        .await;
    scene.text_answered("YES", CONFIRMED).await;
}
