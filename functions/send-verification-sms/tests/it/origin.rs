//! Whom a mail comes from, and for whom: Mailgun signs what strangers send like anything else.

use std::time::Duration;

use sandbox::{
    Sandbox,
    auth0::{self, LinkPage},
    mail::Mail,
    mailgun::Forgery,
    wire::Fault,
};
use serde_json::json;

use crate::scene::{PHONE, Scene, UNASKED, address};

const BY_EMAIL: &str = "GET /api/v2/users-by-email";
const AUTH0: &str = "switchboard/auth0";

impl Scene {
    /// A stranger's mail to the phone, with an invented ticket on the tenant's host.
    fn forged(&self, forgery: Forgery) -> Mail {
        self.sandbox.mailgun.forged(
            &address(PHONE),
            &self.sandbox.auth0.invented_link(),
            forgery,
        )
    }

    /// Refused for good, with this word, and without a trace.
    async fn leaves_no_trace(&self, mail: &Mail, outcome: &str) {
        let answer = self.post_mail(mail).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (406, ""),
            "{outcome}"
        );
        assert_eq!(self.logged(outcome).await["Refused"], 1);
        self.untouched();
    }
}

#[tokio::test]
async fn a_forged_mail_with_an_invented_ticket_is_not_texted_to_somebody_who_never_signed_up() {
    let scene = Scene::start().await;
    scene
        .leaves_no_trace(&scene.forged(Forgery::OwnName), "sender_not_allowed")
        .await;
    for forgery in [
        Forgery::Unsigned,
        Forgery::SignedElsewhere,
        Forgery::SignedTwice,
    ] {
        scene
            .leaves_no_trace(&scene.forged(forgery), "no_such_user")
            .await;
    }
    assert_eq!(scene.asked_auth0(BY_EMAIL), 3);
    assert_eq!(scene.logged("no_such_user").await["phone"], "+45••••5678");
}

#[tokio::test]
async fn a_mail_that_a_stranger_signed_is_refused_where_dkim_is_demanded() {
    let scene = Scene::with(&[("REQUIRE_DKIM", Some("true")), UNASKED]).await;
    scene
        .leaves_no_trace(&scene.forged(Forgery::Unsigned), "dkim_not_passed")
        .await;
    for forgery in [Forgery::SignedElsewhere, Forgery::SignedTwice] {
        scene
            .leaves_no_trace(&scene.forged(forgery), "dkim_not_aligned")
            .await;
    }
}

/// Auth0's sender signed it, for somebody else, who sends it on.
#[tokio::test]
async fn a_genuine_mail_sent_on_to_another_phone_does_not_take_its_link_away() {
    let scene = Scene::with(&[("REQUIRE_DKIM", Some("true"))]).await;
    let honest = scene
        .sandbox
        .auth0
        .mail_verification(&scene.sign_up(PHONE), LinkPage::Form);
    assert_eq!(scene.post_mail(&honest.mail).await.status, 200);
    let theirs = scene.mail_to("+4587654321");
    let sent_on = Mail {
        recipient: address(PHONE),
        ..theirs.clone()
    };
    assert_eq!(scene.post_mail(&sent_on).await.status, 406);
    assert_eq!(
        scene.logged("recipient_not_addressed").await["phone"],
        "+45••••5678"
    );
    let waiting = scene.pending(PHONE).await;
    assert_eq!(waiting[0]["link"]["S"], honest.link.trim_end_matches('#'));
    assert_eq!((scene.texts(), scene.counted(PHONE).await), (1, 1));
    assert_eq!(scene.post_mail(&theirs).await.status, 200);
}

