//! AWS fails: what can be answered is, and nobody is let in because of it.

use sandbox::wire::Fault;
use sandbox::{STUDIO_TOKEN, Sandbox};
use serde_json::json;

use crate::scene::{Answer, FORM, NUMBER, Scene, UNUSABLE, says};

/// Each process then asks for a token of its own.
#[tokio::test]
async fn without_the_table_flows_are_answered() {
    let sandbox = Sandbox::start().await;
    sandbox.aws.dynamodb().faults().refuse(true);
    let scene = Scene::on(sandbox, 1, &[]).await;
    for _ in 0..5 {
        assert_eq!(scene.ask().await, Answer::account());
    }
    assert_eq!(scene.token_requests(), 1);
    scene
        .lambda
        .wait_log(|line| line.contains("a token is asked for without the table"))
        .await;
    scene.sandbox.auth0.rotate_key();
    scene.api.refuse_known_tokens();
    assert_eq!(scene.ask().await, Answer::account());
    assert_eq!(scene.token_requests(), 2);
    for fault in [
        says(400, r#"{"__type":"x#AccessDeniedException"}"#),
        says(500, ""),
        Fault::ResetAfter,
        Fault::Garbage,
    ] {
        scene.dynamodb().clear();
        scene.dynamodb().always(Some(fault.clone()));
        scene.restart().await;
        assert_eq!(scene.ask().await, Answer::account(), "{fault:?}");
    }
}

/// A grant that could not be shared still serves the one who asked.
#[tokio::test]
async fn a_token_that_cannot_be_shared_serves_its_owner() {
    let scene = Scene::start().await;
    assert_eq!(scene.ask().await, Answer::account());
    scene.sandbox.auth0.rotate_key();
    scene.api.refuse_known_tokens();
    scene
        .dynamodb()
        .times(2, || Fault::Delay(std::time::Duration::ZERO)); // looked for, leased
    scene.dynamodb().always(Some(says(500, "")));
    assert_eq!(scene.ask().await, Answer::account());
    scene
        .lambda
        .wait_log(|line| line.contains("a token could not be shared"))
        .await;
    scene.dynamodb().clear();
    assert_eq!(scene.ask().await, Answer::account());
    assert_eq!(scene.token_requests(), 2);
}

#[tokio::test]
async fn without_secrets_nobody_is_let_in() {
    let sandbox = Sandbox::start().await;
    sandbox.aws.secrets().faults().refuse(true);
    let scene = Scene::on(sandbox, 1, &[]).await;
    scene.lambda.wait_ready().await.unwrap();
    let request = || scene.request(FORM, format!("account_number={NUMBER}"));
    let signature = scene.sandbox.twilio.sign(
        scene.lambda.url(),
        &[("account_number".to_owned(), NUMBER.to_owned())],
    );
    assert_eq!(scene.ask().await, Answer::unavailable());
    assert_eq!(
        scene.send(request().bearer_auth("x")).await,
        Answer::unavailable()
    );
    assert_eq!(
        scene
            .send(request().header("x-twilio-signature", &signature))
            .await,
        Answer::unavailable()
    );
    assert_eq!(scene.send(request()).await, Answer::challenged());
    assert_eq!((scene.api.calls(), scene.token_requests()), (0, 0));
    let logged = scene.logged("secret_unavailable").await;
    assert_eq!(
        (&logged["level"], &logged["status"]),
        (&json!("ERROR"), &json!(503))
    );
    scene.secrets().refuse(false);
    assert_eq!(scene.ask().await, Answer::account());
    assert_eq!(
        scene
            .send(request().header("x-twilio-signature", &signature))
            .await,
        Answer::account()
    );
    scene.secrets().refuse(true);
    assert_eq!(
        scene.ask().await,
        Answer::account(),
        "once fetched, they last"
    );
}

#[tokio::test]
async fn a_secret_that_lacks_something_is_named() {
    let sandbox = Sandbox::start().await;
    sandbox
        .aws
        .set_secret("switchboard/studio", &json!({ "token": STUDIO_TOKEN }));
    let scene = Scene::on(sandbox, 1, &[]).await;
    assert_eq!(scene.ask().await, Answer::unavailable());
    let error = scene.logged("secret_unavailable").await["error"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(error.contains("lacks bearer_token"), "{error}");
    scene.sandbox.aws.set_secret(
        "switchboard/studio",
        &json!({ "bearer_token": STUDIO_TOKEN }),
    );
    scene.restart().await;
    assert_eq!(scene.ask().await, Answer::account());
}

/// The tenant's credentials alone are missing: whoever asks is known, and told in words.
#[tokio::test]
async fn without_the_tenants_credentials_there_is_no_token() {
    let sandbox = Sandbox::start().await;
    sandbox.aws.remove_secret("switchboard/auth0");
    let scene = Scene::on(sandbox, 1, &[]).await;
    assert_eq!(scene.ask().await, Answer::says(502, UNUSABLE));
    assert_eq!((scene.api.calls(), scene.token_requests()), (0, 0));
    let logged = scene.logged("api_unavailable").await;
    assert!(
        logged["error"].as_str().unwrap().contains("secret auth0"),
        "{logged}"
    );
}
