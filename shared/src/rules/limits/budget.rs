//! One budget: an item that counts, and its conditional writes.

use std::time::SystemTime;

use futures_util::future::try_join_all;

use super::window::{SLICES, Window, is_live, number_of, slices, used};
use crate::platform::random::random_below;
use crate::platform::table::{Item, Key, Table, Unavailable, Update, Value, Write};
use crate::platform::time::epoch;

/// A budget up to this maximum remembers what it counted. An item of 200 names costs six write
/// units, an item of twenty costs one.
const REMEMBERED: u64 = 200;
/// This many characters of a name are remembered.
const NAME: usize = 26;
/// Counts an hour for each item: one item takes 1,000 writes a second. A larger budget is spread
/// over more items.
const PER_SHARD: u64 = 50_000;
const MOST_SHARDS: u64 = 16;
/// Attempts at a count: another instance may have counted between our read and our write.
const ATTEMPTS: usize = 8;

/// A maximum of something within a window.
#[derive(Debug, Clone)]
pub struct Budget {
    pk: String,
    max: u64,
    shards: u64,
    half: u64,
    window: Window,
    id: Option<String>,
    weight: u64,
    kept_seconds: u64,
    setting: &'static str,
    pub(super) reserve: u64,
}

impl Budget {
    /// At most `max` times `what` for `key` within any `window`. `what` and `key` are part of the
    /// item's key, so they consist of validated characters.
    pub fn new(what: &str, key: &str, max: u64, window: Window) -> Self {
        let shards = (max / PER_SHARD + 1).min(MOST_SHARDS);
        let half = (max / shards).div_ceil(2);
        Self {
            pk: format!("rate#{what}#{key}"),
            max,
            shards,
            half,
            window,
            id: None,
            weight: 1,
            kept_seconds: 0,
            setting: "",
            reserve: 0,
        }
    }

    /// Names the setting that is the budget's maximum. The log names the budget by it.
    #[must_use]
    pub fn set_by(self, setting: &'static str) -> Self {
        Self { setting, ..self }
    }

    /// Reserves the last `reserve` of the budget. [`take_all`](super::take_all) asks how much of it
    /// the caller may use.
    #[must_use]
    pub fn reserving(self, reserve: u64) -> Self {
        Self { reserve, ..self }
    }

    /// Gives the counted thing a name. A budget of at most 200 counts a name once within the
    /// window, however often it comes. Names are told apart by their first 26 characters. An
    /// attacker cannot find a second text whose hash begins with the same 26.
    #[must_use]
    pub fn once_for(self, id: &str) -> Self {
        Self {
            id: (self.max <= REMEMBERED).then(|| id.chars().take(NAME).collect()),
            ..self
        }
    }

    /// Counts the thing as `weight`: a text of three segments counts as three.
    #[must_use]
    pub fn weighing(self, weight: u64) -> Self {
        Self { weight, ..self }
    }

    /// The budget for a caller who may use this much of its reserve.
    pub(super) fn open_to(&self, reserve: Reserve) -> Self {
        let kept = match reserve {
            Reserve::Nothing => self.reserve,
            Reserve::Half => self.reserve / 2,
            Reserve::All => 0,
        };
        Self {
            max: self.max - kept.min(self.max),
            ..self.clone()
        }
    }

    /// Keeps the item for this many seconds after the last count, with everything else that is
    /// noted in it.
    #[must_use]
    pub fn kept_for(self, seconds: u64) -> Self {
        Self {
            kept_seconds: seconds,
            ..self
        }
    }

