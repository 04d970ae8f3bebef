//! Copies of an event: one text, one answer.

use std::sync::Arc;
use std::time::Duration;

use sandbox::scene::at_once;
use sandbox::{OKTA_HOOK_TOKEN, Sandbox};
use serde_json::json;

use super::{ask, hook, refused, request, through, value};
use crate::scene::{OTHER_PHONE, number, status};

/// They queue for four processes, so the last ones wait longer than Okta would.
#[tokio::test]
async fn fifty_copies_of_an_event_at_once_are_one_text_with_one_answer() {
    let settings = [("SMS_ROUTES", Some("*=twilio"))];
    let scene = Arc::new(hook(Sandbox::start().await, 4, &settings).await);
    let body = request(&scene).to_string();
    let asking = (0..50).map(|_| {
        let (scene, body) = (Arc::clone(&scene), body.clone());
        async move {
            let json = ("content-type", "application/json");
            let headers = [("authorization", OKTA_HOOK_TOKEN), json];
            scene.request("POST", "okta", &headers, body).await.body
        }
    });
    let answers = at_once(asking).await;
    assert_eq!(answers.len(), 50);
    let first = &answers[0];
    assert_eq!(first["commands"][0]["value"][0]["status"], "SUCCESSFUL");
    for answer in &answers {
        assert_eq!(answer, first);
    }
    assert_eq!(scene.texts(), [1, 0, 0, 0]);
}

#[tokio::test]
async fn a_late_copy_gets_the_first_answer_and_another_event_another_text() {
    let scene = through("twilio").await;
    let first = request(&scene);
    let answer = ask(&scene, &first).await.body;
    assert_eq!(ask(&scene, &first).await.body, answer);
    scene.logged("duplicate").await;
    assert_eq!(scene.texts(), [1, 0, 0, 0]);
    // The same code to the same number.
    assert_ne!(ask(&scene, &request(&scene)).await.body, answer);
    assert_eq!(scene.texts(), [2, 0, 0, 0]);
}

#[tokio::test]
async fn okta_s_code_is_not_sent_a_second_time_after_an_unknown_outcome() {
    let scene = through("twilio").await;
    scene.faults("twilio").next(status(500));
    let first = request(&scene);
    for _ in 0..2 {
        let code = ask(&scene, &first).await;
        assert_eq!(value(&code)["status"], "PENDING");
    }
    assert_eq!(scene.asked(), [1, 0, 0, 0]);
}

/// Okta has sent its own code since.
#[tokio::test]
async fn a_copy_of_a_failed_event_fails_again_and_sends_nothing() {
    let scene = through("twilio").await;
    scene.faults("twilio").next(status(503));
    let first = request(&scene);
    for _ in 0..2 {
        let code = ask(&scene, &first).await;
        assert_eq!(value(&code), &refused("all_refused"));
    }
    assert_eq!((scene.asked(), scene.texts()), ([1, 0, 0, 0], [0; 4]));
    assert_eq!(
        value(&ask(&scene, &request(&scene)).await)["status"],
        "SUCCESSFUL"
    );
}

#[tokio::test]
async fn an_event_is_known_for_as_long_as_its_code_is_valid() {
    for (minutes, at_least) in [(5, 10), (60, 59)] {
        let settings = [
            ("SMS_ROUTES", Some("*=twilio")),
            ("RESEND_COOLDOWN_SECONDS", Some("1")),
        ];
        let scene = hook(Sandbox::start().await, 1, &settings).await;
        let now = sandbox::now();
        let mut asked = request(&scene);
        let end = super::iso(now + Duration::from_mins(minutes));
        asked["data"]["messageProfile"]["otpExpires"] = json!(end);
        ask(&scene, &asked).await;
        let entry = scene.items("sent#").await.pop().unwrap();
        let known = entry.get("forgotten_at").unwrap_or(&entry["expires_at"]);
        let until = now.as_secs() + at_least * 60;
        assert!(number(known) >= until, "{minutes} {entry}");
    }
}

#[tokio::test]
async fn an_event_for_another_number_is_another_text() {
    let scene = through("twilio").await;
    let mut asked = request(&scene);
    ask(&scene, &asked).await;
    asked["data"]["messageProfile"]["phoneNumber"] = json!(OTHER_PHONE);
    ask(&scene, &asked).await;
    assert_eq!(scene.texts(), [2, 0, 0, 0]);
}
