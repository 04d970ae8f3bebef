//! Signed requests that are sent again: a signature has no time of its own.

use sandbox::STUDIO_TOKEN;
use serde_json::{Value, json};

use crate::scene::{Answer, FORM, JSON, NUMBER, Override, Scene, form, says};

const BY_SIGNATURE: [Override<'static>; 1] = [("STUDIO_SECRET", None)];
const OBJECT: &str = r#"{"account_number":"4815162342"}"#;
/// Computed with sha256sum.
const SHA256: &str = "9534fb051fb31794ac82ccd88a727d55dc993d64ccd71967b6d2cd140fadcdd1";

type Pairs = Vec<(String, String)>;

fn pairs(pairs: &[(&str, &str)]) -> Pairs {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// A form as Twilio signs it.
async fn signed(scene: &Scene, params: &Pairs) -> Answer {
    with(
        scene,
        params,
        &scene.sandbox.twilio.sign(scene.lambda.url(), params),
    )
    .await
}

async fn with(scene: &Scene, params: &Pairs, signature: &str) -> Answer {
    scene
        .send(
            scene
                .request(FORM, form(params))
                .header("x-twilio-signature", signature),
        )
        .await
}

/// Signatures that the table remembers.
async fn remembered(scene: &Scene) -> Vec<Value> {
    let items = scene.sandbox.aws.items().await;
    items
        .into_iter()
        .filter(|item| {
            item["pk"]["S"]
                .as_str()
                .unwrap()
                .starts_with("seen#studio#")
        })
        .collect()
}

/// All of them were used first so many seconds ago.
async fn used_ago(scene: &Scene, seconds: u64) {
    for mut item in remembered(scene).await {
        item["first"] = json!({ "N": (sandbox::now().as_secs() - seconds).to_string() });
        scene.sandbox.aws.put(item).await;
    }
}

#[tokio::test]
async fn a_signed_request_is_answered_once() {
    for overrides in [&BY_SIGNATURE[..], &[]] {
        let scene = Scene::with(overrides).await;
        let good = pairs(&[("account_number", NUMBER), ("execution", "FN1")]);
        for ago in [0, 10, 290] {
            used_ago(&scene, ago).await;
            assert_eq!(
                signed(&scene, &good).await,
                Answer::account(),
                "Studio's own attempts: {ago}"
            );
        }
        let items = remembered(&scene).await;
        let end: u64 = items[0]["expires_at"]["N"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!(
            items.len() == 1 && end > sandbox::now().as_secs() + 90 * 86_400,
            "{items:?}"
        );
        assert!(!format!("{items:?}").contains(NUMBER));
        let calls = scene.api.calls();
        for ago in [301, 86_400, 89 * 86_400] {
            used_ago(&scene, ago).await;
            assert_eq!(signed(&scene, &good).await, Answer::empty(403), "{ago}");
        }
        assert_eq!(scene.api.calls(), calls, "the API is not asked");
        let logged = scene.logged("replayed").await;
        assert_eq!(
            (&logged["level"], &logged["Refused"]),
            (&json!("INFO"), &json!(1))
        );
        assert_eq!(
            signed(
                &scene,
                &pairs(&[("account_number", NUMBER), ("execution", "FN2")])
            )
            .await,
            Answer::account()
        );
    }
}

#[tokio::test]
async fn so_is_one_whose_json_is_signed_by_its_hash() {
    let scene = Scene::with(&BY_SIGNATURE).await;
    let url = format!("{}?bodySHA256={SHA256}", scene.lambda.url());
    let signature = scene.sandbox.twilio.sign(&url, &[]);
    let post = async || {
        let request = sandbox::wire::client()
            .post(&url)
            .header("content-type", JSON)
            .body(OBJECT);
        scene
            .send(request.header("x-twilio-signature", &signature))
            .await
    };
    assert_eq!(
        (post().await, post().await),
        (Answer::account(), Answer::account())
    );
    used_ago(&scene, 301).await;
    assert_eq!(post().await, Answer::empty(403));
}

/// The same one, on several processes.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_copies_at_once_are_one_use() {
    let scene = Scene::on(sandbox::Sandbox::start().await, 3, &BY_SIGNATURE).await;
    scene.lambda.wait_ready().await.unwrap();
    let good = pairs(&[("account_number", NUMBER)]);
    let signature = scene.sandbox.twilio.sign(scene.lambda.url(), &good);
    let mut answers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let request = scene
            .request(FORM, form(&good))
            .header("x-twilio-signature", &signature);
        answers.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }
    assert_eq!(
        (answers.join_all().await, remembered(&scene).await.len()),
        (vec![200; 50], 1)
    );
    used_ago(&scene, 301).await;
    assert_eq!(with(&scene, &good, &signature).await, Answer::empty(403));
}

#[tokio::test]
async fn a_request_that_tells_the_time_must_come_in_time() {
    let scene = Scene::with(&BY_SIGNATURE).await;
    let now = sandbox::now().as_secs();
    for time in [now, now - 290, now + 290] {
        let params = pairs(&[("account_number", NUMBER), ("time", &time.to_string())]);
        for _ in 0..2 {
            assert_eq!(signed(&scene, &params).await, Answer::account(), "{time}");
        }
    }
    let calls = scene.api.calls();
    let times = [now - 301, now + 310, 0, now * 1_000, u64::MAX].map(|time| time.to_string());
    let odd = ["", "now", "%s", "-1", "1e9", "2026-11-20T12:00:00Z"].map(str::to_owned);
    let padded = [
        format!(" {now}"),
        format!("+{now}"),
        format!("{now}.0"),
        format!("{now}{}", "0".repeat(30)),
    ];
    for time in times.iter().chain(&odd).chain(&padded) {
        let params = pairs(&[("account_number", NUMBER), ("time", time)]);
        assert_eq!(signed(&scene, &params).await, Answer::empty(403), "{time}");
    }
    assert_eq!(
        (scene.api.calls(), remembered(&scene).await),
        (calls, vec![])
    );
    let logged = scene.logged("stale").await;
    assert_eq!(
        (&logged["level"], &logged["Refused"]),
        (&json!("INFO"), &json!(1))
    );
}

#[tokio::test]
async fn the_time_may_stand_in_json() {
    let scene = Scene::with(&BY_SIGNATURE).await;
    let now = sandbox::now().as_secs();
    for (time, good) in [
        (json!(now), true),
        (json!(now.to_string()), true),
        (json!(now - 301), false),
        (json!("x"), false),
        (json!(-1), false),
    ] {
        let body = json!({ "account_number": NUMBER, "time": time }).to_string();
        let hash = sha256(&body);
        let url = format!("{}?bodySHA256={hash}", scene.lambda.url());
        let request = sandbox::wire::client()
            .post(&url)
            .header("content-type", JSON)
            .body(body);
        let answer = scene
            .send(request.header("x-twilio-signature", scene.sandbox.twilio.sign(&url, &[])))
            .await;
        assert_eq!(
            answer,
            if good {
                Answer::account()
            } else {
                Answer::empty(403)
            },
            "{time}"
        );
    }
    assert_eq!(remembered(&scene).await, [json!(null); 0]);
}

fn sha256(text: &str) -> String {
    hex::encode(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()))
}

