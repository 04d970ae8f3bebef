//! Requests that wait for a person's reply by phone: send-verification-sms writes them,
//! receive-confirmation-sms uses them up.
//!
//! Each number has one item, `pending#<E.164>` / `pending`, which exists only while a request
//! waits. It holds an attribute `r_<slot>` (a map) for each request, and the lease of the
//! invocation that acts on a reply. So a reply sees all requests of its number at once, and two
//! replies never act at the same time. A slot is an address and a kind: the newest mail's link
//! replaces older ones, which would lead to the same account. A request stays readable for a day
//! after it expired, so that a late reply can be answered truthfully.
//!
//! Requests can be replaced while an invocation acts on a reply. So a request is removed or changed
//! only if the number's item is as it was read (`version`). If the item has changed, it is read
//! again.

use std::time::SystemTime;

use ring::digest;

use crate::platform::random::owner_id;
use crate::platform::table::{Item, Key, Table, Unavailable, Update, Value, Write};
use crate::platform::time::epoch;
use crate::rules::link::{Kind, Link};
use crate::rules::phone::E164;

const DAY: u64 = 86_400;
/// More requests than one person makes. With the longest links they fit an item, whose limit is 400
/// KB.
const KEPT: usize = 150;
/// Attempts at a write: another invocation may have changed the item between our read and our
/// write.
const ATTEMPTS: usize = 8;
/// The value of `b_<slot>` if a request replaced no other.
const NOTHING: &str = "-";

/// One request.
#[derive(Clone)]
pub struct Request {
    /// The mail's id.
    pub id: String,
    /// Its slot: a hash of address and kind.
    pub slot: String,
    /// The purpose of the link.
    pub kind: Kind,
    /// The link to confirm with, or to hand over.
    pub link: String,
    /// The address that the mail went to. It is the user's address at the identity provider.
    pub email: String,
    /// When the mail came (epoch seconds). The newest mail is found by it.
    pub mailed_at: u64,
    /// Epoch seconds.
    pub created_at: u64,
    /// Epoch seconds. From then on the request is not valid.
    pub expires_at: u64,
    /// The four digits that tell it from other requests, once a reply has listed them.
    pub code: Option<String>,
    /// The invocation that stored it (a [`crate::platform::random::owner_id`]). A later delivery of
    /// the mail may have stored it anew.
    pub added_by: String,
}

impl Request {
    /// A new request for the mail `id`, which came at `mailed_at` (epoch seconds).
    pub fn new(
        id: &str,
        link: &Link,
        email: &str,
        mailed_at: u64,
        now: SystemTime,
        valid_hours: u64,
    ) -> Self {
        Self {
            id: id.to_owned(),
            slot: slot(link.kind, email),
            kind: link.kind,
            link: link.reveal().to_owned(),
            email: email.to_owned(),
            mailed_at,
            created_at: epoch(now),
            expires_at: epoch(now) + valid_hours * 3600,
            code: None,
            added_by: owner_id(),
        }
    }

    /// Whether `seen`, the number's item, has the request of another mail in this slot.
    pub fn is_replaced_in(&self, seen: &Item) -> bool {
        seen.map(&attribute(&self.slot))
            .is_some_and(|other| other.text("mail") != Some(&self.id))
    }

    fn value(&self) -> Value {
        let mut map = vec![
            ("kind", word(self.kind).into()),
            ("link", self.link.clone().into()),
            ("email", self.email.clone().into()),
            ("mail", self.id.clone().into()),
            ("mailed_at", self.mailed_at.into()),
            ("created_at", self.created_at.into()),
            ("expires_at", self.expires_at.into()),
            ("added_by", self.added_by.clone().into()),
        ];
        map.extend(self.code.clone().map(|code| ("code", code.into())));
        Value::M(map)
    }

    fn read(slot: &str, map: &Item, item_end: u64) -> Option<Self> {
        let created_at = map.number("created_at")?;
        Some(Self {
            id: mail(slot, map).to_owned(),
            slot: slot.to_owned(),
            kind: if map.text("kind")? == word(Kind::Password) {
                Kind::Password
            } else {
                Kind::Verification
            },
            link: map.text("link")?.to_owned(),
            email: map.text("email")?.to_owned(),
            mailed_at: map.number("mailed_at").unwrap_or(created_at),
            created_at,
            expires_at: map.number("expires_at")?.min(item_end),
            code: map.text("code").map(str::to_owned),
            added_by: map.text("added_by").unwrap_or_default().to_owned(),
        })
    }
}

