//! Which language a person gets, and a company's own texts in place of the catalogue's.
//!
//! The texts are in the crate `words`. A person's language is, in this order:
//!
//! 1. the locale that the source of the request gives, such as a user's preferred language,
//! 2. the language of the country of the phone number,
//! 3. `DEFAULT_LANGUAGE`.
//!
//! Each counts only if it is among `LANGUAGES`.
//!
//! The text of a setting, such as `REG_SMS_BODY`, is for everybody, in every language.
//!
//! Other texts of a company's own are in `WORDS`, as JSON. If `WORDS` is `table`, they are in the table:
//! an item for each language, which `operator words set` writes. A failure to read it costs nobody
//! an answer: the catalogue's texts are used.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use words::{Language, Message, Overrides, Value};

use crate::lock;
use crate::platform::Platform;
use crate::platform::config::Source;
use crate::platform::table::{Key, Table};
use crate::rules::phone::E164;

/// How long texts from the table are used before they are read again.
const FRESH: Duration = Duration::from_mins(5);
/// Nobody waits longer for texts from the table.
const TIME: Duration = Duration::from_millis(300);
/// The value of `WORDS` for texts in the table.
const IN_TABLE: &str = "table";
/// The value of `LANGUAGES` for every language of the catalogue.
const EVERY: &str = "all";
/// The word that confirms in every language.
const YES: &str = "YES";

/// The languages and texts from the settings.
#[derive(Debug)]
pub struct Words {
    languages: Vec<Language>,
    default: Language,
    /// Countries whose language differs from the catalogue's choice.
    countries: BTreeMap<String, Language>,
    own: Own,
    fixed: Fixed,
}

/// The texts of settings, by the name of the message.
type Fixed = Arc<BTreeMap<&'static str, String>>;

/// A company's own texts.
#[derive(Debug)]
enum Own {
    Settings(Arc<Overrides>),
    Table(Table, Mutex<HashMap<Language, Read>>),
}

/// Texts as they were read from the table.
#[derive(Debug, Clone)]
struct Read {
    texts: Arc<Overrides>,
    at: SystemTime,
}

/// The texts in one language.
#[derive(Debug, Clone)]
pub struct Localizer {
    language: Language,
    own: Arc<Overrides>,
    fixed: Fixed,
}

