//! TwiML, Twilio's answers in XML (<https://www.twilio.com/docs/messaging/twiml>,
//! <https://www.twilio.com/docs/voice/twiml>). Text never becomes markup: everything is escaped,
//! and characters that XML 1.0 forbids are dropped.

use std::fmt;

use super::voices::{self, Ssml};
use crate::platform::reply::Reply;
use crate::rules::phone::E164;

/// Twilio's limit for the text of a message, in characters.
pub const MESSAGE_LIMIT: usize = 1600;
/// Twilio's limit for a spoken text, in characters.
const SAY_LIMIT: usize = 4096;
/// After so many seconds of silence, what a caller said is complete. Digits are said with pauses.
const SPEECH_PAUSE: &str = "2";

/// A `<Response>` while it is written.
#[derive(Debug, Clone, Default)]
pub struct Response {
    xml: String,
    voice: Voice,
}

/// The voice of spoken texts. A missing field means Twilio's default
/// (<https://www.twilio.com/docs/voice/twiml/say>).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Voice {
    /// `en-US`, `da-DK`.
    pub language: Option<String>,
    /// `Polly.Joanna`, `woman`.
    pub name: Option<String>,
}

/// How a value inside a spoken text is read
/// (<https://www.twilio.com/docs/voice/twiml/say/text-speech#say-as>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadAs {
    /// A day, as `2026-11-02`.
    Date,
    /// One digit after the other.
    Digits,
}

impl ReadAs {
    /// The attributes of `<say-as>`.
    fn attributes(self, ssml: Ssml) -> &'static [(&'static str, &'static str)] {
        match (self, ssml) {
            (Self::Date, _) => &[("interpret-as", "date"), ("format", "ymd")],
            (Self::Digits, Ssml::Amazon) => &[("interpret-as", "digits")],
            // Google does not document `digits`.
            (Self::Digits, Ssml::Google) => &[("interpret-as", "characters")],
        }
    }
}

/// A text to speak. Some of its parts are values with a way to read them. A voice that does not know
/// the markup for it gets plain text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Utterance(Vec<(String, Option<ReadAs>)>);

impl Utterance {
    /// Adds a text.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.0.push((text.into(), None));
        self
    }

    /// Adds a value.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>, read_as: ReadAs) -> Self {
        self.0.push((value.into(), Some(read_as)));
        self
    }

    /// Adds another text after a blank, if neither is empty.
    #[must_use]
    pub fn then(mut self, other: Self) -> Self {
        if !self.is_empty() && !other.is_empty() {
            self = self.text(" ");
        }
        self.0.extend(other.0);
        self
    }

    /// True if there is nothing to speak.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|(part, _)| part.is_empty())
    }

    /// At most so many characters. A value is never cut in two.
    #[must_use]
    pub fn cut(self, limit: usize) -> Self {
        let mut rest = limit;
        let mut kept = Vec::new();
        for (part, read_as) in self.0 {
            let length = part.chars().count();
            if length > rest {
                if read_as.is_none() {
                    kept.push((part.chars().take(rest).collect(), None));
                }
                break;
            }
            rest -= length;
            kept.push((part, read_as));
        }
        Self(kept)
    }
}

impl fmt::Display for Utterance {
    /// The text without markup.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(part, _)| f.write_str(part))
    }
}

impl From<String> for Utterance {
    fn from(text: String) -> Self {
        Self::default().text(text)
    }
}

/// Asks for keys (<https://www.twilio.com/docs/voice/twiml/gather>). The caller can press keys
/// before the prompt ends. Twilio posts the pressed keys, or nothing, as `Digits`.
#[derive(Debug)]
pub struct Gather<'a> {
    /// The URL that Twilio posts to.
    pub action: &'a str,
    /// The number of keys after which Twilio does not wait for `#`.
    pub digits: Option<u64>,
    /// The texts that are spoken meanwhile, each by its voice.
    pub prompts: &'a [(Voice, Utterance)],
    /// Set if the caller may also speak. Twilio posts what it has understood as `SpeechResult`.
    pub listen: Option<Listen<'a>>,
}

/// How Twilio listens to a caller.
#[derive(Debug, Clone, Copy)]
pub struct Listen<'a> {
    /// The language that the caller speaks, such as `da-DK`.
    pub language: &'a str,
    /// Words that the caller may say, separated by commas.
    pub hints: &'a str,
}

/// Calls a number and connects the caller (<https://www.twilio.com/docs/voice/twiml/dial>). The
/// caller hears ringing until the call is answered, and is billed from then.
#[derive(Debug)]
pub struct Dial<'a> {
    /// The number to call.
    pub number: &'a E164,
    /// The number that the called phone shows.
    pub caller_id: &'a E164,
    /// Seconds for which the phone rings.
    pub timeout: u64,
    /// Seconds after which Twilio ends the call.
    pub time_limit: u64,
    /// The URL where Twilio asks how to go on after the call.
    pub action: &'a str,
}

impl Response {
    /// An empty response: no answer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the voice of all texts after this.
    #[must_use]
    pub fn voice(self, voice: &Voice) -> Self {
        Self {
            voice: voice.clone(),
            ..self
        }
    }

    /// `<Message>`: answers the sender with a text of at most 1,600 characters. A longer text is
    /// cut.
    #[must_use]
    pub fn message(self, text: &str) -> Self {
        self.text("Message", &[], text, MESSAGE_LIMIT)
    }

