//! Logging users in: what each of Auth0's answers means, and with which application it is asked.

use std::sync::Arc;

use sandbox::Sandbox;
use sandbox::auth0::{
    API_AUDIENCE, CLIENT_CREDENTIALS, CLIENT_ID, CLIENT_SECRET, LOGIN_CLIENT_ID,
    LOGIN_CLIENT_SECRET, PASSWORD_REALM, REALM, User, WRONG_PASSWORDS, WrongPassword,
};
use sandbox::wire::Fault;
use serde_json::{Value, json};
use shared::platform::base_url::BaseUrl;
use shared::platform::runtime::now;
use shared::platform::secrets::Secret;
use shared::vendors::auth0::CallError;
use shared::vendors::auth0::login::{Login, NoVerdict, Tried, Verdict};

const ID: &str = "switchboard/auth0";
const EMAIL: &str = "ann@example.com";
const PIN: &str = "271828";

async fn setup() -> (Sandbox, Login, User) {
    let sandbox = Sandbox::start().await;
    sandbox.aws.set_secret(ID, &secret(LOGIN_CLIENT_SECRET));
    let user = sandbox
        .auth0
        .sign_up_caller("10042", PIN, "Hello Ann", EMAIL);
    let login = login(&sandbox, REALM);
    (sandbox, login, user)
}

fn secret(login_client_secret: &str) -> Value {
    json!({
        "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
        "login_client_id": LOGIN_CLIENT_ID, "login_client_secret": login_client_secret,
    })
}

fn login(sandbox: &Sandbox, realm: &str) -> Login {
    let http = crate::client();
    let base: BaseUrl = sandbox.auth0.server().url().parse().unwrap();
    let secret = Arc::new(Secret::new(
        ID.to_owned(),
        crate::aws(sandbox).secrets_manager(&http),
    ));
    Login::new(http, base, realm.to_owned(), secret)
}

async fn check(login: &Login, pin: &str) -> Result<Verdict, NoVerdict> {
    login.check(EMAIL, &pin.into(), now()).await
}

/// Nobody said, and Auth0 may have looked at the password, or not.
fn no_verdict(tried: Tried, text: &str) -> Result<Verdict, NoVerdict> {
    Err(NoVerdict {
        error: CallError::Unavailable(format!("login: {text}")),
        tried,
    })
}

fn answer(status: u16, body: &Value) -> Fault {
    Fault::Answer {
        status,
        headers: vec![],
        body: body.to_string(),
    }
}

#[tokio::test]
async fn the_right_password_and_the_wrong_one_in_three_dialects() {
    let (sandbox, login, user) = setup().await;
    assert_eq!(check(&login, PIN).await, Ok(Verdict::Accepted));
    for dialect in [
        WrongPassword::InvalidGrant,
        WrongPassword::InvalidUserPassword,
        WrongPassword::AccessDenied,
    ] {
        sandbox.auth0.set_wrong_password(dialect);
        for pin in ["0000", "271829", " 271828", r#""},{"grant_type":"x"#] {
            assert_eq!(
                check(&login, pin).await,
                Ok(Verdict::WrongPassword),
                "{dialect:?} {pin}"
            );
        }
        let nobody = login.check("nobody@example.com", &PIN.into(), now()).await;
        assert_eq!(nobody, Ok(Verdict::WrongPassword), "{dialect:?}");
        assert_eq!(sandbox.auth0.failed_logins(&user), 4, "each was tried once");
        assert_eq!(
            check(&login, PIN).await,
            Ok(Verdict::Accepted),
            "{dialect:?}"
        );
    }
    assert_eq!(sandbox.aws.secrets().exchanges().len(), 1);
}

