//! What becomes of a counted attempt once the PIN was judged.

use std::time::{SystemTime, UNIX_EPOCH};

use shared::platform::table::{Key, Table, Unavailable, Update, Write};
use shared::platform::time::epoch;

use super::{Attempt, KNOWN};
use crate::lock::{DAY, Limits, Way};

/// True if no caller had the right PIN since this attempt began.
const NOT_OPENED: &str = "attribute_not_exists(opened_at) OR opened_at < :begun";

impl Attempt {
    /// The PIN was wrong: count it for the day. If another caller had the right PIN meanwhile, the
    /// account's counter was reset, so count this attempt there again.
    pub(crate) async fn wrong(
        &self,
        table: &Table,
        limits: &Limits,
        now: SystemTime,
    ) -> Result<(), Unavailable> {
        let note = async {
            let update = Update::new(self.account.clone()).set("counted", epoch(now));
            let unless_opened = update
                .clone()
                .only_if(NOT_OPENED)
                .bind(":begun", millis(self.begun));
            match table.update(unless_opened).await? {
                Write::Done(_) => Ok(()),
                Write::Refused(_) => table.update(update.add("wrong", 1)).await.map(drop),
            }
        };
        let day = limits.failures();
        let (noted, counted) = tokio::join!(note, day.take(table, now));
        // A rejection means that the day's budget is full already.
        let _ = counted?;
        noted
    }

    /// The PIN was right: reset the counters, take this attempt off the caller's hour, and remember
    /// the caller as known.
    pub(crate) async fn right(&self, table: &Table, now: SystemTime) -> Result<(), Unavailable> {
        let until = epoch(now) + KNOWN;
        let pair = Update::new(self.pair.clone())
            .set("wrong", 0)
            .set("expires_at", until);
        let mut account = Update::new(self.account.clone())
            .set("wrong", 0)
            .set("opened_at", millis(now))
            .set("expires_at", until);
        if self.known.is_some() {
            account = account.set("known_until", until);
        }
        if let Way::Known {
            lock: Some((end, locks)),
        } = self.way
        {
            account = account
                .set("locked_until", end)
                .set("locks", locks)
                .set("grown_until", end + DAY);
        }
        let note = async {
            match &self.known {
                Some(key) => table
                    .update(Update::new(key.clone()).set("expires_at", until))
                    .await
                    .map(drop),
                None => Ok(()),
            }
        };
        let (pair, account, noted, gave_back) = tokio::join!(
            table.update(pair),
            table.update(account),
            note,
            self.give_back(table)
        );
        pair.and(account).map(drop).and(noted).and(gave_back)
    }

    /// The PIN was not judged: take the attempt off all counters.
    pub(crate) async fn void(&self, table: &Table) -> Result<(), Unavailable> {
        self.take_back(table, None).await
    }

    /// Auth0 failed, and may have counted the PIN as wrong: take the attempt off the caller's
    /// counters. It stays in the account's, which mirrors Auth0's, unless it was the last one that
    /// was left. So an outage of Auth0 begins no lock.
    pub(crate) async fn perhaps_wrong(
        &self,
        table: &Table,
        limits: &Limits,
    ) -> Result<(), Unavailable> {
        self.take_back(table, Some(limits)).await
    }

    /// Takes the attempt back. With `limits`, the account's counter keeps it while another attempt
    /// is left.
    async fn take_back(&self, table: &Table, limits: Option<&Limits>) -> Result<(), Unavailable> {
        let less = |key: &Key| Update::new(key.clone()).add("wrong", -1).bind(":none", 0);
        let (begun, account) = (epoch(self.begun), less(&self.account));
        let unless_opened = format!("wrong > :none AND ({NOT_OPENED})");
        let account = match (&self.way, limits) {
            // This attempt has also begun a lock.
            (Way::AfterLock { tried, locks, .. }, _) => account
                .set("tried", *tried)
                .set("locks", *locks)
                .only_if("wrong > :none AND tried = :mine")
                .bind(":mine", begun),
            (_, None) => account
                .only_if(unless_opened)
                .bind(":begun", millis(self.begun)),
            (Way::Known { .. }, Some(limits)) => account
                .only_if(format!("{unless_opened} AND wrong >= :most"))
                .bind(":begun", millis(self.begun))
                .bind(":most", limits.in_a_row()),
            (Way::Anybody | Way::Anew, Some(limits)) => account
                .only_if(format!(
                    "{unless_opened} AND (wrong >= :all OR (wrong >= :few AND known_until > :now))"
                ))
                .bind(":begun", millis(self.begun))
                .bind(":all", limits.before_lock(false))
                .bind(":few", limits.before_lock(true))
                .bind(":now", begun),
        };
        let pair = less(&self.pair).only_if("wrong > :none");
        let (pair, account, gave_back) = tokio::join!(
            table.update(pair),
            table.update(account),
            self.give_back(table)
        );
        pair.and(account).map(drop).and(gave_back)
    }
}

fn millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
