//! A user, the attributes of a user's profile, and an update of it.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::answers::THEN;
use crate::moment::iso;

/// The base attributes of a profile that are simulated. The first four cannot be emptied.
pub(super) const ATTRIBUTES: [&str; 8] = [
    "login",
    "email",
    "firstName",
    "lastName",
    "mobilePhone",
    "primaryPhone",
    "department",
    "organization",
];

/// Attributes of Okta's base profile that are only stored and returned.
pub(super) const BASE: [&str; 23] = [
    "middleName",
    "honorificPrefix",
    "honorificSuffix",
    "title",
    "displayName",
    "nickName",
    "profileUrl",
    "secondEmail",
    "streetAddress",
    "city",
    "state",
    "zipCode",
    "countryCode",
    "postalAddress",
    "preferredLanguage",
    "locale",
    "timezone",
    "userType",
    "employeeNumber",
    "costCenter",
    "division",
    "manager",
    "managerId",
];

/// A user.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// `00u` and 17 letters and digits.
    pub id: String,
    /// `ACTIVE`, `SUSPENDED`, `DEPROVISIONED`...
    pub status: String,
    /// When the status last changed, since the epoch.
    pub status_changed: Duration,
    /// When the user last changed, since the epoch.
    pub last_updated: Duration,
    /// `firstName`, `mobilePhone`, `primaryPhone`...; an absent attribute is null in answers.
    pub profile: Map<String, Value>,
}

impl User {
    /// An attribute's text; empty if it is null or absent.
    pub fn text(&self, attribute: &str) -> &str {
        self.profile
            .get(attribute)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub(super) fn wire(&self) -> Value {
        let mut profile = self.profile.clone();
        for attribute in ["mobilePhone", "primaryPhone"] {
            profile.entry(attribute).or_insert(Value::Null);
        }
        let then = iso(THEN);
        json!({
            "id": self.id, "status": self.status, "created": then, "activated": then, "statusChanged": iso(self.status_changed), "lastLogin": null,
            "lastUpdated": iso(self.last_updated),
            "passwordChanged": null, "type": {"id": "otysandbox"}, "profile": profile,
            "credentials": {"provider": {"type": "OKTA", "name": "OKTA"}}, "_links": {"self": {"href": format!("https://acme.okta.com/api/v1/users/{}", self.id)}},
        })
    }
}

/// A client's update of a profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The user's id.
    pub id: String,
    /// The attributes that the update names.
    pub profile: Map<String, Value>,
}
