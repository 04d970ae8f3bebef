//! Delivery receipts: what is registered by hand, and what the doctor finds.

use sandbox::{clickatell, vonage};
use serde_json::{Value, json};

use crate::scene::Scene;

async fn findings(scene: &Scene) -> Vec<Value> {
    let mut findings = scene.run(&["--json", "doctor"]).await.findings();
    findings.retain(|finding| {
        let check = finding["check"].as_str().unwrap();
        check.starts_with("receipts.")
    });
    findings
}

#[tokio::test]
async fn clickatells_url_is_shown_with_its_token_only_if_clickatell_is_named() {
    let scene = Scene::healthy().await;
    let all = scene.succeed(&["connect"]).await;
    assert!(!all.out.contains(clickatell::CALLBACK_TOKEN), "{all:?}");
    assert!(
        all.out
            .contains("clickatell, by hand: `operator connect clickatell` shows the callback URL"),
        "{all:?}"
    );
    let named = scene.succeed(&["connect", "clickatell"]).await;
    let url = format!(
        "{}/clickatell/{}",
        scene.hook.url(),
        clickatell::CALLBACK_TOKEN
    );
    assert!(named.out.contains(&url), "{named:?}");
    scene.deploy("DeliveryPublicUrl", "https://receipts.acme.example/x");
    let named = scene.succeed(&["connect", "clickatell"]).await;
    let url = format!(
        "https://receipts.acme.example/x/clickatell/{}",
        clickatell::CALLBACK_TOKEN
    );
    assert!(named.out.contains(&url), "{named:?}");
}

#[tokio::test]
async fn vonages_webhooks_must_be_signed() {
    let scene = Scene::healthy().await;
    let named = scene.succeed(&["connect", "vonage"]).await;
    assert!(
        named.out.contains("vonage, by hand: in Vonage's dashboard"),
        "{named:?}"
    );
    assert!(!named.out.contains(vonage::SIGNATURE_SECRET));
}

#[tokio::test]
async fn a_key_that_receipts_need_is_asked_for() {
    let scene = Scene::healthy().await;
    let aws = &scene.sandbox.aws;
    aws.set_secret(
        "switchboard/clickatell",
        &json!({ "api_key": clickatell::API_KEY }),
    );
    let connected = scene.run(&["connect", "clickatell"]).await;
    assert!(
        connected.code == 1
            && connected
                .out
                .contains("operator secrets set clickatell --generate callback_token"),
        "{connected:?}"
    );
    let found = findings(&scene).await;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        (&found[0]["check"], &found[0]["severity"], &found[0]["what"]),
        (
            &json!("receipts.keys"),
            &json!("risk"),
            &json!("the secret switchboard/clickatell lacks callback_token")
        )
    );
    let set = ["secrets", "set", "clickatell"];
    scene
        .succeed(&[&set[..], &["--generate", "callback_token"]].concat())
        .await;
    assert_eq!(findings(&scene).await, [Value::Null; 0]);
    let secret = scene.sandbox.aws.secret("switchboard/clickatell").unwrap();
    let token = secret["callback_token"].as_str().unwrap();
    let named = scene.succeed(&["connect", "clickatell"]).await;
    assert!(token.len() == 64 && named.out.contains(token), "{named:?}");

    let keys = json!({ "api_key": vonage::API_KEY, "api_secret": vonage::API_SECRET });
    scene.sandbox.aws.set_secret("switchboard/vonage", &keys);
    let found = findings(&scene).await;
    assert_eq!(
        found[0]["what"],
        "the secret switchboard/vonage lacks signature_secret"
    );
    // No route names it.
    scene.deploy("SmsRoutes", "*=twilio");
    assert_eq!(findings(&scene).await, [Value::Null; 0]);
}

#[tokio::test]
async fn a_url_that_does_not_refuse_what_is_unsigned() {
    let scene = Scene::healthy().await;
    scene.deploy("DeliveryPublicUrl", &(scene.hook.url() + "/elsewhere/"));
    let found = findings(&scene).await;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        (&found[0]["check"], &found[0]["severity"]),
        (&json!("receipts.url"), &json!("fault"))
    );
    assert!(
        found[0]["what"].as_str().unwrap().contains("answers 404"),
        "{found:#?}"
    );
    scene.deploy("DeliveryPublicUrl", "http://127.0.0.1:9/");
    let found = findings(&scene).await;
    assert_eq!(
        (&found[0]["check"], &found[0]["severity"]),
        (&json!("receipts.url"), &json!("risk"))
    );
}

#[tokio::test]
async fn a_stack_without_receipts_has_nothing_to_register() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .cloudformation
        .change_stack(sandbox::cloudformation::STACK_NAME, |stack| {
            stack.outputs.remove("DeliveryStatusUrl");
        });
    assert!(!scene.succeed(&["connect"]).await.out.contains("by hand"));
    assert_eq!(findings(&scene).await, [Value::Null; 0]);
    let named = scene.run(&["connect", "vonage"]).await;
    assert!(
        named.code == 2 && named.err.contains("takes no delivery receipts"),
        "{named:?}"
    );
}
