//! Delivery receipts: what a text asks for, and the road that the next code for a number takes.

use std::time::Duration;

use sandbox::wire::Fault;
use serde_json::{Value, json};

use crate::scene::{OTHER_PHONE, OTHER_TEXT, Override, PHONE, Scene, TEXT, number, status};

/// Nobody listens there.
const RECEIPTS: Override<'_> = ("DELIVERY_URL", Some("http://127.0.0.1:9/receipts"));
/// The item of [`PHONE`] under the hash of its number.
const ROAD: &str = "road#GjxR6o_lu6CEnFFAdbnRKA";

async fn through(route: &str) -> Scene {
    Scene::with(&[RECEIPTS, ("SMS_ROUTES", Some(&format!("*={route}")))]).await
}

/// What `delivery-status` stores after these providers failed a code for [`PHONE`], until these
/// seconds from now.
async fn have_failed(scene: &Scene, providers: &[(&str, u64)]) {
    let now = sandbox::now().as_secs();
    let mut item = json!({
        "pk": { "S": ROAD }, "sk": { "S": "road" }, "expires_at": { "N": (now + 86_400).to_string() },
    });
    for (provider, seconds) in providers {
        item[format!("failed_{provider}")] = json!({ "N": (now + seconds).to_string() });
    }
    scene.sandbox.aws.put(item).await;
}

fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name]["S"].as_str().unwrap_or_default()
}

/// Expires the cooldown of the only text, which stays for its receipts.
async fn end_cooldown(scene: &Scene) {
    let entry = scene.items("sent#").await.remove(0);
    let (pk, sk, now) = (text(&entry, "pk"), text(&entry, "sk"), sandbox::now());
    scene
        .sandbox
        .aws
        .set_number(pk, sk, "forgotten_at", now.as_secs())
        .await;
}

#[tokio::test]
async fn a_text_asks_for_a_receipt_under_its_journal_s_name() {
    for provider in ["twilio", "clickatell", "plivo", "vonage"] {
        let scene = through(provider).await;
        assert_eq!(scene.send(PHONE, TEXT).await.status, 200);
        let entry = scene.items("sent#").await.remove(0);
        let reference = text(&entry, "pk")
            .replace("sent#", "")
            .replacen('#', "-", 1);
        let at = |path: &str| Some(format!("http://127.0.0.1:9/receipts/{path}"));
        let of_text = at(&format!("{provider}/{reference}"));
        let sandbox = &scene.sandbox;
        let asked = match provider {
            "twilio" => (sandbox.twilio.messages().remove(0).receipt_url, None),
            "clickatell" => (None, sandbox.clickatell.messages().remove(0).reference),
            "plivo" => (sandbox.plivo.messages().remove(0).receipt_url, None),
            _ => {
                let sent = sandbox.vonage.messages().remove(0);
                (sent.receipt_url, sent.reference)
            }
        };
        let of_text = match provider {
            // Twilio's own overrides.
            "twilio" => of_text.map(|url| url + "#rc=3&rp=5xx,ct,rt"),
            _ => of_text,
        };
        let expected = match provider {
            "clickatell" => (None, Some(reference)),
            "vonage" => (at("vonage"), Some(reference)),
            _ => (of_text, None),
        };
        assert_eq!(asked, expected, "{provider}");
        assert_eq!(scene.server(provider).complaints(), [""; 0]);
    }
}

#[tokio::test]
async fn the_entry_waits_two_days_and_the_text_is_counted_as_sent() {
    for (from, sender) in [(None, "+15005550006"), (Some("vonage:ACME"), "ACME")] {
        let scene = Scene::with(&[
            RECEIPTS,
            ("SMS_ROUTES", Some("*=vonage")),
            ("SMS_FROM", from),
        ])
        .await;
        assert_eq!(scene.send(PHONE, TEXT).await.status, 200);
        let (entry, now) = (
            scene.items("sent#").await.remove(0),
            sandbox::now().as_secs(),
        );
        assert_eq!(
            (
                text(&entry, "region"),
                text(&entry, "sender"),
                text(&entry, "stage")
            ),
            ("DK", sender, "sent")
        );
        assert!((now + 172_780..=now + 172_800).contains(&number(&entry["expires_at"])));
        assert!(number(&entry["forgotten_at"]) <= now + 300);
        assert_eq!(
            text(&scene.items(ROAD).await[0], "newest"),
            text(&entry, "pk").replace("sent#code#", "code-")
        );
        let score = scene.items("score#").await;
        assert_eq!(
            (
                score.len(),
                text(&score[0], "sk"),
                number(&score[0]["sent"])
            ),
            (1, format!("vonage#DK#{sender}").as_str(), 1)
        );
        // A copy is not sent and not counted.
        assert_eq!(scene.send(PHONE, TEXT).await.status, 200);
        assert_eq!(number(&scene.items("score#").await[0]["sent"]), 1);
    }
}

