//! What the doctor finds at Okta.

use sandbox::cloudformation::STACK_NAME;

use super::only;
use crate::remedies::is_mended;
use crate::scene::Scene;

#[tokio::test]
async fn a_service_app_without_a_scope() {
    let scene = Scene::healthy().await;
    scene
        .sandbox
        .aws
        .set_secret("switchboard/okta", &sandbox::okta::service_app());
    scene.sandbox.okta.set_scope("okta.users.read");
    only(
        &scene,
        "okta.scopes",
        "fault",
        "no token with okta.users.manage",
        "grant okta.users.manage",
    )
    .await;
    // Only provision-numbers writes.
    scene
        .sandbox
        .cloudformation
        .change_stack(STACK_NAME, |stack| {
            stack.outputs.remove("ProvisionNumbersUrl");
        });
    is_mended(&scene, "okta.scopes").await;
}

#[tokio::test]
async fn an_event_hook_that_is_inactive() {
    let scene = Scene::healthy().await;
    let id = scene.sandbox.okta.event_hooks()[0].id.clone();
    scene
        .sandbox
        .okta
        .change_event_hook(&id, |hook| hook.active = false);
    only(&scene, "okta.event_hook", "fault", "is inactive", "").await;
}

#[tokio::test]
async fn a_revoked_okta_token() {
    let scene = Scene::healthy().await;
    scene.sandbox.okta.set_api_token("00anothertoken");
    only(
        &scene,
        "okta.credentials",
        "fault",
        "rejects the credentials",
        "operator --stack switchboard secrets set okta",
    )
    .await;
}
