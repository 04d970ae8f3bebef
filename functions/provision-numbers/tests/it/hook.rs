//! Okta's event hook.

use sandbox::wire::Fault;
use sandbox::{HOOK_TOKEN, wire};
use serde_json::{Value, json};

use crate::scene::{CLEAN_MOBILE, Scene, did};

async fn post(scene: &Scene, authorization: Option<&str>, body: &Value) -> u16 {
    let url = format!("{}okta", scene.lambda.url());
    let mut request = wire::client()
        .post(url)
        .header("content-type", "application/json")
        .body(body.to_string());
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    request.send().await.unwrap().status().as_u16()
}

fn delivery(event: &str, kind: &str, id: &str) -> Value {
    json!({
        "eventType": "com.okta.event_hook", "eventTypeVersion": "1.0", "cloudEventsVersion": "0.1", "eventId": event,
        "contentType": "application/json", "data": { "events": [{ "uuid": "u", "eventType": kind,
        "target": [{ "id": id, "type": "User", "alternateId": "ann@example.com", "displayName": "Ann" }] }] }
    })
}

#[tokio::test]
async fn the_challenge_is_echoed_as_json() {
    let scene = Scene::new().await;
    let url = format!("{}okta", scene.lambda.url());
    let answer = wire::client()
        .get(&url)
        .header("x-okta-verification-challenge", "<b>\"x\"")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.headers()["content-type"].to_str().unwrap()
        ),
        (200, "application/json")
    );
    assert_eq!(
        answer.json::<Value>().await.unwrap(),
        json!({ "verification": "<b>\"x\"" })
    );
    assert_eq!(wire::client().get(&url).send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn whom_the_hook_names_is_looked_at_first_and_once() {
    let scene = Scene::with(&[("MAX_PURCHASES_PER_RUN", Some("1"))]).await;
    let okta = &scene.sandbox.okta;
    okta.hire("Ann", CLEAN_MOBILE, "");
    let bob = okta.hire("Bob", CLEAN_MOBILE, "");
    let body = delivery("e1", "user.lifecycle.activate", &bob);
    assert_eq!(post(&scene, Some(HOOK_TOKEN), &body).await, 200);
    assert_eq!(scene.queue().await, [bob.as_str()]);
    assert_eq!(
        post(&scene, Some(&format!("Bearer {HOOK_TOKEN}")), &body).await,
        200
    );
    scene
        .lambda
        .wait_log(|line| line.contains("\"outcome\":\"duplicate\""))
        .await;
    assert_eq!(scene.run().await["purchased"][0]["user"], json!(bob));
    assert!(scene.queue().await.is_empty());
    // Our own change comes back, and that is its end.
    let updates = okta.updates().len();
    assert_eq!(
        post(
            &scene,
            Some(HOOK_TOKEN),
            &delivery("e2", "user.account.update_profile", &bob)
        )
        .await,
        200
    );
    scene.run().await;
    assert_eq!(did(&scene.run().await), 0);
    assert!(scene.queue().await.is_empty());
    assert_eq!(okta.updates().len(), updates + 1, "Ann's");
}

/// A domain of one's own hands on the path as it came, or without its beginning.
#[tokio::test]
async fn below_the_path_of_its_public_address_the_hook_is_the_same() {
    let public = ("PUBLIC_URL", Some("https://hooks.example.com/okta/new"));
    let scene = Scene::with(&[public]).await;
    let body = delivery("e1", "user.lifecycle.create", "00u1");
    for (path, verified, taken) in [
        ("okta", 200, 200),
        ("okta/new/okta", 200, 200),
        ("okta/new", 404, 404),
        ("okta/newer/okta", 404, 404),
        ("new/okta", 404, 404),
    ] {
        let url = format!("{}{path}", scene.lambda.url());
        let challenge = wire::client()
            .get(&url)
            .header("x-okta-verification-challenge", "x");
        let event = wire::client()
            .post(&url)
            .header("content-type", "application/json")
            .header("authorization", HOOK_TOKEN)
            .body(body.to_string());
        for (request, status) in [(challenge, verified), (event, taken)] {
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status().as_u16(), status, "{path}");
        }
    }
    assert_eq!(scene.queue().await, ["00u1"]);
}

#[tokio::test]
async fn strangers_and_outages() {
    let scene = Scene::new().await;
    let body = delivery("e1", "user.lifecycle.create", "00u1");
    for authorization in [
        None,
        Some(""),
        Some("guessed"),
        Some("Bearer guessed"),
        Some("Bearer "),
    ] {
        assert_eq!(
            post(&scene, authorization, &body).await,
            401,
            "{authorization:?}"
        );
    }
    for body in [
        json!({}),
        json!([]),
        delivery("a#b", "user.lifecycle.create", "00u1"),
    ] {
        assert_eq!(post(&scene, Some(HOOK_TOKEN), &body).await, 400, "{body}");
    }
    assert_eq!(
        post(
            &scene,
            Some(HOOK_TOKEN),
            &delivery("e", "user.session.start", "00u1")
        )
        .await,
        200
    );
    assert!(scene.sandbox.aws.items().await.is_empty());
    scene
        .sandbox
        .aws
        .dynamodb()
        .faults()
        .always(Some(Fault::Hang));
    assert_eq!(post(&scene, Some(HOOK_TOKEN), &body).await, 503);
    scene.sandbox.aws.dynamodb().faults().clear();
    assert_eq!(post(&scene, Some(HOOK_TOKEN), &body).await, 200);
    assert_eq!(scene.queue().await, ["00u1"]);
}
