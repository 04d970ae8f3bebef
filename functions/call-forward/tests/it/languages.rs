//! The language of the caller, and the language of the employee.

use sandbox::Sandbox;
use serde_json::json;

use crate::scene::{MOBILE, Scene, document, status};

const DANE: &str = "+4512345678";
const GERMAN: &str = "+4915112345678";
const JAPANESE: &str = "+819012345678";
const ARAB: &str = "+971501234567";

#[tokio::test]
async fn a_caller_hears_the_language_of_the_numbers_country() {
    let scene = Scene::with(&[("LANGUAGES", Some("all"))]).await;
    for (from, say, words) in [
        (
            DANE,
            r#"<Say language="da-DK" voice="Polly.Sofie-Neural">"#,
            "Annabeth",
        ),
        (
            GERMAN,
            r#"<Say language="de-DE" voice="Polly.Vicki-Neural">"#,
            "Annabeth",
        ),
        (
            JAPANESE,
            r#"<Say language="ja-JP" voice="Polly.Takumi-Neural">"#,
            "Annabeth",
        ),
        (
            ARAB,
            r#"<Say language="ar-AE" voice="Polly.Hala-Neural">"#,
            "Annabeth",
        ),
        (
            "+14155550111",
            r#"<Say language="en-US" voice="Polly.Joanna-Neural">"#,
            "Please wait.",
        ),
    ] {
        let said = scene.post(&scene.inbound(from), "").await;
        assert!(said.contains(say) && said.contains(words), "{from}: {said}");
    }
    let withheld = scene.post(&scene.inbound("anonymous"), "").await;
    assert!(withheld.contains(r#"<Say language="en-US""#), "{withheld}");
}

#[tokio::test]
async fn every_sentence_of_a_call_is_in_the_callers_language() {
    let scene = Scene::with(&[("LANGUAGES", Some("da")), ("VOICEMAIL", Some("on"))]).await;
    let danish = words::Language::of_country("DK").unwrap();
    let say = |message: &words::Message| {
        let text = message.text(danish, &[]);
        format!(r#"<Say language="da-DK" voice="Polly.Sofie-Neural">{text}</Say>"#)
    };
    scene.sandbox.twilio.phone_busy(MOBILE);
    let call = scene.call(DANE).await;
    let heard = call.heard.join("|");
    assert!(
        heard.contains(&words::LEAVE_MESSAGE.text(danish, &[])),
        "{heard}"
    );
    let scene = Scene::on(Sandbox::start().await, &[("LANGUAGES", Some("da"))]).await;
    let regret = scene.post(&scene.inbound(DANE), "").await;
    let expected = document(&format!("{}<Hangup/>", say(&words::NUMBER_NOT_REACHED)));
    assert_eq!(regret, expected);
}

#[tokio::test]
async fn an_apology_is_in_the_callers_language() {
    let scene = Scene::on(Sandbox::start().await, &[("LANGUAGES", Some("da"))]).await;
    scene.okta().always(Some(status(503)));
    let said = scene.post(&scene.inbound(DANE), "").await;
    let danish = words::Language::of_country("DK").unwrap();
    assert!(said.contains(&words::APOLOGY.text(danish, &[])), "{said}");
}

#[tokio::test]
async fn the_employee_is_told_in_the_employees_language() {
    let settings = [("LANGUAGES", Some("all")), ("MISSED_CALL_TEXT", Some("on"))];
    for (language, text) in [
        (None, format!("Missed call from {DANE}")),
        (Some("da"), format!("Ubesvaret opkald fra {DANE}")),
        (Some("xx"), format!("Missed call from {DANE}")),
    ] {
        let scene = Scene::with(&settings).await;
        let user = scene.sandbox.okta.users().remove(0);
        scene
            .sandbox
            .okta
            .set_profile(&user.id, "preferredLanguage", json!(language));
        scene.sandbox.twilio.phone_busy(MOBILE);
        scene.call(DANE).await;
        scene.logged("missed_call").await;
        assert_eq!(scene.sandbox.twilio.inbox(MOBILE), [text], "{language:?}");
    }
}

#[tokio::test]
async fn texts_of_ones_own_are_said_also_from_the_table_and_a_dead_table_costs_no_call() {
    let own = json!({
        "pk": { "S": "words#da" }, "sk": { "S": "texts" },
        "texts": { "S": r#"{"connecting-without-name":"Vent venligst, min ven.","connecting":"Hej, du taler snart med { $name }."}"# },
    });
    let settings = [("LANGUAGES", Some("da")), ("WORDS", Some("table"))];
    let scene = Scene::with(&settings).await;
    scene.sandbox.aws.put(own).await;
    let said = scene.post(&scene.inbound(DANE), "").await;
    assert!(said.contains("Hej, du taler snart med Annabeth."), "{said}");

    let scene = Scene::with(&settings).await;
    scene.dynamodb().always_with("words#da", status(500));
    let danish = words::Language::of_country("DK").unwrap();
    let name = [("name", "Annabeth".into())];
    let said = scene.post(&scene.inbound(DANE), "").await;
    assert!(
        said.contains(&words::CONNECTING.text(danish, &name)),
        "{said}"
    );
    assert!(said.contains("<Dial "), "{said}");
}

#[tokio::test]
async fn a_greeting_of_ones_own_is_for_every_language() {
    let settings = [
        ("LANGUAGES", Some("all")),
        ("GREETING", Some("Hi <b>{firstName}</b>")),
    ];
    let scene = Scene::with(&settings).await;
    let said = scene.post(&scene.inbound(DANE), "").await;
    assert!(
        said.contains("Hi &lt;b&gt;Annabeth&lt;/b&gt;</Say>"),
        "{said}"
    );
}