    /// Counts one (or the weight), unless the budget has no room for it.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn take(
        &self,
        table: &Table,
        now: SystemTime,
    ) -> Result<Result<Taken, Full>, Unavailable> {
        let first = random_below(self.shards);
        let mut full = self.full(Item::default());
        for shard in (first..self.shards).chain(0..first) {
            match self
                .take_from(self.key(shard), self.max / self.shards, table, now)
                .await?
            {
                Ok(taken) => return Ok(Ok(taken)),
                Err(refused) => full = refused,
            }
        }
        Ok(Err(full))
    }

    /// How much of the budget is used. All its items are read at once; nothing is counted.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn used(&self, table: &Table, now: SystemTime) -> Result<u64, Unavailable> {
        let items = (0..self.shards).map(|shard| table.get(self.key(shard), now));
        let items = try_join_all(items).await?;
        let used: u64 = items
            .iter()
            .flatten()
            .map(|item| used(item, self.window, now))
            .sum();
        // The items have equal shares. Together they may hold a few less than the maximum.
        let is_full = used >= self.max / self.shards * self.shards;
        Ok(if is_full { used.max(self.max) } else { used })
    }

    fn full(&self, item: Item) -> Full {
        Full {
            setting: self.setting,
            window: self.window,
            opens_at: self.opens_at(&item),
            item,
        }
    }

    fn opens_at(&self, item: &Item) -> Option<u64> {
        let room = (self.max / self.shards).checked_sub(self.weight)?;
        let mut counted: Vec<(u64, u64)> = slices(item).collect();
        counted.sort_unstable();
        let mut live: u64 = counted.iter().map(|(_, hits)| hits).sum();
        counted.into_iter().find_map(|(slice, hits)| {
            live -= hits;
            (live <= room).then_some((slice + SLICES + 1) * self.window.slice_seconds())
        })
    }

    /// The item that counts, for a budget with only one item. Callers note other facts beside its
    /// counts.
    pub fn item(&self) -> Key {
        self.key(0)
    }

    fn key(&self, shard: u64) -> Key {
        // The shard is part of the partition key, because one partition takes a thousand writes a
        // second for all its items.
        let pk = if shard == 0 {
            self.pk.clone()
        } else {
            format!("{}#{shard}", self.pk)
        };
        Key::new(pk, self.window.name())
    }

    async fn take_from(
        &self,
        key: Key,
        max: u64,
        table: &Table,
        now: SystemTime,
    ) -> Result<Result<Taken, Full>, Unavailable> {
        let Some(room) = max.checked_sub(self.weight) else {
            return Ok(Err(self.full(Item::default())));
        };
        let mut slice = epoch(now) / self.window.slice_seconds();
        let mut update = self.next(&key, slice, room);
        for _ in 0..ATTEMPTS {
            let seen = match table.update(update).await? {
                Write::Done(item) => return Ok(Ok(self.taken(&key, slice, true, item))),
                Write::Refused(item) => item,
            };
            // The clock of the instance that counted last may be ahead of ours.
            let newest = seen.number("newest").unwrap_or(slice);
            slice = slice.max(newest);
            if let Some(counted) = self.counted_in(&seen, slice) {
                return Ok(Ok(self.taken(&key, counted, false, seen)));
            }
            let live: u64 = slices(&seen)
                .filter(|(n, _)| is_live(*n, slice))
                .map(|(_, hits)| hits)
                .sum();
            if live > room {
                return Ok(Err(self.full(seen)));
            }
            update = if newest == slice {
                self.next(&key, slice, room)
            } else {
                self.first(&key, &seen, slice, live)
            };
        }
        Err(Unavailable::busy())
    }

    /// Counts in the current slice, or in a new item.
    fn next(&self, key: &Key, slice: u64, room: u64) -> Update {
        let update = Update::new(key.clone())
            .set("newest", slice)
            .set("expires_at", self.end(slice))
            .add("hits", self.weight.cast_signed())
            .bind(":slice", slice)
            .bind(":room", room);
        let fits = "(attribute_not_exists(newest) OR newest = :slice) AND (attribute_not_exists(hits) OR hits <= :room)";
        match self.name() {
            None => update
                .add(format!("s_{slice}"), self.weight.cast_signed())
                .only_if(fits),
            Some(id) => {
                let live = slice.saturating_sub(SLICES)..=slice;
                let unknown: Vec<_> = live
                    .map(|slice| format!("NOT contains(i_{slice}, :id)"))
                    .collect();
                update
                    .add_to_set(format!("i_{slice}"), &id)
                    .only_if(format!("{fits} AND {}", unknown.join(" AND ")))
                    .bind(":id", id)
            }
        }
    }

    /// Counts as the first in a slice, and drops the slices that have left the window.
    fn first(&self, key: &Key, seen: &Item, slice: u64, live: u64) -> Update {
        let update = Update::new(key.clone())
            .set("newest", slice)
            .set("hits", live + self.weight)
            .set("expires_at", self.end(slice))
            .only_if("newest = :newest AND hits = :hits")
            .bind(":newest", seen.number("newest").unwrap_or_default())
            .bind(":hits", seen.number("hits").unwrap_or_default());
        let update = match self.name() {
            None => update.set(format!("s_{slice}"), self.weight),
            Some(id) => update.set(format!("i_{slice}"), Value::Set(vec![id])),
        };
        let gone = seen
            .names()
            .filter(|name| number_of(name).is_some_and(|n| !is_live(n, slice)));
        gone.fold(update, Update::remove)
    }

    fn undo(&self, key: &Key, slice: u64) -> Update {
        let update = Update::new(key.clone()).add("hits", -self.weight.cast_signed());
        match self.name() {
            None => {
                let name = format!("s_{slice}");
                let update = update
                    .only_if(format!("{name} >= :weight"))
                    .bind(":weight", self.weight);
                // Our count looks like the counts of other invocations, so it must not be taken
                // back twice.
                update.add(name, -self.weight.cast_signed()).once()
            }
            Some(id) => {
                let name = format!("i_{slice}");
                update
                    .only_if(format!("contains({name}, :id)"))
                    .bind(":id", id.as_str())
                    .take_from_set(name, &id)
            }
        }
    }

    /// The slice that has counted this name, if there is one.
    fn counted_in(&self, seen: &Item, slice: u64) -> Option<u64> {
        let id = self.name()?;
        let live = seen
            .names()
            .filter_map(|name| Some((name, number_of(name)?)))
            .filter(|(_, n)| is_live(*n, slice));
        live.filter(|(name, _)| seen.set(name).contains(&id))
            .map(|(_, n)| n)
            .next()
    }

    /// The remembered name: the id, with the weight if that is not one.
    fn name(&self) -> Option<String> {
        self.id.as_ref().map(|id| {
            if self.weight == 1 {
                id.clone()
            } else {
                format!("{id}*{}", self.weight)
            }
        })
    }

    fn taken(&self, key: &Key, slice: u64, fresh: bool, item: Item) -> Taken {
        let copies = match (&self.id, fresh) {
            (None, _) => Copies::CountEach,
            (Some(_), true) => Copies::Counted,
            (Some(_), false) => Copies::CountedBefore,
        };
        let is_half_used = item.number("hits").is_some_and(|hits| hits >= self.half);
        Taken {
            undo: self.undo(key, slice),
            setting: self.setting,
            copies,
            is_half_used,
            item,
        }
    }

    fn end(&self, slice: u64) -> u64 {
        (slice + SLICES + 2) * self.window.slice_seconds() + self.kept_seconds
    }
}

