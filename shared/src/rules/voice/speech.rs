//! What a call says.

use serde::{Deserialize, Serialize};

use super::words;

/// A code has so many digits. Shorter numbers in a text are minutes or years.
const CODE: std::ops::RangeInclusive<usize> = 4..=10;
/// A longer code is none.
const LONGEST_CODE: usize = 32;

/// What a call says, in which language. No `Debug`: it holds a code.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speech {
    /// The words, with one digit at a time.
    pub words: String,
    /// The tag of the language, such as `da-DK`.
    pub language: String,
}

/// What the caller of the gateway says of a code, for the case that it is read out. No `Debug`: it
/// holds a code.
#[derive(Clone, Default)]
pub struct Said {
    /// The code.
    pub code: Option<String>,
    /// The words to speak, ready-made.
    pub words: Option<String>,
    /// The person's locale.
    pub locale: Option<String>,
}

impl Speech {
    /// The speech for a text. Ready-made words come before the code, and the code before the text.
    /// If there is only the text, the code is looked for in it. If no code is certain, the whole text
    /// is read out. `usual`: the tag of the language for unknown locales.
    pub fn new(text: &str, said: &Said, usual: &str) -> Self {
        let language = said.locale.as_deref().and_then(words::language);
        let language = language.unwrap_or(usual);
        let code = said.code.as_deref().map(str::trim);
        let code = code
            .filter(|code| is_code(code))
            .or_else(|| find_code(text));
        let words = match (&said.words, code) {
            (Some(words), _) if !words.trim().is_empty() => one_by_one(words),
            (_, Some(code)) => words::sentence(language, &spelt(code)),
            (_, None) => one_by_one(text),
        };
        Self {
            words,
            language: language.to_owned(),
        }
    }
}

/// Letters, digits and hyphens.
fn is_code(code: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '-';
    (1..=LONGEST_CODE).contains(&code.chars().count()) && code.chars().all(is_part)
}

/// The code in a text, if exactly one number of the text can be a code.
fn find_code(text: &str) -> Option<&str> {
    let runs = text.split(|c: char| !c.is_alphanumeric());
    let is_code = |run: &&str| CODE.contains(&run.len()) && run.bytes().all(|b| b.is_ascii_digit());
    let mut codes = runs.filter(is_code);
    let code = codes.next()?;
    codes.all(|other| other == code).then_some(code)
}

/// `271828` as `2. 7. 1. 8. 2. 8.`: a voice makes a pause after each.
fn spelt(code: &str) -> String {
    let parts = code.chars().filter(|c| c.is_alphanumeric());
    let parts: Vec<String> = parts.map(|c| format!("{c}.")).collect();
    parts.join(" ")
}

/// The text with its numbers of several digits spelt, on one line.
fn one_by_one(text: &str) -> String {
    let mut words = String::new();
    let mut digits = String::new();
    for c in text.trim().chars().chain(['\n']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        if digits.len() > 1 {
            words.push_str(&spelt(&digits));
        } else {
            words.push_str(&digits);
        }
        digits.clear();
        words.push(if c.is_control() { ' ' } else { c });
    }
    words.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, said: &Said) -> String {
        Speech::new(text, said, "en-US").words
    }

    #[test]
    fn only_the_code_is_spoken_one_digit_at_a_time() {
        let code = Said {
            code: Some("271828".to_owned()),
            locale: Some("da_DK".to_owned()),
            ..Said::default()
        };
        let speech = Speech::new("whatever 9999", &code, "en-US");
        assert_eq!(speech.words, "Din kode er: 2. 7. 1. 8. 2. 8.");
        assert_eq!(speech.language, "da-DK");
        let usual = Speech::new("Code 2718", &Said::default(), "sv-SE");
        assert_eq!(usual.words, "Din kod är: 2. 7. 1. 8.");
    }

    #[test]
    fn the_code_is_found_in_a_text_if_it_is_certain() {
        for (text, expected) in [
            (
                "271828 is your code, for 10 minutes",
                "Your code is: 2. 7. 1. 8. 2. 8.",
            ),
            (
                "Code 2718\n\n@acme.example #2718",
                "Your code is: 2. 7. 1. 8.",
            ),
            (
                "ACME 2026: your code is 271828",
                "ACME 2. 0. 2. 6.: your code is 2. 7. 1. 8. 2. 8.",
            ),
            ("Code 271-828", "Code 2. 7. 1.-8. 2. 8."),
            ("Code a1b2c3d4", "Code a1b2c3d4"),
            ("Your password was changed", "Your password was changed"),
        ] {
            assert_eq!(words(text, &Said::default()), expected, "{text}");
        }
    }

    #[test]
    fn ready_made_words_are_spoken_as_they_are() {
        let said = |words: &str| Said {
            code: Some("1".to_owned()),
            words: Some(words.to_owned()),
            locale: None,
        };
        for (ready, expected) in [
            ("Code: 2. 7. 1.", "Code: 2. 7. 1."),
            ("Code: 271", "Code: 2. 7. 1."),
            ("a\u{1b}\nb", "a  b"),
            (" ", "Your code is: 1."),
        ] {
            assert_eq!(words("text", &said(ready)), expected, "{ready}");
        }
    }

    #[test]
    fn what_is_no_code_is_looked_for_in_the_text() {
        let said = Said {
            code: Some("<Say>1</Say>".to_owned()),
            ..Said::default()
        };
        assert_eq!(words("Code 2718", &said), "Your code is: 2. 7. 1. 8.");
    }
}
