//! KMS's answers, as its API reference words them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sandbox::{
    Sandbox,
    aws::{Aws, KEY_ARN},
    template::Template,
    wire::client,
};
use serde_json::{Value, json};

/// One request, in the name of an access key.
async fn call(aws: &Aws, key: &str, operation: &str, request: Value) -> (u16, Value) {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={key}/20261120/eu-west-1/kms/aws4_request, SignedHeaders=host, Signature=0"
    );
    let request = client()
        .post(aws.kms().url())
        .header("x-amz-target", format!("TrentService.{operation}"))
        .header("authorization", authorization)
        .json(&request);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn the_context_must_be_the_same() {
    let sandbox = Sandbox::start().await;
    let key_id = KEY_ARN.rsplit('/').next().unwrap();
    let (status, encrypted) = call(
        &sandbox.aws,
        "A",
        "Encrypt",
        json!({ "KeyId": key_id, "Plaintext": STANDARD.encode("hello"), "EncryptionContext": { "a": "1", "b": "2" } }),
    )
    .await;
    assert_eq!((status, &encrypted["KeyId"]), (200, &json!(KEY_ARN)));
    let decrypt = async |context: Value| {
        let request = json!({ "KeyId": KEY_ARN, "CiphertextBlob": encrypted["CiphertextBlob"], "EncryptionContext": context });
        call(&sandbox.aws, "A", "Decrypt", request).await
    };
    let (status, decrypted) = decrypt(json!({ "b": "2", "a": "1" })).await;
    assert_eq!(status, 200);
    assert_eq!(decrypted["Plaintext"], STANDARD.encode("hello"));
    for context in [
        json!({}),
        json!({ "a": "1" }),
        json!({ "a": "2", "b": "2" }),
        json!({ "a": "1", "b": "2", "c": "" }),
    ] {
        let refused = (400, json!({ "__type": "InvalidCiphertextException" }));
        assert_eq!(decrypt(context).await, refused);
    }
}

#[tokio::test]
async fn a_data_key_comes_plain_and_encrypted() {
    let sandbox = Sandbox::start().await;
    let request =
        json!({ "KeyId": KEY_ARN, "KeySpec": "AES_256", "EncryptionContext": { "pool": "p" } });
    let (_, made) = call(&sandbox.aws, "A", "GenerateDataKey", request).await;
    let key = STANDARD.decode(made["Plaintext"].as_str().unwrap());
    assert_eq!(key.unwrap().len(), 32);
    let request = json!({ "KeyId": KEY_ARN, "CiphertextBlob": made["CiphertextBlob"], "EncryptionContext": { "pool": "p" } });
    let (_, decrypted) = call(&sandbox.aws, "A", "Decrypt", request).await;
    assert_eq!(decrypted["Plaintext"], made["Plaintext"]);
}

#[tokio::test]
async fn refusals_have_the_types_of_kms() {
    let sandbox = Sandbox::start().await;
    let other = sandbox.aws.create_key();
    let encrypt = json!({ "KeyId": KEY_ARN, "Plaintext": "AAAA" });
    let (_, encrypted) = call(&sandbox.aws, "A", "Encrypt", encrypt.clone()).await;
    let blob = &encrypted["CiphertextBlob"];
    let kind = async |operation: &str, request: Value| {
        let (status, answer) = call(&sandbox.aws, "A", operation, request).await;
        assert_eq!(status, 400);
        answer["__type"].as_str().unwrap().to_owned()
    };
    let with = |key: &str| json!({ "KeyId": key, "CiphertextBlob": blob });
    assert_eq!(kind("Decrypt", with(&other)).await, "IncorrectKeyException");
    assert_eq!(kind("Decrypt", with("no")).await, "NotFoundException");
    let broken = json!({ "KeyId": KEY_ARN, "CiphertextBlob": "AQICAA==" });
    assert_eq!(kind("Decrypt", broken).await, "InvalidCiphertextException");
    sandbox.aws.enable_key(KEY_ARN, false);
    assert_eq!(kind("Decrypt", with(KEY_ARN)).await, "DisabledException");
    assert_eq!(kind("Encrypt", encrypt.clone()).await, "DisabledException");
    let (_, described) = call(
        &sandbox.aws,
        "A",
        "DescribeKey",
        json!({ "KeyId": KEY_ARN }),
    )
    .await;
    assert_eq!(described["KeyMetadata"]["KeyState"], "Disabled");
    sandbox.aws.remove_key(KEY_ARN);
    assert_eq!(kind("Encrypt", encrypt).await, "NotFoundException");
    assert!(sandbox.complaints().is_empty());
    let long = json!({ "KeyId": other, "Plaintext": STANDARD.encode([0; 4097]) });
    assert_eq!(kind("Encrypt", long).await, "ValidationException");
    let unknown = kind("ScheduleKeyDeletion", json!({ "KeyId": other })).await;
    assert_eq!(unknown, "UnknownOperationException");
    assert_eq!(
        kind("Decrypt", json!({ "CiphertextBlob": "" })).await,
        "ValidationException"
    );
    assert_eq!(sandbox.complaints().len(), 4);
}

