//! A message and its record.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{mail, random, segments::segments, twilio::ids::ACCOUNT_SID};

/// A message that Twilio accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `SM` and 32 hexadecimal digits.
    pub sid: String,
    /// The recipient, E.164.
    pub to: String,
    /// The sender, E.164.
    pub from: String,
    /// The text.
    pub body: String,
    /// URLs of pictures and other media.
    pub media: Vec<String>,
    /// `outbound-api`, or `outbound-reply` for a reply by `TwiML`.
    pub direction: &'static str,
    /// Maximum time in Twilio's queue, if the request set one.
    pub validity: Option<Duration>,
    /// True if Twilio keeps the text in its records.
    pub keeps_body: bool,
    /// True if Twilio keeps the last digits of the recipient's number.
    pub keeps_to: bool,
    /// The `StatusCallback`, if the request set one.
    pub receipt_url: Option<String>,
}

pub(in crate::twilio) fn new_sid() -> String {
    format!("SM{}", random::hex(16))
}

/// The record of a message beyond the sent fields.
#[derive(Clone, Default)]
pub(in crate::twilio) struct Made {
    /// Seconds since the epoch.
    pub(in crate::twilio) at: u64,
    pub(in crate::twilio) service: Option<String>,
    pub(in crate::twilio) redacted: bool,
}

impl Made {
    pub(in crate::twilio) fn now(service: Option<String>) -> Self {
        Self {
            at: crate::now().as_secs(),
            service,
            redacted: false,
        }
    }
}

/// The Message resource just after its creation. A messaging service has not chosen the sender yet.
pub(in crate::twilio) fn resource(message: &Message, service: Option<&String>) -> Value {
    let Message {
        sid,
        to,
        from,
        body,
        media,
        direction,
        ..
    } = message;
    let (uri, now) = (
        format!("/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/{sid}"),
        mail::date(crate::now().as_secs()),
    );
    json!({
        "account_sid": ACCOUNT_SID, "api_version": "2010-04-01", "body": body, "date_created": now, "date_sent": null, "date_updated": now,
        "direction": direction, "error_code": null, "error_message": null, "from": service.is_none().then_some(from),
        "messaging_service_sid": service, "num_media": media.len().to_string(), "num_segments": segments(body).to_string(), "price": null,
        "price_unit": "USD", "sid": sid, "status": if service.is_some() { "accepted" } else { "queued" },
        "subresource_uris": {"media": format!("{uri}/Media.json")}, "to": to, "uri": format!("{uri}.json"),
    })
}
