//! DynamoDB or Secrets Manager does not work: 503, so that Twilio tries again, and nothing is lost.

use std::time::Duration;

use sandbox::Sandbox;
use sandbox::auth0::LinkPage;
use sandbox::wire::Fault;
use serde_json::json;
use shared::rules::link::Kind;

use crate::scene::{CONFIRMED, Scene, WRONG, answer, no_fault, request};

pub(crate) fn broken() -> Fault {
    answer(
        500,
        &[],
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"no"}"#,
    )
}

#[tokio::test]
async fn a_table_that_is_down_is_no_empty_table() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    let faults = scene.sandbox.aws.dynamodb().faults();
    let throttled = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow"}"#;
    for fault in [
        broken(),
        answer(400, &[], throttled),
        answer(403, &[], "{}"),
        Fault::ResetBefore,
        answer(200, &[], "<html>"),
    ] {
        faults.always(Some(fault.clone()));
        for text in ["YES", "NO", "STOP"] {
            let reply = scene
                .sandbox
                .twilio
                .deliver(scene.inbound(text), scene.lambda.url())
                .await;
            assert_eq!(
                (reply.status, reply.body.as_str()),
                (503, ""),
                "{text} {fault:?}"
            );
        }
        faults.clear();
    }
    faults.refuse(true);
    let params = scene.inbound("YES");
    assert_eq!(
        scene
            .sandbox
            .twilio
            .deliver(params.clone(), scene.lambda.url())
            .await
            .status,
        503
    );
    faults.refuse(false);
    scene.assert_nothing_fetched();
    assert_eq!(scene.waiting().await, 1);
    assert_eq!(
        scene
            .sandbox
            .twilio
            .deliver(params, scene.lambda.url())
            .await
            .messages,
        [CONFIRMED]
    );
}

#[tokio::test]
async fn twilio_s_own_retries_bridge_a_short_outage() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    let faults = scene.sandbox.aws.dynamodb().faults();
    // Any one call of the first attempt fails through all its retries; the second attempt finds the table up.
    for working in 0..4 {
        faults.times(working, no_fault);
        faults.times(3, broken);
        scene.text_answered("NO", WRONG).await;
        faults.clear();
    }
    scene.assert_everything_expires().await;
    scene.text_answered("YES", CONFIRMED).await;
}

#[tokio::test]
async fn what_was_confirmed_is_told_although_it_cannot_be_written_down() {
    let scene = Scene::hurried(Duration::from_secs(3)).await;
    let mail = scene.verification(LinkPage::Form).await;
    let faults = scene.sandbox.aws.dynamodb().faults();
    faults.times(4, no_fault); // the note, the claim, the hold, the step
    faults.always(Some(broken()));
    scene.text_answered("YES", CONFIRMED).await;
    assert_eq!(
        (scene.verified(), scene.sandbox.auth0.posted(&mail.ticket)),
        (true, 1)
    );
    scene
        .lambda
        .wait_log(|line| line.contains("closing write failed"))
        .await;
    faults.clear();
    let reply = scene.deliver_until_answered(&scene.inbound("YES")).await;
    assert_eq!(reply.messages, [CONFIRMED], "the user's record says so");
    assert_eq!(
        (
            scene.pending().await,
            scene.sandbox.auth0.posted(&mail.ticket)
        ),
        (None, 1)
    );
}

/// Twilio and Lambda wait fifteen seconds.
#[tokio::test]
async fn what_was_confirmed_is_told_in_time_although_the_table_is_silent() {
    let scene = Scene::hurried(Duration::from_secs(15)).await;
    let mail = scene.verification(LinkPage::Form).await;
    scene
        .sandbox
        .auth0
        .server()
        .faults()
        .next(Fault::Delay(Duration::from_secs(4)));
    let faults = scene.sandbox.aws.dynamodb().faults();
    faults.times(4, no_fault); // the note, the claim, the hold, the step
    faults.always(Some(Fault::Hang));
    let reply = scene.text("YES").await;
    assert_eq!(
        (reply.status, reply.attempts, reply.messages.as_slice()),
        (200, 1, &[CONFIRMED.to_owned()][..])
    );
    assert_eq!(
        (
            scene.verified(),
            scene.sandbox.auth0.posted(&mail.ticket),
            scene.lambda.exits().len()
        ),
        (true, 1, 0)
    );
}

