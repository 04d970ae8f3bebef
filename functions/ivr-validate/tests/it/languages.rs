//! Callers hear their own language.

use sandbox::twilio::{Call, Ended};
use sandbox::wire::Fault;
use serde_json::json;
use words::{Language, Message, Value};

use crate::scene::{
    ACCOUNT, BALANCE, CALLER, GOODBYE, GREETED, NAME, OFFER, PIN, Params, Scene, WELCOME,
    WRONG_PIN, question,
};

const DANISH: &str = "+4520123456";
const EVERY: (&str, Option<&str>) = ("LANGUAGES", Some("all"));
const CHOICE: (&str, Option<&str>) = ("IVR_LANGUAGES", Some("en,da"));

fn danish() -> Language {
    "da".parse().unwrap()
}

/// A text of the catalogue.
fn text(language: Language, message: &Message) -> String {
    message.text(language, &[])
}

/// What the usual menu offers.
fn offer(language: Language) -> String {
    let entries = [
        ("1", &words::LABEL_BALANCE),
        ("2", &words::LABEL_PAYMENTS),
        ("9", &words::LABEL_EXIT),
    ];
    let entries = entries.map(|(digit, label)| {
        let label = text(language, label);
        let values = [("digit", digit.into()), ("label", label.into())];
        words::PRESS_FOR.text(language, &values)
    });
    entries.join(" ")
}

/// What a language offers for a key.
fn choose(language: Language, digit: &str) -> String {
    words::CHOOSE_LANGUAGE.text(language, &[("digit", digit.into())])
}

/// All that a caller of this language hears, from the question for the account number on, who
/// presses these keys: nothing, [`ACCOUNT`], nothing, a wrong PIN, the right pair, 1, 2, 7 and 9.
fn whole_dialogue(language: Language) -> Vec<String> {
    let said = |message| text(language, message);
    let (question, offer) = (said(&words::ASK_ACCOUNT), offer(language));
    let pin = words::ASK_PIN_DIGITS.text(language, &[("digits", Value::count(4))]);
    let amount = format!("1234{}50", language.decimal());
    let balance = [("amount", amount.into()), ("currency", "EUR".into())];
    let payment = [
        ("amount", "20".into()),
        ("currency", "EUR".into()),
        ("date", "2026-11-02".into()),
    ];
    let again = said(&words::NOT_UNDERSTOOD);
    let welcome = words::WELCOME_NAME.text(language, &[("greeting", NAME.into())]);
    vec![
        format!("{again} {question}"),
        pin.clone(),
        format!("{again} {pin}"),
        format!("{} {question}", said(&words::NOT_ACCEPTED)),
        pin,
        format!("{welcome} {offer}"),
        format!("{} {offer}", words::BALANCE.text(language, &balance)),
        format!("{} {offer}", words::LAST_PAYMENT.text(language, &payment)),
        format!("{again} {offer}"),
        said(&words::GOODBYE),
    ]
}

const WHOLE: [&str; 10] = ["", ACCOUNT, "", WRONG_PIN, ACCOUNT, PIN, "1", "2", "7", "9"];

#[track_caller]
fn heard(call: &Call, words: &[String]) {
    assert_eq!(
        (&call.heard[..], call.ended),
        (words, Ended::HungUpByUs),
        "{call:#?}"
    );
}

