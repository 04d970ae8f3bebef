//! The cache of a secret: five minutes, earlier on a mismatch but at most once a minute, never past an outage.

use std::time::Duration;

use sandbox::Sandbox;
use sandbox::wire::Fault;
use secrecy::ExposeSecret as _;
use serde_json::json;
use shared::platform::runtime::now;
use shared::platform::secrets::Secret;
use shared::vendors::auth0::Credentials;

const ID: &str = "switchboard/auth0";

async fn setup() -> (Sandbox, Secret<Credentials>) {
    let sandbox = Sandbox::start().await;
    let secret = Secret::new(
        ID.to_owned(),
        crate::aws(&sandbox).secrets_manager(&crate::client()),
    );
    (sandbox, secret)
}

fn fetches(sandbox: &Sandbox) -> usize {
    sandbox.aws.secrets().exchanges().len()
}

#[tokio::test]
async fn kept_for_five_minutes() {
    let (sandbox, secret) = setup().await;
    let start = now();
    for second in [0, 1, 299] {
        secret
            .get(start + Duration::from_secs(second))
            .await
            .unwrap();
    }
    assert_eq!(fetches(&sandbox), 1);
    sandbox
        .aws
        .set_secret(ID, &json!({"client_id": "new", "client_secret": "s"}));
    let later = secret.get(start + Duration::from_mins(5)).await.unwrap();
    assert_eq!(
        (later.client_id.expose_secret(), fetches(&sandbox)),
        ("new", 2)
    );
}

#[tokio::test]
async fn refreshed_at_most_once_a_minute() {
    let (sandbox, secret) = setup().await;
    let start = now();
    secret.get(start).await.unwrap();
    let at = async |second| {
        secret
            .refresh(start + Duration::from_secs(second))
            .await
            .unwrap()
            .is_some()
    };
    assert!(at(0).await && !at(1).await && !at(59).await && at(60).await);
    assert_eq!(fetches(&sandbox), 3);
}

#[tokio::test]
async fn a_refresh_that_failed_is_no_verdict_and_is_repeated_soon() {
    let (sandbox, secret) = setup().await;
    let start = now();
    secret.get(start).await.unwrap();
    sandbox.aws.secrets().faults().always(Some(Fault::Answer {
        status: 500,
        headers: vec![],
        body: String::new(),
    }));
    assert!(secret.refresh(start).await.is_err());
    sandbox.aws.secrets().faults().always(None);
    let before = fetches(&sandbox);
    assert!(
        secret
            .refresh(start + Duration::from_secs(4))
            .await
            .is_err()
    );
    assert_eq!(fetches(&sandbox), before);
    assert!(
        secret
            .refresh(start + Duration::from_secs(5))
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn an_outage_is_an_error_that_names_the_secret() {
    let (sandbox, secret) = setup().await;
    let start = now();
    secret.get(start).await.unwrap();
    sandbox.aws.secrets().faults().always(Some(Fault::Answer {
        status: 500,
        headers: vec![],
        body: String::new(),
    }));
    let error = secret
        .get(start + Duration::from_secs(301))
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.starts_with("secret auth0 (switchboard/auth0): GetSecretValue: "),
        "{error}"
    );
    sandbox.aws.secrets().faults().always(None);
    sandbox.aws.remove_secret(ID);
    let error = secret
        .get(start + Duration::from_secs(301))
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(error.ends_with("ResourceNotFoundException"), "{error}");
    sandbox.aws.set_secret(ID, &json!({"client_id": "x"}));
    let error = secret
        .get(start + Duration::from_secs(301))
        .await
        .err()
        .unwrap()
        .to_string();
    assert_eq!(
        error,
        "secret auth0 (switchboard/auth0) lacks client_secret"
    );
}
