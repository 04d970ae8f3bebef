//! Budgets that bound what strangers can make us do: windows that slide, in the table.
//!
//! A budget is an item `rate#<what>#<key>` / `<window>`: `hits` counts the window, `s_<n>` one thirteenth of it (a *slice*), and
//! `newest` is the slice that counts now. Whoever comes first in a new slice drops those that left the window, so no window,
//! wherever it begins, holds more than the maximum. Counting is one conditional write of one item. It is no part of a transaction:
//! a transaction is refused while another one holds one of its items, so a budget that all requests share would refuse them
//! each other (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>), while plain writes queue.
//!
//! Count beside the write that claims the work, then [`Taken::give_back`] what was counted for work that was not ours. A crash in
//! between counts once too much. [`take_all`] does that for several budgets at once. Small budgets remember what they counted ([`Budget::once_for`]), so that fifty copies of a request
//! at the same moment fill none.

use std::time::SystemTime;

use futures_util::future::{join_all, try_join_all};

use crate::platform::table::{Item, Key, Table, Unavailable, Update, Value, Write, epoch};

const DAY: u64 = 86_400;
/// A window is looked at in so many parts, and one more for the part that is leaving it.
const SLICES: u64 = 12;
/// Up to this maximum a budget remembers what it counted: an item of 200 names costs six write units, one of twenty costs one.
const REMEMBERED: u64 = 200;
/// So much of a name is remembered.
const NAME: usize = 26;
/// One item takes 1,000 writes a second; a budget is spread over one more item for each so many an hour.
const PER_SHARD: u64 = 50_000;
const MOST_SHARDS: u64 = 16;
/// Others may have counted between our look and our write.
const ATTEMPTS: usize = 8;

/// The time that a budget is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Any sixty seconds.
    Minute,
    /// Any sixty minutes.
    Hour,
    /// Any 24 hours.
    Day,
}

impl Window {
    fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    fn slice_seconds(self) -> u64 {
        let seconds = match self {
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => DAY,
        };
        seconds / SLICES
    }
}

/// At most so many of something within a window.
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
    reserve: u64,
}

impl Budget {
    /// At most `max` times `what` for `key` within any `window`. Both are part of the item's key, so of validated characters.
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

    /// The setting that is its maximum, by which it is known in the log.
    #[must_use]
    pub fn set_by(self, setting: &'static str) -> Self {
        Self { setting, ..self }
    }

    /// The last `reserve` of it are not for everybody: [`take_all`] asks for whom.
    #[must_use]
    pub fn reserving(self, reserve: u64) -> Self {
        Self { reserve, ..self }
    }

    /// What is counted has this name: a budget of at most 200 counts it once within the window, however often it comes. The name's first
    /// 26 characters tell it from others: of a hash, more than anybody can find a second text for.
    #[must_use]
    pub fn once_for(self, id: &str) -> Self {
        Self {
            id: (self.max <= REMEMBERED).then(|| id.chars().take(NAME).collect()),
            ..self
        }
    }

    /// What is counted counts for so many at once: a text of three segments for three.
    #[must_use]
    pub fn weighing(self, weight: u64) -> Self {
        Self { weight, ..self }
    }

