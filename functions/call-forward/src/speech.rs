//! What a caller hears: the words of the caller's language, and a voice that speaks it.

use std::time::SystemTime;

use shared::platform::Platform;
use shared::platform::config::Source;
use shared::platform::reply::Reply;
use shared::rules::phone::E164;
use shared::rules::words::{Localizer, Words};
use shared::vendors::twilio::twiml::{Response, Voice};
use words::{Language, Message, Value};

/// The languages of callers and employees.
pub(crate) struct Speech {
    pub(crate) words: Words,
    /// False if everybody hears English: then the account's own voice at Twilio speaks.
    has_voices: bool,
}

/// Who speaks to a caller.
pub(crate) struct Speaker {
    texts: Localizer,
    voice: Voice,
}

impl Speech {
    /// Reads the languages; problems are noted in `source`.
    pub(crate) fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let words = Words::read(platform, source);
        let is_english = words.languages().eq([Language::ENGLISH]);
        Self {
            words,
            has_voices: !is_english,
        }
    }

    /// Reads the texts for a caller, which takes at most 300 ms. After that, [`Speech::speaker`] has
    /// them.
    pub(crate) async fn fetch(&self, from: Option<&E164>, now: SystemTime) {
        self.words.for_person(None, from, now).await;
    }

    /// Who speaks to a caller.
    pub(crate) fn speaker(&self, from: Option<&E164>) -> Speaker {
        let language = self.words.language(None, from);
        let voice = if self.has_voices {
            Voice {
                language: Some(language.speech().to_owned()),
                name: Some(language.voice().to_owned()),
            }
        } else {
            Voice::default()
        };
        Speaker {
            texts: self.words.at_once(language),
            voice,
        }
    }
}

impl Speaker {
    /// A response that is spoken in the caller's language.
    pub(crate) fn response(&self) -> Response {
        Response::new().voice(&self.voice)
    }

    /// The words of a message.
    pub(crate) fn text(&self, message: &Message) -> String {
        self.texts.text(message)
    }

    /// The words of a message with these values.
    pub(crate) fn with(&self, message: &Message, values: &[(&str, Value<'_>)]) -> String {
        self.texts.with(message, values)
    }

    /// The words, and the end of the call.
    pub(crate) fn last(&self, message: &Message) -> Response {
        self.response().say(&self.text(message)).hangup()
    }

    /// The end of a call that has gone well.
    pub(crate) fn goodbye(&self, outcome: &'static str) -> Reply {
        self.last(&words::GOODBYE).into_reply(outcome)
    }
}
