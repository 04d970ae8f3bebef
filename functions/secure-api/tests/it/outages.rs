//! Something else fails: nobody gets in by it, and an account is never said not to be there.

use std::time::{Duration, Instant};

use sandbox::Sandbox;
use sandbox::auth0::Signer;
use sandbox::wire::Fault;
use serde_json::json;

use crate::scene::{ACCOUNT, Answer, INVALID, NO_TOKEN, NUMBER, Scene, says};

const PATH: &str = "/accounts/4815162342";
const BY_PHONE: &str = "/accounts?phone=%2B4520304051";

#[tokio::test]
async fn known_keys_outlast_the_tenants_outage() {
    let scene = Scene::start().await;
    scene.auth0().refuse(true);
    for _ in 0..3 {
        assert_eq!(scene.get(PATH).await, Answer::account(ACCOUNT));
        let unknown = scene.mint(json!({}), json!({"kid": "unknown"}), Signer::Stranger);
        assert_eq!(
            scene.get_with(PATH, &unknown).await,
            Answer::challenged(401, INVALID)
        );
    }
}

/// No account, and no word about the token either.
#[tokio::test]
async fn without_keys_nobody_can_say() {
    let sandbox = Sandbox::start().await;
    sandbox.auth0.server().faults().refuse(true);
    let scene = Scene::on(sandbox).await;
    scene.open_account().await;
    for path in [PATH, BY_PHONE, "/accounts/1", "/accounts/x", "/accounts"] {
        assert_eq!(scene.get(path).await, Answer::unavailable(), "{path}");
        let strange = scene.mint(json!({}), json!({}), Signer::Stranger);
        assert_eq!(
            scene.get_with(path, &strange).await,
            Answer::unavailable(),
            "{path}"
        );
        let unsigned = scene.mint(json!({}), json!({}), Signer::Nobody);
        assert_eq!(
            scene.get_with(path, &unsigned).await,
            Answer::challenged(401, INVALID),
            "{path}"
        );
        assert_eq!(
            scene.get_as(path, None).await,
            Answer::challenged(401, NO_TOKEN),
            "{path}"
        );
    }
    let logged = scene.logged("keys_unavailable").await;
    assert_eq!(
        (&logged["level"], &logged["status"]),
        (&json!("ERROR"), &json!(503))
    );
    assert!(
        logged["error"].as_str().unwrap().starts_with("JWKS: "),
        "{logged}"
    );
    assert!(scene.looked_up().is_empty());
    scene.auth0().refuse(false);
    let patience = Instant::now() + Duration::from_mins(1);
    while scene.get(PATH).await != Answer::account(ACCOUNT) {
        assert!(Instant::now() < patience, "the keys are there again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(
        scene.sandbox.auth0.jwks_fetches(),
        1,
        "asked for now and then"
    );
}

#[tokio::test]
async fn keys_that_cannot_be_read_are_none() {
    let scene = Scene::start().await;
    for fault in [
        says(500, ""),
        says(429, "{}"),
        says(302, ""),
        says(404, r#"{"keys":[]}"#),
        says(200, "{}"),
        says(200, r#"{"keys":[]}"#),
        says(
            200,
            r#"{"keys":[null,1,{"kty":"oct","kid":"sandbox-auth0-key-1","alg":"RS256","k":"AA"}]}"#,
        ),
        Fault::Garbage,
        Fault::Truncate,
        Fault::Oversize(5_000_000),
        Fault::ResetBefore,
        Fault::ResetAfter,
    ] {
        scene.auth0().always(Some(fault.clone()));
        scene.restart().await;
        assert_eq!(scene.get(PATH).await, Answer::unavailable(), "{fault:?}");
    }
    scene.auth0().clear();
    scene.restart().await;
    assert_eq!(scene.get(PATH).await, Answer::account(ACCOUNT));
}

#[tokio::test]
async fn a_tenant_that_never_answers_is_not_waited_for() {
    let sandbox = Sandbox::start().await;
    sandbox.auth0.server().faults().always(Some(Fault::Hang));
    let scene = Scene::on(sandbox).await;
    assert_eq!(scene.get(PATH).await, Answer::unavailable());
}

#[tokio::test]
async fn while_the_table_is_down_nothing_is_not_found() {
    let scene = Scene::start().await;
    let aws = json!({ "__type": "com.amazonaws.dynamodb.v20120810#AccessDeniedException", "message": format!("{NUMBER} no") });
    for fault in [
        says(400, &aws.to_string()),
        says(500, ""),
        says(503, "<html>"),
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::Truncate,
        Fault::Garbage,
    ] {
        scene.dynamodb().always(Some(fault.clone()));
        for path in [PATH, BY_PHONE, "/accounts/1"] {
            assert_eq!(
                scene.get(path).await,
                Answer::unavailable(),
                "{path} {fault:?}"
            );
        }
        // What needs no table is answered as ever.
        assert_eq!(
            scene.get("/accounts/x").await,
            Answer::empty(404),
            "{fault:?}"
        );
        assert_eq!(
            scene.get_as(PATH, None).await,
            Answer::challenged(401, NO_TOKEN),
            "{fault:?}"
        );
        scene.dynamodb().clear();
    }
    scene.dynamodb().refuse(true);
    assert_eq!(scene.get(PATH).await, Answer::unavailable());
    let logged = scene
        .lambda
        .wait_log(|line| line.contains(r#""status":503"#))
        .await;
    assert!(logged.contains(r#""level":"ERROR""#), "{logged}");
    scene.restart().await;
    assert_eq!(scene.get(PATH).await, Answer::unavailable());
    scene.dynamodb().refuse(false);
    assert_eq!(scene.get(PATH).await, Answer::account(ACCOUNT));
}

/// Both look-ups count: the account's after the phone's.
#[tokio::test]
async fn half_an_answer_is_none() {
    let scene = Scene::start().await;
    scene.dynamodb().next(Fault::Delay(Duration::ZERO));
    scene.dynamodb().times(10, || says(500, ""));
    assert_eq!(scene.get(BY_PHONE).await, Answer::unavailable());
    scene.dynamodb().clear();
    assert_eq!(scene.get(BY_PHONE).await, Answer::account(ACCOUNT));
}

#[tokio::test]
async fn a_table_that_never_answers_ends_in_time() {
    let scene = Scene::start().await;
    scene.dynamodb().always(Some(Fault::Hang));
    assert_eq!(scene.get(PATH).await, Answer::unavailable());
}