#[tokio::test]
async fn a_role_without_the_right_is_refused() {
    let sandbox = Sandbox::start().await;
    let key = sandbox.env_for("api-call")["AWS_ACCESS_KEY_ID"].clone();
    let request = json!({ "KeyId": KEY_ARN, "Plaintext": "AAAA" });
    let (_, answer) = call(&sandbox.aws, &key, "Encrypt", request.clone()).await;
    assert_eq!(answer["__type"], "AccessDeniedException");
    let complaints = sandbox.complaints().concat();
    assert!(
        complaints.contains("api-call")
            && complaints.contains(&format!("kms:Encrypt on {KEY_ARN}")),
        "{complaints}"
    );
    let unsigned = client()
        .post(sandbox.aws.kms().url())
        .header("x-amz-target", "TrentService.Encrypt")
        .json(&request);
    let answer: Value = unsigned.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["__type"], "MissingAuthenticationTokenException");
    assert_eq!(sandbox.complaints().len(), 1);
}

#[tokio::test]
async fn a_role_may_do_what_its_statement_names_and_no_more() {
    let template = Template::parse(
        r"
Parameters: { OuterKeyArn: { Type: String } }
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }]
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
  InnerKey: { Type: AWS::KMS::Key }
  Reader:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/reader/
      Role: !GetAtt ReaderRole.Arn
      Environment: { Variables: { INNER_KEY_ARN: !GetAtt InnerKey.Arn } }
  ReaderRole:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyDocument:
            Statement:
              - { Effect: Allow, Action: kms:Decrypt, Resource: !Ref OuterKeyArn }
              - { Effect: Allow, Action: [kms:Encrypt, kms:Decrypt], Resource: !GetAtt InnerKey.Arn }
",
    )
    .unwrap();
    let aws = Aws::start(&template, None).await.unwrap();
    let inner = template.function("reader").unwrap().keys["INNER_KEY_ARN"].clone();
    let reader = "ASIASANDBOXREADER";
    for (key, may_encrypt) in [(KEY_ARN, false), (&inner, true)] {
        let encrypt = json!({ "KeyId": key, "Plaintext": "AAAA" });
        let (_, encrypted) = call(&aws, "A", "Encrypt", encrypt.clone()).await;
        let decrypt = json!({ "KeyId": key, "CiphertextBlob": encrypted["CiphertextBlob"] });
        let (status, decrypted) = call(&aws, reader, "Decrypt", decrypt).await;
        assert_eq!((status, &decrypted["Plaintext"]), (200, &json!("AAAA")));
        let (status, _) = call(&aws, reader, "Encrypt", encrypt).await;
        assert_eq!(status == 200, may_encrypt, "{key}");
        let data_key = json!({ "KeyId": key, "KeySpec": "AES_256" });
        let (_, refused) = call(&aws, reader, "GenerateDataKey", data_key).await;
        assert_eq!(refused["__type"], "AccessDeniedException", "{key}");
    }
    assert_eq!(aws.kms().complaints().len(), 3);
}
