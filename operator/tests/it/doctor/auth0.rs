//! What the doctor finds at Auth0.

use sandbox::auth0::{API_AUDIENCE, LOGIN_CLIENT_ID};
use serde_json::json;

use super::only;
use crate::remedies::found;
use crate::scene::{SCOPES, Scene};

#[tokio::test]
async fn an_application_without_its_grant() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .auth0
        .set_scope(&SCOPES.replace("read:users ", ""));
    only(
        &scene,
        "auth0.grants",
        "fault",
        "lacks read:users",
        "grant read:users",
    )
    .await;
}

#[tokio::test]
async fn an_application_without_the_password_grant() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .auth0
        .set_grant_types(LOGIN_CLIENT_ID, &["client_credentials"]);
    only(
        &scene,
        "auth0.login",
        "fault",
        "may not log users in",
        "Grant Types",
    )
    .await;
}

#[tokio::test]
async fn an_application_without_a_grant_for_the_api() {
    let scene = Scene::healthy().await;
    scene.sandbox.auth0.set_client_grant(API_AUDIENCE, false);
    only(
        &scene,
        "auth0.api_grant",
        "fault",
        API_AUDIENCE,
        "authorise it for that API",
    )
    .await;
}

#[tokio::test]
async fn a_grant_for_the_api_without_its_scope() {
    let scene = Scene::healthy().await;
    scene.sandbox.auth0.set_api_scope("");
    only(
        &scene,
        "auth0.api_grant",
        "fault",
        "lacks read:accounts",
        "grant read:accounts",
    )
    .await;
}

#[tokio::test]
async fn wrong_client_credentials() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .auth0
        .set_client_secret("rotated-client-secret");
    found(&scene, "auth0.credentials").await;
}

#[tokio::test]
async fn a_wrong_secret_for_logins() {
    let scene = Scene::healthy().await;
    scene.change_secret("auth0", "login_client_secret", "mistyped-login-secret");
    only(
        &scene,
        "auth0.login_secret",
        "fault",
        "rejects the application that logs callers in",
        "secrets set auth0",
    )
    .await;
}

#[tokio::test]
async fn no_such_api() {
    let scene = Scene::healthy().await;
    let other = format!("{API_AUDIENCE}v2");
    scene.deploy("ApiAudience", &other);
    only(&scene, "auth0.api", "fault", &other, "Create API").await;
}

#[tokio::test]
async fn brute_force_protection_that_is_stronger_than_our_lock() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .auth0
        .set_brute_force_protection(json!({ "max_attempts": 3 }));
    only(
        &scene,
        "auth0.brute_force",
        "risk",
        "after 3 wrong PINs, this stack after 8",
        "PinAttemptsAccount below 3",
    )
    .await;
}

#[tokio::test]
async fn brute_force_protection_that_is_off() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .auth0
        .set_brute_force_protection(json!({ "enabled": false }));
    only(
        &scene,
        "auth0.brute_force",
        "risk",
        "is off",
        "Brute-force Protection",
    )
    .await;
}

#[tokio::test]
async fn an_action_that_somebody_edited() {
    let scene = Scene::healthy().await;
    scene.sandbox.aws.set_secret(
        "switchboard/gateway",
        &json!({ "bearer_token": "a-new-token-for-the-gateway", "jwt_secret": sandbox::auth0::GATEWAY_SECRET }),
    );
    only(
        &scene,
        "auth0.phone_provider",
        "fault",
        "GATEWAY_TOKEN",
        "operator --stack switchboard connect auth0",
    )
    .await;
}
