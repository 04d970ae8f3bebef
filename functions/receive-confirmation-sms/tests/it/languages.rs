//! The language of an answer: that of the text that asked, else that of the phone's country.

use std::time::Duration;

use sandbox::Sandbox;
use sandbox::auth0::LinkPage;
use sandbox::scene::{Setting, problems};
use sandbox::wire::Fault;
use serde_json::json;
use shared::rules::link::Kind;
use shared::rules::pending::Request;
use words::Message;

use crate::scene::{CONFIRMED, EMAIL, FUNCTION, Scene, aged, request};

const EVERY: Setting<'_> = ("LANGUAGES", Some("all"));

/// A text of the catalogue, with this word.
fn text(tag: &str, message: &Message, word: &str) -> String {
    message.text(tag.parse().unwrap(), &[("word", word.into())])
}

fn confirmed(tag: &str) -> String {
    text(tag, &words::CONFIRMED, "")
}

/// A request whose text was in this language waits for a reply.
async fn asked_in(scene: &Scene, language: Option<&str>) {
    let auth0 = &scene.sandbox.auth0;
    let user = auth0.user(EMAIL).unwrap_or_else(|| auth0.sign_up(EMAIL));
    let mail = auth0.mail_verification(&user, LinkPage::Form);
    let request = Request {
        language: language.map(str::to_owned),
        ..request("verify", Kind::Verification, &mail.link)
    };
    scene.pend(&request).await;
}

#[tokio::test]
async fn the_word_of_any_language_confirms() {
    let scene = Scene::with(&[EVERY]).await;
    scene.text_answered("nej", "").await;
    asked_in(&scene, Some("da")).await;
    let wrong = text("da", &words::WRONG_REPLY, "JA");
    scene.text_answered("nej", &wrong).await;
    let thanks = confirmed("da");
    assert_ne!(thanks, CONFIRMED);
    scene.text_answered("ja!", &thanks).await;
    assert!(scene.verified());
    // Each counts as a confirmation, so it gets the same answer.
    for word in ["YES", "JA", "SI", "Sí.", "oui", "はい。", "نعم"] {
        scene.text_answered(word, &thanks).await;
    }
    for other in ["nej", "ja tak", "いいえ"] {
        scene.text_answered(other, "").await;
    }
}

#[tokio::test]
async fn only_the_words_of_the_languages_in_use_confirm() {
    let scene = Scene::with(&[("LANGUAGES", Some("da"))]).await;
    asked_in(&scene, None).await;
    scene
        .text_answered("oui", &text("da", &words::WRONG_REPLY, "JA"))
        .await;
    scene.text_answered("yes", &confirmed("da")).await;
    let scene = Scene::start().await;
    asked_in(&scene, Some("da")).await;
    scene.text_answered("ja", crate::scene::WRONG).await;
    scene.text_answered("yes", CONFIRMED).await;
}

#[tokio::test]
async fn the_answer_has_the_language_of_the_text_that_asked() {
    let scene = Scene::with(&[EVERY]).await;
    asked_in(&scene, Some("fr")).await;
    scene
        .text_answered("no", &text("fr", &words::WRONG_REPLY, "OUI"))
        .await;
    scene.text_answered("oui", &confirmed("fr")).await;
    scene.text_answered("oui", &confirmed("fr")).await;
    // As an earlier version stored it.
    asked_in(&scene, None).await;
    scene.text_answered("yes", &confirmed("da")).await;
    asked_in(&scene, Some("klingon")).await;
    scene.text_answered("yes", &confirmed("da")).await;
}

