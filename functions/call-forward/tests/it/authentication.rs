//! Who may speak to the function: Twilio, for our account, with the request exactly as it was signed.

use sandbox::Sandbox;
use sandbox::twilio::{ACCOUNT_SID, AUTH_TOKEN};
use sandbox::wire::client;
use serde_json::json;

use crate::scene::{CALLER, MOBILE, NAME, Params, Scene, and, connected};

const FORM: &str = "application/x-www-form-urlencoded";

/// Refused with this status and an empty body, and nothing happened.
async fn refused(scene: &Scene, status: u16, params: &Params, url: &str, signature: &str) {
    let answer = scene
        .sandbox
        .twilio
        .post_call_signed(params.clone(), url, signature)
        .await;
    assert_eq!(
        answer,
        (status, String::new()),
        "{signature:?} {url} {params:?}"
    );
    scene.untouched();
}

/// All addresses, each with a request that would be served.
fn requests(scene: &Scene) -> [(String, Params); 3] {
    let call = scene.inbound(CALLER);
    let over = and(
        &call,
        &[("DialCallStatus", "completed"), ("DialCallDuration", "7")],
    );
    let ended = scene.sandbox.twilio.ended_call(&call, "completed", 9);
    let url = scene.lambda.url();
    [
        (url.to_owned(), call),
        (format!("{url}after"), over),
        (format!("{url}status"), ended),
    ]
}

fn without(params: &Params, name: &str) -> Params {
    params
        .iter()
        .filter(|(key, _)| key != name)
        .cloned()
        .collect()
}

#[tokio::test]
async fn a_path_that_a_proxy_leaves_there_is_served() {
    let scene = Scene::with(&[("PUBLIC_URL", Some("https://hooks.example.com/call"))]).await;
    let call = scene.inbound(CALLER);
    let over = and(
        &call,
        &[("DialCallStatus", "completed"), ("DialCallDuration", "7")],
    );
    for (path, registered, params, status) in [
        ("call", "https://hooks.example.com/call", &call, 200),
        ("call/", "https://hooks.example.com/call/", &call, 200),
        (
            "call/after",
            "https://hooks.example.com/call/after",
            &over,
            200,
        ),
        ("after", "https://hooks.example.com/call/after", &over, 200),
        ("call/after", "https://hooks.example.com/after", &over, 403),
        (
            "call/later",
            "https://hooks.example.com/call/later",
            &call,
            404,
        ),
    ] {
        let signature = scene.sandbox.twilio.sign(registered, params);
        let url = format!("{}{path}", scene.lambda.url());
        let (answered, body) = scene
            .sandbox
            .twilio
            .post_call_signed(params.clone(), &url, &signature)
            .await;
        assert_eq!(answered, status, "{path}: {body}");
    }
}

#[tokio::test]
async fn a_wrong_signature_is_refused_and_nothing_happens() {
    let scene = Scene::start().await;
    for (url, params) in requests(&scene) {
        let good = scene.sandbox.twilio.sign(&url, &params);
        let other = requests(&scene)
            .map(|(url, _)| url)
            .into_iter()
            .find(|other| *other != url)
            .unwrap();
        let elsewhere = ["https://hooks.example.com/", &other]
            .map(|url| scene.sandbox.twilio.sign(url, &params));
        let tampered = format!(
            "{}{}",
            if good.starts_with('A') { 'B' } else { 'A' },
            &good[1..]
        );
        for signature in [
            "",
            "x",
            "!!!",
            &good.to_lowercase(),
            &elsewhere[0],
            &elsewhere[1],
            &tampered,
            &good[..good.len() - 4],
            &format!("\"{good}\""),
            &format!("{good},{good}"),
            good.trim_end_matches('='),
            "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ] {
            refused(&scene, 403, &params, &url, signature).await;
        }
        let missing = client()
            .post(&url)
            .header("content-type", FORM)
            .body("CallSid=x")
            .send()
            .await
            .unwrap();
        assert_eq!(
            (
                missing.status().as_u16(),
                missing.text().await.unwrap().as_str()
            ),
            (403, "")
        );
        for (name, value) in [
            ("To", "+15005550020"),
            ("From", MOBILE),
            ("CallSid", &format!("CA{}", "0".repeat(32))[..]),
        ] {
            refused(&scene, 403, &and(&params, &[(name, value)]), &url, &good).await;
            refused(&scene, 403, &without(&params, name), &url, &good).await;
        }
        refused(
            &scene,
            403,
            &and(&params, &[("RecordingUrl", "https://evil.example/x")]),
            &url,
            &good,
        )
        .await;
        refused(&scene, 403, &params, &format!("{url}?a=1"), &good).await;
    }
    assert_eq!(
        scene.fetched("twilio"),
        2,
        "strangers cannot run up requests"
    );
    for (url, params) in requests(&scene) {
        let reversed: Params = params.iter().rev().cloned().collect();
        let good = scene.sandbox.twilio.sign(&url, &params);
        let status = scene
            .sandbox
            .twilio
            .post_call_signed(reversed, &url, &good)
            .await
            .0;
        assert_eq!(status, if url.ends_with("status") { 204 } else { 200 });
    }
}