fn word(kind: Kind) -> &'static str {
    if kind == Kind::Password {
        "password"
    } else {
        "verification"
    }
}

/// The slot for requests of this kind for this address. Upper and lower case are the same user.
pub fn slot(kind: Kind, email: &str) -> String {
    let text = format!("{}\n{}", word(kind), email.to_lowercase());
    hex::encode(&digest::digest(&digest::SHA256, text.as_bytes()).as_ref()[..16])
}

fn attribute(slot: &str) -> String {
    format!("r_{slot}")
}

/// The mail whose request is in a slot. In items of earlier versions it is the slot's name.
fn mail<'a>(slot: &'a str, map: &'a Item) -> &'a str {
    map.text("mail").unwrap_or(slot)
}

fn key(phone: &E164) -> Key {
    Key::new(format!("pending#{}", phone.reveal()), "pending")
}

/// The update that adds a request, for the transaction that claims its mail. It is refused if the
/// slot holds the request of a newer mail.
pub fn add(phone: &E164, request: &Request) -> Update {
    let slot = attribute(&request.slot);
    store(phone, request)
        .set(&slot, request.value())
        .copy(format!("{slot}.mail"), before(&request.slot), NOTHING)
        .copy(
            format!("{slot}.expires_at"),
            before_end(&request.slot),
            0_u64,
        )
        .only_if(format!(
            "attribute_not_exists({slot}) OR {slot}.mailed_at <= :mailed_at OR {slot}.mail = :mail"
        ))
        .bind(":mailed_at", request.mailed_at)
        .bind(":mail", request.id.as_str())
}

/// The update that lets a request wait anew. It is refused if the request was used up or replaced
/// since it was first added. It keeps the request's code, because a reply may have told it.
pub fn renew(phone: &E164, request: &Request) -> Update {
    let slot = attribute(&request.slot);
    store(phone, request)
        .set(format!("{slot}.created_at"), request.created_at)
        .set(format!("{slot}.expires_at"), request.expires_at)
        .set(format!("{slot}.added_by"), request.added_by.as_str())
        .only_if(format!("{slot}.mail = :mail"))
        .bind(":mail", request.id.as_str())
}

fn store(phone: &E164, request: &Request) -> Update {
    Update::new(key(phone))
        .set("expires_at", request.expires_at + DAY)
        .add("version", 1)
}

/// The attribute that names the mail whose request was replaced, if any.
fn before(slot: &str) -> String {
    format!("b_{slot}")
}

/// The attribute that says until when the replaced request was valid, in epoch seconds; 0 if none
/// was replaced.
fn before_end(slot: &str) -> String {
    format!("e_{slot}")
}

/// Removes all attributes of a slot.
fn cleared(update: Update, slot: &str) -> Update {
    update
        .remove(attribute(slot))
        .remove(before(slot))
        .remove(before_end(slot))
}

/// Withdraws a request whose text was certainly not sent, unless another delivery has stored it
/// anew since.
///
/// A request stays if it replaced an older mail's request that was still valid. The older mail's
/// text is on the phone and asks for a YES, but its link is gone. The newer link is for the same
/// account and of the same kind. Without it that YES would get no answer.
///
/// # Errors
/// [`Unavailable`].
pub async fn withdraw(table: &Table, phone: &E164, request: &Request) -> Result<(), Unavailable> {
    let slot = &request.slot;
    let update = cleared(Update::new(key(phone)), slot)
        .add("version", 1)
        .only_if(format!(
            "{}.added_by = :me AND ({} = :nothing OR {} <= :stored)",
            attribute(slot),
            before(slot),
            before_end(slot)
        ))
        .bind(":me", request.added_by.as_str())
        .bind(":nothing", NOTHING)
        .bind(":stored", request.created_at);
    match table.update(update).await? {
        Write::Done(item) if item.maps("r_").next().is_none() => {
            let (unchanged, version) = while_unchanged(item.number("version"));
            let condition = (
                format!("{unchanged} AND attribute_not_exists(held_by)"),
                version.into_iter().collect(),
            );
            table.delete(key(phone), Some(condition)).await.map(drop)
        }
        _ => Ok(()),
    }
}

