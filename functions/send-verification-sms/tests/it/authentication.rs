//! Who may post: the signature, its age, its key.

use sandbox::{Sandbox, mailgun::SIGNING_KEY};
use serde_json::json;

use crate::scene::{Fields, Scene, get, set};

const MAX_AGE: u64 = 32_400;

async fn refused(scene: &Scene, fields: &Fields, outcome: &str) {
    let answer = scene.post(fields).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (401, ""),
        "{outcome}"
    );
    scene.logged(outcome).await;
    scene.untouched();
}

#[tokio::test]
async fn a_missing_part_of_the_signature_is_refused_before_anything_is_fetched() {
    let scene = Scene::start().await;
    let fetched = scene.fetched();
    for name in ["signature", "timestamp", "token"] {
        let mut fields = scene.fields(&scene.mail());
        set(&mut fields, name, "");
        refused(&scene, &fields, "signature_missing").await;
        fields.retain(|(key, _)| key != name);
        refused(&scene, &fields, "signature_missing").await;
        let mut fields = scene.fields(&scene.mail());
        fields.push((name.into(), get(&fields, name).into()));
        refused(&scene, &fields, "signature_missing").await;
    }
    refused(&scene, &vec![], "signature_missing").await;
    assert_eq!(scene.fetched(), fetched);
    scene.still_works().await;
}

#[tokio::test]
async fn one_changed_byte_anywhere_in_the_signature_is_refused() {
    let scene = Scene::start().await;
    let good = scene.fields(&scene.mail());
    for name in ["signature", "timestamp", "token"] {
        for place in 0..get(&good, name).len() {
            let mut value = get(&good, name).to_owned().into_bytes();
            value[place] = if value[place] == b'1' { b'2' } else { b'1' };
            let mut fields = good.clone();
            set(&mut fields, name, std::str::from_utf8(&value).unwrap());
            refused(&scene, &fields, "bad_signature").await;
        }
    }
    for changed in [
        get(&good, "signature").to_uppercase(),
        format!("{} ", get(&good, "signature")),
        "å".repeat(32),
        "0".into(),
    ] {
        let mut fields = good.clone();
        set(&mut fields, "signature", &changed);
        refused(&scene, &fields, "bad_signature").await;
    }
    assert_eq!(scene.post(&good).await.status, 200);
}

#[tokio::test]
async fn another_key_is_refused() {
    let scene = Scene::start().await;
    scene.sandbox.mailgun.set_signing_key("another");
    refused(&scene, &scene.fields(&scene.mail()), "bad_signature").await;
}

#[tokio::test]
async fn a_digit_moved_between_timestamp_and_token_is_refused() {
    let scene = Scene::start().await;
    let good = scene.fields(&scene.mail());
    let (timestamp, token) = (
        get(&good, "timestamp").to_owned(),
        get(&good, "token").to_owned(),
    );
    let moved = [
        (
            timestamp[..9].to_owned(),
            format!("{}{token}", &timestamp[9..]),
        ),
        (format!("{timestamp}{}", &token[..1]), token[1..].to_owned()),
        (String::from("1"), format!("{}{token}", &timestamp[1..])),
    ];
    for (timestamp, token) in moved {
        let mut fields = good.clone();
        set(&mut fields, "timestamp", &timestamp);
        set(&mut fields, "token", &token);
        refused(&scene, &fields, "bad_signature").await;
    }
}

#[tokio::test]
async fn signed_but_ill_shaped_timestamps_and_tokens_are_refused() {
    let scene = Scene::start().await;
    let good = scene.fields(&scene.mail());
    let (timestamp, token) = (
        get(&good, "timestamp").to_owned(),
        get(&good, "token").to_owned(),
    );
    for (timestamp, token) in [
        ("-179517600".to_owned(), token.clone()),
        (format!("+{}", &timestamp[..9]), token.clone()),
        (timestamp.clone(), token[..49].to_owned()),
        (timestamp.clone(), format!("{token}0")),
        (timestamp.clone(), format!("{}#", &token[..49])),
    ] {
        let mut fields = good.clone();
        scene.sign(&mut fields, &timestamp, &token);
        refused(&scene, &fields, "bad_signature").await;
    }
}

