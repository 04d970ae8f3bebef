//! The text around a code: by the reason why the user gets the code, and by the user's language.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;
use shared::platform::config::Source;
use shared::rules::words::Words;
use shared::vendors::cognito::event::{Event, Trigger};
use words::Message;

use crate::code_text::with_code;
use crate::gateway::unfit;

const PLACE: &str = "{code}";
/// The name of the text for every trigger that has none of its own, but not for a password: nobody
/// recognises one that is called a code.
const DEFAULT: &str = "default";
/// The longest password of a user pool.
const LONGEST_PASSWORD: usize = 256;
const LONGEST_CODE: usize = 10;
/// A longer locale is none (RFC 5646, section 4.4.1).
const LONGEST_LOCALE: usize = 35;

/// The texts of `COGNITO_TEXTS`, and the catalogue's.
#[derive(Debug)]
pub(super) struct Texts {
    own: Own,
    words: Arc<Words>,
}

/// The texts of `COGNITO_TEXTS`: by locale, then by the name of the trigger. The locale of a text
/// that has none is empty.
#[derive(Debug, Default)]
struct Own(BTreeMap<String, BTreeMap<&'static str, String>>);

impl Texts {
    /// Reads `COGNITO_TEXTS`; problems are noted in `source`.
    pub(super) fn read(source: &mut Source<'_>, words: &Arc<Words>) -> Self {
        let json = source.optional("COGNITO_TEXTS");
        let (own, problems) = json.map(|json| parse(&json)).unwrap_or_default();
        for problem in problems {
            source.problem(format!("COGNITO_TEXTS: {problem}"));
        }
        let words = Arc::clone(words);
        Self { own, words }
    }

    /// The text with the code: that of the settings, else that of the catalogue in the user's
    /// language.
    pub(super) async fn with(&self, code: &str, event: &Event, now: SystemTime) -> String {
        let locale = event.locale.as_deref();
        if let Some(text) = self.own.find(event.trigger, locale) {
            return text.replace(PLACE, code);
        }
        let texts = self
            .words
            .for_person(locale, Some(&event.number), now)
            .await;
        with_code(&texts, message(event.trigger), code)
    }
}

impl Own {
    /// For `da-DK`, a text of `da-DK` is taken, then one of `da`, then one without a locale. Of each
    /// locale, the text for the trigger comes before the default.
    fn find(&self, trigger: Trigger, locale: Option<&str>) -> Option<&String> {
        let locale = locale.and_then(normal).unwrap_or_default();
        let locales = std::iter::successors(Some(locale.as_str()), |locale| {
            let parent = locale.rsplit_once('-').map_or("", |(parent, _)| parent);
            (!locale.is_empty()).then_some(parent)
        });
        let mut texts = locales.filter_map(|locale| {
            let texts = self.0.get(locale)?;
            let default = || texts.get(DEFAULT).filter(|_| !trigger.is_password());
            texts.get(trigger.name()).or_else(default)
        });
        texts.next()
    }

    /// Adds a text. The error is what is wrong with it.
    fn add(&mut self, locale: Option<&str>, name: &str, text: &str) -> Result<(), String> {
        let named = |trigger: &Trigger| trigger.name() == name;
        let trigger = Trigger::ALL.into_iter().find(named);
        let name = match trigger {
            Some(trigger) => trigger.name(),
            None if name == DEFAULT => DEFAULT,
            None => {
                let known = Trigger::ALL.map(Trigger::name).join(", ");
                return Err(format!("the name is none of {DEFAULT}, {known}"));
            }
        };
        let locale = match locale {
            None => String::new(),
            Some(tag) => {
                normal(tag).ok_or(format!("{tag} is not a locale, such as da or pt-BR"))?
            }
        };
        if !text.contains(PLACE) {
            return Err(format!("the text has no {PLACE}"));
        }
        if text.replace(PLACE, "").contains(['{', '}']) {
            return Err(format!("{PLACE} is the only thing that may be in braces"));
        }
        let length = match trigger {
            Some(trigger) if trigger.is_password() => LONGEST_PASSWORD,
            _ => LONGEST_CODE,
        };
        if let Some(why) = unfit(&text.replace(PLACE, &"0".repeat(length))) {
            return Err(why.to_owned());
        }
        let texts = self.0.entry(locale).or_default();
        match texts.insert(name, text.to_owned()) {
            None => Ok(()),
            Some(_) => Err("there is another text for this".to_owned()),
        }
    }
}

/// The texts, and all problems.
fn parse(json: &str) -> (Own, Vec<String>) {
    let (mut texts, mut problems) = (Own::default(), Vec::new());
    let Ok(Value::Object(entries)) = serde_json::from_str(json) else {
        let what = r#"not a JSON object of texts, such as {"default":"Your code is {code}","da":{"default":"Din kode er {code}"}}"#;
        return (texts, vec![what.to_owned()]);
    };
    let mut note = |key: &str, added: Result<(), String>| {
        problems.extend(added.err().map(|why| format!("{key}: {why}")));
    };
    let no_text = || Err("the value is not a text".to_owned());
    for (key, value) in &entries {
        match value {
            Value::String(text) => {
                let (locale, name) = match key.split_once(':') {
                    Some((locale, name)) => (Some(locale), name),
                    None => (None, key.as_str()),
                };
                note(key, texts.add(locale, name, text));
            }
            Value::Object(of_locale) => {
                for (name, value) in of_locale {
                    let added = match value {
                        Value::String(text) => texts.add(Some(key), name, text),
                        _ => no_text(),
                    };
                    note(&format!("{key}:{name}"), added);
                }
            }
            _ => note(key, no_text()),
        }
    }
    (texts, problems)
}

/// A locale in one form: `pt_BR` and `pt-br` are the same. `None`: it is not one.
fn normal(locale: &str) -> Option<String> {
    let locale = locale.trim().replace('_', "-").to_ascii_lowercase();
    let is_one = (1..=LONGEST_LOCALE).contains(&locale.len())
        && locale
            .split('-')
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    is_one.then_some(locale)
}

fn message(trigger: Trigger) -> &'static Message {
    match trigger {
        Trigger::SignUp | Trigger::ResendCode => &words::CODE_SIGN_UP,
        Trigger::ForgotPassword => &words::CODE_PASSWORD_RESET,
        Trigger::VerifyUserAttribute | Trigger::UpdateUserAttribute => &words::CODE_PHONE_NUMBER,
        Trigger::Authentication => &words::CODE_SIGN_IN,
        Trigger::AdminCreateUser => &words::TEMPORARY_PASSWORD,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::rules::words::Localizer;
    use words::Language;

    #[test]
    fn a_password_is_called_one_and_nothing_else_is() {
        for trigger in Trigger::ALL {
            let is_it = message(trigger).id == words::TEMPORARY_PASSWORD.id;
            assert_eq!(is_it, trigger.is_password(), "{trigger:?}");
        }
    }

    #[test]
    fn the_language_counts_before_the_trigger_and_the_trigger_before_the_default() {
        let (texts, problems) = parse(
            r#"{
                "default": "any {code}", "Authentication": "sign-in {code}",
                "da": {"default": "dansk {code}", "SignUp": "velkommen {code}"},
                "pt_BR:default": "brasil {code}", "pt:Authentication": "portugal {code}"
            }"#,
        );
        assert_eq!(problems, [""; 0]);
        for (trigger, locale, text) in [
            (Trigger::SignUp, None, "any 1"),
            (Trigger::Authentication, None, "sign-in 1"),
            (Trigger::Authentication, Some("de"), "sign-in 1"),
            (Trigger::Authentication, Some("da"), "dansk 1"),
            (Trigger::SignUp, Some("DA_dk"), "velkommen 1"),
            (Trigger::Authentication, Some("pt-BR"), "brasil 1"),
            (Trigger::Authentication, Some("pt-PT"), "portugal 1"),
            (Trigger::SignUp, Some("pt-PT"), "any 1"),
            (Trigger::SignUp, Some("da\n"), "velkommen 1"),
            (Trigger::SignUp, Some("--"), "any 1"),
            (Trigger::SignUp, Some(&"da-".repeat(700)), "any 1"),
            (Trigger::AdminCreateUser, Some("da"), ""),
        ] {
            let found = texts
                .find(trigger, locale)
                .map(|text| text.replace(PLACE, "1"));
            assert_eq!(found.unwrap_or_default(), text, "{locale:?}");
        }
    }

    #[test]
    fn a_code_that_looks_like_a_place_is_written_as_it_is() {
        let texts = Localizer::new(Language::ENGLISH);
        let text = with_code(&texts, &words::TEMPORARY_PASSWORD, "{code}{ $code }");
        assert_eq!(text, "Your temporary password is {code}{ $code }");
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let long = "x".repeat(6 * 153);
        let json = serde_json::json!({
            "default": "no place", "Login": "{code}", "da DK:default": "{code}", "SignUp": 7,
            "da": { "default": "{code} {name}", "Authentication": ["{code}"] },
            "da:default": "{code}", "DA:default": "{code}", "ForgotPassword": format!("{{code}}{long}"),
            "ResendCode": "{code}\u{1b}",
        });
        let (_, problems) = parse(&json.to_string());
        for (place, why) in [
            ("default: ", "has no {code}"),
            ("Login: ", "none of default, SignUp"),
            ("da DK:default: ", "not a locale"),
            ("SignUp: ", "not a text"),
            ("da:default: ", "in braces"),
            ("da:Authentication: ", "not a text"),
            ("", "another text"),
            ("ForgotPassword: ", "longer than 6 segments"),
            ("ResendCode: ", "no control characters"),
        ] {
            let told = |problem: &&String| problem.starts_with(place) && problem.contains(why);
            let told = problems.iter().filter(told).count();
            assert_eq!(told, 1, "{place}{why}: {problems:#?}");
        }
        for json in ["[]", "\"{code}\"", "{", "7"] {
            assert_eq!(parse(json).1.len(), 1, "{json}");
        }
    }
}
