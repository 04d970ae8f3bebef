//! The languages of the catalogue, and which one a locale or a country means.

use std::fmt;
use std::str::FromStr;

use crate::LANGUAGES;

/// What the head of a language's file says.
pub(crate) struct About {
    pub(crate) tag: &'static str,
    pub(crate) name: &'static str,
    pub(crate) locales: &'static [&'static str],
    pub(crate) countries: &'static [&'static str],
    pub(crate) speech: &'static str,
    pub(crate) voice: &'static str,
    pub(crate) decimal: &'static str,
    pub(crate) is_reviewed: bool,
}

/// A longer locale is none (RFC 5646, section 4.4.1).
const LONGEST_LOCALE: usize = 35;

/// A language of the catalogue.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Language(usize);

impl Language {
    /// The language that every text has.
    pub const ENGLISH: Self = Self(0);

    /// All languages, English first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..LANGUAGES.len()).map(Self)
    }

    /// The language of a locale such as `da-DK`, `pt_BR` or `no`.
    pub fn of_locale(locale: &str) -> Option<Self> {
        let locale = locale.trim();
        if locale.len() > LONGEST_LOCALE {
            return None;
        }
        let locale = locale.replace('_', "-").to_ascii_lowercase();
        std::iter::successors(Some(locale.as_str()), |locale| {
            locale.rsplit_once('-').map(|(parent, _)| parent)
        })
        .find_map(|locale| Self::all().find(|one| one.about().locales.contains(&locale)))
    }

    /// The language that most people with a phone number of this country (ISO 3166, such as `DK`)
    /// understand.
    pub fn of_country(country: &str) -> Option<Self> {
        Self::all().find(|one| one.about().countries.contains(&country))
    }

    /// The countries whose phone numbers get this language (ISO 3166).
    pub fn countries(self) -> &'static [&'static str] {
        self.about().countries
    }

    /// The language's tag, `da`.
    pub fn tag(self) -> &'static str {
        self.about().tag
    }

    /// The language's own name, `Dansk`.
    pub fn name(self) -> &'static str {
        self.about().name
    }

    /// The language of a voice that speaks it, `da-DK` (BCP 47).
    pub fn speech(self) -> &'static str {
        self.about().speech
    }

    /// Twilio's name of a voice that speaks it
    /// (<https://www.twilio.com/docs/voice/twiml/say/text-speech>).
    pub fn voice(self) -> &'static str {
        self.about().voice
    }

    /// What stands before the decimals of a number.
    pub fn decimal(self) -> &'static str {
        self.about().decimal
    }

    /// Whether somebody who speaks the language has read the texts.
    pub fn is_reviewed(self) -> bool {
        self.about().is_reviewed
    }

    pub(crate) fn index(self) -> usize {
        self.0
    }

    fn about(self) -> &'static About {
        &LANGUAGES[self.0]
    }
}

/// The text is not the tag of a language in the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoLanguage;

impl FromStr for Language {
    type Err = NoLanguage;

    fn from_str(tag: &str) -> Result<Self, NoLanguage> {
        let tag = tag.trim();
        let is_it = |one: &Self| one.tag().eq_ignore_ascii_case(tag);
        Self::all().find(is_it).ok_or(NoLanguage)
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}