/// The condition that an item still has this version, and the value to bind for it.
fn while_unchanged(version: Option<u64>) -> (&'static str, Option<(&'static str, Value)>) {
    match version {
        Some(version) => ("version = :version", Some((":version", version.into()))),
        None => ("attribute_not_exists(version)", None),
    }
}

/// Removes requests that are too old to be mentioned in an answer, and the oldest of very many. So
/// a number that gets mails for ever does not outgrow its item.
///
/// # Errors
/// [`Unavailable`].
pub async fn tidy(table: &Table, phone: &E164, now: SystemTime) -> Result<(), Unavailable> {
    let Some(item) = table.get(key(phone), now).await? else {
        return Ok(());
    };
    let mut requests: Vec<(&str, Item)> = item.maps("r_").collect();
    requests.sort_by_key(|(_, map)| std::cmp::Reverse(map.number("created_at")));
    let is_over = |map: &Item| {
        map.number("expires_at")
            .is_none_or(|end| end + DAY <= epoch(now))
    };
    let forgotten = requests
        .iter()
        .enumerate()
        .filter(|(place, (_, map))| *place >= KEPT || is_over(map));
    let slots: Vec<&str> = forgotten.map(|(_, (slot, _))| *slot).collect();
    if slots.is_empty() {
        return Ok(());
    }
    let (unchanged, version) = while_unchanged(item.number("version"));
    let update = Update::new(key(phone))
        .add("version", 1)
        .only_if(format!("attribute_exists(pk) AND {unchanged}"));
    let update = version
        .into_iter()
        .fold(update, |update, (name, value)| update.bind(name, value));
    // If the update is refused, another invocation is changing the item. A later mail tidies it.
    table
        .update(slots.into_iter().fold(update, cleared))
        .await
        .map(drop)
}

/// The answer to [`hold`].
pub enum Hold {
    /// No request waits for this number.
    Nothing,
    /// Another invocation is acting on a reply of this number.
    Busy,
    /// The requests are ours until the lease ends.
    Held(Held),
}

/// A number's requests while we hold the lease.
pub struct Held {
    phone: E164,
    owner: String,
    version: Option<u64>,
    /// All slots and the mail whose request is in each, as last seen.
    slots: Vec<(String, String)>,
    /// All requests, oldest first, expired ones included.
    pub requests: Vec<Request>,
    changes: Vec<Change>,
}

enum Change {
    /// Removes the request of this mail from this slot.
    Remove {
        slot: String,
        id: String,
    },
    Rewrite(Request),
}

impl Change {
    /// Whether the changed request is among `slots`.
    fn fits(&self, slots: &[(String, String)]) -> bool {
        let (Self::Remove { slot, id } | Self::Rewrite(Request { slot, id, .. })) = self;
        slots
            .iter()
            .any(|(other, mail)| other == slot && mail == id)
    }

    fn removes(&self, slot: &str) -> bool {
        matches!(self, Self::Remove { slot: gone, .. } if gone == slot)
    }
}

fn slots(item: &Item) -> Vec<(String, String)> {
    item.maps("r_")
        .map(|(slot, map)| (slot.to_owned(), mail(slot, &map).to_owned()))
        .collect()
}

/// Reads all requests of a number and takes the lease on them until `lease_until` (epoch seconds).
///
/// # Errors
/// [`Unavailable`].
pub async fn hold(
    table: &Table,
    phone: &E164,
    owner: &str,
    lease_until: u64,
    now: SystemTime,
) -> Result<Hold, Unavailable> {
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
    let mut requests: Vec<Request> = item
        .maps("r_")
        .filter_map(|(slot, map)| Request::read(slot, &map, end))
        .collect();
    requests.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(Hold::Held(Held {
        phone: phone.clone(),
        owner: owner.to_owned(),
        version: item.number("version"),
        slots: slots(&item),
        requests,
        changes: Vec::new(),
    }))
}

