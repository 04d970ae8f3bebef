//! The menu after the PIN: what its keys do, and what it says.

mod given;
mod told;

use std::collections::BTreeMap;

use serde_json::Value;
use shared::platform::config::Source;
use shared::rules::account::AccountNumber;
use shared::services::protected::Template;
use shared::vendors::twilio::twiml::Utterance;
use words::{Language, Message};

use crate::languages::Speaker;

/// Callers do not listen to more characters.
const TOLD_LIMIT: usize = 1_000;

/// The menu.
#[derive(Debug)]
pub(crate) struct Menu(Vec<Entry>);

/// An entry of the menu.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its key.
    pub(crate) digit: String,
    label: Text,
    pub(crate) action: Action,
}

/// What a key does.
#[derive(Debug)]
pub(crate) enum Action {
    /// Ends the call.
    Exit,
    /// Tells what the API has at this path.
    Tell { path: Template, say: Sentence },
}

/// A text of the catalogue, or one from `IVR_MENU`.
#[derive(Debug)]
enum Text {
    Catalogue(&'static Message),
    Own(ByLanguage),
}

/// A sentence with values of the API's answer.
#[derive(Debug)]
pub(crate) enum Sentence {
    /// A message, and for each of its variables the place of the value in the answer.
    Catalogue(&'static Message, &'static [(&'static str, &'static str)]),
    /// A text with the places in braces.
    Own(ByLanguage),
}

/// A text by language.
#[derive(Debug, Default)]
pub(crate) struct ByLanguage {
    texts: BTreeMap<Language, String>,
    /// For all other languages.
    others: Option<String>,
}

impl ByLanguage {
    /// The text for a language. `None`: there is none.
    fn get(&self, language: Language) -> Option<&str> {
        let own = self.texts.get(&language);
        own.or(self.others.as_ref()).map(String::as_str)
    }
}

impl Menu {
    /// Reads `IVR_MENU` and reports problems to `source`. Each text must be there in all
    /// `languages`.
    pub(crate) fn read(source: &mut Source<'_>, languages: &[Language]) -> Self {
        let Some(text) = source.optional("IVR_MENU") else {
            return Self::usual();
        };
        given::parse(&text, languages).unwrap_or_else(|problems| {
            for why in problems {
                source.problem(format!("IVR_MENU {why}"));
            }
            Self(Vec::new())
        })
    }

    /// Balance, payments and exit, in the words of the catalogue.
    fn usual() -> Self {
        const BALANCE: [(&str, &str); 2] = [
            ("amount", "balance.amount"),
            ("currency", "balance.currency"),
        ];
        const PAYMENT: [(&str, &str); 3] = [
            ("amount", "payments.0.amount"),
            ("currency", "payments.0.currency"),
            ("date", "payments.0.date"),
        ];
        let entry = |digit: &str, label, action| Entry {
            digit: digit.to_owned(),
            label: Text::Catalogue(label),
            action,
        };
        let tell = |say| {
            "/accounts/{account}"
                .parse()
                .map(|path| Action::Tell { path, say })
        };
        let balance = tell(Sentence::Catalogue(&words::BALANCE, &BALANCE));
        let payment = tell(Sentence::Catalogue(&words::LAST_PAYMENT, &PAYMENT));
        let (Ok(balance), Ok(payment)) = (balance, payment) else {
            // A test reads the menu.
            return Self(Vec::new());
        };
        Self(vec![
            entry("1", &words::LABEL_BALANCE, balance),
            entry("2", &words::LABEL_PAYMENTS, payment),
            entry("9", &words::LABEL_EXIT, Action::Exit),
        ])
    }

    /// The entry for the pressed key.
    pub(crate) fn find(&self, digit: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.digit == digit)
    }

    /// Keys and labels, in the speaker's language.
    pub(crate) fn labels(&self, speaker: &Speaker) -> Vec<(&str, String)> {
        let entries = self.0.iter();
        entries
            .map(|entry| (entry.digit.as_str(), entry.label.said_by(speaker)))
            .collect()
    }

    /// The menu as spoken text.
    pub(crate) fn offer(&self, speaker: &Speaker) -> String {
        let labels = self.labels(speaker).into_iter();
        let offers = labels.map(|(digit, label)| {
            let values = [("digit", digit.into()), ("label", label.into())];
            speaker.with(&words::PRESS_FOR, &values)
        });
        offers.collect::<Vec<_>>().join(" ")
    }
}

impl Text {
    fn said_by(&self, speaker: &Speaker) -> String {
        match self {
            Self::Catalogue(message) => speaker.text(message),
            Self::Own(texts) => texts.get(speaker.language()).unwrap_or_default().to_owned(),
        }
    }
}

impl Sentence {
    /// The sentence with the values of the API's answer. `None` if a value is missing.
    pub(crate) fn said_by(
        &self,
        speaker: &Speaker,
        found: &Value,
        account: Option<&AccountNumber>,
    ) -> Option<Utterance> {
        let values = told::Values {
            found,
            decimal: speaker.language().decimal(),
            account,
        };
        let told = match self {
            Self::Catalogue(message, places) => values.message(speaker, message, places),
            Self::Own(texts) => values.fill(texts.get(speaker.language())?),
        };
        let told = told?.cut(TOLD_LIMIT);
        Some(if speaker.is_plain {
            told.to_string().into()
        } else {
            told
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_menu_has_balance_payments_and_exit() {
        let menu = Menu::usual();
        let keys: Vec<&str> = menu.0.iter().map(|entry| entry.digit.as_str()).collect();
        assert_eq!(keys, ["1", "2", "9"]);
        assert!(matches!(menu.find("9").unwrap().action, Action::Exit));
        assert!(menu.find("3").is_none() && menu.find("").is_none() && menu.find("19").is_none());
    }
}
