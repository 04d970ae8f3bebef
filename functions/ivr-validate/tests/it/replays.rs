//! Signed requests to `/validate` that are sent again: a signature has no time of its own.

use sandbox::Sandbox;
use serde_json::{Value, json};

use crate::scene::{
    ACCOUNT, Answer, CALLER, NAME, OTHER_CALLER, PIN, Params, Scene, WRONG_PIN, at_once, lock,
    post_signed, status,
};

/// What Twilio signs and posts for an IVR of its customer's.
fn form(scene: &Scene, from: &str, pin: &str) -> Params {
    let mut params = scene.inbound(from);
    params.extend(
        [("account_number", ACCOUNT), ("pin", pin)]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    params
}

fn post(scene: &Scene, params: &Params) -> impl Future<Output = Answer> + Send + use<> {
    let url = format!("{}validate", scene.lambda.url());
    let (signature, params) = (scene.sandbox.twilio.sign(&url, params), params.clone());
    async move { post_signed(&url, &signature, &params).await }
}

/// Signatures that the table remembers.
async fn remembered(scene: &Scene) -> Vec<Value> {
    let items = scene.sandbox.aws.items().await.into_iter();
    items
        .filter(|item| item["pk"]["S"].as_str().unwrap().starts_with("seen#ivr#"))
        .collect()
}

/// All of them were used first so many seconds ago.
async fn used_ago(scene: &Scene, seconds: u64) {
    for mut item in remembered(scene).await {
        item["first"] = json!({ "N": (sandbox::now().as_secs() - seconds).to_string() });
        scene.sandbox.aws.put(item).await;
    }
}

#[track_caller]
fn said(answer: &Answer, status: u16, body: &str) {
    assert_eq!((answer.status, answer.body.as_str()), (status, body));
}

#[track_caller]
fn all_said(answers: &[Answer], body: &str) {
    for answer in answers {
        said(answer, 200, body);
    }
}

#[tokio::test]
async fn a_signed_pair_is_tried_once() {
    let scene = Scene::start().await;
    let good = form(&scene, CALLER, PIN);
    for ago in [0, 10, 290] {
        used_ago(&scene, ago).await;
        said(&post(&scene, &good).await, 200, NAME);
    }
    assert_eq!(scene.logins(), 1, "Twilio's own attempts try no PIN again");
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
    assert!(!format!("{items:?}").contains(ACCOUNT) && !format!("{items:?}").contains(NAME));
    for ago in [301, 86_400, 89 * 86_400] {
        used_ago(&scene, ago).await;
        said(&post(&scene, &good).await, 200, "error");
        scene.restart().await;
    }
    assert_eq!(scene.logins(), 1);
    let logged = scene.logged("replayed").await;
    assert_eq!(
        (&logged["level"], &logged["Refused"]),
        (&json!("INFO"), &json!(1))
    );
    // Another call is another request.
    said(&post(&scene, &form(&scene, CALLER, PIN)).await, 200, NAME);
}

/// Whoever has seen a mistyped PIN could otherwise use up all attempts of the caller who mistyped it.
#[tokio::test]
async fn a_wrong_pin_that_comes_again_counts_once() {
    let scene = Scene::with(3, &[]).await;
    let wrong = form(&scene, CALLER, WRONG_PIN);
    said(&post(&scene, &wrong).await, 200, "error");
    let answers = at_once((0..10).map(|_| post(&scene, &wrong))).await;
    all_said(&answers, "error");
    assert_eq!((scene.logins(), scene.wrong().await), (1, 1));
    let repeated = scene.logged("repeated").await;
    assert_eq!(repeated.get("LoginFailed"), None, "it is counted once");
    used_ago(&scene, 301).await;
    said(&post(&scene, &wrong).await, 200, "error");
    said(&post(&scene, &form(&scene, CALLER, PIN)).await, 200, NAME);
}

/// Two calls of an IVR that sends no call's id have the same signature: each tries the PIN.
#[tokio::test]
async fn without_a_call_s_id_each_request_counts() {
    let scene = Scene::start().await;
    let pair = |pin: &str| -> Params {
        let pairs = [
            ("AccountSid", sandbox::twilio::ACCOUNT_SID),
            ("account_number", ACCOUNT),
            ("pin", pin),
        ];
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    };
    for _ in 0..2 {
        said(&post(&scene, &pair(PIN)).await, 200, NAME);
        used_ago(&scene, 400).await;
    }
    said(&post(&scene, &pair(WRONG_PIN)).await, 200, "error");
    said(&post(&scene, &pair(WRONG_PIN)).await, 200, "error");
    assert_eq!((scene.logins(), scene.wrong().await), (4, 2));
    assert!(remembered(&scene).await.is_empty());
}

/// A request that was noted, cut so that its call's id is gone, is the same request.
#[tokio::test]
async fn a_request_that_is_cut_so_that_its_call_s_id_is_gone_tries_nothing() {
    let scene = Scene::start().await;
    let good = form(&scene, CALLER, PIN);
    said(&post(&scene, &good).await, 200, NAME);
    let url = format!("{}validate", scene.lambda.url());
    let signature = scene.sandbox.twilio.sign(&url, &good);
    let cut: Params = good
        .iter()
        .map(|(name, value)| match name.strip_prefix("CallSi") {
            Some("d") => ("CallSi".to_owned(), format!("d{value}")),
            _ => (name.clone(), value.clone()),
        })
        .collect();
    said(&post_signed(&url, &signature, &cut).await, 200, "error");
    assert_eq!(scene.logins(), 1);
    scene.logged("replayed").await;
}

/// One of them tries the PIN; the others wait for what comes of it.
#[tokio::test]
async fn copies_at_once_are_one_attempt() {
    let scene = Scene::on(Sandbox::start().await, 4, &[]).await;
    scene.hire(ACCOUNT, PIN, NAME);
    let wrong = form(&scene, CALLER, WRONG_PIN);
    let answers = at_once((0..12).map(|_| post(&scene, &wrong))).await;
    all_said(&answers, "error");
    assert_eq!((scene.logins(), scene.wrong().await), (1, 1));
    let good = form(&scene, OTHER_CALLER, PIN);
    let answers = at_once((0..12).map(|_| post(&scene, &good))).await;
    all_said(&answers, NAME);
    assert_eq!((scene.logins(), scene.wrong().await), (2, 0));
}

/// The right PIN, refused because of a lock: nobody who has seen that request gets in with it once the lock is over.
#[tokio::test]
async fn a_request_that_nobody_heard_opens_nothing_later() {
    let scene = Scene::start().await;
    let later = sandbox::now().as_secs() + 600;
    scene.sandbox.aws.put(lock(ACCOUNT, "all", 8, later)).await;
    let good = form(&scene, CALLER, PIN);
    said(&post(&scene, &good).await, 200, "error");
    scene.logged("locked").await;
    scene.sandbox.aws.put(lock(ACCOUNT, "all", 0, later)).await;
    said(&post(&scene, &good).await, 200, "error");
    used_ago(&scene, 301).await;
    said(&post(&scene, &good).await, 200, "error");
    assert_eq!(scene.logins(), 0);
    said(&post(&scene, &form(&scene, CALLER, PIN)).await, 200, NAME);
}

/// What is signed has nothing between names and values: a request that was accepted can be cut into one for another account.
#[tokio::test]
async fn a_request_that_is_cut_differently_opens_no_other_account() {
    let scene = Scene::start().await;
    scene.hire("2000000001", "1234", "Bertrand");
    let mut captured = form(&scene, CALLER, PIN);
    captured.push(("account".to_owned(), "_number2000000001".to_owned()));
    let url = format!("{}validate", scene.lambda.url());
    let signature = scene.sandbox.twilio.sign(&url, &captured);
    said(&post_signed(&url, &signature, &captured).await, 200, NAME);
    let without = |name: &&(String, String)| !["account", "account_number"].contains(&&*name.0);
    let mut cut: Params = captured.iter().filter(without).cloned().collect();
    cut.extend(
        [
            ("account_number", "2000000001"),
            ("account_number1", &ACCOUNT[1..]),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    assert_eq!(scene.sandbox.twilio.sign(&url, &cut), signature);
    said(&post_signed(&url, &signature, &cut).await, 200, "error");
}

/// Whether a request was used before cannot be known: no PIN is tried.
#[tokio::test]
async fn without_the_table_a_signature_opens_nothing() {
    let scene = Scene::start().await;
    let good = form(&scene, CALLER, PIN);
    scene.dynamodb().always(Some(status(500)));
    said(&post(&scene, &good).await, 200, "error");
    assert_eq!(scene.logins(), 0);
    scene.dynamodb().clear();
    said(&post(&scene, &good).await, 200, NAME);
}

/// A token is a secret of its own, which no log of Twilio's shows.
#[tokio::test]
async fn a_request_with_our_token_may_come_again() {
    let scene = Scene::start().await;
    for _ in 0..2 {
        said(&scene.validate_for(CALLER, ACCOUNT, PIN).await, 200, NAME);
    }
    assert_eq!((scene.logins(), remembered(&scene).await), (2, vec![]));
}
