//! Points in time as the table stores them, and as people read them.

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
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_time_is_written_as_people_read_it() {
        let time = UNIX_EPOCH + Duration::from_secs(1_795_176_001);
        assert_eq!(utc(time), "2026-11-20 12:00:01");
    }
}
