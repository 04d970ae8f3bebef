//! Vonage's SMS API: `POST /sms/json` (<https://developer.vonage.com/en/api/sms>).
//!
//! The status is 200 in any case. Each element of `messages`, one for each part of the text, has
//! its own status. Without a readable body the outcome is unknown.

pub mod call_event;
pub mod calls;
pub mod conversion;
pub mod receipt;

use std::ops::RangeInclusive;

use reqwest::RequestBuilder;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::platform::config::Source;
use crate::platform::http::Answer;
use crate::platform::layout::{Described, Key, Kind, Layout};
use crate::platform::secrets::{Content, Keys};
use crate::rules::sms::{self, Attempt, Receipt, SendError, Vendor, segments};

/// The allowed milliseconds of `ttl`.
const TTL: RangeInclusive<u128> = 20_000..=604_800_000;

/// The `vonage` secret.
#[derive(Debug)]
pub struct Credentials {
    api_key: SecretString,
    api_secret: SecretString,
}

impl Content for Credentials {
    const NAME: &'static str = "vonage";

    fn take(keys: &mut Keys) -> Option<Self> {
        let (api_key, api_secret) = (keys.required("api_key"), keys.required("api_secret"));
        // They are for receipts: see `receipt::SigningKey`.
        let _ = (
            keys.optional("signature_secret"),
            keys.optional("signature_method"),
        );
        // They are for calls: see `calls::Application`.
        let _ = (
            keys.optional(calls::APPLICATION_ID.name),
            keys.optional(calls::PRIVATE_KEY.name),
        );
        Some(Self {
            api_key: api_key?,
            api_secret: api_secret?,
        })
    }
}

impl Described for Credentials {
    const LAYOUT: Layout = Layout {
        keys: &[
            Key::new("api_key", Kind::Given, "Dashboard, API settings"),
            Key::new("api_secret", Kind::Given, "the same"),
            Key::new(
                "signature_secret",
                Kind::Given,
                "for delivery receipts: Dashboard, API settings, SMS settings, where webhooks are signed",
            ),
            Key::new(
                "signature_method",
                Kind::Given,
                "the algorithm shown there: md5hash, md5, sha1, sha256 or sha512; any of them if left out",
            ),
            calls::APPLICATION_ID,
            calls::PRIVATE_KEY,
        ],
        needed: &[&["api_key", "api_secret"]],
        together: &[&[calls::APPLICATION_ID.name, calls::PRIVATE_KEY.name]],
    };
}

/// Vonage as an SMS provider.
pub struct Vonage;

#[derive(Deserialize)]
struct Response {
    messages: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default, deserialize_with = "sms::number_or_digits")]
    status: Option<u32>,
    #[serde(rename = "message-id")]
    message_id: Option<String>,
}

impl Vendor for Vonage {
    type Credentials = Credentials;
    const SECRET: &'static str = "VONAGE_SECRET";
    const URL: &'static str = "VONAGE_URL";
    const HOME: &'static str = "https://rest.nexmo.com";

    fn read(_source: &mut Source<'_>) -> Self {
        Self
    }

    fn request(&self, attempt: &Attempt<'_, Self>) -> Result<RequestBuilder, SendError> {
        let (sms, credentials) = (attempt.sms, attempt.credentials);
        let Some(from) = sms.from else {
            return Err(SendError::OURS);
        };
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("api_key", credentials.api_key.expose_secret());
        form.append_pair("api_secret", credentials.api_secret.expose_secret());
        form.append_pair("from", from.trim_start_matches('+'));
        form.append_pair("to", sms.to.digits());
        form.append_pair("text", sms.body);
        if !segments::is_gsm(sms.body) {
            form.append_pair("type", "unicode");
        }
        if let Some(life) = sms.life {
            form.append_pair(
                "ttl",
                &life.as_millis().clamp(*TTL.start(), *TTL.end()).to_string(),
            );
        }
        // Vonage sends receipts unless `status-report-req` says no.
        if let Some(receipt) = &sms.receipt {
            form.append_pair("callback", receipt.url_of(Credentials::NAME).as_str())
                .append_pair("client-ref", receipt.reference.as_str());
        }
        Ok(attempt.post_form("sms/json", form))
    }

    fn taken(_: &Attempt<'_, Self>, answer: &Answer) -> Result<Receipt, SendError> {
        let read = answer.json::<Response>().ok_or(SendError::Unknown)?;
        judge(&read.messages)
    }
}

fn judge(parts: &[Part]) -> Result<Receipt, SendError> {
    let accepted = parts.iter().filter(|part| part.status == Some(0)).count();
    match parts.iter().find(|part| part.status != Some(0)) {
        None if parts.is_empty() => Err(SendError::Unknown),
        None => Ok(Receipt {
            id: sms::plain_id(parts[0].message_id.clone()),
            segments: Some(parts.len() as u64),
        }),
        // Some parts are, or may be, on their way, and another provider would repeat them.
        Some(_) if accepted > 0 || parts.iter().any(|part| part.status.is_none()) => {
            Err(SendError::Unknown)
        }
        Some(part) => Err(by_status(part.status)),
    }
}

/// The error codes
/// (<https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms#sms-api-error-codes>)
/// tell whose fault the error is, and so whether another provider would deliver. 6, 7 and 33 are
/// about the number: not understood (an unknown prefix), barred, de-activated. 5 is Vonage's, before
/// it accepted the text. The others are about our request, sender (15), account (8) and credit (9).
fn by_status(status: Option<u32>) -> SendError {
    match status {
        None => SendError::Unknown,
        Some(1 | 10) => SendError::RateLimited { after: None },
        Some(4 | 14 | 32) => SendError::Unauthorized,
        Some(5) => SendError::Unavailable,
        Some(6 | 7 | 33) => SendError::Refused {
            recipient: true,
            code: status,
        },
        Some(_) => SendError::Refused {
            recipient: false,
            code: status,
        },
    }
}
