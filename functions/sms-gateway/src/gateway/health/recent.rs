//! The attempts of the last seconds: what one instance has seen, and what all have written.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use shared::services::providers::Name;

/// A failing provider fails at least one in this many attempts.
const SHARE: u64 = 3;
/// "The last seconds" are the current period of this many seconds and the period before.
pub(super) const PERIOD: u64 = 5;

/// The attempts of the last seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Recent {
    pub(super) period: u64,
    /// Failures in this period and in the one before, successes in this period and in the one
    /// before.
    pub(super) counts: [u64; 4],
}

impl Recent {
    /// The same counts, moved on to another time.
    fn at(self, now: u64) -> Self {
        let period = self.period.max(now / PERIOD);
        let [failed, _, worked, _] = self.counts;
        let counts = match period - self.period {
            0 => self.counts,
            1 => [0, failed, 0, worked],
            _ => [0; 4],
        };
        Self { period, counts }
    }

    pub(super) fn with_attempt(self, succeeded: bool, now: u64) -> Self {
        let mut recent = self.at(now);
        recent.counts[if succeeded { 2 } else { 0 }] += 1;
        recent
    }

    pub(super) fn and(self, other: Self, now: u64) -> Self {
        let (mine, other) = (self.at(now), other.at(now));
        let sum = |n: usize| mine.counts[n].saturating_add(other.counts[n]);
        Self {
            period: mine.period,
            counts: [0, 1, 2, 3].map(sum),
        }
    }

    pub(super) fn is_failing(self) -> bool {
        let [failed, failed_before, worked, worked_before] = self.counts;
        let failed = failed.saturating_add(failed_before);
        let all = failed.saturating_add(worked).saturating_add(worked_before);
        failed.saturating_mul(SHARE) >= all
    }

    pub(super) fn is_empty(self) -> bool {
        self.counts == [0; 4]
    }
}

/// What this instance has seen of the providers in the last seconds and not yet written.
#[derive(Debug, Default)]
pub struct Untold(Mutex<HashMap<Name, Recent>>);

impl Untold {
    /// Adds one attempt; returns the provider's counts.
    pub(super) fn with(&self, name: Name, succeeded: bool, now: u64) -> Recent {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = all.entry(name).or_default();
        *recent = recent.with_attempt(succeeded, now);
        *recent
    }

    pub(super) fn told(&self, name: Name) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_period_and_the_one_before_count() {
        let seen = Recent::default()
            .with_attempt(false, 100)
            .with_attempt(true, 104);
        assert_eq!(seen.counts, [1, 0, 1, 0]);
        assert_eq!(seen.with_attempt(true, 105).counts, [0, 1, 1, 1]);
        assert_eq!(seen.with_attempt(false, 110).counts, [1, 0, 0, 0]);
        // A clock that is behind counts in the newest period.
        assert_eq!(seen.with_attempt(false, 99).counts, [2, 0, 1, 0]);
    }

    #[test]
    fn what_several_instances_have_seen_is_added_up() {
        let one = Recent::default().with_attempt(false, 100);
        let other = Recent::default()
            .with_attempt(true, 105)
            .with_attempt(false, 105);
        let both = one.and(other, 106);
        assert_eq!((both.period, both.counts), (21, [1, 1, 1, 0]));
    }

    #[test]
    fn a_third_of_all_attempts_is_failing() {
        for (counts, is_failing) in [
            ([1, 0, 2, 0], true),
            ([1, 0, 1, 1], true),
            ([0, 1, 1, 2], false),
            ([1, 1, 2, 2], true),
            ([1, 1, 5, 0], false),
        ] {
            let recent = Recent { period: 1, counts };
            assert_eq!(recent.is_failing(), is_failing, "{counts:?}");
        }
    }

    #[test]
    fn what_is_told_is_not_told_again() {
        let untold = Untold::default();
        untold.with(Name::Twilio, false, 100);
        assert_eq!(untold.with(Name::Twilio, true, 100).counts, [1, 0, 1, 0]);
        assert_eq!(untold.with(Name::Vonage, true, 100).counts, [0, 0, 1, 0]);
        untold.told(Name::Twilio);
        assert_eq!(untold.with(Name::Twilio, true, 100).counts, [0, 0, 1, 0]);
        assert_eq!(untold.with(Name::Vonage, true, 100).counts, [0, 0, 2, 0]);
    }
}
