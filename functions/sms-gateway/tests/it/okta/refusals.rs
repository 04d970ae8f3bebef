//! Who may use the entrance for Okta, and bodies that it refuses.

use std::sync::Arc;

use sandbox::OKTA_HOOK_TOKEN;
use serde_json::{Value, json};

use super::{ON, ask, request, through, with};
use crate::scene::{BEARER, PHONE, Scene, TEXT, token};

/// A bare header, as Okta registers it, or Bearer.
#[tokio::test]
async fn only_the_hook_s_own_token_is_accepted() {
    let scene = through("twilio").await;
    let bearer = |token: &str| format!("Bearer {token}");
    let json = ("content-type", "application/json");
    for (credential, expected) in [
        (Some(OKTA_HOOK_TOKEN.to_owned()), 200),
        (Some(bearer(OKTA_HOOK_TOKEN)), 200),
        (None, 401),
        (Some(String::new()), 401),
        (Some("Bearer".to_owned()), 401),
        (Some(OKTA_HOOK_TOKEN[1..].to_owned()), 401),
        (Some(format!("{OKTA_HOOK_TOKEN}x")), 401),
        (Some(format!("Basic {OKTA_HOOK_TOKEN}")), 401),
        // Of the entrance for Auth0.
        (Some(bearer(BEARER)), 401),
        (Some(bearer(&token(&json!({})))), 401),
    ] {
        let before = scene.texts();
        let header = credential.as_deref().map(|value| ("authorization", value));
        let headers: Vec<_> = header.into_iter().chain([json]).collect();
        let body = request(&scene).to_string();
        let answer = scene.request("POST", "okta", &headers, body).await;
        assert_eq!(answer.status, expected, "{credential:?}");
        if expected == 401 {
            assert_eq!((answer.body, scene.texts()), (Value::Null, before));
        }
    }
    // And Okta's token opens no other entrance.
    let body = json!({ "recipient": PHONE, "body": TEXT });
    let other = scene.post_as(Some(&bearer(OKTA_HOOK_TOKEN)), &body).await;
    assert_eq!(other.status, 401);
}

#[tokio::test]
async fn hostile_bodies_are_refused_and_nothing_is_written() {
    let scene = through("twilio").await;
    let deep = "[".repeat(100_000);
    let profile = |name: &str, value: Value| with(&scene, name, value).to_string();
    let json = ("content-type", "application/json");
    let good = [("authorization", OKTA_HOOK_TOKEN), json];
    for (body, status) in [
        (String::new(), 400),
        ("null".to_owned(), 400),
        ("[]".to_owned(), 400),
        ("{}".to_owned(), 400),
        ("{\"data\":{\"messageProfile\":{}}}".to_owned(), 400),
        (format!("{{\"data\":{deep}"), 400),
        ("{\"data\":\"\\ud800\"}".to_owned(), 400),
        (" ".repeat(1024 * 1024 + 1), 413),
        (profile("phoneNumber", json!("20304050")), 400),
        (profile("phoneNumber", json!(20_304_050)), 400),
        (profile("phoneNumber", json!("+45 20304050\n")), 400),
        (
            profile("phoneNumber", json!("+4520304050,+4520304051")),
            400,
        ),
        (profile("otpCode", Value::Null), 400),
        (profile("otpCode", json!("27182818\u{0}")), 400),
        (profile("otpCode", json!("x".repeat(1_000))), 400),
        (profile("otpCode", json!({ "a": 1 })), 400),
    ] {
        let answer = scene.request("POST", "okta", &good, body.clone()).await;
        let start: String = body.chars().take(60).collect();
        assert_eq!(
            (answer.status, answer.body),
            (status, Value::Null),
            "{start}"
        );
    }
    for (method, headers, status) in [
        ("GET", &good[..], 405),
        ("POST", &good[..1], 415),
        ("PUT", &good[..], 405),
    ] {
        let answer = scene.request(method, "okta", headers, String::new()).await;
        assert_eq!(answer.status, status, "{method}");
    }
    scene.untouched();
    assert_eq!(ask(&scene, &request(&scene)).await.status, 200);
    assert!(scene.lambda.exits().is_empty());
}

#[tokio::test]
async fn an_entrance_without_its_secret_is_404() {
    let post = |scene: Arc<Scene>, path: &'static str| async move {
        let json = [("content-type", "application/json")];
        let answer = scene.request("POST", path, &json, "{}".to_owned());
        answer.await.status
    };
    for (settings, statuses) in [
        (vec![], [401, 404]),
        (vec![ON], [401, 401]),
        (vec![ON, ("GATEWAY_SECRET", None)], [404, 401]),
    ] {
        let scene = Arc::new(Scene::with(&settings).await);
        let root = post(Arc::clone(&scene), "").await;
        let okta = post(Arc::clone(&scene), "okta").await;
        assert_eq!([root, okta], statuses, "{settings:?}");
    }
}
