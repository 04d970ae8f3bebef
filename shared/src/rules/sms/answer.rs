//! The parts of an answer that mean the same at every provider.

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use serde::{Deserialize, Deserializer};

use super::message::SendError;
use crate::platform::http::Answer;

/// A longer `Retry-After` says no more than this: no caller waits so long.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
/// The longest answer that is read.
pub(crate) const LIMIT: usize = 256 * 1024;

/// The meaning of an answer other than 2xx, the same for every provider. `refused` says what a 4xx
/// means beyond its status.
pub(crate) fn by_status(answer: &Answer, refused: impl FnOnce() -> SendError) -> SendError {
    match answer.status {
        401 | 403 => SendError::Unauthorized,
        429 => {
            let after = answer
                .headers
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok()?.parse().ok());
            SendError::RateLimited {
                after: after.map(|seconds| Duration::from_secs(seconds).min(LONGEST_PAUSE)),
            }
        }
        400..=499 => refused(),
        503 => SendError::Unavailable,
        500..=599 => SendError::Unknown,
        _ => SendError::OURS,
    }
}

/// A provider's id of a message, if it may be logged and answered. An id with other characters
/// could be an echo of the text.
pub fn plain_id(id: Option<String>) -> Option<String> {
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
