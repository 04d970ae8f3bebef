//! Okta, the table or Secrets Manager does not work.

use std::time::Duration;

use sandbox::Sandbox;
use sandbox::wire::Fault;
use serde_json::json;

use crate::scene::{COMPANY, MOBILE, STRANGER, Scene, answer, forwarded};

/// Everything that is no answer; the last one is remembered for the rest of Okta's minute.
fn okta_faults() -> Vec<Fault> {
    vec![
        answer(500, r#"{"errorCode":"E0000009"}"#),
        answer(200, "<html>"),
        answer(200, r#"[{"id":7}]"#),
        answer(401, "{}"),
        answer(403, r#"{"errorCode":"E0000006"}"#),
        Fault::Garbage,
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::Truncate,
        answer(429, r#"{"errorCode":"E0000047"}"#),
    ]
}

#[tokio::test]
async fn without_okta_and_a_copy_twilio_is_to_ask_again() {
    let scene = Scene::start().await;
    let params = scene.inbound(STRANGER, "Hello");
    for fault in okta_faults() {
        scene.okta().always(Some(fault.clone()));
        let reply = scene.deliver(&params).await;
        assert_eq!((reply.status, reply.body.as_str()), (503, ""), "{fault:?}");
        scene.okta().clear();
    }
    assert_eq!(
        scene.logged("directory_unavailable").await["level"],
        "ERROR"
    );
    scene.restart().await;
    scene.okta().refuse(true);
    assert_eq!(scene.deliver(&params).await.status, 503);
    scene.okta().refuse(false);
    assert!(
        scene.items("").await.is_empty(),
        "an outage is no answer to remember"
    );
    assert_eq!(
        scene.deliver(&params).await.messages,
        [forwarded(STRANGER, "Hello")]
    );
}

#[tokio::test]
async fn twilio_s_own_retries_bridge_a_short_outage() {
    let scene = Scene::start().await;
    scene.okta().times(2, || answer(503, ""));
    let reply = scene.text(STRANGER, "Hello").await;
    assert_eq!(
        (reply.attempts, reply.messages.as_slice()),
        (3, &[forwarded(STRANGER, "Hello")][..])
    );
}

#[tokio::test]
async fn without_okta_its_last_answer_serves_across_instances() {
    let scene = Scene::start().await;
    scene
        .text_leads_to(STRANGER, "Hello", &[&forwarded(STRANGER, "Hello")])
        .await;
    scene.restart().await;
    for (n, fault) in (10..).zip(okta_faults()) {
        scene.okta().always(Some(fault.clone()));
        let from = format!("+45202020{n}");
        let reply = scene.text(&from, "Hello").await;
        assert_eq!(
            (reply.status, reply.messages.as_slice()),
            (200, &[forwarded(&from, "Hello")][..]),
            "{fault:?}"
        );
        scene.okta().clear();
    }
    scene
        .lambda
        .wait_log(|line| line.contains("the last good answer serves"))
        .await;
    scene.restart().await;
    scene.okta().refuse(true);
    scene.text_leads_to(MOBILE, "Hi", &["Hi"]).await;
    scene.okta().refuse(false);
}

#[tokio::test]
async fn who_has_left_is_not_served_from_the_copy() {
    let scene = Scene::start().await;
    scene
        .text_leads_to(STRANGER, "Hello", &[&forwarded(STRANGER, "Hello")])
        .await;
    let ann = scene.sandbox.okta.users()[0].id.clone();
    scene.sandbox.okta.set_status(&ann, "SUSPENDED");
    scene.restart().await;
    scene
        .ignored(&scene.inbound(STRANGER, "Hello"), "user_not_active")
        .await;
    scene.restart().await;
    scene.okta().always(Some(answer(500, "")));
    scene
        .ignored(&scene.inbound(STRANGER, "Hello"), "user_not_active")
        .await;
}

#[tokio::test]
async fn an_okta_that_is_slow_is_not_waited_for_longer_than_twilio_waits() {
    let scene = Scene::start().await;
    scene.okta().always(Some(Fault::Hang));
    let params = scene.inbound(STRANGER, "Hello");
    let reply = scene.deliver(&params).await;
    assert_eq!((reply.status, scene.lambda.exits().len()), (503, 0));
    scene.okta().clear();
    assert_eq!(scene.deliver(&params).await.status, 200);
    scene.restart().await;
    scene
        .okta()
        .always(Some(Fault::Trickle(Duration::from_millis(500))));
    scene.text_leads_to(MOBILE, "Hi", &["Hi"]).await;
}

#[tokio::test]
async fn a_table_that_is_down_is_no_empty_table() {
    let broken =
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"no"}"#;
    let throttled = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow"}"#;
    let scene = Scene::start().await;
    scene
        .text_leads_to(STRANGER, "Hello", &[&forwarded(STRANGER, "Hello")])
        .await;
    for fault in [
        answer(500, broken),
        answer(400, throttled),
        answer(403, "{}"),
        Fault::ResetBefore,
        answer(200, "<html>"),
    ] {
        scene.dynamodb().always(Some(fault.clone()));
        for (from, body) in [
            (STRANGER, "Hello"),
            (MOBILE, "Hi"),
            (MOBILE, "+4587654321: Hi"),
        ] {
            let reply = scene.deliver(&scene.inbound(from, body)).await;
            assert_eq!(
                (reply.status, reply.body.as_str()),
                (503, ""),
                "{from} {body} {fault:?}"
            );
        }
        scene.dynamodb().clear();
    }
    assert_eq!(scene.logged("table_unavailable").await["level"], "ERROR");
    scene.dynamodb().refuse(true);
    let params = scene.inbound(MOBILE, "Hi");
    assert_eq!(scene.deliver(&params).await.status, 503);
    scene.dynamodb().refuse(false);
    assert_eq!(
        scene.deliver(&params).await.messages,
        ["Hi"],
        "not the notice that nobody wrote"
    );
    assert_eq!(scene.counted().await.iter().sum::<u64>(), 2);
}

/// Twilio and Lambda wait no longer.
#[tokio::test]
async fn a_silent_table_is_answered_for_in_time() {
    let mut sandbox = Sandbox::start().await;
    sandbox.set_timeout(Duration::from_secs(3));
    let scene = Scene::within(sandbox, 1, &[]).await;
    scene.dynamodb().always(Some(Fault::Hang));
    let params = scene.inbound(STRANGER, "Hello");
    assert_eq!(
        (
            scene.deliver(&params).await.status,
            scene.lambda.exits().len()
        ),
        (503, 0)
    );
    scene.logged("too_slow").await;
    scene.dynamodb().clear();
    assert_eq!(
        scene.deliver(&params).await.messages,
        [forwarded(STRANGER, "Hello")]
    );
}

#[tokio::test]
async fn without_the_secrets_nothing_is_believed_or_asked() {
    let sandbox = Sandbox::start().await;
    sandbox
        .aws
        .secrets()
        .faults()
        .always(Some(answer(500, "{}")));
    let scene = Scene::within(sandbox, 1, &[]).await;
    let params = scene.inbound(STRANGER, "Hello");
    assert_eq!(
        (scene.deliver(&params).await.status, scene.asked()),
        (503, [0; 3])
    );
    scene.logged("secret_unavailable").await;
    scene.sandbox.aws.secrets().faults().clear();
    scene.sandbox.aws.set_secret("switchboard/okta", &json!({}));
    scene.restart().await;
    assert_eq!(
        (
            scene.deliver(&params).await.status,
            scene.items("directory#").await.len()
        ),
        (503, 0)
    );
    scene.logged("directory_unavailable").await;
}

#[tokio::test]
async fn a_token_that_okta_takes_no_more_is_fetched_anew() {
    let scene = Scene::start().await;
    scene.sandbox.okta.set_api_token("00another-token");
    scene.sandbox.aws.set_secret(
        "switchboard/okta",
        &json!({ "api_token": "00another-token" }),
    );
    scene.mark("00another-token");
    scene
        .text_leads_to(STRANGER, "Hello", &[&forwarded(STRANGER, "Hello")])
        .await;
}

#[tokio::test]
async fn with_a_service_app_that_may_only_read_the_token_is_there_before_the_first_text() {
    let sandbox = Sandbox::start().await;
    sandbox
        .aws
        .set_secret("switchboard/okta", &sandbox::okta::service_app());
    sandbox.okta.set_scope("okta.users.read");
    let scene = Scene::within(sandbox, 1, &[]).await;
    scene.asked();
    scene
        .text_leads_to(STRANGER, "Hello", &[&forwarded(STRANGER, "Hello")])
        .await;
    assert_eq!(scene.asked()[0], 1);
    assert_eq!(scene.items(&format!("directory#{COMPANY}")).await.len(), 1);
}

/// The scene looks into every line for them.
#[tokio::test]
async fn what_upstreams_quote_is_not_logged() {
    let scene = Scene::start().await;
    let all = format!(
        "{MOBILE} {STRANGER} {COMPANY} {} {}",
        sandbox::okta::API_TOKEN,
        sandbox::twilio::AUTH_TOKEN
    );
    for status in [200, 400, 401, 403, 404, 500, 429] {
        let body =
            json!({ "errorCode": all, "errorSummary": all, "__type": "x#AccessDeniedException", "message": all }).to_string();
        scene.okta().always(Some(answer(status, &body)));
        assert_eq!(
            scene
                .deliver(&scene.inbound(STRANGER, "Hello"))
                .await
                .status,
            503,
            "{status}"
        );
        scene.dynamodb().always(Some(answer(status, &body)));
        assert_eq!(
            scene
                .deliver(&scene.inbound(STRANGER, "Hello"))
                .await
                .status,
            503,
            "{status}"
        );
        scene.dynamodb().clear();
    }
}
