//! What is not authentic has no effect.

use sandbox::wire::client;
use sandbox::{plivo, vonage};
use serde_json::json;

use crate::scene::{PHONE, Params, REFERENCE, SID, Scene, pairs};

type Headers<'a> = &'a [(&'a str, &'a str)];

async fn assert_untouched(scene: &Scene) {
    for provider in ["twilio", "plivo", "vonage", "clickatell"] {
        assert_eq!(scene.reported(provider).await, None);
    }
    assert_eq!(scene.items("score#").await.len(), 0);
}

#[tokio::test]
async fn twilio() {
    let scene = Scene::start().await;
    scene.sent("twilio", SID).await;
    let path = format!("/twilio/{REFERENCE}");
    let good = pairs(&[
        ("AccountSid", sandbox::twilio::ACCOUNT_SID),
        ("MessageSid", SID),
        ("MessageStatus", "delivered"),
        ("To", PHONE),
    ]);
    let signature = scene.sandbox.twilio.sign(&scene.url(&path), &good);
    let changed: Vec<_> = good
        .iter()
        .map(|(name, value)| (name.clone(), value.replace("delivered", "undelivered")))
        .collect();
    let other = pairs(&[
        ("AccountSid", "AC00000000000000000000000000000000"),
        ("MessageSid", SID),
        ("MessageStatus", "delivered"),
    ]);
    let foreign = scene.sandbox.twilio.sign(&scene.url(&path), &other);
    // The signature has no separators: the same text, split differently.
    let glued = pairs(&[
        ("AccountSid", sandbox::twilio::ACCOUNT_SID),
        ("MessageSid", &format!("{SID}MessageStatusdelivered")),
        ("To", PHONE),
    ]);
    let cases: [(&str, &Params, Option<&str>); 6] = [
        (&path, &good, None),
        (&path, &good, Some("bm90IGEgc2lnbmF0dXJlIG9mIHR3aWxpbw==")),
        (&path, &changed, Some(&signature)),
        (
            "/twilio/code-BBBBBBBBBBBBBBBBBBBBBB",
            &good,
            Some(&signature),
        ),
        (&path, &other, Some(&foreign)),
        (&path, &glued, Some(&signature)),
    ];
    for (index, (path, params, signature)) in cases.into_iter().enumerate() {
        let headers: Vec<(&str, &str)> = signature
            .map(|value| ("x-twilio-signature", value))
            .into_iter()
            .collect();
        assert_eq!(
            scene.post_form(path, params, &headers).await,
            403,
            "{index}"
        );
    }
    assert_untouched(&scene).await;
}

