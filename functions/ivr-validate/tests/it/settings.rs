//! Variables whose values depend on each other, or are more than a text.

use sandbox::Sandbox;
use sandbox::scene::{self, Setting};

use crate::scene::FUNCTION;

/// The problems with which the process ends.
async fn problems(sandbox: &Sandbox, settings: &[Setting<'_>]) -> Vec<String> {
    let binary = env!("CARGO_BIN_EXE_ivr-validate").as_ref();
    scene::problems(sandbox, FUNCTION, binary, settings).await
}

#[tokio::test]
async fn bounds_that_contradict_each_other_and_texts_and_menus_that_are_none() {
    let sandbox = Sandbox::start().await;
    let long = "x".repeat(1_001);
    let told = problems(&sandbox, &[("IVR_WELCOME", Some(&long))]).await;
    assert!(
        told.len() == 1 && told[0].contains("IVR_WELCOME"),
        "{told:?}"
    );
    let bounds = [
        ("PIN_ATTEMPTS", Some("9")),
        ("PIN_ATTEMPTS_ACCOUNT", Some("8")),
    ];
    let told = problems(&sandbox, &bounds).await;
    assert!(
        told.len() == 1 && told[0].contains("PIN_ATTEMPTS_ACCOUNT"),
        "{told:?}"
    );
    for (menu, part) in [
        ("balance", "is not a JSON list"),
        (
            r#"[{"digit":"1","label":"x","exit":true,"sound":"y"}]"#,
            "entry 1: unknown member \"sound\"",
        ),
        (r#"[{"digit":"12","label":"x","exit":true}]"#, "one digit"),
        (
            r#"[{"digit":"1","label":"x","exit":true},{"digit":"1","label":"y","exit":true}]"#,
            "of its own",
        ),
        (
            r#"[{"digit":"1","label":"x","path":"/a"}]"#,
            "entry 1: either path and say, or exit",
        ),
        (
            r#"[{"digit":"1","label":"x","path":"//evil.example/","say":"y"}]"#,
            "entry 1: path",
        ),
        (
            r#"[{"digit":"1","label":"x","path":"/{pin}","say":"y"}]"#,
            "{account} only",
        ),
        (
            r#"[{"digit":"1","label":"x","path":"/a","say":"It is {balance.amount"}]"#,
            "entry 1: say has a brace",
        ),
        (
            &format!(
                r#"[{{"digit":"1","label":"{}","exit":true}}]"#,
                "x".repeat(101)
            ),
            "entry 1: label is longer than 100",
        ),
    ] {
        let told = problems(&sandbox, &[("IVR_MENU", Some(menu))]).await;
        assert!(
            told.len() == 1 && told[0].contains("IVR_MENU") && told[0].contains(part),
            "{told:?}"
        );
    }
}

#[tokio::test]
async fn languages_and_voices_that_do_not_exist_or_do_not_fit() {
    let sandbox = Sandbox::start().await;
    for (settings, part) in [
        (
            &[("IVR_LANGUAGE", Some("en"))][..],
            "IVR_LANGUAGE is not a language of Twilio's voices",
        ),
        (
            &[("IVR_LANGUAGES", Some("en,klingon"))],
            "IVR_LANGUAGES: klingon is not one of en, ",
        ),
        (
            &[("IVR_LANGUAGES", Some("en,da,en"))],
            "IVR_LANGUAGES has en twice",
        ),
        (
            &[("IVR_VOICE", Some("Polly.Naja"))],
            "IVR_VOICE Polly.Naja does not speak en-US, but da",
        ),
        (
            &[("IVR_VOICE", Some("Joanna"))],
            "IVR_VOICE Joanna is not the name of a voice",
        ),
        (
            &[
                ("IVR_LANGUAGE", Some("cy-GB")),
                ("IVR_SPEECH", Some("true")),
            ],
            "IVR_SPEECH: Twilio does not understand cy-GB",
        ),
        (
            &[("IVR_SPEECH", Some("yes"))],
            "IVR_SPEECH must be true or false",
        ),
        (
            &[
                ("IVR_LANGUAGES", Some("en,da")),
                (
                    "IVR_MENU",
                    Some(r#"[{"digit":"1","label":{"en":"x"},"exit":true}]"#),
                ),
            ],
            "IVR_MENU entry 1: label has no text for da",
        ),
    ] {
        let told = problems(&sandbox, settings).await;
        assert!(
            told.len() == 1 && told[0].starts_with(part),
            "{settings:?}: {told:?}"
        );
    }
    let wrong = [
        ("IVR_LANGUAGE", Some("klingon")),
        ("IVR_LANGUAGES", Some("klingon")),
        ("IVR_VOICE", Some("Joanna")),
        ("IVR_SPEECH", Some("on")),
        ("IVR_MENU", Some(r#"[{"digit":"x","label":"x"}]"#)),
    ];
    let told = problems(&sandbox, &wrong).await;
    assert_eq!(told.len(), 6, "all at once: {told:?}");
}
