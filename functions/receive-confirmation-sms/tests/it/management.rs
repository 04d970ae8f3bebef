//! `CONFIRM_WITH=management-api`: the user is marked as verified, the link is never opened.

use sandbox::Sandbox;
use sandbox::auth0::LinkPage;
use sandbox::wire::Fault;
use serde_json::json;

use crate::scene::{CONFIRMED, EMAIL, EXPIRED, RETRY, Scene, answer, no_fault, targets};

const TOKEN: &str = "POST /oauth/token";

async fn scene() -> Scene {
    Scene::with(&[("CONFIRM_WITH", Some("management-api"))]).await
}

fn count(scene: &Scene, target: &str) -> usize {
    targets(scene.sandbox.auth0.server())
        .iter()
        .filter(|made| *made == target)
        .count()
}

#[tokio::test]
async fn the_user_is_updated_and_the_link_not_opened() {
    let scene = scene().await;
    let mail = scene.verification(LinkPage::Form).await;
    scene.text_answered("YES", CONFIRMED).await;
    assert!(scene.verified());
    assert_eq!(
        (
            scene.sandbox.auth0.fetched(&mail.ticket),
            scene.pending().await
        ),
        (0, None)
    );
    let id = scene
        .sandbox
        .auth0
        .user(EMAIL)
        .unwrap()
        .user_id
        .replace('|', "%7C");
    let made = targets(scene.sandbox.auth0.server());
    assert_eq!(
        made,
        [
            TOKEN.to_owned(),
            "GET /api/v2/users-by-email".to_owned(),
            format!("PATCH /api/v2/users/{id}")
        ]
    );
    scene.text_answered("YES", CONFIRMED).await;
    assert_eq!(targets(scene.sandbox.auth0.server()).len(), 3);
    scene.assert_everything_expires().await;
}

#[tokio::test]
async fn the_token_is_kept_and_replaced_once_when_refused() {
    let scene = scene().await;
    for _ in 0..3 {
        scene.verification(LinkPage::Form).await;
        scene.text_answered("YES", CONFIRMED).await;
    }
    assert_eq!(count(&scene, TOKEN), 1);
    let sandbox = &scene.sandbox;
    let other = sandbox.auth0.sign_up("other@sms.example.com");
    let mail = sandbox.auth0.mail_verification(&other, LinkPage::Form);
    let mut request =
        crate::scene::request("other", shared::rules::link::Kind::Verification, &mail.link);
    request.email = "Other@SMS.example.com".to_owned();
    scene.pend(&request).await;
    sandbox.auth0.revoke_tokens();
    scene.text_answered("YES", CONFIRMED).await;
    assert_eq!(count(&scene, TOKEN), 2);
    assert!(sandbox.auth0.user(&other.email).unwrap().email_verified);
}

#[tokio::test]
async fn a_rotated_client_secret_is_fetched_anew() {
    let scene = scene().await;
    scene.verification(LinkPage::Form).await;
    scene.text_answered("YES", CONFIRMED).await;
    scene.sandbox.auth0.set_client_secret("rotated");
    scene.sandbox.auth0.revoke_tokens();
    scene.sandbox.aws.set_secret(
        "switchboard/auth0",
        &json!({ "client_id": sandbox::auth0::CLIENT_ID, "client_secret": "rotated" }),
    );
    scene.verification(LinkPage::Form).await;
    scene.text_answered("YES", CONFIRMED).await;
    assert_eq!(count(&scene, TOKEN), 3);
}

#[tokio::test]
async fn several_users_with_the_address_are_all_left_alone() {
    let scene = scene().await;
    scene.verification(LinkPage::Form).await;
    scene.sandbox.auth0.sign_up_with(EMAIL, "Other-Database");
    scene.text_answered("YES", RETRY).await;
    assert!(
        !targets(scene.sandbox.auth0.server())
            .iter()
            .any(|made| made.starts_with("PATCH"))
    );
    assert_eq!((scene.verified(), scene.waiting().await), (false, 1));
}

#[tokio::test]
async fn without_a_user_the_request_is_over() {
    let scene = scene().await;
    let link = format!(
        "{}/u/email-verification?ticket=x",
        scene.sandbox.auth0.server().url()
    );
    scene
        .pend(&crate::scene::request(
            "gone",
            shared::rules::link::Kind::Verification,
            &link,
        ))
        .await;
    scene.text_answered("YES", EXPIRED).await;
    assert_eq!(scene.pending().await, None);
}

#[tokio::test]
async fn an_api_in_trouble_can_be_tried_again() {
    let scene = scene().await;
    scene.verification(LinkPage::Form).await;
    let faults = scene.sandbox.auth0.server().faults();
    let trouble = [
        answer(500, &[], "{}"),
        answer(503, &[], ""),
        answer(429, &[("x-ratelimit-reset", "1")], "{}"),
        answer(302, &[("location", "https://acme.example/")], ""),
        Fault::ResetBefore,
        answer(200, &[], "<html>oops"),
    ];
    // The token; the user, which leaves us with a token; the user again; the update, whose answer's body does not matter.
    for (working, faulty) in [
        (0, &trouble[..]),
        (1, &trouble[..1]),
        (0, &trouble[..]),
        (1, &trouble[..5]),
    ] {
        for fault in faulty {
            faults.times(working, no_fault);
            faults.next(fault.clone());
            scene.text_answered("YES", RETRY).await;
            assert_eq!(
                (scene.waiting().await, scene.verified(), faults.pending()),
                (1, false, 0),
                "{working} {fault:?}"
            );
        }
    }
    scene.sandbox.auth0.rate_limit(1);
    scene.text_answered("YES", RETRY).await;
    faults.next(no_fault());
    faults.next(Fault::ResetAfter);
    scene.text_answered("YES", RETRY).await;
    assert!(scene.verified(), "only the answer was lost");
    scene.text_answered("YES", CONFIRMED).await;
    assert_eq!(scene.opened(), [""; 0]);
}

#[tokio::test]
async fn missing_scopes_and_refused_credentials_lose_nothing() {
    let scene = scene().await;
    scene.verification(LinkPage::Form).await;
    scene.sandbox.auth0.set_client_secret("another");
    scene.text_answered("YES", RETRY).await;
    scene
        .sandbox
        .auth0
        .set_client_secret(sandbox::auth0::CLIENT_SECRET);
    scene.sandbox.auth0.set_scope("read:users");
    scene.text_answered("YES", RETRY).await;
    scene.sandbox.auth0.set_scope("read:users update:users");
    scene.sandbox.auth0.revoke_tokens();
    assert_eq!((scene.waiting().await, scene.verified()), (1, false));
    scene.text_answered("YES", CONFIRMED).await;
}

#[tokio::test]
async fn password_links_are_sent_all_the_same() {
    let scene = scene().await;
    let mail = scene.password().await;
    let reply = scene.text("YES").await;
    assert!(reply.messages[0].contains(&mail.ticket));
    scene.assert_nothing_fetched();
}

#[tokio::test]
async fn its_secret_is_needed_only_when_asked_for() {
    let sandbox = Sandbox::start().await;
    sandbox.aws.remove_secret("switchboard/auth0");
    let scene = Scene::within(sandbox, 1, &[("AUTH0_SECRET", None)]).await;
    scene.verification(LinkPage::Form).await;
    scene.text_answered("YES", CONFIRMED).await;
}
