//! Users by e-mail address, and marking an address as verified.
//!
//! `GET /api/v2/users-by-email` is immediately consistent, unlike the search
//! (<https://auth0.com/docs/manage-users/user-search/retrieve-users-with-get-users-by-email-endpoint>); scopes `read:users`,
//! `update:users`.

use std::fmt;
use std::time::{Duration, SystemTime};

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::tokens::Tokens;
use crate::http::{Answer, BaseUrl, Client};

const ANSWER_LIMIT: usize = 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(4);

/// Why a call brought no result. No variant holds a value of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// The application's credentials or scopes are not accepted.
    Unauthorized,
    /// Auth0, or Secrets Manager before it, had no usable answer; the text says which and how.
    Unavailable(String),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized => f.write_str("Auth0 refuses the application's credentials or scopes"),
            Self::Unavailable(why) => f.write_str(why),
        }
    }
}

/// What marking an address as verified came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// It is verified, now or already before.
    Verified,
    /// No user has this address.
    NoUser,
    /// Several users have it; none was changed, since nobody can say which one is meant.
    Several,
}

/// The users of a tenant.
pub struct Users {
    client: Client,
    base: BaseUrl,
    tokens: Tokens,
}

#[derive(Deserialize)]
struct User {
    #[serde(rename = "user_id")]
    id: String,
    email: String,
    #[serde(default)]
    email_verified: bool,
}

impl Users {
    /// The users of the tenant at `base`, with tokens for its Management API.
    pub fn new(client: Client, base: BaseUrl, tokens: Tokens) -> Self {
        Self { client, base, tokens }
    }

    /// The audience of the Management API of the tenant at `base`.
    pub fn audience(base: &BaseUrl) -> String {
        base.join("api/v2/").to_string()
    }

    /// Marks the address of the one user who has it as verified.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn verify_email(&self, email: &str, now: SystemTime) -> Result<Verification, CallError> {
        let user = match self.by_email(email, now).await?.as_mut_slice() {
            [] => return Ok(Verification::NoUser),
            [user] if user.email_verified => return Ok(Verification::Verified),
            [user] => std::mem::take(&mut user.id),
            _ => return Ok(Verification::Several),
        };
        // Ids hold a `|`, which a URL must not; and what is percent-encoded has no `+` but for blanks.
        let id: String = form_urlencoded::byte_serialize(user.as_bytes()).collect();
        let url = self.base.join(&format!("api/v2/users/{}", id.replace('+', "%20")));
        let answer = self.call(Method::PATCH, url, Some(json!({ "email_verified": true }).to_string()), now).await?;
        match answer.status {
            200 => Ok(Verification::Verified),
            404 => Ok(Verification::NoUser),
            status => Err(CallError::Unavailable(format!("updating the user: status {status}"))),
        }
    }

    /// Whether the one user with this address has it verified.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn is_verified(&self, email: &str, now: SystemTime) -> Result<bool, CallError> {
        Ok(matches!(self.by_email(email, now).await?.as_slice(), [user] if user.email_verified))
    }

    async fn by_email(&self, email: &str, now: SystemTime) -> Result<Vec<User>, CallError> {
        let mut url = self.base.join("api/v2/users-by-email");
        // Auth0 stores addresses in lower case and compares exactly.
        let email = email.to_lowercase();
        url.query_pairs_mut().append_pair("email", &email).append_pair("fields", "user_id,email,email_verified");
        let answer = self.call(Method::GET, url, None, now).await?;
        if answer.status != 200 {
            return Err(CallError::Unavailable(format!("looking up the user: status {}", answer.status)));
        }
        let unreadable = || CallError::Unavailable("looking up the user: unreadable answer".to_owned());
        let mut users: Vec<User> = answer.json().ok_or_else(unreadable)?;
        users.retain(|user| user.email.to_lowercase() == email);
        Ok(users)
    }

    /// One call; a refused token is replaced and the call made once more.
    async fn call(&self, method: Method, url: Url, body: Option<String>, now: SystemTime) -> Result<Answer, CallError> {
        for last in [false, true] {
            let token = self.tokens.get(now).await?;
            let mut request = self.client.request(method.clone(), url.clone()).bearer_auth(token.expose_secret());
            if let Some(body) = &body {
                request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
            }
            let answer = self.client.send(request, ANSWER_LIMIT, TIMEOUT).await;
            let answer = answer.map_err(|error| CallError::Unavailable(format!("Management API: {error}")))?;
            match answer.status {
                401 if !last => self.tokens.refused(&token),
                401 | 403 => return Err(CallError::Unauthorized),
                _ => return Ok(answer),
            }
        }
        Err(CallError::Unauthorized)
    }
}
