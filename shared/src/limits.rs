//! Counters that bound what strangers can make us do: fixed windows of an hour or a day in the table.

use std::time::SystemTime;

use crate::table::{Key, Update, epoch};

const DAY: u64 = 86_400;

/// One more `what` for `key` in the current hour.
#[derive(Debug, Clone)]
pub struct Hourly {
    /// Counts it, refused when `max` were counted. To be part of the transaction that claims the work, so that duplicates count
    /// nothing.
    pub count: Update,
    /// Takes it back.
    pub undo: Update,
}

impl Hourly {
    /// Counts in the hour of `now`.
    pub fn new(what: &str, key: &str, max: u64, now: SystemTime) -> Self {
        let hour = epoch(now) / 3600;
        let key = Key::new(format!("rate#{what}#{key}"), hour.to_string());
        Self {
            count: Update::new(key.clone())
                .add("hits", 1)
                .set("expires_at", (hour + 2) * 3600)
                .only_if("attribute_not_exists(hits) OR hits < :max")
                .bind(":max", max),
            undo: Update::new(key).add("hits", -1).only_if("hits > :none").bind(":none", 0),
        }
    }
}

/// Counts one more `what` for `key` today (UTC), refused when `max` were counted.
pub fn daily(what: &str, key: &str, max: u64, now: SystemTime) -> Update {
    Update::new(daily_key(what, key, now))
        .add("hits", 1)
        .set("expires_at", (epoch(now) / DAY + 2) * DAY)
        .only_if("attribute_not_exists(hits) OR hits < :max")
        .bind(":max", max)
}

/// Where [`daily`] counts, in the attribute `hits`.
pub fn daily_key(what: &str, key: &str, now: SystemTime) -> Key {
    Key::new(format!("rate#{what}#{key}"), format!("day{}", epoch(now) / DAY))
}