#[tokio::test]
async fn five_forged_mails_take_nothing_from_the_honest_one() {
    let scene = Scene::with(&[
        ("SMS_PER_NUMBER_PER_HOUR", Some("1")),
        ("SMS_PER_HOUR", Some("1")),
    ])
    .await;
    for forgery in [
        Forgery::Unsigned,
        Forgery::SignedElsewhere,
        Forgery::SignedTwice,
        Forgery::OwnName,
        Forgery::Unsigned,
    ] {
        assert_eq!(scene.post_mail(&scene.forged(forgery)).await.status, 406);
    }
    scene.untouched();
    assert_eq!(scene.post_mail(&scene.mail()).await.status, 200);
    assert_eq!(
        (
            scene.texts(),
            scene.pending(PHONE).await.len(),
            scene.counted(PHONE).await
        ),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn forged_mails_to_somebody_who_just_signed_up_take_nothing_from_the_honest_one_either() {
    let scene = Scene::with(&[
        ("REQUIRE_DKIM", Some("true")),
        ("SMS_PER_NUMBER_PER_HOUR", Some("1")),
    ])
    .await;
    let honest = scene
        .sandbox
        .auth0
        .mail_verification(&scene.sign_up(PHONE), LinkPage::Form);
    for forgery in Forgery::ALL.into_iter().chain(Forgery::ALL) {
        assert_eq!(scene.post_mail(&scene.forged(forgery)).await.status, 406);
    }
    assert_eq!(scene.post_mail(&honest.mail).await.status, 200);
    for forgery in Forgery::ALL {
        assert_eq!(scene.post_mail(&scene.forged(forgery)).await.status, 406);
    }
    let waiting = scene.pending(PHONE).await;
    assert_eq!(waiting.len(), 1, "a YES is not ambiguous");
    assert_eq!(waiting[0]["link"]["S"], honest.link.trim_end_matches('#'));
    assert_eq!((scene.texts(), scene.counted(PHONE).await), (1, 1));
}

/// Its link is the stranger's own, of a real mail to the stranger.
#[tokio::test]
async fn a_forged_password_mail_puts_no_stranger_s_link_on_the_phone() {
    let scene = Scene::start().await;
    let own = scene
        .sandbox
        .auth0
        .mail_password(&scene.sandbox.auth0.sign_up("stranger@evil.example"));
    let forged = |forgery| {
        scene
            .sandbox
            .mailgun
            .forged(&address(PHONE), &own.link, forgery)
    };
    for forgery in [Forgery::Unsigned, Forgery::SignedElsewhere] {
        scene
            .leaves_no_trace(&forged(forgery), "no_such_user")
            .await;
    }
    let strict = Scene::with(&[("REQUIRE_DKIM", Some("true"))]).await;
    let user = strict.sign_up(PHONE);
    let link = strict.sandbox.auth0.mail_password(&user).link;
    let forged = |forgery| {
        strict
            .sandbox
            .mailgun
            .forged(&address(PHONE), &link, forgery)
    };
    for forgery in [Forgery::SignedElsewhere, Forgery::SignedTwice] {
        strict
            .leaves_no_trace(&forged(forgery), "dkim_not_aligned")
            .await;
    }
}

#[tokio::test]
async fn somebody_who_is_verified_is_not_asked_again_but_may_forget_a_password() {
    let scene = Scene::start().await;
    let user = scene.sign_up(PHONE);
    let mail = scene
        .sandbox
        .auth0
        .mail_verification(&user, LinkPage::Redirect);
    scene.sandbox.auth0.set_verified(&user);
    scene.leaves_no_trace(&mail.mail, "already_verified").await;
    assert_eq!(
        scene
            .post_mail(&scene.sandbox.auth0.mail_password(&user).mail)
            .await
            .status,
        200
    );
    assert_eq!(scene.texts(), 1);
}

#[tokio::test]
async fn one_of_several_users_with_an_address_may_be_unverified() {
    let scene = Scene::start().await;
    let first = scene.sign_up(PHONE);
    scene.sandbox.auth0.set_verified(&first);
    let second = scene.sandbox.auth0.sign_up_with(&address(PHONE), "another");
    let mail = scene
        .sandbox
        .auth0
        .mail_verification(&second, LinkPage::Form)
        .mail;
    assert_eq!(scene.post_mail(&mail).await.status, 200);
}

#[tokio::test]
async fn a_mail_whose_user_verified_meanwhile_becomes_no_second_text() {
    for lost in [true, false] {
        let scene = Scene::start().await;
        let user = scene.sign_up(PHONE);
        let mail = scene
            .sandbox
            .auth0
            .mail_verification(&user, LinkPage::Form)
            .mail;
        if lost {
            scene.twilio().next(Fault::ResetAfter);
        }
        assert_eq!(
            scene.post_mail(&mail).await.status,
            if lost { 503 } else { 200 }
        );
        scene.sandbox.auth0.set_verified(&user);
        let delivery = scene.sandbox.mailgun.receive(&mail).await;
        assert_eq!(
            (delivery.attempts.len(), scene.texts(), scene.asked()),
            (1, 1, 1),
            "Mailgun is content, whatever it is told"
        );
    }
}

/// Everything that can be wrong with Auth0, and what it is then asked.
#[tokio::test]
async fn without_auth0_s_word_nothing_is_counted_stored_or_texted() {
    let scene = Scene::hurried(Duration::from_secs(4)).await;
    let fields = scene.fields(&scene.mail());
    let answer = |status: u16, body: &str| Fault::Answer {
        status,
        headers: vec![],
        body: body.to_owned(),
    };
    for fault in [
        answer(500, "{}"),
        answer(503, ""),
        answer(403, "{}"),
        answer(404, "[]"),
        answer(200, "<html>"),
        answer(200, "{\"email\":\"x\"}"),
        answer(302, ""),
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::Truncate,
        Fault::Oversize(5_000_000),
        Fault::Hang,
    ] {
        scene.auth0().next_for(BY_EMAIL, fault.clone());
        assert_eq!(scene.post(&fields).await.status, 503, "{fault:?}");
        assert_eq!(scene.auth0().pending(), 0, "{fault:?}");
        scene.untouched();
    }
    scene.auth0().always(Some(answer(429, "{}")));
    assert_eq!(scene.post(&fields).await.status, 503);
    scene.untouched();
    scene.auth0().always(None);
    scene.auth0().refuse(true);
    assert_eq!(scene.post(&fields).await.status, 503);
    scene.untouched();
    scene.auth0().refuse(false);
    assert!(scene.logged("auth0_unavailable").await["error"].is_string());
    assert!(
        scene.lambda.exits().is_empty(),
        "Lambda did not have to kill it"
    );
    assert_eq!((scene.post(&fields).await.status, scene.texts()), (200, 1));
}

/// The smallest tenants may ask twice a second.
#[tokio::test]
async fn a_mail_waits_its_turn_where_auth0_is_asked_too_much_at_once() {
    let scene = Scene::start().await;
    scene.sandbox.auth0.rate_limit(2);
    assert_eq!(
        (scene.post_mail(&scene.mail()).await.status, scene.texts()),
        (200, 1)
    );
    assert_eq!(scene.asked_auth0(BY_EMAIL), 3);
}

#[tokio::test]
async fn keys_that_auth0_refuses_let_nothing_pass() {
    for lacking in ["secret", "scope"] {
        let sandbox = Sandbox::start().await;
        if lacking == "scope" {
            sandbox.auth0.set_scope("update:users");
        } else {
            sandbox.auth0.set_client_secret("rotated");
        }
        let scene = Scene::on(sandbox, 1, &[]).await;
        let fields = scene.fields(&scene.mail());
        for _ in 0..2 {
            assert_eq!(scene.post(&fields).await.status, 503, "{lacking}");
        }
        let line = scene.logged("auth0_unavailable").await;
        assert_eq!(
            line["error"],
            "Auth0 refuses the application's credentials or scopes"
        );
        assert_eq!(
            (
                scene.texts(),
                scene.items("rate#").await.len(),
                scene.items("sent#").await.len()
            ),
            (0, 0, 0)
        );
    }
}

#[tokio::test]
async fn new_keys_are_fetched_and_tried() {
    let scene = Scene::start().await;
    scene.sandbox.auth0.revoke_tokens();
    scene.sandbox.auth0.set_client_secret("rotated");
    scene.sandbox.aws.set_secret(
        AUTH0,
        &json!({ "client_id": auth0::CLIENT_ID, "client_secret": "rotated" }),
    );
    assert_eq!(
        (scene.post_mail(&scene.mail()).await.status, scene.texts()),
        (200, 1)
    );
}

#[tokio::test]
async fn without_keys_nobody_is_asked() {
    let empty = [
        json!({}),
        json!({ "client_id": "", "client_secret": " " }),
        json!({ "client_id": null, "client_secret": 7 }),
    ];
    for secret in empty.iter().map(Some).chain([None]) {
        let sandbox = Sandbox::start().await;
        if let Some(secret) = secret {
            sandbox.aws.set_secret(AUTH0, secret);
        }
        let scene = Scene::on(sandbox, 1, if secret.is_some() { &[] } else { &[UNASKED] }).await;
        let fetched = scene.fetched();
        for phone in [PHONE, "+4587654321"] {
            let mail = Mail {
                recipient: address(phone),
                ..scene.forged(Forgery::Unsigned)
            };
            assert_eq!(scene.post_mail(&mail).await.status, 200, "{secret:?}");
        }
        assert_eq!(
            (scene.texts(), scene.asked_auth0(""), scene.fetched()),
            (2, 0, fetched),
            "{secret:?}"
        );
    }
}

#[tokio::test]
async fn half_a_pair_of_keys_or_none_that_can_be_read_lets_nothing_pass() {
    for secret in [
        Some(json!({ "client_id": auth0::CLIENT_ID })),
        Some(json!("text")),
        None,
    ] {
        let sandbox = Sandbox::start().await;
        match &secret {
            Some(secret) => sandbox.aws.set_secret(AUTH0, secret),
            None => sandbox.aws.remove_secret(AUTH0),
        }
        let scene = Scene::on(sandbox, 1, &[]).await;
        assert_eq!(
            scene.post_mail(&scene.mail()).await.status,
            503,
            "{secret:?}"
        );
        scene.untouched();
    }
}

#[tokio::test]
async fn a_mail_costs_one_question_and_instances_share_a_token() {
    let sandbox = Sandbox::start().await;
    let tokens = || {
        sandbox
            .auth0
            .server()
            .exchanges()
            .iter()
            .filter(|exchange| exchange.target == "/oauth/token")
            .count()
    };
    let binary = env!("CARGO_BIN_EXE_send-verification-sms");
    let first = sandbox.run("send-verification-sms", binary.as_ref()).await;
    first.wait_ready().await.unwrap();
    assert_eq!(tokens(), 1, "while it starts");
    first.stop().await;
    let scene = Scene::on(sandbox, 4, &[]).await;
    let mails: Vec<_> = (0..8)
        .map(|n| scene.fields(&scene.mail_to(&format!("+451111110{n}"))))
        .collect();
    let scene = std::sync::Arc::new(scene);
    assert_eq!(scene.post_together(mails).await, [200; 8]);
    assert_eq!(
        (
            scene.asked_auth0(BY_EMAIL),
            scene.asked_auth0("POST /oauth/token")
        ),
        (8, 0)
    );
}
