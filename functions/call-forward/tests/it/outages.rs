//! Something else fails: callers hear words, calls go on where they can, and nobody is dialled by guessing.

use sandbox::wire::Fault;
use sandbox::{COMPANY_NUMBER, Sandbox};
use serde_json::{Value, json};

use crate::scene::{
    APOLOGY, CALLER, GREETING, MOBILE, NAME, OTHER_COMPANY_NUMBER, OTHER_MOBILE, REGRET, Scene,
    and, connected, last_words, refused, says, status,
};

fn okta_error(status: u16, code: &str) -> Fault {
    says(
        status,
        &json!({ "errorCode": code, "errorSummary": format!("{MOBILE} {NAME}") }).to_string(),
    )
}

/// The copy outlives the process that made it; whoever was never called has none.
#[tokio::test]
async fn while_okta_has_no_answer_the_last_good_one_serves() {
    let scene = Scene::start().await;
    connected(&scene.call(CALLER).await, MOBILE, CALLER);
    scene.hire("Bob", OTHER_MOBILE, OTHER_COMPANY_NUMBER);
    for fault in [
        status(429),
        status(500),
        status(503),
        status(302),
        okta_error(403, "E0000006"),
        okta_error(400, "E0000031"),
        says(404, "<html>"),
        says(200, "{}"),
        says(200, "[{\"id\":7}]"),
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::Truncate,
        Fault::Garbage,
        Fault::Oversize(5_000_000),
    ] {
        scene.restart().await;
        scene.okta().always(Some(fault.clone()));
        connected(&scene.call(CALLER).await, MOBILE, CALLER);
        refused(&scene.call_to(CALLER, OTHER_COMPANY_NUMBER).await, APOLOGY);
        scene.okta().clear();
    }
    scene.restart().await;
    scene.okta().refuse(true);
    let call = scene.call(CALLER).await;
    connected(&call, MOBILE, CALLER);
    assert_eq!(call.heard[0], GREETING);
    refused(&scene.call_to(CALLER, OTHER_COMPANY_NUMBER).await, APOLOGY);
    let logged = scene.logged("directory_unavailable").await;
    assert_eq!(
        (&logged["level"], &logged["status"]),
        (&json!("ERROR"), &json!(200))
    );
    scene
        .lambda
        .wait_log(|line| line.contains("the last good answer serves"))
        .await;
    scene.okta().refuse(false);
    scene.restart().await;
    connected(
        &scene.call_to(CALLER, OTHER_COMPANY_NUMBER).await,
        OTHER_MOBILE,
        CALLER,
    );
    assert_eq!(scene.writes(&format!("directory#{COMPANY_NUMBER}")), 1);
}

#[tokio::test]
async fn an_okta_that_never_answers_ends_in_an_apology() {
    let scene = Scene::start().await;
    scene.okta().always(Some(Fault::Hang));
    refused(&scene.call(CALLER).await, APOLOGY);
}

#[tokio::test]
async fn a_refused_okta_token_is_fetched_anew_once() {
    let scene = Scene::start().await;
    scene.sandbox.okta.set_api_token("another-okta-api-token");
    scene.sandbox.aws.set_secret(
        "switchboard/okta",
        &json!({ "api_token": "another-okta-api-token" }),
    );
    scene.mark("another-okta-api-token");
    connected(&scene.call(CALLER).await, MOBILE, CALLER);
    assert_eq!((scene.fetched("okta"), scene.searches()), (2, 2));
    scene.restart().await;
    scene.sandbox.okta.set_api_token("a-third-okta-api-token");
    for _ in 0..3 {
        connected(&scene.call(CALLER).await, MOBILE, CALLER); // by the copy
    }
    assert_eq!(
        scene.fetched("okta"),
        4,
        "one process's first fetch and one more"
    );
}

#[tokio::test]
async fn whoever_is_suspended_stays_so_while_okta_is_down() {
    let scene = Scene::start().await;
    connected(&scene.call(CALLER).await, MOBILE, CALLER);
    let id = scene.sandbox.okta.users()[0].id.clone();
    scene.sandbox.okta.set_status(&id, "SUSPENDED");
    scene.restart().await;
    refused(&scene.call(CALLER).await, REGRET);
    let copy = scene
        .item(&format!("directory#{COMPANY_NUMBER}"))
        .await
        .unwrap();
    assert_eq!(
        (&copy["state"]["S"], &copy["mobile"]),
        (&json!("user_not_active"), &Value::Null)
    );
    scene.restart().await;
    scene.okta().refuse(true);
    refused(&scene.call(CALLER).await, REGRET);
    scene.okta().refuse(false);
    scene.sandbox.okta.set_status(&id, "ACTIVE");
    connected(&scene.call(CALLER).await, MOBILE, CALLER);
}

