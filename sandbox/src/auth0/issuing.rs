//! The state of the token endpoint: applications, switches and counters.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::{Auth0, CLIENT_ID, CLIENT_SECRET, LOGIN_CLIENT_ID, LOGIN_CLIENT_SECRET, User};
use crate::wire::lock;

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

    fn application(&mut self, id: &str) -> &mut Application {
        let found = self
            .applications
            .iter_mut()
            .find(|application| application.id == id);
        found.unwrap_or_else(|| panic!("the tenant has no application {id}"))
    }
}

impl Auth0 {
    /// Replaces the secret of the machine-to-machine application.
    pub fn set_client_secret(&self, secret: &str) {
        secret.clone_into(&mut lock(&self.state).issuing.application(CLIENT_ID).secret);
    }

    /// Replaces the secret of the application through which users sign in.
    pub fn set_login_client_secret(&self, secret: &str) {
        secret.clone_into(
            &mut lock(&self.state)
                .issuing
                .application(LOGIN_CLIENT_ID)
                .secret,
        );
    }

    /// Sets the grant types of an application. At first [`CLIENT_CREDENTIALS`] for [`CLIENT_ID`],
    /// and [`PASSWORD`] and [`PASSWORD_REALM`] for [`LOGIN_CLIENT_ID`].
    pub fn set_grant_types(&self, client_id: &str, grant_types: &[&str]) {
        lock(&self.state).issuing.application(client_id).grant_types = grant_types
            .iter()
            .map(|&grant_type| grant_type.to_owned())
            .collect();
    }

    /// Sets whether applications have a client grant for an audience. At first they have.
    pub fn set_client_grant(&self, audience: &str, on: bool) {
        let denied = &mut lock(&self.state).issuing.denied;
        if on {
            denied.remove(audience)
        } else {
            denied.insert(audience.to_owned())
        };
    }

    /// Sets the scope of later tokens for the Management API. At first `read:users update:users`.
    pub fn set_scope(&self, scope: &str) {
        scope.clone_into(&mut lock(&self.state).issuing.management_scope);
    }

    /// Sets the scope of later tokens for [`API_AUDIENCE`](super::API_AUDIENCE). At first
    /// `read:accounts`.
    pub fn set_api_scope(&self, scope: &str) {
        scope.clone_into(&mut lock(&self.state).issuing.api_scope);
    }

    /// Sets the connection for [`PASSWORD`]. At first there is none.
    pub fn set_default_directory(&self, connection: &str) {
        lock(&self.state).issuing.default_directory = Some(connection.to_owned());
    }

    /// Sets `expires_in` in answers; null omits it. At first 86400. A token lives that long if the
    /// value is a number of seconds up to ten years, or else one day.
    pub fn set_expires_in(&self, expires_in: Value) {
        lock(&self.state).issuing.expires_in = expires_in;
    }

    /// Sets the format of access tokens for [`API_AUDIENCE`](super::API_AUDIENCE). At first
    /// [`TokenProfile::Auth0`].
    pub fn set_token_profile(&self, profile: TokenProfile) {
        lock(&self.state).issuing.profile = profile;
    }

    /// Sets the answer to a wrong password. At first [`WrongPassword::InvalidGrant`].
    pub fn set_wrong_password(&self, answer: WrongPassword) {
        lock(&self.state).issuing.wrong_password = answer;
    }

    /// Sets whether suspicious-IP throttling blocks every sign-in.
    pub fn suspect_everybody(&self, on: bool) {
        lock(&self.state).issuing.suspicious = on;
    }

    /// Answers the next `n` token requests with 429 `too_many_requests`.
    pub fn rate_limit_tokens(&self, n: u32) {
        lock(&self.state).issuing.rate_limited = n;
    }

    /// Sets how many machine-to-machine tokens are left of the hour's quota. Answers then state the
    /// quota. `None`: there is no quota, as at first.
    pub fn set_quota(&self, left: Option<u32>) {
        lock(&self.state).issuing.quota = left.map(|left| [left, left]);
    }

    /// How many tokens a grant type has issued for an audience (empty: without one).
    pub fn grants(&self, grant_type: &str, audience: &str) -> u32 {
        lock(&self.state)
            .issuing
            .issued
            .get(&[grant_type, audience].map(str::to_owned))
            .copied()
            .unwrap_or_default()
    }

    /// How many token requests arrived since
    /// [`clear_exchanges`](crate::wire::Server::clear_exchanges), successful or not.
    pub fn token_requests(&self) -> usize {
        self.requests("POST /oauth/token")
    }

    /// How many wrong passwords in a row a user has had.
    pub fn failed_logins(&self, user: &User) -> u32 {
        let mistakes = &lock(&self.state).issuing.mistakes;
        mistakes
            .get(&[user.email.clone(), user.connection.clone()])
            .copied()
            .unwrap_or_default()
    }

    /// True if brute-force protection blocks a user. At first this happens after ten wrong
    /// passwords in a row, here from any IP address.
    pub fn is_shut_out(&self, user: &User) -> bool {
        let most = lock(&self.state).settings.wrong_passwords();
        most.is_some_and(|most| self.failed_logins(user) >= most)
    }

    /// Removes brute-force protection's block from a user, like the link in Auth0's mail about it.
    pub fn let_in(&self, user: &User) {
        lock(&self.state)
            .issuing
            .mistakes
            .remove(&[user.email.clone(), user.connection.clone()]);
    }
}
