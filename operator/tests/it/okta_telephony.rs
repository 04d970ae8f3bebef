//! Okta's telephony inline hook: connected, checked, and left alone where another one is active.

use sandbox::{OKTA_HOOK_SECRET, OKTA_HOOK_TOKEN, okta};
use serde_json::json;

use crate::scene::Scene;

const CONNECT: [&str; 2] = ["connect", "okta-telephony"];

fn url(scene: &Scene) -> String {
    scene.sandbox.door("sms-gateway").url() + "/okta"
}

/// The doctor's finding about the hook, as the words of its output.
async fn finding(scene: &Scene, words: &str) {
    let output = scene.run(&["doctor"]).await;
    assert_eq!(output.code, 1, "{output:?}");
    let fault = format!("fault okta.telephony_hook: {words}");
    assert!(output.out.contains(&fault), "{fault}\n{}", output.out);
}

#[tokio::test]
async fn the_hook_is_created_once_and_okta_calls_the_gateway() {
    let scene = Scene::new().await;
    let output = scene.succeed(&CONNECT).await;
    let line = format!("from nothing to {}\n", url(&scene));
    assert!(output.out.contains(&line), "{}", output.out);
    let [hook] = &scene.sandbox.okta.inline_hooks()[..] else {
        panic!()
    };
    assert_eq!(
        (&*hook.name, &*hook.uri, &*hook.secret, &*hook.header),
        (
            "Switchboard switchboard: one-time codes",
            &*url(&scene),
            OKTA_HOOK_TOKEN,
            "Authorization"
        )
    );
    assert!(hook.active);
    let again = scene.succeed(&CONNECT).await;
    assert_eq!(again.out, "okta-telephony: nothing to change\n");
}

#[tokio::test]
async fn a_hook_that_leads_elsewhere_or_sleeps_is_found_and_corrected() {
    let scene = Scene::healthy().await;
    let okta = &scene.sandbox.okta;
    let id = okta.inline_hooks()[0].id.clone();
    for (what, change) in [
        (
            "uri is https://old.example/okta",
            (|hook| hook.uri = "https://old.example/okta".to_owned()) as fn(&mut okta::InlineHook),
        ),
        ("status is INACTIVE, should be ACTIVE", |hook| {
            hook.active = false;
        }),
        ("Authorization is another or unknown value", |hook| {
            hook.header = "X-Key".to_owned();
        }),
        ("Authorization is another or unknown value", |hook| {
            hook.headers.clear();
        }),
    ] {
        let right = okta.inline_hooks();
        okta.change_inline_hook(&id, change);
        let of = "Okta inline hook \"Switchboard switchboard: one-time codes\"";
        finding(&scene, &format!("{of}: {what}")).await;
        scene.succeed(&CONNECT).await;
        assert_eq!(okta.inline_hooks(), right, "{what}");
    }
    scene.succeed(&["doctor"]).await;
}

#[tokio::test]
async fn a_new_token_reaches_okta() {
    let scene = Scene::healthy().await;
    let new = "another-okta-hook-bearer-token";
    let secret = json!({ "bearer_token": new });
    scene.sandbox.aws.set_secret(OKTA_HOOK_SECRET, &secret);
    scene.succeed(&CONNECT).await;
    assert_eq!(scene.sandbox.okta.inline_hooks()[0].secret, new);
    let again = scene.succeed(&CONNECT).await;
    assert_eq!(again.out, "okta-telephony: nothing to change\n");
}

/// Okta calls one only, and does not say which.
#[tokio::test]
async fn another_active_hook_is_named_and_nothing_is_changed() {
    let scene = Scene::new().await;
    let okta = &scene.sandbox.okta;
    let id = okta.add_inline_hook("Old codes", "https://old.example/", "secret");
    let before = okta.inline_hooks();
    let output = scene.run(&CONNECT).await;
    assert_eq!(output.code, 1);
    let words = "Okta calls one telephony hook only, and \"Old codes\" is active, too";
    assert!(output.out.contains(words), "{}", output.out);
    assert_eq!(okta.inline_hooks(), before);
    okta.change_inline_hook(&id, |hook| hook.active = false);
    scene.succeed(&CONNECT).await;
    assert_eq!(okta.inline_hooks().len(), 2);
    okta.change_inline_hook(&id, |hook| hook.active = true);
    finding(&scene, words).await;
}

/// A stack for Okta's codes alone knows neither the org nor a key of it.
#[tokio::test]
async fn a_stack_without_an_org_is_connected_with_one_s_own_token() {
    let scene = Scene::new().await;
    for name in ["OktaUrl", "OktaSecretName", "ProvisionNumbersUrl"] {
        scene.deploy(name, "");
    }
    let output = scene.succeed(&["connect"]).await;
    let words = "okta-telephony: left alone, the stack does not say how to reach the org; to connect it, set OKTA_URL and OKTA_API_TOKEN";
    assert!(output.out.contains(words), "{}", output.out);
    let output = scene.run(&["doctor"]).await;
    let words = "unchecked okta.telephony_hook: Okta was not asked";
    assert!(output.out.contains(words), "{}", output.out);
    let own = [
        ("OKTA_URL", &*scene.sandbox.okta.server().url()),
        ("OKTA_API_TOKEN", okta::API_TOKEN),
    ];
    let arguments = [&["--stack", "switchboard"], &CONNECT[..]].concat();
    let output = scene.run_with(&arguments, &own, "").await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(scene.sandbox.okta.inline_hooks()[0].active);
}

/// Auth0's secret of the gateway may be empty beside Okta's.
#[tokio::test]
async fn a_gateway_needs_the_secret_of_okta_s_hook_and_then_not_of_auth0() {
    let scene = Scene::new().await;
    scene
        .sandbox
        .aws
        .set_secret("switchboard/gateway", &json!({}));
    scene.sandbox.aws.set_secret(OKTA_HOOK_SECRET, &json!({}));
    let listed = scene.run(&["secrets", "list"]).await;
    for line in [
        "switchboard/gateway: empty (not needed)",
        "switchboard/okta-hook: empty (needed)",
    ] {
        assert!(listed.out.contains(line), "{line}\n{}", listed.out);
    }
    let set = ["secrets", "set", "okta-hook", "--generate", "bearer_token"];
    scene.succeed(&set).await;
    scene.succeed(&CONNECT).await;
}
