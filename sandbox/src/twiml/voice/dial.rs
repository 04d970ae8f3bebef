//! `<Dial>`: its attributes and the number in it.

use crate::{
    sms::e164,
    twiml::{
        schema::{KEYS, check, flag, method, no_text, number, one_of, owned, value},
        xml::{Element, Error, error},
    },
};

/// `<Dial>`: calls one number and connects the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// E.164.
    pub number: String,
    /// The URL as written; `None`: the document continues.
    pub action: Option<String>,
    /// `GET` or `POST` (default).
    pub method: String,
    /// Maximum ringing time, seconds (30).
    pub timeout: u32,
    /// Maximum length of the call, seconds (14,400).
    pub time_limit: u32,
    /// E.164; `None`: the caller's own number.
    pub caller_id: Option<String>,
    /// True if `*` ends the called side.
    pub hangup_on_star: bool,
    /// True if the caller's side rings until the called side answers.
    pub answer_on_bridge: bool,
    /// The country of the ringing tone for the caller.
    pub ring_tone: Option<String>,
    /// True if the conversation is recorded.
    pub record: bool,
}

const DIAL: [&str; 12] = [
    "action",
    "method",
    "timeout",
    "timeLimit",
    "callerId",
    "hangupOnStar",
    "answerOnBridge",
    "ringTone",
    "record",
    "recordingTrack",
    "trim",
    "sequential",
];

const RING_TONES: [&str; 40] = [
    "at", "au", "bg", "br", "be", "ch", "cl", "cn", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr",
    "hu", "il", "in", "it", "lt", "jp", "mx", "my", "nl", "no", "nz", "ph", "pl", "pt", "ru", "se",
    "sg", "th", "uk", "us", "us-old", "tw", "ve", "za",
];

const RECORDED: [&str; 6] = [
    "true",
    "false",
    "record-from-answer",
    "record-from-ringing",
    "record-from-answer-dual",
    "record-from-ringing-dual",
];

pub(super) fn dial(element: &Element) -> Result<Dial, Error> {
    if let Some(child) = element.children.iter().find(|child| child.name != "Number") {
        return error(13215, format!("Dial: <{}> is not simulated", child.name));
    }
    check(element, &DIAL, &["Number"])?;
    let number_text = match &element.children[..] {
        [] => &element.text,
        [number] => {
            check(number, &["sendDigits"], &[])?;
            value(number, "sendDigits", 13222, |keys| {
                keys.chars()
                    .all(|key| KEYS.contains(key) || "wW".contains(key))
            })?;
            no_text(element)?;
            &number.text
        }
        _ => return error(13215, "Dial: several numbers are not simulated"),
    };
    let dialled = number_text.trim();
    if !e164(dialled) {
        return error(
            13223,
            format!("Dial: Invalid phone number format {dialled:?}"),
        );
    }
    one_of(
        element,
        "recordingTrack",
        13622,
        &["inbound", "outbound", "both"],
    )?;
    one_of(element, "trim", 13699, &["trim-silence", "do-not-trim"])?;
    flag(element, "sequential", 12200)?;
    let record = value(element, "record", 13217, |word| {
        word == "do-not-record" || RECORDED.contains(&word)
    })?;
    Ok(Dial {
        number: dialled.to_owned(),
        action: owned(element.attribute("action")),
        method: method(element, 13210)?,
        timeout: number(element, "timeout", 13212, 5..=600)?.unwrap_or(30),
        time_limit: number(element, "timeLimit", 13216, 1..=14_400)?.unwrap_or(14_400),
        caller_id: owned(value(element, "callerId", 13214, e164)?),
        hangup_on_star: flag(element, "hangupOnStar", 13213)?.unwrap_or(false),
        answer_on_bridge: flag(element, "answerOnBridge", 12200)?.unwrap_or(false),
        ring_tone: owned(one_of(element, "ringTone", 12200, &RING_TONES)?),
        record: record.is_some_and(|word| !["do-not-record", "false"].contains(&word)),
    })
}
