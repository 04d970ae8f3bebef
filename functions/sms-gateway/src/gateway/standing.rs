//! What delivery receipts say of the providers, for the order of a route.
//!
//! `delivery-status` sums the last hour's receipts up in one item, by country and provider. Each
//! instance reads it once a minute, beside the claim of a text, and keeps it in memory. Without it
//! (no receipts, no summary, no answer in time) the order is that of the route.
//!
//! A provider is broken in a country if it takes texts and delivers less than one in ten of at
//! least 50. It is tried last there. With `SMS_ORDER=best`, a provider also comes before those that
//! deliver significantly less: both have at least 50 results, and the 95 % confidence intervals of
//! their rates do not meet.
//!
//! A provider that is tried last has few new results. Its old ones end with the hour after that in
//! which they were counted. Then it is tried in its place again. So every provider gets a new chance
//! within two hours.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use shared::platform::config::Source;
use shared::platform::table::{Table, epoch};
use shared::rules::phone::E164;
use shared::rules::scoreboard::{Summary, Tally};
use shared::services::providers::Name;

use super::health::Trial;

/// How often an instance reads the summary, in seconds.
const EVERY_SECONDS: u64 = 60;
/// The read must not hold a text up. The claim beside it takes about as long.
const PATIENCE: Duration = Duration::from_secs(1);

/// The summary as this instance has read it.
#[derive(Debug)]
pub(crate) struct Standing {
    has_receipts: bool,
    best_first: bool,
    cached: Mutex<Cached>,
}

#[derive(Debug, Default)]
struct Cached {
    /// When the next read is due, in epoch seconds.
    due: u64,
    summary: Arc<Summary>,
}

impl Standing {
    pub(crate) fn read(source: &mut Source<'_>) -> Self {
        let has_receipts = source.optional("DELIVERY_URL").is_some();
        let best_first = source.choice("SMS_ORDER", &[("route", false), ("best", true)]);
        if best_first && !has_receipts {
            source.problem(
                "SMS_ORDER=best needs DELIVERY_URL: without delivery receipts no provider is known to be better; \
                 set it, or SMS_ORDER=route",
            );
        }
        Self {
            has_receipts,
            best_first,
            cached: Mutex::default(),
        }
    }

    fn cached(&self) -> MutexGuard<'_, Cached> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the summary if that is due. After a failure the old one counts, until it ends.
    /// `left`: the time for the delivery, of which this may use a tenth.
    pub(crate) async fn refresh(&self, table: &Table, left: Duration, now: SystemTime) {
        if !self.has_receipts || epoch(now) < self.cached().due {
            return;
        }
        self.cached().due = epoch(now) + EVERY_SECONDS;
        match Table::within(PATIENCE.min(left / 10), Summary::read(table, now)).await {
            Ok(summary) => self.cached().summary = Arc::new(summary),
            Err(error) => tracing::warn!(%error, "the providers' results could not be read"),
        }
    }

    /// What is known for the country of a number.
    pub(crate) fn of(&self, to: &E164, now: SystemTime) -> Known {
        Known {
            best_first: self.best_first,
            summary: Arc::clone(&self.cached().summary),
            region: to.region().unwrap_or("-").to_owned(),
            now,
        }
    }
}

/// What is known of the providers in one country.
pub(crate) struct Known {
    best_first: bool,
    summary: Arc<Summary>,
    region: String,
    now: SystemTime,
}

impl Known {
    fn results(&self, name: Name) -> Option<&Tally> {
        self.summary.results(&self.region, name.word(), self.now)
    }

    /// The route in the order of `SMS_ORDER`.
    pub(crate) fn order(&self, route: &[Name]) -> Vec<Name> {
        if !self.best_first {
            return route.to_vec();
        }
        let is_better = |one: Name, other: Name| {
            let results = self.results(one).zip(self.results(other));
            results.is_some_and(|(one, other)| one.is_better_than(other))
        };
        in_order(route, is_better)
    }

    /// Puts the broken providers of an order behind the others. Returns them.
    pub(crate) fn put_broken_last(&self, order: &mut [(Name, Trial)]) -> Vec<Name> {
        let is_broken = |name: Name| self.results(name).is_some_and(Tally::is_broken);
        order.sort_by_key(|(name, _)| is_broken(*name));
        let broken = order.iter().map(|(name, _)| *name);
        broken.filter(|name| is_broken(*name)).collect()
    }
}

/// The route, changed only where one is better than an earlier one. "Better" orders only some pairs,
/// so no usual sort does this: next comes always the first for which no better one is left.
fn in_order<T: Copy>(route: &[T], is_better: impl Fn(T, T) -> bool) -> Vec<T> {
    let mut left = route.to_vec();
    let mut order = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let is_next = |one: &T| !left.iter().any(|other| is_better(*other, *one));
        let next = left.iter().position(is_next).unwrap_or_default();
        order.push(left.remove(next));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_better_provider_comes_before_an_earlier_one() {
        let ordered = |pairs: &[(char, char)]| -> String {
            let is_better = |one, other| pairs.contains(&(one, other));
            in_order(&['a', 'b', 'c', 'd'], is_better)
                .into_iter()
                .collect()
        };
        assert_eq!(ordered(&[]), "abcd");
        assert_eq!(ordered(&[('a', 'b')]), "abcd");
        assert_eq!(ordered(&[('b', 'a')]), "bacd");
        // c is better than a, but b is as good as both.
        assert_eq!(ordered(&[('c', 'a')]), "bcad");
        assert_eq!(ordered(&[('d', 'a'), ('d', 'b'), ('d', 'c')]), "dabc");
        // Even a circle, which intervals cannot make, loses no provider.
        assert_eq!(ordered(&[('a', 'b'), ('b', 'a')]).len(), 4);
    }
}
