//! The lease of the invocation that acts on a reply.

use std::time::SystemTime;

use super::item::{attribute, cleared, key, mail, while_unchanged};
use super::request::Request;
use crate::platform::table::{Item, Table, Unavailable, Update, Value, Write};
use crate::platform::time::epoch;
use crate::rules::phone::E164;

/// Attempts at a write: another invocation may have changed the item between our read and our
/// write.
const ATTEMPTS: usize = 8;

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
    fn applies_to(&self, slots: &[(String, String)]) -> bool {
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
        .filter_map(|(slot, map)| Request::from_item(slot, &map, end))
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
                    self.changes.retain(|change| change.applies_to(&self.slots));
                }
                // Refused, and the lease is not ours: it has ended.
                Write::Done(_) | Write::Refused(_) => return Ok(()),
            }
        }
        Err(Unavailable::busy())
    }
}
