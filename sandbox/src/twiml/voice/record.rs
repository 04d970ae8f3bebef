//! `<Record>`: its attributes.

use crate::twiml::{
    schema::{KEYS, check, flag, method, no_text, number, one_of, value},
    xml::{Element, Error},
};

/// `<Record>`: records the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The URL as written; empty (default): the current document's URL.
    pub action: String,
    /// `GET` or `POST` (default).
    pub method: String,
    /// Seconds of silence that end the recording (5).
    pub timeout: u32,
    /// Maximum length, seconds (3,600).
    pub max_length: u32,
    /// The keys that end the recording (all twelve).
    pub finish_on_key: String,
    /// True if a beep precedes the recording.
    pub play_beep: bool,
}

const RECORD: [&str; 8] = [
    "action",
    "method",
    "timeout",
    "maxLength",
    "finishOnKey",
    "playBeep",
    "transcribe",
    "trim",
];

pub(super) fn record(element: &Element) -> Result<Record, Error> {
    check(element, &RECORD, &[])?;
    no_text(element)?;
    flag(element, "transcribe", 13614)?;
    one_of(element, "trim", 13699, &["trim-silence", "do-not-trim"])?;
    let finish = value(element, "finishOnKey", 13613, |keys| {
        keys.chars().all(|key| KEYS.contains(key))
    })?;
    Ok(Record {
        action: element.attribute("action").unwrap_or_default().to_owned(),
        method: method(element, 13610)?,
        timeout: number(element, "timeout", 13611, 1..=14_400)?.unwrap_or(5),
        max_length: number(element, "maxLength", 13612, 1..=14_400)?.unwrap_or(3600),
        finish_on_key: finish.unwrap_or(KEYS).to_owned(),
        play_beep: flag(element, "playBeep", 13616)?.unwrap_or(true),
    })
}
