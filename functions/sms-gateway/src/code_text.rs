//! The text around a code, for callers that post only the code, and how long a code is valid.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::platform::config::Source;

use crate::gateway::unfit;

const USUAL: &str = "Your code is {code}";
const PLACE: &str = "{code}";
/// The language of the text for all other languages.
const ANY: &str = "*";

/// How long a code is valid.
pub(crate) fn code_life(source: &mut Source<'_>) -> Duration {
    Duration::from_secs(source.number("CODE_LIFE_SECONDS", 180, 60..=36_000))
}

/// The texts by language.
#[derive(Debug)]
pub(crate) struct CodeText(BTreeMap<String, String>);

impl CodeText {
    /// Reads `CODE_TEXT`: a text, or a JSON object of texts by language.
    pub(crate) fn read(source: &mut Source<'_>) -> Self {
        let texts = parse(&source.text("CODE_TEXT", USUAL));
        Self(texts.unwrap_or_else(|why| {
            source.problem(format!("CODE_TEXT {why}"));
            BTreeMap::new()
        }))
    }

    /// The text with a code. Of `da-DK`, the text of `da-DK` is taken, else that of `da`, else the
    /// text for all other languages.
    pub(crate) fn with(&self, code: &str, locale: Option<&str>) -> String {
        let locale = locale.map(language).unwrap_or_default();
        let primary = locale.split('-').next().unwrap_or_default();
        let text = [&locale, primary, ANY]
            .into_iter()
            .find_map(|language| self.0.get(language));
        text.map_or(USUAL, String::as_str).replace(PLACE, code)
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
mod tests {
    use super::*;

    #[test]
    fn the_language_chooses_the_text() {
        let texts = r#"{"*":"Code {code}","da":"Kode {code}","pt-BR":"Código {code}"}"#;
        let texts = CodeText(parse(texts).unwrap());
        for (locale, text) in [
            (None, "Code 12"),
            (Some("en"), "Code 12"),
            (Some("da"), "Kode 12"),
            (Some("da-DK"), "Kode 12"),
            (Some("pt_BR"), "Código 12"),
            (Some("pt"), "Code 12"),
            (Some(""), "Code 12"),
            (Some("*"), "Code 12"),
        ] {
            assert_eq!(texts.with("12", locale), text, "{locale:?}");
        }
        let pretty = "\n{\n  \"*\": \"Code {code}\",\n  \"da\": \"Kode {code}\"\n}\n";
        for pretty in [pretty, r#"{ "*": "Code {code}", "da": "Kode {code}" }"#] {
            let texts = CodeText(parse(pretty).unwrap());
            assert_eq!(texts.with("12", Some("da")), "Kode 12", "{pretty}");
        }
        let one = CodeText(parse("{code} is your code").unwrap());
        assert_eq!(one.with("{code}", None), "{code} is your code");
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
