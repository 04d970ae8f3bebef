//! The rules for wrong PINs, and what the items that count them say: whether somebody may try, and as what that counts.

use shared::platform::config::Source;
use shared::platform::table::Item;
use shared::rules::limits::{Budget, Window};

use crate::dialogue::TRIES;

pub(crate) const DAY: u64 = 86_400;
/// Auth0's default: with so many wrong PINs in a row it blocks the user
/// (<https://auth0.com/docs/secure/attack-protection/brute-force-protection>).
const AUTH0_BLOCKS: u64 = 10;
/// So long after the last wrong PIN Auth0 has forgotten all of them.
pub(crate) const AUTH0_FORGETS: u64 = 30 * DAY;
/// Of an account's attempts so many are left to callers who are known: what one call may try.
const RESERVE: u64 = TRIES;
const LONGEST_LOCK: u64 = DAY;

/// How many wrong PINs.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) pair: u64,
    pub(crate) account: u64,
    pub(crate) caller: u64,
    pub(crate) lock_seconds: u64,
    pub(crate) per_day: u64,
}

impl Limits {
    /// Reads the settings; what is wrong is noted in `source`.
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

    /// Whether so many wrong PINs in a day are half of what there may be.
    pub(crate) fn is_half(&self, failures: u64) -> bool {
        failures >= self.per_day.div_ceil(2)
    }

    /// What strangers may try before the first lock.
    pub(crate) fn before_lock(&self, has_known: bool) -> u64 {
        if has_known {
            self.account.saturating_sub(RESERVE).max(1)
        } else {
            self.account
        }
    }

    /// What all callers may try between two right PINs. Who sets a tenth attempt has given Auth0 a higher threshold.
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

/// What an account's item says.
struct AccountState {
    wrong: u64,
    /// How many locks there were before the one that `wrong` is for.
    locks: u64,
    /// Strangers are locked out until then.
    until: u64,
    has_known: bool,
    /// It says nothing any more.
    is_over: bool,
}

impl AccountState {
    fn of(item: &Item, limits: &Limits, now: u64) -> Self {
        let number = |name: &str| item.number(name).unwrap_or_default();
        let (tried, expires_at) = (item.number("tried"), number("expires_at"));
        let wrong = number("wrong");
        let is_forgotten = wrong > 0
            && item
                .number("counted")
                .is_some_and(|at| at + AUTH0_FORGETS <= now);
        let has_known = number("known_until") > now;
        let locks = if tried.unwrap_or_default() < number("grown_until") {
            number("locks")
        } else {
            0
        };
        let mut until = number("locked_until");
        if wrong >= limits.before_lock(has_known) {
            // Before a lock could grow, an item ended with it.
            until = until.max(tried.map_or(expires_at, |tried| tried + limits.lock(locks)));
        }
        Self {
            wrong,
            locks,
            until,
            has_known,
            is_over: expires_at <= now || is_forgotten,
        }
    }

    fn is_used_up(&self, limits: &Limits) -> bool {
        self.wrong >= limits.before_lock(self.has_known)
    }
}

/// As what an attempt counts in its account's item.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// As long as strangers have attempts, nobody need be known.
    Anybody,
    /// What the item says is over.
    Anew,
    /// After a lock, as the only one until the next.
    AfterLock { wrong: u64, tried: u64, locks: u64 },
    /// A known caller, although strangers are locked out. A right PIN begins the count anew; so that the lock stays, until when, and
    /// how many there were then.
    Known { lock: Option<(u64, u64)> },
}

impl Way {
    /// As what, if at all, an attempt may count in the item that refused it.
    pub(crate) fn of(seen: &Item, limits: &Limits, is_known: bool, now: u64) -> Option<Self> {
        let state = AccountState::of(seen, limits, now);
        if state.is_over {
            return Some(Self::Anew);
        }
        if is_known {
            let lock = state
                .is_used_up(limits)
                .then_some((state.until, state.locks + 1));
            return (state.wrong < limits.in_a_row()).then_some(Self::Known { lock });
        }
        if state.until > now {
            return None;
        }
        if !state.is_used_up(limits) {
            return Some(Self::Anybody);
        }
        let AccountState { wrong, locks, .. } = state;
        let tried = seen.number("tried")?;
        (wrong < limits.strangers_in_a_row(state.has_known)).then_some(Self::AfterLock {
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

    /// Whatever is set, a stranger has an attempt, a known caller has one more than strangers can use up, and Auth0's tenth is not reached.
    #[test]
    fn budgets_leave_something_to_everybody() {
        for account in 1..=100 {
            let limits = limits(account);
            assert!(
                limits.before_lock(true) >= 1
                    && limits.before_lock(true) <= limits.before_lock(false),
                "{account}"
            );
            assert!(
                limits.strangers_in_a_row(true) < limits.in_a_row(),
                "{account}"
            );
            assert!(
                limits.before_lock(true) <= limits.strangers_in_a_row(true),
                "{account}"
            );
            assert!(
                limits.before_lock(false) <= limits.strangers_in_a_row(false),
                "{account}"
            );
            assert!(
                account >= AUTH0_BLOCKS || limits.in_a_row() < AUTH0_BLOCKS,
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
