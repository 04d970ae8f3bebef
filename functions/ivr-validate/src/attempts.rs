//! Limits wrong PINs: for each account and caller together, for each account, for each caller, and
//! for all accounts in a day.
//!
//! An attempt is counted before the PIN is tried, and taken back if the PIN was right. So many
//! calls at the same time get no more attempts than calls one after the other.
//!
//! An account's counter mirrors Auth0's: wrong PINs since the last right one. At the tenth Auth0
//! blocks the user, for a month and for all callers. So strangers get fewer attempts if the account
//! has a known caller; the rest is for known callers. A caller is known for an account after a
//! right PIN from the same number. A known caller still needs the PIN, but has attempts that
//! strangers cannot use up.
//!
//! Strangers who have used all their attempts are locked out. Each lock is twice as long as the one
//! before. After a lock they have one attempt, as far as Auth0's count allows. A right PIN gives
//! strangers all their attempts again, but ends no lock.

mod settle;

use std::time::SystemTime;

use ring::digest;
use shared::platform::table::{Item, Key, Table, Unavailable, Update};
use shared::platform::time::epoch;
use shared::rules::account::AccountNumber;
use shared::rules::limits::{Budget, Taken, Window};

use crate::lock::{AUTH0_FORGETS, DAY, Limits, Way};

/// All callers without a number share one counter. Its limit is this many times higher.
const WITHHELD: u64 = 10;
/// How long a caller is known after the last right PIN. The account's counter is kept for the same
/// time.
const KNOWN: u64 = 180 * DAY;
/// Who tries a PIN.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Caller<'a> {
    /// A caller with this number, or with the name that the IVR uses.
    Named(&'a str),
    /// A phone call without a number.
    Withheld,
    /// The IVR names no caller.
    NotGiven,
}

/// The result of counting an attempt.
pub(crate) struct Counted {
    /// The attempt, or the reason why there is none.
    pub(crate) attempt: Result<Attempt, Unheard>,
    /// The wrong PINs of the last 24 hours, for all accounts.
    pub(crate) failures: Option<u64>,
}

/// Why a PIN is not checked.
pub(crate) enum Unheard {
    /// No attempts are left. Holds the outcome for the log.
    Spent(&'static str),
    /// The table is unavailable.
    Unavailable(Unavailable),
}

/// An attempt that was counted.
pub(crate) struct Attempt {
    pair: Key,
    account: Key,
    /// The item that says the caller had the right PIN. `None` for callers without a name, who are
    /// never known.
    known: Option<Key>,
    hourly: Option<Taken>,
    way: Way,
    pair_anew: bool,
    begun: SystemTime,
}

impl Attempt {
    /// Counts an attempt.
    pub(crate) async fn count(
        table: &Table,
        limits: &Limits,
        account: &AccountNumber,
        caller: Caller<'_>,
        now: SystemTime,
    ) -> Counted {
        let (who, hourly) = match caller {
            Caller::Named(caller) => {
                let hash = digest::digest(&digest::SHA256, normal(caller).as_bytes());
                (hex::encode(&hash.as_ref()[..8]), Some(limits.caller))
            }
            Caller::Withheld => ("withheld".to_owned(), Some(limits.caller * WITHHELD)),
            // An IVR that names no callers must not lock all of them out.
            Caller::NotGiven => ("untold".to_owned(), None),
        };
        let hourly = hourly.map(|max| Budget::new("pin", &who, max, Window::Hour));
        let pk = format!("lock#{}", account.as_str());
        let mut attempt = Self {
            pair: Key::new(pk.as_str(), format!("caller#{who}")),
            account: Key::new(pk.as_str(), "all"),
            known: matches!(caller, Caller::Named(_))
                .then(|| Key::new(pk.as_str(), format!("known#{who}"))),
            hourly: None,
            way: Way::Anybody,
            pair_anew: false,
            begun: now,
        };
        // All at the same time. Whether the caller is known matters only if strangers have no
        // attempts left.
        let is_known = async {
            match &attempt.known {
                Some(key) => table.get(key.clone(), now).await.map(|item| item.is_some()),
                None => Ok(false),
            }
        };
        let by_caller = async {
            match &hourly {
                Some(budget) => budget.take(table, now).await.map(Some),
                None => Ok(None),
            }
        };
        let day = limits.failures();
        let (first, is_known, by_caller, failures) = tokio::join!(
            table.update_all(attempt.updates(limits)),
            is_known,
            by_caller,
            day.used(table, now)
        );
        let mut counted = matches!(first, Ok(None));
        let spent = match by_caller {
            Ok(Some(Ok(taken))) => {
                attempt.hourly = Some(taken);
                Ok(false)
            }
            Ok(taken) => Ok(taken.is_some()),
            Err(error) => Err(error),
        };
        let failed_today = failures.as_ref().ok().copied();
        let heard = match (first, is_known, spent, failures) {
            (Ok(_), Ok(false), Ok(_), Ok(failures)) if failures >= limits.per_day => {
                Err(Unheard::Spent("too_many_failures"))
            }
            (Ok(_), Ok(_), Ok(true), Ok(_)) => Err(Unheard::Spent("locked")),
            (Ok(None), Ok(_), Ok(_), Ok(_)) => Ok(()),
            (Ok(Some(refusals)), Ok(is_known), Ok(_), Ok(_)) => {
                match attempt.insist(table, limits, refusals, is_known).await {
                    Ok(true) => {
                        counted = true;
                        Ok(())
                    }
                    Ok(false) => Err(Unheard::Spent("locked")),
                    Err(error) => Err(Unheard::Unavailable(error)),
                }
            }
            (Err(error), ..) | (_, Err(error), ..) | (_, _, Err(error), _) | (.., Err(error)) => {
                Err(Unheard::Unavailable(error))
            }
        };
        if heard.is_err() {
            let undone = if counted {
                attempt.void(table).await
            } else {
                attempt.give_back(table).await
            };
            if let Err(error) = undone {
                tracing::warn!(%error, "an attempt that nobody heard stays counted");
            }
        }
        Counted {
            attempt: heard.map(|()| attempt),
            failures: failed_today,
        }
    }

