//! The next provider for a code that did not arrive.
//!
//! A code whose text is [kept](super::kept) goes on to the next provider of its route after a bad
//! receipt, or if nothing is heard of it for some time. After the last one it may go out by a call.
//! Promises: no second text after it is known that the code arrived or was used, or that the person
//! opted out; none if the number has a newer code; at most one through each provider, one call in
//! all, one attempt at a time. An attempt with an unknown outcome is the last one: it leaves `trying`
//! in the journal's entry.
//!
//! Attributes of the entry: `kept` (the kept item's sort key), `kept_until`, `tried` (the providers
//! that have or may have the text), `tried_at`, `trying` (the owner of the attempt under way),
//! `own_sids` (the messages of this send before the present one), `former_sids` (the same of all
//! sends of the text).

use std::time::SystemTime;

use super::delivery::{self, FORMER_SIDS, OWN_SIDS, RECEIPTS, Reason, Reference, State};
use crate::platform::table::{Item, Table, Unavailable, Update, Write};
use crate::platform::time::epoch;

/// A code that ends sooner is not sent again, in seconds.
const SHORTEST_LIFE: u64 = 5;
/// After this time an attempt that has not ended never will, in seconds.
const ATTEMPT: u64 = 30;

/// The final states after which nobody gets a code.
pub const NOTHING_AFTER: [State; 2] = [State::Delivered, State::Undelivered(Reason::OptedOut)];
/// Those after which no text is sent. A landline cannot receive texts, but calls.
pub const NO_TEXT_AFTER: [State; 3] = [
    NOTHING_AFTER[0],
    NOTHING_AFTER[1],
    State::Undelivered(Reason::Landline),
];

/// What the table knows of an accepted code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The sort key of the kept text.
    pub kept: String,
    /// The provider that accepted it last.
    pub provider: String,
    /// That one's id of the message.
    pub sid: Option<String>,
    /// The providers that have or may have it.
    pub tried: Vec<String>,
    /// The final states, by provider.
    pub receipts: Vec<(String, String)>,
    /// When the last attempt began, in epoch seconds.
    pub at: u64,
    /// Whether an attempt is under way, or ended without a known outcome.
    pub is_trying: bool,
    /// A hash of the number.
    pub number: String,
    /// Whether the number has no newer code.
    pub is_newest: bool,
    /// Whether a person used it.
    pub is_used: bool,
    /// The end of the code's life, in epoch seconds.
    pub ends_at: u64,
    /// The number's ISO 3166 region, or `-`.
    pub region: String,
}

/// What to do with a kept code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action<'a> {
    /// Nothing yet.
    Wait,
    /// Nothing will follow: delete the kept text.
    Forget,
    /// Send the text through this provider.
    Send(&'a str),
}

/// The providers that may send a code.
#[derive(Debug, Clone, Copy)]
pub struct Roads<'a, 'b> {
    /// Of texts, in order.
    pub texts: &'b [&'a str],
    /// Of calls, in order; none if the code may not go out by a call.
    pub calls: &'b [&'a str],
}

/// Decides what follows. `timeout`: how long a receipt may take, in seconds.
pub fn next<'a>(text: &Standing, roads: Roads<'a, '_>, timeout: u64, now: u64) -> Action<'a> {
    let is_any = |ends: &[State]| {
        let mut states = text.receipts.iter().map(|(_, state)| state);
        states.any(|state| ends.iter().any(|end| end.word() == state))
    };
    let is_over = now + SHORTEST_LIFE > text.ends_at || text.is_used;
    // After a call that was made there is nothing to come.
    let was_called = roads.calls.contains(&text.provider.as_str());
    let texts = if is_any(&NO_TEXT_AFTER) {
        &[]
    } else {
        roads.texts
    };
    let has_no_road = texts.is_empty() && roads.calls.is_empty();
    if is_over || !text.is_newest || was_called || has_no_road || is_any(&NOTHING_AFTER) {
        return Action::Forget;
    }
    if text.is_trying {
        let is_lost = text.at + ATTEMPT <= now;
        return if is_lost {
            Action::Forget
        } else {
            Action::Wait
        };
    }
    let reported = |name: &str| text.receipts.iter().any(|(provider, _)| provider == name);
    let has_had_it = |name: &str| {
        name == text.provider || reported(name) || text.tried.iter().any(|tried| tried == name)
    };
    let mut route = texts.iter().chain(roads.calls);
    match route.find(|name| !has_had_it(name)) {
        None => Action::Forget,
        Some(name) if reported(&text.provider) || text.at + timeout <= now => Action::Send(name),
        Some(_) => Action::Wait,
    }
}

/// Reads what the table knows of a code. `None`: no provider accepted it, or it is not kept.
///
/// # Errors
/// [`Unavailable`].
pub async fn read(
    reference: &Reference,
    table: &Table,
    now: SystemTime,
) -> Result<Option<Standing>, Unavailable> {
    let item = table.get(reference.key(), now).await?;
    let Some(mut standing) = item.as_ref().and_then(standing) else {
        return Ok(None);
    };
    standing.is_newest = is_newest(reference, &standing, table, now).await?;
    Ok(Some(standing))
}

