//! Connecting Auth0: the Action and the phone provider, or a passwordless connection.

use sandbox::auth0;
use sandbox::cloudformation::STACK_NAME;
use sandbox::wire::client;
use serde_json::json;

use crate::scene::{SCOPES, Scene};

#[tokio::test]
async fn an_action_follows_the_stack_and_waits_until_it_is_built() {
    let scene = Scene::new().await;
    let auth0 = &scene.sandbox.auth0;
    auth0.slow_builds(2);
    scene.succeed(&["connect", "auth0"]).await;
    assert!(auth0.actions()[0].is_deployed());
    let fresh = "another-long-bearer-token-of-ours";
    scene
        .sandbox
        .aws
        .set_secret("switchboard/gateway", &json!({ "bearer_token": fresh }));
    let output = scene.succeed(&["connect", "auth0"]).await;
    assert!(
        output
            .out
            .contains("GATEWAY_URL and GATEWAY_TOKEN of Auth0 Action"),
        "{}",
        output.out
    );
    assert!(
        auth0.actions()[0].is_deployed() && auth0.actions()[0].secrets["GATEWAY_TOKEN"] == fresh
    );
    assert_eq!(
        scene.succeed(&["connect", "auth0"]).await.out,
        "auth0: nothing to change\n"
    );
}

/// `cargo sandbox` prints it, so that `connect auth0` can be tried without an account.
#[tokio::test]
async fn the_sandboxs_management_token_is_enough_for_auth0() {
    let scene = Scene::new().await;
    scene.sandbox.auth0.set_scope("read:users update:users");
    let own = [("AUTH0_MANAGEMENT_TOKEN", auth0::MANAGEMENT_TOKEN)];
    let connect = ["--stack", STACK_NAME, "connect", "auth0"];
    let output = scene.run_with(&connect, &own, "").await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(scene.sandbox.auth0.actions()[0].is_deployed());
    assert_eq!(
        scene.run_with(&connect, &own, "").await.out,
        "auth0: nothing to change\n"
    );
}

#[tokio::test]
async fn another_phone_provider_is_replaced_only_when_told_to() {
    let scene = Scene::new().await;
    scene.sandbox.auth0.set_phone_provider("twilio", false);
    let output = scene.run(&["connect", "auth0"]).await;
    assert!(
        output.code == 1 && output.out.contains("--replace-provider"),
        "{output:?}"
    );
    assert_eq!(
        scene.sandbox.auth0.phone_provider().unwrap()["name"],
        "twilio"
    );
    scene
        .succeed(&["connect", "auth0", "--replace-provider"])
        .await;
    assert_eq!(
        scene.sandbox.auth0.phone_provider().unwrap()["name"],
        "custom"
    );
}

#[tokio::test]
async fn the_gateway_of_a_legacy_connection_keeps_the_other_options() {
    let scene = Scene::new().await;
    let options = json!({ "strategy": "sms", "template": "Code @@password@@", "totp": { "length": 6 }, "twilio_sid": "AC1", "twilio_token": "t" });
    let id = scene.sandbox.auth0.add_connection("sms", "sms", &options);
    let arguments = ["connect", "auth0", "--legacy-gateway", "sms"];
    scene.succeed(&arguments).await;
    let options = scene.sandbox.auth0.connection(&id).unwrap()["options"].clone();
    assert_eq!(
        (&options["template"], &options["totp"]["length"]),
        (&json!("Code @@password@@"), &json!(6))
    );
    assert!(options["twilio_sid"].is_null() && options["twilio_token"].is_null());
    assert_eq!(
        options["gateway_authentication"]["secret"],
        auth0::GATEWAY_SECRET
    );
    assert_eq!(
        options["gateway_authentication"]["audience"],
        auth0::GATEWAY_AUDIENCE
    );
    assert_eq!(
        scene.succeed(&arguments).await.out,
        "auth0: nothing to change\n"
    );
}

#[tokio::test]
async fn a_connection_that_auth0_does_not_have_is_named_with_those_that_it_has() {
    let scene = Scene::new().await;
    let options = json!({ "strategy": "sms" });
    scene.sandbox.auth0.add_connection("codes", "sms", &options);
    let output = scene
        .run(&["connect", "auth0", "--legacy-gateway", "sms"])
        .await;
    assert_eq!(
        (output.code, output.out.as_str()),
        (
            1,
            "auth0: Auth0 has no passwordless connection sms, but codes: in Auth0, switch SMS on (Authentication, Passwordless), or name \
             another connection with --legacy-gateway\n"
        )
    );
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let scene = Scene::new().await;
    scene
        .sandbox
        .auth0
        .set_scope(&SCOPES.replace("read:actions", ""));
    let output = scene.run(&["connect", "auth0"]).await;
    assert!(
        output.code == 1 && output.out.contains("read:actions"),
        "{output:?}"
    );
}

#[tokio::test]
async fn a_strangers_action_is_left_alone_unless_told_otherwise() {
    let scene = Scene::new().await;
    scene.succeed(&["connect", "auth0"]).await;
    let (url, token) = (
        scene.sandbox.auth0.server().url(),
        scene.management_token().await,
    );
    let theirs = json!({ "code": "exports.onExecuteCustomPhoneProvider = async () => {};" });
    let action = format!(
        "{url}/api/v2/actions/actions/{}",
        scene.sandbox.auth0.actions()[0].id
    );
    let changed = client().patch(action).bearer_auth(&token).json(&theirs);
    assert_eq!(changed.send().await.unwrap().status(), 200);
    let output = scene.run(&["connect", "auth0"]).await;
    assert!(
        output.code == 1
            && output
                .out
                .contains("is \"SMS gateway\", which this program did not write"),
        "{output:?}"
    );
    assert_eq!(scene.sandbox.auth0.actions()[0].code, theirs["code"]);
    scene
        .succeed(&["connect", "auth0", "--replace-provider"])
        .await;
    assert!(
        scene.sandbox.auth0.actions()[0]
            .code
            .contains("// Deployed by operator:")
    );
}

#[tokio::test]
async fn a_gateway_without_a_way_to_its_tenant() {
    let scene = Scene::new().await;
    let outputs = json!({
        "TableName": "t", "SmsGatewayUrl": scene.sandbox.door("sms-gateway").url(), "GatewaySecretName": "switchboard/gateway",
    });
    let outputs = outputs.to_string();
    let output = scene
        .run_with(&["--outputs", "-", "connect"], &[], &outputs)
        .await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(
        output.out.contains("auth0: left alone")
            && output.out.contains("AUTH0_URL and AUTH0_MANAGEMENT_TOKEN"),
        "{output:?}"
    );
    let named = scene
        .run_with(&["--outputs", "-", "connect", "auth0"], &[], &outputs)
        .await;
    assert_ne!(named.code, 0, "{named:?}");
}
