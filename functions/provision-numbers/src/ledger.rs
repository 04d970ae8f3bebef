//! The items that the table keeps between runs:
//!
//! | `pk` / `sk` | content |
//! | --- | --- |
//! | `number#<okta id>` / `number` | how far a user's number is ([`Entry`]), and what the mobile was read as |
//! | `number#<E.164>` / `owner` | that it is a company number, and whose (`user`) |
//! | `number#new` / `queue` | `u_<okta id>`: users to look at first, because the hook named them or their number is unfinished; last, if Okta failed for them |
//! | `number#run` / `lock`, `cursor` | who is at it; where the last run stopped among Okta's users, and when it found nothing to do |
//! | `seen#okta#<event id>` / `event` | deliveries of the hook |
//!
//! A queued user comes first if the hook named the user or the user's number is unfinished. A user
//! whom Okta rejected comes last.

use std::time::SystemTime;

use shared::platform::table::{Item, Key, Table, Unavailable, Update, Value, Write};
use shared::platform::time::epoch;
use shared::rules::phone::E164;
use shared::vendors::twilio::number::Owned;

use crate::company_numbers::is_id;
use crate::progress::Progress;

const DAY: u64 = 86_400;
/// Longer than any user is absent. For numbers that exist, Twilio and Okta hold the same facts.
const RETENTION_SECONDS: u64 = 5 * 365 * DAY;
/// DynamoDB limits an item to 400 KB, and an entry takes 50 bytes. A user without room in the queue
/// is found among Okta's users.
pub(crate) const QUEUE: usize = 1_000;

/// The state of a user's number. A step is written before it is done, and its result after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The number is about to be bought, and may have been.
    Planned,
    /// The number belongs to the account and has the user's name.
    Bought,
    /// Calls and SMS to the number are forwarded.
    Wired,
    /// The number is in the user's profile.
    Recorded,
    /// The number is about to be released, and may have been.
    Releasing,
    /// The number is released.
    Released,
}

const STAGES: [(&str, Stage); 6] = [
    ("planned", Stage::Planned),
    ("bought", Stage::Bought),
    ("wired", Stage::Wired),
    ("recorded", Stage::Recorded),
    ("releasing", Stage::Releasing),
    ("released", Stage::Released),
];

/// A user's state record; empty if there is none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    pub(crate) stage: Option<Stage>,
    pub(crate) number: Option<E164>,
    pub(crate) sid: Option<String>,
    /// When the last purchase was planned that may have been made (epoch seconds).
    pub(crate) planned_at: u64,
    /// When the user was first seen gone (epoch seconds).
    pub(crate) gone_since: Option<u64>,
    /// Okta has refused to change the mobile number. Until then Okta is not asked again (epoch
    /// seconds).
    pub(crate) unwritable_until: u64,
    /// The number that was released before the one of this record. Okta may still show it.
    released: Option<E164>,
    /// `mobilePhone` as it was when it was last read.
    pub(crate) written: Option<String>,
}

impl Entry {
    fn from_item(item: &Item) -> Self {
        let word = item.text("stage");
        let stage = STAGES.iter().find(|(stage, _)| word == Some(stage));
        Self {
            stage: stage.map(|(_, stage)| *stage),
            number: item.text("number").and_then(|number| number.parse().ok()),
            sid: item.text("sid").map(str::to_owned),
            planned_at: item.number("planned_at").unwrap_or_default(),
            gone_since: item.number("gone_since"),
            unwritable_until: item.number("unwritable_until").unwrap_or_default(),
            released: item.text("released").and_then(|number| number.parse().ok()),
            written: item.text("mobile_written").map(str::to_owned),
        }
    }

    /// The number that was released, or may have been.
    pub(crate) fn released(&self) -> Option<&E164> {
        let is_released = matches!(self.stage, Some(Stage::Releasing | Stage::Released));
        let number = self.number.as_ref().filter(|_| is_released);
        number.or(self.released.as_ref())
    }
}

/// A queued user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) id: String,
    /// In epoch seconds.
    pub(crate) queued_at: u64,
    /// Okta failed for this user: the others come first.
    pub(crate) refused: bool,
}

/// The items in the table.
pub(crate) struct Ledger<'a> {
    pub(crate) table: &'a Table,
    pub(crate) now: SystemTime,
    /// When the run began (milliseconds since 1970). A record that a later run has written stays: this
    /// run's lease is over, and a write of it comes late.
    pub(crate) run: u64,
    /// A dry run reads the items and writes none.
    pub(crate) dry_run: bool,
}

fn queue() -> Key {
    Key::new("number#new", "queue")
}

fn lock() -> Key {
    Key::new("number#run", "lock")
}

fn cursor() -> Key {
    Key::new("number#run", "cursor")
}

fn entry(id: &str) -> Key {
    Key::new(format!("number#{id}"), "number")
}