#[tokio::test]
async fn signed_requests_that_are_no_call_of_ours_are_refused() {
    let scene = Scene::start().await;
    let other_account = format!("AC{}", "f".repeat(32));
    for (url, params) in requests(&scene) {
        for (name, value) in [
            ("AccountSid", other_account.as_str()),
            ("AccountSid", ""),
            ("CallSid", ""),
            ("CallSid", "CA1"),
            ("CallSid", &format!("SM{}", "0".repeat(32))),
            ("CallSid", &format!("CA{}", "g".repeat(32))),
            ("CallSid", &format!("CA{}#x", "0".repeat(30))),
            ("CallSid", &format!("CA{} OR", "0".repeat(29))),
        ] {
            let params = and(&params, &[(name, value)]);
            refused(
                &scene,
                403,
                &params,
                &url,
                &scene.sandbox.twilio.sign(&url, &params),
            )
            .await;
        }
        for name in ["AccountSid", "CallSid", "From", "To"] {
            let params = without(&params, name);
            refused(
                &scene,
                403,
                &params,
                &url,
                &scene.sandbox.twilio.sign(&url, &params),
            )
            .await;
        }
        let twice: Params = [
            params.clone(),
            vec![("To".to_owned(), "+15005550020".to_owned())],
        ]
        .concat();
        refused(
            &scene,
            400,
            &twice,
            &url,
            &scene.sandbox.twilio.sign(&url, &twice),
        )
        .await;
        let many: Params = (0..501)
            .map(|n| (format!("More{n}"), String::new()))
            .collect();
        refused(
            &scene,
            403,
            &many,
            &url,
            &scene.sandbox.twilio.sign(&url, &many),
        )
        .await;
        let text = scene
            .sandbox
            .twilio
            .inbound(CALLER, sandbox::COMPANY_NUMBER, "hello");
        refused(
            &scene,
            403,
            &text,
            &url,
            &scene.sandbox.twilio.sign(&url, &text),
        )
        .await;
    }
}

