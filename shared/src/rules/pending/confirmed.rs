//! The last confirmation of a number, so that a repeated reply gets the same answer:
//! `seen#confirmed#<E.164>`, kept a day.

use std::time::SystemTime;

use words::Language;

use crate::platform::table::{Item, Key, Update};
use crate::platform::time::{DAY, epoch};
use crate::rules::phone::E164;

/// The key of its item.
pub fn key(phone: &E164) -> Key {
    Key::new(format!("seen#confirmed#{}", phone.reveal()), "confirmed")
}

/// The update that remembers a confirmation, and the language of its answer. `submitted`: no answer
/// said that it succeeded.
pub fn remember(
    phone: &E164,
    code: Option<&str>,
    submitted: bool,
    language: Language,
    now: SystemTime,
) -> Update {
    let update = Update::new(key(phone))
        .set("confirmed_at", epoch(now))
        .set("language", language.tag())
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
