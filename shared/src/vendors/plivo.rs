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
use std::time::{Duration, SystemTime};

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::platform::config::Source;
use crate::platform::http::{Answer, BaseUrl, Client};
use crate::platform::secrets::{Content, Keys, Secret, SecretError};
use crate::rules::sms::{self, Outbound, Receipt, SendError};

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

/// Plivo as an SMS provider.
pub struct Plivo {
    client: Client,
    base: BaseUrl,
    secret: Secret<Credentials>,
}

#[derive(Deserialize)]
struct Queued {
    message_uuid: Option<Vec<String>>,
    invalid_number: Option<Vec<String>>,
    error: Option<serde::de::IgnoredAny>,
}

impl Plivo {
    /// Reads `PLIVO_URL`.
    pub fn base(source: &mut Source<'_>) -> BaseUrl {
        source.base_url("PLIVO_URL", Some("https://api.plivo.com"))
    }

    /// The provider at `base`.
    pub fn new(client: Client, base: BaseUrl, secret: Secret<Credentials>) -> Self {
        Self {
            client,
            base,
            secret,
        }
    }

    /// Sends a text within `within`. The text is kept out of Plivo's log (`log: "false"`), because
    /// it may be a one-time code.
    ///
    /// # Errors
    /// The outer error if the credentials cannot be fetched (nothing was sent), the inner one from
    /// Plivo's answer.
    pub async fn send(
        &self,
        sms: &Outbound<'_>,
        now: SystemTime,
        within: Duration,
    ) -> Result<Result<Receipt, SendError>, SecretError> {
        sms::authorised(&self.secret, now, within, async |credentials, within| {
            self.create(sms, credentials, within).await
        })
        .await
    }

    /// Fetches the credentials and opens a connection, during INIT.
    pub async fn warm_up(&self, now: SystemTime) {
        // A failure shows again on the first text.
        let _ = tokio::join!(self.secret.get(now), self.client.warm_up(Some(&self.base)));
    }

    async fn create(
        &self,
        sms: &Outbound<'_>,
        credentials: &Credentials,
        within: Duration,
    ) -> Result<Receipt, SendError> {
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
        let request = self
            .client
            .request(
                Method::POST,
                self.base.join(&format!("v1/Account/{auth_id}/Message/")),
            )
            .basic_auth(auth_id, Some(credentials.auth_token.expose_secret()))
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        sms::ask(&self.client, request, within, judge, |_| SendError::OURS).await
    }
}

fn judge(answer: &Answer) -> Result<Receipt, SendError> {
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
