//! One line of a log.

use std::io::{self, Write};

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::report::{BAD, FAINT, GOOD, plain};

/// What is shown in a place of its own, or says nothing to a person.
const APART: [&str; 6] = [
    "level",
    "function",
    "outcome",
    "status",
    "duration_ms",
    "message",
];

/// What a function wrote at a time.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    /// The id that `CloudWatch` gave it.
    #[serde(skip)]
    pub(crate) id: String,
    /// Milliseconds since the epoch.
    pub(crate) at: u64,
    pub(crate) function: String,
    /// The members of the line, without the metrics. Empty: the line is no JSON.
    fields: Map<String, Value>,
    /// The line, if it is no JSON.
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
}

impl Line {
    pub(crate) fn new(function: &str, id: &str, at: u64, message: &str) -> Self {
        let fields: Option<Map<String, Value>> = serde_json::from_str(message).ok();
        let text = if fields.is_some() {
            String::new()
        } else {
            plain(message.trim_end())
        };
        // The names of metrics begin with a capital letter.
        let is_own = |name: &String| name.starts_with(|c: char| c.is_ascii_lowercase());
        let fields = fields.unwrap_or_default().into_iter();
        Self {
            id: id.to_owned(),
            at,
            function: function.to_owned(),
            fields: fields.filter(|(name, _)| is_own(name)).collect(),
            text,
        }
    }

    /// A member that is a text.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.as_str()
    }

    /// True if the function wrote it. Lambda also writes lines, about starts and durations.
    pub(crate) fn is_of_a_request(&self) -> bool {
        self.fields.contains_key("outcome") || self.fields.contains_key("level")
    }

    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let at = DateTime::from_millis(i64::try_from(self.at).unwrap_or(i64::MAX));
        let at = at.fmt(DateTimeFormat::DateTime).unwrap_or_default();
        write!(out, "{FAINT}{at:<24}{FAINT:#} {:<24}", self.function)?;
        if self.fields.is_empty() {
            return writeln!(out, " {FAINT}{}{FAINT:#}", self.text);
        }
        let is_bad = self.field("level") == Some("ERROR");
        let style = if is_bad { BAD } else { GOOD };
        let what = self.field("outcome").or_else(|| self.field("message"));
        write!(out, " {style}{}{style:#}", plain(what.unwrap_or("-")))?;
        for (name, unit) in [("status", ""), ("duration_ms", " ms")] {
            if let Some(value) = self.fields.get(name).filter(|value| value.is_number()) {
                write!(out, "  {value}{unit}")?;
            }
        }
        let others = self
            .fields
            .iter()
            .filter(|(name, value)| !APART.contains(&name.as_str()) && !value.is_null());
        for (name, value) in others {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            write!(out, "  {FAINT}{}={FAINT:#}{}", plain(name), plain(&value))?;
        }
        writeln!(out)
    }
}
