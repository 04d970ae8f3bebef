//! The doctor: quiet where all is well, and for each planted fault its name and the remedy.

mod auth0;
mod coverage;
mod domain;
mod functions;
mod mailgun;
mod okta;
mod registration;
mod stack;
mod twilio;
mod verification;

use sandbox::mailgun::DOMAIN;
use sandbox::twilio::NUMBER;
use serde_json::Value;

use crate::scene::Scene;

async fn findings(scene: &Scene) -> (i32, Vec<Value>) {
    let output = scene.run(&["--json", "doctor"]).await;
    (output.code, output.findings())
}

/// Exactly one finding, of this check, whose text and remedy hold these words.
async fn only(scene: &Scene, check: &str, severity: &str, words: &str, remedy: &str) {
    let (code, findings) = findings(scene).await;
    let [finding] = &findings[..] else {
        panic!("{check}: {findings:#?}")
    };
    assert_eq!(
        (
            finding["check"].as_str().unwrap(),
            finding["severity"].as_str().unwrap()
        ),
        (check, severity),
        "{finding:#}"
    );
    assert!(
        finding["what"].as_str().unwrap().contains(words),
        "{finding:#}"
    );
    assert!(
        finding["remedy"].as_str().unwrap().contains(remedy),
        "{finding:#}"
    );
    assert_eq!(code, i32::from(severity != "unchecked"), "{check}");
}

#[tokio::test]
async fn a_healthy_stack_is_fine() {
    let scene = Scene::healthy().await;
    let output = scene.succeed(&["doctor"]).await;
    assert!(
        output
            .out
            .ends_with("nothing to do, as far as was checked\n"),
        "{}",
        output.out
    );
    let fine = output.out.lines().find(|line| line.starts_with("fine "));
    for check in [
        "secrets",
        "table.ttl",
        "twilio.auth_token",
        "twilio.webhooks",
        "mailgun.mx",
        "auth0.brute_force",
        "okta.event_hook",
        "okta.telephony_hook",
        "clock",
    ] {
        assert!(fine.unwrap().contains(check), "{check}: {}", output.out);
    }
}

#[tokio::test]
async fn several_at_once_are_all_told_in_words() {
    let scene = Scene::healthy().await;
    scene.sandbox.twilio.own(NUMBER, &[("SmsMethod", "GET")]);
    scene
        .sandbox
        .mailgun
        .set_domain(DOMAIN, "active", "invalid");
    scene.sandbox.aws.set_time_to_live(false).await;
    let output = scene.run(&["doctor"]).await;
    assert_eq!(output.code, 1);
    for words in [
        "fault twilio.webhooks",
        "fault mailgun.mx",
        "fault table.ttl",
        "  do run `operator --stack switchboard connect twilio`",
        "fine secrets",
    ] {
        assert!(output.out.contains(words), "{words}: {}", output.out);
    }
}
