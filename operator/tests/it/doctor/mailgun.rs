//! What the doctor finds at Mailgun.

use sandbox::cloudformation::STACK_NAME;
use sandbox::mailgun::DOMAIN;
use serde_json::json;

use super::only;
use crate::scene::Scene;

#[tokio::test]
async fn no_route() {
    let scene = Scene::healthy().await;
    scene.sandbox.mailgun.clear_routes();
    only(
        &scene,
        "mailgun.route",
        "fault",
        "Mailgun route (new)",
        "operator --stack switchboard connect mailgun",
    )
    .await;
}

#[tokio::test]
async fn a_route_shadowed_by_another_with_stop() {
    let scene = Scene::healthy().await;
    scene.sandbox.mailgun.add_route(
        -5,
        "greedy",
        "match_recipient(\".*@sms.example.com\")",
        &["forward(\"a@acme.example\")", "stop()"],
    );
    only(
        &scene,
        "mailgun.route",
        "fault",
        "has priority -5 and stops mails",
        "",
    )
    .await;
}

#[tokio::test]
async fn mx_records_that_lead_elsewhere() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .mailgun
        .set_domain(DOMAIN, "active", "invalid");
    only(
        &scene,
        "mailgun.mx",
        "fault",
        "MX records of sms.example.com do not lead to Mailgun",
        "mxa.mailgun.org and mxb.mailgun.org",
    )
    .await;
}

#[tokio::test]
async fn a_domain_of_another_account_or_region() {
    let scene = Scene::healthy().await;
    scene.sandbox.mailgun.remove_domain(DOMAIN);
    only(
        &scene,
        "mailgun.domain",
        "fault",
        "no domain sms.example.com",
        "api.eu.mailgun.net",
    )
    .await;
}

#[tokio::test]
async fn without_mailguns_key_the_route_is_unchecked() {
    let scene = Scene::healthy().await;
    let output = scene
        .run_with(
            &["--stack", STACK_NAME, "--json", "doctor"],
            &[("MAILGUN_API_KEY", " ")],
            "",
        )
        .await;
    let report = output.json();
    assert_eq!(
        (output.code, &report["findings"][0]["severity"]),
        (0, &json!("unchecked")),
        "{report:#}"
    );
}

#[tokio::test]
async fn a_mailgun_key_that_is_refused_is_a_risk() {
    let scene = Scene::healthy().await;
    let output = scene
        .run_with(
            &["--stack", STACK_NAME, "--json", "doctor"],
            &[("MAILGUN_API_KEY", "key-wrong")],
            "",
        )
        .await;
    let report = output.json();
    assert_eq!(
        (output.code, &report["findings"][0]["severity"]),
        (1, &json!("risk")),
        "{report:#}"
    );
}
