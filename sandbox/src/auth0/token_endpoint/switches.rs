//! What a test sets and counts at the token endpoint.

use serde_json::Value;

use crate::{
    auth0::{
        issuing::{TokenProfile, WrongPassword},
        state::Auth0,
        tenant::{CLIENT_ID, LOGIN_CLIENT_ID},
        user::User,
    },
    wire::lock,
};

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

    /// Sets the grant types of an application. At first [`CLIENT_CREDENTIALS`](crate::auth0::CLIENT_CREDENTIALS) for [`CLIENT_ID`],
    /// and [`PASSWORD`](crate::auth0::PASSWORD) and [`PASSWORD_REALM`](crate::auth0::PASSWORD_REALM) for [`LOGIN_CLIENT_ID`].
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

    /// Sets the scope of later tokens for [`API_AUDIENCE`](crate::auth0::API_AUDIENCE). At first
    /// `read:accounts`.
    pub fn set_api_scope(&self, scope: &str) {
        scope.clone_into(&mut lock(&self.state).issuing.api_scope);
    }

    /// Sets the connection for [`PASSWORD`](crate::auth0::PASSWORD). At first there is none.
    pub fn set_default_directory(&self, connection: &str) {
        lock(&self.state).issuing.default_directory = Some(connection.to_owned());
    }

    /// Sets `expires_in` in answers; null omits it. At first 86400. A token lives that long if the
    /// value is a number of seconds up to ten years, or else one day.
    pub fn set_expires_in(&self, expires_in: Value) {
        lock(&self.state).issuing.expires_in = expires_in;
    }

    /// Sets the format of access tokens for [`API_AUDIENCE`](crate::auth0::API_AUDIENCE). At first
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
