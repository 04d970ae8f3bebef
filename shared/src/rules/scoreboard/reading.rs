//! Adds up the counters of some hours.

use std::collections::BTreeMap;
use std::time::SystemTime;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::counters::{HOUR, Line, SHARDS, partition};
use super::tally::Tally;
use crate::platform::table::{Item, Table, Unavailable};
use crate::platform::time::epoch;

/// The last hour: the hour that has begun, and the one before it. So there are always results of
/// sixty minutes.
pub const LAST_HOUR: u64 = 2;
/// The last day, in the same way.
pub const DAY: u64 = 25;
/// Partitions that are read at the same time.
const AT_ONCE: usize = 8;

/// The counters of this many hours, the hour of `now` being the last.
///
/// # Errors
/// [`Unavailable`]; a part of the counters would be misleading.
pub async fn read(
    hours: u64,
    table: &Table,
    now: SystemTime,
) -> Result<BTreeMap<Line, Tally>, Unavailable> {
    let this = epoch(now) / HOUR;
    let partitions = (this.saturating_sub(hours - 1)..=this)
        .flat_map(|hour| (0..SHARDS).map(move |shard| partition(hour, shard)));
    let queries = partitions.map(async |partition| table.query(&partition, now).await);
    let items: Vec<_> = stream::iter(queries)
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let mut tallies = BTreeMap::new();
    for items in &items {
        tally(items, &mut tallies);
    }
    Ok(tallies)
}

/// The tallies by region and provider, all senders together.
pub fn by_country(tallies: &BTreeMap<Line, Tally>) -> BTreeMap<(&str, &str), Tally> {
    let mut sums: BTreeMap<_, Tally> = BTreeMap::new();
    for (line, tally) in tallies {
        let key = (line.region.as_str(), line.provider.as_str());
        sums.entry(key).or_default().add(tally);
    }
    sums
}

/// Adds the items of some partitions to tallies.
fn tally(items: &[Item], tallies: &mut BTreeMap<Line, Tally>) {
    for item in items {
        if let Some(line) = item.text("sk").and_then(Line::parse) {
            tallies.entry(line).or_default().add_item(item);
        }
    }
}
