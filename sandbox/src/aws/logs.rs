//! `CloudWatch Logs`: what the functions have written, by log group.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use axum::{Extension, extract::State, http::HeaderMap};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::json::{Answer, Refusal, Service, parse};
use crate::{
    cloudformation::STACK_NAME,
    wire::{Complaints, lock},
};

const SERVICE: Service = Service {
    title: "CloudWatch Logs",
    name: "logs",
    target: "Logs_20140328.",
};

/// The most lines of a function that are kept.
const MOST: usize = 2_000;
/// The most events of an answer.
const PAGE: usize = 10_000;

/// What the functions have written. Cheap to clone.
#[derive(Clone, Default)]
pub struct Logs(Arc<Mutex<BTreeMap<String, VecDeque<Event>>>>);

#[derive(Clone)]
struct Event {
    /// Milliseconds since the epoch.
    at: u64,
    id: usize,
    message: String,
}

impl Logs {
    /// Adds a line that a function wrote at this time, milliseconds since the epoch.
    pub fn write(&self, function: &str, at: u64, message: &str) {
        let group = format!("/aws/lambda/{STACK_NAME}-{function}");
        let mut groups = lock(&self.0);
        let events = groups.entry(group).or_default();
        let id = events.back().map_or(0, |last| last.id + 1);
        events.push_back(Event {
            at,
            id,
            message: message.to_owned(),
        });
        if events.len() > MOST {
            events.pop_front();
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FilterLogEvents {
    log_group_name: String,
    start_time: Option<u64>,
    end_time: Option<u64>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn logs(
    State(logs): State<Logs>,
    Extension(complaints): Extension<Complaints>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let answer = SERVICE.check(&headers, None, &complaints);
    let answer = answer.and_then(|()| match SERVICE.operation(&headers) {
        "FilterLogEvents" => filter(&logs, &body),
        operation => Err(SERVICE.unknown(operation, &complaints)),
    });
    SERVICE.answer(answer, &complaints)
}

fn filter(logs: &Logs, body: &[u8]) -> Result<Value, Refusal> {
    let request: FilterLogEvents = parse(body)?;
    let pattern = request.filter_pattern.as_deref().unwrap_or_default();
    let pattern = Pattern::parse(pattern).ok_or_else(|| {
        (
            "InvalidParameterException",
            "Invalid filter pattern".to_owned(),
        )
    })?;
    let groups = lock(&logs.0);
    let events = groups.get(&request.log_group_name).ok_or_else(|| {
        (
            "ResourceNotFoundException",
            "The specified log group does not exist.".to_owned(),
        )
    })?;
    let begin = request.start_time.unwrap_or_default();
    let end = request.end_time.unwrap_or(u64::MAX);
    let from: usize = match &request.next_token {
        Some(token) => token.parse().map_err(|_| {
            (
                "InvalidParameterException",
                "The specified nextToken is invalid.".to_owned(),
            )
        })?,
        None => 0,
    };
    let mut found = events.iter().filter(|event| {
        event.id >= from && (begin..=end).contains(&event.at) && pattern.takes(&event.message)
    });
    let limit = request.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let page: Vec<_> = found
        .by_ref()
        .take(limit)
        .map(|event| {
            json!({
                "eventId": format!("{:056}", event.id), "timestamp": event.at, "ingestionTime": event.at,
                "logStreamName": "2026/01/01/[$LATEST]0", "message": event.message,
            })
        })
        .collect();
    let next = found.next().map(|event| event.id.to_string());
    let mut answer = json!({ "events": page, "searchedLogStreams": [] });
    if let Some(next) = next {
        answer["nextToken"] = next.into();
    }
    Ok(answer)
}

/// A JSON filter pattern: members that equal a text, where `*` stands for anything, all (`&&`) or
/// one (`||`) of them. Other patterns are not simulated.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>
struct Pattern {
    all: bool,
    terms: Vec<(String, String)>,
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let inner = text.trim();
        if inner.is_empty() {
            return Some(Self {
                all: true,
                terms: vec![],
            });
        }
        let inner = inner.strip_prefix('{')?.strip_suffix('}')?;
        let all = !inner.contains("||");
        let separator = if all { "&&" } else { "||" };
        let terms = inner.split(separator).map(|term| {
            let term = term.trim().trim_start_matches('(').trim_end_matches(')');
            let (name, value) = term.split_once('=')?;
            let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
            Some((name.trim().strip_prefix("$.")?.to_owned(), value.to_owned()))
        });
        let terms = terms.collect::<Option<_>>()?;
        Some(Self { all, terms })
    }

    fn takes(&self, message: &str) -> bool {
        let line: Value = serde_json::from_str(message).unwrap_or_default();
        let is = |(name, value): &(String, String)| {
            line[name].as_str().is_some_and(|text| like(text, value))
        };
        if self.all {
            self.terms.iter().all(is)
        } else {
            self.terms.iter().any(is)
        }
    }
}

/// True if a text fits a pattern in which `*` stands for anything.
fn like(text: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return text == pattern;
    };
    let Some(text) = text.strip_prefix(first) else {
        return false;
    };
    (0..=text.len()).any(|at| text.is_char_boundary(at) && like(&text[at..], rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compare_members() {
        let line = r#"{"outcome":"sent","phone":"+45••••5678"}"#;
        for (pattern, takes) in [
            ("", true),
            (r#"{ $.outcome = "sent" }"#, true),
            (r#"{ $.phone = "+45*5678" }"#, true),
            (r#"{ $.phone = "+46*5678" }"#, false),
            (r#"{ ($.outcome = "sent") && ($.level = "ERROR") }"#, false),
            (r#"{ ($.outcome = "sent") || ($.level = "ERROR") }"#, true),
        ] {
            assert_eq!(
                Pattern::parse(pattern).unwrap().takes(line),
                takes,
                "{pattern}"
            );
        }
        assert!(Pattern::parse("ERROR").is_none());
    }
}
