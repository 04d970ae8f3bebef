//! AWS End User Messaging as a provider: its settings, and failover from it and to it.

use sandbox::Sandbox;
use sandbox::end_user_messaging::{CONFIGURATION_SET, POOL_ARN};
use sandbox::scene;
use serde_json::json;

use crate::scene::{FUNCTION, OTHER_PHONE, OTHER_TEXT, PHONE, Scene, TEXT, status};

#[tokio::test]
async fn a_code_goes_out_through_aws_without_a_secret() {
    let scene = Scene::through("aws").await;
    let answer = scene.send(PHONE, TEXT).await;
    let sent = scene.sandbox.aws_sms.messages().remove(0);
    let receipt = json!({ "provider": "aws", "id": sent.id });
    assert_eq!((answer.status, answer.body), (200, receipt));
    assert_eq!((sent.to.as_str(), sent.text.as_str()), (PHONE, TEXT));
    assert_eq!(scene.texts(), [0; 4]);
    for provider in ["twilio", "clickatell", "plivo", "vonage", "aws"] {
        assert_eq!(scene.fetched(provider), 0, "{provider}");
    }
}

#[tokio::test]
async fn the_settings_of_aws_are_in_the_request() {
    let scene = Scene::with(&[
        ("SMS_ROUTES", Some("*=aws")),
        ("SMS_FROM", Some("aws:ACME")),
        ("AWS_SMS_IDENTITY_ARN", Some(POOL_ARN)),
        ("AWS_SMS_MAX_PRICE", Some("0.25")),
        ("AWS_SMS_CONFIGURATION_SET", Some(CONFIGURATION_SET)),
        ("CODE_LIFE_SECONDS", Some("240")),
    ])
    .await;
    assert_eq!(scene.send(PHONE, TEXT).await.status, 200);
    let expected = json!({
        "DestinationPhoneNumber": PHONE, "OriginationIdentity": POOL_ARN, "MessageBody": TEXT, "MessageType": "TRANSACTIONAL",
        "ConfigurationSetName": CONFIGURATION_SET, "MaxPrice": "0.25", "TimeToLive": 240,
    });
    assert_eq!(scene.sandbox.aws_sms.requests(), [expected]);
}

#[tokio::test]
async fn sms_from_may_name_a_pool_or_a_name_of_aws() {
    let pool = POOL_ARN.rsplit('/').next().unwrap();
    for from in [pool, "ACME"] {
        let sender = format!("aws:{from}");
        let settings = [
            ("SMS_ROUTES", Some("*=aws")),
            ("SMS_FROM", Some(sender.as_str())),
            ("ALLOWED_COUNTRIES", Some("DK")),
        ];
        let scene = Scene::with(&settings).await;
        assert_eq!(scene.send(PHONE, TEXT).await.status, 200, "{from}");
        assert_eq!(scene.sandbox.aws_sms.messages()[0].from, from);
    }
}

#[tokio::test]
async fn when_aws_rejects_a_code_the_next_provider_sends_it() {
    let scene = Scene::through("aws,twilio").await;
    let dear = ("ValidationException", "PRICE_OVER_THRESHOLD", "");
    scene.sandbox.aws_sms.reject(PHONE, dear.0, dear.1, dear.2);
    assert_eq!(scene.send(PHONE, TEXT).await.provider(), "twilio");
    assert_eq!(scene.send(OTHER_PHONE, OTHER_TEXT).await.provider(), "aws");
}

/// The account's protect configuration limits what codes can cost. Another provider would get
/// around it.
#[tokio::test]
async fn a_rule_of_the_account_at_aws_is_a_limit_and_no_other_provider_is_asked() {
    let scene = Scene::through("aws,twilio").await;
    let rule = "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION";
    scene
        .sandbox
        .aws_sms
        .reject(PHONE, "ConflictException", rule, "");
    for _ in 0..2 {
        let answer = scene.send(PHONE, TEXT).await;
        let error = json!({ "error": "texts to this country or range are not allowed" });
        assert_eq!((answer.status, answer.body), (429, error));
    }
    assert_eq!(scene.logged("country_not_allowed").await["Refused"], 1);
    assert_eq!(scene.asked(), [0; 4]);
    assert_eq!(scene.send(OTHER_PHONE, OTHER_TEXT).await.provider(), "aws");
}

#[tokio::test]
async fn when_another_provider_fails_aws_sends_the_code() {
    let scene = Scene::through("twilio,aws").await;
    scene.faults("twilio").next(status(503));
    assert_eq!(scene.send(PHONE, TEXT).await.provider(), "aws");
    assert_eq!(scene.send(PHONE, TEXT).await.provider(), "aws");
    assert_eq!(scene.sandbox.aws_sms.messages().len(), 1);
}

#[tokio::test]
async fn wrong_settings_of_aws_are_named_if_a_route_names_aws() {
    let wrong = [
        ("AWS_SMS_IDENTITY_ARN", Some("+15005550006")),
        ("AWS_SMS_MAX_PRICE", Some("1")),
        ("AWS_SMS_CONFIGURATION_SET", Some("my codes")),
        ("AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2", Some("ftp://x")),
    ];
    let sandbox = Sandbox::start().await;
    let binary = env!("CARGO_BIN_EXE_sms-gateway").as_ref();
    let settings = [&wrong[..], &[("SMS_ROUTES", Some("*=aws"))]].concat();
    let problems = scene::problems(&sandbox, FUNCTION, binary, &settings).await;
    assert_eq!(problems.len(), wrong.len(), "{problems:#?}");
    for (name, _) in wrong {
        let named = problems.iter().any(|problem| problem.contains(name));
        assert!(named, "{name} in {problems:#?}");
    }
    let unread = [&wrong[..], &[("SMS_ROUTES", Some("*=twilio"))]].concat();
    Scene::with(&unread).await;
}
