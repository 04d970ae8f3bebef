//! The order of a route by what delivery receipts say.

use std::time::{Duration, Instant};

use sandbox::Sandbox;
use sandbox::scene::problems;
use sandbox::wire::Fault;
use serde_json::{Value, json};

use crate::scene::{FUNCTION, Override, Scene, TEXT, status};

const RECEIPTS: Override<'static> = ("DELIVERY_URL", Some("https://receipts.acme.example/"));
const ROUTE: Override<'static> = ("SMS_ROUTES", Some("*=vonage,twilio,plivo"));
const BEST: Override<'static> = ("SMS_ORDER", Some("best"));
const COUNTRIES: Override<'static> = ("ALLOWED_COUNTRIES", Some("DK,SE"));

/// What `delivery-status` has written, lines of country, provider, delivered and failed texts.
async fn summarise(sandbox: &Sandbox, lines: &str, counts_for: i64) {
    let until = sandbox::now().as_secs().checked_add_signed(counts_for);
    let item = json!({
        "pk": { "S": "score#summary" }, "sk": { "S": "summary" },
        "standing": { "S": lines }, "expires_at": { "N": until.unwrap().to_string() },
    });
    sandbox.aws.put(item).await;
}

async fn scene(lines: &str, more: &[Override<'_>]) -> Scene {
    let sandbox = Sandbox::start().await;
    summarise(&sandbox, lines, 600).await;
    let settings = [&[RECEIPTS, ROUTE, COUNTRIES], more].concat();
    Scene::on(sandbox, 1, &settings).await
}

/// The provider that takes the n-th code for Denmark.
async fn send(scene: &Scene, n: usize) -> String {
    let answer = scene.send(&format!("+45{}304050", 20 + n), TEXT).await;
    answer.provider().to_owned()
}

const BROKEN: &str = "DK vonage 4 56\nDK twilio 55 5\n";

#[tokio::test]
async fn a_provider_that_takes_everything_and_delivers_nothing_is_tried_last() {
    for more in [&[][..], &[BEST]] {
        let scene = scene(BROKEN, more).await;
        assert_eq!(send(&scene, 0).await, "twilio");
        let line = scene.logged("sent").await;
        assert_eq!(
            (&line["broken"], &line["ProviderBroken"]),
            (&json!("vonage"), &json!(1))
        );
        for other in ["twilio", "plivo"] {
            scene.faults(other).next(status(429));
        }
        assert_eq!(send(&scene, 1).await, "vonage", "last, not never");
    }
}

#[tokio::test]
async fn a_provider_that_is_broken_in_one_country_is_first_in_another() {
    let scene = scene(BROKEN, &[]).await;
    let answer = scene.send("+46701234567", TEXT).await;
    assert_eq!(answer.provider(), "vonage");
    assert_eq!(scene.logged("sent").await["broken"], Value::Null);
}

/// Tried last, it has no new results; the old ones end with the hour, and so does the summary.
#[tokio::test]
async fn a_provider_that_was_broken_gets_a_new_chance_when_its_hour_is_over() {
    for (lines, counts_for) in [
        ("DK twilio 55 5\n", 600),
        ("DK vonage 8 52\nDK twilio 55 5\n", 600),
        (BROKEN, -1),
    ] {
        let scene = scene(BROKEN, &[]).await;
        assert_eq!(send(&scene, 0).await, "twilio");
        summarise(&scene.sandbox, lines, counts_for).await;
        scene.restart().await;
        assert_eq!(send(&scene, 1).await, "vonage", "{lines}");
    }
}

#[tokio::test]
async fn best_puts_a_significantly_better_provider_first() {
    let lines = "DK vonage 60 40\nDK twilio 70 30\nDK plivo 95 5\n";
    let best = scene(lines, &[BEST]).await;
    assert_eq!(send(&best, 0).await, "plivo");
    best.faults("plivo").next(status(429));
    assert_eq!(
        send(&best, 1).await,
        "vonage",
        "twilio is not surely better"
    );
    let route = scene(lines, &[]).await;
    assert_eq!(send(&route, 0).await, "vonage");
    assert_eq!(route.logged("sent").await["broken"], Value::Null);
}

#[tokio::test]
async fn one_slow_hour_without_significance_changes_no_order() {
    for lines in [
        "DK vonage 44 6\nDK twilio 49 1\n",
        "DK vonage 20 29\nDK twilio 500 0\n",
        "DK twilio 500 0\n",
        "SE vonage 50 50\nSE twilio 500 0\n",
        "",
    ] {
        let scene = scene(lines, &[BEST]).await;
        assert_eq!(send(&scene, 0).await, "vonage", "{lines}");
    }
}

#[tokio::test]
async fn the_summary_is_read_once_a_minute_by_an_instance() {
    let scene = scene(BROKEN, &[]).await;
    for n in 0..4 {
        assert_eq!(send(&scene, n).await, "twilio");
    }
    let exchanges = scene.sandbox.aws.dynamodb().exchanges();
    let reads = exchanges
        .iter()
        .filter(|exchange| String::from_utf8_lossy(&exchange.request).contains("score#summary"));
    assert_eq!(reads.count(), 1);
}

#[tokio::test]
async fn a_summary_that_cannot_be_read_holds_no_text_up() {
    for fault in [status(400), Fault::Delay(Duration::from_secs(5))] {
        let scene = scene(BROKEN, &[]).await;
        scene.dynamodb().next_with("score#summary", fault);
        let begun = Instant::now();
        assert_eq!(send(&scene, 0).await, "vonage", "the route's order");
        assert!(begun.elapsed() < Duration::from_secs(4));
        scene
            .lambda
            .wait_log(|line| line.contains("results could not be read"))
            .await;
    }
}

#[tokio::test]
async fn best_without_receipts_is_a_mistake() {
    let sandbox = Sandbox::start().await;
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_sms-gateway"));
    let told = problems(&sandbox, FUNCTION, binary, &[BEST]).await;
    assert!(
        told.len() == 1 && told[0].contains("SMS_ORDER=best needs DELIVERY_URL"),
        "{told:?}"
    );
}