    /// What of it somebody may use who may use so much of its reserve.
    fn open_to(&self, reserve: Reserve) -> Self {
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

    /// The item is kept for so long after the last count, with whatever else is noted in it.
    #[must_use]
    pub fn kept_for(self, seconds: u64) -> Self {
        Self {
            kept_seconds: seconds,
            ..self
        }
    }

    /// Counts one (or what it weighs), unless the budget has no room for it.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn take(
        &self,
        table: &Table,
        now: SystemTime,
    ) -> Result<Result<Taken, Full>, Unavailable> {
        let first = crate::platform::table::random_below(self.shards);
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

    /// How much of it is used, for who only looks: all its items, read at once.
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
        // Its items have equal shares, which together may be a few less.
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

    /// The item that counts, where there is one only: for what is noted beside the counts.
    pub fn item(&self) -> Key {
        self.key(0)
    }

    fn key(&self, shard: u64) -> Key {
        // In the partition key: a thousand writes a second are for all items of one.
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
            // The clock of whoever counted last may be ahead of ours.
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

    /// Counts in a slice that counts already, or in a new item.
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

    /// Counts as the first in a slice, and drops the slices that left the window.
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
            Some(id) => update.set(format!("i_{slice}"), Value::Set(id)),
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
                // Nothing tells it from what others counted.
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

    /// The slice that counted what is named, if one did.
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

    /// What is remembered of what is counted: its name, with its weight if that is not one.
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

/// How often the window of a budget's item has counted up to `now`: for who only looks.
pub fn used(item: &Item, window: Window, now: SystemTime) -> u64 {
    let slice = epoch(now) / window.slice_seconds();
    slices(item)
        .filter(|(n, _)| is_live(*n, slice))
        .map(|(_, hits)| hits)
        .sum()
}

/// A slice's number and what it counted.
fn slices(item: &Item) -> impl Iterator<Item = (u64, u64)> {
    item.names().filter_map(|name| {
        let weight = |id: &String| {
            id.rsplit_once('*')
                .and_then(|(_, weight)| weight.parse().ok())
                .unwrap_or(1)
        };
        let counted = item
            .number(name)
            .unwrap_or_else(|| item.set(name).iter().map(weight).sum());
        Some((number_of(name)?, counted))
    })
}

fn number_of(name: &str) -> Option<u64> {
    name.strip_prefix("s_")
        .or_else(|| name.strip_prefix("i_"))?
        .parse()
        .ok()
}

fn is_live(slice: u64, newest: u64) -> bool {
    slice + SLICES >= newest
}

/// One that was counted.
#[derive(Debug, Clone)]
pub struct Taken {
    undo: Update,
    setting: &'static str,
    /// How copies of the same are counted.
    pub copies: Copies,
    /// Whether half of the whole maximum is used, or more (of this item's share, where there are several).
    pub is_half_used: bool,
    /// The budget's item, with this count.
    pub item: Item,
}

/// How a budget counts copies of the same request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copies {
    /// Each for itself: whoever finds out to be a copy gives back.
    CountEach,
    /// Once, and this was the first.
    Counted,
    /// Once, and another copy was the first: giving back takes that count away.
    CountedBefore,
}

impl Taken {
    /// Takes the count back: what it was for was not done. That of a remembered name can be taken back any number of times; any other
    /// is asked for once, without a second attempt where the answer is lost.
    ///
    /// # Errors
    /// [`Unavailable`]; it may then stay counted.
    pub async fn give_back(&self, table: &Table) -> Result<(), Unavailable> {
        table.update(self.undo.clone()).await.map(drop)
    }
}

/// A budget that is used up.
#[derive(Debug, Clone)]
pub struct Full {
    /// The setting that is its maximum.
    pub setting: &'static str,
    /// The time that it is for.
    pub window: Window,
    /// From when (epoch seconds) it has room again, if nothing else is counted; `None`: never, the maximum is too small.
    pub opens_at: Option<u64>,
    /// Its item.
    pub item: Item,
}

/// How much of the reserves ([`Budget::reserving`]) somebody may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserve {
    /// Nothing: a stranger.
    Nothing,
    /// One half.
    Half,
    /// All of it.
    All,
}

/// Counts one thing against several budgets at once. If one that has a reserve is full, `reserve` is asked, and told the item of the
/// first budget; what it allows is tried, which takes another trip.
pub async fn take_all(
    budgets: &[Budget],
    table: &Table,
    now: SystemTime,
    reserve: impl AsyncFnOnce(Option<&Item>) -> Result<Reserve, Unavailable>,
) -> Counted {
    let take = async |budget: &Budget, reserve| budget.open_to(reserve).take(table, now).await;
    let first = budgets.iter().map(|budget| take(budget, Reserve::Nothing));
    let mut results = join_all(first).await;
    let item = results.first().and_then(|result| match result {
        Ok(Ok(Taken { item, .. }) | Err(Full { item, .. })) => Some(item.clone()),
        Err(_) => None,
    });
    let mut error = None;
    let at_reserve: Vec<_> = budgets
        .iter()
        .zip(&mut results)
        .filter(|(budget, result)| budget.reserve > 0 && matches!(result, Ok(Err(_))))
        .collect();
    if !at_reserve.is_empty() {
        match reserve(item.as_ref()).await {
            Ok(Reserve::Nothing) => {}
            Ok(reserve) => {
                let again = at_reserve.into_iter();
                join_all(again.map(async |(budget, result)| *result = take(budget, reserve).await))
                    .await;
            }
            Err(unknown) => error = Some(unknown),
        }
    }
    let mut counted = Counted {
        taken: Vec::new(),
        full: Vec::new(),
        error,
        item,
    };
    for result in results {
        match result {
            Ok(Ok(taken)) => counted.taken.push(taken),
            Ok(Err(full)) => counted.full.push(full),
            Err(error) => counted.error = Some(error),
        }
    }
    counted
}

/// What [`take_all`] came to.
#[derive(Debug, Clone)]
pub struct Counted {
    taken: Vec<Taken>,
    /// The budgets that have no room, in the order of the list.
    pub full: Vec<Full>,
    /// One of them could not be counted against.
    pub error: Option<Unavailable>,
    /// The item of the first budget.
    pub item: Option<Item>,
}

impl Counted {
    /// The setting of the first budget that is used up.
    pub fn refused(&self) -> Option<&'static str> {
        self.full.first().map(|full| full.setting)
    }

    /// Whether half of the budget that this setting bounds is used.
    pub fn is_half_used(&self, setting: &str) -> bool {
        self.taken
            .iter()
            .any(|taken| taken.setting == setting && taken.is_half_used)
    }

    /// The thing is done by nobody. What cannot be taken back stays counted.
    pub async fn give_back(&self, table: &Table) {
        join_all(self.taken.iter().map(|taken| taken.give_back(table))).await;
    }

    /// The thing is another one's, who counted it under the same name or not: only what was counted once more is taken back.
    pub async fn give_back_copy(&self, table: &Table, same_name: bool) {
        let surplus = self.taken.iter().filter(|taken| match taken.copies {
            Copies::CountEach => true,
            Copies::Counted => !same_name,
            Copies::CountedBefore => false,
        });
        join_all(surplus.map(|taken| taken.give_back(table))).await;
    }
}
