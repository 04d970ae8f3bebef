//! What the doctor finds in the stack itself: secrets, table, functions, clock, and the keys of SMS providers.

use sandbox::cloudformation::STACK_NAME;
use sandbox::wire::Fault;
use serde_json::json;

use super::{findings, only};
use crate::scene::Scene;

#[tokio::test]
async fn a_secret_without_a_key() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .aws
        .set_secret("switchboard/mailgun", &json!({}));
    only(
        &scene,
        "secrets",
        "fault",
        "switchboard/mailgun lacks signing_key",
        "operator --stack switchboard secrets set mailgun",
    )
    .await;
}

#[tokio::test]
async fn a_provider_that_is_out_of_order() {
    let scene = Scene::healthy().await;
    let now = sandbox::now().as_secs();
    let state = |state: String| {
        json!({
            "pk": { "S": "rate#code-provider#health" }, "sk": { "S": "state" }, "p_twilio": { "S": format!("sfs {now} 0 0") },
            "p_vonage": { "S": state }, "expires_at": { "N": (now + 60).to_string() },
        })
    };
    scene
        .sandbox
        .aws
        .put(state(format!("fff {} {} 0", now - 5, now + 25)))
        .await;
    only(
        &scene,
        "gateway.providers",
        "risk",
        "vonage failed three of its last five codes",
        "sms-gateway",
    )
    .await;
    scene.sandbox.aws.put(state(format!(" {now} 0 0"))).await;
    assert_eq!(findings(&scene).await.0, 0);
}

#[tokio::test]
async fn a_secret_that_is_no_json() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .aws
        .set_secret("switchboard/hook", &json!("Bearer"));
    only(
        &scene,
        "secrets",
        "fault",
        "switchboard/hook is no JSON object",
        "operator --stack switchboard secrets set hook --replace",
    )
    .await;
}

#[tokio::test]
async fn nothing_to_send_with() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .aws
        .set_secret("switchboard/twilio-send", &json!({}));
    let lacks = "switchboard/twilio-send lacks account_sid and api_key_sid and api_key_secret, or account_sid and auth_token";
    only(
        &scene,
        "secrets",
        "fault",
        lacks,
        "operator --stack switchboard secrets set twilio",
    )
    .await;
}

#[tokio::test]
async fn a_table_without_ttl() {
    let scene = Scene::healthy().await;
    scene.sandbox.aws.set_time_to_live(false).await;
    only(
        &scene,
        "table.ttl",
        "fault",
        "does not delete",
        "update-time-to-live",
    )
    .await;
}

#[tokio::test]
async fn a_clock_that_is_off() {
    let scene = Scene::healthy().await;
    let body = json!({ "status": "active", "type": "Full" }).to_string();
    let headers = vec![
        (
            "date".to_owned(),
            "Mon, 02 Nov 2026 12:00:00 GMT".to_owned(),
        ),
        ("content-type".to_owned(), "application/json".to_owned()),
    ];
    scene.sandbox.twilio.server().faults().next(Fault::Answer {
        status: 200,
        headers,
        body,
    });
    only(&scene, "clock", "fault", "clock is", "NTP").await;
}

#[tokio::test]
async fn a_function_that_does_not_start() {
    let scene = Scene::healthy().await;
    let door = scene.sandbox.door("ivr-validate");
    // Without a function behind its URL, the sandbox answers as AWS does for one that ends at start.
    door.faults().always(None);
    only(
        &scene,
        "functions",
        "fault",
        "ivr-validate",
        "operator --stack switchboard logs ivr-validate",
    )
    .await;
    for (status, body, severity, words) in [
        (
            403,
            r#"{"Message":"Forbidden"}"#,
            "fault",
            "lets nobody call",
        ),
        (429, "", "risk", "too many requests"),
    ] {
        door.faults()
            .always(Some(sandbox::scene::says(status, body)));
        only(&scene, "functions", severity, words, "").await;
    }
}

#[tokio::test]
async fn a_stack_with_the_gateway_alone_needs_its_own_secrets_only() {
    let scene = Scene::healthy().await;
    scene.keep_outputs(&[
        "SmsGatewayUrl",
        "FunctionNames",
        "TableName",
        "TwilioSendSecretName",
        "GatewaySecretName",
        "VonageSecretName",
        "PlivoSecretName",
    ]);
    scene
        .sandbox
        .cloudformation
        .change_stack(STACK_NAME, |stack| {
            stack.parameters.retain(|name, _| name == "VonageUrl");
            let routes = ("SmsRoutes".to_owned(), "*=vonage".to_owned());
            stack.parameters.extend([routes]);
        });
    for secret in ["switchboard/twilio-send", "switchboard/plivo"] {
        scene.sandbox.aws.set_secret(secret, &json!({}));
    }
    only(&scene, "auth0.phone_provider", "unchecked", "Auth0", "").await;
    scene
        .sandbox
        .aws
        .set_secret("switchboard/vonage", &json!({}));
    let (code, findings) = findings(&scene).await;
    assert!(
        code == 1
            && findings[0]["what"] == "the secret switchboard/vonage lacks api_key and api_secret",
        "{findings:#?}"
    );
    let connected = scene.run(&["connect"]).await;
    assert!(
        connected.code == 0 && connected.out.contains("twilio: left alone"),
        "{connected:?}"
    );
}

#[tokio::test]
async fn keys_that_an_sms_provider_rejects() {
    let scene = Scene::healthy().await;
    scene.deploy("SmsRoutes", "*=plivo,vonage,clickatell,twilio");
    for (secret, key, check) in [
        ("plivo", "auth_token", "plivo.keys"),
        ("vonage", "api_secret", "vonage.keys"),
        ("clickatell", "api_key", "clickatell.keys"),
    ] {
        let before = scene.change_secret(secret, key, "mistyped-key-of-a-provider");
        only(
            &scene,
            check,
            "fault",
            "rejects the keys",
            &format!("secrets set {secret}"),
        )
        .await;
        scene.change_secret(secret, key, &before);
    }
    let output = scene.succeed(&["doctor"]).await;
    for check in [
        "plivo.keys",
        "vonage.keys",
        "clickatell.keys",
        "auth0.login_secret",
    ] {
        assert!(output.out.contains(check), "{}", output.out);
    }
    scene
        .sandbox
        .vonage
        .server()
        .faults()
        .always(Some(sandbox::scene::status(503)));
    only(&scene, "vonage.keys", "risk", "503", "status page").await;
}
