//! The same code again, and new ones.

use std::sync::Arc;
use std::time::Duration;

use sandbox::Sandbox;
use sandbox::wire::Fault;
use serde_json::json;

use crate::scene::{BEARER, OTHER_TEXT, PHONE, Scene, TEXT, jwt, number, status, wait_exchanges};

#[tokio::test]
async fn the_same_code_within_the_cooldown_is_answered_with_the_first_receipt() {
    let scene = Scene::through("twilio,vonage").await;
    let first = scene.send(PHONE, TEXT).await;
    // Blanks in the number, another sender, the other shape and credential: it is the same text to the same phone.
    let again = [
        scene.send(PHONE, TEXT).await,
        scene
            .post(&json!({ "recipient": "+45 20 30 40 50", "body": TEXT, "sender": "ACME" }))
            .await,
        scene
            .post_as(
                Some(&format!("Bearer {BEARER}")),
                &json!({ "recipient": PHONE, "text": TEXT }),
            )
            .await,
    ];
    assert_eq!(again, [first.clone(), first.clone(), first.clone()]);
    assert_eq!((first.status, scene.asked()), (200, [1, 0, 0, 0]));
    assert_eq!(scene.logged("duplicate").await["sid"], first.body["id"]);
    assert_eq!(
        scene.counted(&format!("rate#code#{PHONE}")).await,
        [1],
        "duplicates count nothing"
    );
}

#[tokio::test]
async fn a_new_code_within_the_cooldown_is_sent() {
    let scene = Scene::through("twilio").await;
    let answers = [
        scene.send(PHONE, TEXT).await,
        scene.send(PHONE, OTHER_TEXT).await,
        scene.send("+4520304051", TEXT).await,
    ];
    assert!(answers.iter().all(|answer| answer.status == 200) && answers[0] != answers[1]);
    assert_eq!(scene.texts(), [3, 0, 0, 0]);
}

