//! How often a PIN may be wrong: by account and caller together, by account, and by caller.
//!
//! An attempt is counted before the PIN is tried and taken back when it was right, so no number of calls at the same time gets more
//! attempts than one after the other. A lock ends by itself, `PIN_LOCK_MINUTES` after the last wrong PIN.

use std::time::SystemTime;

use ring::digest;
use shared::auth0::users::AccountNumber;
use shared::config::Source;
use shared::limits::Hourly;
use shared::table::{Item, Key, Table, Unavailable, Update, epoch};

/// Callers who withhold their number share one count, which is so many times higher.
const WITHHELD: u64 = 10;

/// How many wrong PINs.
#[derive(Debug)]
pub(crate) struct Limits {
    pair: u64,
    account: u64,
    caller: u64,
    lock_seconds: u64,
}

impl Limits {
    /// Reads the settings; what is wrong is noted in `source`.
    pub(crate) fn read(source: &mut Source<'_>) -> Self {
        let (pair, account) = (source.number("PIN_ATTEMPTS", 5, 1..=100), source.number("PIN_ATTEMPTS_ACCOUNT", 8, 1..=100));
        if pair > account {
            source.problem("PIN_ATTEMPTS must not be more than PIN_ATTEMPTS_ACCOUNT, which counts all callers");
        }
        Self {
            pair,
            account,
            caller: source.number("PIN_ATTEMPTS_CALLER", 10, 1..=10_000),
            lock_seconds: 60 * source.number("PIN_LOCK_MINUTES", 30, 1..=1_440),
        }
    }
}

/// Who tries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Caller<'a> {
    /// Somebody with this number, or whatever name the IVR has for it.
    Known(&'a str),
    /// A phone call without a number.
    Withheld,
    /// The IVR does not say.
    Untold,
}

/// A lock's counter.
struct Counter {
    key: Key,
    max: u64,
    /// Whether there is none yet, or what is there has outlived its time.
    fresh: bool,
}

impl Counter {
    fn new(account: &AccountNumber, who: String, max: u64) -> Self {
        Self { key: Key::new(format!("lock#{}", account.as_str()), who), max, fresh: true }
    }

    /// Only a wrong PIN makes a lock last longer: see [`Attempt::wrong`].
    fn count(&self, limits: &Limits, now: SystemTime) -> Update {
        let update = Update::new(self.key.clone()).bind(":now", epoch(now));
        if self.fresh {
            let update = update.set("wrong", 1).set("expires_at", epoch(now) + limits.lock_seconds);
            update.only_if("attribute_not_exists(wrong) OR expires_at <= :now")
        } else {
            update.add("wrong", 1).only_if("wrong < :max AND expires_at > :now").bind(":max", self.max)
        }
    }
}

/// An attempt that was counted.
pub(crate) struct Attempt {
    pair: Key,
    account: Key,
    hourly: Option<Hourly>,
}

impl Attempt {
    /// Counts an attempt; `None`: there are none left.
    pub(crate) async fn count(
        table: &Table,
        limits: &Limits,
        account: &AccountNumber,
        caller: Caller<'_>,
        now: SystemTime,
    ) -> Result<Option<Self>, Unavailable> {
        let who = match caller {
            Caller::Known(caller) => hex::encode(&digest::digest(&digest::SHA256, normal(caller).as_bytes()).as_ref()[..8]),
            Caller::Withheld => "withheld".to_owned(),
            Caller::Untold => "untold".to_owned(),
        };
        let mut counters = [
            Counter::new(account, format!("caller#{who}"), limits.pair),
            Counter::new(account, "all".to_owned(), limits.account),
        ];
        let hourly = match caller {
            Caller::Known(_) => Some(Hourly::new("pin", &who, limits.caller, now)),
            Caller::Withheld => Some(Hourly::new("pin", &who, limits.caller * WITHHELD, now)),
            // One IVR without callers' numbers must not lock all its callers out.
            Caller::Untold => None,
        };
        // The first refusal says only that there are counts; meanwhile another caller may have changed that.
        for _ in 0..5 {
            let mut updates: Vec<Update> = counters.iter().map(|counter| counter.count(limits, now)).collect();
            updates.extend(hourly.as_ref().map(|hourly| hourly.count.clone()));
            let Some(refusals) = table.update_all(updates).await? else {
                let [pair, account] = counters.map(|counter| counter.key);
                return Ok(Some(Self { pair, account, hourly }));
            };
            let mut otherwise = false;
            for (counter, refusal) in counters.iter_mut().zip(&refusals) {
                let Some(seen) = refusal else { continue };
                let fresh = seen.number("wrong").is_none() || is_outlived(seen, now);
                otherwise |= fresh != counter.fresh;
                counter.fresh = fresh;
            }
            if !otherwise {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// The PIN was wrong: the lock's time begins anew.
    pub(crate) async fn wrong(&self, table: &Table, limits: &Limits, now: SystemTime) -> Result<(), Unavailable> {
        let prolong = |key: &Key| Update::new(key.clone()).set("expires_at", epoch(now) + limits.lock_seconds);
        table.update_all(vec![prolong(&self.pair), prolong(&self.account)]).await.map(drop)
    }

    /// The PIN was right: this caller starts anew, and the attempt was none.
    pub(crate) async fn right(&self, table: &Table) -> Result<(), Unavailable> {
        let mut updates = vec![Update::new(self.pair.clone()).set("wrong", 0), self.less(&self.account)];
        updates.extend(self.hourly.as_ref().map(|hourly| hourly.undo.clone()));
        table.update_all(updates).await.map(drop)
    }

    /// Nobody said whether the PIN was right: the attempt was none.
    pub(crate) async fn void(&self, table: &Table) -> Result<(), Unavailable> {
        let mut updates = vec![self.less(&self.pair), self.less(&self.account)];
        updates.extend(self.hourly.as_ref().map(|hourly| hourly.undo.clone()));
        table.update_all(updates).await.map(drop)
    }

    #[expect(clippy::unused_self, reason = "only a counted attempt can be taken back")]
    fn less(&self, key: &Key) -> Update {
        Update::new(key.clone()).add("wrong", -1).only_if("wrong > :none").bind(":none", 0)
    }
}

/// One caller, however the number is written: forms turn a plus sign into a blank.
fn normal(caller: &str) -> String {
    let is_number = caller.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '.' | '(' | ')' | '/'));
    let digits: String = caller.chars().filter(char::is_ascii_digit).collect();
    if is_number && digits.len() >= 5 { digits } else { caller.to_lowercase() }
}

fn is_outlived(seen: &Item, now: SystemTime) -> bool {
    seen.number("expires_at").is_some_and(|end| end <= epoch(now))
}
