//! What is left in the table: every kind of item has rules of its own.
//!
//! The table is not swept in a round. So every item that was written and not deleted is there, whether
//! its life is over or not.

mod counts;
mod entries;
mod kinds;
mod numbers;
mod plain;
mod requests;
mod together;

use serde_json::Value;

use super::codes::Made;
use crate::soak::world::{Asked, GUESSED_EMAIL, World};

/// How far the clocks of the functions and of this program are read from each other, in seconds.
const SLACK: u64 = 3;

/// A mail that asks for a YES.
struct Mailed<'a> {
    phone: &'a str,
    email: String,
    ticket: &'a str,
    /// True if its person may have replied: then it may wait, or not.
    has_reply: bool,
}

/// All mails of a round.
fn mails(asked: &Asked) -> Vec<Mailed<'_>> {
    let sign_ups = asked.sign_ups.iter().map(|sign_up| Mailed {
        phone: &sign_up.phone,
        email: sign_up.email.clone(),
        ticket: &sign_up.mail.ticket,
        has_reply: sign_up.said_yes || sign_up.would_say_yes,
    });
    let talks = asked.talks.iter().flat_map(|talked| {
        talked.mails().map(|(_, mailed)| Mailed {
            phone: &talked.phone,
            email: mailed.about.email(&talked.phone),
            ticket: &mailed.ticket,
            has_reply: true,
        })
    });
    sign_ups.chain(talks).collect()
}

/// A round's items, and what was asked for in it.
pub(super) struct Round<'a> {
    items: &'a [Value],
    asked: &'a Asked,
    mails: Vec<Mailed<'a>>,
    /// True if nothing broke.
    is_calm: bool,
    /// When it began and ended, in epoch seconds.
    time: (u64, u64),
}

/// Everything that the table still has must be there for a reason, and no longer than documented.
pub(super) fn judge(world: &World, items: &[Value], asked: &Asked, broken: &mut Vec<String>) {
    let exchanges = world.sandbox.aws.dynamodb().exchanges();
    let ended = sandbox::now().as_secs();
    let begun = exchanges.iter().map(|exchange| exchange.started.elapsed());
    let begun = begun.max().unwrap_or_default().as_secs();
    let round = Round {
        items,
        asked,
        mails: mails(asked),
        // A request that came too late may leave its record as it was.
        is_calm: world.is_calm && !asked.is_late,
        time: (ended.saturating_sub(begun + SLACK), ended + SLACK),
    };
    kinds::judge(&round, broken);
    let secrets = plain::Secrets::of(&round, &world.sandbox.aws);
    plain::judge(&round, &secrets, broken);
    let auth0 = &world.sandbox.auth0;
    let tickets = round.mails.iter().map(|mail| mail.ticket);
    let used = tickets.filter(|ticket| auth0.posted(ticket) > 0).collect();
    requests::judge(&round, &used, broken);
    entries::judge(&round, broken);
    numbers::judge(&round, broken);
    let guesses = auth0.user(GUESSED_EMAIL);
    let guesses = guesses.map_or(0, |user| auth0.failed_logins(&user));
    counts::judge(&round, &Made::all(&world.sandbox), guesses, broken);
    together::judge(&together::transactions(&exchanges), broken);
}

/// A text of an item; empty if there is none.
fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name]["S"].as_str().unwrap_or_default()
}

/// A number of an item.
fn number(item: &Value, name: &str) -> Option<u64> {
    item[name]["N"].as_str()?.parse().ok()
}

/// The rest of the item's `pk` after this beginning.
fn of<'a>(item: &'a Value, beginning: &str) -> Option<&'a str> {
    text(item, "pk").strip_prefix(beginning)
}

#[cfg(test)]
mod tests;
