//! Writes of several processes in the orders that the models of `shared/models` found.

use std::sync::Arc;
use std::time::Duration;

use sandbox::Sandbox;
use sandbox::wire::{Fault, Gate};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::scene::{
    Answer, JWT_SECRET, OTHER_PHONE, OTHER_TEXT, PHONE, Scene, TEXT, jwt, number, status,
    wait_exchanges,
};

/// The write that stores that a text was not sent.
const FAILED: &str = r#"{"S":"failed"}"#;
/// What a claim writes.
const CLAIM: &str = r#"{"S":"sending"}"#;
/// The next key of the gateway. A process that does not know it yet fetches it.
const NEXT_KEY: &str = "the-next-gateway-secret-of-32-bytes";

/// What happens inside a process shows in the table only, and a cooldown ends by the clock.
async fn until(is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    assert!(waited.is_ok(), "it did not become so within 30 seconds");
}

/// The counts of the number, of its range and of the total. The total is so large that its budget
/// remembers no names.
async fn counts(scene: &Scene) -> [u64; 3] {
    let mut counts = [0; 3];
    let number = format!("rate#code#{PHONE}");
    let counters = [&number, "rate#code-range#+452030", "rate#code#all"];
    for (count, counter) in counts.iter_mut().zip(counters) {
        *count = scene.counted(counter).await.iter().sum();
    }
    counts
}

fn sending(scene: &Arc<Scene>) -> JoinHandle<Answer> {
    let scene = Arc::clone(scene);
    tokio::spawn(async move { scene.send(PHONE, TEXT).await })
}

/// As if the number's budget had counted more than an hour ago what it counted last.
async fn let_an_hour_pass(scene: &Scene) {
    let counters = scene.items(&format!("rate#code#{PHONE}")).await;
    for mut counter in counters {
        let newest = number(&counter["newest"]);
        let before = newest - 13;
        counter["newest"] = json!({ "N": before.to_string() });
        let counted = counter[format!("i_{newest}")].take();
        assert!(counted.is_object(), "{counter}");
        let item = counter.as_object_mut().unwrap();
        item.insert(format!("i_{before}"), counted);
        item.retain(|_, value| *value != Value::Null);
        scene.sandbox.aws.put(counter).await;
    }
}

/// A copy whose credential takes long begins before the sender, and ends before it. It counts in the
/// moment after the sender gave its counts back and before the sender stored the failure. Each small
/// budget keeps one count until its hour ends. The next try of the same code uses it.
#[tokio::test]
async fn a_copy_that_gives_up_waiting_leaves_one_count() {
    let mut sandbox = Sandbox::start().await;
    sandbox.set_timeout(Duration::from_secs(6));
    // Copies of one code count once within a cooldown, so none may end now.
    let now = sandbox::now().as_secs();
    let cooldown = (1_800..3_600).find(|cooldown| now % cooldown < cooldown - 600);
    let cooldown = cooldown.unwrap().to_string();
    let settings = [
        ("SMS_ROUTES", Some("*=twilio")),
        ("RESEND_COOLDOWN_SECONDS", Some(&*cooldown)),
    ];
    let scene = Arc::new(Scene::on(sandbox, 2, &settings).await);
    let (credential, failure) = (Gate::shut(), Gate::shut());

    scene.mark(NEXT_KEY);
    let aws = &scene.sandbox.aws;
    let keys = json!({ "jwt_secret": NEXT_KEY, "previous_jwt_secret": JWT_SECRET });
    aws.set_secret("switchboard/gateway", &keys);
    let fetches = aws.secrets().exchanges().len();
    let held = Fault::Held(credential.clone());
    scene.secrets().always(Some(held));
    let copy = {
        let scene = Arc::clone(&scene);
        tokio::spawn(async move {
            let key = NEXT_KEY.as_bytes();
            let token = jwt(&json!({ "alg": "HS256" }), &json!({}), key);
            let body = json!({ "recipient": PHONE, "body": TEXT });
            scene.post_as(Some(&format!("Bearer {token}")), &body).await
        })
    };
    wait_exchanges(aws.secrets(), fetches + 1).await;

    scene.faults("twilio").next(status(429));
    let held = Fault::Held(failure.clone());
    scene.dynamodb().always_with(FAILED, held);
    let sender = sending(&scene);
    scene.wait_written(FAILED, 1).await;
    assert_eq!(counts(&scene).await, [0; 3], "given back");

    scene.secrets().clear();
    credential.open();
    assert_eq!(copy.await.unwrap().status, 504, "it gave up");
    scene.dynamodb().clear();
    failure.open();
    assert_eq!(sender.await.unwrap().status, 502);
    until(async || scene.stage().await == "failed").await;
    assert_eq!(scene.texts(), [0; 4]);
    assert_eq!(counts(&scene).await, [1, 1, 0]);

    let_an_hour_pass(&scene).await;
    assert_eq!(scene.send(PHONE, OTHER_TEXT).await.status, 200);
    assert_eq!(counts(&scene).await, [1, 2, 1]);
    assert_eq!(scene.send(PHONE, TEXT).await.status, 200);
    assert_eq!(counts(&scene).await, [2, 2, 2]);
    assert_eq!(scene.texts(), [2, 0, 0, 0]);
}

