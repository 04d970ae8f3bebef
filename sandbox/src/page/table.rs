//! The table and the secrets, as far as they may be seen.

use std::collections::{BTreeMap, BTreeSet};

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Shared, body::Masks, problem::Query};
use crate::{Sandbox, aws::TABLE_NAME};

/// What the items of a prefix are. A test compares this list with the template.
const MEANINGS: [(&str, &str); 32] = [
    ("account", "An account of the protected API."),
    ("call", "How far a caller got in the phone menu."),
    (
        "directory",
        "The employees, as the directory told them last.",
    ),
    (
        "kept",
        "A code, encrypted, until it is used or expires. It can go out again.",
    ),
    ("lock", "A lock after wrong PINs."),
    ("number", "A company number and its owner."),
    ("pending", "Requests that wait for the reply of a phone."),
    ("phone", "The account of a phone."),
    ("rate#calls", "How often a number was called lately."),
    ("rate#code", "How many codes went to a number lately."),
    (
        "rate#code-call",
        "How many calls read a code to a number lately.",
    ),
    (
        "rate#code-country",
        "How many codes went to a country lately.",
    ),
    ("rate#code-from", "How many codes an asker got lately."),
    (
        "rate#code-ip",
        "How many codes an address asked for lately.",
    ),
    ("rate#code-provider", "Whether a provider works."),
    (
        "rate#code-range",
        "How many codes went to a range of numbers lately.",
    ),
    ("rate#missed", "How many texts told of missed calls lately."),
    ("rate#pin", "How many PINs were tried lately."),
    ("rate#pin-failures", "How many PINs were wrong lately."),
    ("rate#reply", "How many replies a phone sent lately."),
    ("rate#sms", "How many links went to a phone lately."),
    ("rate#text", "How many texts a number got lately."),
    (
        "rate#text-pair",
        "How many texts one phone sent another lately.",
    ),
    ("rate#text-reply", "How many answers went out lately."),
    ("rate#voicemail", "How many texts told of messages lately."),
    (
        "road",
        "A provider that failed for a number, to be avoided for a while.",
    ),
    ("score", "Deliveries of an hour, by provider and country."),
    (
        "seen",
        "A request that was handled, so that a repetition changes nothing.",
    ),
    ("sent", "A text that went out, for its receipts."),
    ("thread", "Who texts with whom through a company number."),
    ("token", "A token of another service, until it expires."),
    ("words", "A company's own texts in a language."),
];

/// Prefixes of items, each with the functions that may touch them.
pub(super) fn owners(sandbox: &Sandbox) -> BTreeMap<String, BTreeSet<String>> {
    let mut owners = BTreeMap::<String, BTreeSet<String>>::new();
    for function in &sandbox.template().functions {
        for key in function.rights.keys() {
            let prefix = key.trim_end_matches('*').trim_end_matches('#').to_owned();
            if !prefix.is_empty() {
                owners
                    .entry(prefix)
                    .or_default()
                    .insert(function.name.clone());
            }
        }
    }
    owners
}

/// The longest known prefix of a partition key, or its first word.
pub(super) fn prefix<'a>(pk: &'a str, known: &BTreeMap<String, BTreeSet<String>>) -> &'a str {
    let fits = |end: usize| known.contains_key(&pk[..end]);
    let ends = pk.match_indices('#').map(|(at, _)| at).chain([pk.len()]);
    let longest = ends.filter(|end| fits(*end)).max();
    longest.map_or_else(
        || pk.split('#').next().unwrap_or_default(),
        |end| &pk[..end],
    )
}

fn meaning(prefix: &str) -> &'static str {
    let exact = MEANINGS.iter().find(|(known, _)| *known == prefix);
    let first = prefix.split('#').next().unwrap_or_default();
    exact
        .or_else(|| MEANINGS.iter().find(|(known, _)| *known == first))
        .map_or("", |(_, meaning)| meaning)
}

