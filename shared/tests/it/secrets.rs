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

/// A stranger's made-up credentials cost one fetch in half a minute, not one each.
#[tokio::test]
async fn a_secret_without_content_is_fetched_twice_a_minute_and_counts_once_it_is_filled() {
    for content in [json!({}), json!("text"), json!({"client_id": "x"})] {
        let (sandbox, secret) = setup().await;
        sandbox.aws.set_secret(ID, &content);
        let start = now();
        let at = async |second| {
            let now = start + Duration::from_secs(second);
            let fitting = secret.fitting(now, |_| true).await;
            fitting.map(|found| found.is_some())
        };
        let error = at(0).await.unwrap_err();
        for second in [1, 15, 29] {
            assert_eq!(at(second).await.as_ref(), Err(&error), "{content}");
        }
        assert_eq!(fetches(&sandbox), 1, "{content}");
        assert_eq!(at(30).await.as_ref(), Err(&error), "{content}");
        let whole = json!({"client_id": "x", "client_secret": "s"});
        sandbox.aws.set_secret(ID, &whole);
        assert_eq!(at(59).await.as_ref(), Err(&error), "{content}");
        assert_eq!(fetches(&sandbox), 2, "{content}");
        assert_eq!(at(60).await, Ok(true), "{content}");
    }
}

/// A secret that somebody empties by mistake is no reason to forget the value that was good.
#[tokio::test]
async fn content_that_becomes_unusable_does_not_shorten_the_life_of_the_value() {
    let (sandbox, secret) = setup().await;
    let start = now();
    secret.get(start).await.unwrap();
    sandbox.aws.set_secret(ID, &json!({}));
    let after = |second| start + Duration::from_secs(second);
    assert!(secret.fitting(after(1), |_| false).await.is_err());
    assert!(secret.fitting(after(2), |_| true).await.unwrap().is_some());
    sandbox
        .aws
        .set_secret(ID, &json!({"client_id": "new", "client_secret": "s"}));
    let is_new = |keys: &Credentials| keys.client_id.expose_secret() == "new";
    assert!(secret.fitting(after(6), is_new).await.unwrap().is_some());
}