/// A sender and its copy, which has counted in the same moment and waits. The next cooldown has begun.
struct Waiting {
    scene: Arc<Scene>,
    sender: JoinHandle<Answer>,
    copy: JoinHandle<Answer>,
    /// Holds the write that stores the failure.
    failure: Gate,
}

async fn over_the_end_of_a_cooldown() -> Waiting {
    const COOLDOWN: u64 = 10;
    let settings = [
        ("SMS_ROUTES", Some("*=twilio")),
        ("RESEND_COOLDOWN_SECONDS", Some("10")),
    ];
    let scene = Arc::new(Scene::on(Sandbox::start().await, 2, &settings).await);
    // So late in a cooldown that the failure is still remembered in the next one.
    until(async || sandbox::now().as_secs() % COOLDOWN == 6).await;
    let cooldown = sandbox::now().as_secs() / COOLDOWN;
    let failure = Gate::shut();
    scene.faults("twilio").next(status(429));
    let held = Fault::Held(failure.clone());
    scene.dynamodb().always_with(FAILED, held);
    let sender = sending(&scene);
    scene.wait_written(FAILED, 1).await;
    assert_eq!(counts(&scene).await, [0; 3], "given back");
    let copy = sending(&scene);
    until(async || counts(&scene).await[..2] == [1, 1]).await;
    until(async || sandbox::now().as_secs() / COOLDOWN > cooldown).await;
    Waiting {
        scene,
        sender,
        copy,
        failure,
    }
}

/// It sends the code itself, in the next cooldown.
#[tokio::test]
async fn a_copy_that_waits_over_the_end_of_a_cooldown_counts_once() {
    let Waiting {
        scene,
        sender,
        copy,
        failure,
    } = over_the_end_of_a_cooldown().await;
    scene.dynamodb().clear();
    failure.open();
    let answers = (sender.await.unwrap().status, copy.await.unwrap().status);
    assert_eq!(answers, (502, 200));
    assert_eq!(scene.texts(), [1, 0, 0, 0]);
    assert_eq!(counts(&scene).await, [1, 1, 1]);
}

/// It is killed before it sends the code.
#[tokio::test]
async fn a_copy_that_ends_after_a_wait_over_the_end_of_a_cooldown_leaves_one_count() {
    let Waiting {
        scene,
        sender,
        copy,
        failure,
    } = over_the_end_of_a_cooldown().await;
    let claim = Gate::shut();
    let held = Fault::Held(claim.clone());
    scene.dynamodb().next_with(CLAIM, held);
    failure.open();
    assert_eq!(sender.await.unwrap().status, 502);
    // It counts while it claims. The count of the total has no name, so it stays, too.
    until(async || counts(&scene).await[2] > 0).await;
    copy.abort();
    for pid in scene.lambda.pids() {
        scene.lambda.kill(pid).await;
    }
    assert_eq!(scene.texts(), [0; 4]);
    assert_eq!(counts(&scene).await, [1, 1, 1]);
}

