//! The journal of a send: the state record of one logical message. Duplicates and crashes are
//! judged by it.
//!
//! `sending(lease) -> sent(sid) | refused | forbidden | failed | unknown`, item `sent#<kind>#<hash>`. `sending`
//! is written before the provider is called, the outcome after it. A crash in between leaves
//! `sending` with a lease that ends. This means *unknown*, never "failed". The caller decides what
//! *unknown* allows: a verification text is sent again (losing one is worse than repeating it), a
//! one-time code never.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::delivery::{self, EARLIER_SIDS, Reference, WAIT_FOR_RECEIPTS};
use super::kept::Sealed;
use super::phone::E164;
use super::scoreboard::{self, Event, Line};
use crate::platform::random::random_below;
use crate::platform::table::{Item, Key, Table, Unavailable, Update, Value};
use crate::platform::time::epoch;

/// The known state of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// An invocation is sending it now, until the lease ends.
    Sending,
    /// The provider accepted it.
    Sent {
        /// The provider's id of the message, if the provider gave one.
        sid: Option<String>,
        /// The provider, where there are several.
        provider: Option<String>,
        /// The sender of the text; stored if the text awaits receipts.
        sender: Option<String>,
    },
    /// The provider rejected the recipient for good.
    Refused,
    /// A rule of our own account forbids messages to the recipient.
    Forbidden,
    /// The message was certainly not sent. It may be tried again.
    Failed,
    /// The message may have been sent.
    Unknown,
}

/// The journal of one message. The message is identified by its kind and a hash that all its copies
/// share.
#[derive(Debug, Clone)]
pub struct Entry {
    key: Key,
    owner: String,
    lease_until: u64,
    expires_at: u64,
    counted_as: Option<String>,
    awaits: Option<Awaits>,
    kept: Option<Kept>,
}

/// What an entry stores of its [kept](super::kept) text.
#[derive(Debug, Clone)]
struct Kept {
    name: String,
    until: u64,
    tried: Vec<String>,
}

/// What an entry stores for the receipts of its text.
#[derive(Debug, Clone)]
struct Awaits {
    number: String,
    region: String,
    sent_at: u64,
}

impl Entry {
    /// The entry of the message `id` (`<kind>#<hash>`; rights in the table go by the kind) for
    /// `owner` (a [`crate::platform::random::owner_id`]). The lease ends at `lease_until`, the entry
    /// at `expires_at` (epoch seconds).
    pub fn new(id: &str, owner: String, lease_until: u64, expires_at: u64) -> Self {
        Self {
            key: Key::new(format!("sent#{id}"), "send"),
            owner,
            lease_until,
            expires_at,
            counted_as: None,
            awaits: None,
            kept: None,
        }
    }

    /// The same entry, whose [`Entry::settle`] stores where the text of an accepted send is kept, and
    /// which providers have or may have it (at least one).
    #[must_use]
    pub fn keeping(self, sealed: &Sealed, tried: Vec<String>) -> Self {
        let kept = Kept {
            name: sealed.name().to_owned(),
            until: sealed.ends_at(),
            tried,
        };
        Self {
            kept: Some(kept),
            ..self
        }
    }

    /// The same entry, for a text to `to` that asks its provider for a receipt
    /// ([`delivery`]). The entry then stays two days for the receipts. As before, it answers for
    /// the message only until its `expires_at` (attribute `forgotten_at`).
    #[must_use]
    pub fn awaiting_receipts(self, to: &E164, now: SystemTime) -> Self {
        let awaits = Awaits {
            number: delivery::number_hash(to),
            region: to.region().unwrap_or("-").to_owned(),
            sent_at: epoch(now),
        };
        Self {
            awaits: Some(awaits),
            ..self
        }
    }

    /// The reference of this text, for its provider; `None` unless it awaits receipts.
    pub fn reference(&self) -> Option<Reference> {
        self.awaits.as_ref()?;
        Some(Reference::of(self.key.pk.trim_start_matches("sent#")))
    }

    /// Writes how long the entry answers for the message, and how long it stays.
    fn lasting(&self, update: Update) -> Update {
        match &self.awaits {
            None => update.set("expires_at", self.expires_at),
            Some(awaits) => update.set("forgotten_at", self.expires_at).set(
                "expires_at",
                self.expires_at.max(awaits.sent_at + WAIT_FOR_RECEIPTS),
            ),
        }
    }

    /// The same entry. Its claim stores the name by which the message was counted. So an invocation
    /// that meets the claim learns whether its own count is the same.
    #[must_use]
    pub fn counted_as(&self, name: &str) -> Self {
        Self {
            counted_as: Some(name.to_owned()),
            ..self.clone()
        }
    }

    /// The same entry with another `expires_at`, which [`Entry::settle`] writes. So the time of
    /// remembering may count from the end of a send.
    #[must_use]
    pub fn remembered_until(self, expires_at: u64) -> Self {
        Self { expires_at, ..self }
    }

