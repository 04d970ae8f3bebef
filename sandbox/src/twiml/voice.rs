//! The verbs of calls. Attributes with which Twilio would make further requests (`statusCallback`,
//! `<Number url>`, `transcribeCallback`...) are refused: the simulator does not make such requests.
//! Error codes: <https://www.twilio.com/docs/api/errors>.

use std::ops::RangeInclusive;

use super::{Element, Error, check, error, response};
use crate::twilio::e164;

/// A verb of a voice document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VoiceVerb {
    /// `<Say>`: a spoken text.
    Say {
        /// Up to 4,096 characters.
        text: String,
        /// `alice`, `Polly.Amy`...; `None`: Twilio's default.
        voice: Option<String>,
        /// A tag such as `en-US`; `None`: Twilio's default.
        language: Option<String>,
        /// How often it is spoken; 0: without end.
        times: u32,
    },
    /// `<Play>`: a sound, or the keys of `digits`.
    Play {
        /// The URL of the sound; empty if there are only keys to send.
        url: String,
        /// How often it is played; 0: without end.
        times: u32,
    },
    /// `<Pause>`: silence, seconds.
    Pause(u32),
    /// `<Gather>`.
    Gather(Gather),
    /// `<Dial>`.
    Dial(Dial),
    /// `<Record>`.
    Record(Record),
    /// `<Redirect>`: the call continues with the document at this URL. A relative URL is resolved
    /// against the current document's.
    Redirect {
        /// The URL as written.
        url: String,
        /// `GET` or `POST` (default).
        method: String,
    },
    /// `<Hangup>`.
    Hangup,
    /// `<Reject>`: the call is not answered. It is allowed only as the first verb.
    Reject {
        /// `rejected` (default) or `busy`.
        reason: String,
    },
}

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

const KEYS: &str = "0123456789*#";
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

/// The verbs of an answer to a call.
pub fn voice(document: &str) -> Result<Vec<VoiceVerb>, Error> {
    let verbs = response(document)?
        .children
        .iter()
        .map(verb)
        .collect::<Result<Vec<_>, _>>()?;
    if verbs
        .iter()
        .skip(1)
        .any(|verb| matches!(verb, VoiceVerb::Reject { .. }))
    {
        return error(12200, "<Reject> is not the first verb");
    }
    Ok(verbs)
}

/// The attribute's value, if it passes `fits`. `code` is the error for a wrong value.
fn value<'a>(
    element: &'a Element,
    name: &str,
    code: u32,
    fits: impl Fn(&str) -> bool,
) -> Result<Option<&'a str>, Error> {
    match element.attribute(name) {
        Some(value) if !fits(value) => error(
            code,
            format!("{}: Invalid {name} value {value:?}", element.name),
        ),
        value => Ok(value),
    }
}

fn one_of<'a>(
    element: &'a Element,
    name: &str,
    code: u32,
    words: &[&str],
) -> Result<Option<&'a str>, Error> {
    value(element, name, code, |value| words.contains(&value))
}

fn number(
    element: &Element,
    name: &str,
    code: u32,
    range: RangeInclusive<u32>,
) -> Result<Option<u32>, Error> {
    let digits = value(element, name, code, |value| {
        value.bytes().all(|b| b.is_ascii_digit())
            && value.parse().is_ok_and(|number| range.contains(&number))
    })?;
    Ok(digits.and_then(|digits| digits.parse().ok()))
}

fn flag(element: &Element, name: &str, code: u32) -> Result<Option<bool>, Error> {
    Ok(one_of(element, name, code, &["true", "false"])?.map(|word| word == "true"))
}

fn method(element: &Element, code: u32) -> Result<String, Error> {
    Ok(one_of(element, "method", code, &["GET", "POST"])?
        .unwrap_or("POST")
        .to_owned())
}

