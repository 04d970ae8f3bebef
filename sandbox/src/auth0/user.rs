//! A user, the sign-in data of a user, and the profile in answers.

use serde_json::{Map, Value, json};

/// A user of the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// `auth0|` and 24 hexadecimal digits.
    pub user_id: String,
    /// In lower case.
    pub email: String,
    /// True when the user has confirmed the address.
    pub email_verified: bool,
    /// Name of the connection.
    pub connection: String,
    /// True if an administrator blocked the user. Brute-force protection does not set this field.
    pub blocked: bool,
    /// The data of applications about the user.
    pub app_metadata: Map<String, Value>,
}

/// Sign-in data of a user.
#[derive(Default)]
pub(super) struct Login {
    pub(super) password: String,
    pub(super) mfa: bool,
    pub(super) leaked: bool,
}

pub(super) fn profile(user: &User) -> Value {
    let User {
        user_id,
        email,
        email_verified,
        connection,
        blocked,
        app_metadata,
    } = user;
    let (provider, id) = user_id.split_once('|').unwrap_or_default();
    let mut profile = json!({
        "user_id": user_id, "email": email, "email_verified": email_verified, "name": email, "nickname": email.split('@').next(),
        "identities": [{"connection": connection, "provider": provider, "user_id": id, "isSocial": false}],
        "created_at": "2026-11-20T12:00:00.000Z", "updated_at": "2026-11-20T12:00:00.000Z",
    });
    if !app_metadata.is_empty() {
        profile["app_metadata"] = app_metadata.clone().into();
    }
    if *blocked {
        profile["blocked"] = true.into();
    }
    profile
}
