//! Who may ask: Twilio, with the request exactly as it was signed, and whoever brings the token that flows were given.

use sandbox::twilio::{ACCOUNT_SID, AUTH_TOKEN};
use sandbox::wire::client;
use sandbox::{IVR_TOKEN, STUDIO_TOKEN, Sandbox};
use serde_json::json;

use crate::scene::{Answer, FORM, JSON, NUMBER, Override, Scene, form};

const OBJECT: &str = r#"{"account_number":"4815162342"}"#;
/// Computed with sha256sum.
const SHA256: &str = "9534fb051fb31794ac82ccd88a727d55dc993d64ccd71967b6d2cd140fadcdd1";
const BY_SIGNATURE: [Override<'static>; 1] = [("STUDIO_SECRET", None)];
const BY_TOKEN: [Override<'static>; 1] = [("TWILIO_SECRET", None)];

fn params(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Posts with any signature; empty: without one.
async fn signed(
    scene: &Scene,
    url: &str,
    content_type: &str,
    body: &str,
    signature: &str,
) -> Answer {
    let request = client()
        .post(url)
        .header("content-type", content_type)
        .body(body.to_owned());
    let request = if signature.is_empty() {
        request
    } else {
        request.header("x-twilio-signature", signature)
    };
    scene.send(request).await
}

/// The scenes in which Twilio's signature counts, and how each refuses.
async fn scenes() -> [(Scene, Answer); 2] {
    // Where a token would do as well, Twilio may hold it back until it is asked for.
    [
        (Scene::with(&BY_SIGNATURE).await, Answer::empty(403)),
        (Scene::start().await, Answer::challenged()),
    ]
}

#[tokio::test]
async fn a_path_that_a_proxy_leaves_there_is_served() {
    let scene = Scene::with(&[
        ("STUDIO_SECRET", None),
        ("PUBLIC_URL", Some("https://hooks.example.com/studio")),
    ])
    .await;
    let good = params(&[("account_number", NUMBER)]);
    let signature = scene
        .sandbox
        .twilio
        .sign("https://hooks.example.com/studio", &good);
    for path in ["", "studio", "studio/"] {
        let url = format!("{}{path}", scene.lambda.url());
        assert_eq!(
            signed(&scene, &url, FORM, &form(&good), &signature).await,
            Answer::account(),
            "{path}"
        );
    }
    let url = format!("{}studios", scene.lambda.url());
    assert_eq!(
        signed(&scene, &url, FORM, &form(&good), &signature).await,
        Answer::empty(404)
    );
}

#[tokio::test]
async fn twilio_signs_forms() {
    for (scene, refusal) in scenes().await {
        let url = scene.lambda.url().to_owned();
        let good = params(&[
            ("account_number", NUMBER),
            ("flow", "FW1"),
            ("note", " é&+ "),
        ]);
        let signature = scene.sandbox.twilio.sign(&url, &good);
        assert_eq!(
            signed(&scene, &url, FORM, &form(&good), &signature).await,
            Answer::account()
        );
        let reversed: Vec<_> = good.iter().rev().cloned().collect();
        assert_eq!(
            signed(&scene, &url, FORM, &form(&reversed), &signature).await,
            Answer::account()
        );
        let query = format!("{url}?tenant=1");
        let signed_query = scene.sandbox.twilio.sign(&query, &good);
        assert_eq!(
            signed(&scene, &query, FORM, &form(&good), &signed_query).await,
            Answer::account()
        );
        let calls = scene.api.calls();
        let tampered = format!(
            "{}{}",
            if signature.starts_with('A') { 'B' } else { 'A' },
            &signature[1..]
        );
        let elsewhere = scene
            .sandbox
            .twilio
            .sign("https://hooks.example.com/", &good);
        for signature in [
            "",
            "x",
            "!!!",
            &signature.to_lowercase(),
            &tampered,
            &elsewhere,
            &signed_query,
            &signature[..signature.len() - 4],
            &format!("{signature},{signature}"),
            "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ] {
            assert_eq!(
                signed(&scene, &url, FORM, &form(&good), signature).await,
                refusal,
                "{signature}"
            );
        }
        for changed in [
            params(&[("account_number", "1"), ("flow", "FW1"), ("note", " é&+ ")]),
            params(&[("account_number", NUMBER), ("flow", "FW1")]),
            params(&[
                ("account_number", NUMBER),
                ("flow", "FW1"),
                ("note", " é&+ "),
                ("more", ""),
            ]),
            params(&[("account_number", NUMBER), ("flow", "FW1"), ("note", "é&+")]),
            vec![],
        ] {
            assert_eq!(
                signed(&scene, &url, FORM, &form(&changed), &signature).await,
                refusal,
                "{changed:?}"
            );
        }
        assert_eq!(
            signed(
                &scene,
                &format!("{url}?a=1"),
                FORM,
                &form(&good),
                &signature
            )
            .await,
            refusal
        );
        assert_eq!(
            signed(&scene, &url, JSON, OBJECT, &signature).await,
            refusal
        );
        let empty = scene.sandbox.twilio.sign(&url, &[]);
        assert_eq!(
            signed(&scene, &url, JSON, OBJECT, &empty).await,
            refusal,
            "no hash"
        );
        let twice = params(&[("account_number", NUMBER), ("account_number", "1")]);
        let signature = scene.sandbox.twilio.sign(&url, &twice);
        assert_eq!(
            signed(&scene, &url, FORM, &form(&twice), &signature).await,
            Answer::empty(400)
        );
        assert_eq!(scene.api.calls(), calls);
        assert_eq!(
            scene.fetched("twilio"),
            2,
            "strangers cannot run up requests"
        );
    }
}

#[tokio::test]
async fn twilio_signs_json_by_its_hash() {
    for (scene, refusal) in scenes().await {
        let url = scene.lambda.url().to_owned();
        let sign = |url: &str| scene.sandbox.twilio.sign(url, &[]);
        let upper = SHA256.to_uppercase();
        for query in [
            format!("bodySHA256={SHA256}"),
            format!("bodySHA256={upper}"),
            format!("tenant=1&bodySHA256={SHA256}"),
            format!("bodySHA256={SHA256}&tenant=%C3%A9"),
        ] {
            let url = format!("{url}?{query}");
            assert_eq!(
                signed(&scene, &url, JSON, OBJECT, &sign(&url)).await,
                Answer::account(),
                "{query}"
            );
        }
        let calls = scene.api.calls();
        let zero = "0".repeat(64);
        for query in [
            String::new(),
            "?".to_owned(),
            "?bodySHA256=".to_owned(),
            "?bodySHA256".to_owned(),
            format!("?bodySHA256={zero}"),
            format!("?bodySHA256={}", &SHA256[..62]),
            format!("?bodySHA256={SHA256}00"),
            format!("?bodySHA256=%20{SHA256}"),
            format!("?bodySHA256={SHA256}&bodySHA256={SHA256}"),
            format!("?bodySHA256={SHA256}&bodySHA256={zero}"),
            format!("?bodySHA256={zero}&bodySHA256={SHA256}"),
            format!("?bodysha256={SHA256}"),
        ] {
            let url = format!("{url}{query}");
            assert_eq!(
                signed(&scene, &url, JSON, OBJECT, &sign(&url)).await,
                refusal,
                "{query}"
            );
        }
        let hashed = format!("{url}?bodySHA256={SHA256}");
        let good = sign(&hashed);
        for body in [
            r#"{"account_number":"4815162343"}"#,
            "{\"account_number\":\"4815162342\"} ",
            "{}",
            "",
        ] {
            assert_eq!(
                signed(&scene, &hashed, JSON, body, &good).await,
                refusal,
                "{body}"
            );
        }
        assert_eq!(signed(&scene, &url, JSON, OBJECT, &good).await, refusal);
        assert_eq!(
            signed(&scene, &format!("{hashed}&a=1"), JSON, OBJECT, &good).await,
            refusal
        );
        assert_eq!(signed(&scene, &hashed, JSON, OBJECT, "").await, refusal);
        // A form's parameters are signed, so the hash says nothing about them.
        let posted = format!("account_number={NUMBER}");
        assert_eq!(signed(&scene, &hashed, FORM, &posted, &good).await, refusal);
        assert_eq!(scene.api.calls(), calls);
        assert_eq!(
            signed(&scene, &hashed, JSON, OBJECT, &good).await,
            Answer::account()
        );
    }
}

#[tokio::test]
async fn the_signature_is_over_the_address_that_twilio_was_given() {
    let scene = Scene::with(&[
        ("PUBLIC_URL", Some("https://hooks.example.com/studio")),
        BY_SIGNATURE[0],
    ])
    .await;
    let good = params(&[("account_number", NUMBER)]);
    let url = scene.lambda.url().to_owned();
    for public in [
        "https://hooks.example.com/studio/",
        "https://hooks.example.com/studio",
        "https://hooks.example.com:443/studio/",
    ] {
        let signature = scene.sandbox.twilio.sign(public, &good);
        assert_eq!(
            signed(&scene, &url, FORM, &form(&good), &signature).await,
            Answer::account(),
            "{public}"
        );
    }
    let own = scene.sandbox.twilio.sign(&url, &good);
    let request = client()
        .post(&url)
        .header("content-type", FORM)
        .header("x-twilio-signature", own)
        .body(form(&good));
    let request = request
        .header("x-forwarded-host", "127.0.0.1")
        .header("x-forwarded-proto", "http");
    assert_eq!(scene.send(request).await, Answer::empty(403));
}

#[tokio::test]
async fn the_flows_token_is_a_bearers_or_a_password() {
    for overrides in [&BY_TOKEN[..], &[]] {
        let scene = Scene::with(overrides).await;
        let request = || scene.request(FORM, format!("account_number={NUMBER}"));
        for user in ["studio", "", "AC00000000000000000000000000000000", "a b"] {
            assert_eq!(
                scene
                    .send(request().basic_auth(user, Some(STUDIO_TOKEN)))
                    .await,
                Answer::account(),
                "{user}"
            );
        }
        for authorization in [
            format!("Bearer {STUDIO_TOKEN}"),
            format!("bearer  {STUDIO_TOKEN} "),
        ] {
            assert_eq!(
                scene
                    .send(request().header("authorization", &authorization))
                    .await,
                Answer::account()
            );
        }
        let request = || scene.request(JSON, OBJECT);
        assert_eq!(
            scene.send(request().bearer_auth(STUDIO_TOKEN)).await,
            Answer::account()
        );
        // With a token, the signature need not fit: it was made over another address, or by somebody else.
        let signed = request()
            .header("x-twilio-signature", "x")
            .basic_auth("studio", Some(STUDIO_TOKEN));
        assert_eq!(scene.send(signed).await, Answer::account());
        let calls = scene.api.calls();
        for authorization in [
            String::new(),
            STUDIO_TOKEN.to_owned(),
            "Bearer".to_owned(),
            "Bearer x".to_owned(),
            format!("Bearer {}", &STUDIO_TOKEN[1..]),
            format!("Bearer {STUDIO_TOKEN}x"),
            format!("Bearer {}", STUDIO_TOKEN.to_uppercase()),
            format!("Bearer {IVR_TOKEN}"),
            format!("Bearer {AUTH_TOKEN}"),
            format!("Bearer studio:{STUDIO_TOKEN}"),
            format!("Bearer {STUDIO_TOKEN},Bearer {STUDIO_TOKEN}"),
            format!("Digest {STUDIO_TOKEN}"),
            format!("Basic {STUDIO_TOKEN}"),
            "Basic !!!".to_owned(),
            "Basic c3R1ZGlv".to_owned(),
            "Basic c3R1ZGlvOg==".to_owned(),
            "Basic c3R1ZGlvOv/+".to_owned(),
            format!("Bearer {}", "x".repeat(7_000)),
        ] {
            let answer = scene
                .send(request().header("authorization", &authorization))
                .await;
            assert_eq!(answer, Answer::challenged(), "{authorization}");
        }
        for user in [STUDIO_TOKEN, ""] {
            assert_eq!(
                scene.send(request().basic_auth(user, Some("x"))).await,
                Answer::challenged()
            );
            assert_eq!(
                scene.send(request().basic_auth(user, None::<&str>)).await,
                Answer::challenged()
            );
        }
        assert_eq!(scene.send(request()).await, Answer::challenged());
        assert_eq!((scene.api.calls(), scene.fetched("studio")), (calls, 2));
        let logged = scene.logged("bad_credential").await;
        assert_eq!(
            (&logged["level"], &logged["Refused"]),
            (&json!("INFO"), &json!(1))
        );
    }
}

/// For credentials in a URL, Twilio asks first without them, signed, and again when challenged.
#[tokio::test]
async fn twilio_is_challenged_before_it_sends_a_password() {
    for overrides in [&BY_TOKEN[..], &[]] {
        let scene = Scene::with(overrides).await;
        let url = scene.lambda.url().to_owned();
        let good = params(&[("account_number", NUMBER)]);
        let with_password = url.replace("http://", &format!("http://studio:{STUDIO_TOKEN}@"));
        let signature = scene.sandbox.twilio.sign(&with_password, &good);
        assert_eq!(
            signed(&scene, &url, FORM, &form(&good), &signature).await,
            Answer::challenged()
        );
        let again = scene
            .request(FORM, form(&good))
            .header("x-twilio-signature", &signature);
        assert_eq!(
            scene
                .send(again.basic_auth("studio", Some(STUDIO_TOKEN)))
                .await,
            Answer::account()
        );
        assert_eq!(scene.api.calls(), 1);
    }
}

#[tokio::test]
async fn only_what_is_set_up_counts() {
    let scene = Scene::with(&BY_SIGNATURE).await;
    let request = || scene.request(FORM, format!("account_number={NUMBER}"));
    assert_eq!(scene.send(request()).await, Answer::empty(403));
    assert_eq!(
        scene.send(request().bearer_auth(STUDIO_TOKEN)).await,
        Answer::empty(403)
    );
    assert_eq!(
        scene
            .send(request().basic_auth("studio", Some(STUDIO_TOKEN)))
            .await,
        Answer::empty(403)
    );
    let both = request()
        .basic_auth("studio", Some(STUDIO_TOKEN))
        .header("x-twilio-signature", "x");
    assert_eq!(scene.send(both).await, Answer::empty(403));
    assert_eq!((scene.fetched("studio"), scene.api.calls()), (0, 0));
    let signature = scene
        .sandbox
        .twilio
        .sign(scene.lambda.url(), &params(&[("account_number", NUMBER)]));
    let both = request()
        .basic_auth("studio", Some("x"))
        .header("x-twilio-signature", signature);
    assert_eq!(scene.send(both).await, Answer::account());
    let scene = Scene::with(&BY_TOKEN).await;
    let request = || scene.request(FORM, format!("account_number={NUMBER}"));
    let signature = scene
        .sandbox
        .twilio
        .sign(scene.lambda.url(), &params(&[("account_number", NUMBER)]));
    assert_eq!(
        scene
            .send(request().header("x-twilio-signature", signature))
            .await,
        Answer::challenged()
    );
    assert_eq!((scene.fetched("twilio"), scene.api.calls()), (0, 0));
    assert_eq!(scene.ask().await, Answer::account());
}

#[tokio::test]
async fn other_methods_paths_and_bodies_are_refused_before_anything_is_read() {
    let scene = Scene::start().await;
    let root = scene.lambda.url().trim_end_matches('/').to_owned();
    for (method, path, content_type, status) in [
        ("GET", "/", FORM, 405),
        ("HEAD", "/", FORM, 405),
        ("PUT", "/", JSON, 405),
        ("DELETE", "/", FORM, 405),
        ("OPTIONS", "/", FORM, 405),
        ("POST", "/", "", 415),
        ("POST", "/", "text/plain", 415),
        ("POST", "/", "text/json", 415),
        ("POST", "/", "application/jsonx", 415),
        ("POST", "/", "multipart/form-data; boundary=x", 415),
        ("POST", "//", FORM, 404),
        ("POST", "/accounts", FORM, 404),
        ("POST", "/accounts/4815162342", JSON, 404),
        ("GET", "/favicon.ico", FORM, 404),
    ] {
        for authorization in ["", &format!("Bearer {STUDIO_TOKEN}")] {
            let request = client().request(method.parse().unwrap(), format!("{root}{path}"));
            let request = request
                .header("content-type", content_type)
                .header("authorization", authorization);
            let answer = request
                .body(format!("account_number={NUMBER}"))
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
    }
    assert_eq!(
        scene.post(FORM, "x".repeat(1024 * 1024 + 1)).await,
        Answer::empty(413)
    );
    assert_eq!(
        (
            scene.api.calls(),
            scene.fetched("studio"),
            scene.fetched("twilio")
        ),
        (0, 1, 1)
    );
}

#[tokio::test]
async fn a_credential_that_is_replaced_is_fetched_once() {
    let sandbox = Sandbox::start().await;
    let rotating = json!({ "account_sid": ACCOUNT_SID, "auth_token": "a-new-auth-token", "previous_auth_token": AUTH_TOKEN });
    sandbox.aws.set_secret("switchboard/twilio", &rotating);
    let scene = Scene::on(sandbox, 1, &[]).await;
    scene.lambda.wait_ready().await.unwrap();
    let url = scene.lambda.url().to_owned();
    let good = params(&[("account_number", NUMBER)]);
    for token in [AUTH_TOKEN, "a-new-auth-token"] {
        scene.sandbox.twilio.set_auth_token(token);
        let signature = scene.sandbox.twilio.sign(&url, &good);
        assert_eq!(
            signed(&scene, &url, FORM, &form(&good), &signature).await,
            Answer::account(),
            "{token}"
        );
    }
    assert_eq!(scene.fetched("twilio"), 1);
    let newest = json!({ "account_sid": ACCOUNT_SID, "auth_token": "the-newest-auth-token" });
    scene.sandbox.aws.set_secret("switchboard/twilio", &newest);
    scene.sandbox.twilio.set_auth_token("the-newest-auth-token");
    let signature = scene.sandbox.twilio.sign(&url, &good);
    assert_eq!(
        signed(&scene, &url, FORM, &form(&good), &signature).await,
        Answer::account()
    );
    scene.sandbox.aws.set_secret(
        "switchboard/studio",
        &json!({ "bearer_token": "a-new-studio-token" }),
    );
    for marker in [
        "a-new-auth-token",
        "the-newest-auth-token",
        "a-new-studio-token",
    ] {
        scene.mark(marker);
    }
    let request = || scene.request(FORM, form(&good));
    assert_eq!(
        scene
            .send(request().bearer_auth("a-new-studio-token"))
            .await,
        Answer::account()
    );
    assert_eq!(
        scene.send(request().bearer_auth(STUDIO_TOKEN)).await,
        Answer::challenged()
    );
    assert_eq!((scene.fetched("twilio"), scene.fetched("studio")), (2, 2));
}