impl Held {
    /// Removes the request of this mail, which is used up or gone.
    pub fn remove(&mut self, id: &str) {
        let (gone, kept) = std::mem::take(&mut self.requests)
            .into_iter()
            .partition(|request| request.id == id);
        self.requests = kept;
        self.changes.extend(
            Vec::into_iter(gone).map(|Request { slot, id, .. }| Change::Remove { slot, id }),
        );
    }

    /// Removes all requests.
    pub fn remove_all(&mut self) {
        let all = std::mem::take(&mut self.requests);
        self.changes.extend(
            all.into_iter()
                .map(|Request { slot, id, .. }| Change::Remove { slot, id }),
        );
    }

    /// Stores a request that got its code.
    pub fn rewrite(&mut self, request: Request) {
        if let Some(place) = self.requests.iter_mut().find(|kept| kept.id == request.id) {
            *place = request.clone();
        }
        self.changes.push(Change::Rewrite(request));
    }

    /// Drops the changes: all requests stay as they were read.
    pub fn keep_all(&mut self) {
        self.changes.clear();
    }

    /// Writes the changes and ends the lease. If another mail's request has replaced one meanwhile,
    /// that request stays. The item is deleted with its last request.
    ///
    /// # Errors
    /// [`Unavailable`]; the lease then ends by itself.
    pub async fn release(mut self, table: &Table) -> Result<(), Unavailable> {
        for _ in 0..ATTEMPTS {
            let (unchanged, version) = while_unchanged(self.version);
            let condition = format!("held_by = :me AND {unchanged}");
            let values: Vec<(&'static str, Value)> =
                std::iter::once((":me", self.owner.as_str().into()))
                    .chain(version)
                    .collect();
            let is_removed = |(slot, _): &(String, String)| {
                self.changes.iter().any(|change| change.removes(slot))
            };
            if self.slots.iter().all(is_removed)
                && let Write::Done(_) = table
                    .delete(key(&self.phone), Some((condition.clone(), values.clone())))
                    .await?
            {
                return Ok(());
            }
            let update = Update::new(key(&self.phone))
                .remove("held_by")
                .remove("held_until")
                .only_if(condition);
            let update = values
                .into_iter()
                .fold(update, |update, (name, value)| update.bind(name, value));
            let update = self
                .changes
                .iter()
                .fold(update, |update, change| match change {
                    Change::Remove { slot, .. } => cleared(update, slot),
                    Change::Rewrite(request) => {
                        update.set(attribute(&request.slot), request.value())
                    }
                });
            match table.update(update).await? {
                Write::Refused(item) if item.text("held_by") == Some(&self.owner) => {
                    (self.version, self.slots) = (item.number("version"), slots(&item));
                    self.changes.retain(|change| change.fits(&self.slots));
                }
                // Refused, and the lease is not ours: it has ended.
                Write::Done(_) | Write::Refused(_) => return Ok(()),
            }
        }
        Err(Unavailable::busy())
    }
}

/// The last confirmation of a number, so that a repeated reply gets the same answer:
/// `seen#confirmed#<E.164>`, kept a day.
pub mod confirmed {
    use super::{DAY, E164, Item, Key, SystemTime, Update, epoch};

    /// The key of its item.
    pub fn key(phone: &E164) -> Key {
        Key::new(format!("seen#confirmed#{}", phone.reveal()), "confirmed")
    }

    /// The update that remembers a confirmation. `submitted`: no answer said that it succeeded.
    pub fn remember(phone: &E164, code: Option<&str>, submitted: bool, now: SystemTime) -> Update {
        let update = Update::new(key(phone))
            .set("confirmed_at", epoch(now))
            .set("expires_at", epoch(now) + DAY);
        let update = if submitted {
            update.set("submitted", 1)
        } else {
            update.remove("submitted")
        };
        match code {
            Some(code) => update.set("code", code),
            None => update.remove("code"),
        }
    }

    /// Whether no answer said that it succeeded.
    pub fn was_submitted(item: &Item) -> bool {
        item.number("submitted").is_some()
    }

    /// When it was (epoch seconds), and with which code.
    pub fn read(item: &Item) -> Option<(u64, Option<String>)> {
        Some((
            item.number("confirmed_at")?,
            item.text("code").map(str::to_owned),
        ))
    }
}
