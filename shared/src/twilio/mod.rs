//! Twilio: signed webhooks in, TwiML out, the Messages and phone number resources of the REST API (version 2010-04-01).
//!
//! Inbound requests are authenticated with the account's AuthToken ([`signature`]); REST calls with an API key, or the account SID
//! and AuthToken.

pub mod messages;
pub mod numbers;
pub mod signature;
pub mod twiml;
pub mod webhook;

use secrecy::SecretString;

use crate::config::Source;
use crate::http::BaseUrl;
use crate::secrets::{Content, Keys};

/// The `twilio` secret.
#[derive(Debug)]
pub struct Credentials {
    /// `AC…`.
    pub account_sid: SecretString,
    /// Signs webhooks.
    pub auth_token: SecretString,
    /// The token before, still accepted on webhooks while it is being rotated.
    pub previous_auth_token: Option<SecretString>,
    /// SID and secret of an API key for REST calls.
    pub api_key: Option<(SecretString, SecretString)>,
}

impl Content for Credentials {
    const NAME: &'static str = "twilio";

    fn take(keys: &mut Keys) -> Option<Self> {
        let (account_sid, auth_token) = (keys.required("account_sid"), keys.required("auth_token"));
        let api_key = keys.optional("api_key_sid").zip(keys.optional("api_key_secret"));
        let previous_auth_token = keys.optional("previous_auth_token");
        Some(Self { account_sid: account_sid?, auth_token: auth_token?, previous_auth_token, api_key })
    }
}

/// Reads `TWILIO_URL`.
pub fn api(source: &mut Source<'_>) -> Option<BaseUrl> {
    source.base_url("TWILIO_URL", Some("https://api.twilio.com"))
}

/// Whether `text` is a SID: one of `prefixes`, then 32 hexadecimal digits (<https://www.twilio.com/docs/glossary/what-is-a-sid>).
pub fn is_sid(text: &str, prefixes: &[&str]) -> bool {
    prefixes
        .iter()
        .filter_map(|prefix| text.strip_prefix(prefix))
        .any(|rest| rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f')))
}
