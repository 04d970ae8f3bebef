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
            "is not a JSON list",
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