/// Every document but those that offer languages has this voice.
#[track_caller]
fn spoken_by(call: &Call, language: &str, voice: &str) {
    let say = format!(r#"<Say language="{language}" voice="{voice}">"#);
    for document in &call.documents {
        let all = document.matches("<Say").count();
        assert_eq!(document.matches(&say).count(), all, "{document}");
    }
}

#[tokio::test]
async fn a_call_has_the_language_of_the_callers_number() {
    let scene = Scene::with(1, &[EVERY]).await;
    let (danish_call, english, withheld) = tokio::join!(
        scene.call(DANISH, &WHOLE),
        scene.call(CALLER, &WHOLE),
        scene.call("+266696687", &[ACCOUNT, PIN, "9"])
    );
    let expected = |language: Language| {
        let welcome = text(language, &words::WELCOME);
        let first = format!("{welcome} {}", text(language, &words::ASK_ACCOUNT));
        [vec![first], whole_dialogue(language)].concat()
    };
    heard(&danish_call, &expected(danish()));
    spoken_by(&danish_call, "da-DK", danish().voice());
    heard(&english, &expected(Language::ENGLISH));
    spoken_by(&english, "en-US", Language::ENGLISH.voice());
    spoken_by(&withheld, "en-US", Language::ENGLISH.voice());
    // Only our own markup around a value is markup.
    assert!(
        danish_call.documents.iter().any(|document| document
            .contains(r#"<say-as interpret-as="date" format="ymd">2026-11-02</say-as>"#)),
        "{danish_call:#?}"
    );
    let languages = scene.sandbox.aws.items().await;
    let mut languages: Vec<&str> = languages
        .iter()
        .filter_map(|item| item["language"]["S"].as_str())
        .collect();
    languages.sort_unstable();
    assert_eq!(languages, ["da", "en", "en"], "kept in each call's item");
}

/// All messages of all languages go through the sandbox's schema of `TwiML`.
#[tokio::test]
async fn every_language_speaks_through_the_whole_dialogue() {
    let all: Vec<Language> = Language::all().collect();
    for languages in all.chunks(9) {
        let tags: Vec<&str> = languages.iter().map(|one| one.tag()).collect();
        let tags = tags.join(",");
        let scene = Scene::with(3, &[("IVR_LANGUAGES", Some(&tags))]).await;
        let keys: Vec<String> = (1..=languages.len()).map(|key| key.to_string()).collect();
        let offers = languages.iter().zip(&keys);
        let offers: Vec<String> = offers.map(|(one, key)| choose(*one, key)).collect();
        for (nth, (language, key)) in languages.iter().zip(&keys).enumerate() {
            if languages.len() == 1 {
                continue;
            }
            // Another caller each time: five wrong PINs are too many.
            let caller = format!("+1415555020{nth}");
            let call = scene
                .call(&caller, &[&[key.as_str()][..], &WHOLE].concat())
                .await;
            let first = languages.iter().find(|one| one.tag() == "en");
            let first = first.unwrap_or(&languages[0]);
            let expected = [
                vec![text(*first, &words::WELCOME)],
                offers.clone(),
                vec![text(*language, &words::ASK_ACCOUNT)],
                whole_dialogue(*language),
            ];
            heard(&call, &expected.concat());
        }
    }
}

#[tokio::test]
async fn a_caller_chooses_the_language_by_key() {
    let scene = Scene::with(1, &[CHOICE]).await;
    let call = scene.call(CALLER, &["2", ACCOUNT, PIN, "1", "9"]).await;
    let (english, danish) = (Language::ENGLISH, danish());
    let offers = format!(
        r#"<Say language="en-US" voice="{}">For English, press 1.</Say><Say language="da-DK" voice="{}">{}</Say>"#,
        english.voice(),
        danish.voice(),
        choose(danish, "2")
    );
    assert!(
        call.documents[0].contains(&offers) && call.documents[0].contains(r#"numDigits="1""#),
        "{}",
        call.documents[0]
    );
    assert!(call.documents[0].contains(r#"action="/voice/language""#));
    let danish_from_there = whole_dialogue(danish);
    assert_eq!(call.heard[3], text(danish, &words::ASK_ACCOUNT));
    assert_eq!(call.heard[4], danish_from_there[1]);
    assert_eq!(call.heard.last(), danish_from_there.last());
    assert_eq!(
        scene.outcomes(),
        [
            "asked_language",
            "asked_account",
            "asked_pin",
            "greeted",
            "told",
            "exit"
        ]
    );
    // Without a key the call keeps the language of its number.
    for (caller, own) in [(CALLER, english), (DANISH, danish)] {
        let call = scene.call(caller, &["", ACCOUNT, PIN, "9"]).await;
        assert_eq!(call.heard[0], text(own, &words::WELCOME));
        assert_eq!(call.heard[3], text(own, &words::ASK_ACCOUNT));
        assert_eq!(call.heard.last(), Some(&text(own, &words::GOODBYE)));
    }
    // Another key is not understood, three times.
    let call = scene.call(CALLER, &["3", "*", "0"]).await;
    let again = text(english, &words::NOT_UNDERSTOOD);
    let asked = [choose(english, "1"), choose(danish, "2")];
    let first = [
        vec![WELCOME.split(' ').next().unwrap().to_owned()],
        asked.to_vec(),
    ];
    let repeated = [vec![again], asked.to_vec()].concat();
    let expected = [
        first.concat(),
        repeated.clone(),
        repeated,
        vec![GOODBYE.to_owned()],
    ];
    heard(&call, &expected.concat());
}

#[tokio::test]
async fn the_choice_of_a_language_is_a_step_as_any_other() {
    let scene = Scene::with(1, &[CHOICE]).await;
    let goodbye = |document: &str| document.contains(">Goodbye.<");
    // It cannot be left out.
    for (path, keys) in [
        ("voice/account", ACCOUNT),
        ("voice/pin", PIN),
        ("voice/menu", "1"),
    ] {
        let call = scene.inbound(CALLER);
        scene.document(&call, "voice", "").await;
        assert!(goodbye(&scene.document(&call, path, keys).await), "{path}");
    }
    // It cannot come first.
    let call = scene.inbound(CALLER);
    assert!(goodbye(&scene.document(&call, "voice/language", "2").await));
    // A repeated one gets the same answer, and does not choose anew.
    let call: Params = scene.inbound(CALLER);
    let (_, language) = scene.post(&call, "voice", "").await;
    let first = scene.post(&call, &language, "2").await;
    let again = scene.post(&call, &language, "1").await;
    assert_eq!(first, again);
    assert!(first.0.contains(&text(danish(), &words::ASK_ACCOUNT)));
    let (asked, _) = scene.post(&call, &first.1, ACCOUNT).await;
    let pin = words::ASK_PIN_DIGITS.text(danish(), &[("digits", Value::count(4))]);
    assert!(asked.contains(&pin), "{asked}");
    // Later it is over.
    assert!(
        !scene
            .post(&call, &language, "1")
            .await
            .0
            .contains("<Gather")
    );
    assert_eq!(scene.logins(), 0);
    // Where no language is offered, there is no such step.
    let scene = Scene::start().await;
    let call = scene.inbound(CALLER);
    assert_eq!(
        scene.document(&call, "voice", "").await,
        question(WELCOME, "account", None),
        "and no further prompt"
    );
    assert!(goodbye(&scene.document(&call, "voice/language", "1").await));
}

#[tokio::test]
async fn one_language_for_everybody() {
    for (tag, language) in [("da-DK", danish()), ("en-GB", Language::ENGLISH)] {
        let settings = [("IVR_LANGUAGE", Some(tag)), EVERY, CHOICE];
        let scene = Scene::with(1, &settings).await;
        for caller in [CALLER, DANISH] {
            let call = scene.call(caller, &[ACCOUNT, PIN, "1", "9"]).await;
            let first = text(language, &words::WELCOME);
            let first = format!("{first} {}", text(language, &words::ASK_ACCOUNT));
            assert_eq!((call.heard.len(), &call.heard[0]), (5, &first));
            let four = [("digits", words::Value::count(4))];
            assert_eq!(call.heard[1], words::ASK_PIN_DIGITS.text(language, &four));
            let say = format!(r#"<Say language="{tag}">"#);
            assert!(call.documents.iter().all(|one| one.contains(&say)));
        }
        let logged = scene.lambda.log().join("\n");
        assert!(logged.contains("IVR_LANGUAGES is not used"), "{logged}");
    }
}

#[tokio::test]
async fn a_language_without_words_is_told_and_read_in_english() {
    let settings = [("IVR_LANGUAGE", Some("is-IS")), EVERY];
    let scene = Scene::with(1, &settings).await;
    let call = scene.call(DANISH, &[ACCOUNT, PIN, "9"]).await;
    assert_eq!(call.heard[2], GREETED);
    assert!(call.documents[0].contains(r#"<Say language="is-IS">"#));
    let logged = scene.lambda.log().join("\n");
    assert!(logged.contains("there are no words for is-IS"), "{logged}");
}

#[tokio::test]
async fn settings_win_in_every_language() {
    let menu = json!([
        { "digit": "1", "label": { "en": "tickets", "*": "sager & <mere>" }, "path": "/accounts/{account}",
          "say": { "da": "Konto {account_number}: {balance.amount}, {payments.0.date}.", "*": "Account {account_number}: {balance.amount}." } },
        { "digit": "9", "label": "exit", "exit": true },
    ]);
    let menu = menu.to_string();
    let settings = [
        EVERY,
        ("IVR_WELCOME", Some("Hej & <velkommen>!")),
        ("IVR_MENU", Some(&menu)),
        ("IVR_VOICE", Some("Google.da-DK-Wavenet-A")),
    ];
    let scene = Scene::with(1, &settings).await;
    let keys = [ACCOUNT, PIN, "1", "9"];
    let (danish_call, english) = tokio::join!(scene.call(DANISH, &keys), scene.call(CALLER, &keys));
    let asked = text(danish(), &words::ASK_ACCOUNT);
    assert_eq!(danish_call.heard[0], format!("Hej & <velkommen>! {asked}"));
    spoken_by(&danish_call, "da-DK", "Google.da-DK-Wavenet-A");
    let told = format!(
        r#"Konto <say-as interpret-as="characters">{ACCOUNT}</say-as>: 1234,50, <say-as interpret-as="date" format="ymd">2026-11-02</say-as>. "#
    );
    assert!(danish_call.documents[3].contains(&told), "{danish_call:#?}");
    assert!(danish_call.heard[3].contains("sager & <mere>"));
    assert!(english.heard[0].starts_with("Hej & <velkommen>! Please enter"));
    assert!(
        english.heard[3].starts_with(&format!("Account {ACCOUNT}: 1234.50. Press 1 for tickets."))
    );
    // A voice that does not speak a language leaves it to that language's own.
    spoken_by(&english, "en-US", Language::ENGLISH.voice());
    let logged = scene.lambda.log().join("\n");
    assert!(
        logged.contains("IVR_VOICE Google.da-DK-Wavenet-A does not speak"),
        "{logged}"
    );
}

/// A voice that knows no markup gets none.
#[tokio::test]
async fn markup_is_for_voices_that_know_it() {
    for voice in ["woman", "Google.en-US-Chirp3-HD-Kore"] {
        let scene = Scene::with(1, &[EVERY, ("IVR_VOICE", Some(voice))]).await;
        let call = scene.call(CALLER, &[ACCOUNT, PIN, "2", "9"]).await;
        assert_eq!(
            call.heard[3],
            format!("Your last payment was 20 EUR on 2026-11-02. {OFFER}")
        );
        assert!(
            !call.documents[3].contains("<say-as"),
            "{}",
            call.documents[3]
        );
        spoken_by(&call, "en-US", voice);
    }
}

#[tokio::test]
async fn texts_of_ones_own_are_read_from_the_table_and_a_dead_table_delays_nobody() {
    let settings = [CHOICE, ("WORDS", Some("table"))];
    let scene = Scene::with(1, &settings).await;
    for (tag, goodbye) in [("da", "Hej hej & <tak>."), ("en", "See you.")] {
        let texts = json!({ "goodbye": goodbye, "ask-account": "" }).to_string();
        let item = json!({
            "pk": { "S": format!("words#{tag}") }, "sk": { "S": "texts" }, "texts": { "S": texts },
        });
        scene.sandbox.aws.put(item).await;
    }
    // The texts cannot be read: the catalogue speaks, at once.
    scene.dynamodb().always_with("words#", Fault::Hang);
    let began = std::time::Instant::now();
    let call = scene.call(CALLER, &["2", ACCOUNT, PIN, "9"]).await;
    assert_eq!(call.heard.last(), Some(&text(danish(), &words::GOODBYE)));
    assert!(
        began.elapsed() < std::time::Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    scene.dynamodb().clear();
    scene.restart().await;
    let call = scene.call(CALLER, &["2", ACCOUNT, PIN, "9"]).await;
    assert_eq!(call.heard[3], text(danish(), &words::ASK_ACCOUNT));
    assert_eq!(call.heard.last().unwrap(), "Hej hej & <tak>.");
    let call = scene.call(DANISH, &["1", ACCOUNT, PIN, "1", "9"]).await;
    assert_eq!(call.heard[6], format!("{BALANCE} {OFFER}"));
    assert_eq!(call.heard.last().unwrap(), "See you.");
}

/// A stack that never set a language keeps its answers, but for those that it sets now.
#[tokio::test]
async fn without_languages_a_voice_gets_no_markup() {
    let scene = Scene::with(1, &[("IVR_VOICE", Some("Polly.Amy"))]).await;
    let call = scene.call(DANISH, &[ACCOUNT, PIN, "2", "9"]).await;
    let told = format!("Your last payment was 20 EUR on 2026-11-02. {OFFER}");
    assert_eq!(
        call.documents[3],
        question(&told, "menu", Some(1)).replace("\"en-US\"", "\"en-US\" voice=\"Polly.Amy\"")
    );
}

/// The time of a rejection says nothing, in no language.
#[tokio::test]
async fn a_rejection_takes_the_same_time_in_every_language() {
    let settings = [EVERY, ("WORDS", Some("table"))];
    let scene = Scene::with(2, &settings).await;
    scene.dynamodb().always_with("words#", Fault::Hang);
    let refused = async |caller: &str| {
        let call = scene.inbound(caller);
        let next = scene.follow(&call, &[ACCOUNT]).await;
        let began = std::time::Instant::now();
        let (document, _) = scene.post(&call, &next, WRONG_PIN).await;
        (document, began.elapsed().as_millis())
    };
    let ((english, first), (danish_words, second)) = tokio::join!(refused(CALLER), refused(DANISH));
    assert!(english.contains("could not be accepted"), "{english}");
    let expected = text(danish(), &words::NOT_ACCEPTED);
    assert!(danish_words.contains(&expected), "{danish_words}");
    for took in [first, second] {
        assert!(took >= 1_500, "{took} ms");
    }
}

/// Nobody knows the caller of a request that fails early. The words are those of the default.
#[tokio::test]
async fn the_apology_has_words_of_the_catalogue() {
    let settings = [("IVR_LANGUAGE", Some("da-DK"))];
    let scene = Scene::with(1, &settings).await;
    scene.dynamodb().refuse(true);
    let call = scene.call(CALLER, &[ACCOUNT, PIN]).await;
    heard(&call, &[text(danish(), &words::APOLOGY)]);
    scene.dynamodb().refuse(false);
}
