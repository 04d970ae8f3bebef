//! Replies that come too late, and links that Auth0 refuses.

use sandbox::auth0::LinkPage;
use shared::platform::time::epoch;
use shared::rules::link::Kind;

use crate::scene::{CONFIRMED, EXPIRED, PHONE, Scene, aged, answer};

/// Lets all that waits expire so many seconds ago.
pub(crate) async fn expired_for(scene: &Scene, seconds: u64) {
    let end = epoch(shared::platform::runtime::now()) - seconds;
    scene
        .sandbox
        .aws
        .update_expiry(&format!("pending#{PHONE}"), "pending", end)
        .await;
}

#[tokio::test]
async fn an_expired_request_is_told_once_and_is_gone() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    expired_for(&scene, 60).await;
    scene.text_answered("YES", EXPIRED).await;
    assert_eq!(scene.pending().await, None);
    scene.text_answered("YES", "").await;
    scene.assert_nothing_fetched();
    assert!(!scene.verified());
}

#[tokio::test]
async fn a_wrong_word_for_an_expired_request_is_not_answered() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    expired_for(&scene, 60).await;
    scene.text_answered("NO", "").await;
    scene.text_answered("YES", EXPIRED).await;
}

#[tokio::test]
async fn two_days_later_nobody_remembers() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    expired_for(&scene, 2 * 86_400).await;
    scene.text_answered("YES", "").await;
    scene.assert_nothing_fetched();
}

#[tokio::test]
async fn a_shorter_validity_holds_for_what_is_stored_already() {
    let scene = Scene::with(&[("RESET_VALID_HOURS", Some("1"))]).await;
    let mail = scene.sandbox.auth0.mail_verification(
        &scene.sandbox.auth0.sign_up(crate::scene::EMAIL),
        LinkPage::Form,
    );
    scene
        .pend(&aged("old", Kind::Verification, &mail.link, 3 * 3600))
        .await;
    scene.text_answered("YES", EXPIRED).await;
    scene.assert_nothing_fetched();
    scene
        .pend(&aged("new", Kind::Verification, &mail.link, 1800))
        .await;
    scene.text_answered("YES", CONFIRMED).await;
}

#[tokio::test]
async fn what_still_waits_is_confirmed_although_another_expired() {
    let scene = Scene::start().await;
    let mail = scene.verification(LinkPage::Form).await;
    scene
        .pend(&aged(
            "old",
            Kind::Verification,
            &mail.link.replace(&mail.ticket, "old"),
            9 * 3600,
        ))
        .await;
    let far = epoch(shared::platform::runtime::now()) + 86_400;
    scene
        .sandbox
        .aws
        .update_expiry(&format!("pending#{PHONE}"), "pending", far)
        .await;
    scene.text_answered("YES", CONFIRMED).await;
    assert!(scene.verified());
}

#[tokio::test]
async fn a_refused_link_is_told_and_is_gone() {
    for page in [LinkPage::Form, LinkPage::Redirect] {
        let scene = Scene::start().await;
        let mail = scene.verification(page).await;
        scene.sandbox.auth0.expire(&mail.ticket);
        scene.text_answered("YES", EXPIRED).await;
        assert_eq!((scene.pending().await, scene.verified()), (None, false));
        scene.text_answered("YES", "").await;
        assert_eq!(scene.sandbox.auth0.fetched(&mail.ticket), 1);
    }
}

#[tokio::test]
async fn a_link_that_answers_4xx_is_gone() {
    let scene = Scene::start().await;
    for status in [400, 403, 404, 410] {
        scene.verification(LinkPage::Form).await;
        scene
            .sandbox
            .auth0
            .server()
            .faults()
            .next(answer(status, &[], "<h1>Not found</h1>"));
        scene.text_answered("YES", EXPIRED).await;
        assert_eq!(scene.pending().await, None, "{status}");
    }
}

#[tokio::test]
async fn a_link_to_a_host_no_longer_listed_is_not_opened() {
    let scene = Scene::with(&[("LINK_HOSTS", Some("login.acme.example"))]).await;
    scene.verification(LinkPage::Form).await;
    scene.text_answered("YES", EXPIRED).await;
    scene.assert_nothing_fetched();
    assert_eq!(scene.pending().await, None);
}

#[tokio::test]
async fn a_stored_link_is_judged_like_a_new_one() {
    let scene = Scene::start().await;
    let (tenant, elsewhere) = (
        scene.sandbox.auth0.server().url(),
        scene.sandbox.mailgun.server().url(),
    );
    for link in [
        format!("{elsewhere}/u/email-verification?ticket=x"),
        format!("{tenant}/v2/logout?ticket=x"),
        format!("{tenant}/u/email-verification"),
        tenant.replace("http://", "http://user@") + "/u/email-verification?ticket=x",
        "https://169.254.169.254/u/email-verification?ticket=x".to_owned(),
        "javascript:alert(1)".to_owned(),
    ] {
        for kind in [Kind::Verification, Kind::Password] {
            scene.pend(&crate::scene::request("bad", kind, &link)).await;
            scene.text_answered("YES", EXPIRED).await;
        }
    }
    scene.assert_nothing_fetched();
    assert!(scene.sandbox.mailgun.server().exchanges().is_empty());
}