/// An attribute in plain text.
fn plain(value: &Value) -> String {
    let Some((kind, value)) = value.as_object().and_then(|value| value.iter().next()) else {
        return value.to_string();
    };
    match (kind.as_str(), value) {
        ("S" | "N", Value::String(text)) => text.clone(),
        ("B", Value::String(text)) => format!("({} characters of Base64)", text.len()),
        ("L", Value::Array(items)) => {
            format!(
                "[{}]",
                items.iter().map(plain).collect::<Vec<_>>().join(", ")
            )
        }
        ("M", Value::Object(members)) => {
            let members = members
                .iter()
                .map(|(name, value)| format!("{name}: {}", plain(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        _ => value.to_string(),
    }
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    prefix: Option<String>,
    limit: Option<usize>,
}

/// `GET /api/table`.
pub(super) async fn list(State(app): Shared, Query(wanted): Query<Wanted>) -> Json<Value> {
    let owners = owners(&app.sandbox);
    let items = app.sandbox.aws.items().await;
    let masks = Masks::of(&app.sandbox);
    let mut counts = BTreeMap::<&str, usize>::new();
    let key = |item: &'_ Value, name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    for item in &items {
        let pk = item["pk"]["S"].as_str().unwrap_or_default();
        *counts.entry(prefix(pk, &owners)).or_default() += 1;
    }
    let prefixes: Vec<_> = counts
        .iter()
        .map(|(prefix, count)| {
            json!({ "prefix": prefix, "count": count, "meaning": meaning(prefix), "functions": owners.get(*prefix) })
        })
        .collect();
    let mut answer = json!({ "name": TABLE_NAME, "prefixes": prefixes, "total": items.len() });
    if let Some(wanted_prefix) = &wanted.prefix {
        let mut found: Vec<_> = items
            .iter()
            .filter(|item| {
                prefix(item["pk"]["S"].as_str().unwrap_or_default(), &owners) == wanted_prefix
            })
            .collect();
        found.sort_by_key(|item| (key(item, "pk"), key(item, "sk")));
        let limit = wanted.limit.unwrap_or(200).min(1_000);
        answer["more"] = json!(found.len() > limit);
        let shown: Vec<_> = found
            .into_iter()
            .take(limit)
            .map(|item| {
                let expires = item["expires_at"]["N"]
                    .as_str()
                    .and_then(|n| n.parse::<u64>().ok());
                let attributes: BTreeMap<_, _> = item
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter(|(name, _)| !["pk", "sk", "expires_at"].contains(&name.as_str()))
                    .map(|(name, value)| (name.clone(), masks.field(name, &plain(value))))
                    .collect();
                json!({
                    "pk": masks.text(&key(item, "pk")), "sk": masks.text(&key(item, "sk")),
                    "expires": expires, "attributes": attributes,
                })
            })
            .collect();
        answer["items"] = json!(shown);
    }
    Json(answer)
}

/// `GET /api/secrets`: names of secrets and of their keys, never values.
pub(super) async fn secrets(State(app): Shared) -> Json<Value> {
    let aws = &app.sandbox.aws;
    let secrets: Vec<_> = aws
        .secret_names()
        .into_iter()
        .map(|name| {
            let keys: Vec<_> = match aws.secret(&name) {
                Some(Value::Object(members)) => members.keys().cloned().collect(),
                _ => vec![],
            };
            json!({ "name": name, "keys": keys })
        })
        .collect();
    Json(json!({ "secrets": secrets }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Template;

    #[test]
    fn every_prefix_of_the_template_has_a_meaning() {
        let template = Template::read().unwrap();
        for function in &template.functions {
            for key in function.rights.keys() {
                let prefix = key.trim_end_matches('*').trim_end_matches('#');
                assert!(!meaning(prefix).is_empty(), "{}: {prefix}", function.name);
            }
        }
    }

    #[test]
    fn a_key_has_the_longest_prefix() {
        let known: BTreeMap<_, _> = ["rate#code", "rate#code-ip", "pending"]
            .map(|prefix| (prefix.to_owned(), BTreeSet::new()))
            .into();
        for (pk, expected) in [
            ("rate#code#x#1", "rate#code"),
            ("rate#code-ip#1.2.3.4", "rate#code-ip"),
            ("pending#+45", "pending"),
            ("pending", "pending"),
            ("other#x", "other"),
        ] {
            assert_eq!(prefix(pk, &known), expected);
        }
        assert_eq!(plain(&json!({"L": [{"S": "a"}, {"N": "1"}]})), "[a, 1]");
    }
}
