//! Requests that wait for a person's reply from their phone: what send-verification-sms writes and receive-confirmation-sms uses up.
//!
//! One item a number, `pending#<E.164>` / `pending`, which exists only while something waits: an attribute `r_<mail id>` (a map) for
//! each request, and the lease of whoever is acting on a reply. So a reply sees all requests of its number at once, and two
//! replies never act at the same time. A request stays readable for a day after it expired, so that a late reply can be
//! answered truthfully.

use std::time::SystemTime;

use crate::link::{Kind, Link};
use crate::phone::E164;
use crate::table::{Item, Key, Table, Unavailable, Update, Value, Write, epoch, owner_id};

const DAY: u64 = 86_400;
/// More requests than one person makes; with the longest links they fit an item, which ends at 400 KB.
const KEPT: usize = 150;

/// One request.
#[derive(Clone)]
pub struct Request {
    /// The mail's id.
    pub id: String,
    /// What it is for.
    pub kind: Kind,
    /// The link to confirm with, or to hand over.
    pub link: String,
    /// The address that the mail went to, which is the user's at the identity provider.
    pub email: String,
    /// Epoch seconds.
    pub created_at: u64,
    /// Epoch seconds; not valid from then on.
    pub expires_at: u64,
    /// The four digits that tell it from others, once a reply has listed them.
    pub code: Option<String>,
    /// Who stored it (a [`crate::table::owner_id`]): a later delivery of the mail may have stored it anew.
    pub added_by: String,
}

impl Request {
    /// A new request.
    pub fn new(id: &str, link: &Link, email: &str, now: SystemTime, valid_hours: u64) -> Self {
        Self {
            id: id.to_owned(),
            kind: link.kind,
            link: link.reveal().to_owned(),
            email: email.to_owned(),
            created_at: epoch(now),
            expires_at: epoch(now) + valid_hours * 3600,
            code: None,
            added_by: owner_id(),
        }
    }

    fn attribute(&self) -> String {
        format!("r_{}", self.id)
    }

    fn value(&self) -> Value {
        let mut map = vec![
            ("kind", if self.kind == Kind::Password { "password" } else { "verification" }.into()),
            ("link", self.link.clone().into()),
            ("email", self.email.clone().into()),
            ("created_at", self.created_at.into()),
            ("expires_at", self.expires_at.into()),
            ("added_by", self.added_by.clone().into()),
        ];
        map.extend(self.code.clone().map(|code| ("code", code.into())));
        Value::M(map)
    }

    fn read(id: &str, map: &Item, item_end: u64) -> Option<Self> {
        Some(Self {
            id: id.to_owned(),
            kind: if map.text("kind")? == "password" { Kind::Password } else { Kind::Verification },
            link: map.text("link")?.to_owned(),
            email: map.text("email")?.to_owned(),
            created_at: map.number("created_at")?,
            expires_at: map.number("expires_at")?.min(item_end),
            code: map.text("code").map(str::to_owned),
            added_by: map.text("added_by").unwrap_or_default().to_owned(),
        })
    }
}

fn key(phone: &E164) -> Key {
    Key::new(format!("pending#{}", phone.reveal()), "pending")
}

/// The update that adds a request, for the transaction that claims its mail.
pub fn add(phone: &E164, request: &Request) -> Update {
    Update::new(key(phone))
        .set(request.attribute(), request.value())
        .set("expires_at", request.expires_at + DAY)
        .add("version", 1)
}

/// The update that adds a request again, unless it was used up since it was first added.
pub fn renew(phone: &E164, request: &Request) -> Update {
    add(phone, request).only_if(format!("attribute_exists({})", request.attribute()))
}

/// Takes a request back whose text was certainly not sent, unless another delivery has stored it anew since.
///
/// # Errors
/// [`Unavailable`].
pub async fn withdraw(table: &Table, phone: &E164, request: &Request) -> Result<(), Unavailable> {
    let update = Update::new(key(phone))
        .remove(request.attribute())
        .only_if(format!("{}.added_by = :me", request.attribute()))
        .bind(":me", request.added_by.as_str());
    match table.update(update).await? {
        Write::Done(item) if item.maps("r_").next().is_none() => {
            let version = item.number("version").unwrap_or_default();
            let unchanged = "version = :version AND attribute_not_exists(held_by)".to_owned();
            table.delete(key(phone), Some((unchanged, vec![(":version", version.into())]))).await.map(drop)
        }
        _ => Ok(()),
    }
}

/// Drops requests that nobody can be told about any more, and the oldest of very many, so that a number which is written to for
/// ever does not outgrow its item.
///
/// # Errors
/// [`Unavailable`].
pub async fn tidy(table: &Table, phone: &E164, now: SystemTime) -> Result<(), Unavailable> {
    let Some(item) = table.get(key(phone), now).await? else { return Ok(()) };
    let mut requests: Vec<(&str, Item)> = item.maps("r_").collect();
    requests.sort_by_key(|(_, map)| std::cmp::Reverse(map.number("created_at")));
    let is_over = |map: &Item| map.number("expires_at").is_none_or(|end| end + DAY <= epoch(now));
    let forgotten = requests.iter().enumerate().filter(|(place, (_, map))| *place >= KEPT || is_over(map));
    let update = Update::new(key(phone)).only_if("attribute_exists(pk)");
    let update = forgotten.fold((update, false), |(update, _), (_, (id, _))| (update.remove(format!("r_{id}")), true));
    if let (update, true) = update { table.update(update).await.map(drop) } else { Ok(()) }
}