/// Loops and costs are not watched then, which is logged; the call's own bounds hold.
#[tokio::test]
async fn without_dynamodb_calls_go_through() {
    let scene = Scene::start().await;
    scene.dynamodb().refuse(true);
    let call = scene.call(CALLER).await;
    connected(&call, MOBILE, CALLER);
    assert_eq!(
        (call.heard, call.dialled[0].time_limit),
        (vec![GREETING.to_owned(), "Goodbye.".to_owned()], 7_200)
    );
    let line = scene
        .lambda
        .wait_log(|line| line.contains("not guarded against loops and limits"))
        .await;
    assert_eq!(
        serde_json::from_str::<Value>(&line).unwrap()["level"],
        "ERROR"
    );
    scene.hire("Bob", "", OTHER_COMPANY_NUMBER);
    refused(&scene.call_to(CALLER, OTHER_COMPANY_NUMBER).await, REGRET);
    refused(&scene.call(MOBILE).await, REGRET);
    scene.restart().await;
    scene.okta().refuse(true);
    refused(&scene.call(CALLER).await, APOLOGY);
}

#[tokio::test]
async fn a_dynamodb_that_fails_otherwise_is_no_obstacle() {
    let throttled = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":""}"#;
    for fault in [
        status(500),
        says(400, throttled),
        says(200, "<html>"),
        Fault::ResetBefore,
        Fault::Hang,
    ] {
        let scene = Scene::start().await;
        scene.dynamodb().always(Some(fault.clone()));
        let params = scene.inbound(CALLER);
        assert!(
            scene
                .post(&params, "")
                .await
                .contains(&format!(">{MOBILE}</Dial>")),
            "{fault:?}"
        );
        let over = and(&params, &[("DialCallStatus", "no-answer")]);
        assert_eq!(
            scene.post(&over, "after").await,
            last_words("Goodbye."),
            "{fault:?}"
        );
        let nobodys = and(&scene.inbound(CALLER), &[("To", OTHER_COMPANY_NUMBER)]);
        assert_eq!(
            scene.post(&nobodys, "").await,
            last_words(REGRET),
            "{fault:?}"
        );
    }
}

/// Whether the request is Twilio's cannot be known: words, and nothing else.
#[tokio::test]
async fn without_secrets_manager_nobody_is_dialled() {
    let sandbox = Sandbox::start().await;
    sandbox.aws.secrets().faults().refuse(true);
    let scene = Scene::on(sandbox, &[]).await;
    scene.hire(NAME, MOBILE, COMPANY_NUMBER);
    refused(&scene.call(CALLER).await, APOLOGY);
    assert_eq!(
        scene.post(&scene.inbound(CALLER), "after").await,
        last_words(APOLOGY)
    );
    let logged = scene.logged("secret_unavailable").await;
    assert_eq!(
        (&logged["level"], &logged["status"]),
        (&json!("ERROR"), &json!(200))
    );
    scene.untouched();
    scene.secrets().refuse(false);
    connected(&scene.call(CALLER).await, MOBILE, CALLER);
    scene.secrets().refuse(true);
    connected(&scene.call(CALLER).await, MOBILE, CALLER); // once fetched, they last
}

#[tokio::test]
async fn a_secret_that_lacks_something_is_an_apology() {
    let scene = Scene::start().await;
    scene
        .sandbox
        .aws
        .set_secret("switchboard/twilio", &json!({ "auth_token": "" }));
    scene.sandbox.aws.set_secret("switchboard/okta", &json!({}));
    scene.restart().await;
    refused(&scene.call(CALLER).await, APOLOGY);
    let logged = scene.logged("secret_unavailable").await;
    assert!(
        logged["error"]
            .as_str()
            .unwrap()
            .contains("lacks account_sid, auth_token"),
        "{logged}"
    );
}

/// What others say about an error is not repeated; the scene looks for it when it ends.
#[tokio::test]
async fn upstreams_that_quote_are_not_quoted() {
    let scene = Scene::with(&[("VOICEMAIL", Some("on"))]).await;
    let all = format!(
        "{MOBILE} {COMPANY_NUMBER} {CALLER} {NAME} {}",
        sandbox::okta::API_TOKEN
    );
    let body = json!({
        "errorCode": all, "errorSummary": all, "error": all, "error_description": all, "code": all, "message": all,
        "more_info": all,
    });
    let aws = json!({ "__type": "com.amazonaws.dynamodb.v20120810#AccessDeniedException", "message": all });
    let recording = "https://api.twilio.com/2010-04-01/Accounts/AC/Recordings/REquoted";
    scene.mark(recording);
    for code in [400, 401, 403, 404, 429, 500] {
        for (faults, body) in [
            (scene.okta(), &body),
            (scene.sandbox.twilio.server().faults(), &body),
            (scene.dynamodb(), &aws),
        ] {
            faults.always(Some(says(code, &body.to_string())));
        }
        let number = format!("+1500555{code:04}"); // has no copy
        scene.hire("Bob", MOBILE, &number);
        refused(&scene.call_to(CALLER, &number).await, APOLOGY);
        scene.okta().clear();
        scene.dynamodb().clear();
        scene.restart().await; // Okta's limit is forgotten
        // Somebody else each time: one caller's messages are limited.
        let told = and(
            &scene.inbound(&format!("+14155551{code}")),
            &[("RecordingUrl", recording), ("RecordingDuration", "7")],
        );
        assert_eq!(scene.post(&told, "after").await, last_words("Goodbye."));
    }
    assert_eq!(
        scene
            .outcomes()
            .iter()
            .filter(|outcome| *outcome == "voicemail_text_failed")
            .count(),
        6
    );
}