/// Whether the number has no newer code.
///
/// # Errors
/// [`Unavailable`].
pub async fn is_newest(
    reference: &Reference,
    text: &Standing,
    table: &Table,
    now: SystemTime,
) -> Result<bool, Unavailable> {
    let newest = delivery::newest(&text.number, table, now).await?;
    Ok(newest.as_ref() == Some(reference))
}

fn standing(item: &Item) -> Option<Standing> {
    let receipts = item.map(RECEIPTS).unwrap_or_default();
    let states = receipts
        .names()
        .filter_map(|name| Some((name.to_owned(), receipts.text(name)?.to_owned())));
    (item.text("stage") == Some("sent")).then_some(())?;
    Some(Standing {
        kept: item.text("kept")?.to_owned(),
        provider: item.text("provider")?.to_owned(),
        sid: item.text("sid").map(str::to_owned),
        tried: item.set("tried").to_vec(),
        receipts: states.collect(),
        at: item
            .number("tried_at")
            .max(item.number("sent_at"))
            .unwrap_or_default(),
        is_trying: item.text("trying").is_some(),
        number: item.text("number").unwrap_or_default().to_owned(),
        is_newest: false,
        is_used: item.number("used_at").is_some(),
        ends_at: item.number("kept_until")?,
        region: item.text("region").unwrap_or("-").to_owned(),
    })
}

/// Claims the one attempt at this provider for `owner`. `false`: another invocation has it, or it
/// became known that nobody may send the code any more. `ends`: the final states after which it must
/// not be made, whichever of the providers `names` reports them.
///
/// # Errors
/// [`Unavailable`]; the attempt must then not be made.
pub async fn claim(
    reference: &Reference,
    text: &Standing,
    provider: &str,
    owner: &str,
    (ends, names): (&[State], &[&str]),
    (table, now): (&Table, SystemTime),
) -> Result<bool, Unavailable> {
    let bound = [":delivered", ":opted_out", ":landline"];
    let ends = || bound.into_iter().zip(ends);
    let none_ends_it = names.iter().map(|name| {
        let state = format!("{RECEIPTS}.{name}");
        let others = ends().map(|(end, _)| format!("{state} <> {end}"));
        let others = others.collect::<Vec<_>>().join(" AND ");
        format!(" AND (attribute_not_exists({state}) OR ({others}))")
    });
    let condition = "stage = :sent AND kept = :kept AND attribute_not_exists(trying) \
                     AND attribute_not_exists(used_at) \
                     AND provider <> :provider AND NOT contains(tried, :provider)";
    let update = Update::new(reference.key())
        .set("trying", owner)
        .set("tried_at", epoch(now))
        .add_to_set("tried", provider)
        .only_if(condition.to_owned() + &none_ends_it.collect::<String>())
        .bind(":sent", "sent")
        .bind(":kept", text.kept.as_str())
        .bind(":provider", provider);
    let update = ends().fold(update, |update, (end, state)| {
        update.bind(end, state.word())
    });
    Ok(match table.update(update).await? {
        Write::Done(_) => true,
        // The answer to our own claim may have been lost.
        Write::Refused(item) => item.text("trying") == Some(owner),
    })
}

/// Gives a claim back whose attempt was not begun. The provider may then be asked later.
///
/// # Errors
/// [`Unavailable`]; the attempt then counts as one without a known outcome.
pub async fn give_back(
    reference: &Reference,
    provider: &str,
    owner: &str,
    table: &Table,
) -> Result<(), Unavailable> {
    let update = Update::new(reference.key())
        .remove("trying")
        .take_from_set("tried", provider)
        .only_if("trying = :owner")
        .bind(":owner", owner);
    table.update(update).await.map(drop)
}

/// An attempt that a provider accepted.
#[derive(Debug)]
pub struct Accepted<'a> {
    /// The provider.
    pub provider: &'a str,
    /// Its id of the message.
    pub id: Option<&'a str>,
    /// The id of the message that this one follows.
    pub follows: Option<&'a str>,
    /// The sender.
    pub sender: Option<&'a str>,
}

/// Stores how the attempt of `owner` ended; `None`: certainly nothing was sent.
///
/// # Errors
/// [`Unavailable`]; the attempt then counts as one without a known outcome.
pub async fn settle(
    reference: &Reference,
    owner: &str,
    accepted: Option<&Accepted<'_>>,
    table: &Table,
) -> Result<(), Unavailable> {
    let mut update = Update::new(reference.key())
        .remove("trying")
        .only_if("trying = :owner")
        .bind(":owner", owner);
    if let Some(accepted) = accepted {
        update = update.set("provider", accepted.provider);
        // So a late receipt of it does not count for a later send of the same text.
        if let Some(former) = accepted.follows {
            update = update
                .add_to_set(OWN_SIDS, former)
                .add_to_set(FORMER_SIDS, former);
        }
        for (name, value) in [("sid", accepted.id), ("sender", accepted.sender)] {
            update = match value {
                Some(value) => update.set(name, value),
                None => update.remove(name),
            };
        }
    }
    table.update(update).await.map(drop)
}

#[cfg(test)]
mod tests;
