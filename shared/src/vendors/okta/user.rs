//! A user, as far as we read one, and the profile attributes that hold a number.

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A user's status
/// (<https://developer.okta.com/docs/api/openapi/okta-management/management/tag/User/>).
/// [`Status::is_served`] says whom to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Works here.
    Active,
    /// Deactivated: has left.
    Deprovisioned,
    /// Too many wrong passwords.
    LockedOut,
    /// Must choose a new password.
    PasswordExpired,
    /// Activated, has not yet signed in.
    Provisioned,
    /// Is getting a forgotten password back.
    Recovery,
    /// Not yet activated.
    Staged,
    /// Barred for now.
    Suspended,
    /// A status that Okta has added since.
    #[serde(other)]
    Unknown,
}

impl Status {
    /// Whether a user in this status works here. A locked login or an expired password is no reason
    /// to cut the phone. Otherwise a stranger could cut it by typing a wrong password often enough.
    pub fn is_served(self) -> bool {
        matches!(
            self,
            Self::Active | Self::PasswordExpired | Self::LockedOut | Self::Recovery
        )
    }
}

/// A user. A profile value that is missing, null or blank is `None`. `Debug` shows no personal
/// data.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Okta's id, letters and digits.
    pub id: String,
    /// The status, which tells whether to serve the user.
    pub status: Status,
    /// Free text that the user may be allowed to change.
    pub first_name: Option<String>,
    /// The number on the business card: E.164 if we wrote it, otherwise as a person typed it.
    pub primary_phone: Option<String>,
    /// The user's own phone, as a person typed it.
    pub mobile_phone: Option<String>,
    /// The name that the user signs in with.
    pub login: Option<String>,
    /// The language that the user prefers, such as `da`; else the user's locale, such as `da-DK`.
    pub locale: Option<String>,
    /// Since when the user has this status, if Okta says.
    pub status_changed: Option<SystemTime>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl<'de> Deserialize<'de> for User {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            id: String,
            status: Status,
            status_changed: Option<String>,
            profile: Profile,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Profile {
            first_name: Option<String>,
            primary_phone: Option<String>,
            mobile_phone: Option<String>,
            login: Option<String>,
            preferred_language: Option<String>,
            locale: Option<String>,
        }
        let Wire {
            id,
            status,
            status_changed,
            profile:
                Profile {
                    first_name,
                    primary_phone,
                    mobile_phone,
                    login,
                    preferred_language,
                    locale,
                },
        } = Wire::deserialize(deserializer)?;
        let status_changed = status_changed
            .and_then(|date| OffsetDateTime::parse(&date, &Rfc3339).ok())
            .map(SystemTime::from);
        let text = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let (first_name, primary_phone) = (text(first_name), text(primary_phone));
        Ok(Self {
            id,
            status,
            first_name,
            primary_phone,
            mobile_phone: text(mobile_phone),
            login: text(login),
            locale: text(preferred_language).or_else(|| text(locale)),
            status_changed,
        })
    }
}

/// A profile attribute that holds a phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// `primaryPhone`: the company's number.
    PrimaryPhone,
    /// `mobilePhone`: the employee's own.
    MobilePhone,
}

impl Attribute {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::PrimaryPhone => "primaryPhone",
            Self::MobilePhone => "mobilePhone",
        }
    }

    pub(super) fn of(self, user: &User) -> Option<&str> {
        match self {
            Self::PrimaryPhone => user.primary_phone.as_deref(),
            Self::MobilePhone => user.mobile_phone.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_user_is_read_from_what_there_is_and_shows_no_personal_data() {
        let user: User = serde_json::from_value(json!({"id": "00u1", "status": "NEWLY_INVENTED", "profile":
            {"firstName": "Ann", "primaryPhone": " ", "mobilePhone": null, "unknown": 1}, "statusChanged": "then", "more": {}}))
        .unwrap();
        let expected = User {
            id: "00u1".to_owned(),
            status: Status::Unknown,
            first_name: Some("Ann".to_owned()),
            primary_phone: None,
            mobile_phone: None,
            login: None,
            locale: None,
            status_changed: None,
        };
        assert_eq!(user, expected);
        assert_eq!(
            format!("{user:?}"),
            r#"User { id: "00u1", status: Unknown, .. }"#
        );
    }
}
