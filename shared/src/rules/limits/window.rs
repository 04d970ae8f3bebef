//! A sliding window, and its slices in the item of a budget.

use std::time::SystemTime;

use crate::platform::table::Item;
use crate::platform::time::{DAY, epoch};

/// A window has this many slices, and one more for the part that is leaving it.
pub(super) const SLICES: u64 = 12;

/// The window of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Any sixty seconds.
    Minute,
    /// Any sixty minutes.
    Hour,
    /// Any 24 hours.
    Day,
}

impl Window {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    pub(super) fn slice_seconds(self) -> u64 {
        let seconds = match self {
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => DAY,
        };
        seconds / SLICES
    }
}

/// How often the window of a budget's item has counted up to `now`. Nothing is counted.
pub fn used(item: &Item, window: Window, now: SystemTime) -> u64 {
    let slice = epoch(now) / window.slice_seconds();
    slices(item)
        .filter(|(n, _)| is_live(*n, slice))
        .map(|(_, hits)| hits)
        .sum()
}

/// The number of each slice, and its count.
pub(super) fn slices(item: &Item) -> impl Iterator<Item = (u64, u64)> {
    item.names().filter_map(|name| {
        let weight = |id: &String| {
            id.rsplit_once('*')
                .and_then(|(_, weight)| weight.parse().ok())
                .unwrap_or(1)
        };
        let counted = item
            .number(name)
            .unwrap_or_else(|| item.set(name).iter().map(weight).sum());
        Some((number_of(name)?, counted))
    })
}

pub(super) fn number_of(name: &str) -> Option<u64> {
    name.strip_prefix("s_")
        .or_else(|| name.strip_prefix("i_"))?
        .parse()
        .ok()
}

pub(super) fn is_live(slice: u64, newest: u64) -> bool {
    slice + SLICES >= newest
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn a_window_counts_until_its_oldest_slice_has_left_it() {
        let slice = Window::Hour.slice_seconds();
        let counted = Item::from_iter([("s_1000", 3.into()), ("s_1001", 2.into())]);
        for (number, hits) in [
            (1_001, 5),
            (1_000 + SLICES, 5),
            (1_001 + SLICES, 2),
            (1_002 + SLICES, 0),
        ] {
            let now = UNIX_EPOCH + Duration::from_secs(number * slice);
            assert_eq!(used(&counted, Window::Hour, now), hits, "{number}");
        }
    }
}
