//! What an administrator does with users: hiring, changes, statuses, deletion.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    state::Okta,
    user::{Update, User},
};
use crate::wire::lock;

const STATUSES: [&str; 8] = [
    "ACTIVE",
    "DEPROVISIONED",
    "LOCKED_OUT",
    "PASSWORD_EXPIRED",
    "PROVISIONED",
    "RECOVERY",
    "STAGED",
    "SUSPENDED",
];

impl Okta {
    /// Adds an active user. Empty numbers are null in the profile. Returns the id.
    pub fn hire(&self, first_name: &str, mobile_phone: &str, primary_phone: &str) -> String {
        let login = format!("{}@acme.example", first_name.to_lowercase());
        let texts = [
            ("login", login.as_str()),
            ("email", &login),
            ("firstName", first_name),
            ("lastName", "Example"),
            ("mobilePhone", mobile_phone),
            ("primaryPhone", primary_phone),
        ];
        let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
        let profile = texts
            .map(|(name, text)| (name.to_owned(), json!(text)))
            .collect();
        lock(&self.state).hire(profile)
    }

    /// Adds this many active users with mobile phones from +45 20 00 00 00 and without primary
    /// phones. Returns the ids.
    pub fn hire_many(&self, n: usize) -> Vec<String> {
        (0..n)
            .map(|n| self.hire(&format!("User{n}"), &format!("+4520{n:06}"), ""))
            .collect()
    }

    /// The user with this id in its present state, not as in the search index.
    pub fn user(&self, id: &str) -> Option<User> {
        lock(&self.state).by_id(id).map(|user| user.clone())
    }

    /// All users, in the order of creation.
    pub fn users(&self) -> Vec<User> {
        lock(&self.state).users.values().cloned().collect()
    }

    /// Sets a user's status, for example to suspend or deactivate the user.
    pub fn set_status(&self, id: &str, status: &str) {
        assert!(STATUSES.contains(&status), "Okta has no status {status}");
        self.change(id, |user| {
            status.clone_into(&mut user.status);
            user.status_changed = crate::now();
        });
    }

    /// Sets an attribute of a user's profile, as an administrator or the user does; null empties
    /// it.
    pub fn set_profile(&self, id: &str, attribute: &str, value: Value) {
        self.change(id, |user| {
            user.profile.insert(attribute.to_owned(), value);
        });
    }

    /// Sets when a user's status last changed, since the epoch. [`Okta::set_status`] sets it to
    /// now.
    pub fn set_status_changed(&self, id: &str, at: Duration) {
        self.change(id, |user| user.status_changed = at);
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut User)) {
        let mut state = lock(&self.state);
        let user = state.by_id(id).unwrap_or_else(|| panic!("no user {id}"));
        user.last_updated = crate::now();
        change(user);
    }

    /// Sets when a user last changed, since the epoch.
    pub fn set_last_updated(&self, id: &str, at: Duration) {
        self.change(id, |user| user.last_updated = at);
    }

    /// Deletes a user.
    pub fn delete(&self, id: &str) {
        let mut state = lock(&self.state);
        if let Some(number) = state.ids.remove(id) {
            state.users.remove(&number);
        }
    }

    /// All accepted profile updates of clients, in order. Each raises
    /// `user.account.update_profile`.
    pub fn updates(&self) -> Vec<Update> {
        lock(&self.state).updates.clone()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;
    use crate::{
        moment::iso,
        okta::{answers::THEN, caller::Api},
    };

    #[tokio::test]
    async fn statuses_have_a_beginning_and_updates_are_kept() {
        let api = Api::start().await;
        let ids = api.0.hire_many(1000);
        let path = format!("/api/v1/users/{}", ids[999]);
        let user = api.get(&path).await.1;
        assert_eq!(
            (&user["profile"]["mobilePhone"], &user["statusChanged"]),
            (&json!("+4520000999"), &json!(iso(THEN)))
        );
        api.0.set_status(&ids[999], "DEPROVISIONED");
        assert_ne!(api.get(&path).await.1["statusChanged"], iso(THEN));
        api.0
            .set_status_changed(&ids[999], Duration::from_millis(951_782_399_250));
        assert_eq!(
            api.get(&path).await.1["statusChanged"],
            "2000-02-28T23:59:59.250Z"
        );
        let search = "/api/v1/users?search=status%20eq%20%22DEPROVISIONED%22%20and%20statusChanged%20lt%20%222001-01-01T00:00:00.000Z%22";
        assert_eq!(api.get(search).await.1[0]["id"], ids[999]);
        let profile = json!({"primaryPhone": "+14155550100"});
        assert_eq!(
            api.call(Method::POST, &path, Some(json!({ "profile": profile })))
                .await
                .0,
            403
        );
        let path = format!("/api/v1/users/{}", ids[0]);
        assert_eq!(
            api.call(Method::POST, &path, Some(json!({ "profile": profile })))
                .await
                .0,
            200
        );
        assert_eq!(
            api.0.updates(),
            [Update {
                id: ids[0].clone(),
                profile: profile.as_object().unwrap().clone()
            }]
        );
        assert_eq!(iso(THEN), "2026-11-20T12:00:00.000Z");
    }
}
