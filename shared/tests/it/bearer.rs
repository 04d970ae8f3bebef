//! Callers that present a token we gave them, in a header or in a URL's user information.

use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use sandbox::Sandbox;
use sandbox::wire::Fault;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use shared::platform::bearer::{self, Token};
use shared::platform::request::Request;
use shared::platform::runtime::now;
use shared::platform::secrets::Secret;

const ID: &str = "switchboard/ivr";

fn presented(header: Option<&str>) -> Option<String> {
    let event = json!({
        "rawPath": "/",
        "headers": header.map(|header| json!({"Authorization": header})),
        "requestContext": {"domainName": "x.lambda-url.eu-west-1.on.aws", "http": {"method": "POST"}},
    });
    let request = Request::from_event(&event.to_string(), "id", Instant::now()).unwrap();
    bearer::presented(&request).map(|token| token.expose_secret().to_owned())
}

async fn setup() -> (Sandbox, Secret<Token>) {
    let sandbox = Sandbox::start().await;
    sandbox.aws.set_secret(ID, &json!({"bearer_token": "good"}));
    let secret = Secret::new(
        ID.to_owned(),
        crate::aws(&sandbox).secrets_manager(&crate::client()),
    );
    (sandbox, secret)
}

/// The status and outcome of a refusal.
async fn check(
    secret: &Secret<Token>,
    given: &str,
    at: SystemTime,
) -> Result<(), (u16, &'static str)> {
    let given = Some(given)
        .filter(|given| !given.is_empty())
        .map(SecretString::from);
    bearer::check(given.as_ref(), secret, at)
        .await
        .map_err(|reply| (reply.status, reply.outcome))
}

fn fetches(sandbox: &Sandbox) -> usize {
    sandbox.aws.secrets().exchanges().len()
}

#[test]
fn what_is_presented() {
    let basic = |pair: &str| format!("Basic {}", BASE64.encode(pair));
    for (header, token) in [
        ("Bearer good".to_owned(), Some("good")),
        ("bearer good".to_owned(), Some("good")),
        ("BEARER  good ".to_owned(), Some("good")),
        (" Bearer good".to_owned(), Some("good")),
        ("Bearer go od".to_owned(), Some("go od")),
        (basic("studio:good"), Some("good")),
        (basic(":good"), Some("good")),
        (basic("studio:a:b"), Some("a:b")),
        (basic("studio:gød"), Some("gød")),
        (basic("studio:good").replace("Basic", "bAsIc"), Some("good")),
        (basic("studio:"), None),
        (basic("good"), None),
        ("Basic good!".to_owned(), None),
        ("Basic c3R1ZGlvOmdvb2Q".to_owned(), None),
        (format!("Basic {}", BASE64.encode([b'a', b':', 0xff])), None),
        ("Basic".to_owned(), None),
        ("Bearer".to_owned(), None),
        ("Bearer ".to_owned(), None),
        ("good".to_owned(), None),
        ("Token good".to_owned(), None),
        ("Digest username=\"x\"".to_owned(), None),
        ("Bearergood x".to_owned(), None),
        (String::new(), None),
    ] {
        assert_eq!(presented(Some(&header)).as_deref(), token, "{header:?}");
    }
    assert_eq!(presented(None), None);
}

#[tokio::test]
async fn only_the_token_itself_opens() {
    let (sandbox, secret) = setup().await;
    let now = now();
    assert_eq!(check(&secret, "good", now).await, Ok(()));
    for given in [
        "Good",
        "goo",
        "good ",
        "goodgood",
        "\0",
        &"g".repeat(100_000),
    ] {
        assert_eq!(
            check(&secret, given, now).await,
            Err((401, "bad_credential")),
            "{given}"
        );
    }
    assert_eq!(
        check(&secret, "", now).await,
        Err((401, "credential_missing"))
    );
    assert_eq!(
        fetches(&sandbox),
        2,
        "once more for the first that did not fit"
    );
    assert_eq!(check(&secret, "good", now).await, Ok(()));
}

#[tokio::test]
async fn nothing_presented_costs_nothing() {
    let (sandbox, secret) = setup().await;
    assert_eq!(
        check(&secret, "", now()).await,
        Err((401, "credential_missing"))
    );
    assert_eq!(fetches(&sandbox), 0);
}

#[tokio::test]
async fn a_rotated_token_is_fetched_once_a_minute() {
    let (sandbox, secret) = setup().await;
    let start = now();
    let at = |second| start + Duration::from_secs(second);
    assert_eq!(check(&secret, "good", start).await, Ok(()));
    sandbox
        .aws
        .set_secret(ID, &json!({"bearer_token": "better"}));
    assert_eq!(
        check(&secret, "good", at(1)).await,
        Ok(()),
        "until somebody brings the new one"
    );
    assert_eq!(check(&secret, "better", at(1)).await, Ok(()));
    assert_eq!(
        check(&secret, "good", at(2)).await,
        Err((401, "bad_credential"))
    );
    sandbox.aws.set_secret(ID, &json!({"bearer_token": "best"}));
    assert_eq!(
        (check(&secret, "best", at(60)).await, fetches(&sandbox)),
        (Err((401, "bad_credential")), 2)
    );
    assert_eq!(
        (check(&secret, "best", at(61)).await, fetches(&sandbox)),
        (Ok(()), 3)
    );
}

#[tokio::test]
async fn without_the_secret_nobody_is_let_in() {
    let (sandbox, secret) = setup().await;
    let (start, down) = (now(), || Fault::Answer {
        status: 500,
        headers: vec![],
        body: String::new(),
    });
    sandbox.aws.secrets().faults().always(Some(down()));
    assert_eq!(
        check(&secret, "good", start).await,
        Err((503, "secret_unavailable"))
    );
    sandbox.aws.secrets().faults().always(None);
    assert_eq!(check(&secret, "good", start).await, Ok(()));
    sandbox.aws.secrets().faults().always(Some(down()));
    assert_eq!(check(&secret, "good", start).await, Ok(()));
    assert_eq!(
        check(&secret, "other", start).await,
        Err((503, "secret_unavailable")),
        "it may have been rotated"
    );
    sandbox.aws.secrets().faults().always(None);
    for (id, value) in [
        ("no key", json!({})),
        ("blank", json!({"bearer_token": " "})),
        ("no text", json!({"bearer_token": 1})),
    ] {
        sandbox.aws.set_secret(ID, &value);
        let secret = Secret::new(
            ID.to_owned(),
            crate::aws(&sandbox).secrets_manager(&crate::client()),
        );
        for given in ["", " ", "1", "good"] {
            let refused = check(&secret, given, start).await.unwrap_err();
            assert!(
                matches!(refused.0, 401 | 503),
                "{id} {given:?}: {refused:?}"
            );
        }
    }
}
