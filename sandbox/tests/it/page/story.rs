//! What people do on the page, from the beginning to the end.

use sandbox::twilio;
use serde_json::{Value, json};

use super::Stage;
use crate::{DELIVERY, GATEWAY, RECEIVE, SEND};

const ANNA: &str = "+4512345678";

fn found<'a>(list: &'a Value, field: &str, value: &str) -> Option<&'a Value> {
    let mut items = list.as_array()?.iter();
    items.find(|item| item[field] == value)
}

#[tokio::test]
async fn a_sign_up_ends_verified() {
    let stage = Stage::open(&[SEND, RECEIVE]).await;
    let made = stage
        .post("/api/auth0/users", json!({ "phone": ANNA }))
        .await;
    assert_eq!(
        (&made["user"]["phone"], &made["user"]["verified"]),
        (&json!(ANNA), &json!(false))
    );
    assert_eq!(
        (&made["mail"]["state"], &made["mail"]["function"]),
        (&json!("delivered"), &json!(SEND))
    );
    assert!(made["mail"]["link"].as_str().unwrap().contains("ticket="));
    let texts = stage
        .wait("/api/texts", |texts| {
            found(&texts["texts"], "to", ANNA).is_some()
        })
        .await;
    let text = found(&texts["texts"], "to", ANNA).unwrap();
    assert_eq!(
        (&text["function"], &text["segments"], &text["price"]),
        (&json!(SEND), &json!(1), &json!(0.0083))
    );
    let yes = json!({ "from": ANNA, "to": twilio::NUMBER, "text": "YES" });
    let answer = stage.post("/api/texts", yes).await;
    assert_eq!(
        (
            &answer["status"],
            answer["replies"].as_array().unwrap().len()
        ),
        (&json!(200), 1)
    );
    let people = stage.get("/api/identity").await;
    let anna = found(&people["auth0"]["users"], "phone", ANNA).unwrap();
    assert_eq!(anna["verified"], true);
    // The wire has all of it: who asked, the verdict, the outcome, and what the function did.
    let path = format!("/api/wire?to={RECEIVE}");
    let wire = stage
        .wait(&path, |wire| wire["exchanges"][0]["outcome"] == "confirmed")
        .await;
    let exchange = &wire["exchanges"][0];
    assert_eq!(exchange["from"], "Twilio");
    assert_eq!(
        exchange["signature"],
        json!({ "scheme": "Twilio", "verdict": "accepted" })
    );
    let full = stage.get(&format!("/api/wire/{}", exchange["id"])).await;
    assert_eq!(full["log"]["line"]["outcome"], "confirmed");
    let first = full["children"][0].as_u64().unwrap();
    let child = stage.get(&format!("/api/wire/{first}")).await;
    assert_eq!(child["from"], RECEIVE);
    let table = stage.get("/api/table?prefix=rate%23sms").await;
    assert_eq!(table["items"].as_array().unwrap().len(), 2, "{table}");
    assert_eq!(stage.sandbox.complaints(), [""; 0]);
    stage.close().await;
}

#[tokio::test]
async fn a_request_is_sent_once_more() {
    let stage = Stage::open(&[SEND, RECEIVE]).await;
    stage
        .post("/api/auth0/users", json!({ "phone": ANNA }))
        .await;
    let text = json!({ "from": ANNA, "to": twilio::NUMBER, "text": "Who is this?" });
    stage.post("/api/texts", text).await;
    for (function, ways) in [
        (
            RECEIVE,
            &[
                ("same", [200, 0]),
                ("one_byte", [403, 0]),
                ("twice", [200, 200]),
            ][..],
        ),
        (
            SEND,
            &[
                ("one_byte", [401, 0]),
                ("stale", [401, 0]),
                ("same", [200, 0]),
            ],
        ),
    ] {
        let wire = stage.get(&format!("/api/wire?to={function}")).await;
        let id = wire["exchanges"][0]["id"].as_u64().unwrap();
        for (way, statuses) in ways {
            let path = format!("/api/wire/{id}/replay");
            let answer = stage.post(&path, json!({ "as": way })).await;
            let came: Vec<_> = answer["results"]
                .as_array()
                .unwrap()
                .iter()
                .map(|result| &result["status"])
                .collect();
            let expected: Vec<_> = statuses
                .iter()
                .filter(|status| **status != 0)
                .map(|status| json!(status))
                .collect();
            assert_eq!(
                came,
                expected.iter().collect::<Vec<_>>(),
                "{function} {way}: {answer}"
            );
            let made = answer["results"][0]["exchange"].as_u64().unwrap();
            assert_eq!(
                stage.get(&format!("/api/wire/{made}")).await["from"],
                "page"
            );
        }
    }
    let wire = stage
        .get(&format!("/api/wire?to={RECEIVE}&from=Twilio"))
        .await;
    let id = &wire["exchanges"][0]["id"];
    let (status, _) = stage
        .ask(
            "POST",
            &format!("/api/wire/{id}/replay"),
            Some(json!({ "as": "stale" })),
        )
        .await;
    assert_eq!(status, 409, "Twilio signs no timestamp");
    let (_, curl) = stage
        .ask("GET", &format!("/api/wire/{id}/curl"), None)
        .await;
    let output = tokio::process::Command::new("sh")
        .args([
            "-c",
            &curl
                .as_str()
                .unwrap()
                .replace("curl -i", "curl -s -o /dev/null -w '%{http_code}'"),
        ])
        .output()
        .await
        .unwrap();
    if output.status.success() {
        assert_eq!(String::from_utf8_lossy(&output.stdout), "200");
    }
    stage.close().await;
}

