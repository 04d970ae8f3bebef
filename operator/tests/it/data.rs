//! The table's data: who waits, unlocking, erasing.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::scene::Scene;

const NUMBER: &str = "+4512345678";
/// The first eight bytes of its SHA-256.
const HASH: &str = "7d5574e4ec1f7e9b";
/// The hash by which delivery receipts know it.
const RECEIPTS_HASH: &str = "fVV05Owffptgbq3Y126rFQ";
/// The first eight bytes of the SHA-256 of the digits alone, as the phone menu has it.
const HASH_OF_DIGITS: &str = "ba642551f3be61fa";

fn now() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a test is outside")]
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn item(pk: &str, sk: &str, attributes: &Value) -> Value {
    let mut item = json!({ "pk": { "S": pk }, "sk": { "S": sk }, "expires_at": { "N": (now() + 3600).to_string() } });
    item.as_object_mut()
        .unwrap()
        .extend(attributes.as_object().unwrap().clone());
    item
}

fn request(kind: &str, age: u64) -> Value {
    let at = now();
    json!({ "M": {
        "kind": { "S": kind }, "link": { "S": "https://acme.example/u/email-verification?ticket=secret-ticket" },
        "email": { "S": "acme+4512345678@sms.example.com" }, "code": { "S": "4821" },
        "created_at": { "N": (at - age).to_string() }, "expires_at": { "N": (at + 600).to_string() },
    } })
}

