//! What entrances share of reading a request.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use shared::platform::config::Source;
use shared::platform::table::epoch;

pub(crate) const JSON: [&str; 1] = ["application/json"];
/// A mebibyte.
pub(crate) const BODY_LIMIT: usize = 1_048_576;

/// Why a request body is rejected: status, outcome for the log, text for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) status: u16,
    pub(crate) outcome: &'static str,
    pub(crate) public: &'static str,
}

impl Wrong {
    /// The body has another form than the entrance expects.
    pub(crate) const fn malformed(public: &'static str) -> Self {
        Self {
            status: 400,
            outcome: "malformed_body",
            public,
        }
    }
}

pub(crate) const IMPOSSIBLE_NUMBER: Wrong = Wrong {
    status: 400,
    outcome: "impossible_number",
    public: "recipient must be a possible number in E.164 form: a plus, its country code, and the number as dialled from abroad",
};

/// A person who chose a call does not look for an SMS, and may have a phone that shows none.
pub(crate) const VOICE: Wrong = Wrong {
    status: 422,
    outcome: "voice_not_supported",
    public: "voice is not supported: this gateway sends texts; choose Text as the delivery method",
};

/// True if the person wants to be called.
pub(crate) fn is_voice(method: &Value) -> bool {
    method.as_str().is_some_and(|word| {
        ["voice", "call"]
            .iter()
            .any(|voice| word.trim().eq_ignore_ascii_case(voice))
    })
}

/// How far the time of a signature may be from now, in seconds.
pub(crate) fn max_age(source: &mut Source<'_>) -> u64 {
    source.number("MAX_WEBHOOK_AGE_SECONDS", 300, 1..=3_153_600_000)
}

/// How long a signed request could come again: a stranger who has seen it must not be able to send
/// its text again. With a very long `MAX_WEBHOOK_AGE_SECONDS`, a day must do.
pub(crate) fn replayable(signed_at: u64, max_age: u64, now: SystemTime) -> Duration {
    let until = signed_at.saturating_add(max_age);
    let left = Duration::from_secs(until.saturating_sub(epoch(now)));
    left.min(Duration::from_hours(24)) + Duration::from_secs(5)
}

/// The time of a signature in seconds; `None` if it is no time, or too far from now.
pub(crate) fn signed_at(text: &str, max_age: u64, now: SystemTime) -> Option<u64> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let at: u64 = text.parse().ok().filter(|_| is_digits)?;
    (epoch(now).abs_diff(at) <= max_age).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_text_is_remembered_for_as_long_as_it_could_be_replayed() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (signed_at, max_age, seconds) in [
            (1_000_000, 300, 305),
            (1_000_300, 300, 605),
            (999_700, 300, 5),
            (1_000_000, u64::MAX, 86_405),
        ] {
            let known = replayable(signed_at, max_age, now);
            assert_eq!(known.as_secs(), seconds, "{signed_at} {max_age}");
        }
    }

    #[test]
    fn a_signature_is_good_for_five_minutes_unless_a_setting_says_otherwise() {
        for (setting, seconds) in [(None, 300), (Some("60"), 60)] {
            let variables = |name: &str| {
                (name == "MAX_WEBHOOK_AGE_SECONDS")
                    .then_some(setting)
                    .flatten()
                    .map(str::to_owned)
            };
            let read = shared::platform::config::read(&variables, max_age).unwrap();
            assert_eq!(read, seconds);
        }
    }

    #[test]
    fn a_signature_is_good_for_some_minutes_before_and_after_its_time() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (text, is_good) in [
            ("1000000", true),
            ("999700", true),
            ("1000300", true),
            ("999699", false),
            ("1000301", false),
            ("", false),
            ("+1000000", false),
            (" 1000000", false),
            ("1000000.0", false),
            ("-1", false),
            ("99999999999999999999", false),
        ] {
            assert_eq!(signed_at(text, 300, now).is_some(), is_good, "{text}");
        }
    }
}
