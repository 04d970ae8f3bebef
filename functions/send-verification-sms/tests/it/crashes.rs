//! The process dies, or time runs out, in the middle of it.

use std::time::Duration;

use sandbox::wire::Fault;

use crate::scene::{Fields, PHONE, Scene, wait_exchanges, wait_items};

/// Delivers again until it is done, as Mailgun does for hours.
async fn deliver_until_done(scene: &Scene, fields: &Fields) {
    let delivering = async {
        while scene.post(fields).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), delivering)
        .await
        .expect("it is sent in the end");
}

async fn kill(scene: &Scene) {
    scene.lambda.kill(scene.lambda.pids()[0]).await;
    scene.lambda.wait_exits(1).await;
}

#[tokio::test]
async fn killed_while_twilio_thinks_it_is_sent_after_the_lease() {
    let scene = Scene::hurried(Duration::from_secs(3)).await;
    scene.twilio().next(Fault::Hang);
    let fields = scene.fields(&scene.mail());
    let killing = async {
        scene.wait_asked(1).await;
        kill(&scene).await;
    };
    let (answer, ()) = tokio::join!(scene.post(&fields), killing);
    assert_eq!(
        (answer.status, scene.stage().await.as_str()),
        (502, "sending")
    );
    assert_eq!(
        scene.pending(PHONE).await.len(),
        1,
        "a reply to a text that arrived finds its request"
    );
    deliver_until_done(&scene, &fields).await;
    assert_eq!(
        (scene.texts(), scene.asked(), scene.stage().await.as_str()),
        (1, 2, "sent")
    );
}

#[tokio::test]
async fn killed_after_twilio_took_it_and_answered_meanwhile_nothing_is_sent_again() {
    let scene = Scene::hurried(Duration::from_secs(3)).await;
    // The claim passes, the closing writes hang: the text is out and nobody has written so.
    scene
        .dynamodb()
        .next_with("TransactItems", Fault::Delay(Duration::ZERO));
    scene.dynamodb().next_with("\"sent#", Fault::Hang);
    let fields = scene.fields(&scene.mail());
    let killing = async {
        wait_items(scene.sandbox.aws.dynamodb(), 1, "UpdateItem", "sent#").await;
        kill(&scene).await;
        scene.dynamodb().clear();
    };
    let (answer, ()) = tokio::join!(scene.post(&fields), killing);
    assert_eq!(
        (answer.status, scene.texts(), scene.stage().await.as_str()),
        (502, 1, "sending")
    );
    scene.confirm(PHONE).await;
    deliver_until_done(&scene, &fields).await;
    assert_eq!((scene.texts(), scene.asked()), (1, 1));
}

/// Found while the model `mail` of `shared/models` was written.
#[tokio::test]
async fn a_failure_that_could_not_be_stored_costs_no_mail() {
    let scene = Scene::hurried(Duration::from_secs(3)).await;
    let refusal = |status, body: &str| Fault::Answer {
        status,
        headers: vec![],
        body: body.to_owned(),
    };
    scene.twilio().next(refusal(503, ""));
    scene
        .dynamodb()
        .next_with("TransactItems", Fault::Delay(Duration::ZERO));
    let denied = r#"{"__type":"com.amazon.coral.service#AccessDeniedException"}"#;
    scene.dynamodb().next_with("\"sent#", refusal(400, denied));
    let fields = scene.fields(&scene.mail());
    assert_eq!(scene.post(&fields).await.status, 503);
    assert_eq!(
        (scene.stage().await.as_str(), scene.asked()),
        ("sending", 1)
    );
    assert_eq!(scene.dynamodb().pending(), 0);
    deliver_until_done(&scene, &fields).await;
    assert_eq!(
        (scene.texts(), scene.asked(), scene.stage().await.as_str()),
        (1, 2, "sent")
    );
}

#[tokio::test]
async fn killed_before_the_claim_nothing_is_left_behind() {
    let scene = Scene::start().await;
    scene.dynamodb().times(3, || Fault::Hang);
    let fields = scene.fields(&scene.mail());
    let killing = async {
        wait_exchanges(scene.sandbox.aws.dynamodb(), 3).await; // the claim, and its two counts
        kill(&scene).await;
    };
    let (answer, ()) = tokio::join!(scene.post(&fields), killing);
    let left = scene.items("").await.len() - scene.items("token#").await.len();
    assert_eq!((answer.status, left), (502, 0));
    assert_eq!((scene.post(&fields).await.status, scene.texts()), (200, 1));
}

#[tokio::test]
async fn the_lease_of_a_claim_ends_after_the_function_s_timeout() {
    let scene = Scene::hurried(Duration::from_secs(5)).await;
    scene.twilio().next(Fault::Hang);
    let fields = scene.fields(&scene.mail());
    let look = async {
        scene.wait_asked(1).await;
        let lease = crate::scene::number(&scene.items("sent#").await[0]["lease_until"]);
        let now = sandbox::now().as_secs();
        scene.cut_twilio();
        (lease, now)
    };
    let (_, (lease, now)) = tokio::join!(scene.post(&fields), look);
    assert!(lease > now && lease <= now + 7, "{lease} {now}");
}

#[tokio::test]
async fn twilio_silent_until_the_end_of_the_function_s_time_is_still_answered() {
    let scene = Scene::hurried(Duration::from_secs(4)).await;
    scene.twilio().always(Some(Fault::Hang));
    assert_eq!(scene.post_mail(&scene.mail()).await.status, 503);
    assert!(
        scene.lambda.exits().is_empty(),
        "Lambda did not have to kill it"
    );
    assert_eq!(scene.stage().await, "unknown");
}

/// Lambda freezes a process between invocations; meanwhile its connections die.
#[tokio::test]
async fn thawed_with_dead_connections_it_sends_once() {
    let scene = Scene::start().await;
    scene.still_works().await;
    let (pid, fields) = (scene.lambda.pids()[0], scene.fields(&scene.mail()));
    scene.lambda.pause(pid).await;
    scene.cut_twilio();
    for faults in [scene.dynamodb(), scene.secrets()] {
        faults.refuse(true);
        faults.refuse(false);
    }
    let (answer, ()) = tokio::join!(scene.post(&fields), scene.lambda.resume(pid));
    assert_eq!((answer.status, scene.texts(), scene.asked()), (200, 2, 2));
}
