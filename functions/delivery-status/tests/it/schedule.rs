//! The run of the schedule: the summary, the figures, the alarms.

use std::sync::Arc;

use sandbox::scene::{at_once, status};
use serde_json::{Value, json};

use crate::scene::{NUMBER, Scene};

/// The line of a log with the figures of a provider in a country.
fn figures(scene: &Scene, provider: &str, country: &str) -> Option<Value> {
    let log = scene.lambda.log();
    let lines = log.iter().rev();
    let mut lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.find(|line| line["Provider"] == provider && line["Country"] == country)
}

async fn run(scene: &Scene) -> Value {
    let event = json!({ "source": "aws.scheduler" });
    scene.lambda.invoke(event).await.unwrap()
}

/// The summary in the table.
async fn summary(scene: &Scene) -> String {
    let items = scene.items("score#summary").await;
    items[0]["standing"]["S"].as_str().unwrap().to_owned()
}

/// Receipts of the same moment change the same items.
#[tokio::test]
async fn receipts_at_the_same_time_add_up() {
    let scene = Arc::new(Scene::instances(4).await);
    let now = sandbox::now().as_secs();
    let sid = |n: usize| format!("SM{n:032x}");
    for n in 0..60 {
        let texts = [
            ("pk", format!("sent#code#{n:022}")),
            ("sk", "send".to_owned()),
            ("stage", "sent".to_owned()),
            ("provider", "twilio".to_owned()),
            ("sid", sid(n)),
            ("number", NUMBER.to_owned()),
            ("region", "DK".to_owned()),
            ("sender", "ACME".to_owned()),
        ];
        let mut item = json!({ "receipts": { "M": {} } });
        for (name, text) in texts {
            item[name] = json!({ "S": text });
        }
        for (name, number) in [("sent_at", now - 3), ("expires_at", now + 1000)] {
            item[name] = json!({ "N": number.to_string() });
        }
        scene.sandbox.aws.put(item).await;
    }
    let receipts = (0..60).map(|n| {
        let scene = Arc::clone(&scene);
        async move {
            let state = if n % 6 == 0 {
                "undelivered"
            } else {
                "delivered"
            };
            let path = format!("/twilio/code-{n:022}");
            scene.twilio_of(&path, &sid(n), state, &[]).await
        }
    });
    assert_eq!(at_once(receipts).await, [204; 60]);
    let report = run(&scene).await;
    let line = &report["hour"][0];
    assert_eq!(
        (&line["delivered"], &line["failed"]),
        (&json!(50), &json!(10)),
        "{report:#}"
    );
    assert_eq!(summary(&scene).await, "DK twilio 50 10\n");
}

#[tokio::test]
async fn a_run_shows_each_provider_in_each_country_and_counts_low_rates() {
    let scene = Scene::with(&[("CONVERSION_FLOOR_PERCENT", Some("40"))]).await;
    scene
        .count(
            0,
            "twilio#DK#A",
            &[
                ("delivered", 40),
                ("within_5", 40),
                ("codes", 40),
                ("used", 5),
                ("failed_blocked", 10),
            ],
        )
        .await;
    scene
        .count(
            1,
            "twilio#DK#B",
            &[
                ("delivered", 10),
                ("within_600", 6),
                ("within_more", 4),
                ("failed_unreachable", 40),
            ],
        )
        .await;
    scene
        .count(
            0,
            "vonage#DK#-",
            &[
                ("delivered", 70),
                ("within_2", 70),
                ("codes", 10),
                ("used", 9),
            ],
        )
        .await;
    scene.count(0, "vonage#SE#-", &[("delivered", 19)]).await;
    scene.count(2, "vonage#NO#-", &[("delivered", 500)]).await;
    let report = run(&scene).await;
    assert_eq!(report["hour"].as_array().unwrap().len(), 2, "{report:#}");
    assert_eq!(summary(&scene).await, "DK twilio 50 50\nDK vonage 70 0\n");
    let line = scene.logged("summarised").await;
    assert_eq!(
        (&line["DeliveryRateLow"], &line["low_delivery"]),
        (&json!(1), &json!("twilio DK 50 %"))
    );
    assert_eq!(
        (&line["ConversionRateLow"], &line["low_conversion"]),
        (&json!(1), &json!("DK 28 %"))
    );
    let twilio = figures(&scene, "twilio", "DK").unwrap();
    assert_eq!(
        [
            &twilio["DeliveryRate"],
            &twilio["ConversionRate"],
            &twilio["DeliverySecondsMedian"],
            &twilio["DeliverySecondsP95"]
        ],
        [&json!(50), &json!(12), &json!(5), &json!(600)]
    );
    assert_eq!(
        twilio["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
        json!([["Provider", "Country", "Stack"]])
    );
    assert_eq!(figures(&scene, "vonage", "SE"), None, "too few results");
    assert_eq!(figures(&scene, "vonage", "NO"), None, "two hours ago");
}

#[tokio::test]
async fn a_floor_of_zero_never_sounds() {
    let scene = Scene::with(&[("DELIVERY_FLOOR_PERCENT", Some("0"))]).await;
    scene
        .count(0, "twilio#DK#A", &[("failed_blocked", 100), ("codes", 50)])
        .await;
    run(&scene).await;
    let line = scene.logged("summarised").await;
    assert_eq!(
        (&line["DeliveryRateLow"], &line["ConversionRateLow"]),
        (&Value::Null, &Value::Null)
    );
    let twilio = figures(&scene, "twilio", "DK").unwrap();
    assert_eq!(twilio["DeliveryRate"], 0);
    assert_eq!(
        twilio["ConversionRate"],
        Value::Null,
        "nobody tells of used codes"
    );
}

#[tokio::test]
async fn a_summary_replaces_the_one_before() {
    let scene = Scene::start().await;
    scene.count(0, "twilio#DK#A", &[("delivered", 60)]).await;
    run(&scene).await;
    scene.count(0, "twilio#DK#A", &[("delivered", 10)]).await;
    run(&scene).await;
    assert_eq!(summary(&scene).await, "");
}

#[tokio::test]
async fn a_run_without_the_table_is_a_function_error() {
    let scene = Scene::start().await;
    let event = || json!({ "source": "aws.scheduler" });
    scene.dynamodb().always(Some(status(400)));
    scene.lambda.invoke(event()).await.unwrap_err();
    scene.dynamodb().always(None);
    assert_eq!(scene.logged("table_unavailable").await["level"], "ERROR");
    scene.count(0, "twilio#DK#A", &[("delivered", 60)]).await;
    scene.dynamodb().next_with("score#summary", status(400));
    scene.lambda.invoke(event()).await.unwrap_err();
    assert!(scene.items("score#summary").await.is_empty());
    run(&scene).await;
}

#[tokio::test]
async fn numbers_that_nobody_has_are_no_low_delivery() {
    let scene = Scene::start().await;
    let counters = [("delivered", 20), ("failed_landline", 100)];
    scene.count(0, "vonage#DK#-", &counters).await;
    run(&scene).await;
    assert_eq!(
        scene.logged("summarised").await["low_delivery"],
        Value::Null
    );
}
