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
    Blocked(&'static str),
}

/// Why Auth0 gave no verdict on a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoVerdict {
    /// The error of the call.
    pub error: CallError,
    /// Whether Auth0 may have checked the password all the same, and counted a wrong one.
    pub tried: Tried,
}

/// Whether Auth0 checked a password and said nothing about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// Certainly not.
    No,
    /// Auth0 failed (5xx), before or after it counted a wrong password.
    Perhaps,
    /// The answer was lost or is unknown.
    Likely,
}

impl From<SecretError> for NoVerdict {
    fn from(error: SecretError) -> Self {
        untried(error.into())
    }
}

fn untried(error: CallError) -> NoVerdict {
    NoVerdict {
        error,
        tried: Tried::No,
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
    /// [`NoVerdict`].
    pub async fn check(
        &self,
        username: &str,
        password: &SecretString,
        now: SystemTime,
    ) -> Result<Verdict, NoVerdict> {
        let is_refused = |no_verdict: &NoVerdict| no_verdict.error == CallError::Unauthorized;
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
    ) -> Result<Verdict, NoVerdict> {
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
        verdict_of(&answer.map_err(|error| NoVerdict {
            tried: match error {
                NoAnswer::Unknown(_) => Tried::Likely,
                NoAnswer::NotSent(_) => Tried::No,
            },
            error: CallError::Unavailable(format!("login: {error}")),
        })?)
    }
}

/// The meaning of an answer. An unknown error does not count as a wrong password, although it may
/// have been one.
fn verdict_of(answer: &Answer) -> Result<Verdict, NoVerdict> {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
        error_description: Option<String>,
    }
    let no_verdict = |tried, what: String| {
        Err(NoVerdict {
            tried,
            error: CallError::Unavailable(format!("login: {what}")),
        })
    };
    if answer.status == 200 {
        // A proxy's page is not a login.
        return match answer.json::<serde_json::Map<String, serde_json::Value>>() {
            Some(granted) if granted.contains_key("access_token") => Ok(Verdict::Accepted),
            _ => no_verdict(Tried::Likely, "unreadable answer".to_owned()),
        };
    }
    let Some(Refusal {
        error,
        error_description,
    }) = answer.json()
    else {
        let tried = match answer.status {
            500.. => Tried::Perhaps,
            _ => Tried::Likely,
        };
        return no_verdict(tried, format!("status {}", answer.status));
    };
    let description = error_description.unwrap_or_default().to_lowercase();
    if (400..500).contains(&answer.status)
        && (description.contains("wrong email or password")
            || description.contains("wrong username or password"))
    {
        return Ok(Verdict::WrongPassword);
    }
    match (answer.status, error.as_str()) {
        (401 | 403, "mfa_required") => Ok(Verdict::Blocked("mfa_required")),
        (401 | 403, "password_leaked") => Ok(Verdict::Blocked("password_leaked")),
        (401 | 403, "unauthorized") if description.contains("blocked") => {
            Ok(Verdict::Blocked("blocked"))
        }
        (429, "too_many_attempts") => Ok(Verdict::Blocked("too_many_attempts")),
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
            let tried = match (status, error) {
                (429, _) | (_, "unauthorized_client") => Tried::No,
                (500.., _) => Tried::Perhaps,
                _ => Tried::Likely,
            };
            let what = format!("status {status} {word}");
            no_verdict(tried, what.trim_end().to_owned())
        }
    }
}
