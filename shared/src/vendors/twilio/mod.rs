//! Twilio: signed webhooks in, TwiML out, the Messages and phone number resources of the REST API
//! (version 2010-04-01).
//!
//! Twilio's requests are authenticated with the account's AuthToken ([`signature`]). Our REST calls
//! use an API key, or the account SID and AuthToken. A function that only calls Twilio reads the
//! secret as [`RestCredentials`] and needs no AuthToken, because the AuthToken can sign webhooks.

pub mod call_receipt;
pub mod calls;
pub mod feedback;
pub mod messages;
pub mod number;
pub mod numbers;
pub mod receipt;
pub mod signature;
pub mod twiml;
pub mod voices;
pub mod webhook;

use secrecy::SecretString;

use crate::platform::base_url::BaseUrl;
use crate::platform::config::Source;
use crate::platform::layout::{Described, Key, Kind, Layout};
use crate::platform::secrets::{Content, Keys};

/// The `twilio` secret of a function that Twilio calls.
#[derive(Debug)]
pub struct Credentials {
    /// Twilio signs webhooks with it.
    pub auth_token: SecretString,
    /// The previous AuthToken, still accepted on webhooks during a rotation.
    pub previous_auth_token: Option<SecretString>,
    /// For our calls to Twilio.
    pub rest: RestCredentials,
}

impl Content for Credentials {
    const NAME: &'static str = "twilio";

    fn take(keys: &mut Keys) -> Option<Self> {
        let (account_sid, auth_token) = (keys.required("account_sid"), keys.required("auth_token"));
        let (previous_auth_token, api_key) = (keys.optional("previous_auth_token"), api_key(keys));
        let (account_sid, auth_token) = (account_sid?, auth_token?);
        let (user, password) = api_key.unwrap_or_else(|| (account_sid.clone(), auth_token.clone()));
        Some(Self {
            auth_token,
            previous_auth_token,
            rest: RestCredentials {
                account_sid,
                user,
                password,
            },
        })
    }
}

impl Described for Credentials {
    const LAYOUT: Layout = Layout {
        keys: &[
            ACCOUNT_SID,
            Key::new(
                "auth_token",
                Kind::Given,
                "Console, Account info: the primary Auth Token, which signs webhooks",
            ),
            Key::new(
                "previous_auth_token",
                Kind::Given,
                "the token before, while it is being rotated",
            ),
            Key::new(
                "api_key_sid",
                Kind::Sid("SK"),
                "Console, API keys & tokens: a standard API key; whoever only sends then has no Auth Token",
            ),
            API_KEY_SECRET,
        ],
        needed: &[&["account_sid", "auth_token"]],
        together: &[&["api_key_sid", "api_key_secret"]],
    };
}

const ACCOUNT_SID: Key = Key::new(
    "account_sid",
    Kind::Sid("AC"),
    "Console, Account info: Account SID",
);
const API_KEY_SECRET: Key = Key::new("api_key_secret", Kind::Given, "the API key's secret");

/// The `twilio` secret of a function that only calls Twilio: an API key, or the AuthToken if there
/// is no key.
#[derive(Debug)]
pub struct RestCredentials {
    /// `AC…`.
    pub account_sid: SecretString,
    /// The API key's SID, or the account's.
    user: SecretString,
    /// The API key's secret, or the AuthToken.
    password: SecretString,
}

impl Content for RestCredentials {
    const NAME: &'static str = "twilio";

    fn take(keys: &mut Keys) -> Option<Self> {
        let (account_sid, auth_token, api_key) = (
            keys.required("account_sid"),
            keys.optional("auth_token"),
            api_key(keys),
        );
        if api_key.is_none() && auth_token.is_none() {
            keys.reject("api_key_sid and api_key_secret (or auth_token)");
        }
        let account_sid = account_sid?;
        let (user, password) = api_key.or_else(|| Some((account_sid.clone(), auth_token?)))?;
        Some(Self {
            account_sid,
            user,
            password,
        })
    }
}

impl Described for RestCredentials {
    const LAYOUT: Layout = Layout {
        keys: &[
            ACCOUNT_SID,
            Key::new(
                "api_key_sid",
                Kind::Sid("SK"),
                "Console, API keys & tokens: a standard API key",
            ),
            API_KEY_SECRET,
            Key::new(
                "auth_token",
                Kind::Given,
                "only if there is no API key: Console, Account info: the primary Auth Token",
            ),
        ],
        needed: &[
            &["account_sid", "api_key_sid", "api_key_secret"],
            &["account_sid", "auth_token"],
        ],
        together: &[&["api_key_sid", "api_key_secret"]],
    };
}

impl AsRef<RestCredentials> for RestCredentials {
    fn as_ref(&self) -> &RestCredentials {
        self
    }
}

impl AsRef<RestCredentials> for Credentials {
    fn as_ref(&self) -> &RestCredentials {
        &self.rest
    }
}

/// SID and secret of an API key, if both are present.
fn api_key(keys: &mut Keys) -> Option<(SecretString, SecretString)> {
    let (sid, secret) = (
        keys.optional("api_key_sid"),
        keys.optional("api_key_secret"),
    );
    sid.zip(secret)
}

const HOME: &str = "https://api.twilio.com";

/// Reads `TWILIO_URL`.
pub fn api(source: &mut Source<'_>) -> BaseUrl {
    source.base_url("TWILIO_URL", Some(HOME))
}

/// Whether `text` is a SID: one of `prefixes`, then 32 hexadecimal digits
/// (<https://www.twilio.com/docs/glossary/what-is-a-sid>).
pub fn is_sid(text: &str, prefixes: &[&str]) -> bool {
    prefixes
        .iter()
        .filter_map(|prefix| text.strip_prefix(prefix))
        .any(|rest| {
            rest.len() == 32
                && rest
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
        })
}
