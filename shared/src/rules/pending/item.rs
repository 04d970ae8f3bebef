//! The item of a number: its key, its attributes, its version.

use crate::platform::table::{Item, Key, Update, Value};
use crate::rules::phone::E164;

pub(super) fn key(phone: &E164) -> Key {
    Key::new(format!("pending#{}", phone.reveal()), "pending")
}

pub(super) fn attribute(slot: &str) -> String {
    format!("r_{slot}")
}

/// The mail whose request is in a slot. In items of earlier versions it is the slot's name.
pub(super) fn mail<'a>(slot: &'a str, map: &'a Item) -> &'a str {
    map.text("mail").unwrap_or(slot)
}

/// The attribute that names the mail whose request was replaced, if any.
pub(super) fn before(slot: &str) -> String {
    format!("b_{slot}")
}

/// The attribute that says until when the replaced request was valid, in epoch seconds; 0 if none
/// was replaced.
pub(super) fn before_end(slot: &str) -> String {
    format!("e_{slot}")
}

/// Removes all attributes of a slot.
pub(super) fn cleared(update: Update, slot: &str) -> Update {
    update
        .remove(attribute(slot))
        .remove(before(slot))
        .remove(before_end(slot))
}

/// The condition that an item still has this version, and the value to bind for it.
pub(super) fn while_unchanged(
    version: Option<u64>,
) -> (&'static str, Option<(&'static str, Value)>) {
    match version {
        Some(version) => ("version = :version", Some((":version", version.into()))),
        None => ("attribute_not_exists(version)", None),
    }
}
