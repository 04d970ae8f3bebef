//! The language of the employee.

use serde_json::json;

use crate::scene::{COMPANY, MOBILE, NOTICE, STRANGER, Scene};

const ALL: (&str, Option<&str>) = ("LANGUAGES", Some("all"));

/// With an employee who prefers this language.
async fn scene_for(language: &str, settings: &[(&str, Option<&str>)]) -> Scene {
    let scene = Scene::with(settings).await;
    let user = scene.sandbox.okta.users().remove(0);
    scene
        .sandbox
        .okta
        .set_profile(&user.id, "preferredLanguage", json!(language));
    scene
}

#[tokio::test]
async fn the_employee_reads_the_employees_language() {
    for (language, head) in [
        // The employee's number is Danish.
        ("xx", format!("Fra: {STRANGER}")),
        ("sv", format!("Från: {STRANGER}")),
        ("de-DE", format!("Von: {STRANGER}")),
        ("ar", format!("\u{200e}{STRANGER}")),
    ] {
        let scene = scene_for(language, &[ALL]).await;
        let reply = scene.text(STRANGER, "Hello there").await;
        let [text] = &reply.messages[..] else {
            panic!("{language}: {:?}", reply.messages)
        };
        let (first, rest) = text.split_once("\n\n").unwrap();
        assert!(first.contains(&head), "{language}: {text}");
        assert_eq!(rest, "Hello there", "{language}");
    }
}

#[tokio::test]
async fn a_notice_is_in_the_employees_language_and_the_reply_is_understood_in_any() {
    let scene = scene_for("de", &[ALL]).await;
    let german = words::Language::of_country("DE").unwrap();
    let example = [("example", STRANGER.into())];
    let notice = words::NO_ADDRESSEE.text(german, &example);
    assert_ne!(notice, NOTICE);
    scene.text_leads_to(MOBILE, "Hej med dig", &[&notice]).await;
    scene.text(STRANGER, "Hello there").await;
    scene
        .text_leads_to(MOBILE, "Hej med dig igen", &["Hej med dig igen"])
        .await;
}

#[tokio::test]
async fn without_languages_everybody_reads_english() {
    let scene = scene_for("da", &[]).await;
    let text = format!("From: {STRANGER}\n\nHello there");
    scene.text_leads_to(STRANGER, "Hello there", &[&text]).await;
}

#[tokio::test]
async fn texts_of_ones_own_are_sent() {
    let own = r#"{"da":{"forwarded-from":"SMS fra { $sender }:"}}"#;
    let scene = scene_for("da", &[ALL, ("WORDS", Some(own))]).await;
    let text = format!("SMS fra {STRANGER}:\n\nHello there");
    scene.text_leads_to(STRANGER, "Hello there", &[&text]).await;
    assert_eq!(
        scene.items(&format!("directory#{COMPANY}")).await[0]["locale"]["S"],
        "da"
    );
}