#[tokio::test]
async fn who_is_barred_hears_why_in_our_words() {
    let (sandbox, login, user) = setup().await;
    let auth0 = &sandbox.auth0;
    auth0.require_mfa(&user, true);
    assert_eq!(
        check(&login, PIN).await,
        Ok(Verdict::Blocked("mfa_required"))
    );
    assert_eq!(check(&login, "0000").await, Ok(Verdict::WrongPassword));
    auth0.require_mfa(&user, false);
    auth0.leak_password(&user, true);
    assert_eq!(
        check(&login, PIN).await,
        Ok(Verdict::Blocked("password_leaked"))
    );
    auth0.leak_password(&user, false);
    auth0.block(&user, true);
    assert_eq!(check(&login, PIN).await, Ok(Verdict::Blocked("blocked")));
    auth0.block(&user, false);
    auth0.suspect_everybody(true);
    assert_eq!(
        check(&login, PIN).await,
        Ok(Verdict::Blocked("too_many_attempts"))
    );
    auth0.suspect_everybody(false);
    auth0.let_in(&user);
    for _ in 0..WRONG_PASSWORDS {
        assert_eq!(check(&login, "0000").await, Ok(Verdict::WrongPassword));
    }
    assert_eq!(
        check(&login, PIN).await,
        Ok(Verdict::Blocked("too_many_attempts"))
    );
    auth0.let_in(&user);
    assert_eq!(check(&login, PIN).await, Ok(Verdict::Accepted));
}

#[tokio::test]
async fn every_documented_answer_and_others() {
    let (sandbox, login, _) = setup().await;
    let tried = |text: &str| no_verdict(Tried::Likely, text);
    let perhaps = |text: &str| no_verdict(Tried::Perhaps, text);
    let not_tried = |text: &str| no_verdict(Tried::No, text);
    for (status, error, description, expected) in [
        (
            403,
            "invalid_grant",
            "Wrong email or password.",
            Ok(Verdict::WrongPassword),
        ),
        (
            400,
            "invalid_grant",
            "Wrong email or password.",
            Ok(Verdict::WrongPassword),
        ),
        (403, "invalid_user_password", "", Ok(Verdict::WrongPassword)),
        (
            403,
            "access_denied",
            "Wrong email or password.",
            Ok(Verdict::WrongPassword),
        ),
        (
            403,
            "access_denied",
            "WRONG USERNAME OR PASSWORD",
            Ok(Verdict::WrongPassword),
        ),
        (
            403,
            "mfa_required",
            "Multifactor authentication required",
            Ok(Verdict::Blocked("mfa_required")),
        ),
        (
            401,
            "mfa_required",
            "Multifactor authentication required",
            Ok(Verdict::Blocked("mfa_required")),
        ),
        (
            403,
            "unauthorized",
            "user is blocked",
            Ok(Verdict::Blocked("blocked")),
        ),
        (
            401,
            "password_leaked",
            "",
            Ok(Verdict::Blocked("password_leaked")),
        ),
        (
            403,
            "password_leaked",
            "",
            Ok(Verdict::Blocked("password_leaked")),
        ),
        (
            429,
            "too_many_attempts",
            "",
            Ok(Verdict::Blocked("too_many_attempts")),
        ),
        (
            429,
            "too_many_requests",
            "Global limit has been reached",
            not_tried("status 429 too_many_requests"),
        ),
        (
            400,
            "unauthorized_client",
            "",
            not_tried("status 400 unauthorized_client"),
        ),
        (
            403,
            "unauthorized_client",
            "",
            not_tried("status 403 unauthorized_client"),
        ),
        (
            400,
            "invalid_request",
            "Missing required parameter: password",
            tried("status 400 invalid_request"),
        ),
        (
            403,
            "unsupported_grant_type",
            "",
            tried("status 403 unsupported_grant_type"),
        ),
        (
            403,
            "access_denied",
            "Service not enabled within domain: x",
            tried("status 403 access_denied"),
        ),
        (
            403,
            "access_denied",
            "Client is not authorized to access \"x\".",
            tried("status 403 access_denied"),
        ),
        (
            403,
            "unauthorized",
            "something new",
            tried("status 403 unauthorized"),
        ),
        (500, "server_error", "", perhaps("status 500 server_error")),
        (
            500,
            "invalid_grant",
            "Wrong email or password.",
            perhaps("status 500 invalid_grant"),
        ),
        (
            429,
            "invalid_grant",
            "Wrong email or password.",
            Ok(Verdict::WrongPassword),
        ),
        (
            403,
            "something_new",
            "Wrong email or password.",
            Ok(Verdict::WrongPassword),
        ),
        (
            401,
            "invalid_client",
            "Wrong email or password.",
            Ok(Verdict::WrongPassword),
        ),
        (
            422,
            "something_new",
            "wrong username or password",
            Ok(Verdict::WrongPassword),
        ),
        (
            429,
            "something_new",
            "",
            not_tried("status 429 something_new"),
        ),
        (
            503,
            "something_new",
            "Wrong email or password.",
            perhaps("status 503 something_new"),
        ),
        (403, "", "", tried("status 403")),
        (
            400,
            "\r\nLevel: ERROR 271828 ",
            "",
            tried("status 400 evel"),
        ),
        (
            400,
            &"e".repeat(10_000),
            "",
            tried(&format!("status 400 {}", "e".repeat(40))),
        ),
    ] {
        sandbox.auth0.server().clear_exchanges();
        sandbox.auth0.server().faults().next(answer(
            status,
            &json!({"error": error, "error_description": description}),
        ));
        assert_eq!(
            check(&login, PIN).await,
            expected,
            "{status} {error} {description}"
        );
        assert_eq!(
            sandbox.auth0.token_requests(),
            1,
            "{status} {error}: a try counts, so there is one"
        );
    }
    sandbox
        .auth0
        .server()
        .faults()
        .next(answer(403, &json!({"error": "invalid_grant"})));
    assert_eq!(
        check(&login, PIN).await,
        Ok(Verdict::WrongPassword),
        "without a description"
    );
}

