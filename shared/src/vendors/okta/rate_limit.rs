//! Okta's rate limits: when a window ends, and when to make no call until then
//! (<https://developer.okta.com/docs/reference/rl2-monitor/>).

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap};

use super::Access;
use crate::platform::http::Answer;
use crate::platform::time::epoch;

/// A pause until the window of a rate limit ends.
#[derive(Clone, Copy)]
pub(super) struct Pause {
    pub(super) until: SystemTime,
    /// Okta would accept calls, but they are left to other functions.
    pub(super) reserved: bool,
}

/// Until when calls of this kind would be rejected, or are left to other functions. A limit of 0
/// means too many calls at once, which has no window
/// (<https://developer.okta.com/docs/reference/rl2-concurrency/>).
pub(super) fn pause(answer: &Answer, access: Access, now: SystemTime) -> Option<Pause> {
    let header = |name| -> Option<u64> {
        let value = answer.headers.get(name)?.to_str().ok()?;
        value.trim().parse().ok()
    };
    let (limit, left) = (
        header("x-rate-limit-limit"),
        header("x-rate-limit-remaining"),
    );
    let none = answer.status == 429 || left == Some(0);
    let few = || {
        let (limit, left) = limit.zip(left)?;
        (left.saturating_mul(3) < limit).then_some(())
    };
    let reserved = !none && access == Access::Manage && few().is_some();
    ((none || reserved) && limit != Some(0)).then(|| Pause {
        until: ends(&answer.headers, now),
        reserved,
    })
}

/// When the current window of a rate limit ends, by our clock: Okta's `X-Rate-Limit-Reset` counts
/// from its own `Date`.
pub(super) fn ends(headers: &HeaderMap, now: SystemTime) -> SystemTime {
    let text = |value: &'static str| headers.get(value)?.to_str().ok();
    let reset: Option<u64> = text("x-rate-limit-reset").and_then(|reset| reset.trim().parse().ok());
    let date = text(DATE.as_str()).and_then(|date| httpdate::parse_http_date(date).ok());
    let theirs = epoch(date.unwrap_or(now));
    // Windows last a minute.
    now + Duration::from_secs(reset.map_or(60, |reset| reset.saturating_sub(theirs).clamp(1, 60)))
}
