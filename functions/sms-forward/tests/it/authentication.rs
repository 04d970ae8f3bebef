//! Who may speak to the function: Twilio, for our account, with the request exactly as it was signed.

use sandbox::Sandbox;
use sandbox::twilio::{ACCOUNT_SID, AUTH_TOKEN};
use sandbox::wire::client;
use serde_json::json;

use crate::scene::{OTHER, Params, STRANGER, Scene, forwarded, replaced};

/// Refused with this status and an empty body, and nothing happened.
async fn refused(scene: &Scene, status: u16, params: &Params, url: &str, signature: &str) {
    let reply = scene
        .sandbox
        .twilio
        .deliver_signed(params.clone(), url, signature)
        .await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (status, ""),
        "{signature:?} {url} {params:?}"
    );
    assert_eq!(scene.asked(), [0; 3]);
}

#[tokio::test]
async fn a_wrong_signature_is_refused_and_nothing_happens() {
    let scene = Scene::start().await;
    scene.asked();
    let (params, url) = (scene.inbound(STRANGER, "Hello"), scene.lambda.url());
    let good = scene.sandbox.twilio.sign(url, &params);
    let another_url = scene
        .sandbox
        .twilio
        .sign("https://hooks.example.com/", &params);
    let tampered = format!(
        "{}{}",
        if good.starts_with('A') { 'B' } else { 'A' },
        &good[1..]
    );
    let twice = format!("{good},{good}");
    for signature in [
        "",
        "x",
        "!!!",
        &another_url,
        &tampered,
        &good[..good.len() - 4],
        &twice,
        "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ] {
        refused(&scene, 403, &params, url, signature).await;
    }
    for (name, value) in [
        ("Body", "Hell"),
        ("From", OTHER),
        ("To", OTHER),
        ("MediaUrl0", "https://evil.example/"),
    ] {
        refused(&scene, 403, &replaced(&params, name, value), url, &good).await;
    }
    refused(&scene, 403, &params, &format!("{url}?a=1"), &good).await;
    assert_eq!(
        scene.deliver(&params).await.messages,
        [forwarded(STRANGER, "Hello")]
    );
}

#[tokio::test]
async fn a_path_that_a_proxy_leaves_there_is_served() {
    let scene = Scene::with(&[("PUBLIC_URL", Some("https://hooks.example.com/text"))]).await;
    for (path, status) in [("text", 200), ("text/", 200), ("", 200), ("texts", 404)] {
        let params = scene.inbound(STRANGER, "Hello");
        let signature = scene
            .sandbox
            .twilio
            .sign("https://hooks.example.com/text", &params);
        let reply = scene
            .sandbox
            .twilio
            .deliver_signed(params, &format!("{}{path}", scene.lambda.url()), &signature)
            .await;
        assert_eq!(reply.status, status, "{path}");
    }
}

#[tokio::test]
async fn signed_requests_that_are_no_inbound_sms_are_refused() {
    let scene = Scene::start().await;
    scene.asked();
    let (params, url) = (scene.inbound(STRANGER, "Hello"), scene.lambda.url());
    let other_account = format!("AC{}", "f".repeat(32));
    for (name, value) in [
        ("AccountSid", other_account.as_str()),
        ("AccountSid", ""),
        ("MessageSid", ""),
        ("MessageSid", &format!("CA{}", "0".repeat(32))),
        ("MessageSid", &format!("SM{}#x", "0".repeat(30))),
    ] {
        let params = replaced(&params, name, value);
        refused(
            &scene,
            403,
            &params,
            url,
            &scene.sandbox.twilio.sign(url, &params),
        )
        .await;
    }
    for name in ["AccountSid", "MessageSid", "From", "To", "Body"] {
        let less: Params = params
            .iter()
            .filter(|(key, _)| key != name)
            .cloned()
            .collect();
        refused(
            &scene,
            403,
            &less,
            url,
            &scene.sandbox.twilio.sign(url, &less),
        )
        .await;
        let twice: Params = params
            .iter()
            .chain(params.iter().filter(|(key, _)| key == name))
            .cloned()
            .collect();
        refused(
            &scene,
            400,
            &twice,
            url,
            &scene.sandbox.twilio.sign(url, &twice),
        )
        .await;
    }
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
async fn the_url_counts_as_it_was_registered() {
    let scene = Scene::with(&[("PUBLIC_URL", Some("https://hooks.example.com/in/sms"))]).await;
    let local = scene.lambda.url();
    for (url, status) in [
        ("https://hooks.example.com/in/sms", 200),
        ("https://hooks.example.com:443/in/sms/", 200),
        ("https://hooks.example.com/", 403),
        ("http://hooks.example.com/in/sms", 403),
        (local, 403),
    ] {
        let params = scene.inbound(STRANGER, "Hello");
        let signature = scene.sandbox.twilio.sign(url, &params);
        assert_eq!(
            scene
                .sandbox
                .twilio
                .deliver_signed(params, local, &signature)
                .await
                .status,
            status,
            "{url}"
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