#[tokio::test]
async fn without_an_address_no_receipt_is_asked_for_and_nothing_more_is_stored() {
    let scene = Scene::through("twilio,vonage").await;
    have_failed(&scene, &[("twilio", 600)]).await;
    assert_eq!(scene.send(PHONE, TEXT).await.provider(), "twilio");
    assert_eq!(scene.sandbox.twilio.messages()[0].receipt_url, None);
    let entry = scene.items("sent#").await.remove(0);
    for name in ["number", "region", "sender", "receipts", "forgotten_at"] {
        assert_eq!(entry[name], Value::Null, "{name}");
    }
    assert_eq!(scene.items("score#").await.len(), 0);
    assert_eq!(scene.items("road#").await[0]["newest"], Value::Null);
}

#[tokio::test]
async fn a_resend_takes_another_road() {
    let scene = through("twilio,vonage").await;
    assert_eq!(scene.send(PHONE, TEXT).await.provider(), "twilio");
    have_failed(&scene, &[("twilio", 600)]).await;
    assert_eq!(scene.send(PHONE, OTHER_TEXT).await.provider(), "vonage");
    let line = scene.last_logged("sent").await;
    assert_eq!(
        (&line["avoided"], &line["ProviderAvoided"]),
        (&json!("twilio"), &json!(1))
    );
    assert_eq!(
        scene.send(OTHER_PHONE, TEXT).await.provider(),
        "twilio",
        "another number's codes do arrive"
    );
    assert_eq!(scene.last_logged("sent").await["avoided"], Value::Null);
}

#[tokio::test]
async fn a_provider_is_avoided_for_ten_minutes() {
    let scene = through("twilio,vonage").await;
    have_failed(&scene, &[("twilio", 0)]).await;
    assert_eq!(scene.send(PHONE, TEXT).await.provider(), "twilio");
}

#[tokio::test]
async fn an_avoided_provider_is_tried_when_the_others_refuse_and_before_broken_ones() {
    let scene = through("vonage,twilio,plivo").await;
    let now = sandbox::now().as_secs();
    let broken = json!({
        "pk": { "S": "rate#code-provider#health" }, "sk": { "S": "state" },
        "p_vonage": { "S": format!("fff {now} {} 0", now + 600) }, "expires_at": { "N": (now + 600).to_string() },
    });
    scene.sandbox.aws.put(broken).await;
    have_failed(&scene, &[("twilio", 600)]).await;
    scene.faults("plivo").next(status(429));
    assert_eq!(scene.send(PHONE, TEXT).await.provider(), "twilio");
    assert_eq!(scene.asked(), [1, 0, 1, 0]);
    let line = scene.logged("sent").await;
    assert_eq!(
        (&line["avoided"], &line["broken"]),
        (&json!("twilio"), &json!("vonage"))
    );
}

#[tokio::test]
async fn if_no_provider_is_better_the_route_stays_as_it_is() {
    for (route, failed) in [
        ("twilio", &["twilio"][..]),
        ("vonage,twilio", &["twilio", "vonage"]),
        ("vonage,twilio", &["plivo"]),
    ] {
        let scene = through(route).await;
        let failed: Vec<(&str, u64)> = failed.iter().map(|provider| (*provider, 600)).collect();
        have_failed(&scene, &failed).await;
        let first = route.split(',').next().unwrap();
        assert_eq!(scene.send(PHONE, TEXT).await.provider(), first, "{route}");
        assert_eq!(scene.logged("sent").await["avoided"], Value::Null);
    }
}

/// `delivery-status` stores the state, and no provider to avoid.
#[tokio::test]
async fn after_an_opt_out_no_other_road_is_taken() {
    let scene = through("twilio,vonage").await;
    assert_eq!(scene.send(PHONE, TEXT).await.provider(), "twilio");
    let mut entry = scene.items("sent#").await.remove(0);
    entry["receipts"]["M"]["twilio"] = json!({ "S": "opted_out" });
    scene.sandbox.aws.put(entry).await;
    assert_eq!(scene.send(PHONE, OTHER_TEXT).await.provider(), "twilio");
}

#[tokio::test]
async fn if_the_road_cannot_be_read_the_code_is_sent_in_the_usual_order() {
    for fault in [status(500), Fault::Hang] {
        let scene = through("twilio,vonage").await;
        have_failed(&scene, &[("twilio", 600)]).await;
        scene.dynamodb().always_with("\"road#", fault.clone());
        let begun = std::time::Instant::now();
        let answer = scene.send(PHONE, TEXT).await;
        assert!(begun.elapsed() < Duration::from_secs(3));
        assert_eq!(scene.stage().await, "sent");
        assert_eq!(
            (answer.status, answer.provider()),
            (200, "twilio"),
            "{fault:?}"
        );
        scene.dynamodb().clear();
    }
}

