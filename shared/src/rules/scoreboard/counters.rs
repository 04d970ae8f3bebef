//! The counters in the table.

use std::time::{Duration, SystemTime};

use super::tally::bucket;
use crate::platform::table::{Key, Table, Unavailable, Update};
use crate::platform::time::epoch;
use crate::rules::delivery::{Reason, Reference};

pub(super) const HOUR: u64 = 3_600;
/// Counters are kept three days: the last whole day can always be read.
const KEPT: u64 = 3 * 86_400;
/// One hour's counters of a provider lie in this many partitions.
pub const SHARDS: u64 = 8;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A provider accepted a text.
    Sent,
    /// A phone received it, this long after the attempt began.
    Delivered(Duration),
    /// It did not arrive.
    Undelivered(Reason),
    /// The person used the code.
    Used,
}

/// Whose counters: provider, ISO 3166 region of the number (or `-`), sender (or `-`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// The provider's name.
    pub provider: String,
    /// The region.
    pub region: String,
    /// The sender of the text.
    pub sender: String,
}

impl Line {
    fn sort_key(&self) -> String {
        format!("{}#{}#{}", self.provider, self.region, self.sender)
    }

    pub(super) fn parse(sort_key: &str) -> Option<Self> {
        let mut parts = sort_key.splitn(3, '#');
        Some(Self {
            provider: parts.next()?.to_owned(),
            region: parts.next()?.to_owned(),
            sender: parts.next()?.to_owned(),
        })
    }
}

/// Counts an event of a text.
///
/// # Errors
/// [`Unavailable`]; a count more or less does no harm, so it is not tried again.
pub async fn count(
    line: &Line,
    reference: &Reference,
    event: Event,
    table: &Table,
    now: SystemTime,
) -> Result<(), Unavailable> {
    let hash = reference.as_str().bytes();
    let shard = hash.fold(0_u64, |sum, byte| sum + u64::from(byte)) % SHARDS;
    let update = Update::new(Key::new(
        partition(epoch(now) / HOUR, shard),
        line.sort_key(),
    ))
    .once()
    .set("expires_at", epoch(now) + KEPT);
    let update = match event {
        Event::Sent => update.add("sent", 1),
        Event::Delivered(after) => {
            let update = update.add("delivered", 1).add(bucket(after.as_secs()), 1);
            // Only codes can be used.
            if reference.kind() == "code" {
                update.add("codes", 1)
            } else {
                update
            }
        }
        Event::Undelivered(reason) => update.add(format!("failed_{}", reason.word()), 1),
        Event::Used => update.add("used", 1),
    };
    table.update(update).await.map(drop)
}

/// The partition of an hour (whole hours since 1970) and a shard.
pub fn partition(hour: u64, shard: u64) -> String {
    format!("score#{hour}#{shard}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_back_from_its_key() {
        let line = Line {
            provider: "vonage".to_owned(),
            region: "DK".to_owned(),
            sender: "ACME #1".to_owned(),
        };
        assert_eq!(Line::parse(&line.sort_key()), Some(line));
        assert_eq!(Line::parse("vonage#DK"), None);
    }
}
