//! `<Say>`: its voice, its language, and the markup in it.

use super::VoiceVerb;
use crate::twiml::{
    schema::{check, number, one_of, owned, value},
    xml::{Element, Error, error},
};

/// As in twilio-node's `SayLanguage`.
const LANGUAGES: [&str; 69] = [
    "af-ZA",
    "am-ET",
    "ar-AE",
    "ar-XA",
    "arb",
    "bg-BG",
    "bn-IN",
    "ca-ES",
    "cmn-CN",
    "cmn-TW",
    "cs-CZ",
    "cy-GB",
    "da-DK",
    "de-AT",
    "de-DE",
    "el-GR",
    "en-AU",
    "en-CA",
    "en-GB",
    "en-GB-WLS",
    "en-IE",
    "en-IN",
    "en-NZ",
    "en-US",
    "en-ZA",
    "es-ES",
    "es-MX",
    "es-US",
    "fi-FI",
    "fil-PH",
    "fr-CA",
    "fr-FR",
    "fr-BE",
    "gu-IN",
    "he-IL",
    "hi-IN",
    "hu-HU",
    "id-ID",
    "is-IS",
    "it-IT",
    "ja-JP",
    "kn-IN",
    "ko-KR",
    "lv-LV",
    "ml-IN",
    "mr-IN",
    "ms-MY",
    "nb-NO",
    "nl-BE",
    "nl-NL",
    "pa-IN",
    "pl-PL",
    "pt-BR",
    "pt-PT",
    "ro-RO",
    "ru-RU",
    "sk-SK",
    "sr-RS",
    "sv-SE",
    "ta-IN",
    "te-IN",
    "th-TH",
    "tr-TR",
    "uk-UA",
    "vi-VN",
    "yue-HK",
    "zh-CN",
    "zh-HK",
    "zh-TW",
];

/// As in twilio-node's `SsmlSayAsInterpretAs`.
const INTERPRETATIONS: [&str; 13] = [
    "characters",
    "spell-out",
    "cardinal",
    "number",
    "ordinal",
    "digits",
    "fraction",
    "unit",
    "date",
    "time",
    "address",
    "expletive",
    "telephone",
];

/// As in twilio-node's `SsmlSayAsFormat`.
const FORMATS: [&str; 11] = [
    "mdy", "dmy", "ymd", "md", "dm", "ym", "my", "d", "m", "y", "yyyymmdd",
];

pub(super) fn say(element: &Element) -> Result<VoiceVerb, Error> {
    check(element, &["voice", "language", "loop"], &["say-as"])?;
    let voice = value(element, "voice", 13511, |voice| {
        let vendors = ["Polly.", "Google."];
        ["man", "woman", "alice"].contains(&voice)
            || vendors.iter().any(|vendor| {
                voice
                    .strip_prefix(vendor)
                    .is_some_and(|name| !name.is_empty())
            })
    })?;
    let language = one_of(element, "language", 13512, &LANGUAGES)?;
    let times = number(element, "loop", 13510, 0..=1000)?.unwrap_or(1);
    // Google's Chirp voices take no markup.
    let takes_markup = voice.is_some_and(|voice| voice.contains('.') && !voice.contains("-Chirp"));
    if !element.children.is_empty() && !takes_markup {
        return error(13520, "Say: this voice takes no markup");
    }
    for child in &element.children {
        say_as(child)?;
    }
    let text = element.whole.trim();
    match text.chars().count() {
        0 => error(13520, "Say: Invalid text"),
        4097.. => error(13521, "Say: character limit exceeded"),
        _ => Ok(VoiceVerb::Say {
            text: text.to_owned(),
            voice: owned(voice),
            language: owned(language),
            times,
        }),
    }
}

/// `<say-as>`: a value and the way to read it.
fn say_as(element: &Element) -> Result<(), Error> {
    check(element, &["interpret-as", "format"], &[])?;
    let read_as = one_of(element, "interpret-as", 13520, &INTERPRETATIONS)?;
    let format = one_of(element, "format", 13520, &FORMATS)?;
    match (read_as, format) {
        (Some("date"), Some(_)) => Ok(()),
        (Some("date") | None, _) => error(13520, "say-as: how to read it is missing"),
        (Some(_), Some(_)) => error(13520, "say-as: only a date has a format"),
        (Some("digits"), None) if !element.text.bytes().all(|b| b.is_ascii_digit()) => {
            error(13520, "say-as: these are no digits")
        }
        (Some(_), None) => Ok(()),
    }
}
