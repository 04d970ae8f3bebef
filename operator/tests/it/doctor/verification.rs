//! What the doctor finds about the mails of verification, and their links.

use sandbox::auth0::{CLIENT_ID, CLIENT_SECRET};
use sandbox::cloudformation::STACK_NAME;
use sandbox::wire::client;
use serde_json::{Value, json};

use super::findings;
use crate::remedies::found;
use crate::scene::Scene;

#[tokio::test]
async fn verification_without_keys_to_tell_forged_mails() {
    let scene = Scene::healthy().await;
    scene.keep_outputs(&[
        "SendVerificationSmsUrl",
        "ReceiveConfirmationSmsUrl",
        "FunctionNames",
        "TableName",
        "TwilioSecretName",
        "MailgunSecretName",
        "Auth0SecretName",
        "RecipientSecretName",
    ]);
    assert_eq!(findings(&scene).await, (0, vec![]));
    for empty in [json!({}), json!({ "client_id": "", "client_secret": "" })] {
        scene.sandbox.aws.set_secret("switchboard/auth0", &empty);
        let found = found(&scene, "verification.keys").await;
        let why = found["why"].as_str().unwrap();
        let who = "anyone who can send mail to sms.example.com can have texts sent";
        assert!(why.starts_with(who), "{found:#}");
    }
    scene
        .sandbox
        .aws
        .set_secret("switchboard/auth0", &json!({}));
    // Where links end cannot be seen then: a finding of its own.
    let others = async || {
        let (_, mut all) = findings(&scene).await;
        all.retain(|finding| finding["check"] != "verification.redirect_to");
        all
    };
    let [found] = &others().await[..] else {
        panic!("the keys alone")
    };
    assert_eq!(found["severity"], "risk");
    let has = |name: &str, words: &str| found[name].as_str().unwrap().contains(words);
    assert!(has("what", "neither the keys of an Auth0 application"));
    assert!(has(
        "remedy",
        "operator --stack switchboard secrets set auth0"
    ));
    scene.deploy("RecipientTags", "true");
    scene.succeed(&["connect", "mailgun"]).await;
    assert_eq!(others().await, [Value::Null; 0]);
    scene
        .sandbox
        .aws
        .set_secret("switchboard/recipient", &json!({}));
    let [found] = &others().await[..] else {
        panic!("the secret alone")
    };
    let has = |name: &str, words: &str| found[name].as_str().unwrap().contains(words);
    assert!(has("what", "switchboard/recipient lacks recipient_key"));
    assert!(has(
        "remedy",
        "operator --stack switchboard secrets set recipient"
    ));
}

/// With keys the function asks Auth0, whatever the page says; without them only a *Redirect To* tells.
#[tokio::test]
async fn templates_without_redirect_to_and_no_keys_to_ask_with() {
    const CHECK: &str = "verification.redirect_to";
    let scene = Scene::healthy().await;
    let auth0 = &scene.sandbox.auth0;
    auth0.set_redirect_to(false);
    assert_eq!(findings(&scene).await, (0, vec![]));

    auth0.set_scope("read:email_templates");
    let url = auth0.server().url();
    let body = json!({
        "grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "audience": format!("{url}/api/v2/"),
    });
    let granted = client().post(format!("{url}/oauth/token")).json(&body);
    let granted: Value = granted.send().await.unwrap().json().await.unwrap();
    let token = granted["access_token"].as_str().unwrap();
    scene
        .sandbox
        .aws
        .set_secret("switchboard/auth0", &json!({}));
    let found = async |token: &str| {
        let arguments = ["--stack", STACK_NAME, "--json", "doctor"];
        let own = [("AUTH0_MANAGEMENT_TOKEN", token)];
        let report = scene.run_with(&arguments, &own, "").await.json();
        let all = report["findings"].as_array().unwrap().clone();
        all.into_iter()
            .filter(|finding| finding["check"] == CHECK)
            .map(|finding| {
                ["severity", "what", "why", "remedy"]
                    .map(|name| finding[name].as_str().unwrap().to_owned())
            })
            .collect::<Vec<_>>()
    };
    let [[severity, _, _, remedy]] = &found("").await[..] else {
        panic!("without a token")
    };
    assert!(severity == "unchecked" && remedy.contains("AUTH0_MANAGEMENT_TOKEN"));
    let [[severity, what, why, remedy]] = &found(token).await[..] else {
        panic!("with a token")
    };
    assert!(severity == "risk" && what.contains("verify_email has no Redirect To"));
    assert!(why.contains("SUBMITTED_SMS_MESSAGE"), "{why}");
    for words in [
        "operator --stack switchboard secrets set auth0",
        "set Redirect To",
        "May 2026",
    ] {
        assert!(remedy.contains(words), "{remedy}");
    }
    scene.deploy("PasswordAction", "click");
    assert_eq!(found(token).await.len(), 2, "the password's mail too");
    auth0.set_redirect_to(true);
    assert_eq!(found(token).await.len(), 0);
    auth0.set_redirect_to(false);
    scene.deploy("ConfirmWith", "management-api");
    assert_eq!(found(token).await.len(), 0, "no link is opened");
    scene.sandbox.complaints();
}
