//! The rules for wrong PINs. Reads the counters: may a caller try, and as what does the attempt
//! count?

use shared::platform::config::Source;
use shared::platform::table::Item;
use shared::rules::limits::{Budget, Window};

use crate::dialogue::TRIES;

pub(crate) const DAY: u64 = 86_400;
/// Auth0's default: this many wrong PINs in a row block the user
/// (<https://auth0.com/docs/secure/attack-protection/brute-force-protection>).
const AUTH0_BLOCKS: u64 = 10;
/// Auth0 forgets wrong PINs this many seconds after the last one.
pub(crate) const AUTH0_FORGETS: u64 = 30 * DAY;
/// This many of an account's attempts are for known callers: as many as one call may try.
const RESERVE: u64 = TRIES;
const LONGEST_LOCK: u64 = DAY;

/// The limits for wrong PINs.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) pair: u64,
    pub(crate) account: u64,
    pub(crate) caller: u64,
    pub(crate) lock_seconds: u64,
    pub(crate) per_day: u64,
}

impl Limits {
    /// Reads the settings and reports problems to `source`.
    pub(crate) fn read(source: &mut Source<'_>) -> Self {
        let (pair, account) = (
            source.number("PIN_ATTEMPTS", 5, 1..=100),
            source.number("PIN_ATTEMPTS_ACCOUNT", 8, 1..=100),
        );
        if pair > account {
            source.problem(
                "PIN_ATTEMPTS must not be more than PIN_ATTEMPTS_ACCOUNT, which counts all callers",
            );
        }
        Self {
            pair,
            account,
            caller: source.number("PIN_ATTEMPTS_CALLER", 10, 1..=10_000),
            lock_seconds: 60 * source.number("PIN_LOCK_MINUTES", 30, 1..=1_440),
            per_day: source.number("PIN_FAILURES_PER_DAY", 500, 1..=1_000_000),
        }
    }

    /// True if this many wrong PINs are at least half of the day's limit.
    pub(crate) fn is_half(&self, failures: u64) -> bool {
        failures >= self.per_day.div_ceil(2)
    }

    /// The attempts that strangers have before the first lock.
    pub(crate) fn before_lock(&self, has_known: bool) -> u64 {
        if has_known {
            self.account.saturating_sub(RESERVE).max(1)
        } else {
            self.account
        }
    }

    /// The attempts that all callers have between two right PINs. An operator who sets ten or more
    /// has raised Auth0's threshold.
    pub(crate) fn in_a_row(&self) -> u64 {
        if self.account < AUTH0_BLOCKS {
            AUTH0_BLOCKS - 1
        } else {
            u64::MAX
        }
    }

    fn strangers_in_a_row(&self, has_known: bool) -> u64 {
        if has_known {
            self.in_a_row() - RESERVE
        } else {
            self.in_a_row()
        }
    }

    pub(crate) fn lock(&self, locks_before: u64) -> u64 {
        let doubled = 1_u64
            .checked_shl(u32::try_from(locks_before).unwrap_or(u32::MAX))
            .unwrap_or(u64::MAX);
        self.lock_seconds.saturating_mul(doubled).min(LONGEST_LOCK)
    }

    pub(crate) fn failures(&self) -> Budget {
        Budget::new("pin-failures", "all", self.per_day, Window::Day)
    }
}

/// As what an attempt counts in its account's item.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// Strangers have attempts left, so it does not matter who calls.
    Anybody,
    /// The first attempt of a new count: the old one is over.
    Anew,
    /// The only attempt between two locks.
    AfterLock { wrong: u64, tried: u64, locks: u64 },
    /// An attempt of a known caller while strangers are locked out. A right PIN resets the counter.
    /// So that the lock stays, `lock` holds its end and the number of locks up to then.
    Known { lock: Option<(u64, u64)> },
}

impl Way {
    /// As what the attempt may count in the item that rejected it. `None`: not at all.
    pub(crate) fn of(seen: &Item, limits: &Limits, is_known: bool, now: u64) -> Option<Self> {
        let number = |name: &str| seen.number(name).unwrap_or_default();
        let (wrong, tried, end) = (number("wrong"), seen.number("tried"), number("expires_at"));
        let counted = seen.number("counted").filter(|_| wrong > 0);
        if end <= now || counted.is_some_and(|at| at + AUTH0_FORGETS <= now) {
            return Some(Self::Anew);
        }
        let has_known = number("known_until") > now;
        let is_used_up = wrong >= limits.before_lock(has_known);
        let has_grown = tried.unwrap_or_default() < number("grown_until");
        // The number of locks before the one that `wrong` belongs to.
        let locks = if has_grown { number("locks") } else { 0 };
        // Strangers are locked out until then, in epoch seconds.
        let mut until = number("locked_until");
        if is_used_up {
            // An item from before locks could grow has no `tried`: it expires at the end of its
            // lock.
            until = until.max(tried.map_or(end, |tried| tried + limits.lock(locks)));
        }
        if is_known {
            let lock = is_used_up.then_some((until, locks + 1));
            return (wrong < limits.in_a_row()).then_some(Self::Known { lock });
        }
        if until > now {
            return None;
        }
        if !is_used_up {
            return Some(Self::Anybody);
        }
        let tried = tried?;
        let has_room = wrong < limits.strangers_in_a_row(has_known);
        has_room.then_some(Self::AfterLock {
            wrong,
            tried,
            locks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(account: u64) -> Limits {
        Limits {
            pair: 5.min(account),
            account,
            caller: 10,
            lock_seconds: 1_800,
            per_day: 500,
        }
    }

    /// Whatever is set, a stranger has an attempt, a known caller has one more than strangers can
    /// use up, and Auth0's tenth is not reached.
    #[test]
    fn budgets_leave_something_to_everybody() {
        for account in 1..=100 {
            let limits = limits(account);
            let (few, all) = (limits.before_lock(true), limits.before_lock(false));
            let (strangers, in_a_row) = (limits.strangers_in_a_row(true), limits.in_a_row());
            assert!((1..=all).contains(&few) && few <= strangers, "{account}");
            assert!(strangers < in_a_row && all <= in_a_row, "{account}");
            assert!(
                account >= AUTH0_BLOCKS || in_a_row < AUTH0_BLOCKS,
                "{account}"
            );
        }
    }

    #[test]
    fn each_lock_lasts_twice_as_long() {
        let minutes = |locks| limits(8).lock(locks) / 60;
        let doubled = [30, 60, 120, 240, 480, 960, 1_440, 1_440, 1_440, 1_440];
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 63, 64, 10_000].map(minutes), doubled);
    }
}
