//! Calls in which a person decides.

use sandbox::{COMPANY_NUMBER, EMPLOYEE_MOBILE, IVR_NUMBER};
use serde_json::{Value, json};

use super::Stage;
use crate::{API, CALL, IVR};

const ANNA: &str = "+4512345678";

/// Begins a call, fast. Returns its path.
async fn dial(stage: &Stage, to: &str) -> String {
    let call = json!({ "from": ANNA, "to": to, "pace": "fast" });
    let call = stage.post("/api/calls", call).await;
    format!("/api/calls/{}", call["id"].as_str().unwrap())
}

async fn waits_for(stage: &Stage, path: &str, what: &str) -> Value {
    stage
        .wait(path, |call| call["waiting"]["for"] == what)
        .await
}

async fn ended(stage: &Stage, path: &str) -> Value {
    stage.wait(path, |call| call["state"] == "ended").await
}

/// The texts of the steps of a kind.
fn steps<'a>(call: &'a Value, kind: &str, field: &str) -> Vec<&'a Value> {
    let steps = call["steps"].as_array().unwrap().iter();
    steps
        .filter(|step| step["do"] == kind)
        .map(|step| &step[field])
        .collect()
}

#[tokio::test]
async fn a_caller_uses_the_phone_menu() {
    let stage = Stage::open(&[IVR, API]).await;
    let account = stage.open_accounts().await;
    let call = dial(&stage, IVR_NUMBER).await;
    for (n, keys) in [(1, format!("{account}#")), (2, "2718#".to_owned())] {
        waits_for(&stage, &call, "keys").await;
        let typed = json!({ "digits": keys });
        stage.post(&format!("{call}/keys"), typed).await;
        stage
            .wait(&call, |call| steps(call, "keys", "digits").len() == n)
            .await;
    }
    let menu = waits_for(&stage, &call, "keys").await;
    let said = steps(&menu, "say", "text");
    assert!(
        said.iter()
            .any(|text| text.as_str().unwrap().contains("Ann")),
        "{said:?}"
    );
    assert_eq!(
        steps(&menu, "keys", "digits"),
        [&json!(account), &json!("2718")]
    );
    stage.post(&format!("{call}/hangup"), json!({})).await;
    assert_eq!(ended(&stage, &call).await["ended"], "caller");
    let (status, _) = stage
        .ask(
            "POST",
            &format!("{call}/keys"),
            Some(json!({ "digits": "1" })),
        )
        .await;
    assert_eq!(status, 409, "the call is over");
    stage.close().await;
}

#[tokio::test]
async fn a_held_phone_answers_and_hangs_up() {
    let stage = Stage::open(&[CALL]).await;
    stage
        .sandbox
        .okta
        .hire("Ann", EMPLOYEE_MOBILE, COMPANY_NUMBER);
    let call = dial(&stage, COMPANY_NUMBER).await;
    let rings = waits_for(&stage, &call, "answer").await;
    assert_eq!(rings["waiting"]["number"], EMPLOYEE_MOBILE);
    assert_eq!(steps(&rings, "ring", "held"), [&json!(true)]);
    stage.post(&format!("{call}/answer"), json!({})).await;
    stage
        .wait(&call, |call| {
            call["state"] == "talking" && call["waiting"].is_null()
        })
        .await;
    stage
        .post(&format!("{call}/hangup"), json!({ "by": "callee" }))
        .await;
    let call = ended(&stage, &call).await;
    assert_eq!(steps(&call, "dialled", "status"), [&json!("completed")]);
    stage.close().await;
}

#[tokio::test]
async fn a_rejected_call_leaves_a_message() {
    let stage = Stage::open(&[CALL]).await;
    stage
        .sandbox
        .okta
        .hire("Ann", EMPLOYEE_MOBILE, COMPANY_NUMBER);
    let call = dial(&stage, COMPANY_NUMBER).await;
    waits_for(&stage, &call, "answer").await;
    stage.post(&format!("{call}/reject"), json!({})).await;
    waits_for(&stage, &call, "message").await;
    let words = "Please call me back <b>soon</b>";
    stage
        .post(
            &format!("{call}/message"),
            json!({ "text": words, "key": "#" }),
        )
        .await;
    let call = ended(&stage, &call).await;
    assert_eq!(steps(&call, "dialled", "status"), [&json!("busy")]);
    assert_eq!(steps(&call, "message", "text"), [&json!(words)]);
    stage
        .wait("/api/texts", |texts| {
            let texts = texts["texts"].as_array().unwrap();
            texts.iter().any(|text| text["to"] == EMPLOYEE_MOBILE)
        })
        .await;
    stage.close().await;
}

#[tokio::test]
async fn a_caller_who_hangs_up_while_it_rings_is_gone() {
    let stage = Stage::open(&[CALL]).await;
    stage
        .sandbox
        .okta
        .hire("Ann", EMPLOYEE_MOBILE, COMPANY_NUMBER);
    let call = dial(&stage, COMPANY_NUMBER).await;
    waits_for(&stage, &call, "answer").await;
    stage.post(&format!("{call}/hangup"), json!({})).await;
    let call = ended(&stage, &call).await;
    assert_eq!(steps(&call, "dialled", "status"), [&json!("canceled")]);
    assert_eq!(call["ended"], "caller");
    stage.close().await;
}

#[tokio::test]
async fn a_spoken_text_takes_time_until_the_page_has_spoken_it() {
    let stage = Stage::open(&[CALL]).await;
    stage
        .sandbox
        .okta
        .hire("Ann", EMPLOYEE_MOBILE, COMPANY_NUMBER);
    let call = json!({ "from": ANNA, "to": COMPANY_NUMBER });
    let call = stage.post("/api/calls", call).await;
    let call = format!("/api/calls/{}", call["id"].as_str().unwrap());
    let greeting = stage
        .wait(&call, |call| !steps(call, "say", "text").is_empty())
        .await;
    assert_eq!(greeting["waiting"], json!(null), "it still speaks");
    let step = steps(&greeting, "say", "n")[0].clone();
    stage
        .post(&format!("{call}/spoken"), json!({ "step": step }))
        .await;
    waits_for(&stage, &call, "answer").await;
    stage.post(&format!("{call}/hangup"), json!({})).await;
    ended(&stage, &call).await;
    stage.close().await;
}

#[tokio::test]
async fn a_call_to_nobody_ends_at_once() {
    let stage = Stage::open(&[]).await;
    let call = dial(&stage, "+4599999999").await;
    assert_eq!(ended(&stage, &call).await["ended"], "nobody");
    stage.close().await;
}
