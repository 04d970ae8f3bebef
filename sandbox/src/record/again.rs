//! Recorded events once more: what a function takes only once gets another id and another
//! signature.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

use super::payload::{DOMAIN, form};
use crate::twilio;

/// The parameters with the id of a text or a call.
const IDS: [&str; 5] = [
    "CallSid",
    "DialCallSid",
    "MessageSid",
    "SmsMessageSid",
    "SmsSid",
];

/// The path of receipts, which count more than once.
const RECEIPTS: &str = "/twilio/";

/// The signature of a recorded request of Twilio that a function takes only once; `None`: the event
/// is something else, or forged.
pub(super) fn signature(event: &Value) -> Option<&str> {
    let signature = event["headers"]["x-twilio-signature"].as_str()?;
    let own = twilio::signature(twilio::AUTH_TOKEN, &url(event), &params(event)?);
    let path = event["rawPath"].as_str()?;
    (own == signature && !path.starts_with(RECEIPTS)).then_some(signature)
}

/// The same request of Twilio for the `n`th time: with other ids, and signed again. Requests with
/// the same id get the same other id.
pub(super) fn renumbered(mut event: Value, n: u32) -> Value {
    let Some(mut params) = signature(&event).and_then(|_| params(&event)) else {
        return event;
    };
    let mut has_id = false;
    for (name, value) in &mut params {
        if IDS.contains(&name.as_str()) && value.len() == 34 && value.is_ascii() {
            value.replace_range(2..10, &format!("{n:08x}"));
            has_id = true;
        }
    }
    if !has_id {
        params.push(("use".to_owned(), n.to_string()));
    }
    let signature = twilio::signature(twilio::AUTH_TOKEN, &url(&event), &params);
    let body = form(&params);
    event["headers"]["x-twilio-signature"] = signature.into();
    event["headers"]["i-twilio-idempotency-token"] =
        format!("00000000-0000-4000-8000-{n:012x}").into();
    event["headers"]["content-length"] = body.len().to_string().into();
    event["body"] = BASE64_STANDARD.encode(body).into();
    event
}

/// The URL that Twilio signed.
fn url(event: &Value) -> String {
    let path = event["rawPath"].as_str().unwrap_or_default();
    format!("https://{DOMAIN}{path}")
}

fn params(event: &Value) -> Option<Vec<(String, String)>> {
    let body = BASE64_STANDARD.decode(event["body"].as_str()?).ok()?;
    Some(form_urlencoded::parse(&body).into_owned().collect())
}