/// A count that a budget holds.
#[derive(Debug, Clone)]
pub struct Taken {
    undo: Update,
    pub(super) setting: &'static str,
    /// How copies of the same request are counted.
    pub copies: Copies,
    /// Whether half of the maximum or more is used (of this item's share, if there are several
    /// items).
    pub is_half_used: bool,
    /// The budget's item, with this count.
    pub item: Item,
}

/// How a budget counts copies of the same request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copies {
    /// Each copy counts. An invocation that turns out to be a copy gives its count back.
    CountEach,
    /// All copies count once, and this was the first.
    Counted,
    /// All copies count once, and another copy was the first. Giving back takes away that one
    /// count.
    CountedBefore,
}

impl Taken {
    /// Takes the count back, because the work was not done. The count of a remembered name can be
    /// taken back any number of times. Any other count is taken back in a single attempt, even if
    /// the answer is lost.
    ///
    /// # Errors
    /// [`Unavailable`]; the count may then stay.
    pub async fn give_back(&self, table: &Table) -> Result<(), Unavailable> {
        table.update(self.undo.clone()).await.map(drop)
    }
}

/// A budget that is used up.
#[derive(Debug, Clone)]
pub struct Full {
    /// The setting that is the budget's maximum.
    pub setting: &'static str,
    /// The budget's window.
    pub window: Window,
    /// From when (epoch seconds) the budget has room again, if nothing else is counted; `None`:
    /// never, because the maximum is too small.
    pub opens_at: Option<u64>,
    /// The budget's item.
    pub item: Item,
}

/// How much of the reserves ([`Budget::reserving`]) a caller may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserve {
    /// Nothing: a stranger.
    Nothing,
    /// One half.
    Half,
    /// All of it.
    All,
}
