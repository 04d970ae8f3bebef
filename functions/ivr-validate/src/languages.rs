//! Which language a call has, which voice speaks it, and which words are said.
//!
//! A call has the language of `IVR_LANGUAGE`, else the one that the caller chose among
//! `IVR_LANGUAGES`, else the one of the caller's number, else `DEFAULT_LANGUAGE`.
//!
//! Without `LANGUAGES` and `IVR_LANGUAGES` everybody hears one language, and the account's default
//! voice for it at Twilio.

use std::time::SystemTime;

use futures_util::future::join_all;
use shared::platform::Platform;
use shared::platform::config::Source;
use shared::rules::phone::E164;
use shared::rules::words::{Localizer, Words};
use shared::vendors::twilio::twiml::{Utterance, Voice};
use shared::vendors::twilio::voices;
use words::{Language, Message, Value};

/// As many as there are keys from 1 to 9.
const MOST: usize = 9;

/// The languages of calls, and their voices.
#[derive(Debug)]
pub(crate) struct Languages {
    words: Words,
    /// `IVR_LANGUAGE`: the words' language and the voice's.
    fixed: Option<(Language, &'static str)>,
    /// What callers choose among, by key.
    offered: Vec<Language>,
    /// `IVR_VOICE`.
    voice: Option<String>,
    /// True if calls may have different languages.
    is_by_call: bool,
    /// True if callers may speak instead of pressing keys.
    pub(crate) listens: bool,
}

impl Languages {
    /// Reads the languages and voices, and reports problems to `source`.
    pub(crate) fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let words = Words::read(platform, source);
        let fixed = fixed(source);
        let mut offered = offered(source);
        if fixed.is_some() && !offered.is_empty() {
            tracing::warn!(
                "IVR_LANGUAGES is not used, because IVR_LANGUAGE sets one for everybody"
            );
            offered = Vec::new();
        }
        let is_by_call =
            fixed.is_none() && (source.optional("LANGUAGES").is_some() || !offered.is_empty());
        let voice = source.optional("IVR_VOICE");
        let languages = Self {
            words,
            fixed,
            offered,
            voice: voice.map(|name| name.trim().to_owned()),
            is_by_call,
            listens: source.flag("IVR_SPEECH", false),
        };
        languages.check(source);
        languages
    }

    /// Checks that `IVR_VOICE` speaks what it shall speak, and that Twilio understands it.
    fn check(&self, source: &mut Source<'_>) {
        let tags = self.all().map(|language| self.tag(language));
        let tags: Vec<&str> = tags.collect();
        if self.listens
            && let Some(tag) = tags.iter().find(|tag| voices::understood(tag).is_none())
        {
            source.problem(format!("IVR_SPEECH: Twilio does not understand {tag}"));
        }
        let Some(name) = &self.voice else {
            return;
        };
        let refusals = tags.iter().filter_map(|tag| {
            let why = voices::speaks(name, tag).err()?;
            Some((*tag, why))
        });
        let (silent, reasons): (Vec<&str>, Vec<String>) = refusals.unzip();
        match reasons.first() {
            Some(why) if silent.len() == tags.len() => {
                source.problem(format!("IVR_VOICE {name} {why}"));
            }
            Some(_) => tracing::warn!(
                "IVR_VOICE {name} does not speak {}; there the language's own voice speaks",
                silent.join(", ")
            ),
            None => {}
        }
    }

    /// All languages that a call may have.
    pub(crate) fn all(&self) -> impl Iterator<Item = Language> {
        let all: Vec<Language> = match self.fixed {
            Some((language, _)) => vec![language],
            None if self.offered.is_empty() => self.words.languages().collect(),
            None => self.offered.clone(),
        };
        all.into_iter()
    }

    /// The language of a call from this number, before the caller chooses one.
    pub(crate) fn of_caller(&self, from: Option<&E164>) -> Language {
        if let Some((language, _)) = self.fixed {
            return language;
        }
        if self.offered.is_empty() {
            self.words.language(None, from)
        } else {
            self.words.language_among(&self.offered, None, from)
        }
    }

    /// The language of a call that was in this one.
    pub(crate) fn now(&self, stored: Option<Language>, from: Option<&E164>) -> Language {
        let stored = stored.filter(|_| self.fixed.is_none());
        stored.unwrap_or_else(|| self.of_caller(from))
    }