#[tokio::test]
async fn a_signature_that_fits_a_request_cut_otherwise_does_not_help() {
    let scene = Scene::start().await;
    let url = format!("{}?tenant=1", scene.lambda.url());
    let sid = format!("CA{}", "0".repeat(32));
    let pairs = |pairs: &[(&str, &str)]| -> Params {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let to = sandbox::COMPANY_NUMBER;
    let honest = pairs(&[
        ("AccountSid", ACCOUNT_SID),
        ("CallSid", &sid),
        ("From", CALLER),
        ("To", to),
    ]);
    let good = scene.sandbox.twilio.sign(&url, &honest);
    for (url, params) in [
        (
            url.clone(),
            pairs(&[
                ("AccountSid", ACCOUNT_SID),
                ("CallSid", &sid),
                ("From", &format!("{CALLER}To{to}")),
            ]),
        ),
        (
            url.clone(),
            pairs(&[
                ("AccountSid", ACCOUNT_SID),
                ("CallSid", &format!("{sid}From{CALLER}")),
                ("To", to),
            ]),
        ),
        (
            format!("{url}AccountSid{ACCOUNT_SID}"),
            honest[1..].to_vec(),
        ),
    ] {
        assert_eq!(
            scene.sandbox.twilio.sign(&url, &params),
            good,
            "it fits: {params:?}"
        );
        refused(&scene, 403, &params, &url, &good).await;
    }
    let (status, body) = scene
        .sandbox
        .twilio
        .post_call_signed(honest, &url, &good)
        .await;
    assert!(
        status == 200 && body.contains(MOBILE),
        "a query is signed and not read"
    );
}

#[tokio::test]
async fn other_methods_paths_and_bodies_are_refused_before_anything_is_read() {
    let scene = Scene::start().await;
    let root = scene.lambda.url().trim_end_matches('/');
    for (method, path, content_type, status) in [
        ("GET", "/", FORM, 405),
        ("PUT", "/after", FORM, 405),
        ("GET", "/status", FORM, 405),
        ("POST", "/status", "application/json", 415),
        ("POST", "/status/", FORM, 404),
        ("DELETE", "/", FORM, 405),
        ("POST", "/", "application/json", 415),
        ("POST", "/after", "multipart/form-data; boundary=x", 415),
        ("POST", "/", "", 415),
        ("POST", "/before", FORM, 404),
        ("POST", "/after/", FORM, 404),
        ("POST", "/after/after", FORM, 404),
        ("POST", "//", FORM, 404),
        ("POST", "/After", FORM, 404),
        ("GET", "/favicon.ico", FORM, 404),
    ] {
        let request = client()
            .request(method.parse().unwrap(), format!("{root}{path}"))
            .header("content-type", content_type);
        let answer = request
            .header("x-twilio-signature", "x")
            .body("a=b")
            .send()
            .await
            .unwrap();
        assert_eq!(
            answer.status().as_u16(),
            status,
            "{method} {path} {content_type}"
        );
        assert_eq!(
            answer
                .headers()
                .get("allow")
                .map(|allow| allow.to_str().unwrap()),
            (status == 405).then_some("POST")
        );
        assert_eq!(answer.text().await.unwrap(), "");
    }
    let large = "x".repeat(1024 * 1024 + 1);
    let request = client()
        .post(scene.lambda.url())
        .header("content-type", FORM)
        .header("x-twilio-signature", "x");
    assert_eq!(
        request.body(large).send().await.unwrap().status().as_u16(),
        413
    );
    scene.untouched();
    assert_eq!(scene.fetched("twilio"), 1);
}

#[tokio::test]
async fn a_token_that_is_replaced_is_fetched_once() {
    let sandbox = Sandbox::start().await;
    let rotating = json!({ "account_sid": ACCOUNT_SID, "auth_token": "a-new-token", "previous_auth_token": AUTH_TOKEN });
    sandbox.aws.set_secret("switchboard/twilio", &rotating);
    let scene = Scene::on(sandbox, &[]).await;
    scene.hire(NAME, MOBILE, sandbox::COMPANY_NUMBER);
    for token in [AUTH_TOKEN, "a-new-token"] {
        scene.sandbox.twilio.set_auth_token(token);
        connected(&scene.call(CALLER).await, MOBILE, CALLER);
    }
    assert_eq!(scene.fetched("twilio"), 1);
    scene.sandbox.aws.set_secret(
        "switchboard/twilio",
        &json!({ "account_sid": ACCOUNT_SID, "auth_token": "the-newest-token" }),
    );
    scene.sandbox.twilio.set_auth_token("the-newest-token");
    connected(&scene.call(CALLER).await, MOBILE, CALLER);
    assert_eq!(scene.fetched("twilio"), 2);
    let alerts = scene.sandbox.twilio.alerts();
    assert!(alerts.is_empty(), "{alerts:?}");
}
