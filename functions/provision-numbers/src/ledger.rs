//! The items that the table keeps between runs:
//!
//! | `pk` / `sk` | content |
//! | --- | --- |
//! | `number#<okta id>` / `number` | how far a user's number is ([`Entry`]), and what the mobile was read as |
//! | `number#<E.164>` / `owner` | that it is a company number |
//! | `number#new` / `queue` | `u_<okta id>`: users to look at first, because the hook named them or their number is unfinished; last, if Okta failed for them |
//! | `number#run` / `lock`, `cursor` | who is at it; where the last run stopped among Okta's users, and when it found nothing to do |
//! | `seen#okta#<event id>` / `event` | deliveries of the hook |
//!
//! A queued user comes first if the hook named the user or the user's number is unfinished. A user
//! whom Okta rejected comes last.

use std::time::SystemTime;

use shared::platform::table::{Item, Key, Table, Unavailable, Update, Value, Write, epoch};
use shared::rules::phone::E164;

use crate::decide::is_id;

const DAY: u64 = 86_400;
/// Longer than any user is absent. For numbers that exist, Twilio and Okta hold the same facts.
const KEPT: u64 = 5 * 365 * DAY;
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
    /// When the purchase was planned (epoch seconds).
    pub(crate) planned_at: u64,
    /// When the user was first seen gone (epoch seconds).
    pub(crate) gone_since: Option<u64>,
    /// Okta has refused to change the mobile number. Until then Okta is not asked again (epoch
    /// seconds).
    pub(crate) unwritable_until: u64,
    /// `mobilePhone` as it was when it was last read.
    pub(crate) written: Option<String>,
}

impl Entry {
    fn read(item: &Item) -> Self {
        let word = item.text("stage");
        Self {
            stage: STAGES
                .iter()
                .find(|(stage, _)| word == Some(stage))
                .map(|(_, stage)| *stage),
            number: item.text("number").and_then(|number| number.parse().ok()),
            sid: item.text("sid").map(str::to_owned),
            planned_at: item.number("planned_at").unwrap_or_default(),
            gone_since: item.number("gone_since"),
            unwritable_until: item.number("unwritable_until").unwrap_or_default(),
            written: item.text("mobile_written").map(str::to_owned),
        }
    }

    /// The number that was released, or may have been.
    pub(crate) fn released(&self) -> Option<&E164> {
        self.number
            .as_ref()
            .filter(|_| matches!(self.stage, Some(Stage::Releasing | Stage::Released)))
    }
}

/// Where a run stopped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    /// The next page of Okta's users; `None`: the next run begins with the first page.
    pub(crate) next: Option<String>,
    /// The last user who was checked for a departure. The next run continues after this one.
    pub(crate) farewell: Option<String>,
    /// A hash of the skipped users and the reasons.
    pub(crate) skipped: Option<String>,
    /// Okta does not take (any more) numbers into profiles, as far as is known.
    pub(crate) refused: bool,
    /// The last walk through all users, if it found nothing to do.
    pub(crate) quiet: Option<Quiet>,
}

/// A walk through all users that found nothing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quiet {
    /// When the walk began (epoch seconds).
    pub(crate) walked_at: u64,
    /// When the last run began that has checked all changes since the walk (epoch seconds).
    pub(crate) looked_at: u64,
    /// A hash of the walk's settings.
    pub(crate) settings: String,
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
pub(crate) struct Ledger(pub(crate) Table);

fn entry(id: &str, now: SystemTime) -> Update {
    Update::new(Key::new(format!("number#{id}"), "number")).set("expires_at", epoch(now) + KEPT)
}

fn staged(id: &str, stage: Stage, now: SystemTime) -> Update {
    let word = STAGES
        .iter()
        .find(|(_, listed)| *listed == stage)
        .map_or("", |(word, _)| word);
    entry(id, now).set("stage", word).remove("gone_since")
}

/// The item of a number. It tells call-forward that this is a company number.
fn owner(number: &E164) -> Update {
    Update::new(Key::new(format!("number#{}", number.reveal()), "owner"))
}

fn queue() -> Key {
    Key::new("number#new", "queue")
}

fn queued<'a>(ids: impl IntoIterator<Item = &'a str>, now: SystemTime) -> Update {
    let update = Update::new(queue()).set("expires_at", epoch(now) + KEPT);
    let at = || Value::M(vec![("queued_at", epoch(now).into())]);
    ids.into_iter()
        .fold(update, |update, id| update.set(format!("u_{id}"), at()))
}

