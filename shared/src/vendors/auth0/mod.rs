//! Auth0: the token endpoint, logging a user in, the Management API's users (API version 2), and
//! the check of the access tokens that Auth0 issues.
//!
//! Authentication of calls: a machine-to-machine application's access token for the audience
//! `https://{tenant}/api/v2/`
//! (<https://auth0.com/docs/secure/tokens/access-tokens/management-api-access-tokens>).

pub mod access;
pub mod login;
pub mod tokens;
pub mod users;

use std::fmt;

use secrecy::SecretString;

use crate::platform::layout::{Described, Key, Kind, Layout};
use crate::platform::secrets::{Content, Keys, SecretError};

/// The `auth0` secret: a machine-to-machine application.
#[derive(Debug)]
pub struct Credentials {
    /// Its client id.
    pub client_id: SecretString,
    /// Its client secret.
    pub client_secret: SecretString,
    /// Client id and secret of the application that logs users in. If not given, this application
    /// does it.
    pub login: Option<(SecretString, SecretString)>,
}

impl Content for Credentials {
    const NAME: &'static str = "auth0";

    fn take(keys: &mut Keys) -> Option<Self> {
        let (client_id, client_secret) =
            (keys.required("client_id"), keys.required("client_secret"));
        let login = (
            keys.optional("login_client_id"),
            keys.optional("login_client_secret"),
        );
        if login.0.is_some() != login.1.is_some() {
            keys.reject("one of login_client_id and login_client_secret, which go together");
        }
        let login = login.0.zip(login.1);
        Some(Self {
            client_id: client_id?,
            client_secret: client_secret?,
            login,
        })
    }
}

impl Described for Credentials {
    const LAYOUT: Layout = Layout {
        keys: &[
            Key::new(
                "client_id",
                Kind::Given,
                "Applications, the machine-to-machine application: Client ID",
            ),
            Key::new("client_secret", Kind::Given, "the same: Client Secret"),
            Key::new(
                "login_client_id",
                Kind::Given,
                "of the application that logs callers in, if it is another one",
            ),
            Key::new(
                "login_client_secret",
                Kind::Given,
                "the same: Client Secret",
            ),
        ],
        needed: &[&["client_id", "client_secret"]],
        together: &[&["login_client_id", "login_client_secret"]],
    };
}

/// Whether the `auth0` secret names an application at all. A stack makes the secret empty, and some
/// functions can work without it.
#[derive(Debug)]
pub struct Application {
    /// Half a pair counts as given. The function that uses it then reports what is missing.
    pub is_given: bool,
}

impl Content for Application {
    const NAME: &'static str = Credentials::NAME;

    fn take(keys: &mut Keys) -> Option<Self> {
        let (id, secret) = (keys.optional("client_id"), keys.optional("client_secret"));
        Some(Self {
            is_given: id.is_some() || secret.is_some(),
        })
    }
}

/// Why a call brought no result. No variant holds a value of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// Auth0 does not accept the application's credentials or scopes.
    Unauthorized,
    /// Auth0, or Secrets Manager before it, gave no usable answer; the text says which and how.
    Unavailable(String),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized => {
                f.write_str("Auth0 refuses the application's credentials or scopes")
            }
            Self::Unavailable(why) => f.write_str(why),
        }
    }
}

impl From<SecretError> for CallError {
    fn from(error: SecretError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
