//! All words that people hear or read, in every language.
//!
//! The texts are in the files `<language>.ftl` beside this crate's `Cargo.toml`, in the syntax of
//! Project Fluent (<https://projectfluent.org>). To change a text, change it there. To add a
//! language, add a file. The build checks that every language has every text, with the same
//! variables. Each text becomes a constant here; `confirmed` in a file is [`CONFIRMED`].
//!
//! A function links only the texts that it uses. The texts stay in Fluent's syntax and are read
//! when they are needed, which takes some microseconds.
//!
//! This crate knows languages and texts. `shared::rules::words` says which language a person gets.

mod example;
mod file;
mod language;
mod overrides;
mod pattern;
mod write;

use std::borrow::Cow;
use std::fmt;

use fluent_syntax::ast::{Entry, Pattern};
use fluent_syntax::parser;
use intl_pluralrules::{PluralCategory, PluralRuleType, PluralRules};
use unic_langid::LanguageIdentifier;

pub use file::texts;
use language::About;
pub use language::{Language, NoLanguage};
pub use overrides::{Overrides, check};

include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

/// A text of the catalogue.
#[derive(Debug)]
pub struct Message {
    /// Its name in the files.
    pub id: &'static str,
    /// Whether it is sent as an SMS, or as a part of one: its comment says so.
    pub is_sms: bool,
    /// The names of its variables.
    pub variables: &'static [&'static str],
    /// The texts, by language.
    sources: &'static [&'static str],
}

/// The value of a variable.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// Stands as it is.
    Text(Cow<'a, str>),
    /// A number that also chooses among singular and plural forms.
    #[doc(hidden)]
    Count(u64, fn(Language, u64) -> &'static str),
}

impl Value<'_> {
    /// A number of things.
    pub fn count(number: u64) -> Self {
        // Only programs that count link the rules for plurals.
        Self::Count(number, plural)
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Count(number, _) => number.fmt(f),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl Message {
    /// The text in a language, with these values for its variables.
    pub fn text(&self, language: Language, values: &[(&str, Value<'_>)]) -> String {
        // The build has checked the catalogue.
        render(self.source(language), language, values).unwrap_or_default()
    }

    /// The text with its name, in Fluent's syntax.
    pub fn source(&self, language: Language) -> &'static str {
        self.sources[language.index()]
    }
}

/// Writes the one message of a source. `None` if there is none.
fn render(source: &str, language: Language, values: &[(&str, Value<'_>)]) -> Option<String> {
    let find = |name: &str| values.iter().find(|(known, _)| *known == name);
    let value = |name: &str| {
        find(name)
            .map(|(_, value)| value.to_string())
            .unwrap_or_default()
    };
    let fits = |name: &str, key: &str| match find(name) {
        Some((_, Value::Text(text))) => text == key,
        Some((_, Value::Count(number, plural))) => {
            number.to_string() == key || plural(language, *number) == key
        }
        None => false,
    };
    let mut text = String::new();
    write::write(&pattern_of(source)?, &value, &fits, &mut text);
    Some(text)
}

/// The pattern of the one message of a source.
fn pattern_of(source: &str) -> Option<Pattern<&str>> {
    let mut resource = parser::parse_runtime(source).ok()?;
    match (resource.body.pop()?, resource.body.is_empty()) {
        (Entry::Message(message), true) if message.attributes.is_empty() => message.value,
        _ => None,
    }
}

/// The plural category of a number (<https://www.unicode.org/cldr/charts/latest/supplemental/language_plural_rules.html>).
fn plural(language: Language, number: u64) -> &'static str {
    let rules = language.tag().parse::<LanguageIdentifier>().ok();
    let rules = rules.and_then(|tag| PluralRules::create(tag, PluralRuleType::CARDINAL).ok());
    let category = rules.and_then(|rules| rules.select(number).ok());
    match category {
        Some(PluralCategory::ZERO) => "zero",
        Some(PluralCategory::ONE) => "one",
        Some(PluralCategory::TWO) => "two",
        Some(PluralCategory::FEW) => "few",
        Some(PluralCategory::MANY) => "many",
        Some(PluralCategory::OTHER) | None => "other",
    }
}
