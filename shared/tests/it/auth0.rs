//! The Management API: marking an address as verified, who has an account number, and the token for it.

use std::sync::Arc;

use sandbox::Sandbox;
use sandbox::auth0::REALM;
use sandbox::wire::Fault;
use serde_json::{Value, json};
use shared::platform::base_url::BaseUrl;
use shared::platform::runtime::now;
use shared::platform::secrets::Secret;
use shared::rules::account::{AccountNumber, NotAnAccountNumber};
use shared::vendors::auth0::CallError;
use shared::vendors::auth0::tokens::Tokens;
use shared::vendors::auth0::users::{AccountHolder, Found, Standing, Users, Verification};

const EMAIL: &str = "acme+4512345678@sms.example.com";

async fn setup() -> (Sandbox, Users) {
    let sandbox = Sandbox::start().await;
    let http = crate::client();
    let base: BaseUrl = sandbox.auth0.server().url().parse().unwrap();
    let secret = Secret::new(
        "switchboard/auth0".to_owned(),
        crate::aws(&sandbox).secrets_manager(&http),
    );
    let tokens = Tokens::new(
        http.clone(),
        base.clone(),
        Users::audience(&base),
        Arc::new(secret),
        None,
    );
    (sandbox, Users::new(http, base, tokens))
}

fn requests(sandbox: &Sandbox, path: &str) -> usize {
    sandbox
        .auth0
        .server()
        .exchanges()
        .iter()
        .filter(|exchange| exchange.target.starts_with(path))
        .count()
}

