//! The sender of AWS End User Messaging, and the dry run of a text.

use sandbox::end_user_messaging::{CONFIGURATION_SET, POOL_ARN};
use sandbox::twilio::NUMBER;
use sandbox::wire::Fault;
use serde_json::{Value, json};

use crate::scene::Scene;

const PHONE: &str = "+4520304050";

/// A stack whose codes go through AWS.
async fn through_aws() -> Scene {
    let scene = Scene::healthy().await;
    scene.deploy("SmsRoutes", "*=aws,twilio");
    scene.deploy("AwsSmsIdentityArn", POOL_ARN);
    scene
}

/// What the doctor finds in this check.
async fn findings(scene: &Scene, check: &str, arguments: &[&str]) -> Vec<Value> {
    let report = scene
        .run(&[&["--json", "doctor"], arguments].concat())
        .await;
    let report = report.json();
    let findings = report["findings"].as_array().unwrap();
    let about = findings.iter().filter(|finding| finding["check"] == check);
    about.cloned().collect()
}

/// The single finding of a dry run: its severity, its text and its remedy.
async fn found(scene: &Scene, arguments: &[&str]) -> [String; 3] {
    let found = findings(scene, "aws.dry_run", arguments).await;
    let [finding] = &found[..] else {
        panic!("{found:#?}")
    };
    ["severity", "what", "remedy"].map(|part| finding[part].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_route_through_aws_needs_a_sender() {
    let scene = Scene::healthy().await;
    for (routes, sender, is_fine) in [
        ("*=twilio,aws", "", false),
        ("*=twilio", "", true),
        ("*=twilio,aws", POOL_ARN, true),
    ] {
        scene.deploy("SmsRoutes", routes);
        scene.deploy("AwsSmsIdentityArn", sender);
        let found = findings(&scene, "gateway.aws_sender", &[]).await;
        assert_eq!(found.is_empty(), is_fine, "{routes}, {sender}: {found:#?}");
        let is_risk = |finding: &Value| finding["severity"] == json!("risk");
        assert!(found.iter().all(is_risk), "{found:#?}");
    }
    assert_eq!(scene.sandbox.aws_sms.tried().len(), 1);
}

#[tokio::test]
async fn a_text_through_aws_is_tried_and_not_sent() {
    let scene = through_aws().await;
    scene.deploy("AwsSmsMaxPrice", "0.25");
    scene.deploy("AwsSmsConfigurationSet", CONFIGURATION_SET);
    let aws = &scene.sandbox.aws_sms;
    for (arguments, to) in [(&[][..], NUMBER), (&["--phone", PHONE], PHONE)] {
        let output = scene.succeed(&[&["doctor"], arguments].concat()).await;
        assert!(output.out.contains("aws.dry_run"), "{}", output.out);
        let tried = aws.tried().pop().unwrap();
        let members = json!({
            "DestinationPhoneNumber": to, "MessageBody": tried["MessageBody"], "MessageType": "TRANSACTIONAL", "OriginationIdentity": POOL_ARN,
            "MaxPrice": "0.25", "ConfigurationSetName": CONFIGURATION_SET, "DryRun": true,
        });
        assert_eq!(tried, members);
    }
    assert_eq!((aws.tried().len(), aws.messages()), (2, vec![]));
    assert_eq!(aws.server().complaints(), [""; 0]);
}

#[tokio::test]
async fn without_a_route_through_aws_nothing_is_tried() {
    let scene = through_aws().await;
    scene.deploy("SmsRoutes", "*=twilio");
    scene.succeed(&["doctor"]).await;
    assert!(scene.sandbox.aws_sms.server().exchanges().is_empty());
}

#[tokio::test]
async fn what_aws_rejects_is_named_with_its_remedy() {
    let scene = through_aws().await;
    let aws = &scene.sandbox.aws_sms;
    for (exception, reason, severity, what, remedy) in [
        (
            "AccessDeniedException",
            "",
            "unchecked",
            "your login",
            "sms-voice:SendTextMessage",
        ),
        (
            "AccessDeniedException",
            "ACCOUNT_DISABLED",
            "fault",
            "ACCOUNT_DISABLED",
            "AWS Support",
        ),
        (
            "ConflictException",
            "DESTINATION_PHONE_NUMBER_NOT_VERIFIED",
            "fault",
            "in the SMS sandbox",
            "production access",
        ),
        (
            "ConflictException",
            "NO_ORIGINATION_IDENTITIES_FOUND",
            "fault",
            "NO_ORIGINATION_IDENTITIES_FOUND",
            "AwsSmsIdentityArn",
        ),
        (
            "ServiceQuotaExceededException",
            "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT",
            "fault",
            "MONTHLY_SPEND_LIMIT",
            "spending limit",
        ),
        (
            "ConflictException",
            "SOMETHING_NEW",
            "fault",
            "SOMETHING_NEW",
            "docs/sms-gateway.md",
        ),
        (
            "ThrottlingException",
            "",
            "risk",
            "ThrottlingException",
            "operator --stack switchboard doctor",
        ),
    ] {
        aws.reject(NUMBER, exception, reason, "");
        let [was, text, do_it] = found(&scene, &[]).await;
        assert_eq!(was, severity, "{exception} {reason}");
        assert!(
            text.contains(what) && do_it.contains(remedy),
            "{text} {do_it}"
        );
    }
    assert_eq!(aws.messages(), []);
}

#[tokio::test]
async fn a_sender_that_is_not_there_is_a_fault() {
    let scene = through_aws().await;
    let gone = "arn:aws:sms-voice:eu-west-1:000000000000:pool/pool-gone";
    for (parameter, value) in [
        ("AwsSmsConfigurationSet", "gone"),
        ("AwsSmsIdentityArn", gone),
    ] {
        scene.deploy(parameter, value);
        let [severity, what, remedy] = found(&scene, &[]).await;
        assert_eq!(severity, "fault");
        assert!(what.contains(&format!("{value} was not found")), "{what}");
        assert!(remedy.contains(parameter), "{remedy}");
    }
}

/// A sender of one country does not send to the number that the doctor chose from another.
#[tokio::test]
async fn a_number_that_aws_does_not_take_is_a_fault_only_if_it_was_asked_for() {
    let scene = through_aws().await;
    let aws = &scene.sandbox.aws_sms;
    for number in [NUMBER, PHONE] {
        aws.reject(number, "ValidationException", "COUNTRY_NOT_ENABLED", "");
    }
    let [severity, _, remedy] = found(&scene, &[]).await;
    assert_eq!(severity, "unchecked");
    assert!(remedy.contains("--phone"), "{remedy}");
    let [severity, what, _] = found(&scene, &["--phone", PHONE]).await;
    assert_eq!(severity, "fault");
    assert!(!what.contains(PHONE), "{what}");
}

#[tokio::test]
async fn aws_that_does_not_answer_is_a_risk() {
    let scene = through_aws().await;
    let faults = scene.sandbox.aws_sms.server().faults();
    faults.always(Some(Fault::ResetBefore));
    let [severity, ..] = found(&scene, &[]).await;
    assert_eq!(severity, "risk");
}
