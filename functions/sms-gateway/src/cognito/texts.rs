//! The text around a code: by the reason why the user gets the code, and by the user's language.

use std::collections::BTreeMap;

use serde_json::Value;
use shared::platform::config::Source;
use shared::vendors::cognito::event::Trigger;

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

/// The texts of `COGNITO_TEXTS`: by locale, then by the name of the trigger. The locale of a text
/// that has none is empty.
#[derive(Debug, Default)]
pub(super) struct Texts(BTreeMap<String, BTreeMap<&'static str, String>>);

impl Texts {
    /// Reads `COGNITO_TEXTS`; problems are noted in `source`.
    pub(super) fn read(source: &mut Source<'_>) -> Self {
        let Some(json) = source.optional("COGNITO_TEXTS") else {
            return Self::default();
        };
        let (texts, problems) = parse(&json);
        for problem in problems {
            source.problem(format!("COGNITO_TEXTS: {problem}"));
        }
        texts
    }

    /// The text with the code. For `da-DK`, a text of `da-DK` is taken, then one of `da`, then one
    /// without a locale, then the built-in one. Of each locale, the text for the trigger comes
    /// before the default.
    pub(super) fn with(&self, code: &str, trigger: Trigger, locale: Option<&str>) -> String {
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
        let text = texts.next().map_or(built_in(trigger), String::as_str);
        text.replace(PLACE, code)
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
fn parse(json: &str) -> (Texts, Vec<String>) {
    let (mut texts, mut problems) = (Texts::default(), Vec::new());
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

fn built_in(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::SignUp | Trigger::ResendCode => "Your code to confirm your account is {code}",
        Trigger::ForgotPassword => "Your password reset code is {code}",
        Trigger::VerifyUserAttribute | Trigger::UpdateUserAttribute => {
            "Your code to confirm your phone number is {code}"
        }
        Trigger::Authentication => "Your code to sign in is {code}",
        Trigger::AdminCreateUser => "Your temporary password is {code}",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_built_in_text_has_the_code_and_a_password_is_called_one() {
        for trigger in Trigger::ALL {
            let text = Texts::default().with("27182818", trigger, Some("da"));
            assert!(text.ends_with(" is 27182818"), "{text}");
            assert_eq!(text.contains(" password is "), trigger.is_password());
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
            (
                Trigger::AdminCreateUser,
                Some("da"),
                "Your temporary password is 1",
            ),
        ] {
            assert_eq!(texts.with("1", trigger, locale), text, "{locale:?}");
        }
    }

    #[test]
    fn a_code_that_looks_like_a_place_is_written_as_it_is() {
        let text = Texts::default().with("{code}", Trigger::AdminCreateUser, None);
        assert_eq!(text, "Your temporary password is {code}");
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
