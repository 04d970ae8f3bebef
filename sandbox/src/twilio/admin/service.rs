//! A messaging service and its fields.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::answers::THEN;
use crate::twilio::{ids::ACCOUNT_SID, parameters::snake_case};

/// The type of a service's field. An empty text unsets a URL.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Url,
    Method,
    Flag,
    Seconds,
    OneOf(&'static [&'static str]),
}

/// Name in requests, type, and first value (empty: null).
pub(super) const FIELDS: [(&str, Kind, &str); 16] = [
    ("FriendlyName", Kind::Text, ""),
    ("InboundRequestUrl", Kind::Url, ""),
    ("InboundMethod", Kind::Method, "POST"),
    ("FallbackUrl", Kind::Url, ""),
    ("FallbackMethod", Kind::Method, "POST"),
    ("StatusCallback", Kind::Url, ""),
    ("StickySender", Kind::Flag, "true"),
    ("MmsConverter", Kind::Flag, "true"),
    ("SmartEncoding", Kind::Flag, "true"),
    (
        "ScanMessageContent",
        Kind::OneOf(&["inherit", "enable", "disable"]),
        "inherit",
    ),
    ("FallbackToLongCode", Kind::Flag, "true"),
    ("AreaCodeGeomatch", Kind::Flag, "true"),
    ("ValidityPeriod", Kind::Seconds, "14400"),
    ("SynchronousValidation", Kind::Flag, "false"),
    (
        "Usecase",
        Kind::OneOf(&[
            "notifications",
            "marketing",
            "verification",
            "discussion",
            "poll",
            "undeclared",
        ]),
        "undeclared",
    ),
    ("UseInboundWebhookOnNumber", Kind::Flag, "false"),
];

impl Kind {
    pub(super) fn takes(self, value: &str) -> bool {
        match self {
            Self::Text => (1..=64).contains(&value.chars().count()),
            Self::Url => {
                value.is_empty()
                    || url::Url::parse(value)
                        .is_ok_and(|url| ["http", "https"].contains(&url.scheme()))
            }
            Self::Method => ["GET", "POST"].contains(&value),
            Self::Flag => value.parse::<bool>().is_ok(),
            Self::Seconds => value
                .parse()
                .is_ok_and(|seconds: u32| (1..=36_000).contains(&seconds)),
            Self::OneOf(values) => values.contains(&value),
        }
    }
}

/// A messaging service.
#[derive(Clone, Debug)]
pub struct Service {
    /// `MG` and 32 hexadecimal digits.
    pub sid: String,
    /// Its senders, E.164. All of them are numbers of the account.
    pub numbers: Vec<String>,
    /// The fields that were set, by their name in requests.
    pub(super) fields: BTreeMap<String, String>,
    /// `campaign_status` of its A2P 10DLC campaign, if it has one.
    pub(super) campaign: Option<String>,
}

impl Service {
    pub(super) fn new(sid: &str, numbers: &[&str], fields: &[(&str, &str)]) -> Self {
        Self {
            sid: sid.to_owned(),
            numbers: numbers.iter().map(|&number| number.to_owned()).collect(),
            fields: fields
                .iter()
                .map(|&(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            campaign: None,
        }
    }

    /// A field by its name in requests (`InboundRequestUrl`, `InboundMethod`,
    /// `UseInboundWebhookOnNumber`...); empty for null.
    pub fn field(&self, name: &str) -> &str {
        let Some((_, _, first)) = FIELDS.iter().find(|(field, ..)| *field == name) else {
            panic!("no field {name}")
        };
        self.fields.get(name).map_or(first, String::as_str)
    }

    /// True if an incoming text goes to its number's webhook instead of the service's URL.
    pub(super) fn defers(&self) -> bool {
        self.field("UseInboundWebhookOnNumber") == "true"
    }

    pub(super) fn resource(&self) -> Value {
        let url = format!("https://messaging.twilio.com/v1/Services/{}", self.sid);
        let mut resource = json!({
            "sid": self.sid, "account_sid": ACCOUNT_SID, "date_created": THEN, "date_updated": THEN, "url": url,
            "us_app_to_person_registered": self.campaign.as_deref() == Some("VERIFIED"),
            "links": {
                "phone_numbers": format!("{url}/PhoneNumbers"), "us_app_to_person": format!("{url}/Compliance/Usa2p"),
            },
        });
        for (name, kind, _) in FIELDS {
            let text = self.field(name);
            resource[snake_case(name)] = match kind {
                Kind::Flag => (text == "true").into(),
                Kind::Seconds => text.parse::<u32>().unwrap_or_default().into(),
                _ if text.is_empty() => Value::Null,
                _ => text.into(),
            };
        }
        resource
    }
}
