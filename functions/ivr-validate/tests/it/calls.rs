//! Calls as callers hear them, key by key.

use sandbox::twilio::{Call, Ended};
use serde_json::json;

use crate::scene::{
    ACCOUNT, AGAIN_ACCOUNT, AGAIN_PIN, ASK_PIN, BALANCE, CALLER, GOODBYE, GREETED, NOBODYS, OFFER,
    OTHER_CALLER, PAYMENT, PIN, REFUSED, REFUSED_ONCE, Scene, WELCOME, WRONG_PIN, last_words,
    question,
};

/// What was heard to the end, which was ours.
#[track_caller]
fn heard(call: &Call, words: &[&str]) {
    assert_eq!(
        (&call.heard[..], call.ended),
        (
            &words
                .iter()
                .map(|&words| words.to_owned())
                .collect::<Vec<_>>()[..],
            Ended::HungUpByUs
        )
    );
}

#[tokio::test]
async fn a_caller_logs_in_and_hears_balance_and_payments() {
    let scene = Scene::start().await;
    let call = scene
        .call(CALLER, &["1004200427#", PIN, "1", "2", "1", "9"])
        .await;
    let (balance, payment) = (format!("{BALANCE} {OFFER}"), format!("{PAYMENT} {OFFER}"));
    heard(
        &call,
        &[
            WELCOME, ASK_PIN, GREETED, &balance, &payment, &balance, GOODBYE,
        ],
    );
    let documents = [
        question(WELCOME, "account", None),
        question(ASK_PIN, "pin", Some(4)),
        question(GREETED, "menu", Some(1)),
        question(&balance, "menu", Some(1)),
        question(&payment, "menu", Some(1)),
        question(&balance, "menu", Some(1)),
        last_words(&[GOODBYE]),
    ];
    assert_eq!(call.documents, documents);
    assert_eq!(
        (scene.logins(), scene.asked(), scene.wrong().await),
        (1, 3, 0)
    );
    let logged = scene.logged("greeted").await;
    let fields = (&logged["level"], &logged["sid"], &logged["from"]);
    assert_eq!(
        fields,
        (&json!("INFO"), &json!(call.sid), &json!("+1••••0111"))
    );
    let outcomes = [
        "asked_account",
        "asked_pin",
        "greeted",
        "told",
        "told",
        "told",
        "exit",
    ];
    assert_eq!(scene.outcomes(), outcomes);
}

#[tokio::test]
async fn no_entry_three_times_is_goodbye() {
    let scene = Scene::start().await;
    for nothing in [
        ["", "", ""],
        ["*#", "12345678901#", "1*2#"],
        ["#", "1A#", "11111111111111111111#"],
    ] {
        let call = scene.call(CALLER, &nothing).await;
        heard(&call, &[WELCOME, AGAIN_ACCOUNT, AGAIN_ACCOUNT, GOODBYE]);
    }
    for nothing in [["", "", ""], ["271#", "*#", "2A18"], ["#", "2*18", "1#"]] {
        let call = scene
            .call(CALLER, &[&[ACCOUNT][..], &nothing].concat())
            .await;
        heard(&call, &[WELCOME, ASK_PIN, AGAIN_PIN, AGAIN_PIN, GOODBYE]);
    }
    for nothing in [["", "", ""], ["7", "*", "#"]] {
        let call = scene
            .call(CALLER, &[&[ACCOUNT, PIN][..], &nothing].concat())
            .await;
        let again = format!("We did not get that. {OFFER}");
        heard(&call, &[WELCOME, ASK_PIN, GREETED, &again, &again, GOODBYE]);
    }
    assert_eq!(
        (scene.logins(), scene.asked(), scene.wrong().await),
        (2, 0, 0)
    );
}

#[tokio::test]
async fn what_was_not_understood_may_be_keyed_again() {
    let scene = Scene::start().await;
    let call = scene
        .call(
            CALLER,
            &["", "x", ACCOUNT, "1#", "", PIN, "5", "", "1", "", "9"],
        )
        .await;
    let (again, balance) = (
        format!("We did not get that. {OFFER}"),
        format!("{BALANCE} {OFFER}"),
    );
    let expected = [
        WELCOME,
        AGAIN_ACCOUNT,
        AGAIN_ACCOUNT,
        ASK_PIN,
        AGAIN_PIN,
        AGAIN_PIN,
        GREETED,
        &again,
        &again,
        &balance,
        &again,
        GOODBYE,
    ];
    heard(&call, &expected);
}

/// At once, since refusals take their time.
#[tokio::test]
async fn wrong_pairs_and_locks() {
    tokio::join!(wrong_pairs(), five_wrong_pins_over_two_calls_are_a_lock());
}

async fn wrong_pairs() {
    let scene = Scene::with(3, &[]).await;
    let keys = [ACCOUNT, WRONG_PIN, NOBODYS, PIN, ACCOUNT, "0000"];
    let second = [ACCOUNT, WRONG_PIN, ACCOUNT, PIN, "9"];
    // An entry that was not understood costs no pair.
    let third = [
        "", ACCOUNT, "", WRONG_PIN, ACCOUNT, WRONG_PIN, "", ACCOUNT, PIN, "9",
    ];
    let (wrong, right, clumsy) = tokio::join!(
        scene.call("+14155550133", &keys),
        scene.call(CALLER, &second),
        scene.call(OTHER_CALLER, &third)
    );
    assert_eq!(
        wrong.documents.last(),
        Some(&last_words(&[REFUSED, GOODBYE]))
    );
    heard(
        &wrong,
        &[
            WELCOME,
            ASK_PIN,
            REFUSED_ONCE,
            ASK_PIN,
            REFUSED_ONCE,
            ASK_PIN,
            REFUSED,
            GOODBYE,
        ],
    );
    heard(
        &right,
        &[WELCOME, ASK_PIN, REFUSED_ONCE, ASK_PIN, GREETED, GOODBYE],
    );
    let expected = [
        WELCOME,
        AGAIN_ACCOUNT,
        ASK_PIN,
        AGAIN_PIN,
        REFUSED_ONCE,
        ASK_PIN,
        REFUSED_ONCE,
        AGAIN_ACCOUNT,
        ASK_PIN,
        GREETED,
        GOODBYE,
    ];
    heard(&clumsy, &expected);
}

