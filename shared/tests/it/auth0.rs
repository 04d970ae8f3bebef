//! The Management API: marking an address as verified, and the token for it.

use sandbox::Sandbox;
use sandbox::wire::Fault;
use serde_json::json;
use shared::auth0::tokens::Tokens;
use shared::auth0::users::{CallError, Users, Verification};
use shared::http::BaseUrl;
use shared::runtime::now;
use shared::secrets::Secret;

const EMAIL: &str = "acme+4512345678@sms.example.com";

async fn setup() -> (Sandbox, Users) {
    let sandbox = Sandbox::start().await;
    let http = crate::client();
    let base: BaseUrl = sandbox.auth0.server().url().parse().unwrap();
    let secret = Secret::new("switchboard/auth0".to_owned(), crate::aws(&sandbox).secrets_manager(&http));
    let tokens = Tokens::new(http.clone(), base.clone(), Users::audience(&base), secret);
    (sandbox, Users::new(http, base, tokens))
}

fn requests(sandbox: &Sandbox, path: &str) -> usize {
    sandbox.auth0.server().exchanges().iter().filter(|exchange| exchange.target.starts_with(path)).count()
}

#[tokio::test]
async fn the_one_user_is_verified_once() {
    let (sandbox, users) = setup().await;
    sandbox.auth0.sign_up(EMAIL);
    assert_eq!(users.verify_email("ACME+4512345678@sms.example.com", now()).await, Ok(Verification::Verified));
    assert!(sandbox.auth0.user(EMAIL).unwrap().email_verified);
    assert_eq!(users.verify_email(EMAIL, now()).await, Ok(Verification::Verified));
    assert_eq!((requests(&sandbox, "/oauth/token"), requests(&sandbox, "/api/v2/users/")), (1, 1));
}

#[tokio::test]
async fn nobody_or_several_change_nothing() {
    let (sandbox, users) = setup().await;
    assert_eq!(users.verify_email(EMAIL, now()).await, Ok(Verification::NoUser));
    sandbox.auth0.sign_up_with(EMAIL, "one");
    sandbox.auth0.sign_up_with(EMAIL, "two");
    assert_eq!(users.verify_email(EMAIL, now()).await, Ok(Verification::Several));
    assert_eq!(requests(&sandbox, "/api/v2/users/"), 0);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let (sandbox, users) = setup().await;
    sandbox.auth0.sign_up(EMAIL);
    users.verify_email(EMAIL, now()).await.unwrap();
    sandbox.auth0.revoke_tokens();
    assert_eq!(users.verify_email(EMAIL, now()).await, Ok(Verification::Verified));
    assert_eq!(requests(&sandbox, "/oauth/token"), 2);
    let refuse = || Fault::Answer { status: 401, headers: vec![], body: String::new() };
    sandbox.auth0.server().faults().next(refuse());
    sandbox.auth0.server().faults().next(Fault::Delay(std::time::Duration::ZERO));
    sandbox.auth0.server().faults().next(refuse());
    assert_eq!(users.verify_email(EMAIL, now()).await, Err(CallError::Unauthorized));
    assert_eq!(requests(&sandbox, "/oauth/token"), 3);
}

#[tokio::test]
async fn a_rotated_client_secret_is_fetched_again() {
    let (sandbox, users) = setup().await;
    users.verify_email(EMAIL, now()).await.unwrap();
    sandbox.auth0.revoke_tokens();
    sandbox.auth0.set_client_secret("rotated");
    let id = sandbox::auth0::CLIENT_ID;
    sandbox.aws.set_secret("switchboard/auth0", &json!({"client_id": id, "client_secret": "rotated"}));
    assert_eq!(users.verify_email(EMAIL, now()).await, Ok(Verification::NoUser));
}

#[tokio::test]
async fn outages_are_not_an_absent_user() {
    let (sandbox, users) = setup().await;
    sandbox.auth0.sign_up(EMAIL);
    users.verify_email(EMAIL, now()).await.unwrap();
    let answer = |status| Fault::Answer { status, headers: vec![], body: "oops".to_owned() };
    for fault in [answer(500), answer(429), answer(404), Fault::Garbage, Fault::Truncate, Fault::ResetAfter] {
        sandbox.auth0.server().faults().next(fault.clone());
        let result = users.verify_email(EMAIL, now()).await;
        assert!(matches!(result, Err(CallError::Unavailable(_))), "{fault:?}: {result:?}");
    }
    sandbox.auth0.set_scope("read:users");
    sandbox.auth0.revoke_tokens();
    sandbox.auth0.sign_up("other@sms.example.com");
    assert_eq!(users.verify_email("other@sms.example.com", now()).await, Err(CallError::Unauthorized));
}
