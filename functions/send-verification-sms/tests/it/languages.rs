//! The language of a text: that of the mail, else that of the phone's country.

use std::time::Duration;

use sandbox::Sandbox;
use sandbox::mail::Mail;
use sandbox::scene::problems;
use sandbox::wire::Fault;
use serde_json::json;
use words::Message;

use crate::scene::{FUNCTION, Override, PHONE, REGISTRATION, Scene};

const AMERICAN: &str = "+12025550123";
const EVERY: Override<'_> = ("LANGUAGES", Some("all"));

/// A text of the catalogue, with this word.
fn text(tag: &str, message: &Message, word: &str) -> String {
    message.text(tag.parse().unwrap(), &[("word", word.into())])
}

fn registration(tag: &str, word: &str) -> String {
    text(tag, &words::VERIFICATION_TEXT, word)
}

/// The text that this mail becomes.
async fn sent(scene: &Scene, mail: &Mail) -> String {
    assert_eq!(scene.post_mail(mail).await.status, 200);
    scene.sandbox.twilio.messages().pop().unwrap().body
}

#[tokio::test]
async fn a_danish_phone_gets_danish_and_an_american_english() {
    let scene = Scene::with(&[EVERY]).await;
    let danish = sent(&scene, &scene.mail()).await;
    assert_eq!(danish, registration("da", "JA"));
    assert_ne!(danish, REGISTRATION);
    assert_eq!(scene.pending(PHONE).await[0]["language"]["S"], "da");
    assert_eq!(sent(&scene, &scene.mail_to(AMERICAN)).await, REGISTRATION);
    let user = scene.sign_up("+4587654321");
    let password = scene.sandbox.auth0.mail_password(&user).mail;
    let expected = text("da", &words::PASSWORD_TEXT, "JA");
    assert_eq!(sent(&scene, &password).await, expected);
}

#[tokio::test]
async fn without_languages_everybody_gets_english() {
    let scene = Scene::start().await;
    let mut mail = scene.mail();
    mail.headers.push(("Content-Language".into(), "da".into()));
    assert_eq!(sent(&scene, &mail).await, REGISTRATION);
}

#[tokio::test]
async fn the_language_that_the_mail_names_comes_before_the_country_s() {
    let scene = Scene::with(&[EVERY, ("SMS_PER_NUMBER_PER_HOUR", Some("100"))]).await;
    for (header, meta, tag, word) in [
        (Some("fr-CA, en"), None, "fr", "OUI"),
        (Some("tlh"), None, "da", "JA"),
        (Some(" "), None, "da", "JA"),
        (None, Some("sv"), "sv", "JA"),
        (Some("fr"), Some("ar"), "ar", "نعم"),
        (Some("fr"), Some(""), "fr", "OUI"),
        (None, Some("{{ user.user_metadata.language }}"), "da", "JA"),
        (Some(&"fr-".repeat(5_000)), None, "da", "JA"),
    ] {
        let mut mail = scene.mail();
        if let Some(header) = header {
            mail.headers
                .push(("Content-Language".into(), header.into()));
        }
        if let Some(meta) = meta {
            let meta = format!("<html lang=\"nl\"><meta name=\"language\" content=\"{meta}\">");
            mail.html = meta + &mail.html;
        }
        let body = sent(&scene, &mail).await;
        assert_eq!(body, registration(tag, word), "{header:?} {meta:?}");
    }
}

#[tokio::test]
async fn a_text_of_the_settings_is_for_everybody() {
    let scene = Scene::with(&[EVERY, ("REG_SMS_BODY", Some("Welcome: reply YES"))]).await;
    assert_eq!(sent(&scene, &scene.mail()).await, "Welcome: reply YES");
    let scene = Scene::with(&[EVERY, ("CORRECT_SMS_RESPONSE", Some("OK, ja"))]).await;
    let danish = registration("da", "OK");
    assert_eq!(sent(&scene, &scene.mail()).await, danish);
}

#[tokio::test]
async fn a_text_of_one_s_own_is_taken_from_the_settings() {
    let own = r#"{"da":{"verification-text":"Hej. Svar { $word }","confirm-words":"JEP, JA"}}"#;
    let scene = Scene::with(&[EVERY, ("WORDS", Some(own))]).await;
    assert_eq!(sent(&scene, &scene.mail()).await, "Hej. Svar JEP");
}

#[tokio::test]
async fn a_text_of_one_s_own_is_taken_from_the_table() {
    let scene = Scene::with(&[EVERY, ("WORDS", Some("table"))]).await;
    let own = r#"{"verification-text":"Hej. Svar { $word }","confirmed":"{","no-text":"x"}"#;
    let item = json!({
        "pk": { "S": "words#da" }, "sk": { "S": "texts" }, "texts": { "S": own },
    });
    scene.sandbox.aws.put(item).await;
    assert_eq!(sent(&scene, &scene.mail()).await, "Hej. Svar JA");
    assert_eq!(sent(&scene, &scene.mail_to(AMERICAN)).await, REGISTRATION);
}

#[tokio::test]
async fn a_table_without_an_answer_costs_a_text_hardly_any_time() {
    let sandbox = Sandbox::start().await;
    let dynamodb = sandbox.aws.dynamodb().faults().clone();
    dynamodb.always_with("words#", Fault::Hang);
    let scene = Scene::on(sandbox, 1, &[EVERY, ("WORDS", Some("table"))]).await;
    let began = std::time::Instant::now();
    let body = sent(&scene, &scene.mail()).await;
    assert_eq!(body, registration("da", "JA"));
    assert!(began.elapsed() < Duration::from_secs(3), "{began:?}");
}

#[tokio::test]
async fn every_mistake_in_the_words_is_told_at_start() {
    let settings = [
        (
            "WORDS",
            Some(r#"{"da":{"hello":"x","verification-text":"{ $name }"},"xx":{}}"#),
        ),
        ("LANGUAGES", Some("da,klingon")),
    ];
    let binary = env!("CARGO_BIN_EXE_send-verification-sms").as_ref();
    let told = problems(&Sandbox::start().await, FUNCTION, binary, &settings).await;
    for part in [
        "klingon",
        "hello is not the name of a text",
        "verification-text has the variable $name",
        "xx is not one of the languages",
    ] {
        let naming = told.iter().filter(|problem| problem.contains(part));
        assert_eq!(naming.count(), 1, "{part}: {told:?}");
    }
    assert_eq!(told.len(), 4, "{told:?}");
}
