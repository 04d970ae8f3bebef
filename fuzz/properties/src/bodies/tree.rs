//! JSON with each member as often as it is there, and numbers as they were written; and the same
//! JSON written otherwise.

use std::fmt::Write as _;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::members::Members;

/// A value.
#[derive(Clone)]
pub(super) enum Tree {
    /// null, true, false or a number, as it was written.
    Word(String),
    Text(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl From<Value> for Tree {
    fn from(value: Value) -> Self {
        Self::read(&value.to_string()).expect("JSON")
    }
}

impl Tree {
    /// `None`: it is no JSON, or a text has half of a surrogate pair.
    pub(super) fn read(json: &str) -> Option<Self> {
        let json = json.trim_matches([' ', '\t', '\r', '\n']);
        Some(match json.as_bytes().first()? {
            b'{' => {
                let Members::<Box<RawValue>>(members) = serde_json::from_str(json).ok()?;
                let read =
                    |(name, value): (String, Box<RawValue>)| Some((name, Self::read(value.get())?));
                Self::Object(members.into_iter().map(read).collect::<Option<_>>()?)
            }
            b'[' => {
                let values: Vec<Box<RawValue>> = serde_json::from_str(json).ok()?;
                let values = values.iter().map(|value| Self::read(value.get()));
                Self::List(values.collect::<Option<_>>()?)
            }
            b'"' => Self::Text(serde_json::from_str(json).ok()?),
            _ => Self::Word(json.to_owned()),
        })
    }

    pub(super) fn members(&self) -> Option<&[(String, Self)]> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The last member of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let mut members = self.members()?.iter().rev();
        members.find(|(found, _)| found == name).map(|(_, it)| it)
    }

    /// The last member at the end of this path.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |tree, name| tree.get(name))
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Word(word) if word == "null")
    }

    /// A number as a JSON reader has it.
    pub(super) fn number(&self) -> Option<serde_json::Number> {
        match self {
            Self::Word(word) => serde_json::from_str(word).ok(),
            _ => None,
        }
    }

    /// An object in which none of these names is there twice.
    pub(super) fn has_once(&self, names: &[&str]) -> bool {
        let count = |members: &[(String, Self)], name: &str| {
            members.iter().filter(|(found, _)| found == name).count()
        };
        let members = self.members();
        members.is_some_and(|members| names.iter().all(|name| count(members, name) <= 1))
    }

    /// All values, in the order in which they are written.
    pub(super) fn each(&mut self, change: &mut impl FnMut(&mut Self)) {
        change(self);
        match self {
            Self::List(values) => values.iter_mut().for_each(|value| value.each(change)),
            Self::Object(members) => {
                let values = members.iter_mut().map(|(_, value)| value);
                values.for_each(|value| value.each(change));
            }
            _ => {}
        }
    }

    /// The same value in other bytes.
    pub(super) fn written(&self, style: Style) -> String {
        let mut json = String::new();
        self.write(style, true, &mut json);
        json
    }

    fn write(&self, style: Style, is_whole: bool, json: &mut String) {
        let blank = if style.has(1) { "\r\n\t " } else { "" };
        json.push_str(blank);
        match self {
            Self::Word(word) => json.push_str(word),
            Self::Text(text) => style.text(text, json),
            Self::List(values) => {
                json.push('[');
                for (at, value) in values.iter().enumerate() {
                    json.push_str(if at == 0 { "" } else { "," });
                    value.write(style, false, json);
                }
                json.push(']');
            }
            Self::Object(members) => {
                let stranger = ("zz\"".to_owned(), Self::Text(STRANGE.to_owned()));
                let mut all: Vec<_> = members.iter().collect();
                let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
                // The order of two members with one name says which counts.
                if style.has(2) && names.len() <= MANY && self.has_once(&names) {
                    all.reverse();
                }
                if style.has(4) && !(is_whole && style.is_closed) {
                    all.insert(0, &stranger);
                    all.push(&stranger);
                }
                json.push('{');
                for (at, (name, value)) in all.into_iter().enumerate() {
                    json.push_str(if at == 0 { "" } else { "," });
                    json.push_str(blank);
                    style.text(name, json);
                    json.push_str(blank);
                    json.push(':');
                    value.write(style, false, json);
                }
                json.push('}');
            }
        }
        json.push_str(blank);
    }
}

/// A member that nobody knows. It looks like members that are known.
const STRANGE: &str = r#"","recipient":"+15005550006","to":"+15005550006","code":"31337"#;
/// Objects with more members are written in their order.
const MANY: usize = 40;

/// How JSON is written: its bits are blanks, the other order, further members, and escapes.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) bits: u8,
    /// A further member of the whole would have a meaning.
    pub(super) is_closed: bool,
}

impl Style {
    fn has(self, bit: u8) -> bool {
        self.bits & bit != 0
    }

    fn text(self, text: &str, json: &mut String) {
        json.push('"');
        for (at, c) in text.chars().enumerate() {
            let must = c < ' ' || matches!(c, '"' | '\\');
            if must || self.has(8) && (at.is_multiple_of(2) || self.has(16)) {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(json, "\\u{unit:04x}");
                }
            } else {
                json.push(c);
            }
        }
        json.push('"');
    }
}