#[tokio::test]
async fn after_the_cooldown_the_same_code_is_sent_again() {
    let scene = Scene::with(&[
        ("SMS_ROUTES", Some("*=twilio")),
        ("RESEND_COOLDOWN_SECONDS", Some("1")),
    ])
    .await;
    let first = scene.send(PHONE, TEXT).await;
    let second = async {
        loop {
            let answer = scene.send(PHONE, TEXT).await;
            assert_eq!(answer.status, 200);
            if answer != first {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let second = tokio::time::timeout(Duration::from_secs(10), second)
        .await
        .expect("the cooldown ends");
    let sids: Vec<_> = scene
        .sandbox
        .twilio
        .messages()
        .into_iter()
        .map(|message| json!(message.sid))
        .collect();
    assert_eq!(sids, [first.body["id"].clone(), second.body["id"].clone()]);
}

/// It begins when the text was taken: a slow provider does not use it up.
#[tokio::test]
async fn the_cooldown_counts_from_the_send() {
    let scene = Scene::with(&[
        ("SMS_ROUTES", Some("*=twilio")),
        ("RESEND_COOLDOWN_SECONDS", Some("600")),
    ])
    .await;
    scene.faults("twilio").next(Fault::Hang);
    let claimed = async {
        scene.wait_asked("twilio", 1).await;
        let expiry = number(&scene.items("sent#").await[0]["expires_at"]);
        scene.faults("twilio").refuse(true);
        scene.faults("twilio").refuse(false);
        expiry
    };
    let (answer, claimed) = tokio::join!(scene.send(PHONE, TEXT), claimed);
    let (settled, now) = (
        number(&scene.items("sent#").await[0]["expires_at"]),
        sandbox::now().as_secs(),
    );
    assert_eq!(answer.status, 504);
    assert!(
        claimed >= settled && (now + 595..=now + 600).contains(&settled),
        "{claimed} {settled} {now}"
    );
}

/// While a slow check of the credential and a silent provider use it up: nobody else may take the text for one whose sender died.
#[tokio::test]
async fn the_lease_lasts_as_long_as_the_invocation_may() {
    for (name, timeout, seconds) in [("body", 30, 25), ("text", 30, 17), ("body", 10, 9)] {
        let mut sandbox = Sandbox::start().await;
        sandbox.set_timeout(Duration::from_secs(timeout));
        let scene = Scene::on(
            sandbox,
            1,
            &[
                ("SMS_ROUTES", Some("*=twilio")),
                ("RESEND_COOLDOWN_SECONDS", Some("1")),
            ],
        )
        .await;
        // A new key is fetched when the first token comes that it made, at the second attempt.
        let key = "the-next-gateway-secret-of-32-bytes";
        scene.mark(key);
        scene
            .sandbox
            .aws
            .set_secret("switchboard/gateway", &json!({ "jwt_secret": key }));
        let fetches = scene.sandbox.aws.secrets().exchanges().len();
        scene.secrets().next(Fault::Delay(Duration::from_secs(3)));
        scene
            .secrets()
            .next(Fault::Delay(Duration::from_millis(1_500)));
        scene.faults("twilio").next(Fault::Hang);
        let token = jwt(&json!({ "alg": "HS256" }), &json!({}), key.as_bytes());
        let authorization = format!("Bearer {token}");
        let request = json!({ "recipient": PHONE, name: TEXT });
        let sent = sandbox::now().as_secs();
        let looking = async {
            wait_exchanges(scene.sandbox.aws.secrets(), fetches + 1).await;
            let arrived = sandbox::now().as_secs();
            scene.wait_asked("twilio", 1).await;
            let entry = scene.items("sent#").await.pop().unwrap();
            scene.faults("twilio").refuse(true);
            scene.faults("twilio").refuse(false);
            (
                arrived,
                number(&entry["lease_until"]),
                number(&entry["expires_at"]),
            )
        };
        let (answer, (arrived, lease, expiry)) =
            tokio::join!(scene.post_as(Some(&authorization), &request), looking);
        assert_eq!(
            (answer.status, scene.secrets().pending()),
            (504, 0),
            "{answer:?}"
        );
        assert!(
            (sent + seconds..=arrived + seconds + 3).contains(&lease) && expiry >= lease,
            "{sent} {arrived} {lease} {expiry}"
        );
    }
}

/// What the first one left in the entry is no receipt of the second.
#[tokio::test]
async fn after_the_cooldown_an_unreadable_answer_has_no_id() {
    let scene = Scene::through("twilio").await;
    assert!(scene.send(PHONE, TEXT).await.body["id"].is_string());
    let entry = scene.items("sent#").await.pop().unwrap();
    let (pk, sk) = (
        entry["pk"]["S"].as_str().unwrap(),
        entry["sk"]["S"].as_str().unwrap(),
    );
    scene
        .sandbox
        .aws
        .update_expiry(pk, sk, sandbox::now().as_secs())
        .await;
    scene.faults("twilio").next(Fault::Garbage);
    for _ in 0..2 {
        let answer = scene.send(PHONE, TEXT).await;
        assert_eq!(
            (answer.status, answer.body),
            (200, json!({ "provider": "twilio", "id": null }))
        );
    }
    assert_eq!(scene.texts(), [2, 0, 0, 0]);
}

/// `DynamoDB` deletes late: what has expired does not count although it is there.
#[tokio::test]
async fn an_expired_entry_that_is_still_there_counts_as_gone() {
    let scene = Scene::through("twilio").await;
    let first = scene.send(PHONE, TEXT).await;
    let entry = scene.items("sent#").await.pop().unwrap();
    let (pk, sk) = (
        entry["pk"]["S"].as_str().unwrap(),
        entry["sk"]["S"].as_str().unwrap(),
    );
    scene
        .sandbox
        .aws
        .update_expiry(pk, sk, sandbox::now().as_secs())
        .await;
    let second = scene.send(PHONE, TEXT).await;
    assert!(second.status == 200 && second != first);
    assert_eq!(
        (scene.send(PHONE, TEXT).await, scene.texts()),
        (second, [2, 0, 0, 0])
    );
}

#[tokio::test]
async fn fifty_at_once_over_four_processes_are_one_text_and_one_answer() {
    let scene = Arc::new(
        Scene::on(
            Sandbox::start().await,
            4,
            &[("SMS_ROUTES", Some("*=twilio,plivo,vonage"))],
        )
        .await,
    );
    scene
        .faults("twilio")
        .next(Fault::Delay(Duration::from_millis(300)));
    let answers = scene
        .send_together(vec![(PHONE.to_owned(), TEXT.to_owned()); 50])
        .await;
    let sid = &scene.sandbox.twilio.messages()[0].sid;
    for answer in &answers {
        assert_eq!(
            (answer.status, &answer.body),
            (200, &json!({ "provider": "twilio", "id": sid }))
        );
    }
    assert_eq!(
        (answers.len(), scene.texts(), scene.asked()),
        (50, [1, 0, 0, 0], [1, 0, 0, 0])
    );
    assert_eq!(scene.counted(&format!("rate#code#{PHONE}")).await, [1]);
}

/// It neither sends meanwhile nor gives up: it takes over once the other one has certainly failed.
#[tokio::test]
async fn a_duplicate_during_the_send_waits_for_how_that_ends() {
    for (fault, first_status, second_status, asked) in
        [(status(429), 502, 200, 2), (status(500), 504, 504, 1)]
    {
        let scene = Scene::on(
            Sandbox::start().await,
            2,
            &[("SMS_ROUTES", Some("*=twilio"))],
        )
        .await;
        // The first one's claim passes, its closing write takes a while.
        scene
            .dynamodb()
            .next_with("sent#", Fault::Delay(Duration::ZERO));
        scene.faults("twilio").next(fault);
        scene
            .dynamodb()
            .next_with("sent#", Fault::Delay(Duration::from_millis(500)));
        let second = async {
            scene.wait_written("sent#", 2).await;
            scene.send(PHONE, TEXT).await
        };
        let (first, second) = tokio::join!(scene.send(PHONE, TEXT), second);
        assert_eq!((first.status, second.status), (first_status, second_status));
        assert_eq!(scene.asked()[0], asked);
    }
}

#[tokio::test]
async fn what_all_refused_is_sent_by_a_retry() {
    let scene = Scene::through("twilio,vonage").await;
    for provider in ["twilio", "vonage"] {
        scene.faults(provider).next(status(429));
    }
    let answer = scene.send(PHONE, TEXT).await;
    assert_eq!(
        (answer.status, scene.stage().await.as_str()),
        (502, "failed")
    );
    assert!(answer.body["error"].is_string());
    let line = scene.logged("all_refused").await;
    assert_eq!(
        (&line["SmsFailed"], &line["ProviderFailover"]),
        (&json!(1), &json!(1))
    );
    let answer = scene.send(PHONE, TEXT).await;
    assert_eq!(
        (answer.status, answer.provider(), scene.asked()),
        (200, "twilio", [2, 0, 0, 1])
    );
    assert_eq!(scene.send(PHONE, TEXT).await, answer);
    assert_eq!(
        scene.counted(&format!("rate#code#{PHONE}")).await,
        [1],
        "counted once"
    );
}