fn lock() -> Key {
    Key::new("number#run", "lock")
}

fn cursor() -> Key {
    Key::new("number#run", "cursor")
}

impl Ledger {
    /// Locks out other runs until `lease_until` (epoch seconds). `false`: another run is active.
    pub(crate) async fn lock(
        &self,
        owner: &str,
        lease_until: u64,
        now: SystemTime,
    ) -> Result<bool, Unavailable> {
        let update = Update::new(lock())
            .set("owner_id", owner)
            .set("lease_until", lease_until)
            .set("expires_at", lease_until + DAY)
            .only_if("attribute_not_exists(lease_until) OR lease_until <= :now OR owner_id = :me")
            .bind(":now", epoch(now))
            .bind(":me", owner);
        Ok(matches!(self.0.update(update).await?, Write::Done(_)))
    }

    /// Ends the lock.
    pub(crate) async fn unlock(&self, owner: &str) -> Result<(), Unavailable> {
        let update = Update::new(lock())
            .remove("lease_until")
            .only_if("owner_id = :me")
            .bind(":me", owner);
        self.0.update(update).await.map(drop)
    }

    /// Where the last run stopped, and which skipped users it has reported.
    pub(crate) async fn progress(&self, now: SystemTime) -> Result<Progress, Unavailable> {
        let item = self.0.get(cursor(), now).await?.unwrap_or_default();
        let text = |name: &str| item.text(name).map(str::to_owned);
        let quiet = || {
            Some(Quiet {
                walked_at: item.number("walked_at")?,
                looked_at: item.number("looked_at")?,
                settings: text("settings")?,
            })
        };
        Ok(Progress {
            next: text("next"),
            farewell: text("farewell"),
            skipped: text("skipped"),
            refused: item.number("refused").is_some(),
            quiet: quiet(),
        })
    }

    /// Remembers where this run stopped.
    pub(crate) async fn stop_at(
        &self,
        progress: &Progress,
        now: SystemTime,
    ) -> Result<(), Unavailable> {
        let fields = [
            ("next", &progress.next),
            ("farewell", &progress.farewell),
            ("skipped", &progress.skipped),
        ];
        let update = Update::new(cursor()).set("expires_at", epoch(now) + DAY);
        let update = fields
            .into_iter()
            .fold(update, |update, (name, value)| match value {
                Some(value) => update.set(name, value.as_str()),
                None => update.remove(name),
            });
        let update = if progress.refused {
            update.set("refused", 1_u64)
        } else {
            update.remove("refused")
        };
        let update = match &progress.quiet {
            Some(quiet) => update
                .set("walked_at", quiet.walked_at)
                .set("looked_at", quiet.looked_at)
                .set("settings", quiet.settings.as_str()),
            None => update
                .remove("walked_at")
                .remove("looked_at")
                .remove("settings"),
        };
        self.0.update(update).await.map(drop)
    }

