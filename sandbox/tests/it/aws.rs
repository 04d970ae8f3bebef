//! What the embedded AWS keeps and forgets.

use std::io;

use sandbox::{Ports, Sandbox, aws::TABLE_NAME, cloudformation::STACK_NAME, wire::client};
use serde_json::{Value, json};

/// An `Authorization` that names an access key. The embedded AWS reads whose key that is, and checks neither the signature nor its time:
/// here one value serves any number of requests, which AWS refuses once it is some minutes old.
fn named_key(key: &str, service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/20261120/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

#[tokio::test]
async fn expired_items_are_swept() {
    let sandbox = Sandbox::start().await;
    for pk in ["stays", "goes"] {
        sandbox.aws.put(json!({ "pk": { "S": pk }, "sk": { "S": "1" }, "expires_at": { "N": "99999999999" } })).await;
    }
    sandbox.aws.update_expiry("goes", "1", 1_795_000_000).await;
    sandbox.aws.sweep_now().await;
    let left: Vec<_> = sandbox
        .aws
        .items()
        .await
        .iter()
        .map(|item| item["pk"]["S"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(left, ["stays"]);
}

#[tokio::test]
async fn secrets_are_for_requests_that_name_a_key() {
    let sandbox = Sandbox::start().await;
    sandbox
        .aws
        .set_secret("switchboard/twilio", &json!({ "account_sid": "other" }));
    let get = async |authorization: &str, request: Value| {
        let target = ("x-amz-target", "secretsmanager.GetSecretValue");
        let request = client()
            .post(sandbox.aws.secrets().url())
            .header(target.0, target.1)
            .header("authorization", authorization)
            .json(&request);
        request.send().await.unwrap().json::<Value>().await.unwrap()
    };
    let named = &named_key("A", "secretsmanager");
    assert_eq!(
        get(named, json!({ "SecretId": "switchboard/twilio" })).await["SecretString"],
        r#"{"account_sid":"other"}"#
    );
    for unknown in [
        json!({ "SecretId": "no" }),
        json!({ "SecretId": "switchboard/twilio", "VersionStage": "AWSPENDING" }),
    ] {
        assert_eq!(
            get(named, unknown).await["__type"],
            "ResourceNotFoundException"
        );
    }
    assert_eq!(sandbox.complaints().len(), 0);
    assert_eq!(
        get("", json!({ "SecretId": "switchboard/twilio" })).await["__type"],
        "MissingAuthenticationTokenException"
    );
    assert_eq!(
        get(named, json!({ "Id": 1 })).await["__type"],
        "ValidationException"
    );
    assert_eq!(sandbox.complaints().len(), 2);
}

#[tokio::test]
async fn a_function_may_do_what_its_role_in_the_template_says_and_no_more() {
    let sandbox = Sandbox::start().await;
    let call = async |function: &str, service: &str, target: &str, request: Value| {
        let url = if service == "dynamodb" {
            sandbox.aws.dynamodb().url()
        } else {
            sandbox.aws.secrets().url()
        };
        let key = sandbox.env_for(function)["AWS_ACCESS_KEY_ID"].clone();
        let request = client()
            .post(url)
            .header("x-amz-target", target)
            .header("x-amz-date", "20261120T120000Z")
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", named_key(&key, service))
            .body(request.to_string());
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["__type"]
            .as_str()
            .unwrap_or_default()
            .rsplit('#')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let item = |pk: &str| json!({ "TableName": TABLE_NAME, "Key": { "pk": { "S": pk }, "sk": { "S": "x" } } });
    let get = "DynamoDB_20120810.GetItem";
    assert_eq!(
        call("api-call", "dynamodb", get, item("token#api#1")).await,
        ""
    );
    assert_eq!(
        call(
            "send-verification-sms",
            "dynamodb",
            get,
            item("pending#+4512345678")
        )
        .await,
        ""
    );
    assert_eq!(
        call(
            "sms-gateway",
            "secretsmanager",
            "secretsmanager.GetSecretValue",
            json!({ "SecretId": "switchboard/twilio-send" })
        )
        .await,
        ""
    );
    assert_eq!(sandbox.complaints().len(), 0);
    for (function, service, target, request) in [
        ("api-call", "dynamodb", get, item("token#management#1")),
        ("sms-gateway", "dynamodb", get, item("pending#+4512345678")),
        (
            "secure-api",
            "dynamodb",
            "DynamoDB_20120810.UpdateItem",
            item("account#1"),
        ),
        (
            "send-verification-sms",
            "dynamodb",
            "DynamoDB_20120810.Scan",
            json!({ "TableName": TABLE_NAME }),
        ),
        (
            "sms-gateway",
            "secretsmanager",
            "secretsmanager.GetSecretValue",
            json!({ "SecretId": "switchboard/twilio" }),
        ),
        (
            "sms-gateway",
            "secretsmanager",
            "secretsmanager.PutSecretValue",
            json!({ "SecretId": "switchboard/gateway" }),
        ),
    ] {
        assert_eq!(
            call(function, service, target, request).await,
            "AccessDeniedException",
            "{function} {target}"
        );
        assert!(
            sandbox.complaints().concat().contains(function),
            "{function} {target}"
        );
    }
}

#[tokio::test]
async fn secrets_are_written_and_described() {
    let sandbox = Sandbox::start().await;
    let call = async |operation: &str, request: Value| {
        let request = client()
            .post(sandbox.aws.secrets().url())
            .header("x-amz-target", format!("secretsmanager.{operation}"))
            .header("authorization", named_key("A", "secretsmanager"))
            .json(&request);
        request.send().await.unwrap().json::<Value>().await.unwrap()
    };
    sandbox.aws.create_secret("dev/hook", "bearer_token");
    let asked = json!({ "SecretId": "dev/hook" });
    let described = call("DescribeSecret", asked.clone()).await;
    assert_eq!(
        (&described["Description"], &described["VersionIdsToStages"]),
        (&json!("bearer_token"), &json!({}))
    );
    assert_eq!(
        call("GetSecretValue", asked.clone()).await["__type"],
        "ResourceNotFoundException"
    );
    assert_eq!(sandbox.aws.secret("dev/hook"), None);
    let token = "00000000-0000-4000-8000-0000000000aa";
    let put = |id: &str| json!({ "SecretId": id, "ClientRequestToken": token, "SecretString": r#"{"bearer_token":"x"}"# });
    let arn = described["ARN"].as_str().unwrap();
    assert_eq!(call("PutSecretValue", put(arn)).await["VersionId"], token);
    assert_eq!(
        sandbox.aws.secret("dev/hook"),
        Some(json!({ "bearer_token": "x" }))
    );
    assert_eq!(
        call("GetSecretValue", json!({ "SecretId": arn })).await["SecretString"],
        r#"{"bearer_token":"x"}"#
    );
    assert_eq!(
        call("DescribeSecret", asked).await["VersionIdsToStages"][token],
        json!(["AWSCURRENT"])
    );
    for operation in ["PutSecretValue", "DescribeSecret"] {
        let request = if operation == "PutSecretValue" {
            put("no")
        } else {
            json!({ "SecretId": "no" })
        };
        assert_eq!(
            call(operation, request).await["__type"],
            "ResourceNotFoundException"
        );
    }
    assert_eq!(sandbox.complaints().len(), 0);
    let short = json!({ "SecretId": "no", "SecretString": "x", "ClientRequestToken": "x" });
    assert_eq!(
        call("PutSecretValue", short).await["__type"],
        "ValidationException"
    );
    assert_eq!(
        call("DeleteSecret", json!({ "SecretId": "no" })).await["__type"],
        "UnknownOperationException"
    );
    assert_eq!(sandbox.complaints().len(), 2);
}

#[tokio::test]
async fn secrets_have_versions_with_labels() {
    let sandbox = Sandbox::start().await;
    let call = async |operation: &str, request: Value| {
        let request = client()
            .post(sandbox.aws.secrets().url())
            .header("x-amz-target", format!("secretsmanager.{operation}"))
            .header("authorization", named_key("A", "secretsmanager"))
            .json(&request);
        request.send().await.unwrap().json::<Value>().await.unwrap()
    };
    let tokens = ["a", "b", "c"].map(|letter| letter.repeat(32));
    let put = |token: &str, value: &str| json!({ "SecretId": "s", "ClientRequestToken": token, "SecretString": value });
    let created = call(
        "CreateSecret",
        json!({ "Name": "s", "ClientRequestToken": tokens[0], "SecretString": "1" }),
    )
    .await;
    assert_eq!(created["VersionId"], tokens[0]);
    assert_eq!(
        call("CreateSecret", json!({ "Name": "s" })).await["__type"],
        "ResourceExistsException"
    );
    assert_eq!(
        call("PutSecretValue", put(&tokens[1], "2")).await["VersionStages"],
        json!(["AWSCURRENT"])
    );
    // the same once more is the same; another value is not
    assert_eq!(
        call("PutSecretValue", put(&tokens[1], "2")).await["VersionId"],
        tokens[1]
    );
    assert_eq!(
        call("PutSecretValue", put(&tokens[1], "3")).await["__type"],
        "ResourceExistsException"
    );
    let get = async |more: Value| {
        let mut request = json!({ "SecretId": "s" });
        request
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        call("GetSecretValue", request).await["SecretString"].clone()
    };
    assert_eq!(get(json!({})).await, "2");
    assert_eq!(get(json!({ "VersionStage": "AWSPREVIOUS" })).await, "1");
    assert_eq!(get(json!({ "VersionId": tokens[0] })).await, "1");
    assert_eq!(
        get(json!({ "VersionId": tokens[0], "VersionStage": "AWSCURRENT" })).await,
        Value::Null
    );
    let mut pending = put(&tokens[2], "3");
    pending["VersionStages"] = json!(["AWSPENDING"]);
    call("PutSecretValue", pending).await;
    assert_eq!(
        (
            get(json!({})).await,
            get(json!({ "VersionStage": "AWSPENDING" })).await
        ),
        (json!("2"), json!("3"))
    );
    let described = call("DescribeSecret", json!({ "SecretId": "s" })).await;
    let labels = json!({ &*tokens[0]: ["AWSPREVIOUS"], &*tokens[1]: ["AWSCURRENT"], &*tokens[2]: ["AWSPENDING"] });
    assert_eq!(described["VersionIdsToStages"], labels);
    let listed = call("ListSecretVersionIds", json!({ "SecretId": "s" })).await;
    assert_eq!(listed["Versions"].as_array().unwrap().len(), 3);
    call(
        "PutSecretValue",
        json!({ "SecretId": "s", "SecretBinary": "AAE=" }),
    )
    .await;
    assert_eq!(
        call("GetSecretValue", json!({ "SecretId": "s" })).await["SecretBinary"],
        "AAE="
    );
    assert_eq!(
        get(json!({ "VersionId": tokens[0] })).await,
        "1",
        "a version without labels can still be named"
    );
    assert_eq!(
        call("DeleteSecret", json!({})).await["message"],
        "DeleteSecret is not simulated by this sandbox"
    );
    assert_eq!(sandbox.complaints().len(), 1);
}

#[tokio::test]
async fn the_stack_is_described_as_deployed() {
    let sandbox = Sandbox::start().await;
    let stack = sandbox.cloudformation.stack(STACK_NAME).unwrap();
    let url = |function: &str| sandbox.door(function).url() + "/";
    for (key, value) in [
        ("ReceiveConfirmationSmsUrl", url("receive-confirmation-sms")),
        ("ProvisionNumbersUrl", url("provision-numbers") + "okta"),
        ("TableName", TABLE_NAME.to_owned()),
        ("HookSecretName", "switchboard/hook".to_owned()),
    ] {
        assert_eq!(stack.outputs[key], value);
        assert!(sandbox.aws.secret(&value).is_some() || !key.ends_with("SecretName"));
    }
    for (key, value) in [
        ("Auth0Url", sandbox.auth0.server().url()),
        ("RecipientPrefix", "acme".to_owned()),
        ("ApiUrl", String::new()),
    ] {
        assert_eq!(stack.parameters[key], value, "{key}");
    }
}

#[tokio::test]
async fn what_an_operator_asks_of_the_table_is_answered() {
    let sandbox = Sandbox::start().await;
    let call = async |operation: &str, mut request: Value| {
        request["TableName"] = TABLE_NAME.into();
        let request = client()
            .post(sandbox.aws.dynamodb().url())
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("authorization", named_key("A", "dynamodb"))
            .header("x-amz-date", "20261120T120000Z")
            .header("content-type", "application/x-amz-json-1.0")
            .body(request.to_string());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{operation}");
        answer.json::<Value>().await.unwrap()
    };
    let key = json!({ "pk": { "S": "rate#a" }, "sk": { "S": "1" } });
    sandbox.aws.put(key.clone()).await;
    assert_eq!(
        call("DescribeTable", json!({})).await["Table"]["TableStatus"],
        "ACTIVE"
    );
    assert_eq!(
        call("DescribeTimeToLive", json!({})).await["TimeToLiveDescription"]["TimeToLiveStatus"],
        "ENABLED"
    );
    let query = json!({ "KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": { ":pk": { "S": "rate#a" } } });
    assert_eq!(call("Query", query).await["Count"], 1);
    let scan = json!({
        "FilterExpression": "begins_with(pk, :prefix)", "ExpressionAttributeValues": { ":prefix": { "S": "rate#" } },
    });
    assert_eq!(call("Scan", scan).await["Items"], json!([key]));
    call("DeleteItem", json!({ "Key": key })).await;
    assert!(sandbox.aws.items().await.is_empty());
    sandbox.aws.set_time_to_live(false).await;
    assert_eq!(
        call("DescribeTimeToLive", json!({})).await["TimeToLiveDescription"]["TimeToLiveStatus"],
        "DISABLED"
    );
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
    let Err(refused) = Sandbox::start_on(Ports { base }).await else {
        panic!("started")
    };
    assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    assert!(refused.to_string().starts_with("port "), "{refused}");
}
