//! `DynamoDB` or Secrets Manager fail: nothing is sent that could not be accounted for.

use std::time::Duration;

use sandbox::Sandbox;
use sandbox::wire::Fault;
use serde_json::json;

use crate::scene::{PHONE, PROVIDERS, Scene, TEXT, says, secret, status};

#[tokio::test]
async fn without_dynamodb_nothing_is_sent() {
    let scene = Scene::through("twilio,vonage").await;
    let throttled = json!({ "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "message": "" });
    for fault in [
        status(500),
        says(400, throttled.to_string()),
        Fault::ResetBefore,
        says(200, "<html>"),
    ] {
        scene.dynamodb().always(Some(fault.clone()));
        let answer = scene.send(PHONE, TEXT).await;
        assert_eq!(
            (
                answer.status,
                answer.body["error"].is_string(),
                scene.asked()
            ),
            (503, true, [0; 4]),
            "{fault:?}"
        );
    }
    scene.dynamodb().clear();
    scene.dynamodb().refuse(true);
    assert_eq!(
        (scene.send(PHONE, TEXT).await.status, scene.asked()),
        (503, [0; 4])
    );
    scene.logged("table_unavailable").await;
    scene.dynamodb().refuse(false);
    assert_eq!(
        (scene.send(PHONE, TEXT).await.status, scene.texts()),
        (200, [1, 0, 0, 0])
    );
}

/// The claim is written, its answer lost: the repeated claim meets its own.
#[tokio::test]
async fn a_claim_whose_answer_is_lost_is_recognised() {
    let scene = Scene::through("twilio").await;
    scene.dynamodb().next_with("sent#", Fault::ResetAfter);
    assert_eq!(
        (scene.send(PHONE, TEXT).await.status, scene.texts()),
        (200, [1, 0, 0, 0])
    );
    assert_eq!(scene.dynamodb().pending(), 0);
    assert_eq!(scene.counted(&format!("rate#code#{PHONE}")).await, [1]);
}

/// The process that made the claim never learned of it and answered 503: nobody sends the text, and the cooldown ends that.
#[tokio::test]
async fn a_claim_that_is_written_but_never_confirmed_sends_nothing() {
    let mut sandbox = Sandbox::start().await;
    sandbox.set_timeout(Duration::from_secs(4));
    let scene = Scene::on(sandbox, 1, &[("SMS_ROUTES", Some("*=twilio"))]).await;
    scene.dynamodb().always(Some(Fault::ResetAfter));
    assert_eq!(scene.send(PHONE, TEXT).await.status, 503);
    scene.dynamodb().clear();
    assert_eq!(
        (scene.send(PHONE, TEXT).await.status, scene.asked()),
        (504, [0; 4])
    );
}

/// Whether it was written or not: once the table answers again the text is nobody's, and counted nowhere.
#[tokio::test]
async fn a_claim_that_fails_is_given_up_with_its_counts() {
    for fault in [Fault::ResetAfter, status(500)] {
        let scene = Scene::through("twilio").await;
        // As often as a write is repeated.
        for _ in 0..3 {
            scene.dynamodb().next_with("sent#", fault.clone());
        }
        assert_eq!(scene.send(PHONE, TEXT).await.status, 503, "{fault:?}");
        assert_eq!(scene.counted("rate#code#all").await, [0], "{fault:?}");
        assert_eq!(scene.send(PHONE, TEXT).await.status, 200, "{fault:?}");
        for counter in [format!("rate#code#{PHONE}"), "rate#code#all".to_owned()] {
            assert_eq!(scene.counted(&counter).await, [1], "{fault:?} {counter}");
        }
    }
}

/// Another one may have sent it by then: nobody is told that nothing was sent.
#[tokio::test]
async fn an_outage_while_another_one_sends_is_no_reason_to_send_again() {
    let scene = Scene::on(
        Sandbox::start().await,
        2,
        &[("SMS_ROUTES", Some("*=twilio"))],
    )
    .await;
    let pause = Fault::Delay(Duration::from_millis(1_500));
    scene.faults("twilio").next(pause);
    let second = async {
        scene.wait_asked("twilio", 1).await;
        scene.dynamodb().always_with("ConsistentRead", status(400));
        scene.send(PHONE, TEXT).await.status
    };
    let (first, second) = tokio::join!(scene.send(PHONE, TEXT), second);
    assert_eq!((first.status, second), (200, 504));
    assert_eq!(scene.texts(), [1, 0, 0, 0]);
    assert!(scene.logged("outcome_unknown").await["error"].is_string());
}

#[tokio::test]
async fn without_secrets_manager_at_start_it_waits_for_better_times() {
    let sandbox = Sandbox::start().await;
    sandbox.aws.secrets().faults().refuse(true);
    let scene = Scene::on(sandbox, 1, &[("SMS_ROUTES", Some("*=twilio"))]).await;
    assert_eq!(scene.send(PHONE, TEXT).await.status, 503);
    scene.secrets().refuse(false);
    scene.secrets().always(Some(status(500)));
    let answer = scene.send(PHONE, TEXT).await;
    assert_eq!(
        (answer.status, answer.body["error"].is_string()),
        (503, true)
    );
    scene.logged("secret_unavailable").await;
    scene.untouched();
    scene.secrets().clear();
    assert_eq!(
        (scene.send(PHONE, TEXT).await.status, scene.texts()),
        (200, [1, 0, 0, 0])
    );
}

#[tokio::test]
async fn once_fetched_secrets_outlast_an_outage() {
    let scene = Scene::through("twilio").await;
    scene.secrets().refuse(true);
    assert_eq!(
        (scene.send(PHONE, TEXT).await.status, scene.texts()),
        (200, [1, 0, 0, 0])
    );
}

#[tokio::test]
async fn a_provider_whose_secret_is_missing_is_passed_over() {
    for provider in PROVIDERS {
        let backup = if provider == "twilio" {
            "vonage"
        } else {
            "twilio"
        };
        let sandbox = Sandbox::start().await;
        sandbox.aws.remove_secret(&secret(provider));
        let scene = Scene::on(
            sandbox,
            1,
            &[("SMS_ROUTES", Some(&format!("*={provider},{backup}")))],
        )
        .await;
        let answer = scene.send(PHONE, TEXT).await;
        assert_eq!(
            (answer.status, answer.provider()),
            (200, backup),
            "{provider}"
        );
        assert_eq!(scene.asked().iter().sum::<usize>(), 1);
        assert_eq!(scene.logged("sent").await["ProviderFailover"], 1);
    }
}

#[tokio::test]
async fn without_the_secret_of_any_provider_nothing_is_sent_until_it_is_there() {
    let sandbox = Sandbox::start().await;
    sandbox.aws.remove_secret("switchboard/twilio-send");
    sandbox
        .aws
        .set_secret("switchboard/vonage", &json!({ "api_key": "x" }));
    let scene = Scene::on(sandbox, 1, &[("SMS_ROUTES", Some("*=twilio,vonage"))]).await;
    let answer = scene.send(PHONE, TEXT).await;
    assert_eq!(
        (answer.status, scene.asked(), scene.stage().await.as_str()),
        (503, [0; 4], "failed")
    );
    scene.logged("secret_unavailable").await;
    let secret = json!({ "account_sid": sandbox::twilio::ACCOUNT_SID, "auth_token": sandbox::twilio::AUTH_TOKEN });
    scene
        .sandbox
        .aws
        .set_secret("switchboard/twilio-send", &secret);
    assert_eq!(
        (scene.send(PHONE, TEXT).await.status, scene.texts()),
        (200, [1, 0, 0, 0])
    );
}
