//! The Runtime API, the Function URL and the Invoke API, with a function that does what it is told.

use std::{path::PathBuf, time::Duration};

use sandbox::{
    Sandbox,
    lambda::{InvokeError, PAYLOAD_LIMIT},
    wire::client,
};
use serde_json::json;
use tokio::time::timeout;

const FUNCTION: &str = "receive-confirmation-sms";

/// Cargo builds the examples beside the tests.
fn echo() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("examples/echo")
}

#[tokio::test]
async fn events_go_in_and_answers_come_out() {
    let sandbox = Sandbox::start().await;
    let lambda = sandbox.run(FUNCTION, &echo()).await;
    lambda.wait_ready().await.unwrap();
    assert_eq!(
        lambda.invoke(json!({ "do": "this" })).await,
        Ok(json!({ "do": "this" }))
    );
    lambda.wait_log(|line| line == "doing \"this\"").await;
    let failed = InvokeError::Function {
        kind: "Oops".into(),
        message: "as told".into(),
    };
    assert_eq!(lambda.invoke(json!({ "do": "fail" })).await, Err(failed));
    assert_eq!(
        lambda.invoke(json!("x".repeat(PAYLOAD_LIMIT))).await,
        Err(InvokeError::TooLarge)
    );
}

#[tokio::test]
async fn the_environment_is_the_template_s_and_lambda_s_alone() {
    let sandbox = Sandbox::start().await;
    let lambda = sandbox
        .run_with(
            FUNCTION,
            &echo(),
            1,
            &[("LOG_LEVEL", None), ("EXTRA", Some("1"))],
        )
        .await;
    let environment = lambda.invoke(json!({ "do": "env" })).await.unwrap();
    let mut expected = sandbox.env_for(FUNCTION);
    assert_eq!(expected.remove("LOG_LEVEL").as_deref(), Some("info"));
    expected.insert("EXTRA".into(), "1".into());
    expected.insert(
        "AWS_LAMBDA_RUNTIME_API".into(),
        environment["AWS_LAMBDA_RUNTIME_API"]
            .as_str()
            .unwrap()
            .into(),
    );
    assert_eq!(environment, json!(expected));
    assert_eq!(
        environment["PUBLIC_URL"],
        lambda.url().trim_end_matches('/')
    );
}

#[tokio::test]
async fn a_process_that_ends_is_replaced() {
    let sandbox = Sandbox::start().await;
    let lambda = sandbox.run(FUNCTION, &echo()).await;
    let exited = lambda.invoke(json!({ "do": "exit" })).await;
    assert_eq!(exited, Err(InvokeError::Exited("exit status: 3".into())));
    assert!(lambda.invoke(json!({})).await.is_ok());
    lambda.kill(lambda.pids()[0]).await;
    lambda.wait_exits(2).await;
    assert!(lambda.invoke(json!({})).await.is_ok());
}

#[tokio::test]
async fn a_process_that_is_killed_while_it_starts_is_started_again() {
    let sandbox = Sandbox::start().await;
    let lambda = sandbox.run(FUNCTION, &echo()).await;
    for killed in 0..10 {
        let started = async {
            loop {
                match lambda.pids().first() {
                    Some(pid) => break *pid,
                    None => tokio::task::yield_now().await,
                }
            }
        };
        let pid = timeout(Duration::from_secs(30), started).await;
        lambda.kill(pid.expect("a process")).await;
        lambda.wait_exits(killed + 1).await;
    }
    lambda.wait_ready().await.unwrap();
    let told = json!({ "do": "this" });
    assert_eq!(lambda.invoke(told.clone()).await, Ok(told));
}

#[tokio::test]
async fn a_process_that_takes_too_long_is_killed() {
    let mut sandbox = Sandbox::start().await;
    sandbox.set_timeout(Duration::from_millis(500));
    let lambda = sandbox.run(FUNCTION, &echo()).await;
    lambda.wait_ready().await.unwrap();
    assert_eq!(
        lambda.invoke(json!({ "do": "hang" })).await,
        Err(InvokeError::Timeout)
    );
    assert!(lambda.invoke(json!({})).await.is_ok());
    assert_eq!((lambda.exits().len(), lambda.timeouts()), (1, 1));
}