async fn five_wrong_pins_over_two_calls_are_a_lock() {
    let scene = Scene::start().await;
    let wrong = [ACCOUNT, WRONG_PIN];
    let first = scene.call(CALLER, &[wrong, wrong, wrong].concat()).await;
    let second = scene
        .call(CALLER, &[wrong, wrong, [ACCOUNT, PIN]].concat())
        .await;
    assert_eq!(
        (&second.documents, scene.logins(), scene.wrong().await),
        (&first.documents, 5, 5),
        "the last was right"
    );
    let other = scene.call(OTHER_CALLER, &[ACCOUNT, PIN, "9"]).await;
    heard(&other, &[WELCOME, ASK_PIN, GREETED, GOODBYE]);
}

#[tokio::test]
async fn a_caller_who_hangs_up_calls_again() {
    let scene = Scene::start().await;
    let caller = scene.sandbox.twilio.caller(CALLER);
    for keys in [&[][..], &[ACCOUNT], &[ACCOUNT, PIN], &[ACCOUNT, PIN, "1"]] {
        let call = caller
            .clone()
            .keys(keys.iter().copied())
            .hangs_up_after_keys();
        let sid = format!("CA{:032x}", keys.len());
        assert_eq!(
            call.sid(&sid).call(crate::scene::NUMBER).await.ended,
            Ended::CallerHungUp
        );
    }
    heard(
        &scene.call(CALLER, &[ACCOUNT, PIN, "9"]).await,
        &[WELCOME, ASK_PIN, GREETED, GOODBYE],
    );
    let now = sandbox::now().as_secs();
    let lives = scene.counted("call#", "state", "open_until").await;
    assert!(
        lives.len() == 5 && lives.iter().all(|end| *end < now + 16 * 60),
        "{lives:?}"
    );
    let remembered = scene.counted("call#", "state", "expires_at").await;
    let days = |days: u64| now + days * 86_400;
    assert!(
        remembered.len() == 5
            && remembered
                .iter()
                .all(|end| (days(6)..days(8)).contains(end)),
        "{remembered:?}"
    );
}

#[tokio::test]
async fn in_another_language_and_voice() {
    let words = "Hej & <velkommen>, \"du\".";
    let overrides = [
        ("IVR_LANGUAGE", Some("da-DK")),
        ("IVR_VOICE", Some("Polly.Naja")),
        ("IVR_WELCOME", Some(words)),
        ("PIN_LENGTH", Some("6")),
    ];
    let scene = Scene::with(1, &overrides).await;
    scene.sandbox.auth0.set_password(&scene.holder(), "271828");
    let call = scene.call(CALLER, &[ACCOUNT, "271828", "9"]).await;
    let danish: words::Language = "da".parse().unwrap();
    let text = |message: &words::Message| message.text(danish, &[]);
    assert_eq!(
        call.heard[0],
        format!("{words} {}", text(&words::ASK_ACCOUNT))
    );
    let six = [("digits", words::Value::count(6))];
    assert_eq!(
        call.heard[1],
        words::ASK_PIN_DIGITS.text(danish, &six),
        "six digits are the end, so no key is asked for"
    );
    assert_eq!(call.heard.last(), Some(&text(&words::GOODBYE)));
    let spoken = r#"<Say language="da-DK" voice="Polly.Naja">"#;
    assert!(
        call.documents
            .iter()
            .all(|document| document.matches("<Say").count() == document.matches(spoken).count())
    );
    assert!(call.documents[1].contains(r#"numDigits="6""#));
}

/// Text of others is spoken, cut, and never markup.
#[tokio::test]
async fn greetings_are_spoken_as_they_are() {
    let scene = Scene::start().await;
    let (holder, long) = (scene.holder(), "a".repeat(10_000));
    for (greeting, name) in [
        (
            "</Say><Dial>+19005550123</Dial><Say>",
            "</Say><Dial>+19005550123</Dial><Say>",
        ),
        ("]]>&amp;<![CDATA[\"'", "]]>&amp;<![CDATA[\"'"),
        ("A\u{0}\u{8}\u{fffe}\r\n B", "A B"),
        ("error", "error"),
        (&long, &"a".repeat(100)),
    ] {
        scene
            .sandbox
            .auth0
            .set_app_metadata(&holder, "ivr_greeting", json!(greeting));
        let call = scene.call(CALLER, &[ACCOUNT, PIN, "9"]).await;
        heard(
            &call,
            &[
                WELCOME,
                ASK_PIN,
                &format!("Welcome {name}. {OFFER}"),
                GOODBYE,
            ],
        );
        assert_eq!(
            call.documents[2].matches('<').count(),
            7,
            "{}",
            call.documents[2]
        );
    }
}
