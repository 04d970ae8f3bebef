//! `<Gather>`: its attributes and the verbs in it.

use super::{VoiceVerb, verb};
use crate::twiml::{
    schema::{KEYS, check, flag, method, no_text, number, one_of, value},
    xml::{Element, Error, error},
};

/// `<Gather>`: waits for keys, or for keys and speech.
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
    /// The language of the speech that it accepts (`en-US`); `None`: no speech.
    pub listens: Option<String>,
    /// Maximum number of keys; `None`: no limit.
    pub num_digits: Option<usize>,
    /// The key that ends the input (`#`); `None`: no key.
    pub finish_on_key: Option<char>,
    /// Seconds without a key that end the input (5).
    pub timeout: u32,
    /// True if `action` is requested although no key was pressed.
    pub action_on_empty_result: bool,
}

/// As in twilio-node's `GatherLanguage`.
const LANGUAGES: [&str; 130] = [
    "af-ZA",
    "am-ET",
    "ar-AE",
    "ar-BH",
    "ar-DZ",
    "ar-EG",
    "ar-IL",
    "ar-IQ",
    "ar-JO",
    "ar-KW",
    "ar-LB",
    "ar-MA",
    "ar-OM",
    "ar-PS",
    "ar-QA",
    "ar-SA",
    "ar-TN",
    "az-AZ",
    "bg-BG",
    "bn-BD",
    "bn-IN",
    "ca-ES",
    "cs-CZ",
    "da-DK",
    "de-DE",
    "el-GR",
    "en-AU",
    "en-CA",
    "en-GB",
    "en-GH",
    "en-IE",
    "en-IN",
    "en-KE",
    "en-NG",
    "en-NZ",
    "en-PH",
    "en-SG",
    "en-TZ",
    "en-US",
    "en-ZA",
    "es-AR",
    "es-BO",
    "es-CL",
    "es-CO",
    "es-CR",
    "es-DO",
    "es-EC",
    "es-ES",
    "es-GT",
    "es-HN",
    "es-MX",
    "es-NI",
    "es-PA",
    "es-PE",
    "es-PR",
    "es-PY",
    "es-SV",
    "es-US",
    "es-UY",
    "es-VE",
    "et-EE",
    "eu-ES",
    "fa-IR",
    "fi-FI",
    "fil-PH",
    "fr-CA",
    "fr-FR",
    "gl-ES",
    "gu-IN",
    "he-IL",
    "hi-IN",
    "hr-HR",
    "hu-HU",
    "hy-AM",
    "id-ID",
    "is-IS",
    "it-IT",
    "ja-JP",
    "jv-ID",
    "ka-GE",
    "km-KH",
    "kn-IN",
    "ko-KR",
    "lo-LA",
    "lt-LT",
    "lv-LV",
    "mk-MK",
    "ml-IN",
    "mn-MN",
    "mr-IN",
    "ms-MY",
    "my-MM",
    "nar-IQ",
    "nb-NO",
    "ne-NP",
    "nl-BE",
    "nl-NL",
    "pa-guru-IN",
    "pl-PL",
    "pt-BR",
    "pt-PT",
    "ro-RO",
    "ru-RU",
    "si-LK",
    "sk-SK",
    "sl-SI",
    "sq-AL",
    "sr-RS",
    "su-ID",
    "sv-SE",
    "sw-KE",
    "sw-TZ",
    "ta-IN",
    "ta-LK",
    "ta-MY",
    "ta-SG",
    "te-IN",
    "th-TH",
    "tr-TR",
    "uk-UA",
    "ur-IN",
    "ur-PK",
    "uz-UZ",
    "vi-VN",
    "yue-Hant-HK",
    "zh",
    "cmn-Hans-CN",
    "zh-TW",
    "cmn-Hant-TW",
    "zu-ZA",
];

/// Hints are words or phrases of at most 100 characters, at most 500 of them.
fn are_hints(hints: &str) -> bool {
    let mut phrases = hints.split(',');
    phrases.all(|phrase| (1..=100).contains(&phrase.trim().chars().count()))
        && hints.split(',').count() <= 500
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
    let listens = input.is_some_and(|input| input.contains("speech"));
    let language = one_of(element, "language", 13331, &LANGUAGES)?.unwrap_or("en-US");
    value(element, "hints", 13330, |hints| listens && are_hints(hints))?;
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
        listens: listens.then(|| language.to_owned()),
        num_digits: number(element, "numDigits", 13314, 1..=1000)?.map(|n| n as usize),
        finish_on_key: finish.map_or(Some('#'), |key| key.chars().next()),
        timeout: number(element, "timeout", 13313, 1..=600)?.unwrap_or(5),
        action_on_empty_result: flag(element, "actionOnEmptyResult", 13338)?.unwrap_or(false),
    })
}
