//! The process dies, or time runs out, in the middle of it.

use std::time::Duration;

use sandbox::wire::Fault;

use crate::scene::{PHONE, Scene, TEXT, number, says};

#[tokio::test]
async fn killed_while_the_provider_thinks_it_is_unknown_and_not_sent_again() {
    let scene = Scene::hurried(Duration::from_secs(3), "twilio,vonage").await;
    scene.faults("twilio").next(Fault::Hang);
    let killing = async {
        scene.wait_asked("twilio", 1).await;
        scene.kill().await;
    };
    let (answer, ()) = tokio::join!(scene.send(PHONE, TEXT), killing);
    assert_eq!(
        (answer.status, scene.stage().await.as_str()),
        (502, "sending")
    );
    for _ in 0..3 {
        assert_eq!(scene.send(PHONE, TEXT).await.status, 504);
    }
    assert_eq!(scene.asked(), [1, 0, 0, 0]);
}

#[tokio::test]
async fn killed_after_the_provider_took_it_nothing_is_sent_again() {
    let scene = Scene::hurried(Duration::from_secs(3), "twilio,vonage").await;
    // The claim passes, the closing write hangs: the text is out and nobody has written so.
    scene
        .dynamodb()
        .next_with("sent#", Fault::Delay(Duration::ZERO));
    scene.dynamodb().next_with("sent#", Fault::Hang);
    let killing = async {
        scene.wait_written("sent#", 2).await;
        scene.kill().await;
    };
    let (answer, ()) = tokio::join!(scene.send(PHONE, TEXT), killing);
    assert_eq!(
        (answer.status, scene.texts(), scene.stage().await.as_str()),
        (502, [1, 0, 0, 0], "sending")
    );
    assert_eq!(
        (scene.send(PHONE, TEXT).await.status, scene.asked()),
        (504, [1, 0, 0, 0])
    );
}

#[tokio::test]
async fn killed_before_the_claim_nothing_is_left_behind() {
    let scene = Scene::through("twilio").await;
    scene.dynamodb().next_with("sent#", Fault::Hang);
    let killing = async {
        scene.wait_written("sent#", 1).await;
        scene.kill().await;
    };
    let (answer, ()) = tokio::join!(scene.send(PHONE, TEXT), killing);
    assert_eq!((answer.status, scene.items("sent#").await.len()), (502, 0));
    assert_eq!(
        (scene.send(PHONE, TEXT).await.status, scene.texts()),
        (200, [1, 0, 0, 0])
    );
}

async fn closing_write_meets(fault: Fault) {
    let scene = Scene::hurried(Duration::from_secs(4), "twilio,vonage").await;
    scene
        .dynamodb()
        .next_with("sent#", Fault::Delay(Duration::ZERO));
    scene.dynamodb().always_with("sent#", fault.clone());
    let answer = scene.send(PHONE, TEXT).await;
    scene.dynamodb().clear();
    assert_eq!(
        (answer.status, answer.provider()),
        (200, "twilio"),
        "{fault:?}"
    );
    scene
        .lambda
        .wait_log(|line| line.contains("a closing write failed"))
        .await;
    assert_eq!(
        (scene.send(PHONE, TEXT).await.status, scene.asked()),
        (504, [1, 0, 0, 0]),
        "{fault:?}"
    );
    assert!(
        scene.lambda.exits().is_empty(),
        "{fault:?}: Lambda did not have to kill it"
    );
}

/// The repetition waits for the end of a lease that nobody ends.
#[tokio::test]
async fn a_failed_closing_write_changes_neither_the_answer_nor_what_was_sent() {
    let denied = says(400, r#"{"__type":"x#AccessDeniedException"}"#);
    let failing = [
        says(500, ""),
        says(200, "<html>"),
        denied,
        Fault::ResetBefore,
        Fault::Hang,
    ]
    .map(closing_write_meets)
    .map(tokio::spawn);
    for scene in failing {
        scene.await.unwrap();
    }
}

#[tokio::test]
async fn silent_until_the_end_of_the_function_s_time_it_is_still_answered() {
    let scene = Scene::hurried(Duration::from_secs(3), "twilio,vonage").await;
    scene.faults("twilio").always(Some(Fault::Hang));
    assert_eq!(
        (
            scene.send(PHONE, TEXT).await.status,
            scene.stage().await.as_str()
        ),
        (504, "unknown")
    );
    assert!(scene.lambda.exits().is_empty());
    assert_eq!(scene.asked(), [1, 0, 0, 0]);
}

#[tokio::test]
async fn the_lease_of_a_claim_covers_the_function_s_time() {
    let scene = Scene::hurried(Duration::from_secs(5), "twilio").await;
    scene.faults("twilio").next(Fault::Hang);
    let look = async {
        scene.wait_asked("twilio", 1).await;
        let entry = scene.items("sent#").await.pop().unwrap();
        scene.faults("twilio").refuse(true);
        (
            number(&entry["lease_until"]),
            number(&entry["expires_at"]),
            sandbox::now().as_secs(),
        )
    };
    let (_, (lease, expiry, now)) = tokio::join!(scene.send(PHONE, TEXT), look);
    assert!(
        lease >= now + 4 && lease <= now + 7 && expiry >= lease,
        "{lease} {expiry} {now}"
    );
}

/// Lambda freezes a process between invocations; meanwhile its connections die.
#[tokio::test]
async fn thawed_with_dead_connections_it_sends_once() {
    let scene = Scene::through("twilio,vonage").await;
    assert_eq!(scene.send("+4531415161", TEXT).await.status, 200);
    let pid = scene.lambda.pids()[0];
    scene.lambda.pause(pid).await;
    for faults in [scene.faults("twilio"), scene.dynamodb(), scene.secrets()] {
        faults.refuse(true);
        faults.refuse(false);
    }
    let (answer, ()) = tokio::join!(scene.send(PHONE, TEXT), scene.lambda.resume(pid));
    assert_eq!((answer.status, scene.texts()), (200, [2, 0, 0, 0]));
}
