//! What users and administrators do: sign-ups, changes, sign-in data.

use serde_json::{Map, Value, json};

use super::{state::Auth0, tenant::REALM, user::User};
use crate::{random, wire::lock};

impl Auth0 {
    /// Adds a user of the default database, unverified and without a password.
    pub fn sign_up(&self, email: &str) -> User {
        self.sign_up_with(email, REALM)
    }

    /// Adds a user of another connection. Several connections may have the same address.
    pub fn sign_up_with(&self, email: &str, connection: &str) -> User {
        let user = User {
            user_id: format!("auth0|{}", random::hex(12)),
            email: email.to_lowercase(),
            email_verified: false,
            connection: connection.to_owned(),
            blocked: false,
            app_metadata: Map::new(),
        };
        lock(&self.state).users.push(user.clone());
        user
    }

    /// Adds a user of the default database who calls by phone. The PIN is the password.
    /// `app_metadata` has `account_number` and `ivr_greeting`.
    pub fn sign_up_caller(
        &self,
        account_number: &str,
        pin: &str,
        greeting: &str,
        email: &str,
    ) -> User {
        let user = self.sign_up(email);
        self.set_password(&user, pin);
        self.set_app_metadata(&user, "account_number", json!(account_number));
        self.set_app_metadata(&user, "ivr_greeting", json!(greeting))
    }

    /// All users, in the order of their sign-ups.
    pub fn users(&self) -> Vec<User> {
        lock(&self.state).users.clone()
    }

    /// The first user with this address.
    pub fn user(&self, email: &str) -> Option<User> {
        lock(&self.state)
            .users
            .iter()
            .find(|user| user.email == email.to_lowercase())
            .cloned()
    }

    /// Sets a member of a user's `app_metadata`, of any type; null removes it. Returns the changed
    /// user.
    pub fn set_app_metadata(&self, user: &User, name: &str, value: Value) -> User {
        self.change(user, |user| {
            match value {
                Value::Null => user.app_metadata.remove(name),
                value => user.app_metadata.insert(name.to_owned(), value),
            };
        })
    }

    /// Sets whether an administrator has blocked a user. For brute-force protection see
    /// [`Auth0::is_shut_out`].
    pub fn block(&self, user: &User, on: bool) {
        self.change(user, |user| user.blocked = on);
    }

    /// Marks the user's address as verified.
    pub fn set_verified(&self, user: &User) {
        self.change(user, |user| user.email_verified = true);
    }

    /// Deletes a user.
    pub fn delete(&self, user: &User) {
        lock(&self.state)
            .users
            .retain(|other| other.user_id != user.user_id);
    }

    /// Sets a user's password.
    pub fn set_password(&self, user: &User, password: &str) {
        password.clone_into(
            &mut lock(&self.state)
                .logins
                .entry(user.user_id.clone())
                .or_default()
                .password,
        );
    }

    /// Sets whether a user needs a second factor. The password grants then refuse the user.
    pub fn require_mfa(&self, user: &User, on: bool) {
        lock(&self.state)
            .logins
            .entry(user.user_id.clone())
            .or_default()
            .mfa = on;
    }

    /// Sets whether a user's password is in the list of breached passwords.
    pub fn leak_password(&self, user: &User, on: bool) {
        lock(&self.state)
            .logins
            .entry(user.user_id.clone())
            .or_default()
            .leaked = on;
    }

    fn change(&self, user: &User, change: impl FnOnce(&mut User)) -> User {
        let mut state = lock(&self.state);
        let found = state
            .users
            .iter_mut()
            .find(|other| other.user_id == user.user_id);
        let found = found.unwrap_or_else(|| panic!("no user {}", user.user_id));
        change(found);
        found.clone()
    }
}
