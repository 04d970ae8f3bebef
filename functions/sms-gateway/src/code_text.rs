//! The text around a code, for callers that post only the code, and how long a code is valid: that
//! of the settings, else that of the catalogue in the person's language.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use shared::platform::config::Source;
use shared::rules::phone::E164;
use shared::rules::words::{Localizer, Words};
use words::Message;

use crate::gateway::unfit;

const PLACE: &str = "{code}";
/// The language of the text for all other languages.
const ANY: &str = "*";

/// How long a code is valid.
pub(crate) fn code_life(source: &mut Source<'_>) -> Duration {
    Duration::from_secs(source.number("CODE_LIFE_SECONDS", 180, 60..=36_000))
}

/// A text of the catalogue with a code. If a company's own text does not fit a message, the code
/// still goes out, in the catalogue's.
pub(crate) fn with_code(texts: &Localizer, message: &Message, code: &str) -> String {
    let values = [("code", code.into())];
    let text = texts.with(message, &values);
    match unfit(&text) {
        None => text,
        Some(_) => message.text(texts.language(), &values),
    }
}

/// The texts of the settings, by language, and the catalogue's.
#[derive(Debug)]
pub(crate) struct CodeText {
    own: BTreeMap<String, String>,
    words: Arc<Words>,
}

impl CodeText {
    /// Reads `CODE_TEXT`: a text, or a JSON object of texts by language.
    pub(crate) fn read(source: &mut Source<'_>, words: &Arc<Words>) -> Self {
        let own = source
            .optional("CODE_TEXT")
            .map_or(Ok(BTreeMap::new()), |text| parse(&text));
        Self {
            own: own.unwrap_or_else(|why| {
                source.problem(format!("CODE_TEXT {why}"));
                BTreeMap::new()
            }),
            words: Arc::clone(words),
        }
    }

    /// The text with a code, for a person with this locale and this number.
    pub(crate) async fn with(
        &self,
        code: &str,
        locale: Option<&str>,
        to: &E164,
        now: SystemTime,
    ) -> String {
        if let Some(text) = self.own(locale) {
            return text.replace(PLACE, code);
        }
        let texts = self.words.for_person(locale, Some(to), now).await;
        with_code(&texts, &words::CODE_TEXT, code)
    }

    /// The text of the settings. Of `da-DK`, the text of `da-DK` is taken, else that of `da`, else
    /// the text for all other languages.
    fn own(&self, locale: Option<&str>) -> Option<&String> {
        let locale = locale.map(language).unwrap_or_default();
        let primary = locale.split('-').next().unwrap_or_default();
        let mut languages = [&locale, primary, ANY].into_iter();
        languages.find_map(|language| self.own.get(language))
    }
}

/// `pt_BR` and `pt-br` are the same language.
fn language(tag: &str) -> String {
    tag.trim().replace('_', "-").to_ascii_lowercase()
}

fn parse(text: &str) -> Result<BTreeMap<String, String>, &'static str> {
    // A text may begin with `{code}`.
    let object = text.trim_start().strip_prefix('{');
    let is_object = object.is_some_and(|members| members.trim_start().starts_with('"'));
    let texts: BTreeMap<String, String> = if is_object {
        let by_language: BTreeMap<String, String> = serde_json::from_str(text).map_err(|_| {
            r#"is no JSON object of texts by language, such as {"*":"Your code is {code}","da":"Din kode er {code}"}"#
        })?;
        by_language
            .into_iter()
            .map(|(tag, text)| (language(&tag), text))
            .collect()
    } else {
        BTreeMap::from([(ANY.to_owned(), text.to_owned())])
    };
    if !texts.contains_key(ANY) {
        return Err(r#"lacks "*", the text for all other languages"#);
    }
    if !texts.values().all(|text| text.contains(PLACE)) {
        return Err("must contain {code} in each text");
    }
    // A code has up to ten digits.
    if texts
        .values()
        .any(|text| unfit(&text.replace(PLACE, "0000000000")).is_some())
    {
        return Err("has a text with control characters, or longer than 6 segments");
    }
    Ok(texts)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use shared::platform::Platform;
    use shared::platform::config::read;

    /// Reads settings beside those that every function has.
    pub(crate) fn configured<T>(
        settings: &[(&str, &str)],
        entrance: impl FnOnce(&mut Source<'_>, &Arc<Words>) -> T,
    ) -> T {
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
        let all = read(&lookup, |source| {
            let platform = Platform::read(source);
            let words = Arc::new(Words::read(&platform, source));
            entrance(source, &words)
        });
        all.unwrap()
    }

    /// The text with the code 12 for a phone in Denmark.
    async fn text(settings: &[(&str, &str)], locale: Option<&str>) -> String {
        let text = configured(settings, CodeText::read);
        let to = "+4520304050".parse().unwrap();
        text.with("12", locale, &to, SystemTime::UNIX_EPOCH).await
    }

    #[tokio::test]
    async fn without_a_setting_the_text_is_the_catalogue_s_in_the_person_s_language() {
        let in_language =
            |tag: &str| words::CODE_TEXT.text(tag.parse().unwrap(), &[("code", "12".into())]);
        let every = ("LANGUAGES", "all");
        assert_eq!(text(&[], Some("da")).await, "Your code is 12");
        assert_eq!(text(&[every], None).await, in_language("da"));
        assert_eq!(text(&[every], Some("en-GB")).await, in_language("en"));
        assert_eq!(text(&[every, ("CODE_TEXT", "{code}")], None).await, "12");
        let own = |text: &str| serde_json::json!({ "da": { "code-text": text } }).to_string();
        let short = own("Kode { $code }");
        assert_eq!(text(&[every, ("WORDS", &short)], None).await, "Kode 12");
        let long = own(&format!("{{ $code }}{}", "x".repeat(1_000)));
        assert_eq!(
            text(&[every, ("WORDS", &long)], None).await,
            in_language("da")
        );
    }

    #[tokio::test]
    async fn the_language_chooses_the_text() {
        let texts = r#"{"*":"Code {code}","da":"Kode {code}","pt-BR":"Código {code}"}"#;
        for (locale, expected) in [
            (None, "Code 12"),
            (Some("en"), "Code 12"),
            (Some("da"), "Kode 12"),
            (Some("da-DK"), "Kode 12"),
            (Some("pt_BR"), "Código 12"),
            (Some("pt"), "Code 12"),
            (Some(""), "Code 12"),
            (Some("*"), "Code 12"),
        ] {
            let text = text(&[("CODE_TEXT", texts)], locale).await;
            assert_eq!(text, expected, "{locale:?}");
        }
        let pretty = "\n{\n  \"*\": \"Code {code}\",\n  \"da\": \"Kode {code}\"\n}\n";
        for pretty in [pretty, r#"{ "*": "Code {code}", "da": "Kode {code}" }"#] {
            let text = text(&[("CODE_TEXT", pretty)], Some("da")).await;
            assert_eq!(text, "Kode 12", "{pretty}");
        }
        let first = [("CODE_TEXT", "{code} is your code")];
        assert_eq!(text(&first, None).await, "12 is your code");
    }

    #[test]
    fn a_text_without_a_place_for_the_code_is_named() {
        for wrong in [
            "Your code",
            r#"{"*":"Your code"}"#,
            r#"{"da":"Kode {code}"}"#,
            r#"{"*":"Your code is {code}""#,
            r#"{"*":7}"#,
            r#"{ "da": "Kode {code}" }"#,
            "{code}\u{1b}",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse(&format!("{{code}}{}", "x".repeat(6 * 153))).is_err());
    }
}
