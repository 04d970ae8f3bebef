//! Moments in the text form of the providers' answers.

use std::time::Duration;

/// Formats a time since the epoch as `2026-11-20T12:00:00.000Z`.
pub(crate) fn iso(time: Duration) -> String {
    let (days, second) = (time.as_secs() / 86_400, time.as_secs() % 86_400);
    // Years that begin in March have their leap day at the end (Howard Hinnant, chrono-compatible
    // low-level date algorithms).
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (
        day - (153 * month + 2) / 5 + 1,
        if month < 10 { month + 3 } else { month - 9 },
    );
    let year = era * 400 + year + u64::from(month < 3);
    let (hour, minute, second, milli) = (
        second / 3_600,
        second / 60 % 60,
        second % 60,
        time.subsec_millis(),
    );
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// As `YYMMDDhhmm`, without a zone.
pub(crate) fn minute(time: Duration) -> String {
    let digits: String = iso(time).chars().filter(char::is_ascii_digit).collect();
    digits[2..12].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_with_their_day() {
        for (time, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_798_761_599, "2026-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(iso(Duration::from_secs(time)), expected);
        }
    }
}
