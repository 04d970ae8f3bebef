//! The attempts of the last seconds: what one instance has seen, and what all have written.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use shared::rules::sms::Name;

/// A failing provider fails at least one in this many attempts.
const SHARE: u64 = 3;
/// "The last seconds" are the current period of this many seconds and the period before.
pub(super) const PERIOD: u64 = 5;

/// The attempts of the last seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Recent {
    pub(super) period: u64,
    /// Two counts: the current period, and the period before.
    pub(super) failed: [u64; 2],
    pub(super) worked: [u64; 2],
}

impl Recent {
    /// The same counts, moved on to another time.
    fn at(self, now: u64) -> Self {
        let period = self.period.max(now / PERIOD);
        let moved = |[newest, before]: [u64; 2]| match period - self.period {
            0 => [newest, before],
            1 => [0, newest],
            _ => [0, 0],
        };
        Self {
            period,
            failed: moved(self.failed),
            worked: moved(self.worked),
        }
    }

    pub(super) fn with_attempt(self, succeeded: bool, now: u64) -> Self {
        let mut recent = self.at(now);
        let counts = if succeeded {
            &mut recent.worked
        } else {
            &mut recent.failed
        };
        counts[0] += 1;
        recent
    }

    pub(super) fn and(self, other: Self, now: u64) -> Self {
        let (mine, other) = (self.at(now), other.at(now));
        let sum = |mine: [u64; 2], other: [u64; 2]| {
            [0, 1].map(|place| mine[place].saturating_add(other[place]))
        };
        Self {
            period: mine.period,
            failed: sum(mine.failed, other.failed),
            worked: sum(mine.worked, other.worked),
        }
    }

    pub(super) fn is_failing(self) -> bool {
        let [failed, worked] =
            [self.failed, self.worked].map(|[newest, before]| newest.saturating_add(before));
        failed.saturating_mul(SHARE) >= failed.saturating_add(worked)
    }

    pub(super) fn is_empty(self) -> bool {
        (self.failed, self.worked) == ([0; 2], [0; 2])
    }
}

/// What this instance has seen of the providers in the last seconds and not yet written.
#[derive(Debug, Default)]
pub(crate) struct Untold(Mutex<HashMap<Name, Recent>>);

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
