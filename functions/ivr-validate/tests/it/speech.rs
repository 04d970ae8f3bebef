//! Callers speak instead of pressing keys.

use sandbox::twilio::{Call, Entry};
use words::Language;

use crate::scene::{
    ACCOUNT, AGAIN_ACCOUNT, AGAIN_PIN, ASK_PIN, BALANCE, CALLER, GOODBYE, GREETED, NUMBER, OFFER,
    PIN, Scene, WELCOME, and,
};

const LISTENS: (&str, Option<&str>) = ("IVR_SPEECH", Some("true"));
/// [`ACCOUNT`], as people say it.
const SPOKEN: &str = "One zero zero, four two. Oh oh FOUR two seven.";
const ASKED: &str =
    "Welcome. Please say your account number, or enter it, followed by the pound key.";

fn speech(words: &str) -> Entry {
    Entry::Speech(words.to_owned())
}

async fn call(scene: &Scene, entries: &[Entry]) -> Call {
    scene.mark(CALLER);
    scene.mark(SPOKEN);
    let caller = scene.sandbox.twilio.caller(CALLER);
    caller.keys(entries.iter().cloned()).call(NUMBER).await
}

/// The scene's end reads all log lines: none may have what was spoken.
#[tokio::test]
async fn account_number_and_menu_may_be_spoken() {
    let scene = Scene::with(1, &[LISTENS]).await;
    let entries = [
        speech(SPOKEN),
        PIN.into(),
        speech("Payments, please."),
        speech("the account balance"),
        speech("one"),
        "1".into(),
        speech("Exit"),
    ];
    let call = call(&scene, &entries).await;
    let balance = format!("{BALANCE} {OFFER}");
    let payment = format!("Your last payment was 20 EUR on 2026-11-02. {OFFER}");
    assert_eq!(
        call.heard,
        [
            ASKED, ASK_PIN, GREETED, &payment, &balance, &balance, &balance, GOODBYE
        ]
    );
    let listening = r#"<Gather input="dtmf speech" "#;
    let digits = "zero, three, seven, eight, four, five, nine, one, two, six, oh, o";
    let hints = &call.documents[0];
    assert!(
        hints.contains(listening) && hints.contains(r#"language="en-US""#),
        "{hints}"
    );
    for word in digits.split(", ") {
        assert!(hints.contains(word), "{word}: {hints}");
    }
    assert!(
        call.documents[2].contains(listening),
        "{}",
        call.documents[2]
    );
    assert!(
        call.documents[2].contains(r#"hints="account balance, payments, exit, "#),
        "{}",
        call.documents[2]
    );
    assert_eq!((scene.logins(), scene.wrong().await), (1, 0));
}

/// Everybody near the caller would hear it, and the recogniser would keep it.
#[tokio::test]
async fn a_pin_is_never_spoken() {
    let scene = Scene::with(1, &[LISTENS]).await;
    let said = [
        speech(SPOKEN),
        speech("two seven one eight"),
        PIN.into(),
        "9".into(),
    ];
    let heard = call(&scene, &said).await;
    assert_eq!(heard.heard, [ASKED, ASK_PIN, AGAIN_PIN, GREETED, GOODBYE]);
    for document in &heard.documents[1..3] {
        assert!(document.contains(r#"<Gather input="dtmf" "#), "{document}");
        assert!(!document.contains("hints"), "{document}");
    }
    // Even if a request has it.
    let params = scene.inbound(CALLER);
    let next = scene.follow(&params, &[ACCOUNT]).await;
    let params = and(&params, &[("SpeechResult", PIN)]);
    let (document, _) = scene.post(&params, &next, "").await;
    assert!(document.contains(AGAIN_PIN), "{document}");
    assert_eq!(scene.logins(), 1);
}

#[tokio::test]
async fn without_the_setting_nothing_is_listened_to() {
    let scene = Scene::start().await;
    let params = and(&scene.inbound(CALLER), &[("SpeechResult", SPOKEN)]);
    let next = scene.post(&params, "voice", "").await;
    assert!(
        next.0.contains(WELCOME) && !next.0.contains("speech"),
        "{}",
        next.0
    );
    let (document, _) = scene.post(&params, &next.1, "").await;
    assert!(document.contains(AGAIN_ACCOUNT), "{document}");
}

/// A guess would be an attempt at somebody else's account.
#[tokio::test]
async fn what_is_not_certain_is_asked_again() {
    let scene = Scene::with(1, &[LISTENS]).await;
    let long = "one ".repeat(1_000);
    for words in [
        "my number is one zero zero",
        "one hundred",
        "one two three four five six seven eight nine one two",
        "</Say><Dial>+19005550123</Dial>",
        "\u{e000}\u{0}",
        &long,
    ] {
        let call = call(
            &scene,
            &[
                speech(words),
                speech(SPOKEN),
                "".into(),
                "".into(),
                "".into(),
            ],
        )
        .await;
        assert!(
            call.heard[1].starts_with("We did not get that."),
            "{words}: {call:#?}"
        );
        assert_eq!(call.heard[2], ASK_PIN, "{words}");
    }
    // Keys count before speech.
    let params = scene.inbound(CALLER);
    let (_, next) = scene.post(&params, "voice", "").await;
    let both = and(&params, &[("SpeechResult", "nine nine nine")]);
    let (document, next) = scene.post(&both, &next, ACCOUNT).await;
    assert!(document.contains(ASK_PIN), "{document}");
    let (document, _) = scene.post(&params, &next, PIN).await;
    assert!(document.contains(GREETED), "{document}");
}

#[tokio::test]
async fn speech_is_understood_in_the_calls_language() {
    let settings = [LISTENS, ("IVR_LANGUAGES", Some("en,da"))];
    let scene = Scene::with(1, &settings).await;
    let danish: Language = "da".parse().unwrap();
    let words = words::DIGIT_WORDS.text(danish, &[]);
    let words: Vec<&str> = words
        .split_whitespace()
        .map(|word| word.split('/').next().unwrap())
        .collect();
    let spoken: Vec<&str> = ACCOUNT
        .bytes()
        .map(|digit| words[usize::from(digit - b'0')])
        .collect();
    let label = words::LABEL_EXIT.text(danish, &[]);
    let entries = [
        "2".into(),
        speech(&spoken.join(" ")),
        PIN.into(),
        speech(&label),
    ];
    let heard = call(&scene, &entries).await;
    assert_eq!(heard.heard.last(), Some(&words::GOODBYE.text(danish, &[])));
    assert!(
        heard.documents[1].contains(r#"language="da-DK" hints=""#),
        "{heard:#?}"
    );
    assert_eq!(scene.logins(), 1);
    // The first prompt takes keys only.
    assert!(heard.documents[0].contains(r#"<Gather input="dtmf" "#));
}
