//! What the embedded AWS keeps and forgets.

use std::io;

use sandbox::{Ports, Sandbox, wire::client};
use serde_json::{Value, json};

#[tokio::test]
async fn expired_items_are_swept() {
    let sandbox = Sandbox::start().await;
    for pk in ["stays", "goes"] {
        sandbox.aws.put(json!({ "pk": { "S": pk }, "sk": { "S": "1" }, "expires_at": { "N": "99999999999" } })).await;
    }
    sandbox.aws.update_expiry("goes", "1", 1_795_000_000).await;
    sandbox.aws.sweep_now().await;
    let left: Vec<_> = sandbox.aws.items().await.iter().map(|item| item["pk"]["S"].as_str().unwrap().to_owned()).collect();
    assert_eq!(left, ["stays"]);
}

#[tokio::test]
async fn secrets_are_for_signed_requests() {
    let sandbox = Sandbox::start().await;
    sandbox.aws.set_secret("switchboard/twilio", &json!({ "account_sid": "other" }));
    let get = async |authorization: &str, request: Value| {
        let target = ("x-amz-target", "secretsmanager.GetSecretValue");
        let request = client()
            .post(sandbox.aws.secrets().url())
            .header(target.0, target.1)
            .header("authorization", authorization)
            .json(&request);
        request.send().await.unwrap().json::<Value>().await.unwrap()
    };
    let signed = "AWS4-HMAC-SHA256 Credential=A/20261120/eu-west-1/secretsmanager/aws4_request";
    assert_eq!(get(signed, json!({ "SecretId": "switchboard/twilio" })).await["SecretString"], r#"{"account_sid":"other"}"#);
    for unknown in [json!({ "SecretId": "no" }), json!({ "SecretId": "switchboard/twilio", "VersionStage": "AWSPREVIOUS" })] {
        assert_eq!(get(signed, unknown).await["__type"], "ResourceNotFoundException");
    }
    assert_eq!(sandbox.complaints().len(), 0);
    assert_eq!(get("", json!({ "SecretId": "switchboard/twilio" })).await["__type"], "MissingAuthenticationTokenException");
    assert_eq!(get(signed, json!({ "Id": 1 })).await["__type"], "ValidationException");
    assert_eq!(sandbox.complaints().len(), 2);
}

#[tokio::test]
#[should_panic(expected = "the simulators complain")]
async fn an_unread_complaint_fails_the_test() {
    let sandbox = Sandbox::start().await;
    sandbox.twilio.server().complain("what is this?");
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = taken.local_addr().unwrap().port();
    let Err(refused) = Sandbox::start_on(Ports { base }).await else { panic!("started") };
    assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    assert!(refused.to_string().starts_with("port "), "{refused}");
}