impl Words {
    /// Reads `LANGUAGES`, `DEFAULT_LANGUAGE`, `COUNTRY_LANGUAGES` and `WORDS`; problems are noted in
    /// `source`.
    pub fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let default = source.parsed("DEFAULT_LANGUAGE", &one_of_the_languages());
        let default = default.unwrap_or(Language::ENGLISH);
        Self {
            languages: languages(source, default),
            default,
            countries: countries(source),
            own: match source.optional("WORDS") {
                Some(text) if text.trim() == IN_TABLE => {
                    Own::Table(platform.table.clone(), Mutex::default())
                }
                text => Own::Settings(Arc::new(own(source, text.as_deref()))),
            },
            fixed: Fixed::default(),
        }
    }

    /// Takes the text of a setting, if set, in place of a message. `{name}` in it is a variable.
    pub fn fix(&mut self, source: &mut Source<'_>, setting: &str, message: &Message) {
        if let Some(text) = source.message(setting) {
            source.placeholders(setting, &text, message.variables);
            Arc::make_mut(&mut self.fixed).insert(message.id, text);
        }
    }

    /// The words that confirm: of all languages, and `YES`. If the message of these words is
    /// [fixed](Self::fix), only its words. Takes at most 300 ms.
    pub async fn confirming(&self, now: SystemTime) -> Vec<String> {
        let languages = self.languages().map(|one| self.in_language(one, now));
        self.confirming_of(join_all(languages).await)
    }

    /// As [`Words::confirming`], without a look into the table.
    pub fn confirming_at_once(&self) -> Vec<String> {
        self.confirming_of(self.languages().map(|one| self.at_once(one)))
    }

    fn confirming_of(&self, texts: impl IntoIterator<Item = Localizer>) -> Vec<String> {
        let is_fixed = self.fixed.contains_key(words::CONFIRM_WORDS.id);
        let yes = (!is_fixed).then(|| YES.to_owned());
        let words = texts.into_iter().flat_map(|texts| texts.confirming());
        yes.into_iter().chain(words).collect()
    }

    /// The languages that people get, the default first.
    pub fn languages(&self) -> impl Iterator<Item = Language> {
        let others = self.languages.iter().copied();
        std::iter::once(self.default).chain(others.filter(|one| *one != self.default))
    }

    /// The language of a person with this locale and this phone number.
    pub fn language(&self, locale: Option<&str>, number: Option<&E164>) -> Language {
        self.language_among(&self.languages, locale, number)
    }

    /// As [`Words::language`], among these instead of `LANGUAGES`. If the default is not one of them,
    /// the first is in its place.
    pub fn language_among(
        &self,
        languages: &[Language],
        locale: Option<&str>,
        number: Option<&E164>,
    ) -> Language {
        let is_used = |one: &Language| languages.contains(one);
        let of_number = || {
            let country = number?.region()?;
            let chosen = self.countries.get(country).copied();
            chosen.or_else(|| Language::of_country(country))
        };
        let of_locale = locale.and_then(Language::of_locale).filter(is_used);
        let language = of_locale.or_else(|| of_number().filter(is_used));
        let others = Some(self.default).filter(is_used);
        let language = language.or(others).or_else(|| languages.first().copied());
        language.unwrap_or(self.default)
    }

    /// The texts for a person with this locale and this phone number.
    pub async fn for_person(
        &self,
        locale: Option<&str>,
        number: Option<&E164>,
        now: SystemTime,
    ) -> Localizer {
        self.in_language(self.language(locale, number), now).await
    }

    /// The texts in a language. Takes at most 300 ms.
    pub async fn in_language(&self, language: Language, now: SystemTime) -> Localizer {
        let own = match &self.own {
            Own::Settings(own) => Arc::clone(own),
            Own::Table(table, read) => {
                let before = lock(read).get(&language).cloned();
                let is_fresh = |read: &Read| now < read.at + FRESH;
                match before {
                    Some(before) if is_fresh(&before) => before.texts,
                    before => {
                        let before = before.map(|before| before.texts).unwrap_or_default();
                        let texts = from_table(table, language, now).await.unwrap_or(before);
                        // After a failure the next attempt comes later too.
                        let entry = Read {
                            texts: Arc::clone(&texts),
                            at: now,
                        };
                        lock(read).insert(language, entry);
                        texts
                    }
                }
            }
        };
        self.localizer(language, own)
    }

    /// The texts in a language without a look into the table: as they were last read from there, or
    /// the catalogue's.
    pub fn at_once(&self, language: Language) -> Localizer {
        let own = match &self.own {
            Own::Settings(own) => Arc::clone(own),
            Own::Table(_, read) => {
                let read = lock(read).get(&language).cloned();
                read.map(|read| read.texts).unwrap_or_default()
            }
        };
        self.localizer(language, own)
    }

    fn localizer(&self, language: Language, own: Arc<Overrides>) -> Localizer {
        let fixed = Arc::clone(&self.fixed);
        Localizer {
            language,
            own,
            fixed,
        }
    }
}

impl Localizer {
    /// The catalogue's texts in a language.
    pub fn new(language: Language) -> Self {
        Self {
            language,
            own: Arc::default(),
            fixed: Fixed::default(),
        }
    }

    /// The language.
    pub fn language(&self) -> Language {
        self.language
    }

    /// A text that has no variables.
    pub fn text(&self, message: &Message) -> String {
        self.with(message, &[])
    }

