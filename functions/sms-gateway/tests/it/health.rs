//! What all instances together know of a provider that is out of order.

use std::sync::Arc;
use std::time::Duration;

use sandbox::Sandbox;
use sandbox::wire::Fault;
use serde_json::{Value, json};

use crate::scene::{Answer, Scene, TEXT, status};

const ROUTE: [(&str, Option<&str>); 1] = [("SMS_ROUTES", Some("*=vonage,twilio"))];

async fn send(scene: &Scene, n: usize) -> Answer {
    scene.send(&format!("+45{}304050", 20 + n), TEXT).await
}

/// What the table says of Vonage: its last attempts, and when it is tried again.
async fn vonage(scene: &Scene) -> (String, u64) {
    let item = scene
        .items("rate#code-provider#")
        .await
        .pop()
        .unwrap_or_default();
    let state = item["p_vonage"]["S"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let mut parts = state.split(' ');
    (
        parts.next().unwrap_or_default().to_owned(),
        parts
            .nth(1)
            .and_then(|until| until.parse().ok())
            .unwrap_or_default(),
    )
}

/// As if the half minute were over.
async fn let_it_be_tried_again(scene: &Scene) {
    let now = sandbox::now().as_secs();
    let item = json!({
        "pk": { "S": "rate#code-provider#health" }, "sk": { "S": "state" },
        "p_vonage": { "S": format!("fff {} {} 0", now - 31, now - 1) }, "expires_at": { "N": (now + 60).to_string() },
    });
    scene.sandbox.aws.put(item).await;
}

#[tokio::test]
async fn after_three_codes_in_doubt_the_next_goes_elsewhere_whatever_the_instance() {
    let scene = Scene::on(Sandbox::start().await, 5, &ROUTE).await;
    scene.faults("vonage").always(Some(status(500)));
    let mut statuses = Vec::new();
    for n in 0..10 {
        statuses.push(send(&scene, n).await.status);
    }
    assert_eq!(statuses, [504, 504, 504, 200, 200, 200, 200, 200, 200, 200]);
    assert_eq!(scene.asked(), [7, 0, 0, 3], "what is broken is left alone");
    let line = scene.logged("sent").await;
    assert_eq!(
        (&line["broken"], &line["ProviderBroken"]),
        (&json!("vonage"), &json!(1))
    );
    assert_eq!(vonage(&scene).await.0, "fff");
}

/// The write of a failure took effect, and its answer was lost.
#[tokio::test]
async fn a_failure_counts_once_also_if_the_answer_to_its_write_was_lost() {
    let scene = Scene::with(&ROUTE).await;
    scene.faults("vonage").times(2, || status(503));
    for n in 0..2 {
        let lost = Fault::ResetAfter;
        scene.dynamodb().next_with("p_vonage", lost);
        assert_eq!(send(&scene, n).await.provider(), "twilio");
    }
    assert_eq!(scene.dynamodb().pending(), 0);
    assert_eq!(vonage(&scene).await, ("ff".to_owned(), 0));
    assert_eq!(send(&scene, 2).await.provider(), "vonage");
}

#[tokio::test]
async fn a_healthy_provider_costs_no_write() {
    let scene = Scene::with(&ROUTE).await;
    for n in 0..3 {
        assert_eq!(send(&scene, n).await.provider(), "vonage");
    }
    assert!(scene.items("rate#code-provider#").await.is_empty());
    assert_eq!(scene.logged("sent").await["broken"], Value::Null);
}

#[tokio::test]
async fn a_broken_provider_is_tried_when_the_others_fail_and_heals_by_that() {
    let scene = Scene::with(&ROUTE).await;
    scene.faults("vonage").times(3, || status(503));
    for n in 0..4 {
        assert_eq!(send(&scene, n).await.provider(), "twilio");
    }
    assert_eq!(scene.asked(), [4, 0, 0, 3]);
    scene.faults("twilio").next(status(429));
    assert_eq!(
        (send(&scene, 4).await.provider(), scene.asked()),
        ("vonage", [5, 0, 0, 4])
    );
    assert_eq!(
        (send(&scene, 5).await.provider(), scene.asked()),
        ("vonage", [5, 0, 0, 5]),
        "well again, it is first"
    );
    assert_eq!(vonage(&scene).await, (String::new(), 0));
}

#[tokio::test]
async fn one_request_at_a_time_tries_a_broken_provider_again() {
    let scene = Arc::new(Scene::on(Sandbox::start().await, 4, &ROUTE).await);
    let_it_be_tried_again(&scene).await;
    scene
        .faults("vonage")
        .next(Fault::Delay(Duration::from_millis(700)));
    let probing = {
        let scene = Arc::clone(&scene);
        tokio::spawn(async move { send(&scene, 0).await })
    };
    scene.wait_asked("vonage", 1).await;
    for n in 1..4 {
        assert_eq!(send(&scene, n).await.provider(), "twilio");
    }
    assert_eq!(
        (probing.await.unwrap().provider(), scene.asked()),
        ("vonage", [3, 0, 0, 1])
    );
    assert_eq!(
        send(&scene, 4).await.provider(),
        "vonage",
        "the probe healed it"
    );
}

#[tokio::test]
async fn a_probe_that_fails_leaves_it_alone_for_another_half_minute() {
    let scene = Scene::with(&ROUTE).await;
    let_it_be_tried_again(&scene).await;
    scene.faults("vonage").next(status(500));
    let before = sandbox::now().as_secs();
    assert_eq!(
        send(&scene, 0).await.status,
        504,
        "the code of the probe is in doubt"
    );
    assert!((before + 30..=sandbox::now().as_secs() + 30).contains(&vonage(&scene).await.1));
    assert_eq!(
        (send(&scene, 1).await.provider(), scene.asked()),
        ("twilio", [1, 0, 0, 1])
    );
}

/// Its answers take four seconds: after a failure it has as long for them as before, or it would break although it works.
#[tokio::test]
async fn a_slow_provider_does_not_break_because_it_failed_once() {
    let scene = Arc::new(Scene::on(Sandbox::start().await, 3, &ROUTE).await);
    scene.faults("vonage").next(status(503));
    assert_eq!(send(&scene, 0).await.provider(), "twilio");
    let slow = Fault::Delay(Duration::from_secs(4));
    scene.faults("vonage").always(Some(slow));
    let codes = (1..4).map(|n| (format!("+45{}304050", 20 + n), TEXT.to_owned()));
    for answer in scene.send_together(codes.collect()).await {
        assert_eq!(answer.provider(), "vonage");
    }
    assert_eq!(vonage(&scene).await.1, 0, "it is not broken");
}

/// A code that has tried all others does not wait long for one that is broken; and that it did not is no news of the provider.
#[tokio::test]
async fn a_broken_provider_has_less_time_when_it_is_the_last_resort() {
    let scene = Scene::with(&ROUTE).await;
    scene.faults("vonage").times(3, || status(503));
    for n in 0..3 {
        assert_eq!(send(&scene, n).await.provider(), "twilio");
    }
    let before = vonage(&scene).await;
    scene.faults("twilio").next(status(429));
    let slow = Fault::Delay(Duration::from_secs(5));
    scene.faults("vonage").next(slow);
    assert_eq!(send(&scene, 3).await.status, 504, "it was cut off");
    assert_eq!(vonage(&scene).await, before);
}

/// It heals a provider that is slow.
#[tokio::test]
async fn a_probe_has_as_long_as_any_attempt() {
    let scene = Scene::with(&ROUTE).await;
    let_it_be_tried_again(&scene).await;
    let slow = Fault::Delay(Duration::from_secs(5));
    scene.faults("vonage").next(slow);
    assert_eq!(send(&scene, 0).await.provider(), "vonage");
    assert_eq!(vonage(&scene).await, (String::new(), 0));
}

/// Whoever asks for codes to places where a provider does not deliver must not break it for others.
#[tokio::test]
async fn texts_that_a_provider_refuses_do_not_break_it() {
    let scene = Scene::with(&ROUTE).await;
    for n in 0..4 {
        let phone = format!("+45{}304050", 20 + n);
        scene.sandbox.vonage.reject(&phone, 15);
        assert_eq!(
            scene.send(&phone, TEXT).await.provider(),
            "twilio",
            "refused for its sender there"
        );
    }
    assert_eq!(send(&scene, 9).await.provider(), "vonage");
    assert!(scene.items("rate#code-provider#").await.is_empty());
}

#[tokio::test]
async fn without_its_health_every_provider_counts_as_well() {
    let scene = Scene::with(&ROUTE).await;
    for _ in 0..3 {
        scene
            .dynamodb()
            .next_with("rate#code-provider#", status(400));
    }
    assert_eq!(send(&scene, 0).await.provider(), "vonage");
    scene
        .lambda
        .wait_log(|line| line.contains("health could not be read"))
        .await;
}
