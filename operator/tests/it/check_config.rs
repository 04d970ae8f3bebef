//! `check-config`: mistakes in samconfig.toml are named before a deployment.

use std::path::Path;

use crate::scene::{Output, Scene};

/// Runs `check-config` on a file with this content.
async fn check(test: &str, content: &str, options: &[&str]) -> Output {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("check-{test}-{}.toml", std::process::id()));
    std::fs::write(&file, content).unwrap();
    let scene = Scene::new().await;
    let fixed = ["check-config", "--samconfig", file.to_str().unwrap()];
    let output = scene.run_with(&[&fixed, options].concat(), &[], "").await;
    std::fs::remove_file(file).unwrap();
    output
}

#[tokio::test]
async fn the_sections_of_this_repository_have_no_mistake() {
    let own =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../samconfig.toml")).unwrap();
    for environment in ["dev", "staging", "prod"] {
        let output = check(environment, &own, &["--config-env", environment]).await;
        assert_eq!(output.code, 0, "{output:?}");
    }
    let output = check("none", &own, &[]).await;
    assert!(
        output.code == 2
            && output
                .err
                .contains("or choose dev, staging, prod with --config-env"),
        "{output:?}"
    );
}

#[tokio::test]
async fn mistakes_that_would_end_a_start_are_named_before_callers_find_them() {
    let content = r#"
[default.deploy.parameters]
parameter_overrides = [
  "ApiAudience=https://api.acme.example/",
  "Auth0Url=https://acme.eu.auth0.com",
  "IvrMenu='[{\"digit\":\"1\",\"label\":\"balance\",\"textt\":\"x\",\"exit\":true}]'",
  "SmsRoutes=*=twilio",
  "GenericMapping='{\"recipient\":\"/to\",\"code\":\"/code\",\"sender\":\"/from\"}'",
  "AllowedCountries=DK,UK",
  "IvrWelcome=Welcome to Acme",
  "PinLenght=6",
]
"#;
    let output = check("mistakes", content, &["--json"]).await;
    assert_eq!(output.code, 1, "{output:?}");
    let found = output.json();
    let found = found["findings"].as_array().unwrap();
    for (parameter, words) in [
        (
            "IvrMenu",
            r#"entry 1: unknown member "textt"; known are digit, label, path, say, exit"#,
        ),
        ("GenericMapping", "sender is not one of recipient"),
        (
            "AllowedCountries",
            "UK is not an ISO 3166 country code such as DK; the United Kingdom is GB",
        ),
        ("IvrWelcome", "SAM drops `to Acme` after the value"),
        ("PinLenght", "is it PinLength?"),
    ] {
        let is_it = |one: &&serde_json::Value| {
            one["parameter"] == parameter && one["problem"].as_str().unwrap().contains(words)
        };
        assert_eq!(
            found.iter().filter(is_it).count(),
            1,
            "{parameter}: {found:#?}"
        );
    }
    assert_eq!(found.len(), 5, "{found:#?}");
}

#[tokio::test]
async fn a_text_of_overrides_is_read_as_sam_reads_it() {
    let text = "[prod.deploy.parameters]\nparameter_overrides = \"SmsRoutes='*=twilio' SmsFrom=twilio:+15005550006 CodeText='Kode {code}' Voicemail=yes\"\n";
    let output = check("text", text, &["--config-env", "prod"]).await;
    assert_eq!(output.code, 1, "{output:?}");
    assert_eq!(
        output.out,
        "Voicemail: must be one of on, off\nprod: 1 mistake\n"
    );
    let output = check(
        "set",
        text,
        &["--config-env", "prod", "--set", "Voicemail=on"],
    )
    .await;
    assert_eq!(
        (output.code, output.out.as_str()),
        (0, "prod: 4 parameters, no mistake\n"),
        "{output:?}"
    );
}