#[tokio::test]
async fn a_link_is_not_lost_when_its_answer_cannot_be_written_down() {
    let scene = Scene::start().await;
    let mail = scene.password().await;
    let faults = scene.sandbox.aws.dynamodb().faults();
    faults.times(4, no_fault); // the note, the claim, the hold, the step
    faults.times(3, broken); // the answer, through all retries
    let reply = scene.text("YES").await;
    assert_eq!(
        (reply.status, reply.attempts),
        (200, 2),
        "{:#?}",
        scene.lambda.log()
    );
    assert!(reply.messages[0].contains(&mail.ticket));
    assert_eq!(scene.pending().await, None);
}

#[tokio::test]
async fn a_cancellation_is_not_lost_when_it_cannot_be_written_down() {
    let scene = Scene::hurried(Duration::from_secs(3)).await;
    scene.verification(LinkPage::Form).await;
    let faults = scene.sandbox.aws.dynamodb().faults();
    faults.times(3, no_fault);
    faults.times(3, broken);
    let params = scene.inbound("STOP");
    assert_eq!(
        scene
            .sandbox
            .twilio
            .deliver(params.clone(), scene.lambda.url())
            .await
            .status,
        503
    );
    assert_eq!((scene.waiting().await, faults.pending()), (1, 0));
    let reply = scene.deliver_until_answered(&params).await;
    assert_eq!(
        (reply.status, reply.messages.len(), scene.pending().await),
        (200, 0, None)
    );
}

#[tokio::test]
async fn codes_are_not_told_before_they_are_written_down() {
    let scene = Scene::start().await;
    let mail = scene.verification(LinkPage::Form).await;
    scene
        .pend(&request(
            "other",
            Kind::Verification,
            &mail.link.replace(&mail.ticket, "other"),
        ))
        .await;
    let faults = scene.sandbox.aws.dynamodb().faults();
    faults.times(5, no_fault); // the codes among them
    faults.times(3, broken); // the answer
    let reply = scene.text("YES").await;
    let list = reply.messages.concat();
    assert_eq!((reply.attempts, faults.pending()), (2, 0));
    let item = scene.pending().await.unwrap().to_string();
    assert!(
        list.lines().skip(1).count() == 2
            && list
                .lines()
                .skip(1)
                .all(|line| item.contains(&format!("\"{}\"", &line[10..14]))),
        "{list} {item}"
    );
}

#[tokio::test]
async fn a_lost_answer_of_the_table_is_no_second_owner() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    // The writes are made, their answers lost; the SDK's own retry meets its own claim.
    scene
        .sandbox
        .aws
        .dynamodb()
        .faults()
        .times(4, || Fault::ResetAfter);
    scene.text_answered("YES", CONFIRMED).await;
}

#[tokio::test]
async fn without_the_secret_nothing_is_believed() {
    let sandbox = Sandbox::start().await;
    sandbox.aws.secrets().faults().refuse(true);
    let scene = Scene::within(sandbox, 1, &[]).await;
    scene.verification(LinkPage::Form).await;
    let params = scene.inbound("YES");
    let reply = scene
        .sandbox
        .twilio
        .deliver(params.clone(), scene.lambda.url())
        .await;
    assert_eq!((reply.status, reply.body.as_str()), (503, ""));
    scene.sandbox.aws.secrets().faults().refuse(false);
    scene
        .sandbox
        .aws
        .secrets()
        .faults()
        .always(Some(answer(500, &[], "{}")));
    assert_eq!(
        scene
            .sandbox
            .twilio
            .deliver(params.clone(), scene.lambda.url())
            .await
            .status,
        503
    );
    scene.sandbox.aws.secrets().faults().clear();
    scene.assert_untouched();
    for broken in [
        json!({}),
        json!({ "account_sid": sandbox::twilio::ACCOUNT_SID }),
        json!("text"),
        json!({ "auth_token": "" }),
    ] {
        scene.sandbox.aws.set_secret("switchboard/twilio", &broken);
        // A running process remembers for half a minute what the secret lacks.
        scene.restart().await;
        assert_eq!(
            scene
                .sandbox
                .twilio
                .deliver(params.clone(), scene.lambda.url())
                .await
                .status,
            503,
            "{broken}"
        );
    }
    scene.assert_untouched();
    let whole = json!({ "account_sid": sandbox::twilio::ACCOUNT_SID, "auth_token": sandbox::twilio::AUTH_TOKEN });
    scene.sandbox.aws.set_secret("switchboard/twilio", &whole);
    scene.restart().await;
    assert_eq!(
        scene
            .sandbox
            .twilio
            .deliver(params, scene.lambda.url())
            .await
            .messages,
        [CONFIRMED]
    );
}

#[tokio::test]
async fn a_cached_secret_bridges_an_outage() {
    let scene = Scene::start().await;
    scene.verification(LinkPage::Form).await;
    scene.sandbox.aws.secrets().faults().refuse(true);
    scene.text_answered("YES", CONFIRMED).await;
}