/// The item of a number. It tells the forwarders that this is a company number, and for whom it was
/// bought.
fn company_number(number: &E164) -> Update {
    Update::new(Key::new(format!("number#{}", number.reveal()), "owner"))
}

impl Ledger<'_> {
    /// Locks out other runs until `lease_until` (epoch seconds). `false`: another run is active.
    pub(crate) async fn lock(&self, owner: &str, lease_until: u64) -> Result<bool, Unavailable> {
        if self.dry_run {
            return Ok(true);
        }
        let update = Update::new(lock())
            .set("owner_id", owner)
            .set("lease_until", lease_until)
            .set("expires_at", lease_until + DAY)
            .only_if("attribute_not_exists(lease_until) OR lease_until <= :now OR owner_id = :me")
            .bind(":now", epoch(self.now))
            .bind(":me", owner);
        Ok(matches!(self.table.update(update).await?, Write::Done(_)))
    }

    /// Ends the lock.
    pub(crate) async fn unlock(&self, owner: &str) -> Result<(), Unavailable> {
        let update = Update::new(lock()).remove("lease_until");
        self.write(update.only_if("owner_id = :me").bind(":me", owner))
            .await
    }

    /// Where the last run stopped, and which skipped users it has reported.
    pub(crate) async fn progress(&self) -> Result<Progress, Unavailable> {
        let item = self.table.get(cursor(), self.now).await?;
        Ok(Progress::from_item(&item.unwrap_or_default()))
    }

    /// Remembers where this run stopped.
    pub(crate) async fn stop_at(&self, progress: Progress) -> Result<(), Unavailable> {
        let update = Update::new(cursor()).set("expires_at", epoch(self.now) + DAY);
        let attributes = progress.into_attributes().into_iter();
        let update = attributes.fold(update, |update, (name, value)| match value {
            Some(value) => update.set(name, value),
            None => update.remove(name),
        });
        self.write(update).await
    }

    /// The queued users; those who have waited longest come first.
    pub(crate) async fn queue(&self) -> Result<Vec<Waiting>, Unavailable> {
        let item = self.table.get(queue(), self.now).await?.unwrap_or_default();
        let entries = item.maps("u_").filter(|(id, _)| is_id(id));
        let mut entries: Vec<Waiting> = entries
            .map(|(id, map)| Waiting {
                id: id.to_owned(),
                queued_at: map.number("queued_at").unwrap_or_default(),
                refused: map.number("refused_at").is_some(),
            })
            .collect();
        entries.sort_by(|a, b| (a.queued_at, &a.id).cmp(&(b.queued_at, &b.id)));
        Ok(entries)
    }

    /// Queues a user for whom Okta failed behind all others.
    pub(crate) async fn set_aside(&self, id: &str) -> Result<(), Unavailable> {
        let at = || epoch(self.now).into();
        let place = Value::M(vec![("queued_at", at()), ("refused_at", at())]);
        self.write(self.queued([]).set(format!("u_{id}"), place))
            .await
    }

    /// Removes a user from the queue, unless the user was queued again after `at`.
    pub(crate) async fn dequeue(&self, id: &str, at: u64) -> Result<(), Unavailable> {
        let update = Update::new(queue())
            .remove(format!("u_{id}"))
            .only_if(format!("u_{id}.queued_at = :at"))
            .bind(":at", at);
        self.write(update).await
    }

    /// Queues the users whom a delivery of the hook names. `false`: this delivery has been here
    /// before.
    pub(crate) async fn announce(&self, event: &str, ids: &[&str]) -> Result<bool, Unavailable> {
        let waiting = self.queue().await?;
        let room = QUEUE.saturating_sub(waiting.len());
        let is_waiting = |id: &&str| waiting.iter().any(|waiting| waiting.id == **id);
        let (again, new): (Vec<&str>, Vec<&str>) = ids.iter().partition(|id| is_waiting(id));
        let seen = Update::new(Key::new(format!("seen#okta#{event}"), "event"))
            .set("expires_at", epoch(self.now) + 7 * DAY)
            .only_if("attribute_not_exists(pk) OR expires_at <= :now")
            .bind(":now", epoch(self.now));
        let queued = self.queued(again.into_iter().chain(new.into_iter().take(room)));
        let refused = self.table.update_all(vec![seen, queued]).await?;
        Ok(refused.is_none())
    }

    /// The state record of a user.
    pub(crate) async fn entry(&self, id: &str) -> Result<Entry, Unavailable> {
        let item = self.table.get(entry(id), self.now).await?;
        Ok(item.as_ref().map(Entry::from_item).unwrap_or_default())
    }

    /// Notes that this number is about to be bought, and when that was planned (epoch seconds).
    /// Queues the user, so that the next run begins there.
    pub(crate) async fn plan(&self, id: &str, number: &E164, at: u64) -> Result<(), Unavailable> {
        let update = self
            .staged(id, Stage::Planned)
            .set("number", number.reveal())
            .set("planned_at", at)
            .remove("sid");
        self.write_both(update, self.queued([id])).await
    }

    /// Notes that the number was certainly not bought.
    pub(crate) async fn forget(&self, id: &str) -> Result<(), Unavailable> {
        let update = self.record(id).remove("stage").remove("number");
        self.write_record(update.remove("planned_at")).await
    }

    /// Notes that this number of the account belongs to the user.
    pub(crate) async fn hold(
        &self,
        id: &str,
        owned: &Owned,
        stage: Stage,
    ) -> Result<(), Unavailable> {
        let update = self
            .staged(id, stage)
            .set("number", owned.number.reveal())
            .set("sid", owned.sid.as_str())
            .remove("planned_at");
        let until = epoch(self.now) + RETENTION_SECONDS;
        let number = company_number(&owned.number).set("user", id);
        self.write_both(update, number.set("expires_at", until))
            .await
    }

    /// Notes that the number is about to be released. Queues the user, because after the release
    /// only this record knows about it.
    pub(crate) async fn release(&self, id: &str, owned: &Owned) -> Result<(), Unavailable> {
        let update = self
            .staged(id, Stage::Releasing)
            .set("number", owned.number.reveal())
            .set("released", owned.number.reveal())
            .set("sid", owned.sid.as_str());
        self.write_both(update, self.queued([id])).await
    }

    /// Notes that the number no longer belongs to the account.
    pub(crate) async fn released(&self, id: &str, number: &E164) -> Result<(), Unavailable> {
        let update = self.staged(id, Stage::Released);
        let update = update.set("released", number.reveal());
        let number = company_number(number).remove("user");
        let number = number.set("expires_at", epoch(self.now));
        self.write_both(update, number).await
    }

    /// Stores the mobile number as read. The profile's text may be in a national form, which the
    /// forwarding functions cannot read.
    pub(crate) async fn note_mobile(
        &self,
        id: &str,
        mobile: &E164,
        written: &str,
    ) -> Result<(), Unavailable> {
        let update = self.record(id).set("mobile", mobile.reveal());
        self.write_record(update.set("mobile_written", written))
            .await
    }

    /// Notes that Okta refuses to change the mobile number, because the profile gets it from
    /// another directory.
    pub(crate) async fn note_unwritable(&self, id: &str) -> Result<(), Unavailable> {
        let until = epoch(self.now) + DAY;
        self.write_record(self.record(id).set("unwritable_until", until))
            .await
    }

    /// Moves the number of this record to its next stage.
    pub(crate) async fn advance(&self, id: &str, stage: Stage) -> Result<(), Unavailable> {
        self.write_record(self.staged(id, stage)).await
    }

    /// Notes when the user left, and queues the user, so that a return is noticed.
    pub(crate) async fn note_absence(&self, id: &str, since: u64) -> Result<(), Unavailable> {
        let update = self.record(id).set("gone_since", since);
        self.write_both(update, self.queued([id])).await
    }

    fn record(&self, id: &str) -> Update {
        Update::new(entry(id))
            .set("expires_at", epoch(self.now) + RETENTION_SECONDS)
            .set("run", self.run)
            .only_if("attribute_not_exists(run) OR run <= :run")
            .bind(":run", self.run)
    }

    fn staged(&self, id: &str, stage: Stage) -> Update {
        let word = STAGES.iter().find(|(_, listed)| *listed == stage);
        let word = word.map_or("", |(word, _)| word);
        let record = self.record(id).set("stage", word).remove("gone_since");
        match stage {
            Stage::Recorded => record.remove("released"),
            _ => record,
        }
    }

    fn queued<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Update {
        let now = epoch(self.now);
        let update = Update::new(queue()).set("expires_at", now + RETENTION_SECONDS);
        let place = || Value::M(vec![("queued_at", now.into())]);
        ids.into_iter()
            .fold(update, |update, id| update.set(format!("u_{id}"), place()))
    }

    async fn write(&self, update: Update) -> Result<(), Unavailable> {
        if self.dry_run {
            return Ok(());
        }
        self.table.update(update).await.map(drop)
    }

    async fn write_record(&self, record: Update) -> Result<(), Unavailable> {
        if self.dry_run {
            return Ok(());
        }
        match self.table.update(record).await? {
            Write::Done(_) => Ok(()),
            Write::Refused(_) => Err(Unavailable::overtaken()),
        }
    }

    async fn write_both(&self, record: Update, other: Update) -> Result<(), Unavailable> {
        if self.dry_run {
            return Ok(());
        }
        match self.table.update_all(vec![record, other]).await? {
            None => Ok(()),
            Some(_) => Err(Unavailable::overtaken()),
        }
    }
}