/// The answer to [`hold`].
pub enum Hold {
    /// Nothing waits for this number.
    Nothing,
    /// Another invocation is acting on a reply of this number.
    Busy,
    /// Ours until the lease ends.
    Held(Held),
}

/// A number's requests while we hold them.
pub struct Held {
    phone: E164,
    owner: String,
    version: u64,
    /// All requests, oldest first, expired ones included.
    pub requests: Vec<Request>,
    changes: Vec<Change>,
}

enum Change {
    Remove(String),
    Rewrite(Request),
}

/// Reads all requests of a number and keeps others from acting on them until `lease_until` (epoch seconds).
///
/// # Errors
/// [`Unavailable`].
pub async fn hold(table: &Table, phone: &E164, owner: &str, lease_until: u64, now: SystemTime) -> Result<Hold, Unavailable> {
    let update = Update::new(key(phone))
        .set("held_by", owner)
        .set("held_until", lease_until)
        .only_if("attribute_exists(pk) AND (attribute_not_exists(held_until) OR held_until <= :now OR held_by = :me)")
        .bind(":now", epoch(now))
        .bind(":me", owner);
    let item = match table.update(update).await? {
        Write::Done(item) => item,
        Write::Refused(item) if item == Item::default() => return Ok(Hold::Nothing),
        Write::Refused(_) => return Ok(Hold::Busy),
    };
    let end = item.number("expires_at").unwrap_or(u64::MAX);
    let mut requests: Vec<Request> = item.maps("r_").filter_map(|(id, map)| Request::read(id, &map, end)).collect();
    requests.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(Hold::Held(Held {
        phone: phone.clone(),
        owner: owner.to_owned(),
        version: item.number("version").unwrap_or_default(),
        requests,
        changes: Vec::new(),
    }))
}

impl Held {
    /// A request is used up or gone.
    pub fn remove(&mut self, id: &str) {
        self.requests.retain(|request| request.id != id);
        self.changes.push(Change::Remove(id.to_owned()));
    }

    /// All requests are.
    pub fn remove_all(&mut self) {
        for request in std::mem::take(&mut self.requests) {
            self.changes.push(Change::Remove(request.id));
        }
    }

    /// A request was given its code.
    pub fn rewrite(&mut self, request: Request) {
        if let Some(place) = self.requests.iter_mut().find(|kept| kept.id == request.id) {
            *place = request.clone();
        }
        self.changes.push(Change::Rewrite(request));
    }

    /// All stays as it was read.
    pub fn keep_all(&mut self) {
        self.changes.clear();
    }

    /// Writes the changes and lets others act again. The item goes with its last request.
    ///
    /// # Errors
    /// [`Unavailable`]; the lease then ends by itself.
    pub async fn release(self, table: &Table) -> Result<(), Unavailable> {
        let removed = self.changes.iter().any(|change| matches!(change, Change::Remove(_)));
        if self.requests.is_empty() && removed {
            let unchanged = "held_by = :me AND version = :version".to_owned();
            let values = vec![(":me", Value::from(self.owner.as_str())), (":version", self.version.into())];
            if let Write::Done(_) = table.delete(key(&self.phone), Some((unchanged, values))).await? {
                return Ok(());
            }
        }
        let update = Update::new(key(&self.phone)).remove("held_by").remove("held_until");
        let update = self.changes.into_iter().fold(update, |update, change| match change {
            Change::Remove(id) => update.remove(format!("r_{id}")),
            Change::Rewrite(request) => update.set(request.attribute(), request.value()),
        });
        table.update(update.only_if("held_by = :me").bind(":me", self.owner)).await.map(drop)
    }
}

/// When a number last confirmed something, so that a repeated reply gets the same answer: `seen#confirmed#<E.164>`, kept a day.
pub mod confirmed {
    use super::{DAY, E164, Item, Key, SystemTime, Update, epoch};

    /// Where it is kept.
    pub fn key(phone: &E164) -> Key {
        Key::new(format!("seen#confirmed#{}", phone.reveal()), "confirmed")
    }

    /// The update that remembers a confirmation.
    pub fn remember(phone: &E164, code: Option<&str>, now: SystemTime) -> Update {
        let update = Update::new(key(phone)).set("confirmed_at", epoch(now)).set("expires_at", epoch(now) + DAY);
        match code {
            Some(code) => update.set("code", code),
            None => update.remove("code"),
        }
    }

    /// When, in epoch seconds, and with which code.
    pub fn read(item: &Item) -> Option<(u64, Option<String>)> {
        Some((item.number("confirmed_at")?, item.text("code").map(str::to_owned)))
    }
}