#[tokio::test]
async fn stale_and_future_signatures_are_refused_and_honest_retries_are_not() {
    let scene = Scene::start().await;
    let now = sandbox::now().as_secs();
    for at in [now - MAX_AGE - 60, now + 180, 1_000_000_000] {
        refused(
            &scene,
            &scene.sandbox.mailgun.fields(&scene.mail(), at),
            "stale_signature",
        )
        .await;
    }
    for at in [now - MAX_AGE + 60, now + 30] {
        assert_eq!(
            scene
                .post(&scene.sandbox.mailgun.fields(&scene.mail(), at))
                .await
                .status,
            200
        );
    }
    let strict = Scene::with(&[("MAX_MAIL_AGE_SECONDS", Some("600"))]).await;
    refused(
        &strict,
        &strict.sandbox.mailgun.fields(&strict.mail(), now - 660),
        "stale_signature",
    )
    .await;
}

#[tokio::test]
async fn the_previous_key_is_accepted_while_keys_are_rotated() {
    let sandbox = Sandbox::start().await;
    sandbox.aws.set_secret(
        "switchboard/mailgun",
        &json!({ "signing_key": "new", "previous_signing_key": SIGNING_KEY }),
    );
    let scene = Scene::on(sandbox, 1, &[]).await;
    assert_eq!(scene.post_mail(&scene.mail()).await.status, 200);
    scene.sandbox.mailgun.set_signing_key("new");
    assert_eq!(scene.post_mail(&scene.mail()).await.status, 200);
    assert_eq!((scene.texts(), scene.fetched()), (2, 4));
}

#[tokio::test]
async fn a_parent_account_s_signature_is_accepted() {
    let scene = Scene::start().await;
    let mut fields = scene.fields(&scene.mail());
    fields.push(("parent-signature".into(), get(&fields, "signature").into()));
    set(&mut fields, "signature", &"0".repeat(64));
    assert_eq!((scene.post(&fields).await.status, scene.texts()), (200, 1));
}

#[tokio::test]
async fn a_rotated_key_is_fetched_once_and_bad_signatures_fetch_no_more() {
    let scene = Scene::start().await;
    let fetched = scene.fetched();
    scene.sandbox.mailgun.set_signing_key("rotated");
    scene
        .sandbox
        .aws
        .set_secret("switchboard/mailgun", &json!({ "signing_key": "rotated" }));
    assert_eq!(scene.post_mail(&scene.mail()).await.status, 200);
    assert_eq!((scene.texts(), scene.fetched()), (1, fetched + 1));
    scene.sandbox.mailgun.set_signing_key("a stranger's");
    for _ in 0..5 {
        assert_eq!(scene.post_mail(&scene.mail()).await.status, 401);
    }
    assert_eq!((scene.texts(), scene.fetched()), (1, fetched + 1));
}

#[tokio::test]
async fn a_secret_without_its_key_is_no_open_door() {
    let sandbox = Sandbox::start().await;
    sandbox.mailgun.set_signing_key("");
    for secret in [
        json!({}),
        json!({ "signing_key": "" }),
        json!({ "signing_key": 7 }),
        json!(""),
    ] {
        sandbox.aws.set_secret("switchboard/mailgun", &secret);
        let binary = env!("CARGO_BIN_EXE_send-verification-sms");
        let lambda = sandbox.run("send-verification-sms", binary.as_ref()).await;
        let user = sandbox.auth0.sign_up("acme+4512345678@sms.example.com");
        let mail = sandbox
            .auth0
            .mail_verification(&user, sandbox::auth0::LinkPage::Form)
            .mail;
        let fields = sandbox.mailgun.fields(&mail, sandbox::now().as_secs());
        assert_eq!(
            sandbox.mailgun.post(lambda.url(), &fields).await.status,
            503,
            "{secret}"
        );
    }
    let items = sandbox.aws.items().await;
    let beside_tokens = items
        .iter()
        .filter(|item| !item["pk"]["S"].as_str().unwrap().starts_with("token#"))
        .count();
    assert_eq!((sandbox.twilio.messages().len(), beside_tokens), (0, 0));
}