#[tokio::test]
async fn the_one_user_is_verified_once() {
    let (sandbox, users) = setup().await;
    sandbox.auth0.sign_up(EMAIL);
    assert_eq!(
        users
            .verify_email("ACME+4512345678@sms.example.com", now())
            .await,
        Ok(Verification::Verified)
    );
    assert!(sandbox.auth0.user(EMAIL).unwrap().email_verified);
    assert_eq!(
        users.verify_email(EMAIL, now()).await,
        Ok(Verification::Verified)
    );
    assert_eq!(
        (
            requests(&sandbox, "/oauth/token"),
            requests(&sandbox, "/api/v2/users/")
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn an_address_waits_while_one_of_its_users_is_unverified() {
    let (sandbox, users) = setup().await;
    assert_eq!(users.standing(EMAIL, now()).await, Ok(Standing::Nobody));
    let first = sandbox.auth0.sign_up(EMAIL);
    assert_eq!(
        users.standing(&EMAIL.to_uppercase(), now()).await,
        Ok(Standing::Unverified)
    );
    sandbox.auth0.set_verified(&first);
    assert_eq!(users.standing(EMAIL, now()).await, Ok(Standing::Verified));
    sandbox.auth0.sign_up_with(EMAIL, "another");
    assert_eq!(users.standing(EMAIL, now()).await, Ok(Standing::Unverified));
}

#[tokio::test]
async fn nobody_or_several_change_nothing() {
    let (sandbox, users) = setup().await;
    assert_eq!(
        users.verify_email(EMAIL, now()).await,
        Ok(Verification::NoUser)
    );
    sandbox.auth0.sign_up_with(EMAIL, "one");
    sandbox.auth0.sign_up_with(EMAIL, "two");
    assert_eq!(
        users.verify_email(EMAIL, now()).await,
        Ok(Verification::Several)
    );
    assert_eq!(requests(&sandbox, "/api/v2/users/"), 0);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let (sandbox, users) = setup().await;
    sandbox.auth0.sign_up(EMAIL);
    users.verify_email(EMAIL, now()).await.unwrap();
    sandbox.auth0.revoke_tokens();
    assert_eq!(
        users.verify_email(EMAIL, now()).await,
        Ok(Verification::Verified)
    );
    assert_eq!(requests(&sandbox, "/oauth/token"), 2);
    let refuse = || Fault::Answer {
        status: 401,
        headers: vec![],
        body: String::new(),
    };
    sandbox.auth0.server().faults().next(refuse());
    sandbox
        .auth0
        .server()
        .faults()
        .next(Fault::Delay(std::time::Duration::ZERO));
    sandbox.auth0.server().faults().next(refuse());
    assert_eq!(
        users.verify_email(EMAIL, now()).await,
        Err(CallError::Unauthorized)
    );
    assert_eq!(requests(&sandbox, "/oauth/token"), 3);
}

#[tokio::test]
async fn a_rotated_client_secret_is_fetched_again() {
    let (sandbox, users) = setup().await;
    users.verify_email(EMAIL, now()).await.unwrap();
    sandbox.auth0.revoke_tokens();
    sandbox.auth0.set_client_secret("rotated");
    let id = sandbox::auth0::CLIENT_ID;
    sandbox.aws.set_secret(
        "switchboard/auth0",
        &json!({"client_id": id, "client_secret": "rotated"}),
    );
    assert_eq!(
        users.verify_email(EMAIL, now()).await,
        Ok(Verification::NoUser)
    );
}

#[tokio::test]
async fn outages_are_not_an_absent_user() {
    let (sandbox, users) = setup().await;
    sandbox.auth0.sign_up(EMAIL);
    users.verify_email(EMAIL, now()).await.unwrap();
    let answer = |status| Fault::Answer {
        status,
        headers: vec![],
        body: "oops".to_owned(),
    };
    for fault in [
        answer(500),
        answer(429),
        answer(404),
        Fault::Garbage,
        Fault::Truncate,
        Fault::ResetAfter,
    ] {
        sandbox.auth0.server().faults().next(fault.clone());
        let result = users.verify_email(EMAIL, now()).await;
        assert!(
            matches!(result, Err(CallError::Unavailable(_))),
            "{fault:?}: {result:?}"
        );
    }
    sandbox.auth0.set_scope("read:users");
    sandbox.auth0.revoke_tokens();
    sandbox.auth0.sign_up("other@sms.example.com");
    assert_eq!(
        users.verify_email("other@sms.example.com", now()).await,
        Err(CallError::Unauthorized)
    );
}

const NUMBER: &str = "0010042";

/// Who is found: the address and the greeting, or why not one.
async fn find(users: &Users, number: &str) -> Result<(String, Option<String>), &'static str> {
    match users
        .by_account_number(&number.parse().unwrap(), REALM, now())
        .await
    {
        Ok(Found::One(AccountHolder { email, greeting })) => Ok((email, greeting)),
        Ok(Found::Nobody) => Err("nobody"),
        Ok(Found::Several) => Err("several"),
        Err(CallError::Unauthorized) => Err("unauthorized"),
        Err(CallError::Unavailable(_)) => Err("unavailable"),
    }
}

fn holder(email: &str, greeting: &str) -> (String, Option<String>) {
    (
        email.to_owned(),
        Some(greeting.to_owned()).filter(|greeting| !greeting.is_empty()),
    )
}

#[tokio::test]
async fn an_account_number_finds_its_one_user() {
    let (sandbox, users) = setup().await;
    let auth0 = &sandbox.auth0;
    assert_eq!(find(&users, NUMBER).await, Err("nobody"));
    auth0.sign_up_caller(NUMBER, "1", "Hello Ann", "ann@example.com");
    auth0.sign_up_caller("10042", "1", "Hello Bob", "bob@example.com");
    let number = auth0.sign_up("carl@example.com");
    auth0.set_app_metadata(&number, "account_number", json!(777));
    assert_eq!(
        find(&users, NUMBER).await,
        Ok(holder("ann@example.com", "Hello Ann"))
    );
    assert_eq!(
        find(&users, "10042").await,
        Ok(holder("bob@example.com", "Hello Bob")),
        "leading zeros count"
    );
    for number in ["777", "1004", "0", "0000000000", "9999999999"] {
        assert_eq!(find(&users, number).await, Err("nobody"), "{number}");
    }
    for email in ["two@example.com", "three@example.com", "four@example.com"] {
        auth0.sign_up_caller("10042", "1", "Hello", email);
        assert_eq!(find(&users, "10042").await, Err("several"), "{email}");
    }
    assert_eq!(requests(&sandbox, "/oauth/token"), 1);
}

#[test]
fn nothing_but_digits_is_an_account_number() {
    for text in [
        "",
        " ",
        "12345678901",
        "*",
        "0*",
        "?",
        "1 OR _exists_:email",
        "1\" OR email:\"*",
        "\"",
        "\\",
        "[0 TO 9]",
        "1~",
        "1^2",
        "/.*/",
        "-1",
        "+1",
        "1.0",
        "1e3",
        " 1",
        "1\n",
        "1\0",
        "1%22",
        "1&q=*",
        "\u{661}\u{662}",
        "\u{ff11}",
        "1#",
    ] {
        assert!(text.parse::<AccountNumber>().is_err(), "{text:?}");
    }
    for text in ["0", "10042", "0000000000"] {
        assert_eq!(
            text.parse::<AccountNumber>()
                .map(|number| number.as_str().to_owned()),
            Ok(text.to_owned())
        );
    }
    assert!("1234567890".repeat(10_000).parse::<AccountNumber>().err() == Some(NotAnAccountNumber));
}

#[tokio::test]
async fn what_the_search_answers_is_checked_and_the_greeting_taken_where_it_is() {
    let (sandbox, users) = setup().await;
    let user = |number: Value, more: Value| {
        let mut user = json!({"email": "ann@example.com", "name": "Ann", "app_metadata": {"account_number": number}});
        let metadata = user["app_metadata"].as_object_mut().unwrap();
        metadata.extend(
            more["app_metadata"]
                .as_object()
                .cloned()
                .unwrap_or_default(),
        );
        let rest = more
            .as_object()
            .unwrap()
            .clone()
            .into_iter()
            .filter(|(name, _)| name != "app_metadata");
        user.as_object_mut().unwrap().extend(rest);
        user
    };
    let (ours, others) = (
        |more| user(json!(NUMBER), more),
        || user(json!("10042"), json!({})),
    );
    let greeted = |greeting: Value| ours(json!({"app_metadata": {"ivr_greeting": greeting}}));
    let ann = |greeting| Ok(holder("ann@example.com", greeting));
    for (found, expected) in [
        (json!([]), Err("nobody")),
        (json!([others()]), Err("nobody")),
        (json!([others(), others(), others()]), Err("nobody")),
        (json!([others(), ours(json!({})), others()]), ann("Ann")),
        (json!([ours(json!({})), ours(json!({}))]), Err("several")),
        (json!([user(json!(10_042), json!({}))]), Err("nobody")),
        (json!([user(json!([NUMBER]), json!({}))]), Err("nobody")),
        (json!([user(json!(null), json!({}))]), Err("nobody")),
        (json!([user(json!("0010042 "), json!({}))]), Err("nobody")),
        (json!([{"email": "ann@example.com"}]), Err("nobody")),
        (
            json!([{"email": "ann@example.com", "app_metadata": null}, ours(json!({}))]),
            ann("Ann"),
        ),
        (json!([ours(json!({"email": null}))]), Err("nobody")),
        (json!([greeted(json!("Hello Ann"))]), ann("Hello Ann")),
        (json!([greeted(json!("<Say>&\"'"))]), ann("<Say>&\"'")),
        (json!([greeted(json!(""))]), ann("Ann")),
        (json!([greeted(json!("  "))]), ann("Ann")),
        (json!([greeted(json!(1))]), ann("Ann")),
        (json!([greeted(json!(null))]), ann("Ann")),
        (json!([ours(json!({"name": null}))]), ann("")),
        (
            json!([ours(
                json!({"identities": [{"connection": "google-oauth2"}, {"connection": REALM}]})
            )]),
            ann("Ann"),
        ),
        (
            json!([ours(
                json!({"identities": [{"connection": "Elsewhere"}, {"connection": null}, {}]})
            )]),
            Err("nobody"),
        ),
        (
            json!([ours(
                json!({"identities": [{"connection": REALM.to_lowercase()}]})
            )]),
            Err("nobody"),
        ),
        (json!([ours(json!({"identities": []}))]), Err("nobody")),
        (json!([ours(json!({"identities": null}))]), ann("Ann")),
        (
            json!([
                ours(json!({"identities": [{"connection": "Elsewhere"}]})),
                ours(json!({}))
            ]),
            ann("Ann"),
        ),
        (json!([ours(json!({"name": " "}))]), ann("")),
        (json!([ours(json!({"name": "ann@example.com"}))]), ann("")),
        (json!({"users": []}), Err("unavailable")),
        (json!(null), Err("unavailable")),
        (json!("x"), Err("unavailable")),
    ] {
        let body = found.to_string();
        sandbox.auth0.server().faults().next_for(
            "/api/v2/users?",
            Fault::Answer {
                status: 200,
                headers: vec![],
                body,
            },
        );
        assert_eq!(find(&users, NUMBER).await, expected, "{found}");
    }
}

/// Somebody else's connection may have the same address, with another password.
#[tokio::test]
async fn the_holder_is_of_the_connection_that_is_logged_in_to() {
    let (sandbox, users) = setup().await;
    let auth0 = &sandbox.auth0;
    let stranger = auth0.sign_up_with("ann@example.com", "Elsewhere");
    auth0.set_app_metadata(&stranger, "account_number", json!(NUMBER));
    assert_eq!(find(&users, NUMBER).await, Err("nobody"));
    auth0.sign_up_caller(NUMBER, "1", "Hello Ann", "ann@example.com");
    assert_eq!(
        find(&users, NUMBER).await,
        Ok(holder("ann@example.com", "Hello Ann")),
        "the other is none"
    );
}

#[tokio::test]
async fn the_search_may_lag_and_fail() {
    let (sandbox, users) = setup().await;
    let auth0 = &sandbox.auth0;
    let ann = auth0.sign_up_caller(NUMBER, "1", "Hello Ann", "ann@example.com");
    auth0.hold_index(true);
    auth0.set_app_metadata(&ann, "account_number", json!("20042"));
    auth0.sign_up_caller("30042", "1", "Hello Bob", "bob@example.com");
    assert_eq!(
        find(&users, NUMBER).await,
        Ok(holder("ann@example.com", "Hello Ann")),
        "as it was"
    );
    assert_eq!(
        (find(&users, "20042").await, find(&users, "30042").await),
        (Err("nobody"), Err("nobody"))
    );
    auth0.hold_index(false);
    assert_eq!(find(&users, NUMBER).await, Err("nobody"));
    assert_eq!(
        find(&users, "20042").await,
        Ok(holder("ann@example.com", "Hello Ann"))
    );
    auth0.slow_searches(1);
    assert_eq!(find(&users, "20042").await, Err("unavailable"));
    auth0.rate_limit(1);
    assert_eq!(find(&users, "20042").await, Err("unavailable"));
    for fault in [
        Fault::Garbage,
        Fault::Truncate,
        Fault::Oversize(1024 * 1024 + 1),
        Fault::ResetAfter,
    ] {
        auth0.server().faults().next(fault.clone());
        assert_eq!(find(&users, "20042").await, Err("unavailable"), "{fault:?}");
    }
    assert_eq!(requests(&sandbox, "/oauth/token"), 1);
    auth0.revoke_tokens();
    assert_eq!(
        find(&users, "20042").await,
        Ok(holder("ann@example.com", "Hello Ann"))
    );
    assert_eq!(requests(&sandbox, "/oauth/token"), 2);
    auth0.set_scope("update:users");
    auth0.revoke_tokens();
    assert_eq!(find(&users, "20042").await, Err("unauthorized"));
}