#[tokio::test]
async fn instances_work_side_by_side() {
    let sandbox = Sandbox::start().await;
    let lambda = sandbox.run_with(FUNCTION, &echo(), 2, &[]).await;
    lambda.wait_ready().await.unwrap();
    let hanging = lambda.invoke(json!({ "do": "hang" }));
    tokio::select! {
        answer = hanging => panic!("{answer:?}"),
        answer = lambda.invoke(json!({ "do": "more" })) => assert!(answer.is_ok()),
    }
    let (first, second) = (lambda.pids()[0], lambda.pids()[1]);
    lambda.pause(first).await;
    lambda.resume(first).await;
    lambda.stop().await;
    for pid in [first, second] {
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
}

#[tokio::test]
async fn a_function_that_cannot_start_says_why() {
    let sandbox = Sandbox::start().await;
    let lambda = sandbox
        .run_with(
            FUNCTION,
            &echo(),
            1,
            &[("REFUSE_TO_START", Some("TABLE_NAME is missing"))],
        )
        .await;
    assert_eq!(
        lambda.wait_ready().await,
        Err("TABLE_NAME is missing".into())
    );
    assert_eq!(
        lambda.invoke(json!({})).await,
        Err(InvokeError::Init("TABLE_NAME is missing".into()))
    );
    assert!(!lambda.wait_exits(1).await[0].success());
    assert!(lambda.errors().concat().contains("TABLE_NAME is missing"));
    let missing = sandbox.run(FUNCTION, "/no/such/binary".as_ref()).await;
    assert!(missing.wait_ready().await.is_err());
}

#[tokio::test]
async fn the_function_url_speaks_http() {
    let sandbox = Sandbox::start().await;
    let url = sandbox.door(FUNCTION).url();
    let post = async |body: &str| {
        let answer = client()
            .post(format!("{url}/p?q=1"))
            .header("content-type", "text/plain")
            .body(body.to_owned())
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(post("early").await.0, 502);
    let _lambda = sandbox.run(FUNCTION, &echo()).await;
    let (status, event) = post("hello").await;
    let event: serde_json::Value = serde_json::from_str(&event).unwrap();
    assert_eq!(
        (
            status,
            &event["body"],
            &event["rawPath"],
            &event["rawQueryString"]
        ),
        (200, &json!("hello"), &json!("/p"), &json!("q=1"))
    );
    assert_eq!(
        format!(
            "http://{}",
            event["requestContext"]["domainName"].as_str().unwrap()
        ),
        url
    );
    assert_eq!((post("fail").await.0, post("exit").await.0), (502, 502));
    assert_eq!(post(&"x".repeat(PAYLOAD_LIMIT)).await.0, 413);
}

#[tokio::test]
async fn the_invoke_api_reports_errors_in_a_header() {
    let sandbox = Sandbox::start().await;
    let _lambda = sandbox.run(FUNCTION, &echo()).await;
    let invoke = async |name: &str, event: serde_json::Value| {
        let url = format!(
            "{}/2015-03-31/functions/{name}/invocations",
            sandbox.invoke_api().url()
        );
        client().post(url).json(&event).send().await.unwrap()
    };
    let good = invoke(FUNCTION, json!({ "a": 1 })).await;
    assert_eq!(
        good.json::<serde_json::Value>().await.unwrap(),
        json!({ "a": 1 })
    );
    let failed = invoke(FUNCTION, json!({ "do": "fail" })).await;
    assert_eq!(
        (
            failed.status().as_u16(),
            &failed.headers()["x-amz-function-error"]
        ),
        (200, &"Unhandled".parse().unwrap())
    );
    assert_eq!(invoke("nobody", json!({})).await.status(), 404);
}

#[tokio::test]
async fn the_invoke_api_takes_names_kinds_and_logs_as_lambda_does() {
    let sandbox = Sandbox::start().await;
    let _lambda = sandbox.run(FUNCTION, &echo()).await;
    let invoke = async |name: &str, headers: &[(&str, &str)], event: &'static str| {
        let url = format!(
            "{}/2015-03-31/functions/{}/invocations",
            sandbox.invoke_api().url(),
            name.replace(':', "%3A")
        );
        let request = headers
            .iter()
            .fold(client().post(url), |request, (name, value)| {
                request.header(*name, *value)
            });
        let answer = request.body(event).send().await.unwrap();
        let header = |name: &str| {
            answer
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
                .unwrap_or_default()
        };
        let (status, kind, log) = (
            answer.status().as_u16(),
            header("x-amzn-errortype"),
            header("x-amz-log-result"),
        );
        (status, kind, log, answer.text().await.unwrap())
    };
    let arn = format!("arn:aws:lambda:eu-west-1:000000000000:function:{FUNCTION}");
    for name in [
        FUNCTION.to_owned(),
        format!("{FUNCTION}:$LATEST"),
        format!("000000000000:function:{FUNCTION}"),
        arn.clone(),
    ] {
        let (status, .., body) = invoke(&name, &[], "").await;
        assert_eq!(
            (status, body.as_str()),
            (200, "{}"),
            "{name}: no payload is an empty object"
        );
    }
    let (status, kind, ..) = invoke(&format!("{arn}:prod"), &[], "").await;
    assert_eq!((status, kind.as_str()), (404, "ResourceNotFoundException"));
    assert_eq!(
        invoke(
            FUNCTION,
            &[("x-amz-invocation-type", "DryRun")],
            r#"{"do":"exit"}"#
        )
        .await
        .0,
        204
    );
    assert_eq!(
        invoke(FUNCTION, &[("x-amz-invocation-type", "Later")], "")
            .await
            .1,
        "InvalidParameterValueException"
    );
    assert_eq!(
        invoke(FUNCTION, &[], "{").await.1,
        "InvalidRequestContentException"
    );
    assert!(
        invoke(FUNCTION, &[("x-amz-log-type", "Tail")], r#"{"do":"this"}"#)
            .await
            .2
            .starts_with("ZG9pbmcg"),
        "doing ..."
    );
    assert_eq!(sandbox.complaints(), [""; 0]);
    let unknown = client()
        .get(sandbox.invoke_api().url() + "/2015-03-31/functions")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            unknown.status().as_u16(),
            &unknown.headers()["x-amzn-errortype"]
        ),
        (501, &"UnknownOperationException".parse().unwrap())
    );
    assert_eq!(sandbox.complaints().len(), 1);
}