#[tokio::test]
async fn if_the_scoreboard_cannot_be_written_the_answer_is_the_same() {
    for fault in [status(500), Fault::Hang] {
        let scene = through("twilio").await;
        scene.dynamodb().always_with("\"score#", fault);
        let begun = std::time::Instant::now();
        assert_eq!(scene.send(PHONE, TEXT).await.status, 200);
        assert!(begun.elapsed() < Duration::from_secs(3));
        assert_eq!(scene.stage().await, "sent");
        assert_eq!(scene.items("score#").await.len(), 0);
        scene.dynamodb().clear();
    }
}

/// The entry is still there, because it waits for receipts.
#[tokio::test]
async fn after_the_cooldown_the_same_code_is_a_new_text_with_receipts_of_its_own() {
    let scene = through("twilio").await;
    let first = scene.send(PHONE, TEXT).await;
    let mut entry = scene.items("sent#").await.remove(0);
    entry["receipts"]["M"]["twilio"] = json!({ "S": "unreachable" });
    entry["reported_at"] = json!({ "N": "1" });
    entry["used_at"] = json!({ "N": "1" });
    scene.sandbox.aws.put(entry).await;
    assert_eq!(scene.send(PHONE, TEXT).await, first, "within the cooldown");
    end_cooldown(&scene).await;
    let second = scene.send(PHONE, TEXT).await;
    assert!(second.status == 200 && second != first);
    assert_eq!(
        (scene.send(PHONE, TEXT).await, scene.texts()),
        (second.clone(), [2, 0, 0, 0])
    );
    let entry = scene.items("sent#").await.remove(0);
    assert_eq!(entry["receipts"]["M"], json!({}));
    assert!(entry["reported_at"].is_null() && entry["used_at"].is_null());
    assert_eq!(
        (
            json!(text(&entry, "earlier_sid")),
            json!(text(&entry, "sid"))
        ),
        (first.body["id"].clone(), second.body["id"].clone())
    );
}

#[tokio::test]
async fn a_receipt_that_is_faster_than_the_provider_s_answer_is_kept() {
    let scene = through("twilio").await;
    scene
        .faults("twilio")
        .next(Fault::Delay(Duration::from_millis(500)));
    let receipt = async {
        scene.wait_asked("twilio", 1).await;
        let mut entry = scene.items("sent#").await.remove(0);
        assert_eq!(text(&entry, "stage"), "sending");
        entry["receipts"]["M"]["twilio"] = json!({ "S": "delivered" });
        scene.sandbox.aws.put(entry).await;
    };
    let (answer, ()) = tokio::join!(scene.send(PHONE, TEXT), receipt);
    let entry = scene.items("sent#").await.remove(0);
    assert_eq!((answer.status, text(&entry, "stage")), (200, "sent"));
    assert_eq!(entry["receipts"]["M"]["twilio"]["S"], "delivered");
}

/// Whatever the table says of earlier codes is asked together with the claim.
#[tokio::test]
async fn the_road_is_read_together_with_the_claim() {
    let scene = through("twilio,vonage").await;
    let wait = Duration::from_millis(700);
    scene.dynamodb().next_with("sent#", Fault::Delay(wait));
    scene.dynamodb().next_with("\"road#", Fault::Delay(wait));
    scene
        .dynamodb()
        .next_with("rate#code-provider", Fault::Delay(wait));
    let (begun, asked) = (std::time::Instant::now(), async {
        scene.wait_asked("twilio", 1).await;
        std::time::Instant::now()
    });
    let (answer, asked) = tokio::join!(scene.send(PHONE, TEXT), asked);
    assert_eq!(answer.status, 200);
    assert!(asked - begun < 2 * wait, "{:?}", asked - begun);
}

/// A copy of the newest code is no other code.
#[tokio::test]
async fn the_code_before_the_newest_one_is_known() {
    let scene = through("twilio").await;
    assert_eq!(scene.send(PHONE, TEXT).await.status, 200);
    let first = text(&scene.items(ROAD).await[0], "newest").to_owned();
    for _ in 0..2 {
        assert_eq!(scene.send(PHONE, OTHER_TEXT).await.status, 200);
        let road = scene.items(ROAD).await.remove(0);
        assert_eq!(text(&road, "previous"), first);
        assert_ne!(text(&road, "newest"), first);
    }
}

#[tokio::test]
async fn copies_of_a_code_whose_answer_was_lost_are_sent_once_it_is_delivered() {
    let scene = through("twilio,vonage").await;
    scene.faults("twilio").next(status(500));
    assert_eq!(scene.send(PHONE, TEXT).await.status, 504);
    assert_eq!(scene.send(PHONE, TEXT).await.status, 504);
    let mut entry = scene.items("sent#").await.remove(0);
    entry["receipts"]["M"]["twilio"] = json!({ "S": "delivered" });
    scene.sandbox.aws.put(entry).await;
    let copy = scene.send(PHONE, TEXT).await;
    assert_eq!((copy.status, copy.provider()), (200, "twilio"));
    assert_eq!(scene.texts(), [0; 4]);
}
