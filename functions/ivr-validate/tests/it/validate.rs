//! `/validate`: the greeting, or `error`.

use serde_json::{Value, json};

use crate::scene::{ACCOUNT, Answer, NAME, PIN, Scene, WRONG_PIN, at_once};

/// What is said of whoever is accepted.
#[track_caller]
fn greeted(answer: &Answer, greeting: &str) {
    let expected = (200, "text/plain; charset=utf-8", greeting);
    assert_eq!(
        (
            answer.status,
            answer.headers["content-type"].as_str(),
            answer.body.as_str()
        ),
        expected
    );
}

#[tokio::test]
async fn the_holder_is_greeted() {
    let scene = Scene::start().await;
    greeted(&scene.validate(ACCOUNT, PIN).await, NAME);
    assert_eq!(
        (scene.logins(), scene.wrong().await, scene.asked()),
        (1, 0, 0)
    );
    let logged = scene.logged("greeted").await;
    assert_eq!(
        (&logged["level"], logged.get("LoginFailed")),
        (&json!("INFO"), None)
    );
    // However an IVR pads what was keyed.
    let padded = [
        ("pin", "2718\r\n"),
        ("caller", "x"),
        ("account_number", " 1004200427 "),
        ("else", ""),
    ];
    greeted(&scene.validate_form(&padded).await, NAME);
}

#[tokio::test]
async fn greetings_are_somebodys_text() {
    let scene = Scene::start().await;
    let (holder, long) = (scene.holder(), "æ".repeat(10_000));
    for (greeting, said) in [
        (json!("  Ann \r\n\tBeth "), "Ann Beth"),
        (
            json!("</Say><Dial>+19005550123</Dial>"),
            "</Say><Dial>+19005550123</Dial>",
        ),
        (
            json!("{\"outcome\":\"x\"}\u{1b}[31m"),
            "{\"outcome\":\"x\"}\u{1b}[31m",
        ),
        (json!(long), &"æ".repeat(100)),
        (json!("error"), "Welcome"),
        (json!(" error\n"), "Welcome"),
        (json!(""), "Welcome"),
        (json!(" \n "), "Welcome"),
        (json!(7), "Welcome"),
        (json!({ "name": NAME }), "Welcome"),
        (Value::Null, "Welcome"),
    ] {
        if let Some(text) = greeting.as_str().filter(|text| text.starts_with('<')) {
            scene.mark(text);
        }
        scene
            .sandbox
            .auth0
            .set_app_metadata(&holder, "ivr_greeting", greeting);
        greeted(&scene.validate(ACCOUNT, PIN).await, said);
    }
}

/// Whatever is no account number or no PIN is refused as a wrong one is, and nobody is asked.
#[tokio::test]
async fn what_cannot_be_keyed_is_refused_without_asking_anybody() {
    let scene = Scene::with(14, &[]).await;
    let refused = scene.validate(ACCOUNT, WRONG_PIN).await;
    assert_eq!((refused.status, refused.body.as_str()), (200, "error"));
    scene.clear();
    let (long, huge) = ("1".repeat(100), "1".repeat(500_000));
    let accounts = [
        "",
        "*",
        "1 OR *",
        "* AND email:ann@acme.example",
        "\"",
        "1004200427\" OR app_metadata.account_number:\"*",
        "1004200427\r\nX-Injected: 1",
        "1004200427\u{0}",
        "10042/../x",
        "</Say><Dial>+19005550123</Dial>",
        "{\"$ne\":1}",
        "\u{1b}[31m1",
        "all",
        "1004200427#all",
        "+1004200427",
        "-1",
        "1e3",
        "10 042",
        "१००४२",
        "10042004270",
        &long,
        &huge,
    ];
    let pins = [
        "",
        "271",
        "27182",
        "27 18",
        "abcd",
        "٢٧١٨",
        "27*8",
        "2718#",
        "\"}}{\"",
        "2718\u{0}",
        "${PIN}",
        "+271",
        &long,
        &huge,
    ];
    let mut forms: Vec<Vec<(&str, &str)>> = accounts
        .iter()
        .map(|account| vec![("account_number", *account), ("pin", PIN)])
        .collect();
    forms.extend(
        pins.iter()
            .map(|pin| vec![("account_number", ACCOUNT), ("pin", *pin)]),
    );
    forms.extend([
        vec![],
        vec![("pin", PIN)],
        vec![("account_number", ACCOUNT)],
        vec![("Account_Number", ACCOUNT), ("PIN", PIN)],
    ]);
    let answers = at_once(forms.iter().map(|form| scene.validate_form(form))).await;
    for (form, answer) in forms.iter().zip(answers) {
        assert_eq!(answer, refused, "{form:?}");
    }
    scene.untouched();
    assert_eq!(
        scene
            .outcomes()
            .iter()
            .filter(|outcome| *outcome == "malformed")
            .count(),
        forms.len()
    );
    greeted(&scene.validate(ACCOUNT, PIN).await, NAME);
}

#[tokio::test]
async fn a_form_that_is_ambiguous_is_none() {
    let scene = Scene::start().await;
    let many: Vec<_> = (0..501).map(|n| n.to_string()).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), "")).collect();
    for form in [
        &[("account_number", ACCOUNT), ("pin", PIN), ("pin", PIN)][..],
        &many,
    ] {
        let answer = scene.validate_form(form).await;
        assert_eq!((answer.status, answer.body.as_str()), (400, ""));
    }
    assert_eq!(scene.logins(), 0);
}