#[tokio::test]
async fn the_list_is_in_the_person_s_language() {
    let scene = Scene::with(&[EVERY]).await;
    let mail = scene
        .sandbox
        .auth0
        .mail_verification(&scene.sandbox.auth0.sign_up(EMAIL), LinkPage::Form);
    for (id, kind, seconds) in [
        ("a", Kind::Verification, 2 * 3600 + 60),
        ("b", Kind::Verification, 90),
        ("c", Kind::Password, 5 * 60 + 30),
    ] {
        scene.pend(&aged(id, kind, &mail.link, seconds)).await;
    }
    let reply = scene.text("JA").await;
    let list = reply.messages.concat();
    let mut lines = list.lines();
    assert_eq!(lines.next(), Some("Flere anmodninger venter på dig."));
    for end in [
        "for at bekræfte kontoen (for 2 timer siden)",
        "for at ændre adgangskoden (for 5 minutter siden)",
        "for at bekræfte kontoen (for 1 minut siden)",
    ] {
        let line = lines.next().unwrap();
        assert!(
            line.starts_with("Svar JA ") && line.ends_with(end),
            "{line}"
        );
    }
    assert_eq!(lines.next(), None);
}

#[tokio::test]
async fn a_text_of_the_settings_is_for_everybody() {
    let settings = [
        EVERY,
        ("CORRECT_SMS_RESPONSE", Some("OK")),
        ("CONFIRMED_SMS_MESSAGE", Some("Done.")),
    ];
    let scene = Scene::with(&settings).await;
    asked_in(&scene, Some("da")).await;
    for word in ["JA", "YES"] {
        let wrong = text("da", &words::WRONG_REPLY, "OK");
        scene.text_answered(word, &wrong).await;
    }
    scene.text_answered("ok", "Done.").await;
}

#[tokio::test]
async fn texts_and_words_of_one_s_own_are_taken_from_the_settings() {
    let own = r#"{"da":{"confirm-words":"JEP","confirmed":"Fint.","wrong-reply":"{ $word }?"}}"#;
    let scene = Scene::with(&[EVERY, ("WORDS", Some(own))]).await;
    asked_in(&scene, None).await;
    scene.text_answered("nej", "JEP?").await;
    scene.text_answered("jep", "Fint.").await;
}

#[tokio::test]
async fn texts_and_words_of_one_s_own_are_taken_from_the_table() {
    let sandbox = Sandbox::start().await;
    let own = r#"{"confirm-words":"JEP, stop, !","wrong-reply":"{ $word }?"}"#;
    let item = json!({
        "pk": { "S": "words#da" }, "sk": { "S": "texts" }, "texts": { "S": own },
    });
    sandbox.aws.put(item).await;
    let scene = Scene::within(sandbox, 1, &[EVERY, ("WORDS", Some("table"))]).await;
    asked_in(&scene, Some("da")).await;
    scene.text_answered("!", "JEP?").await;
    scene.text_answered("jep", &confirmed("da")).await;
    asked_in(&scene, Some("da")).await;
    scene.text_answered("stop", "").await;
    assert_eq!(
        scene.waiting().await,
        0,
        "a word that opts out confirms nothing"
    );
}

#[tokio::test]
async fn a_table_without_texts_costs_an_answer_hardly_any_time() {
    let sandbox = Sandbox::start().await;
    let dynamodb = sandbox.aws.dynamodb().faults().clone();
    dynamodb.always_with("words#", Fault::Hang);
    let scene = Scene::within(sandbox, 1, &[EVERY, ("WORDS", Some("table"))]).await;
    asked_in(&scene, Some("da")).await;
    let began = std::time::Instant::now();
    scene.text_answered("JA", &confirmed("da")).await;
    assert!(began.elapsed() < Duration::from_secs(3), "{began:?}");
}

#[tokio::test]
async fn every_mistake_in_the_words_is_told_at_start() {
    let own = r#"{"da":{"confirm-words":"JA, stop","hello":"x"},"fr":{"confirm-words":"!"}}"#;
    let settings = [EVERY, ("WORDS", Some(own))];
    let binary = env!("CARGO_BIN_EXE_receive-confirmation-sms").as_ref();
    let told = problems(&Sandbox::start().await, FUNCTION, binary, &settings).await;
    for part in [
        "hello is not the name of a text",
        "WORDS: confirm-words holds a word that opts out",
        "WORDS: confirm-words holds an entry without a letter",
    ] {
        let naming = told.iter().filter(|problem| problem.contains(part));
        assert_eq!(naming.count(), 1, "{part}: {told:?}");
    }
    assert_eq!(told.len(), 3, "{told:?}");
}
