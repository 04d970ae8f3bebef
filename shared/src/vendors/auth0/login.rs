//! Logs a user in with a password, by the password-realm grant of `POST /oauth/token`
//! (<https://auth0.com/docs/get-started/authentication-and-authorization-flow/resource-owner-password-flow>).
//!
//! The only question is whether the password is right; the tokens in the answer are dropped.
//! Auth0's pages and its answers use different names for a wrong password, so all of them count.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::{CallError, Credentials};
use crate::platform::base_url::BaseUrl;
use crate::platform::http::{Answer, Client, NoAnswer};
use crate::platform::secrets::{Secret, SecretError};

const ANSWER_LIMIT: usize = 64 * 1024;
const TIMEOUT: Duration = Duration::from_secs(4);

/// Auth0's verdict on a user and a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right.
    Accepted,
    /// The password is wrong.
    WrongPassword,
    /// The user cannot log in this way, whether the password is right or wrong: `mfa_required`,
    /// `password_leaked`, `blocked`, `too_many_attempts`.
    Barred(&'static str),
}

/// Why Auth0 gave no verdict on a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// The error of the call.
    pub error: CallError,
    /// Whether Auth0 may have checked the password all the same, and counted a wrong one.
    pub tried: bool,
}

impl From<SecretError> for Untold {
    fn from(error: SecretError) -> Self {
        untried(error.into())
    }
}

fn untried(error: CallError) -> Untold {
    Untold {
        error,
        tried: false,
    }
}

/// Logins to one connection of a tenant.
pub struct Login {
    client: Client,
    base: BaseUrl,
    realm: String,
    secret: Arc<Secret<Credentials>>,
}

impl Login {
    /// Logins to the connection `realm` of the tenant at `base`.
    pub fn new(
        client: Client,
        base: BaseUrl,
        realm: String,
        secret: Arc<Secret<Credentials>>,
    ) -> Self {
        Self {
            client,
            base,
            realm,
            secret,
        }
    }

    /// Opens a connection ahead, during INIT.
    pub async fn connect(&self) {
        self.client.warm_up(Some(&self.base)).await;
    }

    /// Tries a password, once.
    ///
    /// # Errors
    /// [`Untold`].
    pub async fn check(
        &self,
        username: &str,
        password: &SecretString,
        now: SystemTime,
    ) -> Result<Verdict, Untold> {
        let is_refused = |untold: &Untold| untold.error == CallError::Unauthorized;
        let attempt = |credentials: Arc<Credentials>| async move {
            self.attempt(&credentials, username, password).await
        };
        self.secret.retrying(now, is_refused, attempt).await
    }

    async fn attempt(
        &self,
        credentials: &Credentials,
        username: &str,
        password: &SecretString,
    ) -> Result<Verdict, Untold> {
        let own = (&credentials.client_id, &credentials.client_secret);
        let (id, secret) = credentials
            .login
            .as_ref()
            .map_or(own, |(id, secret)| (id, secret));
        let body = json!({
            "grant_type": "http://auth0.com/oauth/grant-type/password-realm",
            "realm": self.realm,
            "username": username,
            "password": password.expose_secret(),
            "scope": "openid",
            "client_id": id.expose_secret(),
            "client_secret": secret.expose_secret(),
        });
        let request = self
            .client
            .request(Method::POST, self.base.join("oauth/token"))
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        let answer = self.client.send(request, ANSWER_LIMIT, TIMEOUT).await;
        verdict_of(&answer.map_err(|error| Untold {
            tried: matches!(error, NoAnswer::Unknown(_)),
            error: CallError::Unavailable(format!("login: {error}")),
        })?)
    }
}

/// The meaning of an answer. An unknown error does not count as a wrong password, although it may
/// have been one.
fn verdict_of(answer: &Answer) -> Result<Verdict, Untold> {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
        error_description: Option<String>,
    }
    let untold = |tried, what: String| {
        Err(Untold {
            tried,
            error: CallError::Unavailable(format!("login: {what}")),
        })
    };
    if answer.status == 200 {
        // A proxy's page is not a login.
        return match answer.json::<serde_json::Map<String, serde_json::Value>>() {
            Some(granted) if granted.contains_key("access_token") => Ok(Verdict::Accepted),
            _ => untold(true, "unreadable answer".to_owned()),
        };
    }
    let Some(Refusal {
        error,
        error_description,
    }) = answer.json()
    else {
        // A server that fails has not checked the password.
        return untold(answer.status < 500, format!("status {}", answer.status));
    };
    let description = error_description.unwrap_or_default().to_lowercase();
    if (400..500).contains(&answer.status)
        && (description.contains("wrong email or password")
            || description.contains("wrong username or password"))
    {
        return Ok(Verdict::WrongPassword);
    }
    match (answer.status, error.as_str()) {
        (401 | 403, "mfa_required") => Ok(Verdict::Barred("mfa_required")),
        (401 | 403, "password_leaked") => Ok(Verdict::Barred("password_leaked")),
        (401 | 403, "unauthorized") if description.contains("blocked") => {
            Ok(Verdict::Barred("blocked"))
        }
        (429, "too_many_attempts") => Ok(Verdict::Barred("too_many_attempts")),
        (400 | 403, "invalid_grant" | "invalid_user_password") => Ok(Verdict::WrongPassword),
        (401, "invalid_client" | "access_denied" | "unauthorized_client") => {
            Err(untried(CallError::Unauthorized))
        }
        (status, error) => {
            let word: String = error
                .chars()
                .filter(|c| c.is_ascii_lowercase() || *c == '_')
                .take(40)
                .collect();
            let untried = status == 429 || status >= 500 || error == "unauthorized_client";
            untold(
                !untried,
                format!("status {status} {word}").trim_end().to_owned(),
            )
        }
    }
}