    /// `<Message to from>`: sends a text to another number, with pictures and other media by URL.
    /// Otherwise as [`Response::message`].
    #[must_use]
    pub fn message_to(mut self, to: &E164, from: &E164, text: &str, media: &[String]) -> Self {
        let attributes = [("to", to.reveal()), ("from", from.reveal())];
        if media.is_empty() {
            return self.text("Message", &attributes, text, MESSAGE_LIMIT);
        }
        self.open("Message", &attributes);
        self = self.text("Body", &[], text, MESSAGE_LIMIT);
        self = media.iter().fold(self, |response, url| {
            response.text("Media", &[], url, usize::MAX)
        });
        self.xml.push_str("</Message>");
        self
    }

    /// `<Say>`: speaks a text of at most 4,096 characters. A longer text is cut.
    #[must_use]
    pub fn say(self, text: &str) -> Self {
        let utterance = Utterance::default().text(text);
        let voice = self.voice.clone();
        self.speak(&voice, utterance)
    }

    /// As [`Response::say`], by this voice. Only the markup around values is markup.
    #[must_use]
    pub fn speak(mut self, voice: &Voice, utterance: Utterance) -> Self {
        let ssml = voice.name.as_deref().and_then(voices::ssml);
        let attributes = [
            ("language", voice.language.as_deref()),
            ("voice", voice.name.as_deref()),
        ];
        let attributes: Vec<(&str, &str)> = attributes
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        self.open("Say", &attributes);
        for (part, read_as) in utterance.cut(SAY_LIMIT).0 {
            match read_as.zip(ssml) {
                Some((read_as, ssml)) => {
                    self = self.text("say-as", read_as.attributes(ssml), &part, SAY_LIMIT);
                }
                None => escape_into(&mut self.xml, part.chars()),
            }
        }
        self.xml.push_str("</Say>");
        self
    }

    /// `<Pause>`: silence.
    #[must_use]
    pub fn pause(mut self, seconds: u64) -> Self {
        self.open("Pause", &[("length", &seconds.to_string())]);
        self.xml.push_str("</Pause>");
        self
    }

    /// `<Gather>` of keys, or of keys and speech.
    #[must_use]
    pub fn gather(mut self, gather: &Gather<'_>) -> Self {
        let digits = gather.digits.map(|digits| digits.to_string());
        let input = gather.listen.map_or("dtmf", |_| "dtmf speech");
        let mut attributes = vec![
            ("input", input),
            ("action", gather.action),
            ("method", "POST"),
            ("finishOnKey", "#"),
            ("timeout", "8"),
            ("actionOnEmptyResult", "true"),
        ];
        attributes.extend(digits.as_deref().map(|digits| ("numDigits", digits)));
        if let Some(listen) = gather.listen {
            attributes.extend([
                ("language", listen.language),
                ("hints", listen.hints),
                ("speechTimeout", SPEECH_PAUSE),
            ]);
        }
        self.open("Gather", &attributes);
        for (voice, utterance) in gather.prompts {
            self = self.speak(voice, utterance.clone());
        }
        self.xml.push_str("</Gather>");
        self
    }

    /// `<Dial>`.
    #[must_use]
    pub fn dial(self, dial: &Dial<'_>) -> Self {
        let attributes = [
            ("answerOnBridge", "true"),
            ("callerId", dial.caller_id.reveal()),
            ("timeLimit", &dial.time_limit.to_string()),
            ("timeout", &dial.timeout.to_string()),
            ("action", dial.action),
            ("method", "POST"),
        ];
        self.text("Dial", &attributes, dial.number.reveal(), usize::MAX)
    }

    /// `<Record>` after a beep, until `#`, five seconds of silence, or `max_seconds`; Twilio then
    /// posts to `action` (<https://www.twilio.com/docs/voice/twiml/record>).
    #[must_use]
    pub fn record(mut self, action: &str, max_seconds: u64) -> Self {
        let attributes = [
            ("action", action),
            ("method", "POST"),
            ("maxLength", &max_seconds.to_string()),
            ("timeout", "5"),
            ("finishOnKey", "#"),
            ("playBeep", "true"),
        ];
        self.open("Record", &attributes);
        self.xml.push_str("</Record>");
        self
    }

    /// `<Hangup/>`.
    #[must_use]
    pub fn hangup(mut self) -> Self {
        self.xml.push_str("<Hangup/>");
        self
    }

    /// The document.
    pub fn to_xml(&self) -> String {
        if self.xml.is_empty() {
            return "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>".to_owned();
        }
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>{}</Response>",
            self.xml
        )
    }

    /// The answer: 200, `text/xml`, in UTF-8. The XML names its encoding itself, but proxies and
    /// consoles also read the answer. They take a `text` without a character set as ASCII.
    pub fn into_reply(self, outcome: &'static str) -> Reply {
        Reply::body(200, outcome, "text/xml; charset=utf-8", self.to_xml())
    }

    fn text(mut self, name: &str, attributes: &[(&str, &str)], text: &str, limit: usize) -> Self {
        self.open(name, attributes);
        escape_into(&mut self.xml, text.chars().take(limit));
        self.xml.push_str("</");
        self.xml.push_str(name);
        self.xml.push('>');
        self
    }

    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.xml.push('<');
        self.xml.push_str(name);
        for (name, value) in attributes {
            self.xml.push(' ');
            self.xml.push_str(name);
            self.xml.push_str("=\"");
            escape_into(&mut self.xml, value.chars());
            self.xml.push('"');
        }
        self.xml.push('>');
    }
}

/// Appends text so that it is safe both as content and as an attribute value.
fn escape_into(xml: &mut String, text: impl Iterator<Item = char>) {
    for character in text {
        match character {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\'' => xml.push_str("&apos;"),
            // A literal CR would be read back as LF.
            '\r' => xml.push_str("&#13;"),
            '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => {
                xml.push(character);
            }
            _ => {}
        }
    }
}
