//! The dialogue's state, by call: a step can be taken only from the step before it.
//!
//! Each request is one conditional write that moves the call on, so that none is skipped, repeated or taken by two requests at once.

use std::time::SystemTime;

use shared::auth0::users::AccountNumber;
use shared::table::{Item, Key, Table, Unavailable, Update, Write, epoch};

/// A dialogue, and then a menu, may last this long.
const LIFE: u64 = 15 * 60;
/// A call's id is not forgotten with it: a request that is sent again days later opens nothing.
const REMEMBERED: u64 = 7 * 86_400;
/// Tries at an entry, and wrong pairs, within a call.
pub(crate) const TRIES: u64 = 3;
/// Keys pressed in the menu of one call.
const TURNS: u64 = 50;

/// A call's state in the table.
pub(crate) struct Dialogue<'a> {
    table: &'a Table,
    key: Key,
    now: SystemTime,
}

/// Where a call is after a move.
pub(crate) struct Place(Item);

impl Place {
    /// The account number keyed.
    pub(crate) fn account(&self) -> Option<AccountNumber> {
        self.0.text("account")?.parse().ok()
    }
}

impl<'a> Dialogue<'a> {
    pub(crate) fn new(table: &'a Table, sid: &str, now: SystemTime) -> Self {
        Self { table, key: Key::new(format!("call#{sid}"), "state"), now }
    }

    /// The call came in. One that is no further is asked again, and has no more time for it.
    pub(crate) async fn begin(&self) -> Result<Option<Place>, Unavailable> {
        let update = self.update("account").set("tries", 0).set("pairs", 0).set("turns", 0);
        let update = update.set("open_until", epoch(self.now) + LIFE);
        let update = update.only_if("attribute_not_exists(pk) OR expires_at <= :now").bind(":now", epoch(self.now));
        Ok(match self.table.update(update).await? {
            Write::Done(item) => Some(Place(item)),
            Write::Refused(seen) => {
                let is_open = seen.number("open_until").is_some_and(|end| end > epoch(self.now));
                let is_first = seen.text("step") == Some("account") && seen.number("pairs") == Some(0);
                Some(Place(seen)).filter(|_| is_open && is_first)
            }
        })
    }

    /// An account number was keyed.
    pub(crate) async fn account(&self, account: &AccountNumber) -> Result<Option<Place>, Unavailable> {
        let update = self.update("pin").set("tries", 0).set("account", account.as_str());
        self.write(update.only_if("step = :from AND open_until > :now AND pairs >= :none"), "account").await
    }

    /// A PIN was keyed, which is being tried.
    pub(crate) async fn pin(&self) -> Result<Option<Place>, Unavailable> {
        let update = self.update("trying").set("tries", 0);
        self.write(update.only_if("step = :from AND open_until > :now AND pairs >= :none"), "pin").await
    }

    /// It was right.
    pub(crate) async fn right(&self) -> Result<Option<Place>, Unavailable> {
        let update = self.update("menu").set("open_until", epoch(self.now) + LIFE);
        self.write(update.only_if("step = :from AND open_until > :now AND pairs >= :none"), "trying").await
    }

    /// It was not; `false`: that was the last pair of this call.
    pub(crate) async fn wrong(&self) -> Result<bool, Unavailable> {
        let update = self.update("account").add("pairs", 1).remove("account");
        let place = self.write(update.only_if("step = :from AND open_until > :now AND pairs >= :none"), "trying").await?;
        if place.is_some_and(|place| place.0.number("pairs").is_some_and(|pairs| pairs < TRIES)) {
            return Ok(true);
        }
        self.end().await.map(|()| false)
    }

    /// What was keyed at `step` is no entry; `false`: that was the last try.
    pub(crate) async fn again(&self, step: &'static str) -> Result<bool, Unavailable> {
        let update = self.update(step).add("tries", 1).only_if("step = :from AND open_until > :now AND tries < :last");
        let update = update.bind(":last", TRIES - 1);
        Ok(self.write_bound(update, step).await?.is_some())
    }

    /// A key was pressed in the menu.
    pub(crate) async fn turn(&self) -> Result<Option<Place>, Unavailable> {
        let update = self.update("menu").set("tries", 0).add("turns", 1);
        let update = update.only_if("step = :from AND open_until > :now AND turns < :last").bind(":last", TURNS);
        self.write_bound(update, "menu").await
    }

    /// Nothing more is to come of this call.
    pub(crate) async fn end(&self) -> Result<(), Unavailable> {
        let update = self.update("over").remove("account");
        self.table.update(update.only_if("attribute_exists(pk)")).await.map(drop)
    }

    fn update(&self, step: &str) -> Update {
        Update::new(self.key.clone()).set("step", step).set("expires_at", epoch(self.now) + REMEMBERED)
    }

    async fn write(&self, update: Update, from: &str) -> Result<Option<Place>, Unavailable> {
        self.write_bound(update.bind(":none", 0), from).await
    }

    async fn write_bound(&self, update: Update, from: &str) -> Result<Option<Place>, Unavailable> {
        match self.table.update(update.bind(":from", from).bind(":now", epoch(self.now))).await? {
            Write::Done(item) => Ok(Some(Place(item))),
            Write::Refused(_) => Ok(None),
        }
    }
}
