//! Points in time as the table stores them, as JSON writes them, and as people read them.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

/// Seconds of a day.
pub const DAY: u64 = 86_400;

/// Seconds since 1970, as stored.
pub fn epoch(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// A point in time in ISO 8601 form (RFC 3339), such as `2026-11-27T12:05:00.000Z`. `None`: it is
/// not, or it was before 1970.
pub fn from_iso(text: &str) -> Option<SystemTime> {
    let time = DateTime::from_str(text.trim(), Format::DateTimeWithOffset).ok()?;
    SystemTime::try_from(time)
        .ok()
        .filter(|time| *time >= UNIX_EPOCH)
}

/// Date and time in UTC, such as `2026-11-20 12:00:00`.
pub fn utc(time: SystemTime) -> String {
    DateTime::from_secs(epoch(time).cast_signed())
        .fmt(Format::DateTime)
        .unwrap_or_default()
        .replace('T', " ")
        .trim_end_matches('Z')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_is_written_as_people_read_it() {
        let time = UNIX_EPOCH + Duration::from_secs(1_795_176_001);
        assert_eq!(utc(time), "2026-11-20 12:00:01");
    }

    #[test]
    fn times_in_iso_form() {
        for text in [
            "2026-11-20T12:00:00Z",
            "2026-11-20T12:00:00.000Z",
            " 2026-11-20T13:00:00+01:00 ",
        ] {
            assert_eq!(from_iso(text).map(epoch), Some(1_795_176_000), "{text}");
        }
        let half = from_iso("2026-11-20T12:00:00.500Z");
        let second = UNIX_EPOCH + Duration::from_millis(1_795_176_000_500);
        assert_eq!(half, Some(second));
        for text in [
            "",
            "x",
            "1795176000",
            "2026-11-20",
            "2026-13-20T12:00:00Z",
            "1926-11-20T12:00:00Z",
            "99999-11-20T12:00:00Z",
        ] {
            assert_eq!(from_iso(text), None, "{text}");
        }
    }
}