#[tokio::test]
async fn what_is_no_answer_of_auth0_is_no_verdict() {
    let (sandbox, login, user) = setup().await;
    let text = |status, body: &str| Fault::Answer {
        status,
        headers: vec![],
        body: body.to_owned(),
    };
    for fault in [
        text(200, ""),
        text(200, "{}"),
        text(200, "[]"),
        text(200, r#""access_token""#),
        text(200, "<html>Welcome</html>"),
        text(200, r#"{"id_token":"x"}"#),
        text(201, r#"{"access_token":"x"}"#),
        text(302, ""),
        text(401, ""),
        text(403, ""),
        text(403, "Wrong email or password."),
        text(403, r#"{"error":{"code":"invalid_grant"}}"#),
        text(
            403,
            r#"{"error":"invalid_grant","error_description":{"a":1}}"#,
        ),
        text(503, "<html>"),
        Fault::Garbage,
        Fault::Truncate,
        Fault::Oversize(65 * 1024),
        Fault::ResetBefore,
        Fault::ResetAfter,
    ] {
        sandbox.auth0.server().clear_exchanges();
        sandbox.auth0.server().faults().next(fault.clone());
        let result = check(&login, PIN).await;
        let Err(NoVerdict {
            error: CallError::Unavailable(why),
            tried,
        }) = &result
        else {
            panic!("{fault:?}: {result:?}")
        };
        assert!(!why.contains(PIN) && !why.contains(EMAIL), "{why}");
        assert_eq!(
            *tried,
            match fault {
                Fault::Answer { status: 500.., .. } => Tried::Perhaps,
                _ => Tried::Likely,
            },
            "{fault:?}: a lost answer may have been one"
        );
        assert_eq!(sandbox.auth0.token_requests(), 1, "{fault:?}");
    }
    sandbox.auth0.server().faults().refuse(true);
    let result = check(&login, PIN).await;
    assert!(
        matches!(
            result,
            Err(NoVerdict {
                error: CallError::Unavailable(_),
                tried: Tried::No
            })
        ),
        "not sent: {result:?}"
    );
    assert_eq!(sandbox.auth0.failed_logins(&user), 0);
}

#[tokio::test]
async fn the_login_application_asks_where_there_is_one() {
    let (sandbox, with, _) = setup().await;
    assert_eq!(check(&with, PIN).await, Ok(Verdict::Accepted));
    sandbox.aws.set_secret(
        ID,
        &json!({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}),
    );
    let without = login(&sandbox, REALM);
    assert_eq!(
        check(&without, PIN).await,
        no_verdict(Tried::No, "status 403 unauthorized_client"),
        "its grant is not enabled"
    );
    sandbox
        .auth0
        .set_grant_types(CLIENT_ID, &[CLIENT_CREDENTIALS, PASSWORD_REALM]);
    assert_eq!(check(&without, PIN).await, Ok(Verdict::Accepted));
    let asked: Vec<Value> = sandbox
        .auth0
        .server()
        .exchanges()
        .iter()
        .map(|exchange| serde_json::from_slice(&exchange.request).unwrap())
        .collect();
    for (body, (id, secret)) in asked.iter().zip([
        (LOGIN_CLIENT_ID, LOGIN_CLIENT_SECRET),
        (CLIENT_ID, CLIENT_SECRET),
    ]) {
        assert_eq!(
            body,
            &json!({
                "grant_type": PASSWORD_REALM, "realm": REALM, "username": EMAIL, "password": PIN, "scope": "openid",
                "client_id": id, "client_secret": secret,
            })
        );
    }
    assert_eq!(
        (
            asked.len(),
            sandbox.auth0.grants(PASSWORD_REALM, API_AUDIENCE)
        ),
        (3, 0)
    );
}

/// Else a mistyped key would have the other application ask for what it is not allowed.
#[tokio::test]
async fn half_a_login_application_is_named() {
    let (sandbox, _, user) = setup().await;
    for half in ["login_client_id", "login_client_secret"] {
        let mut content = json!({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET});
        content[half] = json!("x");
        sandbox.aws.set_secret(ID, &content);
        let Err(NoVerdict {
            error,
            tried: Tried::No,
        }) = check(&login(&sandbox, REALM), PIN).await
        else {
            panic!("{half}")
        };
        let error = error.to_string();
        assert!(
            error.contains("one of login_client_id and login_client_secret, which go together"),
            "{error}"
        );
    }
    assert_eq!(
        (
            sandbox.auth0.token_requests(),
            sandbox.auth0.failed_logins(&user)
        ),
        (0, 0)
    );
}

#[tokio::test]
async fn a_rotated_secret_is_fetched_once() {
    let (sandbox, login, user) = setup().await;
    assert_eq!(check(&login, PIN).await, Ok(Verdict::Accepted));
    sandbox.auth0.set_login_client_secret("rotated");
    sandbox.aws.set_secret(ID, &secret("rotated"));
    assert_eq!(check(&login, "0000").await, Ok(Verdict::WrongPassword));
    assert_eq!(
        (
            sandbox.auth0.failed_logins(&user),
            sandbox.aws.secrets().exchanges().len()
        ),
        (1, 2)
    );
    for error in ["invalid_client", "access_denied", "unauthorized_client"] {
        sandbox.auth0.server().faults().next(answer(
            401,
            &json!({"error": error, "error_description": "Unauthorized"}),
        ));
        let expected = Err(NoVerdict {
            error: CallError::Unauthorized,
            tried: Tried::No,
        });
        assert_eq!(check(&login, PIN).await, expected, "{error}");
    }
    assert_eq!(sandbox.aws.secrets().exchanges().len(), 2, "once a minute");
    assert_eq!(check(&login, PIN).await, Ok(Verdict::Accepted));
}

#[tokio::test]
async fn the_connection_is_the_one_configured() {
    let (sandbox, login_here, _) = setup().await;
    let other = sandbox.auth0.sign_up_with("bob@example.com", "Elsewhere");
    sandbox.auth0.set_password(&other, PIN);
    let there = login(&sandbox, "Elsewhere");
    for (login, expected) in [
        (&login_here, Verdict::WrongPassword),
        (&there, Verdict::Accepted),
    ] {
        assert_eq!(
            login.check("bob@example.com", &PIN.into(), now()).await,
            Ok(expected)
        );
    }
}
