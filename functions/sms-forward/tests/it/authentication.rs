//! Who may speak to the function: Twilio, for our account, with the request exactly as it was signed.

use sandbox::twilio::{ACCOUNT_SID, AUTH_TOKEN};
use sandbox::wire::client;
use sandbox::{Sandbox, sms_webhook};
use serde_json::json;

use crate::scene::{STRANGER, Scene, forwarded};

#[tokio::test]
async fn every_signature_parameter_and_byte_counts() {
    let scene = Scene::start().await;
    sms_webhook::refuses_wrong_signatures(&scene, &scene.inbound(STRANGER, "Hello")).await;
}

#[tokio::test]
async fn signed_requests_that_are_no_inbound_sms_are_refused() {
    let scene = Scene::start().await;
    sms_webhook::refuses_what_is_no_text(&scene, &scene.inbound(STRANGER, "Hello")).await;
}

#[tokio::test]
async fn the_url_counts_as_it_was_registered() {
    let start = async |url| Scene::with(&[("PUBLIC_URL", Some(url))]).await;
    let text = |scene: &Scene| scene.inbound(STRANGER, "Hello");
    sms_webhook::counts_the_registered_url(start, text).await;
    sms_webhook::serves_the_path_of_a_proxy(start, text).await;
}

#[tokio::test]
async fn other_paths_methods_and_media_types_are_refused() {
    let scene = Scene::start().await;
    scene.asked();
    let form = "application/x-www-form-urlencoded";
    for (method, path, media_type, status) in [
        ("POST", "after", form, 404),
        ("POST", "%2f", form, 404),
        ("GET", "", form, 405),
        ("PUT", "", form, 405),
        ("DELETE", "", form, 405),
        ("POST", "", "application/json", 415),
        ("POST", "", "multipart/form-data; boundary=x", 415),
        ("POST", "", "", 415),
        ("POST", "", form, 403),
    ] {
        let url = format!("{}{path}", scene.lambda.url());
        let request = client()
            .request(method.parse().unwrap(), url)
            .header("content-type", media_type)
            .body("Body=Hello");
        let answer = request.send().await.unwrap();
        assert_eq!(
            answer.status().as_u16(),
            status,
            "{method} {path} {media_type}"
        );
        assert_eq!(answer.headers().get("allow").is_some(), status == 405);
        assert_eq!(
            (answer.text().await.unwrap().as_str(), scene.asked()),
            ("", [0; 3])
        );
    }
}

#[tokio::test]
async fn a_token_may_be_rotated() {
    let sandbox = Sandbox::start().await;
    let rotating = json!({ "account_sid": ACCOUNT_SID, "auth_token": "new-token", "previous_auth_token": AUTH_TOKEN });
    sandbox.aws.set_secret("switchboard/twilio", &rotating);
    let scene = Scene::within(sandbox, 1, &[]).await;
    scene
        .text_leads_to(STRANGER, "old", &[&forwarded(STRANGER, "old")])
        .await;
    scene.sandbox.twilio.set_auth_token("new-token");
    scene
        .text_leads_to(STRANGER, "new", &[&forwarded(STRANGER, "new")])
        .await;
    scene.sandbox.aws.set_secret(
        "switchboard/twilio",
        &json!({ "account_sid": ACCOUNT_SID, "auth_token": "newest-token" }),
    );
    scene.sandbox.twilio.set_auth_token("newest-token");
    scene
        .text_leads_to(STRANGER, "newest", &[&forwarded(STRANGER, "newest")])
        .await;
}
