//! How well each provider delivers: counters per provider, country and sender.
//!
//! The counters of an hour are items `score#<hour>#<shard>`, one for each provider, country and
//! sender. A text's reference chooses the shard, so no item is written by all requests. A text
//! counts once as sent, at most once as delivered or failed, and at most once as used. The time to
//! delivery is counted in [`SECONDS`], from which median and 95th percentile are read.
//!
//! [`read`] adds up hours. A [`Summary`] of the last hour says how the providers stand; it is what
//! the path of a text may read.

mod counters;
mod reading;
mod summary;
mod tally;

pub use counters::{Event, Line, SHARDS, count, partition};
pub use reading::{DAY, LAST_HOUR, by_country, read};
pub use summary::Summary;
pub use tally::{SECONDS, Tally};
