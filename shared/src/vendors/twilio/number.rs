//! A number, and the webhooks that its calls and texts go to.

use serde::Deserialize;

use super::is_sid;
use crate::rules::phone::E164;

/// The webhook set of a number: URLs for calls, texts and the end of a call, all by `POST`. A URL
/// may have Twilio's connection overrides after `#`
/// (<https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhooks {
    /// For calls.
    pub voice_url: String,
    /// For the end of a call to the number
    /// (<https://www.twilio.com/docs/voice/twiml#callstatus-values>).
    pub status_url: String,
    /// For texts.
    pub sms_url: String,
}

/// A number of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// `PN…`.
    pub sid: String,
    /// The number.
    pub number: E164,
    /// `FriendlyName`: free text, up to 64 characters.
    pub name: String,
    webhooks: Option<Webhooks>,
    pub(super) diverted: bool,
}

impl Owned {
    /// Whether calls and texts to the number go to this webhook set.
    pub fn has_webhooks(&self, webhooks: &Webhooks) -> bool {
        !self.diverted && self.webhooks.as_ref() == Some(webhooks)
    }
}

/// A number that can be bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Available {
    /// The number.
    pub number: E164,
    /// Whether buying it requires an address registered with Twilio.
    pub needs_address: bool,
}

/// `IncomingPhoneNumber`.
#[derive(Deserialize)]
pub(super) struct Resource {
    sid: String,
    phone_number: String,
    #[serde(default)]
    friendly_name: Option<String>,
    voice_url: Option<String>,
    voice_method: Option<String>,
    sms_url: Option<String>,
    sms_method: Option<String>,
    status_callback: Option<String>,
    status_callback_method: Option<String>,
    voice_application_sid: Option<String>,
    sms_application_sid: Option<String>,
    trunk_sid: Option<String>,
}

impl Resource {
    /// `None` if this is not an E.164 number (a short code).
    pub(super) fn read(self) -> Option<Owned> {
        let number = self.phone_number.parse().ok()?;
        let by_post = |method: Option<String>| method.as_deref() == Some("POST");
        let by_post = by_post(self.voice_method)
            && by_post(self.sms_method)
            && by_post(self.status_callback_method);
        let webhooks = self
            .voice_url
            .zip(self.status_callback)
            .zip(self.sms_url)
            .filter(|_| by_post);
        // Applications and trunks take precedence over URLs.
        let diversions = [
            self.voice_application_sid,
            self.sms_application_sid,
            self.trunk_sid,
        ];
        Some(Owned {
            sid: Some(self.sid).filter(|sid| is_sid(sid, &["PN"]))?,
            number,
            name: self.friendly_name.unwrap_or_default(),
            webhooks: webhooks.map(|((voice_url, status_url), sms_url)| Webhooks {
                voice_url,
                status_url,
                sms_url,
            }),
            diverted: diversions.into_iter().flatten().any(|sid| !sid.is_empty()),
        })
    }
}

/// The form that buys a number, or points it at its webhook set.
pub(super) fn form(webhooks: &Webhooks, more: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(more)
        .append_pair("VoiceUrl", &webhooks.voice_url)
        .append_pair("VoiceMethod", "POST")
        .append_pair("StatusCallback", &webhooks.status_url)
        .append_pair("StatusCallbackMethod", "POST")
        .append_pair("SmsUrl", &webhooks.sms_url)
        .append_pair("SmsMethod", "POST")
        .finish()
}
