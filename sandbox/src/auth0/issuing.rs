//! What the token endpoint goes by: the applications, the switches, and what was counted.

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

/// How access tokens for an API look (the API's setting *JSON Web Token profile*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenProfile {
    /// `typ` is `JWT`, the application is `azp`.
    Auth0,
    /// RFC 9068: `typ` is `at+jwt`, the application is `client_id`, and there is a `jti`.
    Rfc9068,
}

/// The `error` that stands for a wrong password, on which Auth0's documents disagree; always 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongPassword {
    /// `invalid_grant`, as live tenants answer.
    InvalidGrant,
    /// `invalid_user_password`, as the `OpenAPI` document says.
    InvalidUserPassword,
    /// `access_denied`, as some pages say.
    AccessDenied,
}

pub(super) struct Application {
    pub(super) id: &'static str,
    pub(super) secret: String,
    pub(super) grant_types: Vec<String>,
}

/// What the token endpoint goes by.
pub(super) struct Issuing {
    pub(super) applications: [Application; 2],
    /// Permitted by tokens for the Management API.
    pub(super) management_scope: String,
    /// Permitted by tokens for the API.
    pub(super) api_scope: String,
    /// Audiences for which no application has a client grant.
    pub(super) denied: HashSet<String>,
    pub(super) default_directory: Option<String>,
    pub(super) expires_in: Value,
    pub(super) profile: TokenProfile,
    pub(super) wrong_password: WrongPassword,
    pub(super) suspicious: bool,
    pub(super) rate_limited: u32,
    /// Machine-to-machine tokens an hour, and how many are left of them.
    pub(super) quota: Option<[u32; 2]>,
    /// By grant type and audience.
    pub(super) issued: HashMap<[String; 2], u32>,
    /// Wrong passwords in a row, by address and connection.
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

    /// What an application may ask for: at first [`CLIENT_CREDENTIALS`] for [`CLIENT_ID`], [`PASSWORD`] and [`PASSWORD_REALM`] for [`LOGIN_CLIENT_ID`].
    pub fn set_grant_types(&self, client_id: &str, grant_types: &[&str]) {
        lock(&self.state).issuing.application(client_id).grant_types = grant_types
            .iter()
            .map(|&grant_type| grant_type.to_owned())
            .collect();
    }

    /// Whether applications have a client grant for an audience; at first they have.
    pub fn set_client_grant(&self, audience: &str, on: bool) {
        let denied = &mut lock(&self.state).issuing.denied;
        if on {
            denied.remove(audience)
        } else {
            denied.insert(audience.to_owned())
        };
    }

    /// What tokens for the Management API issued from now on permit; at first `read:users update:users`.
    pub fn set_scope(&self, scope: &str) {
        scope.clone_into(&mut lock(&self.state).issuing.management_scope);
    }

    /// What tokens for [`API_AUDIENCE`](super::API_AUDIENCE) issued from now on permit; at first `read:accounts`.
    pub fn set_api_scope(&self, scope: &str) {
        scope.clone_into(&mut lock(&self.state).issuing.api_scope);
    }

    /// The connection that [`PASSWORD`] signs in to; at first there is none.
    pub fn set_default_directory(&self, connection: &str) {
        lock(&self.state).issuing.default_directory = Some(connection.to_owned());
    }

    /// What answers say for `expires_in`, null for nothing; at first 86400. Tokens live that long if it is a number of seconds up to ten years, else a day.
    pub fn set_expires_in(&self, expires_in: Value) {
        lock(&self.state).issuing.expires_in = expires_in;
    }

    /// How access tokens for [`API_AUDIENCE`](super::API_AUDIENCE) look; at first as [`TokenProfile::Auth0`].
    pub fn set_token_profile(&self, profile: TokenProfile) {
        lock(&self.state).issuing.profile = profile;
    }

    /// How a wrong password is answered; at first as [`WrongPassword::InvalidGrant`].
    pub fn set_wrong_password(&self, answer: WrongPassword) {
        lock(&self.state).issuing.wrong_password = answer;
    }

    /// Whether suspicious-IP throttling takes everybody who signs in for an attacker.
    pub fn suspect_everybody(&self, on: bool) {
        lock(&self.state).issuing.suspicious = on;
    }

    /// The next `n` token requests are answered 429 `too_many_requests`.
    pub fn rate_limit_tokens(&self, n: u32) {
        lock(&self.state).issuing.rate_limited = n;
    }

    /// So many machine-to-machine tokens are left of the hour's quota, which answers state from now on; `None`: there is no quota, as at first.
    pub fn set_quota(&self, left: Option<u32>) {
        lock(&self.state).issuing.quota = left.map(|left| [left, left]);
    }

    /// How many tokens were issued by a grant type for an audience (empty: without one).
    pub fn grants(&self, grant_type: &str, audience: &str) -> u32 {
        lock(&self.state)
            .issuing
            .issued
            .get(&[grant_type, audience].map(str::to_owned))
            .copied()
            .unwrap_or_default()
    }

    /// How many token requests came since [`clear_exchanges`](crate::wire::Server::clear_exchanges), whatever came of them.
    pub fn token_requests(&self) -> usize {
        self.requests("POST /oauth/token")
    }

    /// How many wrong passwords in a row were given for a user.
    pub fn failed_logins(&self, user: &User) -> u32 {
        let mistakes = &lock(&self.state).issuing.mistakes;
        mistakes
            .get(&[user.email.clone(), user.connection.clone()])
            .copied()
            .unwrap_or_default()
    }

    /// Whether brute-force protection keeps a user out. It does, at first, after ten wrong passwords in a row, here whatever address they come from.
    pub fn is_shut_out(&self, user: &User) -> bool {
        let most = lock(&self.state).settings.wrong_passwords();
        most.is_some_and(|most| self.failed_logins(user) >= most)
    }

    /// Lifts brute-force protection from a user, as the link in the mail about it does.
    pub fn let_in(&self, user: &User) {
        lock(&self.state)
            .issuing
            .mistakes
            .remove(&[user.email.clone(), user.connection.clone()]);
    }
}