    /// The counters rejected the attempt. Tries again as whatever their current state allows.
    /// `false`: no attempts are left.
    async fn insist(
        &mut self,
        table: &Table,
        limits: &Limits,
        mut refusals: Vec<Option<Item>>,
        is_known: bool,
    ) -> Result<bool, Unavailable> {
        let now = epoch(self.begun);
        // A rejection returns the current counters. Another caller may change them once more.
        for _ in 0..5 {
            // In the order of the updates.
            let [pair, account]: [Option<Item>; 2] = refusals.try_into().unwrap_or_default();
            if let Some(seen) = pair {
                self.pair_anew = seen.number("expires_at").is_some_and(|end| end <= now);
                let wrong = seen.number("wrong").unwrap_or_default();
                if !self.pair_anew && wrong >= limits.pair {
                    return Ok(false);
                }
            }
            if let Some(seen) = account {
                let Some(way) = Way::of(&seen, limits, is_known, now) else {
                    return Ok(false);
                };
                self.way = way;
            }
            match table.update_all(self.updates(limits)).await? {
                None => return Ok(true),
                Some(again) => refusals = again,
            }
        }
        Ok(false)
    }

    /// The updates that count the attempt: in the caller's item for this account, and in the
    /// account's item.
    fn updates(&self, limits: &Limits) -> Vec<Update> {
        let now = epoch(self.begun);
        let pair = Update::new(self.pair.clone())
            .set("expires_at", now + limits.lock_seconds)
            .bind(":now", now);
        let pair = if self.pair_anew {
            pair.set("wrong", 1).only_if("expires_at <= :now")
        } else {
            let room = "(attribute_not_exists(wrong) OR wrong < :max) AND (attribute_not_exists(expires_at) OR expires_at > :now)";
            pair.add("wrong", 1).only_if(room).bind(":max", limits.pair)
        };
        let account = Update::new(self.account.clone())
            .set("expires_at", now + KNOWN)
            .set("counted", now);
        let forgotten = now.saturating_sub(AUTH0_FORGETS);
        let account = match self.way {
            Way::Anybody => account
                .set("tried", now)
                .add("wrong", 1)
                .only_if(
                    "(attribute_not_exists(expires_at) OR expires_at > :now) \
                     AND (attribute_not_exists(counted) OR counted > :forgotten OR wrong = :none) \
                     AND (attribute_not_exists(locked_until) OR locked_until <= :now) \
                     AND (attribute_not_exists(wrong) OR wrong < :few \
                     OR (wrong < :all AND (attribute_not_exists(known_until) OR known_until <= :now)))",
                )
                .bind(":now", now)
                .bind(":forgotten", forgotten)
                .bind(":none", 0)
                .bind(":few", limits.before_lock(true))
                .bind(":all", limits.before_lock(false)),
            Way::Anew => ["locks", "grown_until", "locked_until"]
                .into_iter()
                .fold(account, Update::remove)
                .set("tried", now)
                .set("wrong", 1)
                .only_if("expires_at <= :now OR counted <= :forgotten")
                .bind(":now", now)
                .bind(":forgotten", forgotten),
            Way::AfterLock { wrong, tried, locks } => account
                .set("tried", now)
                .set("wrong", wrong + 1)
                .set("locks", locks + 1)
                .set("grown_until", now + limits.lock(locks + 1) + DAY)
                .only_if("wrong = :wrong AND tried = :tried")
                .bind(":wrong", wrong)
                .bind(":tried", tried),
            Way::Known { .. } => account
                .add("wrong", 1)
                .only_if("expires_at > :now AND wrong < :most")
                .bind(":now", now)
                .bind(":most", limits.in_a_row()),
        };
        vec![pair, account]
    }

    async fn give_back(&self, table: &Table) -> Result<(), Unavailable> {
        match &self.hourly {
            Some(taken) => taken.give_back(table).await,
            None => Ok(()),
        }
    }
}

/// One form for all spellings of a number. In a form post a plus sign becomes a blank.
fn normal(caller: &str) -> String {
    let is_number = caller
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '.' | '(' | ')' | '/'));
    let digits: String = caller.chars().filter(char::is_ascii_digit).collect();
    if is_number && digits.len() >= 5 {
        digits
    } else {
        caller.to_lowercase()
    }
}
