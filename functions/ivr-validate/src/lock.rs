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
#[derive(Debug, Clone, PartialEq, Eq)]
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

    const NOW: u64 = 1_800_000_000;

    /// The way of an attempt now. The account's item holds these numbers, and is kept for long.
    fn way(numbers: &[(&str, u64)], is_known: bool) -> Option<Way> {
        let kept = [("expires_at", NOW + 1_000 * DAY)];
        let numbers = kept.iter().chain(numbers);
        let item = numbers
            .map(|&(name, number)| (name, number.into()))
            .collect();
        Way::of(&item, &limits(8), is_known, NOW)
    }

    fn stranger(numbers: &[(&str, u64)]) -> Option<Way> {
        way(numbers, false)
    }

    fn after_lock(wrong: u64, tried: u64, locks: u64) -> Way {
        Way::AfterLock {
            wrong,
            tried,
            locks,
        }
    }

    #[test]
    fn a_count_that_ended_or_that_auth0_has_forgotten_begins_anew() {
        let nine = [("wrong", 9), ("tried", NOW)];
        let [wrong, tried] = nine;
        assert_eq!(
            stranger(&[wrong, tried, ("expires_at", NOW)]),
            Some(Way::Anew)
        );
        assert_eq!(stranger(&[wrong, tried, ("expires_at", NOW + 1)]), None);
        let counted = |ago: u64| stranger(&[wrong, tried, ("counted", NOW - ago)]);
        let month = 30 * 86_400;
        assert_eq!(counted(month), Some(Way::Anew));
        assert_eq!(counted(month - 1), None);
        // A right PIN long ago is not a wrong one.
        let right = [("wrong", 0), ("counted", NOW - month)];
        assert_eq!(stranger(&right), Some(Way::Anybody));
    }

    #[test]
    fn strangers_have_fewer_attempts_where_a_caller_is_known() {
        let of = |wrong: u64, known_until: u64| {
            stranger(&[
                ("wrong", wrong),
                ("tried", NOW),
                ("known_until", known_until),
            ])
        };
        assert_eq!(of(7, NOW), Some(Way::Anybody));
        assert_eq!(of(8, NOW), None);
        assert_eq!(of(8 - RESERVE - 1, NOW + 1), Some(Way::Anybody));
        assert_eq!(of(8 - RESERVE, NOW + 1), None);
    }

    #[test]
    fn after_a_lock_a_stranger_has_one_attempt_as_far_as_auth0_allows() {
        let tried = NOW - 1_800;
        let of = |wrong: u64, tried: u64, known_until: u64| {
            stranger(&[
                ("wrong", wrong),
                ("tried", tried),
                ("known_until", known_until),
            ])
        };
        assert_eq!(of(8, tried + 1, 0), None, "the lock has not ended");
        assert_eq!(of(8, tried, 0), Some(after_lock(8, tried, 0)));
        assert_eq!(of(9, tried, 0), None, "the next would be Auth0's tenth");
        let most = 9 - RESERVE;
        assert_eq!(
            of(most - 1, tried, NOW + 1),
            Some(after_lock(most - 1, tried, 0))
        );
        assert_eq!(
            of(most, tried, NOW + 1),
            None,
            "the rest is the known caller's"
        );
    }

    #[test]
    fn locks_grow_until_they_are_forgotten() {
        let of = |ago: u64, grown_for: u64| {
            let tried = NOW - ago;
            let grown = ("grown_until", tried + grown_for);
            stranger(&[("wrong", 8), ("tried", tried), ("locks", 1), grown])
        };
        assert_eq!(of(3_599, 1), None, "the second lock is an hour");
        assert_eq!(of(3_600, 1), Some(after_lock(8, NOW - 3_600, 1)));
        assert_eq!(of(1_800, 0), Some(after_lock(8, NOW - 1_800, 0)));
    }

    #[test]
    fn a_right_pin_of_a_known_caller_ends_no_lock_of_strangers() {
        let locked = |until: u64| stranger(&[("wrong", 0), ("locked_until", until)]);
        assert_eq!(locked(NOW + 1), None);
        assert_eq!(locked(NOW), Some(Way::Anybody));
        let both = [
            ("wrong", 8),
            ("tried", NOW - 1_800),
            ("locked_until", NOW + 1),
        ];
        assert_eq!(stranger(&both), None, "the longer lock counts");
    }

    #[test]
    fn a_known_caller_is_not_locked_out_by_strangers() {
        let known = |numbers: &[(&str, u64)]| way(numbers, true);
        let free = Some(Way::Known { lock: None });
        assert_eq!(known(&[("wrong", 0)]), free);
        assert_eq!(known(&[("wrong", 7), ("tried", NOW)]), free);
        let until = |end: u64, locks: u64| {
            let lock = Some((end, locks));
            Some(Way::Known { lock })
        };
        let tried = ("tried", NOW - 10);
        assert_eq!(known(&[("wrong", 8), tried]), until(NOW + 1_790, 1));
        let grown = [("locks", 1), ("grown_until", NOW)];
        let again = known(&[("wrong", 8), tried, grown[0], grown[1]]);
        assert_eq!(again, until(NOW + 3_590, 2));
        assert_eq!(known(&[("wrong", 9), tried]), None, "Auth0's tenth");
        // An old item without the time of the last attempt is locked to its end.
        let old = [("wrong", 8), ("expires_at", NOW + 100)];
        assert_eq!(known(&old), until(NOW + 100, 1));
        assert_eq!(stranger(&old), None);
    }

    #[test]
    fn half_of_the_days_limit_is_rounded_up() {
        let is_half = |failures: u64, per_day: u64| {
            let limits = Limits {
                per_day,
                ..limits(8)
            };
            limits.is_half(failures)
        };
        assert!(!is_half(249, 500) && is_half(250, 500));
        assert!(!is_half(250, 501) && is_half(251, 501));
    }

    #[test]
    fn a_caller_cannot_have_more_attempts_than_the_account() {
        let read = |pair: &'static str| {
            let lookup = move |name: &str| match name {
                "PIN_ATTEMPTS" => Some(pair.to_owned()),
                "PIN_LOCK_MINUTES" => Some("2".to_owned()),
                _ => None,
            };
            shared::platform::config::read(&lookup, Limits::read)
        };
        let limits = read("8").unwrap();
        assert_eq!(
            (limits.pair, limits.account, limits.lock_seconds),
            (8, 8, 120)
        );
        assert_eq!(read("9").unwrap_err().0.len(), 1);
    }
}