#[tokio::test]
async fn a_fault_is_met_counted_and_mended() {
    let stage = Stage::open(&[GATEWAY, DELIVERY]).await;
    let code = |phone: &str| json!({ "phone": phone });
    let fault = stage
        .ask(
            "PUT",
            "/api/faults/Plivo/http_503",
            Some(json!({ "left": 1 })),
        )
        .await;
    assert_eq!(fault.0, 200);
    stage.post("/api/auth0/login", code("+573001234567")).await;
    let texts = stage
        .wait("/api/texts", |texts| {
            !texts["texts"].as_array().unwrap().is_empty()
        })
        .await;
    assert_eq!(texts["texts"][0]["provider"], "Clickatell");
    assert_eq!(
        stage.get("/api/faults").await["active"],
        json!([]),
        "it was met"
    );
    let wire = stage.get("/api/wire?to=Plivo").await;
    assert_eq!(wire["exchanges"][0]["fault"], "http_503");
    stage
        .ask("PUT", "/api/faults/Plivo/down", Some(json!({})))
        .await;
    stage.post("/api/auth0/login", code("+573001234568")).await;
    stage.ask("DELETE", "/api/faults", None).await;
    stage
        .ask("PUT", "/api/faults/Plivo/receipt_failed", Some(json!({})))
        .await;
    stage.post("/api/auth0/login", code("+573001234569")).await;
    stage
        .wait("/api/texts", |texts| {
            found(&texts["texts"], "state", "failed")
                .or(found(&texts["texts"], "state", "undelivered"))
                .is_some()
        })
        .await;
    stage
        .ask("DELETE", "/api/faults/Plivo/receipt_failed", None)
        .await;
    stage.post("/api/auth0/login", code("+573001234560")).await;
    stage
        .wait("/api/texts", |texts| {
            let text = found(&texts["texts"], "to", "+573001234560");
            text.is_some_and(|text| text["state"] == "delivered")
        })
        .await;
    stage.close().await;
}

#[tokio::test]
async fn a_code_is_typed() {
    let stage = Stage::open(&[GATEWAY, DELIVERY]).await;
    let login = stage
        .post("/api/auth0/login", json!({ "phone": "+573001234567" }))
        .await;
    let path = format!("/api/auth0/login/{}/code", login["login"].as_str().unwrap());
    let texts = stage
        .wait("/api/texts", |texts| {
            !texts["texts"].as_array().unwrap().is_empty()
        })
        .await;
    let text = texts["texts"][0]["text"].as_str().unwrap();
    let code = text.rsplit(' ').next().unwrap().to_owned();
    let wrong = stage.post(&path, json!({ "code": "x" })).await;
    assert_eq!(wrong["right"], false);
    let right = stage.post(&path, json!({ "code": code })).await;
    assert_eq!(right["right"], true, "{right}");
    let (status, _) = stage
        .ask("POST", &path, Some(json!({ "code": code })))
        .await;
    assert_eq!(status, 404, "a code is right once");
    let wire = stage
        .get(&format!("/api/wire?to={DELIVERY}&text=/used"))
        .await;
    assert_eq!(wire["exchanges"][0]["status"], 204);
    stage.close().await;
}
