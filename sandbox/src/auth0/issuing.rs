//! The state of the token endpoint: applications, switches and counters.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::tenant::{CLIENT_ID, CLIENT_SECRET, LOGIN_CLIENT_ID, LOGIN_CLIENT_SECRET};

/// The grant of machine-to-machine applications.
pub const CLIENT_CREDENTIALS: &str = "client_credentials";

/// The grant for a user's name and password in the tenant's default directory.
pub const PASSWORD: &str = "password";

/// The grant for a user's name and password in the connection named `realm`.
pub const PASSWORD_REALM: &str = "http://auth0.com/oauth/grant-type/password-realm";

/// The format of access tokens for an API (the API's setting *JSON Web Token profile*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenProfile {
    /// `typ` is `JWT`, the application is `azp`.
    Auth0,
    /// RFC 9068: `typ` is `at+jwt`, the application is `client_id`, and there is a `jti`.
    Rfc9068,
}

/// The `error` for a wrong password. Auth0's documents disagree about it. The status is always 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongPassword {
    /// `invalid_grant`: the answer of live tenants.
    InvalidGrant,
    /// `invalid_user_password`: the `OpenAPI` document.
    InvalidUserPassword,
    /// `access_denied`: some pages of the documentation.
    AccessDenied,
}

pub(super) struct Application {
    pub(super) id: &'static str,
    pub(super) secret: String,
    pub(super) grant_types: Vec<String>,
}

/// The state of the token endpoint.
pub(super) struct Issuing {
    pub(super) applications: [Application; 2],
    /// Scope of tokens for the Management API.
    pub(super) management_scope: String,
    /// Scope of tokens for the API.
    pub(super) api_scope: String,
    /// Audiences for which no application has a client grant.
    pub(super) denied: HashSet<String>,
    pub(super) default_directory: Option<String>,
    pub(super) expires_in: Value,
    pub(super) profile: TokenProfile,
    pub(super) wrong_password: WrongPassword,
    pub(super) suspicious: bool,
    pub(super) rate_limited: u32,
    /// Machine-to-machine tokens an hour, and how many of them are left.
    pub(super) quota: Option<[u32; 2]>,
    /// Number of issued tokens, by grant type and audience.
    pub(super) issued: HashMap<[String; 2], u32>,
    /// Number of wrong passwords in a row, by address and connection.
    pub(super) mistakes: HashMap<[String; 2], u32>,
}

impl Issuing {
    pub(super) fn new() -> Self {
        let application = |id, secret: &str, grant_types: &[&str]| Application {
            id,
            secret: secret.to_owned(),
            grant_types: grant_types
                .iter()
                .map(|&grant_type| grant_type.to_owned())
                .collect(),
        };
        Self {
            applications: [
                application(CLIENT_ID, CLIENT_SECRET, &[CLIENT_CREDENTIALS]),
                application(
                    LOGIN_CLIENT_ID,
                    LOGIN_CLIENT_SECRET,
                    &[PASSWORD, PASSWORD_REALM],
                ),
            ],
            management_scope: "read:users update:users".to_owned(),
            api_scope: "read:accounts".to_owned(),
            denied: HashSet::new(),
            default_directory: None,
            expires_in: json!(86_400),
            profile: TokenProfile::Auth0,
            wrong_password: WrongPassword::InvalidGrant,
            suspicious: false,
            rate_limited: 0,
            quota: None,
            issued: HashMap::new(),
            mistakes: HashMap::new(),
        }
    }

    pub(super) fn application(&mut self, id: &str) -> &mut Application {
        let found = self
            .applications
            .iter_mut()
            .find(|application| application.id == id);
        found.unwrap_or_else(|| panic!("the tenant has no application {id}"))
    }
}
