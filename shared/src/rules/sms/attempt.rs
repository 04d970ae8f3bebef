//! The parts of an attempt that are the same for every provider: credentials, sending the request,
//! the meaning of a status.

use std::time::{Duration, Instant, SystemTime};

use reqwest::RequestBuilder;
use reqwest::header::RETRY_AFTER;
use serde::{Deserialize, Deserializer};

use super::{Receipt, SendError};
use crate::platform::http::{Answer, Client};
use crate::platform::secrets::{Content, Secret, SecretError};

const ANSWER_LIMIT: usize = 256 * 1024;

/// Sends a request once and judges its answer. `taken` reads a 2xx; `refused` says what a 4xx means
/// beyond its status.
pub(crate) async fn ask(
    client: &Client,
    request: RequestBuilder,
    within: Duration,
    taken: impl FnOnce(&Answer) -> Result<Receipt, SendError>,
    refused: impl FnOnce(&Answer) -> SendError,
) -> Result<Receipt, SendError> {
    let answer = client.send(request, ANSWER_LIMIT, within).await?;
    match answer.status {
        200..=299 => taken(&answer),
        _ => Err(by_status(&answer, || refused(&answer))),
    }
}

/// The meaning of an answer other than 2xx, the same for every provider. `refused` says what a 4xx
/// means beyond its status.
fn by_status(answer: &Answer, refused: impl FnOnce() -> SendError) -> SendError {
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
        _ => SendError::OURS,
    }
}

/// Attempts to send with a secret's credentials. If the provider rejects them, they are fetched
/// again and tried a second time. At most `within` in all.
///
/// # Errors
/// The outer error if the credentials cannot be fetched; then nothing was sent.
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
        // With less than a second left we could cut off an accepted request, and its outcome would
        // be unknown. So far it is certain that nothing was sent.
        Some(fresh) if started.elapsed() + SHORTEST < within => {
            Ok(attempt(&fresh, within.saturating_sub(started.elapsed())).await)
        }
        _ => Ok(first),
    }
}

const SHORTEST: Duration = Duration::from_secs(1);

/// A provider's id of a message, if it may be logged and answered. An id with other characters
/// could be an echo of the text.
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