/// What is signed has nothing between names and values: a captured request can be cut into others, which say nothing of the time.
#[tokio::test]
async fn a_captured_time_cannot_be_hidden() {
    let scene = Scene::with(&BY_SIGNATURE).await;
    let then = (sandbox::now().as_secs() - 3_600).to_string();
    let captured = pairs(&[("account_number", NUMBER), ("flow", "FW1"), ("time", &then)]);
    let signature = scene.sandbox.twilio.sign(scene.lambda.url(), &captured);
    assert_eq!(
        with(&scene, &captured, &signature).await,
        Answer::empty(403)
    );
    for cut in [
        pairs(&[
            ("account_number", NUMBER),
            ("flow", &format!("FW1time{then}")),
        ]),
        pairs(&[
            ("account_number", NUMBER),
            ("flowFW1", &format!("time{then}")),
        ]),
        pairs(&[("account_number", NUMBER), ("flowFW1time", &then)]),
        pairs(&[
            ("account_number", NUMBER),
            (&format!("flowFW1time{then}"), ""),
        ]),
        pairs(&[
            ("account_number", NUMBER),
            ("flow", "FW1"),
            (&format!("time{}", &then[..5]), &then[5..]),
        ]),
        pairs(&[("account_number", NUMBER), ("flow", "FW1ti"), ("me", &then)]),
    ] {
        assert_eq!(
            with(&scene, &cut, &signature).await,
            Answer::empty(403),
            "{cut:?}"
        );
    }
    assert_eq!((scene.api.calls(), remembered(&scene).await.len()), (0, 0));
}

#[tokio::test]
async fn a_flow_with_the_token_is_not_asked_for_the_time() {
    let scene = Scene::start().await;
    scene.sandbox.aws.dynamodb().clear_exchanges();
    for params in [
        vec![("account_number", NUMBER)],
        vec![("account_number", NUMBER), ("time", "7")],
    ] {
        let request = || {
            scene
                .request(FORM, form(&params))
                .header("x-twilio-signature", "x")
        };
        for request in [
            request().bearer_auth(STUDIO_TOKEN),
            request().basic_auth("studio", Some(STUDIO_TOKEN)),
        ] {
            assert_eq!(scene.send(request).await, Answer::account());
        }
    }
    assert!(scene.sandbox.aws.dynamodb().exchanges().is_empty());
}

/// Whether a request was used before cannot be known: it is not answered.
#[tokio::test]
async fn without_the_table_a_signature_alone_is_not_enough() {
    let scene = Scene::with(&BY_SIGNATURE).await;
    let good = pairs(&[("account_number", NUMBER)]);
    let now = sandbox::now().as_secs().to_string();
    for fault in [
        says(500, ""),
        says(400, r#"{"__type":"x#AccessDeniedException"}"#),
        sandbox::wire::Fault::ResetBefore,
    ] {
        scene.dynamodb().always(Some(fault));
        assert_eq!(signed(&scene, &good).await, Answer::unavailable());
        let timed = pairs(&[("account_number", NUMBER), ("time", &now)]);
        assert_eq!(signed(&scene, &timed).await, Answer::account());
        scene.dynamodb().clear();
    }
    assert_eq!(scene.logged("table_unavailable").await["level"], "ERROR");
    assert_eq!(signed(&scene, &good).await, Answer::account());
}
