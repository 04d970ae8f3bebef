//! The verbs of calls. Attributes with which Twilio would make further requests (`statusCallback`,
//! `<Number url>`, `transcribeCallback`...) are refused: the simulator does not make such requests.
//! Error codes: <https://www.twilio.com/docs/api/errors>.

mod dial;
mod gather;
mod record;
mod say;

pub use dial::Dial;
pub use gather::Gather;
pub use record::Record;

use super::{
    schema::{KEYS, check, method, no_text, number, one_of, response, value},
    xml::{Element, Error, error},
};
use dial::dial;
use gather::gather;
use record::record;
use say::say;

/// A verb of a voice document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VoiceVerb {
    /// `<Say>`: a spoken text.
    Say {
        /// Up to 4,096 characters, without markup.
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

fn verb(element: &Element) -> Result<VoiceVerb, Error> {
    let text = element.text.trim();
    match element.name.as_str() {
        "Say" => say(element),
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
            listens: None,
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
            (
                "<Say voice='Polly.Naja' language='da-DK'>Den <say-as interpret-as='date' format='ymd'>2026-11-02</say-as>, <say-as interpret-as='digits'>0010</say-as>.</Say>",
                VoiceVerb::Say {
                    text: "Den 2026-11-02, 0010.".to_owned(),
                    voice: Some("Polly.Naja".to_owned()),
                    language: Some("da-DK".to_owned()),
                    times: 1,
                },
            ),
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
                    listens: Some("en-US".to_owned()),
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
            ("<Say language='da'>x</Say>", 13512),
            ("<Say><say-as interpret-as='digits'>1</say-as></Say>", 13520),
            ("<Say voice='Polly.Naja'><say-as>1</say-as></Say>", 13520),
            (
                "<Say voice='Polly.Naja'><say-as interpret-as='date'>1</say-as></Say>",
                13520,
            ),
            (
                "<Say voice='Polly.Naja'><say-as interpret-as='digits'>1x</say-as></Say>",
                13520,
            ),
            (
                "<Say voice='Polly.Naja'><say-as interpret-as='digit'>1</say-as></Say>",
                13520,
            ),
            (
                "<Say voice='Google.da-DK-Chirp3-HD-Kore'><say-as interpret-as='ordinal'>1</say-as></Say>",
                13520,
            ),
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
            ("<Gather input='dtmf speech' language='da'/>", 13331),
            ("<Gather hints='x'/>", 13330),
            ("<Gather input='dtmf speech' hints='x,,y'/>", 13330),
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