/// True for a language tag such as `en-US`, `cmn-Hans-CN` or `es-419`.
fn language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    parts.next().is_some_and(|first| {
        matches!(first.len(), 2 | 3) && first.bytes().all(|b| b.is_ascii_lowercase())
    }) && parts
        .all(|part| matches!(part.len(), 2..=8) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn owned(value: Option<&str>) -> Option<String> {
    value.map(str::to_owned)
}

/// Checks that an element has no text besides its children.
fn no_text(element: &Element) -> Result<(), Error> {
    if element.text.trim().is_empty() {
        Ok(())
    } else {
        error(12200, format!("text in <{}>", element.name))
    }
}

fn verb(element: &Element) -> Result<VoiceVerb, Error> {
    let text = element.text.trim();
    match element.name.as_str() {
        "Say" => {
            check(element, &["voice", "language", "loop"], &[])?;
            let voice = value(element, "voice", 13511, |voice| {
                let vendors = ["Polly.", "Google."];
                ["man", "woman", "alice"].contains(&voice)
                    || vendors.iter().any(|vendor| {
                        voice
                            .strip_prefix(vendor)
                            .is_some_and(|name| !name.is_empty())
                    })
            })?;
            let language = value(element, "language", 13512, language)?;
            let times = number(element, "loop", 13510, 0..=1000)?.unwrap_or(1);
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
        "Play" => {
            check(element, &["loop", "digits"], &[])?;
            let digits = value(element, "digits", 13430, |keys| {
                keys.chars()
                    .all(|key| KEYS.contains(key) || "wW".contains(key))
            })?;
            if text.is_empty() && digits.is_none() {
                return error(12200, "<Play> needs a URL or digits");
            }
            Ok(VoiceVerb::Play {
                url: text.to_owned(),
                times: number(element, "loop", 13410, 0..=1000)?.unwrap_or(1),
            })
        }
        "Pause" => {
            check(element, &["length"], &[])?;
            no_text(element)?;
            Ok(VoiceVerb::Pause(
                number(element, "length", 13910, 1..=600)?.unwrap_or(1),
            ))
        }
        "Gather" => gather(element).map(VoiceVerb::Gather),
        "Dial" => dial(element).map(VoiceVerb::Dial),
        "Record" => record(element).map(VoiceVerb::Record),
        "Redirect" => {
            check(element, &["method"], &[])?;
            if text.is_empty() {
                return error(12200, "<Redirect> needs a URL");
            }
            Ok(VoiceVerb::Redirect {
                url: text.to_owned(),
                method: method(element, 13710)?,
            })
        }
        "Hangup" => {
            check(element, &[], &[])?;
            no_text(element)?;
            Ok(VoiceVerb::Hangup)
        }
        "Reject" => {
            check(element, &["reason"], &[])?;
            no_text(element)?;
            let reason =
                one_of(element, "reason", 13810, &["rejected", "busy"])?.unwrap_or("rejected");
            Ok(VoiceVerb::Reject {
                reason: reason.to_owned(),
            })
        }
        "Sms" => error(12200, "<Sms> is deprecated in calls"),
        name => error(12200, format!("<{name}> is not a voice verb")),
    }
}

fn gather(element: &Element) -> Result<Gather, Error> {
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

fn dial(element: &Element) -> Result<Dial, Error> {
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

fn record(element: &Element) -> Result<Record, Error> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn say(text: &str) -> VoiceVerb {
        VoiceVerb::Say {
            text: text.to_owned(),
            voice: None,
            language: None,
            times: 1,
        }
    }

    fn one(verb: &str) -> Result<VoiceVerb, u32> {
        voice(&format!("<Response>{verb}</Response>"))
            .map(|mut verbs| verbs.remove(0))
            .map_err(|error| error.code)
    }

    #[test]
    fn defaults_are_twilios() {
        let dial = Dial {
            number: "+4512345678".to_owned(),
            action: None,
            method: "POST".to_owned(),
            timeout: 30,
            time_limit: 14_400,
            caller_id: None,
            hangup_on_star: false,
            answer_on_bridge: false,
            ring_tone: None,
            record: false,
        };
        let gather = Gather {
            verbs: vec![],
            action: String::new(),
            method: "POST".to_owned(),
            keys: true,
            num_digits: None,
            finish_on_key: Some('#'),
            timeout: 5,
            action_on_empty_result: false,
        };
        let record = Record {
            action: String::new(),
            method: "POST".to_owned(),
            timeout: 5,
            max_length: 3600,
            finish_on_key: KEYS.to_owned(),
            play_beep: true,
        };
        for (text, verb) in [
            ("<Say> Æ &amp; b </Say>", say("Æ & b")),
            ("<Pause/>", VoiceVerb::Pause(1)),
            ("<Hangup/>", VoiceVerb::Hangup),
            (
                "<Reject/>",
                VoiceVerb::Reject {
                    reason: "rejected".to_owned(),
                },
            ),
            (
                "<Redirect>/a?b=1&amp;c</Redirect>",
                VoiceVerb::Redirect {
                    url: "/a?b=1&c".to_owned(),
                    method: "POST".to_owned(),
                },
            ),
            (
                "<Play>/a.mp3</Play>",
                VoiceVerb::Play {
                    url: "/a.mp3".to_owned(),
                    times: 1,
                },
            ),
            ("<Dial>+4512345678</Dial>", VoiceVerb::Dial(dial.clone())),
            (
                "<Dial> <Number>+4512345678</Number> </Dial>",
                VoiceVerb::Dial(dial.clone()),
            ),
            ("<Gather/>", VoiceVerb::Gather(gather.clone())),
            ("<Record></Record>", VoiceVerb::Record(record.clone())),
            (
                "<Dial action='/after' timeout='25' timeLimit='7200' callerId='+15005550006' answerOnBridge='true' ringTone='dk' record='record-from-answer' hangupOnStar='true' method='GET'>+4512345678</Dial>",
                VoiceVerb::Dial(Dial {
                    action: Some("/after".to_owned()),
                    method: "GET".to_owned(),
                    timeout: 25,
                    time_limit: 7200,
                    caller_id: Some("+15005550006".to_owned()),
                    hangup_on_star: true,
                    answer_on_bridge: true,
                    ring_tone: Some("dk".to_owned()),
                    record: true,
                    ..dial
                }),
            ),
            (
                "<Gather input='dtmf speech' numDigits='4' finishOnKey='' timeout='6' action='pin?try=1' actionOnEmptyResult='true' speechTimeout='auto' language='en-US'><Say>PIN?</Say><Pause length='2'/></Gather>",
                VoiceVerb::Gather(Gather {
                    verbs: vec![say("PIN?"), VoiceVerb::Pause(2)],
                    action: "pin?try=1".to_owned(),
                    num_digits: Some(4),
                    finish_on_key: None,
                    timeout: 6,
                    action_on_empty_result: true,
                    ..gather
                }),
            ),
            (
                "<Record action='/after' maxLength='120' timeout='3' finishOnKey='#' playBeep='false'/>",
                VoiceVerb::Record(Record {
                    action: "/after".to_owned(),
                    timeout: 3,
                    max_length: 120,
                    finish_on_key: "#".to_owned(),
                    play_beep: false,
                    ..record
                }),
            ),
        ] {
            assert_eq!(one(text), Ok(verb), "{text}");
        }
        assert_eq!(voice("<Response/>"), Ok(vec![]));
    }

    #[test]
    fn faults_are_named_as_twilio_names_them() {
        for (verb, code) in [
            ("<Message>x</Message>", 12200),
            ("<Sms>x</Sms>", 12200),
            ("<say>x</say>", 12200),
            ("<Say/>", 13520),
            ("<Say voice='bob'>x</Say>", 13511),
            ("<Say voice='Polly.'>x</Say>", 13511),
            ("<Say language='english'>x</Say>", 13512),
            ("<Say loop='-1'>x</Say>", 13510),
            ("<Say speed='2'>x</Say>", 12200),
            ("<Say><b>x</b></Say>", 12200),
            ("<Play/>", 12200),
            ("<Play loop='x'>/a</Play>", 13410),
            ("<Play digits='a'/>", 13430),
            ("<Pause length='+1'/>", 13910),
            ("<Gather><Dial>+4512345678</Dial></Gather>", 13320),
            ("<Gather numDigits='0'/>", 13314),
            ("<Gather timeout='soon'/>", 13313),
            ("<Gather finishOnKey='##'/>", 13310),
            ("<Gather method='PUT'/>", 13312),
            ("<Gather input='voice'/>", 13326),
            ("<Gather actionOnEmptyResult='yes'/>", 13338),
            ("<Gather numdigits='4'/>", 12200),
            ("<Gather>x</Gather>", 12200),
            ("<Dial/>", 13223),
            ("<Dial>12345678</Dial>", 13223),
            ("<Dial>+45 12 34 56 78</Dial>", 13223),
            ("<Dial><Client>x</Client></Dial>", 13215),
            (
                "<Dial><Number>+4512345678</Number><Number>+4512345679</Number></Dial>",
                13215,
            ),
            (
                "<Dial><Number sendDigits='x'>+4512345678</Number></Dial>",
                13222,
            ),
            (
                "<Dial><Number url='/whisper'>+4512345678</Number></Dial>",
                12200,
            ),
            ("<Dial>x<Number>+4512345678</Number></Dial>", 12200),
            ("<Dial timeout='4'>+4512345678</Dial>", 13212),
            ("<Dial timeout='25s'>+4512345678</Dial>", 13212),
            ("<Dial timeLimit='0'>+4512345678</Dial>", 13216),
            ("<Dial callerId='anonymous'>+4512345678</Dial>", 13214),
            ("<Dial callerId=''>+4512345678</Dial>", 13214),
            ("<Dial hangupOnStar='1'>+4512345678</Dial>", 13213),
            ("<Dial record='yes'>+4512345678</Dial>", 13217),
            ("<Dial method='DELETE'>+4512345678</Dial>", 13210),
            ("<Dial ringTone='xx'>+4512345678</Dial>", 12200),
            ("<Dial statusCallback='/x'>+4512345678</Dial>", 12200),
            ("<Record maxLength='0'/>", 13612),
            ("<Record timeout='x'/>", 13611),
            ("<Record finishOnKey='a'/>", 13613),
            ("<Record playBeep='1'/>", 13616),
            ("<Record transcribeCallback='/x'/>", 12200),
            ("<Redirect/>", 12200),
            ("<Redirect method='get'>/x</Redirect>", 13710),
            ("<Hangup>x</Hangup>", 12200),
            ("<Reject reason='no'/>", 13810),
            ("<Say>x</Say><Reject/>", 12200),
        ] {
            assert_eq!(one(verb), Err(code), "{verb}");
        }
        assert!(one(&format!("<Say>{}</Say>", "æ".repeat(4096))).is_ok());
        assert_eq!(one(&format!("<Say>{}</Say>", "æ".repeat(4097))), Err(13521));
        assert_eq!(voice("<Reply/>").map_err(|error| error.code), Err(12102));
    }
}
