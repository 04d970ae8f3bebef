//! A number of the account and its fields.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::stock::Stock;
use crate::{
    mail,
    twilio::{ids::ACCOUNT_SID, parameters::snake_case},
};

/// The type of a number's settable field. An empty text unsets the field.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Name,
    Url,
    Sid(&'static str),
    Flag,
    OneOf(&'static [&'static str]),
}

const METHOD: Kind = Kind::OneOf(&["GET", "POST"]);

/// Name in requests, type, and value while unset (`None`: null).
pub(super) const FIELDS: [(&str, Kind, Option<&str>); 22] = [
    (
        "ApiVersion",
        Kind::OneOf(&["2010-04-01"]),
        Some("2010-04-01"),
    ),
    ("FriendlyName", Kind::Name, Some("")),
    ("VoiceUrl", Kind::Url, None),
    ("VoiceMethod", METHOD, Some("POST")),
    ("VoiceFallbackUrl", Kind::Url, None),
    ("VoiceFallbackMethod", METHOD, Some("POST")),
    ("VoiceApplicationSid", Kind::Sid("AP"), Some("")),
    ("VoiceCallerIdLookup", Kind::Flag, Some("false")),
    (
        "VoiceReceiveMode",
        Kind::OneOf(&["voice", "fax"]),
        Some("voice"),
    ),
    ("SmsUrl", Kind::Url, Some("")),
    ("SmsMethod", METHOD, Some("POST")),
    ("SmsFallbackUrl", Kind::Url, Some("")),
    ("SmsFallbackMethod", METHOD, Some("POST")),
    ("SmsApplicationSid", Kind::Sid("AP"), Some("")),
    ("StatusCallback", Kind::Url, Some("")),
    ("StatusCallbackMethod", METHOD, Some("POST")),
    ("TrunkSid", Kind::Sid("TK"), None),
    ("AddressSid", Kind::Sid("AD"), None),
    ("BundleSid", Kind::Sid("BU"), None),
    ("IdentitySid", Kind::Sid("RI"), None),
    (
        "EmergencyStatus",
        Kind::OneOf(&["Active", "Inactive"]),
        Some("Active"),
    ),
    ("EmergencyAddressSid", Kind::Sid("AD"), None),
];

/// A number of the account.
#[derive(Clone, Debug)]
pub struct Owned {
    /// `PN` and 32 hexadecimal digits.
    pub sid: String,
    /// E.164.
    pub number: String,
    /// The fields that were set, by their name in requests.
    pub(super) fields: BTreeMap<String, String>,
    pub(super) stock: Stock,
    /// Seconds since the epoch.
    pub(super) created: u64,
    pub(super) bought: bool,
    pub(super) released: bool,
    /// True while lists do not show it yet.
    pub(super) lags: bool,
}

impl Owned {
    /// A field by its name in requests (`FriendlyName`, `VoiceUrl`, `SmsMethod`...). An unset field
    /// has Twilio's default; empty for null.
    pub fn field(&self, name: &str) -> &str {
        let Some((_, _, unset)) = FIELDS.iter().find(|(field, ..)| *field == name) else {
            panic!("no field {name}")
        };
        self.fields
            .get(name)
            .map_or(unset.unwrap_or_default(), String::as_str)
    }

    fn set(&mut self, name: &str, value: &str) {
        match (name, value) {
            ("FriendlyName", "") => {
                drop(self.fields.insert(name.to_owned(), friendly(&self.number)));
            }
            (_, "") => drop(self.fields.remove(name)),
            _ => drop(self.fields.insert(name.to_owned(), value.to_owned())),
        }
    }

    pub(super) fn set_all(&mut self, fields: &HashMap<String, String>) {
        for (name, value) in fields {
            self.set(name, value);
        }
    }

    /// The `IncomingPhoneNumber` resource.
    pub(super) fn resource(&self) -> Value {
        let created = mail::date(self.created);
        let mut resource = json!({
            "sid": self.sid, "account_sid": ACCOUNT_SID, "phone_number": self.number, "date_created": created, "date_updated": created,
            "capabilities": self.stock.capabilities(), "address_requirements": self.stock.address_requirements, "beta": false, "origin": "twilio",
            "status": "in-use", "type": self.stock.list.to_lowercase(), "emergency_address_status": "unregistered",
            "uri": format!("{}/{}.json", base(), self.sid),
        });
        for (name, kind, unset) in FIELDS {
            let text = self.fields.get(name).map(String::as_str).or(unset);
            resource[snake_case(name)] = if matches!(kind, Kind::Flag) {
                json!(text == Some("true"))
            } else {
                json!(text)
            };
        }
        resource
    }
}

/// Twilio's default name of a number: `(415) 555-0100`. Outside North America it is the number
/// itself.
pub(super) fn friendly(number: &str) -> String {
    match number
        .strip_prefix("+1")
        .filter(|digits| digits.len() == 10)
    {
        Some(digits) => format!("({}) {}-{}", &digits[..3], &digits[3..6], &digits[6..]),
        None => number.to_owned(),
    }
}

pub(super) fn base() -> String {
    format!("/2010-04-01/Accounts/{ACCOUNT_SID}/IncomingPhoneNumbers")
}