#[tokio::test]
async fn who_waits_is_told_without_numbers_links_or_codes() {
    let scene = Scene::new().await;
    assert_eq!(
        scene.succeed(&["pending"]).await.out,
        "no request waits for a reply\n"
    );
    let requests = json!({ "r_a": request("verification", 7300), "r_b": request("password", 10) });
    scene
        .sandbox
        .aws
        .put(item(&format!("pending#{NUMBER}"), "pending", &requests))
        .await;
    scene
        .sandbox
        .aws
        .put(item(
            "pending#+4587654321",
            "pending",
            &json!({ "r_c": request("verification", 300) }),
        ))
        .await;
    let output = scene.succeed(&["pending"]).await;
    assert_eq!(output.out.lines().count(), 3, "{}", output.out);
    assert!(
        output.out.contains("verification, 2 h old") && output.out.contains("5678"),
        "{}",
        output.out
    );
    for secret in ["12345678", "ticket", "4821"] {
        assert!(!output.out.contains(secret), "{}", output.out);
    }
    let one = scene
        .succeed(&["--json", "pending", "--number", NUMBER])
        .await
        .json();
    assert_eq!(one["numbers"].as_array().unwrap().len(), 1);
    assert_eq!(one["numbers"][0]["requests"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_account_is_unlocked() {
    let scene = Scene::new().await;
    let wrong = |n: u32| json!({ "wrong": { "N": n.to_string() } });
    for (pk, sk, n) in [
        ("lock#10042", "all", 8),
        ("lock#10042", "caller#x", 5),
        ("lock#10042", "caller#y", 3),
        ("lock#10043", "all", 1),
    ] {
        scene.sandbox.aws.put(item(pk, sk, &wrong(n))).await;
    }
    scene
        .sandbox
        .aws
        .put(item("lock#10042", "known#x", &json!({})))
        .await;
    let dry = scene
        .succeed(&["--dry-run", "unlock", "--account", "10042"])
        .await;
    assert!(
        dry.out.contains("would delete") && scene.sandbox.aws.items().await.len() == 5,
        "{dry:?}"
    );
    let output = scene.succeed(&["unlock", "--account", "10042"]).await;
    assert!(
        output
            .out
            .contains("deleted the counts of 8 wrong PINs, by 2 callers"),
        "{output:?}"
    );
    assert_eq!(
        scene.sandbox.aws.items().await.len(),
        2,
        "who is known stays known"
    );
    let again = scene.succeed(&["unlock", "--account", "10042"]).await;
    assert!(
        again.out.contains("nothing to unlock") && again.out.contains("up to an hour"),
        "{again:?}"
    );
    let hourly = item(
        &format!("rate#pin#{HASH_OF_DIGITS}"),
        "490000",
        &json!({ "hits": { "N": "10" } }),
    );
    scene.sandbox.aws.put(hourly).await;
    let output = scene
        .succeed(&["unlock", "--account", "10042", "--caller", NUMBER])
        .await;
    assert!(
        output
            .out
            .contains("+45••••5678: deleted the count of 10 attempts"),
        "{output:?}"
    );
    assert_eq!(scene.sandbox.aws.items().await.len(), 2);
}

#[tokio::test]
async fn everything_about_a_number_is_erased_and_nothing_else() {
    let scene = Scene::new().await;
    let aws = &scene.sandbox.aws;
    let none = || json!({});
    for gone in [
        item(
            &format!("pending#{NUMBER}"),
            "pending",
            &json!({ "r_a": request("verification", 10) }),
        ),
        item(&format!("seen#confirmed#{NUMBER}"), "confirmed", &none()),
        item(&format!("rate#sms#{NUMBER}"), "490000", &none()),
        item(
            &format!("rate#text-pair#+15005550010#{HASH}"),
            "29000000",
            &none(),
        ),
        item(&format!("rate#pin#{HASH_OF_DIGITS}"), "490000", &none()),
        item(
            "thread#+15005550010",
            "last",
            &json!({ "correspondent": { "S": NUMBER } }),
        ),
        item(
            "directory#+15005550010",
            "entry",
            &json!({ "state": { "S": "employee" }, "mobile": { "S": NUMBER } }),
        ),
        item(&format!("road#{RECEIPTS_HASH}"), "road", &none()),
    ] {
        aws.put(gone).await;
    }
    let kept = [
        item(
            "sent#code#AAAAAAAA",
            "send",
            &json!({ "number": { "S": RECEIPTS_HASH }, "stage": { "S": "sent" } }),
        ),
        item("pending#+45123456789", "pending", &none()),
        item("rate#sms#all", "490000", &none()),
        item(
            "account#1",
            "account",
            &json!({ "phone": { "S": NUMBER }, "name": { "S": "Ann" } }),
        ),
        item(
            "number#00u1",
            "number",
            &json!({ "number": { "S": NUMBER } }),
        ),
        item("lock#10042", &format!("caller#{HASH_OF_DIGITS}"), &none()),
        item(
            "token#api#a",
            "token",
            &json!({ "token": { "S": "4512345678" } }),
        ),
        item(&format!("crm#{NUMBER}"), "x", &none()),
        item(
            "call#CA1",
            "state",
            &json!({ "account": { "S": "4512345678" } }),
        ),
    ];
    for item in &kept {
        aws.put(item.clone()).await;
    }
    let dry = scene
        .succeed(&["--dry-run", "erase", "--number", NUMBER])
        .await;
    assert!(
        dry.out.contains("would delete 3 of +45••••5678: counters"),
        "{}",
        dry.out
    );
    let unasked = scene.run(&["erase", "--number", NUMBER]).await;
    assert!(
        unasked.code == 2 && unasked.err.contains("--yes"),
        "{unasked:?}"
    );
    assert_eq!(aws.items().await.len(), 17);

    let output = scene.succeed(&["erase", "--number", NUMBER, "--yes"]).await;
    assert!(!output.out.contains("12345678"), "{}", output.out);
    for words in [
        "deleted 1 of +45••••5678: open requests",
        "deleted 1 of +45••••5678: hashes in records of texts",
        "kept an account that has this phone",
        "number#00u1",
        "lock#10042",
        "crm#+45••••5678",
        "CloudWatch",
        "Vonage, AWS: their logs",
        "Twilio",
    ] {
        assert!(output.out.contains(words), "{words}: {}", output.out);
    }
    let mut left: Vec<String> = aws
        .items()
        .await
        .iter()
        .map(|item| item["pk"]["S"].as_str().unwrap().to_owned())
        .collect();
    left.sort();
    assert_eq!(
        left,
        [
            "account#1",
            "call#CA1",
            "crm#+4512345678",
            "lock#10042",
            "number#00u1",
            "pending#+45123456789",
            "rate#sms#all",
            "sent#code#AAAAAAAA",
            "token#api#a"
        ]
    );
    let text = serde_json::to_string(&aws.items().await).unwrap();
    assert!(text.contains("\"sent\"") && !text.contains(RECEIPTS_HASH));
    let again = scene.succeed(&["erase", "--number", NUMBER]).await;
    assert!(again.out.contains("nothing to delete"), "{}", again.out);
}
