//! A code that did not arrive goes to the next provider, and something overtakes it. The models of
//! `shared/models` found these orders.

use std::time::{Duration, UNIX_EPOCH};

use sandbox::receipts::Fate;
use sandbox::scene::number;
use sandbox::wire::Fault;
use serde_json::{Value, json};
use shared::platform::config::{self, Source};
use shared::platform::{Platform, random};
use shared::rules::delivery::Reference;
use shared::rules::journal::Entry;
use shared::rules::kept::{Text, Vault};

use crate::scene::{PHONE, REFERENCE, Scene};

const KEEPS: [(&str, Option<&str>); 2] = [
    ("KEEP_FOR_FAILOVER", Some("true")),
    ("SMS_ROUTES", Some("*=plivo,clickatell")),
];
/// A code is silent for longer than a receipt may take.
const SILENT: u64 = 30;

/// What the gateway reads of the platform.
fn of_gateway<T>(scene: &Scene, read: impl FnOnce(&Platform, &mut Source<'_>) -> T) -> T {
    let mut settings = scene.sandbox.env_for("sms-gateway");
    settings.insert("KEEP_FOR_FAILOVER".to_owned(), "true".to_owned());
    let set = |name: &str| settings.get(name).cloned();
    let read = config::read(&set, |source| {
        let platform = Platform::read(source);
        read(&platform, source)
    });
    read.unwrap()
}

async fn item(scene: &Scene, beginning: &str) -> Value {
    scene.items(beginning).await.remove(0)
}

/// A code that Plivo accepted under `id-1`, as the gateway leaves it.
async fn kept() -> Scene {
    let scene = Scene::with(&KEEPS).await;
    let clickatell = &scene.sandbox.clickatell;
    clickatell.receipts().usually(Fate::never());
    scene.sent("plivo", "id-1").await;
    let at = UNIX_EPOCH + sandbox::now() - Duration::from_secs(SILENT);
    let second = sandbox::now().as_secs() - SILENT;
    let reference = Reference::parse(REFERENCE).unwrap();
    let text = Text {
        to: PHONE.to_owned(),
        body: "Your code is 271828".to_owned(),
        speech: None,
        from: None,
        receipts: scene.url("/"),
        ends_at: second + 180,
    };
    let vault = of_gateway(&scene, Vault::read).unwrap();
    let sealed = vault.seal(&reference, &text, at).await.unwrap();
    vault.keep(&sealed).await.unwrap();
    let mut entry = item(&scene, "sent#").await;
    entry["sent_at"] = json!({ "N": second.to_string() });
    entry["kept"] = json!({ "S": sealed.name() });
    entry["kept_until"] = json!({ "N": sealed.ends_at().to_string() });
    entry["tried"] = json!({ "SS": ["plivo"] });
    scene.sandbox.aws.put(entry).await;
    scene
}

async fn run(scene: &Scene) {
    let event = json!({ "source": "aws.scheduler" });
    scene.lambda.invoke(event).await.unwrap();
}

async fn failed(scene: &Scene) {
    let path = format!("/plivo/{REFERENCE}");
    let code = [("ErrorCode", "80")];
    let status = scene.plivo(&path, "id-1", "undelivered", &code).await;
    assert_eq!(status, 204);
}

/// The texts that Clickatell has.
fn again(scene: &Scene) -> usize {
    scene.sandbox.clickatell.messages().len()
}

/// A run sends a silent code on. After it has read the table, and before it claims the attempt,
/// `change` changes the item whose key begins so. Returns the number of texts.
async fn overtaken(beginning: &str, change: impl Fn(&mut Value)) -> usize {
    let scene = kept().await;
    let kms = scene.sandbox.aws.kms();
    let before = kms.exchanges().len();
    kms.faults().next(Fault::Delay(Duration::from_secs(2)));
    let changing = async {
        kms.wait(|all| all.len() > before).await;
        let mut changed = item(&scene, beginning).await;
        change(&mut changed);
        scene.sandbox.aws.put(changed).await;
    };
    tokio::join!(run(&scene), changing);
    let texts = again(&scene);
    run(&scene).await;
    let left = scene.items("kept#").await.len();
    assert_eq!((again(&scene), left), (texts, 0));
    texts
}

#[tokio::test]
async fn a_silent_code_goes_on_if_nothing_overtakes_it() {
    assert_eq!(overtaken("sent#", |_| ()).await, 1);
}

#[tokio::test]
async fn no_text_goes_out_after_an_opt_out_that_overtakes_it() {
    for state in ["opted_out", "landline", "delivered"] {
        let reported = |entry: &mut Value| {
            entry["receipts"]["M"]["plivo"] = json!({ "S": state });
        };
        assert_eq!(overtaken("sent#", reported).await, 0, "{state}");
    }
}

#[tokio::test]
async fn a_code_whose_use_overtakes_it_does_not_go_out_again() {
    let used = |entry: &mut Value| entry["used_at"] = json!({ "N": "1" });
    assert_eq!(overtaken("sent#", used).await, 0);
}

#[tokio::test]
async fn a_code_does_not_go_out_after_a_newer_one_that_overtakes_it() {
    let newer = |road: &mut Value| {
        road["newest"] = json!({ "S": "code-BBBBBBBBBBBBBBBBBBBBBB" });
    };
    assert_eq!(overtaken("road#", newer).await, 0);
}

#[tokio::test]
async fn a_used_code_is_deleted_and_does_not_go_out_again() {
    let scene = kept().await;
    let body = json!({ "recipient": PHONE });
    assert_eq!(scene.used(Some(Scene::bearer()), &body).await, 204);
    assert_eq!(scene.items("kept#").await.len(), 0);
    failed(&scene).await;
    run(&scene).await;
    assert_eq!(again(&scene), 0);
}

/// The gateway keeps the text and stores the send at the same time. A run may look in between.
#[tokio::test]
async fn a_run_leaves_a_text_whose_send_is_not_stored_yet() {
    let scene = kept().await;
    let stored = item(&scene, "sent#").await;
    let mut claimed = stored.clone();
    claimed["stage"] = json!({ "S": "sending" });
    for name in ["kept", "kept_until", "tried", "sid", "provider"] {
        claimed.as_object_mut().unwrap().remove(name);
    }
    scene.sandbox.aws.put(claimed).await;
    run(&scene).await;
    scene.sandbox.aws.put(stored).await;
    failed(&scene).await;
    assert_eq!(again(&scene), 1);
}

/// The code went on from Plivo to Clickatell. Later the gateway claims the same text anew.
#[tokio::test]
async fn a_late_receipt_of_a_replaced_message_says_nothing_about_a_later_send() {
    let scene = kept().await;
    failed(&scene).await;
    assert_eq!(again(&scene), 1);
    let entry = item(&scene, "sent#").await;
    assert_eq!(entry["provider"]["S"], "clickatell");
    assert_eq!(
        scene.reported("plivo").await.as_deref(),
        Some("unreachable")
    );
    let mut forgotten = entry.clone();
    let at = number(&entry["sent_at"]);
    forgotten["forgotten_at"] = json!({ "N": at.to_string() });
    scene.sandbox.aws.put(forgotten).await;
    let second = sandbox::now().as_secs();
    let now = UNIX_EPOCH + Duration::from_secs(second);
    let id = REFERENCE.replacen('-', "#", 1);
    let claim = Entry::new(&id, random::owner_id(), second + 30, second + 60);
    let claim = claim
        .awaiting_receipts(&PHONE.parse().unwrap(), now)
        .claim(now);
    let table = of_gateway(&scene, |platform, _| platform.table.clone());
    table.update(claim).await.unwrap();
    assert_eq!(item(&scene, "sent#").await["stage"]["S"], "sending");
    failed(&scene).await;
    let path = format!("/plivo/{REFERENCE}");
    assert_eq!(scene.plivo(&path, "id-1", "delivered", &[]).await, 204);
    assert_eq!(scene.reported("plivo").await, None);
    let outcomes = scene.outcomes();
    assert_eq!(outcomes, ["recorded", "unknown_text", "unknown_text"]);
}

/// The first write took effect, and its answer was lost. The repeated one meets the state that is stored.
#[tokio::test]
async fn a_code_goes_on_at_once_if_the_answer_to_the_receipt_s_write_was_lost() {
    let scene = kept().await;
    let lost = Fault::ResetAfter;
    scene.dynamodb().next_with("reported_at", lost);
    failed(&scene).await;
    assert_eq!(again(&scene), 1);
    assert_eq!(scene.dynamodb().pending(), 0);
    failed(&scene).await;
    assert_eq!(again(&scene), 1, "a copy sends nothing");
    let outcomes = scene.outcomes();
    assert_eq!(outcomes, ["known", "known"]);
}

/// The claim of the attempt is stored, and none of its answers comes: so the attempt is not made.
#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_given_back_and_the_code_goes_on_later() {
    let scene = kept().await;
    let claims = "tried_at";
    scene.dynamodb().always_with(claims, Fault::ResetAfter);
    failed(&scene).await;
    assert_eq!(again(&scene), 0);
    scene.dynamodb().always(None);
    run(&scene).await;
    assert_eq!(again(&scene), 1);
}