#[tokio::test]
async fn plivo() {
    let scene = Scene::start().await;
    scene.sent("plivo", "id-1").await;
    let path = format!("/plivo/{REFERENCE}");
    let good = pairs(&[
        ("MessageUUID", "id-1"),
        ("Status", "delivered"),
        ("To", "4520304050"),
    ]);
    let bad = pairs(&[
        ("MessageUUID", "id-1"),
        ("Status", "undelivered"),
        ("To", "4520304050"),
    ]);
    let twice = pairs(&[
        ("MessageUUID", "id-1"),
        ("Status", "delivered"),
        ("Status", "undelivered"),
    ]);
    let (nonce, signature) = plivo::sign(plivo::AUTH_TOKEN, &scene.url(&path), &good);
    let (twice_nonce, twice_signature) = plivo::sign(plivo::AUTH_TOKEN, &scene.url(&path), &twice);
    let (wrong_nonce, wrong) = plivo::sign("another-token", &scene.url(&path), &good);
    let cases: [(&str, &Params, Headers<'_>); 7] = [
        (&path, &good, &[]),
        (&path, &good, &[("x-plivo-signature-v3", &signature)]),
        (
            &path,
            &good,
            &[
                ("x-plivo-signature-v3", &wrong),
                ("x-plivo-signature-v3-nonce", &wrong_nonce),
            ],
        ),
        (
            &path,
            &good,
            &[
                ("x-plivo-signature-v3", &signature),
                ("x-plivo-signature-v3-nonce", "1"),
            ],
        ),
        (
            &path,
            &bad,
            &[
                ("x-plivo-signature-v3", &signature),
                ("x-plivo-signature-v3-nonce", &nonce),
            ],
        ),
        (
            "/plivo/code-BBBBBBBBBBBBBBBBBBBBBB",
            &good,
            &[
                ("x-plivo-signature-v3", &signature),
                ("x-plivo-signature-v3-nonce", &nonce),
            ],
        ),
        (
            &path,
            &twice,
            &[
                ("x-plivo-signature-v3", &twice_signature),
                ("x-plivo-signature-v3-nonce", &twice_nonce),
            ],
        ),
    ];
    for (index, (path, params, headers)) in cases.into_iter().enumerate() {
        assert_eq!(scene.post_form(path, params, headers).await, 403, "{index}");
    }
    assert_untouched(&scene).await;
}

#[tokio::test]
async fn vonage() {
    let scene = Scene::start().await;
    scene.sent("vonage", "id-1").await;
    let good = Scene::dlr("id-1", "delivered", "0");
    let without = good
        .iter()
        .filter(|(name, _)| name != "sig")
        .cloned()
        .collect();
    let changed = good
        .iter()
        .map(|(name, value)| (name.clone(), value.replace("delivered", "failed")))
        .collect();
    let resigned = |change: &dyn Fn(&str, &str) -> String, key: &str| {
        let mut params: Vec<(String, String)> = good
            .iter()
            .filter(|(name, _)| name != "sig")
            .map(|(name, value)| (name.clone(), change(name, value)))
            .collect();
        let sig = vonage::sign(key, &params);
        params.push(("sig".to_owned(), sig));
        params
    };
    let old = resigned(
        &|name, value| {
            if name == "timestamp" {
                "1700000000".to_owned()
            } else {
                value.to_owned()
            }
        },
        vonage::SIGNATURE_SECRET,
    );
    let other_key = resigned(&|_, value| value.to_owned(), "another-secret");
    let mut twice = good.clone();
    twice.push(("status".to_owned(), "failed".to_owned()));
    // The signed text is the same, split differently: a receipt without a reference.
    let mut glued = good.clone();
    glued.retain(|(name, _)| !matches!(name.as_str(), "api-key" | "client-ref"));
    glued.push((
        format!("api-key={}&client-ref", vonage::API_KEY),
        REFERENCE.to_owned(),
    ));
    for (index, params) in [without, changed, old, other_key, twice, glued]
        .iter()
        .enumerate()
    {
        assert_eq!(
            scene.post_form("/vonage", params, &[]).await,
            403,
            "{index}"
        );
    }
    assert_untouched(&scene).await;
    // Vonage signed it, and it is no receipt.
    let mut other = good.clone();
    other.retain(|(name, _)| !matches!(name.as_str(), "sig" | "status"));
    let sig = vonage::sign(vonage::SIGNATURE_SECRET, &other);
    other.push(("sig".to_owned(), sig));
    assert_eq!(scene.post_form("/vonage", &other, &[]).await, 204);
    assert_untouched(&scene).await;
    assert_eq!(scene.post_form("/vonage", &good, &[]).await, 204);
}

#[tokio::test]
async fn clickatell() {
    let scene = Scene::start().await;
    scene.sent("clickatell", "id-1").await;
    let update = Scene::update("id-1", 5);
    for token in [
        "",
        "guessed",
        &Scene::token()[1..],
        &format!("{}x", Scene::token()),
    ] {
        assert_eq!(scene.clickatell(token, &update).await, 403, "{token}");
    }
    assert_untouched(&scene).await;
    for body in [
        json!([]),
        json!({}),
        json!({ "event": { "moText": [] } }),
        json!({ "event": 1 }),
        json!("x"),
    ] {
        assert_eq!(scene.clickatell(Scene::token(), &body).await, 204, "{body}");
    }
    assert_untouched(&scene).await;
}

#[tokio::test]
async fn other_paths_methods_and_content_types() {
    let scene = Scene::start().await;
    for path in ["/", "/nexmo", "/vonage/x", "/Twilio"] {
        assert_eq!(scene.post_form(path, &vec![], &[]).await, 404, "{path}");
    }
    for path in ["/twilio", "/plivo", "/clickatell/x", "/used"] {
        let status = client().get(scene.url(path)).send().await.unwrap().status();
        assert_eq!(status.as_u16(), 405, "{path}");
    }
    let put = client().put(scene.url("/vonage")).send().await.unwrap();
    assert_eq!(put.status().as_u16(), 405);
    assert_eq!(put.headers()["allow"], "GET, POST");
    for path in ["/twilio", "/plivo", "/vonage", "/used"] {
        let status = client()
            .post(scene.url(path))
            .header("content-type", "text/plain")
            .body("x")
            .send()
            .await
            .unwrap()
            .status();
        assert_eq!(status.as_u16(), 415, "{path}");
    }
}
