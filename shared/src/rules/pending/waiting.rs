//! Requests begin to wait, are withdrawn, and are forgotten.

use std::time::SystemTime;

use super::item::{attribute, before, before_end, cleared, key, while_unchanged};
use super::request::Request;
use crate::platform::table::{Item, Table, Unavailable, Update, Write};
use crate::platform::time::{DAY, epoch};
use crate::rules::phone::E164;

/// More requests than one person makes. With the longest links they fit an item, whose limit is 400
/// KB.
const MAX_REQUESTS: usize = 150;
/// The value of `b_<slot>` if a request replaced no other.
const NOTHING: &str = "-";

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
        .filter(|(place, (_, map))| *place >= MAX_REQUESTS || is_over(map));
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
