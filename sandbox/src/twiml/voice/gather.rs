//! `<Gather>`: its attributes and the verbs in it.

use super::{VoiceVerb, verb};
use crate::twiml::{
    schema::{KEYS, check, flag, language, method, no_text, number, one_of, value},
    xml::{Element, Error, error},
};

/// `<Gather>`: waits for keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gather {
    /// `<Say>`, `<Play>` and `<Pause>` while it waits.
    pub verbs: Vec<VoiceVerb>,
    /// The URL as written; empty (default): the current document's URL.
    pub action: String,
    /// `GET` or `POST` (default).
    pub method: String,
    /// True if it accepts keys, not only speech.
    pub keys: bool,
    /// Maximum number of keys; `None`: no limit.
    pub num_digits: Option<usize>,
    /// The key that ends the input (`#`); `None`: no key.
    pub finish_on_key: Option<char>,
    /// Seconds without a key that end the input (5).
    pub timeout: u32,
    /// True if `action` is requested although no key was pressed.
    pub action_on_empty_result: bool,
}

const GATHER: [&str; 18] = [
    "input",
    "action",
    "method",
    "numDigits",
    "finishOnKey",
    "timeout",
    "actionOnEmptyResult",
    "bargeIn",
    "speechTimeout",
    "speechModel",
    "language",
    "hints",
    "enhanced",
    "profanityFilter",
    "maxSpeechTime",
    "partialResultCallback",
    "partialResultCallbackMethod",
    "debug",
];

pub(super) fn gather(element: &Element) -> Result<Gather, Error> {
    if let Some(child) = element
        .children
        .iter()
        .find(|child| !["Say", "Play", "Pause"].contains(&child.name.as_str()))
    {
        return error(
            13320,
            format!("Gather: Invalid nested verb <{}>", child.name),
        );
    }
    check(element, &GATHER, &["Say", "Play", "Pause"])?;
    no_text(element)?;
    let input = value(element, "input", 13326, |words| {
        words
            .split(' ')
            .all(|word| ["dtmf", "speech"].contains(&word))
    })?;
    let seconds_or_auto =
        |value: &str| value == "auto" || value.parse().is_ok_and(|seconds: u32| seconds > 0);
    value(element, "speechTimeout", 13327, seconds_or_auto)?;
    number(element, "maxSpeechTime", 13328, 1..=600)?;
    one_of(
        element,
        "partialResultCallbackMethod",
        13329,
        &["GET", "POST"],
    )?;
    value(element, "language", 13331, language)?;
    flag(element, "bargeIn", 13332)?;
    flag(element, "profanityFilter", 13333)?;
    flag(element, "enhanced", 12200)?;
    flag(element, "debug", 12200)?;
    let finish = value(element, "finishOnKey", 13310, |key| {
        key.is_empty() || key.len() == 1 && KEYS.contains(key)
    })?;
    Ok(Gather {
        verbs: element
            .children
            .iter()
            .map(verb)
            .collect::<Result<_, _>>()?,
        action: element.attribute("action").unwrap_or_default().to_owned(),
        method: method(element, 13312)?,
        keys: input.is_none_or(|input| input.contains("dtmf")),
        num_digits: number(element, "numDigits", 13314, 1..=1000)?.map(|n| n as usize),
        finish_on_key: finish.map_or(Some('#'), |key| key.chars().next()),
        timeout: number(element, "timeout", 13313, 1..=600)?.unwrap_or(5),
        action_on_empty_result: flag(element, "actionOnEmptyResult", 13338)?.unwrap_or(false),
    })
}
