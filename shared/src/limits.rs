//! Counters that bound what strangers can make us send: fixed windows of an hour in the table.

use std::time::SystemTime;

use crate::table::{Key, Update, epoch};

/// Counts one more `what` for `key` in the current hour, refused when `max` were counted. To be part of the transaction that
/// claims the work, so that duplicates count nothing.
pub fn hourly(what: &str, key: &str, max: u64, now: SystemTime) -> Update {
    let hour = epoch(now) / 3600;
    Update::new(Key::new(format!("rate#{what}#{key}"), hour.to_string()))
        .add("hits", 1)
        .set("expires_at", (hour + 2) * 3600)
        .only_if("attribute_not_exists(hits) OR hits < :max")
        .bind(":max", max)
}
