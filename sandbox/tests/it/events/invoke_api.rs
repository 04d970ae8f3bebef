//! The recorded requests at the Invoke API, again and in any order.

use std::fs;

use sandbox::template::root;
use sandbox::wire::client;
use sandbox::{COMPANY_NUMBER, EMPLOYEE_MOBILE, Sandbox, accounts, record};
use serde_json::Value;

use super::read;
use crate::{API, FLOW, FORWARD, RECEIVE, SEND, binary};

#[tokio::test]
async fn the_invoke_api_takes_a_recorded_access_token() {
    let sandbox = Sandbox::start().await;
    sandbox.load(&accounts::seed().unwrap()).await;
    let _recorded = sandbox.run_recorded(API, binary(API).await, &[]).await;
    let api = format!(
        "{}/2015-03-31/functions/{API}/invocations",
        sandbox.invoke_api().url()
    );
    for (event, status) in [("secure-api.json", 200), ("secure-api-forged.json", 401)] {
        let answer = client()
            .post(&api)
            .json(&read(event))
            .send()
            .await
            .unwrap()
            .json::<Value>()
            .await
            .unwrap();
        assert_eq!(answer["statusCode"], status, "{event}");
    }
}

/// What the Invoke API answers to a recorded event.
async fn invoked(sandbox: &Sandbox, function: &str, event: &Value) -> Value {
    let url = sandbox.invoke_api().url();
    let api = format!("{url}/2015-03-31/functions/{function}/invocations");
    let answer = client().post(api).json(event).send().await.unwrap();
    answer.json().await.unwrap()
}

/// A stack takes the text of one id once, and the request of a flow for five minutes.
#[tokio::test]
async fn recorded_events_work_in_any_order_and_again() {
    let sandbox = Sandbox::start().await;
    sandbox.okta.hire("Ann", EMPLOYEE_MOBILE, COMPANY_NUMBER);
    sandbox.load(&accounts::seed().unwrap()).await;
    let mut running = vec![];
    for name in [SEND, RECEIVE, FORWARD, FLOW] {
        running.push(sandbox.run_recorded(name, binary(name).await, &[]).await);
    }
    // The protected API behind its URL, as api-call asks it.
    let _api = sandbox.run(API, binary(API).await).await;
    running.push(sandbox.run_recorded(API, binary(API).await, &[]).await);
    let answered = async |function: &str, file: &str| {
        let answer = invoked(&sandbox, function, &read(file)).await;
        assert_eq!(answer["statusCode"], 200, "{file}: {answer}");
        answer["body"].as_str().unwrap_or_default().to_owned()
    };
    let nothing = answered(RECEIVE, "receive-confirmation-sms.json").await;
    assert!(nothing.ends_with("<Response/>"), "nothing waits: {nothing}");
    answered(SEND, "send-verification-sms.json").await;
    let other = answered(RECEIVE, "receive-confirmation-sms-wrong-word.json").await;
    let again = answered(RECEIVE, "receive-confirmation-sms-wrong-word.json").await;
    assert!(other.contains("Try again."), "{other}");
    assert_eq!(other, again, "another text with the same words");
    // The tenant does not know this person, so the answer is about that. But there is one.
    let yes = answered(RECEIVE, "receive-confirmation-sms.json").await;
    assert!(
        yes.contains("<Message>"),
        "the same text after the mail: {yes}"
    );
    for _ in 0..3 {
        let sent = answered(FORWARD, "sms-forward.json").await;
        assert!(sent.contains("Are you in the office today?"), "{sent}");
        let found = answered(FLOW, "api-call.json").await;
        assert!(found.contains("10042"), "{found}");
    }
    let forged = invoked(&sandbox, FORWARD, &read("sms-forward-forged.json")).await;
    assert_eq!(forged["statusCode"], 403);
    // For a function in a container, the program makes them.
    let file = fs::read_to_string(root().join("events/sms-forward.json")).unwrap();
    let fresh: Value = serde_json::from_str(&record::fresh(&file)).unwrap();
    assert_ne!(fresh["body"], read("sms-forward.json")["body"]);
    let sent = invoked(&sandbox, FORWARD, &fresh).await;
    assert_eq!(sent["statusCode"], 200, "{sent}");
    let forged = fs::read_to_string(root().join("events/sms-forward-forged.json")).unwrap();
    let same: Value = serde_json::from_str(&record::fresh(&forged)).unwrap();
    assert_eq!(same, read("sms-forward-forged.json"));
}

#[tokio::test]
async fn the_invoke_api_takes_them_while_the_function_url_takes_its_own() {
    let sandbox = Sandbox::start().await;
    let url = sandbox.run(SEND, binary(SEND).await).await;
    let recorded = sandbox.run_recorded(SEND, binary(SEND).await, &[]).await;
    let invoke = |name: &str| {
        let api = format!(
            "{}/2015-03-31/functions/{SEND}/invocations",
            sandbox.invoke_api().url()
        );
        let event = read(name);
        async move {
            client()
                .post(api)
                .json(&event)
                .send()
                .await
                .unwrap()
                .json::<Value>()
                .await
                .unwrap()
        }
    };
    assert_eq!(
        invoke("send-verification-sms.json").await["statusCode"],
        200
    );
    assert_eq!(
        invoke("send-verification-sms-forged.json").await["statusCode"],
        401
    );
    assert_eq!(
        (
            sandbox.twilio.messages().len(),
            recorded.log().len(),
            url.log().len()
        ),
        (1, 2, 0)
    );
    let user = sandbox.auth0.sign_up("acme+4512345678@sms.example.com");
    assert!(
        sandbox
            .mailgun
            .receive(&sandbox.auth0.mail_password(&user).mail)
            .await
            .done
    );
    url.wait_log(|line| line.contains("\"sent\"")).await;
}
