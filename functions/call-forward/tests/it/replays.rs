//! A signature has no end: whoever has seen a request of Twilio's could send it for ever.

use sandbox::COMPANY_NUMBER;

use crate::scene::{
    APOLOGY, CALLER, MOBILE, OTHER_CALLER, OTHER_MOBILE, Scene, VOICEMAIL, and, connected,
    document, last_words, says,
};

/// Twilio tries again within seconds, and gets what it did not get the first time.
#[tokio::test]
async fn a_retry_gets_the_same_answer() {
    let scene = Scene::with(&[("VOICEMAIL", Some("on"))]).await;
    let call = scene.inbound(CALLER);
    let over = and(&call, &[("DialCallStatus", "no-answer")]);
    for (params, path, words) in [(&call, "", MOBILE), (&over, "after", VOICEMAIL)] {
        let first = scene.post(params, path).await;
        assert!(first.contains(words), "{first}");
        scene.let_pass_since_answers(50).await;
        assert_eq!(scene.post(params, path).await, first, "{path}");
    }
}

#[tokio::test]
async fn a_replay_after_the_retry_window_shows_no_mobile() {
    let scene = Scene::with(&[("VOICEMAIL", Some("on"))]).await;
    let call = scene.inbound(CALLER);
    let over = and(&call, &[("DialCallStatus", "no-answer")]);
    assert!(scene.post(&call, "").await.contains(MOBILE));
    assert!(scene.post(&over, "after").await.contains(VOICEMAIL));
    // When it may be forgotten moves on.
    let line = async || {
        let mut line = scene
            .item(&format!("rate#calls#{COMPANY_NUMBER}"))
            .await
            .unwrap();
        line["expires_at"].take();
        line
    };
    let before = line().await;
    scene.let_pass_since_answers(60).await;
    for _ in 0..2 {
        for (params, path) in [(&call, ""), (&over, "after")] {
            assert_eq!(
                scene.post(params, path).await,
                document("<Hangup/>"),
                "{path}"
            );
        }
        assert_eq!(line().await, before, "nothing is noted of it");
        scene.let_pass_since_answers(399 * 86_400).await;
        scene.sandbox.aws.sweep_now().await;
        scene.restart().await;
    }
    let logged = scene.logged("replayed").await;
    assert_eq!(
        (&logged["Refused"], &logged["phone"]),
        (&1.into(), &serde_json::Value::Null)
    );
    // Not even where the number is somebody else's by now.
    let id = scene.sandbox.okta.users()[0].id.clone();
    scene
        .sandbox
        .okta
        .set_profile(&id, "mobilePhone", OTHER_MOBILE.into());
    scene.mark(OTHER_MOBILE);
    scene.restart().await;
    assert_eq!(scene.post(&call, "").await, document("<Hangup/>"));
}

/// The call is on: a replay takes neither its place nor its minutes.
#[tokio::test]
async fn a_replay_does_not_touch_the_call() {
    let scene = Scene::start().await;
    let call = scene.inbound(CALLER);
    scene.post(&call, "").await;
    scene.let_pass_since_answers(60).await;
    assert_eq!(scene.post(&call, "").await, document("<Hangup/>"));
    assert_eq!(scene.line(COMPANY_NUMBER).await.0, 1);
    scene
        .post(
            &and(
                &call,
                &[("DialCallStatus", "completed"), ("DialCallDuration", "90")],
            ),
            "after",
        )
        .await;
    assert_eq!(scene.line(COMPANY_NUMBER).await, (0, 90));
}

/// Many captured calls of long ago are no calls: the employee is reached.
#[tokio::test]
async fn replays_take_no_lines() {
    let scene = Scene::start().await;
    let mut calls = Vec::new();
    for n in 0..8 {
        let call = scene.inbound(&format!("+1415555013{n}"));
        scene.post(&call, "").await;
        scene
            .tell(&scene.sandbox.twilio.ended_call(&call, "completed", 3))
            .await;
        calls.push(call);
    }
    scene.let_pass_since_answers(3_600).await;
    // So long after their ends nothing is kept of them in the line either.
    let line = format!("rate#calls#{COMPANY_NUMBER}");
    scene
        .sandbox
        .aws
        .put(serde_json::json!({ "pk": { "S": line }, "sk": { "S": "active" } }))
        .await;
    for call in &calls {
        assert_eq!(scene.post(call, "").await, document("<Hangup/>"));
    }
    assert_eq!(scene.line(COMPANY_NUMBER).await.0, 0);
    connected(&scene.call(OTHER_CALLER).await, MOBILE, OTHER_CALLER);
}

#[tokio::test]
async fn a_message_is_told_once_however_long_ago_it_was_left() {
    let scene = Scene::with(&[("VOICEMAIL", Some("on"))]).await;
    let url = format!(
        "https://api.twilio.com/2010-04-01/Accounts/{}/Recordings/RE1",
        sandbox::twilio::ACCOUNT_SID
    );
    let told = and(
        &scene.inbound(CALLER),
        &[("RecordingUrl", &url), ("RecordingDuration", "7")],
    );
    assert_eq!(scene.post(&told, "after").await, last_words("Goodbye."));
    let item = scene
        .sandbox
        .aws
        .items()
        .await
        .into_iter()
        .find(|item| item["pk"]["S"].as_str().unwrap().starts_with("sent#"));
    let end: u64 = item.unwrap()["expires_at"]["N"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let days = (end - sandbox::now().as_secs()).div_ceil(86_400);
    assert_eq!(days, 400);
    scene.restart().await;
    assert_eq!(scene.post(&told, "after").await, last_words("Goodbye."));
    assert_eq!(
        (
            scene.texts_tried(),
            scene.sandbox.twilio.inbox(MOBILE).len()
        ),
        (1, 1)
    );
}

/// Nobody was told of it, and the number may be another employee's by now.
#[tokio::test]
async fn a_message_that_could_not_be_told_of_is_not_told_of_later() {
    let scene = Scene::with(&[("VOICEMAIL", Some("on"))]).await;
    let url = "https://api.twilio.com/2010-04-01/Accounts/AC/Recordings/RElater";
    scene.mark(url);
    let left = [
        ("RecordingUrl", url),
        ("RecordingDuration", "7"),
        ("Digits", "hangup"),
    ];
    let told = and(&scene.inbound(CALLER), &left);
    scene.okta().always(Some(says(500, "")));
    assert_eq!(scene.post(&told, "after").await, last_words(APOLOGY));
    scene.okta().clear();
    scene.let_pass_since_answers(60).await;
    scene.restart().await;
    assert_eq!(scene.post(&told, "after").await, document("<Hangup/>"));
    scene.logged("replayed").await;
    assert_eq!((scene.texts_tried(), scene.writes("sent#")), (0, 0));
}

/// As without the other guards: whoever calls is connected.
#[tokio::test]
async fn without_the_ledger_calls_go_through() {
    let scene = Scene::start().await;
    scene.dynamodb().always_with("seen#call#", says(500, "{}"));
    for _ in 0..2 {
        let call = scene.call(CALLER).await;
        connected(&call, MOBILE, CALLER);
        assert_eq!(call.heard.last().unwrap(), "Goodbye.");
    }
    scene
        .lambda
        .wait_log(|line| line.contains("whether the step was answered before is not known"))
        .await;
    assert_eq!(scene.line(COMPANY_NUMBER).await, (0, 84), "the others hold");
}