    /// True if callers choose their language.
    pub(crate) fn offers(&self) -> bool {
        self.offered.len() > 1
    }

    /// The languages and their keys.
    pub(crate) fn offered(&self) -> impl Iterator<Item = (String, Language)> {
        let keys = (1..).map(|key: usize| key.to_string());
        keys.zip(self.offered.iter().copied())
    }

    /// The language of a key.
    pub(crate) fn at(&self, key: &str) -> Option<Language> {
        let mut offered = self.offered();
        offered
            .find(|(own, _)| own == key)
            .map(|(_, language)| language)
    }

    /// Reads the texts of all languages that a call may need, all at once, which takes at most 300
    /// ms. After that, [`Languages::speaker`] has them.
    pub(crate) async fn fetch(&self, language: Language, now: SystemTime) {
        let others = self.offered.iter().copied().filter(|one| *one != language);
        let all = std::iter::once(language).chain(others);
        join_all(all.map(|language| self.words.in_language(language, now))).await;
    }

    /// Who speaks this language.
    pub(crate) fn speaker(&self, language: Language) -> Speaker {
        let tag = self.tag(language);
        let own = self.is_by_call.then(|| language.voice().to_owned());
        let name = self
            .voice
            .clone()
            .filter(|name| voices::speaks(name, tag).is_ok());
        Speaker {
            words: self.words.at_once(language),
            voice: Voice {
                language: Some(tag.to_owned()),
                name: name.or(own),
            },
            tag,
            is_plain: !self.is_by_call && self.fixed.is_none(),
        }
    }

    /// The language as a voice speaks it.
    fn tag(&self, language: Language) -> &'static str {
        match self.fixed {
            Some((_, tag)) => tag,
            None => language.speech(),
        }
    }
}

/// Who speaks to a caller: a language's words and voice.
#[derive(Debug)]
pub(crate) struct Speaker {
    words: Localizer,
    pub(crate) voice: Voice,
    /// The language of the voice.
    pub(crate) tag: &'static str,
    /// True if no language was ever set. Then the answers stay as they were before there were
    /// languages: without markup.
    pub(crate) is_plain: bool,
}

impl Speaker {
    /// The language of the words.
    pub(crate) fn language(&self) -> Language {
        self.words.language()
    }

    /// The words of a message that has no variables.
    pub(crate) fn text(&self, message: &Message) -> String {
        self.words.text(message)
    }

    /// The words of a message with these values.
    pub(crate) fn with(&self, message: &Message, values: &[(&str, Value<'_>)]) -> String {
        self.words.with(message, values)
    }

    /// A message that has no variables.
    pub(crate) fn say(&self, message: &Message) -> Utterance {
        self.text(message).into()
    }
}

#[cfg(test)]
impl Speaker {
    /// Who speaks the catalogue's words.
    pub(crate) fn of(language: Language) -> Self {
        Self {
            words: Localizer::new(language),
            voice: Voice::default(),
            tag: language.speech(),
            is_plain: false,
        }
    }
}

/// Reads `IVR_LANGUAGE`.
fn fixed(source: &mut Source<'_>) -> Option<(Language, &'static str)> {
    let given = source.optional("IVR_LANGUAGE")?;
    let Some(tag) = voices::language(given.trim()) else {
        source.problem("IVR_LANGUAGE is not a language of Twilio's voices, such as en-US");
        return None;
    };
    let language = Language::of_locale(tag).unwrap_or_else(|| {
        tracing::warn!("IVR_LANGUAGE: there are no words for {tag}; its voice reads English ones");
        Language::ENGLISH
    });
    Some((language, tag))
}

/// Reads `IVR_LANGUAGES`.
fn offered(source: &mut Source<'_>) -> Vec<Language> {
    let mut offered = Vec::new();
    for tag in source.list("IVR_LANGUAGES") {
        match tag.parse() {
            Ok(language) if offered.contains(&language) => {
                source.problem(format!("IVR_LANGUAGES has {language} twice"));
            }
            Ok(language) => offered.push(language),
            Err(_) => {
                let known: Vec<&str> = Language::all().map(Language::tag).collect();
                let known = known.join(", ");
                source.problem(format!("IVR_LANGUAGES: {tag} is not one of {known}"));
            }
        }
    }
    if offered.len() > MOST {
        source.problem(format!(
            "IVR_LANGUAGES has more than {MOST} languages, the keys of a phone"
        ));
    }
    offered
}