    /// The queued users; those who have waited longest come first.
    pub(crate) async fn queue(&self, now: SystemTime) -> Result<Vec<Waiting>, Unavailable> {
        let Some(item) = self.0.get(queue(), now).await? else {
            return Ok(Vec::new());
        };
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
    pub(crate) async fn set_aside(&self, id: &str, now: SystemTime) -> Result<(), Unavailable> {
        let at = || epoch(now).into();
        let update = queued([], now).set(
            format!("u_{id}"),
            Value::M(vec![("queued_at", at()), ("refused_at", at())]),
        );
        self.0.update(update).await.map(drop)
    }

    /// Removes a user from the queue, unless the user was queued again after `at`.
    pub(crate) async fn dequeue(&self, id: &str, at: u64) -> Result<(), Unavailable> {
        let update = Update::new(queue())
            .remove(format!("u_{id}"))
            .only_if(format!("u_{id}.queued_at = :at"))
            .bind(":at", at);
        self.0.update(update).await.map(drop)
    }

    /// Queues the users whom a delivery of the hook names. `false`: this delivery has been here
    /// before.
    pub(crate) async fn announce(
        &self,
        event: &str,
        ids: &[&str],
        now: SystemTime,
    ) -> Result<bool, Unavailable> {
        let waiting = self.queue(now).await?;
        let room = QUEUE.saturating_sub(waiting.len());
        let is_waiting = |id: &&str| waiting.iter().any(|waiting| waiting.id == **id);
        let (again, new): (Vec<&str>, Vec<&str>) = ids.iter().partition(|id| is_waiting(id));
        let seen = Update::new(Key::new(format!("seen#okta#{event}"), "event"))
            .set("expires_at", epoch(now) + 7 * DAY)
            .only_if("attribute_not_exists(pk) OR expires_at <= :now")
            .bind(":now", epoch(now));
        let update = queued(again.into_iter().chain(new.into_iter().take(room)), now);
        Ok(self.0.update_all(vec![seen, update]).await?.is_none())
    }

    /// The state record of a user.
    pub(crate) async fn entry(&self, id: &str, now: SystemTime) -> Result<Entry, Unavailable> {
        let item = self
            .0
            .get(Key::new(format!("number#{id}"), "number"), now)
            .await?;
        Ok(item.as_ref().map(Entry::read).unwrap_or_default())
    }

    /// Notes that this number is about to be bought. Queues the user, so that the next run begins
    /// there.
    pub(crate) async fn plan(
        &self,
        id: &str,
        number: &E164,
        now: SystemTime,
    ) -> Result<(), Unavailable> {
        let update = staged(id, Stage::Planned, now)
            .set("number", number.reveal())
            .set("planned_at", epoch(now))
            .remove("sid");
        self.0
            .update_all(vec![update, queued([id], now)])
            .await
            .map(drop)
    }

    /// Notes that the number was certainly not bought.
    pub(crate) async fn forget(&self, id: &str, now: SystemTime) -> Result<(), Unavailable> {
        let update = entry(id, now)
            .remove("stage")
            .remove("number")
            .remove("planned_at");
        self.0.update(update).await.map(drop)
    }

    /// Notes that this number of the account belongs to the user.
    pub(crate) async fn hold(
        &self,
        id: &str,
        sid: &str,
        number: &E164,
        stage: Stage,
        now: SystemTime,
    ) -> Result<(), Unavailable> {
        let update = staged(id, stage, now)
            .set("number", number.reveal())
            .set("sid", sid)
            .remove("planned_at");
        let owner = owner(number)
            .set("user", id)
            .set("expires_at", epoch(now) + KEPT);
        self.0.update_all(vec![update, owner]).await.map(drop)
    }

    /// Notes that the number is about to be released. Queues the user, because after the release
    /// only this record knows about it.
    pub(crate) async fn release(
        &self,
        id: &str,
        sid: &str,
        number: &E164,
        now: SystemTime,
    ) -> Result<(), Unavailable> {
        let update = staged(id, Stage::Releasing, now)
            .set("number", number.reveal())
            .set("sid", sid);
        self.0
            .update_all(vec![update, queued([id], now)])
            .await
            .map(drop)
    }

    /// Notes that the number no longer belongs to the account.
    pub(crate) async fn released(
        &self,
        id: &str,
        number: &E164,
        now: SystemTime,
    ) -> Result<(), Unavailable> {
        let owner = owner(number).remove("user").set("expires_at", epoch(now));
        self.0
            .update_all(vec![staged(id, Stage::Released, now), owner])
            .await
            .map(drop)
    }

    /// Stores the mobile number as read. The profile's text may be in a national form, which the
    /// forwarding functions cannot read.
    pub(crate) async fn note_mobile(
        &self,
        id: &str,
        mobile: &E164,
        written: &str,
        now: SystemTime,
    ) -> Result<(), Unavailable> {
        self.0
            .update(
                entry(id, now)
                    .set("mobile", mobile.reveal())
                    .set("mobile_written", written),
            )
            .await
            .map(drop)
    }

    /// Notes that Okta refuses to change the mobile number, because the profile gets it from
    /// another directory.
    pub(crate) async fn note_unwritable(
        &self,
        id: &str,
        now: SystemTime,
    ) -> Result<(), Unavailable> {
        self.0
            .update(entry(id, now).set("unwritable_until", epoch(now) + DAY))
            .await
            .map(drop)
    }

    /// Moves the number of this record to its next stage.
    pub(crate) async fn advance(
        &self,
        id: &str,
        stage: Stage,
        now: SystemTime,
    ) -> Result<(), Unavailable> {
        self.0.update(staged(id, stage, now)).await.map(drop)
    }

    /// Notes when the user left, and queues the user, so that a return is noticed.
    pub(crate) async fn note_absence(
        &self,
        id: &str,
        since: u64,
        now: SystemTime,
    ) -> Result<(), Unavailable> {
        self.0
            .update_all(vec![
                entry(id, now).set("gone_since", since),
                queued([id], now),
            ])
            .await
            .map(drop)
    }
}
