//! Settings from environment variables, with every problem reported at once.
//!
//! A function reads its variables through a [`Source`] made from a look-up function (the
//! environment in production, a map in tests). A reader never stops at a problem: it notes the
//! problem and returns a placeholder. So settings are one struct literal, and [`read`] fails with
//! the whole list. An empty value counts as unset, because deployment templates cannot leave a
//! variable out conditionally without repeating it.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::platform::base_url::BaseUrl;

/// All problems found in the settings. Each is a sentence that names its variable and says what to
/// do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for Problems {}

/// The source of settings, and the problems noted so far.
pub struct Source<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<String>,
    base_urls: Vec<(String, BaseUrl)>,
    /// Whether doubtful settings are problems too.
    is_strict: bool,
}

/// Runs `reader` over `lookup`.
///
/// # Errors
/// All problems that the reader noted.
pub fn read<C>(
    lookup: &dyn Fn(&str) -> Option<String>,
    reader: impl FnOnce(&mut Source<'_>) -> C,
) -> Result<C, Problems> {
    run(lookup, reader, false)
}

/// As [`read`], before a deployment: what a function bears, but nobody means, is a problem too.
///
/// # Errors
/// All problems that the reader noted.
pub fn read_strictly<C>(
    lookup: &dyn Fn(&str) -> Option<String>,
    reader: impl FnOnce(&mut Source<'_>) -> C,
) -> Result<C, Problems> {
    run(lookup, reader, true)
}

fn run<C>(
    lookup: &dyn Fn(&str) -> Option<String>,
    reader: impl FnOnce(&mut Source<'_>) -> C,
    is_strict: bool,
) -> Result<C, Problems> {
    let mut source = Source {
        lookup,
        problems: Vec::new(),
        base_urls: Vec::new(),
        is_strict,
    };
    let settings = reader(&mut source);
    if source.problems.is_empty() {
        Ok(settings)
    } else {
        Err(Problems(source.problems))
    }
}

impl Source<'_> {
    /// Notes a problem that is not about a single variable's syntax.
    pub fn problem(&mut self, what: impl Into<String>) {
        let what = what.into();
        // If two readers want the same variable, its problem is reported once.
        if !self.problems.contains(&what) {
            self.problems.push(what);
        }
    }

    /// The value, if set and not blank.
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.trim().is_empty())
    }

    /// The value; a problem if unset.
    pub fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.problem(format!("{name} is missing"));
            String::new()
        })
    }

    /// The value or a default.
    pub fn text(&self, name: &str, default: &str) -> String {
        self.optional(name).unwrap_or_else(|| default.to_owned())
    }

    /// The text of an SMS, if set: at most 1,600 characters (Twilio's limit for a message body).
    pub fn message(&mut self, name: &str) -> Option<String> {
        let text = self.optional(name)?;
        if text.chars().count() > 1600 {
            self.problem(format!(
                "{name} is longer than 1600 characters, the limit for a text message"
            ));
        }
        Some(text)
    }

    /// Notes each name in braces in a text that is none of `known`, if the reading is strict. A
    /// function sends such a text as it is.
    pub fn placeholders(&mut self, name: &str, text: &str, known: &[&str]) {
        if !self.is_strict {
            return;
        }
        let is_name = |name: &&str| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b' '))
        };
        let ends = text.split('{').skip(1);
        let names = ends.filter_map(|rest| Some(rest.split_once('}')?.0));
        for found in names.filter(is_name).filter(|found| !known.contains(found)) {
            let known: Vec<String> = known.iter().map(|known| format!("{{{known}}}")).collect();
            let instead = match known.as_slice() {
                [] => "this text has none".to_owned(),
                known => format!("it may have {}", known.join(", ")),
            };
            self.problem(format!(
                "{name} has the unknown placeholder {{{found}}}; {instead}"
            ));
        }
    }

    /// A whole number within bounds, or a default.
    pub fn number(&mut self, name: &str, default: u64, bounds: RangeInclusive<u64>) -> u64 {
        match self.optional(name).map(|text| text.trim().parse::<u64>()) {
            None => default,
            Some(Ok(number)) if bounds.contains(&number) => number,
            Some(_) => {
                self.problem(format!(
                    "{name} must be a whole number from {} to {}",
                    bounds.start(),
                    bounds.end()
                ));
                default
            }
        }
    }

    /// `true` or `false`, or a default.
    pub fn flag(&mut self, name: &str, default: bool) -> bool {
        match self.optional(name).as_deref().map(str::trim) {
            None => default,
            Some("true") => true,
            Some("false") => false,
            Some(_) => {
                self.problem(format!("{name} must be true or false"));
                default
            }
        }
    }

    /// A comma list; blanks around entries and empty entries are dropped.
    pub fn list(&self, name: &str) -> Vec<String> {
        let text = self.optional(name).unwrap_or_default();
        text.split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// One of a few words, the first being the default.
    pub fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> T {
        let Some(text) = self.optional(name) else {
            return choices[0].1;
        };
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text.trim()) {
            return *choice;
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        self.problem(format!("{name} must be one of {}", words.join(", ")));
        choices[0].1
    }

    /// The value as `T`, if set. If it does not parse, the problem says that it is not `expected`
    /// (`an E.164 number such as +15005550006`).
    pub fn parsed<T: FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        let parsed = self.optional(name)?.trim().parse().ok();
        if parsed.is_none() {
            self.problem(format!("{name} is not {expected}"));
        }
        parsed
    }

    /// A vendor's base URL, `default` if unset. Plain `http` is accepted for this machine only.
    pub fn base_url(&mut self, name: &str, default: Option<&str>) -> BaseUrl {
        let Some(text) = self.optional(name).or_else(|| default.map(str::to_owned)) else {
            self.problem(format!("{name} is missing"));
            return BaseUrl::placeholder();
        };
        match text.trim().parse::<BaseUrl>() {
            Ok(url) => {
                let read = (name.to_owned(), url.clone());
                if !self.base_urls.contains(&read) {
                    self.base_urls.push(read);
                }
                url
            }
            Err(why) => {
                self.problem(format!("{name} {why}"));
                BaseUrl::placeholder()
            }
        }
    }

    /// The URLs that were read so far, with the names of their variables.
    pub(super) fn base_urls(&self) -> Vec<(String, BaseUrl)> {
        self.base_urls.clone()
    }

    /// As [`Source::base_url`], for a variable that may be left out.
    pub fn optional_base_url(&mut self, name: &str) -> Option<BaseUrl> {
        self.optional(name)?;
        Some(self.base_url(name, None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_placeholders_are_named_before_a_deployment_and_end_no_start() {
        let bears = |source: &mut Source<'_>| source.placeholders("X", "{y}", &[]);
        assert_eq!(read(&|_| None, bears), Ok(()));
        let noted = |text: &str, known: &[&str]| {
            let read = read_strictly(&|_| None, |source| source.placeholders("X", text, known));
            read.map_or_else(|problems| problems.0, |()| Vec::new())
        };
        assert_eq!(noted("Hi {firstName}, {", &["firstName"]), [""; 0]);
        assert_eq!(
            noted(r#"{"a":"b"} {{}"#, &["b"]),
            ["X has the unknown placeholder {}; it may have {b}"]
        );
        assert_eq!(
            noted("Hi {name}", &["a", "b"]),
            ["X has the unknown placeholder {name}; it may have {a}, {b}"]
        );
        assert_eq!(
            noted("Hi {name}", &[]),
            ["X has the unknown placeholder {name}; this text has none"]
        );
    }

    #[test]
    fn all_problems_are_listed_and_blank_counts_as_unset() {
        let lookup = |name: &str| match name {
            "BLANK" => Some("  ".to_owned()),
            "COUNT" => Some("many".to_owned()),
            "FLAG" => Some("yes".to_owned()),
            "URL" => Some("http://api.example.com".to_owned()),
            "WORD" => Some("third".to_owned()),
            _ => None,
        };
        let problems = read(&lookup, |source| {
            source.required("BLANK");
            assert_eq!(source.number("COUNT", 5, 1..=9), 5);
            assert!(!source.flag("FLAG", false));
            source.base_url("URL", None);
            source.base_url("OTHER_URL", None);
            assert_eq!(source.choice("WORD", &[("first", 1), ("second", 2)]), 1);
            assert_eq!(source.text("BLANK", "default"), "default");
        })
        .unwrap_err();
        assert_eq!(
            problems.0,
            [
                "BLANK is missing",
                "COUNT must be a whole number from 1 to 9",
                "FLAG must be true or false",
                "URL must be https (http only for this machine)",
                "OTHER_URL is missing",
                "WORD must be one of first, second"
            ]
        );
    }
}
