//! Plivo: `POST /v1/Account/{auth_id}/Message/`
//! (<https://www.plivo.com/docs/messaging/api/message/>), JSON, Basic authentication.
//!
//! A 2xx means accepted, whatever its body. Errors have no numeric code, so only an
//! `invalid_number` in the answer tells that the error is about the recipient.
//!
//! How long a text may wait:
//! <https://support.plivo.com/hc/en-us/articles/14814454609561-Message-Expiry>.

pub mod receipt;

use std::ops::RangeInclusive;

use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::platform::config::Source;
use crate::platform::http::Answer;
use crate::platform::layout::{Described, Key, Kind, Layout};
use crate::platform::secrets::{Content, Keys};
use crate::rules::sms::{self, Attempt, Receipt, SendError, Vendor};

/// The allowed seconds of `message_expiry`.
const EXPIRY: RangeInclusive<u64> = 5..=10_799;

/// The `plivo` secret.
#[derive(Debug)]
pub struct Credentials {
    auth_id: SecretString,
    auth_token: SecretString,
}

impl Content for Credentials {
    const NAME: &'static str = "plivo";

    fn take(keys: &mut Keys) -> Option<Self> {
        let (auth_id, auth_token) = (keys.required("auth_id"), keys.required("auth_token"));
        Some(Self {
            auth_id: auth_id?,
            auth_token: auth_token?,
        })
    }
}

impl Described for Credentials {
    const LAYOUT: Layout = Layout {
        keys: &[
            Key::new("auth_id", Kind::Given, "Console, Overview: Auth ID"),
            Key::new("auth_token", Kind::Given, "the same: Auth Token"),
        ],
        needed: &[&["auth_id", "auth_token"]],
        together: &[],
    };
}

/// Plivo as an SMS provider. The text is kept out of Plivo's log (`log: "false"`), because it may be
/// a one-time code.
pub struct Plivo;

#[derive(Deserialize)]
struct Queued {
    message_uuid: Option<Vec<String>>,
    invalid_number: Option<Vec<String>>,
    error: Option<serde::de::IgnoredAny>,
}

impl Vendor for Plivo {
    type Credentials = Credentials;
    const SECRET: &'static str = "PLIVO_SECRET";
    const URL: &'static str = "PLIVO_URL";
    const HOME: &'static str = "https://api.plivo.com";

    fn read(_source: &mut Source<'_>) -> Self {
        Self
    }

    fn request(&self, attempt: &Attempt<'_, Self>) -> Result<RequestBuilder, SendError> {
        let (sms, credentials) = (attempt.sms, attempt.credentials);
        let auth_id = credentials.auth_id.expose_secret();
        if auth_id.is_empty() || !auth_id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(SendError::Unauthorized);
        }
        let Some(from) = sms.from else {
            return Err(SendError::OURS);
        };
        let mut body = json!({
            "src": from.trim_start_matches('+'), "dst": sms.to.digits(), "text": sms.body, "type": "sms", "log": "false",
        });
        if let Some(life) = sms.life {
            body["message_expiry"] = life.as_secs().clamp(*EXPIRY.start(), *EXPIRY.end()).into();
        }
        if let Some(receipt) = &sms.receipt {
            body["url"] = receipt.url_of_text(Credentials::NAME).as_str().into();
            body["method"] = Method::POST.as_str().into();
        }
        Ok(attempt
            .post_json(&format!("v1/Account/{auth_id}/Message/"), &body)
            .basic_auth(auth_id, Some(credentials.auth_token.expose_secret())))
    }

    fn taken(_: &Attempt<'_, Self>, answer: &Answer) -> Result<Receipt, SendError> {
        let queued = answer.json().unwrap_or(Queued {
            message_uuid: None,
            invalid_number: None,
            error: None,
        });
        let id = queued.message_uuid.unwrap_or_default().into_iter().next();
        let invalid = !queued.invalid_number.unwrap_or_default().is_empty();
        match (&id, invalid, queued.error) {
            (None, true, _) => Err(SendError::Refused {
                recipient: true,
                code: None,
            }),
            (None, false, Some(_)) => Err(SendError::OURS),
            _ => Ok(Receipt {
                id: sms::plain_id(id),
                segments: None,
            }),
        }
    }
}
