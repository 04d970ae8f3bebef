//! The right word, and one request waits.

use sandbox::auth0::LinkPage;
use shared::rules::link::Kind;

use crate::scene::{CONFIRMED, PHONE, Scene, request, targets};

#[tokio::test]
async fn a_form_page_is_posted_with_its_state_and_cookies() {
    let scene = Scene::start().await;
    let mail = scene.verification(LinkPage::Form).await;
    let reply = scene.text("YES").await;
    assert_eq!((reply.status, reply.attempts), (200, 1));
    assert_eq!(
        reply.body,
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Message>{CONFIRMED}</Message></Response>"
        )
    );
    assert_eq!(scene.sandbox.twilio.inbox(PHONE), [CONFIRMED]);
    assert!(scene.verified());
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
async fn a_classic_link_is_opened_once() {
    let scene = Scene::start().await;
    let mail = scene.verification(LinkPage::Redirect).await;
    scene.text_answered("YES", CONFIRMED).await;
    assert!(scene.verified());
    assert_eq!(
        targets(scene.sandbox.auth0.server()),
        ["GET /lo/verify_email"],
        "a clear success needs nothing else"
    );
    assert_eq!(scene.sandbox.auth0.fetched(&mail.ticket), 1);
    assert_eq!(scene.pending().await, None);
}

#[tokio::test]
async fn yes_again_is_answered_the_same_and_nothing_is_fetched() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    scene.text_answered("YES", CONFIRMED).await;
    scene.sandbox.auth0.server().clear_exchanges();
    for text in ["YES", "yes!", "YES 4821"] {
        scene.text_answered(text, CONFIRMED).await;
    }
    scene.assert_nothing_fetched();
    scene.text_answered("what?", "").await;
    assert_eq!(scene.pending().await, None);
    scene.assert_everything_expires().await;
}

#[tokio::test]
async fn a_new_request_after_a_success_is_confirmed_by_itself() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    scene.text_answered("YES", CONFIRMED).await;
    let mail = scene.sandbox.auth0.mail_verification(
        &scene.sandbox.auth0.sign_up("second@sms.example.com"),
        LinkPage::Form,
    );
    scene
        .pend(&request("second", Kind::Verification, &mail.link))
        .await;
    scene.text_answered("YES", CONFIRMED).await;
    assert!(
        scene
            .sandbox
            .auth0
            .user("second@sms.example.com")
            .unwrap()
            .email_verified
    );
}

#[tokio::test]
async fn words_and_texts_are_settings() {
    let settings = [
        ("CORRECT_SMS_RESPONSE", Some("Ja, sí")),
        ("CONFIRMED_SMS_MESSAGE", Some("Færdig <3 & \"tak\"")),
    ];
    let scene = Scene::with(&settings).await;
    scene.verification(LinkPage::Form).await;
    let wrong = "Try again. Reply Ja or don't reply";
    scene.text_answered("YES", wrong).await;
    scene.text_answered("¡SÍ!", "Færdig <3 & \"tak\"").await;
    assert!(scene.verified());
}

#[tokio::test]
async fn the_log_names_no_phone_link_or_word() {
    let scene = Scene::start().await;
    let mail = scene.verification(LinkPage::Form).await;
    scene.text_answered("xyzzy", crate::scene::WRONG).await;
    scene.text_answered("YES", CONFIRMED).await;
    let password = scene.password().await;
    assert_eq!(scene.text("YES").await.messages.len(), 1);
    let log = [scene.lambda.log(), scene.lambda.errors()]
        .concat()
        .join("\n");
    assert!(
        log.contains("+45••••5678")
            && log.contains("\"outcome\":\"confirmed\"")
            && log.contains("\"Confirmed\":1"),
        "{log}"
    );
    for secret in [
        "12345678",
        &mail.ticket,
        &password.ticket,
        "xyzzy",
        sandbox::twilio::AUTH_TOKEN,
        "?ticket",
    ] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

#[tokio::test]
async fn a_bad_configuration_is_told_at_once_and_whole() {
    let sandbox = sandbox::Sandbox::start().await;
    let settings = [
        ("TABLE_NAME", None),
        ("CORRECT_SMS_RESPONSE", Some("STOP")),
        ("PASSWORD_LINK_MESSAGE", Some("no link")),
    ];
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_receive-confirmation-sms"));
    let lambda = sandbox
        .run_with(crate::scene::FUNCTION, binary, 1, &settings)
        .await;
    assert!(!lambda.wait_exits(1).await[0].success());
    let errors = lambda.errors();
    assert_eq!(errors.len(), 1);
    for name in [
        "TABLE_NAME",
        "CORRECT_SMS_RESPONSE",
        "PASSWORD_LINK_MESSAGE",
    ] {
        assert!(
            errors[0].contains(name) && lambda.init_error().unwrap().contains(name),
            "{errors:?}"
        );
    }
}
