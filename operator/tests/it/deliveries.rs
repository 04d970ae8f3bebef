//! What became of the texts.

use sandbox::wire::Fault;
use serde_json::{Value, json};

use crate::scene::Scene;

const NUMBER: &str = "+4520304050";
/// The hash of the number by which receipts know it.
const HASH: &str = "GjxR6o_lu6CEnFFAdbnRKA";

fn now() -> u64 {
    sandbox::now().as_secs()
}

fn item(pk: &str, sk: &str, numbers: &[(&str, u64)]) -> Value {
    let mut item = json!({ "pk": { "S": pk }, "sk": { "S": sk }, "expires_at": { "N": (now() + 3600).to_string() } });
    for (name, number) in numbers {
        item[*name] = json!({ "N": number.to_string() });
    }
    item
}

/// Counters of an hour so many hours ago.
async fn count(scene: &Scene, ago: u64, shard: u64, line: &str, numbers: &[(&str, u64)]) {
    let pk = format!("score#{}#{shard}", now() / 3600 - ago);
    scene.sandbox.aws.put(item(&pk, line, numbers)).await;
}

#[tokio::test]
async fn deliveries_are_shown_by_provider_country_and_sender_for_the_hour_and_the_day() {
    let scene = Scene::new().await;
    let nothing = scene.succeed(&["deliveries"]).await;
    assert_eq!(nothing.out, "no text was counted within a day\n");
    let line = "twilio#DK#ACME";
    let delivered = [
        ("sent", 60),
        ("delivered", 50),
        ("within_5", 45),
        ("within_30", 5),
    ];
    count(&scene, 0, 0, line, &delivered).await;
    let failed = [
        ("failed_unreachable", 7),
        ("failed_blocked", 3),
        ("codes", 40),
        ("used", 30),
    ];
    count(&scene, 0, 5, line, &failed).await;
    count(
        &scene,
        20,
        1,
        "plivo#SE#-",
        &[("sent", 3), ("delivered", 1), ("within_more", 1)],
    )
    .await;
    count(&scene, 30, 1, "plivo#NO#-", &[("sent", 9)]).await;
    let report = scene.succeed(&["--json", "deliveries"]).await.json();
    assert_eq!(
        report["hour"],
        json!([{
            "provider": "twilio", "country": "DK", "sender": "ACME", "sent": 60, "delivered": 50,
            "failed": { "unreachable": 7, "blocked": 3 }, "delivered_percent": 83,
            "median_seconds": 5, "p95_seconds": 30, "codes": 40, "used": 30,
        }])
    );
    let day = report["day"].as_array().unwrap();
    assert_eq!(day.len(), 2, "{report:#}");
    assert_eq!(
        (&day[0]["country"], &day[0]["median_seconds"]),
        (&json!("SE"), &Value::Null)
    );
    let text = scene.succeed(&["deliveries"]).await.out;
    for words in [
        "83 %",
        "75 %",
        "30 s",
        "3 blocked, 7 unreachable",
        "> 600 s",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[tokio::test]
async fn a_number_s_newest_code_is_shown_masked_with_what_cannot_be_known() {
    let scene = Scene::new().await;
    let unknown = scene.succeed(&["deliveries", "--phone", NUMBER]).await.out;
    assert!(
        unknown.contains("+45••••4050: no code within a day"),
        "{unknown}"
    );
    let mut road = item(
        &format!("road#{HASH}"),
        "road",
        &[("failed_plivo", now() + 300), ("failed_vonage", now() - 5)],
    );
    road["newest"] = json!({ "S": "code-AAAAAAAAAAAAAAAAAAAAAA" });
    let mut code = item(
        "sent#code#AAAAAAAAAAAAAAAAAAAAAA",
        "send",
        &[("sent_at", now() - 30)],
    );
    for (name, text) in [
        ("stage", "sent"),
        ("provider", "plivo"),
        ("sid", "uuid-1"),
        ("sender", "ACME\u{1b}[2J"),
    ] {
        code[name] = json!({ "S": text });
    }
    code["receipts"] = json!({ "M": { "plivo": { "S": "blocked" } } });
    scene.sandbox.aws.put(road).await;
    scene.sandbox.aws.put(code).await;
    let arguments = ["deliveries", "--phone", NUMBER];
    let text = scene.succeed(&arguments).await.out;
    for words in [
        "+45••••4050",
        "by plivo",
        "uuid-1",
        "plivo reports: blocked",
        "avoids plivo",
        "cannot be known",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(
        !text.contains("20304050") && !text.contains('\u{1b}') && !text.contains("avoids vonage"),
        "{text}"
    );
    let report = scene
        .succeed(&["--json", "deliveries", "--phone", NUMBER])
        .await
        .json();
    assert_eq!(report["newest"]["receipts"], json!({ "plivo": "blocked" }));
    assert_eq!(
        (&report["newest"]["used"], &report["number"]),
        (&json!(false), &json!("+45••••4050"))
    );
}

#[tokio::test]
async fn a_table_that_cannot_be_read_is_no_empty_table() {
    let scene = Scene::new().await;
    let refused = Fault::Answer {
        status: 400,
        headers: vec![],
        body: String::new(),
    };
    scene.sandbox.aws.dynamodb().faults().always(Some(refused));
    for arguments in [&["deliveries"][..], &["deliveries", "--phone", NUMBER]] {
        let output = scene.run(arguments).await;
        assert_eq!(output.code, 3, "{output:?}");
    }
}
