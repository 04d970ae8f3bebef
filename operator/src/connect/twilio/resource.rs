//! What a resource of Twilio says: its fields, and whom a number serves.

use serde_json::Value;
use url::Url;

pub(crate) use shared::vendors::twilio::numbers::BOUGHT;

/// A new number has the webhook `https://demo.twilio.com/welcome/...`, which serves no one.
const DEMO: &str = "demo.twilio.com";

pub(super) fn text<'a>(resource: &'a Value, field: &str) -> &'a str {
    resource[field].as_str().unwrap_or_default()
}

/// A webhook's URL without the fragment, which holds instructions for Twilio.
pub(crate) fn address(url: &str) -> &str {
    url.split('#').next().unwrap_or_default()
}

pub(super) fn is_bought(number: &Value) -> bool {
    text(number, "friendly_name").starts_with(BOUGHT)
}

/// True if no other software loses its webhook when this one is replaced.
pub(super) fn is_free(url: &str) -> bool {
    url.is_empty() || host(url) == DEMO
}

/// True if calls or SMS go to the company phone. A number with only one of the two, or with another
/// method, was set by hand.
pub(super) fn leads_here(number: &Value, voice: &str, sms: &str) -> bool {
    address(text(number, "voice_url")) == address(voice)
        || address(text(number, "sms_url")) == address(sms)
}

/// True if a bought number clearly belongs to this stack without a look into the ledger: its
/// webhooks lead here or nowhere.
pub(super) fn is_clear(number: &Value, voice: &str, sms: &str) -> bool {
    leads_here(number, voice, sms)
        || is_free(text(number, "voice_url")) && is_free(text(number, "sms_url"))
}

/// The part of a URL of other software that may be shown: its host.
pub(super) fn host(url: &str) -> String {
    let parsed = Url::parse(url).ok();
    parsed
        .as_ref()
        .and_then(Url::host_str)
        .map_or_else(|| "an address that is no URL".to_owned(), str::to_owned)
}