    /// The update that claims the message if it has no entry: for the transaction of a first
    /// delivery. `first_at` stores the time of that delivery.
    pub fn claim(&self, now: SystemTime) -> Update {
        let update = match &self.awaits {
            None => self.sending(),
            // Late receipts of the sends before are told apart by their messages.
            Some(_) => ["sid"]
                .into_iter()
                .chain(EARLIER_SIDS)
                .zip(EARLIER_SIDS)
                .fold(self.sending(), |update, (from, to)| {
                    update.copy(from, to, "-")
                }),
        };
        update
            .set("first_at", epoch(now))
            .only_if("attribute_not_exists(pk) OR expires_at <= :now OR forgotten_at <= :now")
            .bind(":now", epoch(now))
    }

    /// The update that claims the message again after `seen` was read. It is refused if another
    /// invocation or a receipt has changed the entry since.
    pub fn claim_again(&self, seen: &Item) -> Update {
        let update = self.sending();
        let as_seen = "stage = :stage AND owner_id = :owner AND lease_until = :lease";
        let update = match seen.number("reported_at") {
            None => update.only_if(format!("{as_seen} AND attribute_not_exists(reported_at)")),
            Some(at) => update
                .only_if(format!("{as_seen} AND reported_at = :reported"))
                .bind(":reported", at),
        };
        update
            .bind(":stage", seen.text("stage").unwrap_or_default())
            .bind(":owner", seen.text("owner_id").unwrap_or_default())
            .bind(":lease", seen.number("lease_until").unwrap_or_default())
    }

    fn sending(&self) -> Update {
        let update = Update::new(self.key.clone());
        let update = match &self.counted_as {
            Some(name) => update.set("counted_as", name.as_str()),
            None => update,
        };
        let update = self
            .lasting(update)
            .set("stage", "sending")
            .set("owner_id", self.owner.as_str())
            .set("lease_until", self.lease_until)
            .remove("sid")
            .remove("provider")
            // What became of an earlier send of the same text says nothing about this one.
            .remove("reported_at")
            .remove("used_at");
        let Some(awaits) = &self.awaits else {
            // An earlier send of the same text may have awaited receipts.
            return update.remove("forgotten_at").remove(delivery::RECEIPTS);
        };
        let ended = [
            "sender",
            "kept",
            "kept_until",
            "tried",
            "tried_at",
            "trying",
            delivery::OWN_SIDS,
        ];
        ended
            .into_iter()
            .fold(update, Update::remove)
            // The receipts of an earlier send of the same text say nothing about this one.
            .set(delivery::RECEIPTS, Value::M(Vec::new()))
            .set("number", awaits.number.as_str())
            .set("region", awaits.region.as_str())
            .set("sent_at", awaits.sent_at)
    }