    /// A text with these values for its variables.
    pub fn with(&self, message: &Message, values: &[(&str, Value<'_>)]) -> String {
        match self.fixed.get(message.id) {
            Some(text) => values.iter().fold(text.clone(), |text, (name, value)| {
                text.replace(&format!("{{{name}}}"), &value.to_string())
            }),
            None => self.own.text(message, self.language, values),
        }
    }

    /// The words that confirm in this language, never none. Texts ask for the first.
    pub fn confirming(&self) -> Vec<String> {
        let listed = self.text(&words::CONFIRM_WORDS);
        let words = listed
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty());
        let words: Vec<String> = words.map(str::to_owned).collect();
        if words.is_empty() {
            return vec![YES.to_owned()];
        }
        words
    }

    /// A text with the word that confirms as `$word`, and these values for its other variables.
    pub fn asking(&self, message: &Message, values: &[(&str, Value<'_>)]) -> String {
        let word = self.confirming().swap_remove(0);
        self.with(message, &[values, &[("word", word.into())]].concat())
    }
}

/// The key of a language's own texts in the table. The attribute `texts` is a JSON object of texts
/// by name.
pub fn key(language: Language) -> Key {
    Key::new(format!("words#{language}"), "texts")
}

/// Reads a language's texts. `None`: they are not known.
async fn from_table(table: &Table, language: Language, now: SystemTime) -> Option<Arc<Overrides>> {
    let item = match Table::within(TIME, table.get(key(language), now)).await {
        Ok(item) => item.unwrap_or_default(),
        Err(error) => {
            tracing::warn!(%error, %language, "the texts in the table could not be read");
            return None;
        }
    };
    let mut own = Overrides::default();
    let Some(texts) = item.text("texts") else {
        return Some(Arc::new(own));
    };
    let texts = serde_json::from_str(texts).unwrap_or_else(|_| {
        tracing::warn!(%language, "the texts in the table are no JSON object of texts by name");
        BTreeMap::new()
    });
    for problem in add(&mut own, language, texts) {
        tracing::warn!(%language, problem, "a text in the table is not used");
    }
    Some(Arc::new(own))
}

/// Reads a company's own texts: a JSON object of texts by name, by language.
fn own(source: &mut Source<'_>, text: Option<&str>) -> Overrides {
    let mut own = Overrides::default();
    let Some(text) = text else {
        return own;
    };
    let Ok(by_language) = serde_json::from_str::<BTreeMap<String, BTreeMap<String, String>>>(text)
    else {
        source.problem(
            r#"WORDS is neither "table" nor a JSON object of texts by language and name, such as {"da":{"goodbye":"Farvel."}}"#,
        );
        return own;
    };
    for (tag, texts) in by_language {
        match tag.parse() {
            Ok(language) => {
                for problem in add(&mut own, language, texts) {
                    source.problem(format!("WORDS: {problem}"));
                }
            }
            Err(_) => source.problem(format!("WORDS: {tag} is not {}", one_of_the_languages())),
        }
    }
    own
}

/// Adds texts by name. Gives what is wrong with those that cannot be used.
pub fn add(
    own: &mut Overrides,
    language: Language,
    texts: BTreeMap<String, String>,
) -> Vec<String> {
    let added = texts.into_iter().map(|(id, text)| {
        let added = own.add(language, &id, &text);
        added.map_err(|why| format!("{language}: {id} {why}"))
    });
    added.filter_map(Result::err).collect()
}

/// Reads `LANGUAGES`; only the default if unset.
fn languages(source: &mut Source<'_>, default: Language) -> Vec<Language> {
    let listed = source.list("LANGUAGES");
    if listed.iter().any(|entry| entry == EVERY) {
        return Language::all().collect();
    }
    let mut languages = vec![default];
    for entry in listed {
        match entry.parse() {
            Ok(language) => languages.push(language),
            Err(_) => source.problem(format!(
                "LANGUAGES: {entry} is not {}, or {EVERY}",
                one_of_the_languages()
            )),
        }
    }
    languages
}

/// Reads `COUNTRY_LANGUAGES`, such as `CH=fr,BE=fr`.
fn countries(source: &mut Source<'_>) -> BTreeMap<String, Language> {
    let mut countries = BTreeMap::new();
    for entry in source.list("COUNTRY_LANGUAGES") {
        let read = entry.split_once('=').and_then(|(country, language)| {
            let country = country.trim().to_ascii_uppercase();
            let is_country = country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase());
            Some((country, language.parse().ok()?)).filter(|_| is_country)
        });
        match read {
            Some((country, language)) => {
                countries.insert(country, language);
            }
            None => source.problem(format!(
                "COUNTRY_LANGUAGES: {entry} is not a country and a language, such as CH=fr"
            )),
        }
    }
    countries
}

fn one_of_the_languages() -> String {
    let tags: Vec<&str> = Language::all().map(Language::tag).collect();
    format!("one of the languages {}", tags.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::config::{Problems, read};

    fn words(settings: &[(&str, &str)]) -> Result<Words, Problems> {
        let lookup = |name: &str| {
            let fixed = [
                ("TABLE_NAME", "table"),
                ("AWS_REGION", "eu-west-1"),
                ("AWS_ACCESS_KEY_ID", "AKIA"),
                ("AWS_SECRET_ACCESS_KEY", "secret"),
            ];
            let mut all = settings.iter().chain(&fixed);
            let found = all.find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        read(&lookup, |source| {
            let platform = Platform::read(source);
            Words::read(&platform, source)
        })
    }

    #[test]
    fn the_locale_counts_before_the_number_and_the_number_before_the_default() {
        let every = words(&[("LANGUAGES", "all")]).unwrap();
        let some = words(&[
            ("LANGUAGES", "da, fr"),
            ("DEFAULT_LANGUAGE", "de"),
            ("COUNTRY_LANGUAGES", "CH=fr,SE=sv"),
        ])
        .unwrap();
        for (locale, number, of_every, of_some) in [
            (None, None, "en", "de"),
            (Some("da-DK"), None, "da", "da"),
            (Some("no"), None, "nb", "de"),
            (Some("pt_BR"), Some("+4512345678"), "pt", "da"),
            (Some("tlh"), Some("+4512345678"), "da", "da"),
            (None, Some("+4512345678"), "da", "da"),
            (None, Some("+12025550123"), "en", "de"),
            (None, Some("+41791234567"), "de", "fr"),
            (None, Some("+46701234567"), "sv", "de"),
            (Some("en"), Some("+4512345678"), "en", "da"),
        ] {
            let number = number.map(|number| number.parse().unwrap());
            for (words, expected) in [(&every, of_every), (&some, of_some)] {
                let language = words.language(locale, number.as_ref());
                assert_eq!(language.tag(), expected, "{locale:?} {number:?}");
            }
        }
        let english = words(&[]).unwrap();
        let number = "+4512345678".parse().unwrap();
        assert_eq!(english.language(Some("da"), Some(&number)).tag(), "en");
    }

    #[test]
    fn a_text_of_ones_own_is_used_in_its_language_only() {
        let words = words(&[
            ("LANGUAGES", "all"),
            ("WORDS", r#"{"da":{"goodbye":"Hej hej."}}"#),
        ])
        .unwrap();
        let goodbye = |tag: &str| words.at_once(tag.parse().unwrap()).text(&words::GOODBYE);
        assert_eq!(goodbye("da"), "Hej hej.");
        assert_eq!(goodbye("en"), "Goodbye.");
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let problems = words(&[
            ("LANGUAGES", "da,klingon"),
            ("DEFAULT_LANGUAGE", "tlh"),
            ("COUNTRY_LANGUAGES", "CH=fr,Belgium=nl,BE"),
            (
                "WORDS",
                r#"{"xx":{},"da":{"bye":"x","goodbye":"{ $name }","password-link":"Tryk her","confirmed":"{"}}"#,
            ),
        ])
        .unwrap_err()
        .to_string();
        for part in [
            "LANGUAGES: klingon is not one of the languages en, ",
            "DEFAULT_LANGUAGE is not one of the languages en, ",
            "COUNTRY_LANGUAGES: Belgium=nl is not a country and a language",
            "COUNTRY_LANGUAGES: BE is not",
            "WORDS: xx is not one of",
            "WORDS: da: bye is not the name of a text",
            "WORDS: da: goodbye has the variable $name, but may have none",
            "WORDS: da: password-link lacks { $link }",
            "WORDS: da: confirmed is not in Fluent's syntax",
        ] {
            assert!(problems.contains(part), "{part}: {problems}");
        }
    }
}
