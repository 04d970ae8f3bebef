//! Sending a text: the message, the receipt, what can go wrong, and through whom.
//!
//! [`Provider`] is the one list of SMS providers. A new one is its module (copy `plivo.rs`), its variant and name here, which the
//! compiler then asks for wherever it matters, and its simulator in the sandbox.

mod provider;
mod routes;
pub mod segments;

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use reqwest::header::RETRY_AFTER;
use serde::{Deserialize, Deserializer};

use crate::http::{Answer, NoAnswer};
use crate::phone::E164;
use crate::secrets::{Content, Secret, SecretError};

pub use provider::{Name, Provider};
pub use routes::{Routes, Senders, is_sender};

/// A text to send.
#[derive(Debug)]
pub struct Outbound<'a> {
    /// The recipient.
    pub to: &'a E164,
    /// Who it comes from: a number, a name, a Messaging Service of Twilio; `None` for the provider's own default.
    pub from: Option<&'a str>,
    /// The text, at most 1,600 characters.
    pub body: &'a str,
    /// How long it is of use: what a provider has not passed on by then it drops, unbilled. `None`: as long as the provider tries.
    pub life: Option<Duration>,
    /// Whether it holds a one-time code, which a provider that can be asked to does not keep.
    pub holds_code: bool,
}

/// The provider took the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The provider's id; `None` when it accepted with an answer that could not be read.
    pub id: Option<String>,
    /// Segments billed, if told.
    pub segments: Option<u64>,
}

/// Why a message was not (certainly) taken. `code` is the provider's own error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// Refused before acceptance. `recipient`: this number can never be reached (impossible, landline, opted out), so trying
    /// again or elsewhere is pointless; otherwise something of ours is wrong (sender, permissions, account).
    Refused {
        /// Whether it is about the recipient.
        recipient: bool,
        /// The provider's code.
        code: Option<u32>,
    },
    /// Too many requests; not processed.
    RateLimited {
        /// When to try again, if told.
        after: Option<Duration>,
    },
    /// Our credentials are wrong.
    Unauthorized,
    /// Not reached, or out of service before it took the message.
    Unavailable,
    /// The connection was lost, or a server error came, after the message may have been taken.
    Unknown,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused {
                recipient: true,
                code,
            } => write!(f, "recipient refused, code {}", code.unwrap_or_default()),
            Self::Refused {
                recipient: false,
                code,
            } => write!(f, "message refused, code {}", code.unwrap_or_default()),
            Self::RateLimited { .. } => f.write_str("rate limited"),
            Self::Unauthorized => f.write_str("credentials refused"),
            Self::Unavailable => f.write_str("not reached"),
            Self::Unknown => f.write_str("outcome unknown"),
        }
    }
}

impl From<NoAnswer> for SendError {
    fn from(error: NoAnswer) -> Self {
        match error {
            NoAnswer::NotSent(_) => Self::Unavailable,
            NoAnswer::Unknown(_) => Self::Unknown,
        }
    }
}

/// What an answer other than 2xx means at every provider; `refused` tells what a 4xx means beyond its status.
pub(crate) fn by_status(answer: &Answer, refused: impl FnOnce() -> SendError) -> SendError {
    match answer.status {
        401 | 403 => SendError::Unauthorized,
        429 => {
            let after = answer
                .headers
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok()?.parse().ok());
            SendError::RateLimited {
                after: after.map(Duration::from_secs),
            }
        }
        400..=499 => refused(),
        503 => SendError::Unavailable,
        500..=599 => SendError::Unknown,
        _ => SendError::Refused {
            recipient: false,
            code: None,
        },
    }
}

/// Attempts to send with a secret's credentials; refused ones are fetched anew and tried a second time. At most `within` in all.
///
/// # Errors
/// The outer error when the credentials cannot be had; nothing was sent then.
pub(crate) async fn authorised<T: Content>(
    secret: &Secret<T>,
    now: SystemTime,
    within: Duration,
    attempt: impl AsyncFn(&T, Duration) -> Result<Receipt, SendError>,
) -> Result<Result<Receipt, SendError>, SecretError> {
    let started = Instant::now();
    let credentials = tokio::time::timeout(within, secret.get(now))
        .await
        .unwrap_or_else(|_| Err(SecretError::late(T::NAME)))?;
    let first = attempt(&credentials, within.saturating_sub(started.elapsed())).await;
    if first != Err(SendError::Unauthorized) {
        return Ok(first);
    }
    let fresh = tokio::time::timeout(
        within.saturating_sub(started.elapsed()),
        secret.refresh(now),
    )
    .await;
    match fresh.unwrap_or(Ok(None))? {
        // An attempt that we had to cut off would end as unknown; so far it is certain that nothing was sent.
        Some(fresh) if started.elapsed() + SHORTEST < within => {
            Ok(attempt(&fresh, within.saturating_sub(started.elapsed())).await)
        }
        _ => Ok(first),
    }
}

const SHORTEST: Duration = Duration::from_secs(1);

/// A provider's id of a message as it may be logged and answered: what is no plain id could be an echo of the text.
pub(crate) fn plain_id(id: Option<String>) -> Option<String> {
    id.filter(|id| {
        (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    })
}

/// A code that providers write as a number or as digits in a string.
pub(crate) fn number_or_digits<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u32),
        Digits(String),
        Other(serde::de::IgnoredAny),
    }
    let code = match Written::deserialize(deserializer)? {
        Written::Number(number) => Some(number),
        Written::Digits(digits) => digits.parse().ok(),
        Written::Other(_) => None,
    };
    // Error codes have up to five digits; one-time codes have more.
    Ok(code.filter(|code| *code < 100_000))
}