    /// The current entry, if there is one.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn read(&self, table: &Table, now: SystemTime) -> Result<Option<Item>, Unavailable> {
        let item = table.get(self.key.clone(), now).await?;
        let is_forgotten = |item: &Item| {
            item.number("forgotten_at")
                .is_some_and(|at| at <= epoch(now))
        };
        Ok(item.filter(|item| !is_forgotten(item)))
    }

    /// The stage in `seen`, the item that refused a claim. `None` if `seen` is our own claim, made
    /// by an attempt whose answer was lost. An unknown outcome is known once a receipt says
    /// "delivered".
    pub fn stage(&self, seen: &Item, now: SystemTime) -> Option<Stage> {
        match seen.text("stage") {
            Some("sending") if seen.text("owner_id") == Some(&self.owner) => None,
            Some("sending")
                if seen
                    .number("lease_until")
                    .is_some_and(|end| end > epoch(now)) =>
            {
                Some(Stage::Sending)
            }
            Some("sent") => Some(Stage::Sent {
                sid: seen.text("sid").map(str::to_owned),
                provider: seen.text("provider").map(str::to_owned),
                sender: seen.text("sender").map(str::to_owned),
            }),
            Some("refused") => Some(Stage::Refused),
            Some("forbidden") => Some(Stage::Forbidden),
            Some("failed") => Some(Stage::Failed),
            _ => Some(match delivery::delivered_by(seen) {
                None => Stage::Unknown,
                provider => Stage::Sent {
                    sid: seen.text("sid").map(str::to_owned),
                    provider,
                    sender: None,
                },
            }),
        }
    }

    /// Waits, at most `within`, while another invocation is sending this message. Returns the entry as
    /// it was read last; `None` if there is none, or no time.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn wait_while_sending(
        &self,
        table: &Table,
        within: Duration,
        now: SystemTime,
    ) -> Result<Option<Item>, Unavailable> {
        let started = Instant::now();
        let (mut pause, mut seen) = (50, None);
        while let Some(left) = within.checked_sub(started.elapsed()) {
            tokio::time::sleep(left.min(some_more(pause))).await;
            let now = now + started.elapsed();
            seen = self.read(table, now).await?;
            let stage = seen.as_ref().and_then(|seen| self.stage(seen, now));
            if stage != Some(Stage::Sending) {
                break;
            }
            pause = (2 * pause).min(400);
        }
        Ok(seen)
    }

    /// Gives the claim up before anything was sent. The message is then counted nowhere, and the
    /// next invocation counts it.
    ///
    /// # Errors
    /// [`Unavailable`]; the entry then stays `sending`, which means unknown once the lease is over.
    pub async fn give_up(&self, table: &Table) -> Result<(), Unavailable> {
        let update = Update::new(self.key.clone())
            .set("stage", "failed")
            .remove("counted_as");
        table.update(self.while_sending(update)).await.map(drop)
    }

    /// Stores the outcome, unless another invocation has taken the message over since.
    ///
    /// # Errors
    /// [`Unavailable`]; the entry then stays `sending`, which means unknown once the lease is over.
    pub async fn settle(&self, table: &Table, stage: &Stage) -> Result<(), Unavailable> {
        let (word, details) = match stage {
            Stage::Sending => return Ok(()),
            Stage::Sent {
                sid,
                provider,
                sender,
            } => {
                let sender = sender.as_deref().filter(|_| self.awaits.is_some());
                ("sent", [sid.as_deref(), provider.as_deref(), sender])
            }
            Stage::Refused => ("refused", [None; 3]),
            Stage::Forbidden => ("forbidden", [None; 3]),
            Stage::Failed => ("failed", [None; 3]),
            Stage::Unknown => ("unknown", [None; 3]),
        };
        let update = self
            .lasting(Update::new(self.key.clone()))
            .set("stage", word);
        let known = ["sid", "provider", "sender"]
            .into_iter()
            .zip(details)
            .filter_map(|(name, value)| Some((name, value?)));
        let update = known.fold(update, |update, (name, value)| update.set(name, value));
        let update = match &self.kept {
            Some(kept) => update
                .set("kept", kept.name.as_str())
                .set("kept_until", kept.until)
                .set("tried", Value::Set(kept.tried.clone())),
            None => update,
        };
        // If the update is refused, another invocation has taken the message over and stores the
        // outcome.
        table.update(self.while_sending(update)).await.map(drop)
    }

    /// The same update, for our own claim that nobody has closed. The SDK repeats a write whose
    /// answer was lost: if it took effect, the repeat must not undo what came after it.
    fn while_sending(&self, update: Update) -> Update {
        update
            .only_if("owner_id = :owner AND stage = :sending")
            .bind(":owner", self.owner.as_str())
            .bind(":sending", "sending")
    }

    /// Counts a text on the [`scoreboard`], if it was sent and awaits receipts.
    ///
    /// # Errors
    /// [`Unavailable`]; the text is then not counted, which does no harm.
    pub async fn count_sent(
        &self,
        table: &Table,
        stage: &Stage,
        now: SystemTime,
    ) -> Result<(), Unavailable> {
        let Stage::Sent {
            provider: Some(provider),
            sender,
            ..
        } = stage
        else {
            return Ok(());
        };
        let Some((awaits, reference)) = self.awaits.as_ref().zip(self.reference()) else {
            return Ok(());
        };
        let line = Line {
            provider: provider.clone(),
            region: awaits.region.clone(),
            sender: sender.clone().unwrap_or_else(|| "-".to_owned()),
        };
        scoreboard::count(&line, &reference, Event::Sent, table, now).await
    }
}

/// These milliseconds, and up to as many again: copies do not look at the same moment.
fn some_more(pause: u64) -> Duration {
    Duration::from_millis(pause + random_below(pause))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn a_copy_looks_again_after_the_pause_and_before_twice_the_pause() {
        for _ in 0..100 {
            let pause = some_more(50).as_millis();
            assert!((50..100).contains(&pause), "{pause}");
        }
    }

    #[test]
    fn a_lease_that_ended_is_unknown_and_an_own_claim_is_recognised() {
        let entry = Entry::new("test#h", "me".to_owned(), 100, 1000);
        let at = |second: u64| UNIX_EPOCH + Duration::from_secs(second);
        let seen = |stage: &str, owner: &str| {
            Item::from_iter([
                ("stage", stage.into()),
                ("owner_id", owner.into()),
                ("lease_until", 100.into()),
            ])
        };
        for (stage, owner, second, expected) in [
            ("sending", "me", 50, None),
            ("sending", "other", 50, Some(Stage::Sending)),
            ("sending", "other", 100, Some(Stage::Unknown)),
            (
                "sent",
                "other",
                50,
                Some(Stage::Sent {
                    sid: None,
                    provider: None,
                    sender: None,
                }),
            ),
            ("refused", "other", 50, Some(Stage::Refused)),
            ("forbidden", "other", 50, Some(Stage::Forbidden)),
            ("failed", "other", 50, Some(Stage::Failed)),
            ("unknown", "me", 50, Some(Stage::Unknown)),
        ] {
            assert_eq!(
                entry.stage(&seen(stage, owner), at(second)),
                expected,
                "{stage} {owner} {second}"
            );
        }
    }
}