/// Its caller must not take the code for one that was not sent.
#[tokio::test]
async fn a_copy_that_cannot_claim_while_the_code_is_sent_does_not_say_that_it_was_not() {
    let route = [("SMS_ROUTES", Some("*=twilio"))];
    let scene = Arc::new(Scene::on(Sandbox::start().await, 2, &route).await);
    let sent = Gate::shut();
    scene.faults("twilio").next(Fault::Held(sent.clone()));
    let sender = sending(&scene);
    scene.wait_asked("twilio", 1).await;
    scene.dynamodb().always_with(CLAIM, status(500));
    assert_eq!(scene.send(PHONE, TEXT).await.status, 504);
    scene.dynamodb().clear();
    sent.open();
    assert_eq!(sender.await.unwrap().status, 200);
    scene.dynamodb().always_with(CLAIM, status(500));
    let answer = scene.send(PHONE, TEXT).await;
    assert_eq!((answer.status, answer.provider()), (200, "twilio"));
    assert_eq!(scene.texts(), [1, 0, 0, 0]);
}

/// What the table says of Vonage's last attempts, and whether it is broken.
async fn vonage(scene: &Scene) -> (String, bool) {
    let item = scene.items("rate#code-provider#").await.remove(0);
    let state = item["p_vonage"]["S"].as_str().unwrap().to_owned();
    let mut parts = state.split(' ');
    let attempts = parts.next().unwrap_or_default().to_owned();
    (attempts, parts.nth(1) != Some("0"))
}

/// Three of the last five attempts failed, which breaks a provider. One of them is not noted: other
/// processes wrote before each of its tries. So the provider breaks at the next failure.
#[tokio::test]
async fn a_failure_that_three_others_overtake_is_not_noted_and_the_next_one_breaks_the_provider() {
    let route = [("SMS_ROUTES", Some("*=vonage,twilio"))];
    let scene = Arc::new(Scene::on(Sandbox::start().await, 2, &route).await);
    let now = sandbox::now().as_secs();
    let item = json!({
        "pk": { "S": "rate#code-provider#health" }, "sk": { "S": "state" },
        "p_vonage": { "S": format!("fsss {} 0 0", now - 60) }, "expires_at": { "N": (now + 600).to_string() },
    });
    scene.sandbox.aws.put(item).await;
    let send = async |n: usize, fails: bool| {
        if fails {
            scene.faults("vonage").next(status(503));
        }
        let answer = scene.send(&format!("+45{}304050", 20 + n), TEXT).await;
        let expected = if fails { "twilio" } else { "vonage" };
        assert_eq!(answer.provider(), expected, "{n}");
    };
    let hold = || {
        let gate = Gate::shut();
        let held = Fault::Held(gate.clone());
        scene.dynamodb().next_with("p_vonage", held);
        gate
    };

    let mut gate = hold();
    let overtaken = async {
        send(0, true).await;
    };
    let others = async {
        for (n, fails) in [(1, false), (2, true), (3, true)] {
            // The next try of the first process has come, and waits.
            scene.wait_written("p_vonage", 2 * n - 1).await;
            assert_eq!(scene.dynamodb().pending(), 0);
            send(n, fails).await;
            let next = if n < 3 { hold() } else { Gate::shut() };
            std::mem::replace(&mut gate, next).open();
        }
    };
    tokio::join!(overtaken, others);
    assert_eq!(vonage(&scene).await, ("sssff".to_owned(), false));
    send(4, true).await;
    assert_eq!(vonage(&scene).await, ("ssfff".to_owned(), true));
    let asked = scene.asked();
    assert_eq!(asked, [4, 0, 0, 5]);
    let answer = scene.send(OTHER_PHONE, TEXT).await;
    assert_eq!(answer.provider(), "twilio");
    assert_eq!(scene.asked(), [5, 0, 0, 5], "what is broken is left alone");
}
