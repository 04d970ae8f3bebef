//! What is to be changed at a provider, and the calls that change it.

use reqwest::Method;
use serde::Serialize;
use serde_json::Value;
use url::Url;

use crate::calls::Body;
use crate::stack::RETRIES;

/// A difference between the current state and the wanted state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    /// The object that changes, such as `Twilio number +15005550006`.
    pub(crate) of: String,
    pub(crate) field: String,
    /// The current value. `None`: there is none, or it cannot be read.
    pub(crate) from: Option<String>,
    pub(crate) to: String,
    /// A remark that the person should not miss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

/// The changes, and the calls that make them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Plan {
    pub(crate) changes: Vec<Change>,
    pub(crate) steps: Vec<Step>,
    /// Problems that a person must solve, because this program must not change them.
    pub(crate) problems: Vec<String>,
}

/// One action at a provider. Its `Debug` output has no secrets: bodies are never printed.
#[derive(Clone, PartialEq)]
pub(crate) enum Step {
    /// A single request.
    Send(Method, Url, Body),
    /// An Action: create it, or update the one with this id; then build and deploy it.
    Action(Option<String>, Value),
    /// An event hook: create it, or replace the one with this id; then verify it.
    Hook(Option<String>, Value),
    /// An event hook whose URL is not verified yet.
    Verify(String),
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Send(method, url, _) => write!(f, "{method} {url}"),
            Self::Action(id, _) => write!(f, "action {id:?}"),
            Self::Hook(id, _) => write!(f, "hook {id:?}"),
            Self::Verify(id) => write!(f, "verify {id}"),
        }
    }
}

impl Plan {
    /// Notes a field whose value is not `to`. Returns true if it was noted.
    pub(crate) fn compare(&mut self, of: &str, field: &str, from: Option<&str>, to: &str) -> bool {
        let from = from.filter(|value| !value.is_empty());
        let differs = from.unwrap_or_default() != to;
        if differs {
            self.set(of, field, from, to);
        }
        differs
    }

    /// Notes a change.
    pub(crate) fn set(&mut self, of: &str, field: &str, from: Option<&str>, to: &str) {
        let from = from.map(|from| crate::report::plain(&without_credentials(from)));
        self.changes.push(Change {
            of: of.to_owned(),
            field: field.to_owned(),
            from,
            to: without_credentials(to),
            note: None,
        });
    }
}

/// A text with its URLs shortened to scheme, host and path, and the retries for Twilio
/// ([`RETRIES`]). User, query and any other fragment may contain credentials. A URL ends with the
/// quote that it began after, or else with a blank.
fn without_credentials(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        shown.push_str(before);
        let quote = before[..at]
            .trim_end_matches(|c: char| c.is_ascii_alphanumeric())
            .chars()
            .next_back();
        let end = match quote.filter(|c| matches!(c, '"' | '\'')) {
            Some(quote) => after.find(quote),
            None => after.find(char::is_whitespace),
        };
        let (url, left) = after.split_at(end.unwrap_or(after.len()));
        let (authority, more) = url.split_at(url.find(['/', '\\', '?', '#']).unwrap_or(url.len()));
        let (path, hidden) = more.split_at(more.find(['?', '#']).unwrap_or(more.len()));
        match authority.rsplit_once('@') {
            Some((_, host)) => shown.extend(["...@", host]),
            None => shown.push_str(authority),
        }
        shown.push_str(path);
        match hidden.chars().next() {
            Some(_) if hidden == RETRIES => shown.push_str(RETRIES),
            Some(sign) => shown.extend([sign, '.', '.', '.']),
            None => {}
        }
        rest = left;
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_what_may_be_a_credential() {
        for (text, shown) in [
            (
                "https://x.example/a#rc=3&rp=5xx,ct,rt",
                "https://x.example/a#rc=3&rp=5xx,ct,rt",
            ),
            (
                "https://u:canary@x.example:81/a?canary#canary",
                "https://...@x.example:81/a?...",
            ),
            (
                "HTTPS://u@canary@x.example#canary",
                "HTTPS://...@x.example#...",
            ),
            (
                r#"forward("https://u:canary@x/?a=(c,d canary)"), stop()"#,
                r#"forward("https://...@x/?..."), stop()"#,
            ),
            (
                "store(notify='https://x/?canary'), forward('http://y/')",
                "store(notify='https://x/?...'), forward('http://y/')",
            ),
            (
                "https://x/?canary https://y/?canary",
                "https://x/?... https://y/?...",
            ),
            ("://", "://"),
            ("^acme[+]([0-9]{7,15})@x$", "^acme[+]([0-9]{7,15})@x$"),
        ] {
            assert_eq!(without_credentials(text), shown);
        }
    }
}
