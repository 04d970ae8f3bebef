//! Okta: an org's users by phone number, and the numbers in their profiles (Users API,
//! <https://developer.okta.com/docs/api/openapi/okta-management/management/tag/User/>).
//!
//! Authentication of calls: an API token (`Authorization: SSWS`), or a service app's access token
//! with the scopes of [`Access`]
//! (<https://developer.okta.com/docs/guides/implement-oauth-for-okta-serviceapp/main/>).

mod tokens;
pub mod users;

use std::fmt;
use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap};
use secrecy::SecretString;

use crate::platform::layout::{Described, Key, Kind, Layout};
use crate::platform::secrets::{Content, Keys, SecretError};
use crate::platform::table::epoch;

/// The `okta` secret. With a `client_id` it is a service app, whatever else it holds.
#[derive(Debug)]
pub enum Credentials {
    /// `api_token`: it has the rights of the administrator who made it.
    ApiToken(SecretString),
    /// An API service app with a public key. It needs an administrator role besides its scopes, and
    /// no proof of possession (`DPoP`).
    ServiceApp {
        /// `client_id`.
        client_id: SecretString,
        /// `private_key`: RSA, PEM (PKCS#8 or PKCS#1).
        private_key: SecretString,
        /// `key_id`: the `kid` under which Okta knows the public key.
        key_id: SecretString,
    },
}

impl Content for Credentials {
    const NAME: &'static str = "okta";

    fn take(keys: &mut Keys) -> Option<Self> {
        let Some(client_id) = keys.optional("client_id") else {
            return keys.required("api_token").map(Self::ApiToken);
        };
        let (private_key, key_id) = (keys.required("private_key"), keys.required("key_id"));
        Some(Self::ServiceApp {
            client_id,
            private_key: private_key?,
            key_id: key_id?,
        })
    }
}

impl Described for Credentials {
    const LAYOUT: Layout = Layout {
        keys: &[
            Key::new(
                "api_token",
                Kind::Given,
                "Security, API, Tokens; or instead the three of a service app",
            ),
            Key::new(
                "client_id",
                Kind::Given,
                "Applications, the API Services app: Client ID",
            ),
            Key::new(
                "private_key",
                Kind::Pem,
                "the PEM file of its key (RSA), as @path",
            ),
            Key::new("key_id", Kind::Given, "the key's id (kid)"),
        ],
        needed: &[&["api_token"], &["client_id", "private_key", "key_id"]],
        together: &[&["client_id", "private_key", "key_id"]],
    };
}

/// What a function does in Okta. A service app requests tokens with no more scopes than this needs.
/// An API token has the rights of its administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Looks users up while a caller waits.
    Read,
    /// Also changes their profiles. No caller waits, so a third of each rate limit is left to other
    /// functions ([`CallError::Reserved`]).
    Manage,
}

impl Access {
    fn scope(self) -> &'static str {
        match self {
            Self::Read => "okta.users.read",
            Self::Manage => "okta.users.read okta.users.manage",
        }
    }
}

/// Why a call brought no result. No variant holds a value of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// Okta does not accept the token, or the rights or scopes behind it.
    Unauthorized,
    /// Okta permits nothing of this kind, or not with this user (`E0000006`). For example, not
    /// every role may change administrators.
    Forbidden,
    /// Okta takes no calls of this kind before then, at most a minute from now
    /// (<https://developer.okta.com/docs/reference/rl2-monitor/>).
    RateLimited {
        /// When the window ends, by our clock.
        until: SystemTime,
    },
    /// Less than a third of the limit for calls of this kind is left. [`Access::Manage`] leaves the
    /// rest to functions with waiting callers.
    Reserved {
        /// When the window ends, by our clock.
        until: SystemTime,
    },
    /// No user has this id.
    NotFound,
    /// Okta rejects this one request for good, with this code (`E0000001`: the profile does not
    /// take the value; `E0000038`: the user's status forbids it).
    Refused(String),
    /// Okta, or Secrets Manager before it, gave no usable answer; the text says which and how. A
    /// change may have been made.
    Unavailable(String),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized => f.write_str("Okta refuses the token, or its rights or scopes"),
            Self::Forbidden => f.write_str("Okta does not permit it (E0000006): what the token or its role may do, or whom it may change, is too little"),
            Self::Reserved { .. } => f.write_str("the rest of Okta's rate limit is left to the forwarders"),
            Self::RateLimited { .. } => f.write_str("Okta's rate limit is reached"),
            Self::NotFound => f.write_str("Okta knows no such user"),
            Self::Refused(code) => write!(f, "Okta refuses the request: {code}"),
            Self::Unavailable(why) => f.write_str(why),
        }
    }
}

impl From<SecretError> for CallError {
    fn from(error: SecretError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// When the current window of a rate limit ends, by our clock: Okta's `X-Rate-Limit-Reset` counts
/// from its own `Date`.
fn ends(headers: &HeaderMap, now: SystemTime) -> SystemTime {
    let text = |value: &'static str| headers.get(value)?.to_str().ok();
    let reset: Option<u64> = text("x-rate-limit-reset").and_then(|reset| reset.trim().parse().ok());
    let date = text(DATE.as_str()).and_then(|date| httpdate::parse_http_date(date).ok());
    let theirs = epoch(date.unwrap_or(now));
    // Windows last a minute.
    now + Duration::from_secs(reset.map_or(60, |reset| reset.saturating_sub(theirs).clamp(1, 60)))
}
