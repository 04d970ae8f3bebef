//! The probe of `operator doctor`: every function says what it can reach, and a stranger cannot ask.

use sandbox::{Sandbox, scene::status, wire::client};
use serde_json::{Value, json};

use crate::{API, binary};

fn probe() -> Value {
    json!({ "switchboard": "probe", "requestContext": null })
}

fn is_fine(part: &Value) -> bool {
    part["problem"].is_null()
}

/// The roles are those of the template. So the item that the probe reads is one that the role allows.
#[tokio::test]
async fn each_function_says_that_it_reaches_secrets_table_and_upstreams() {
    let sandbox = Sandbox::start().await;
    for function in &sandbox.template().functions {
        let name = &function.name;
        let lambda = sandbox.run(name, binary(name).await).await;
        lambda.wait_ready().await.unwrap();
        let before = sandbox.aws.items().await;
        let answer = lambda.invoke(probe()).await.unwrap();
        assert_eq!(answer["version"], env!("CARGO_PKG_VERSION"), "{name}");
        let of_now = sandbox::now()
            .as_millis()
            .abs_diff(answer["epoch_ms"].as_u64().unwrap().into());
        assert!(of_now < 60_000, "{name}: {answer:#}");
        assert!(is_fine(&answer["table"]), "{name}: {answer:#}");
        for part in ["secrets", "upstreams"] {
            let parts = answer[part].as_array().unwrap();
            assert!(parts.iter().all(is_fine), "{name}: {answer:#}");
            let none = part == "secrets" && name == API;
            assert_eq!(parts.is_empty(), none, "{name}: {answer:#}");
        }
        assert_eq!(
            sandbox.aws.items().await,
            before,
            "{name}: nothing is written"
        );
        lambda
            .wait_log(|line| line.contains("\"outcome\":\"probed\""))
            .await;
    }
}

/// `cargo sandbox` runs a second process of each function, whose tenant has the name that a container
/// knows. A stack that was deployed here has names of its own.
#[tokio::test]
async fn by_the_invoke_api_the_function_behind_the_url_answers_under_each_of_its_names() {
    let sandbox = Sandbox::start().await;
    let name = "receive-confirmation-sms";
    let executable = binary(name).await;
    let url = sandbox.run(name, executable).await;
    let recorded = sandbox.run_recorded(name, executable, &[]).await;
    for lambda in [&url, &recorded] {
        lambda.wait_ready().await.unwrap();
    }
    let ask = async |function: &str| {
        let api = sandbox.invoke_api().url();
        let request = client().post(format!("{api}/2015-03-31/functions/{function}/invocations"));
        let answer = request.json(&probe()).send().await.unwrap();
        (
            answer.status().as_u16(),
            answer.json::<Value>().await.unwrap(),
        )
    };
    for function in [name, "acme-two-ReceiveConfirmationSms-7CC0EA7D9FE7"] {
        let (status, answer) = ask(function).await;
        assert_eq!(status, 200, "{function}: {answer}");
        let upstreams = answer["upstreams"].as_array().unwrap();
        let tenant = upstreams
            .iter()
            .find(|one| one["variable"] == "AUTH0_URL")
            .unwrap();
        assert!(is_fine(tenant), "{function}: {tenant}");
    }
    for function in [
        "acme-Nothing-7CC0EA7D9FE7",
        "ReceiveConfirmationSms",
        "acme",
    ] {
        assert_eq!(ask(function).await.0, 404, "{function}");
    }
}

#[tokio::test]
async fn a_stranger_who_sends_a_probe_gets_the_answer_to_any_other_request() {
    let sandbox = Sandbox::start().await;
    for function in &sandbox.template().functions {
        let name = &function.name;
        let lambda = sandbox.run(name, binary(name).await).await;
        lambda.wait_ready().await.unwrap();
        let ask = async |body: String| {
            let request = client()
                .post(format!("{}?switchboard=probe", lambda.url()))
                .header("content-type", "application/json")
                .header("switchboard", "probe")
                .body(body);
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        let (code, text) = ask(probe().to_string()).await;
        assert_eq!(
            (code, text.clone()),
            ask(r#"{"a":"b"}"#.to_owned()).await,
            "{name}"
        );
        assert!(
            code >= 400 && !text.contains("version"),
            "{name}: {code} {text}"
        );
        let lines = lambda.log();
        assert!(
            !lines.iter().any(|line| line.contains("probed")),
            "{name}: {lines:#?}"
        );
    }
}

#[tokio::test]
async fn a_probe_names_what_cannot_be_reached_and_no_value() {
    let sandbox = Sandbox::start().await;
    let function = "receive-confirmation-sms";
    sandbox
        .aws
        .set_secret("switchboard/twilio", &json!({ "account_sid": "AC-canary" }));
    // Nobody listens at this port.
    let nowhere = [("AUTH0_URL", Some("http://127.0.0.1:9/"))];
    let lambda = sandbox
        .run_with(function, binary(function).await, 1, &nowhere)
        .await;
    lambda.wait_ready().await.unwrap();
    sandbox.aws.dynamodb().faults().always(Some(status(503)));
    let answer = lambda.invoke(probe()).await.unwrap();
    sandbox.aws.dynamodb().faults().always(None);
    let twilio = answer["secrets"]
        .as_array()
        .unwrap()
        .iter()
        .find(|secret| secret["id"] == "switchboard/twilio");
    let problem = twilio.unwrap()["problem"].as_str().unwrap();
    assert!(problem.contains("lacks auth_token"), "{answer:#}");
    assert!(!is_fine(&answer["table"]), "{answer:#}");
    let auth0 = answer["upstreams"]
        .as_array()
        .unwrap()
        .iter()
        .find(|upstream| upstream["variable"] == "AUTH0_URL");
    assert_eq!(
        auth0.unwrap()["problem"],
        "not sent: no connection",
        "{answer:#}"
    );
    assert!(!answer.to_string().contains("canary"), "{answer:#}");
}
