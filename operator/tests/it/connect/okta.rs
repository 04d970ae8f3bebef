//! Connecting Okta: the event hook.

use serde_json::Value;

use crate::scene::Scene;

#[tokio::test]
async fn an_event_hook_that_does_not_echo_is_not_verified() {
    let scene = Scene::new().await;
    scene.deploy(
        "ProvisionNumbersUrl",
        &(scene.sandbox.door("provision-numbers").url() + "/okta"),
    );
    let output = scene.run(&["connect", "okta"]).await;
    assert!(
        output.code == 1 && output.out.contains("okta refused a change"),
        "{output:?}"
    );
    scene.deploy("ProvisionNumbersUrl", &(scene.hook.url() + "/okta"));
    scene.succeed(&["connect", "okta"]).await;
    let [hook] = &scene.sandbox.okta.event_hooks()[..] else {
        panic!()
    };
    assert!(hook.verified && hook.uri == scene.hook.url() + "/okta");
}

/// `method` stands in Okta's answers only.
#[tokio::test]
async fn an_event_hook_is_sent_without_what_okta_only_answers() {
    let scene = Scene::new().await;
    scene.succeed(&["connect", "okta"]).await;
    let exchanges = scene.sandbox.okta.server().exchanges();
    let sent = exchanges
        .iter()
        .find(|exchange| exchange.method == "POST" && exchange.target == "/api/v1/eventHooks")
        .unwrap();
    let body: Value = serde_json::from_slice(&sent.request).unwrap();
    let config = body["channel"]["config"].as_object().unwrap();
    let names: Vec<&String> = config.keys().collect();
    assert_eq!(names, ["authScheme", "headers", "uri"]);
}
