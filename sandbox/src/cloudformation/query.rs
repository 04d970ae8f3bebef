//! The query protocol: a form as the request, XML as the answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use quick_xml::escape::escape;

const NAMESPACE: &str = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
const METADATA: &str = "<RequestId>00000000-0000-4000-8000-000000000002</RequestId>";

/// The fields of a request.
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    /// The error names a field that is repeated.
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(body).into_owned() {
            if fields.insert(name.clone(), value).is_some() {
                return Err(format!("repeated field {name}"));
            }
        }
        Ok(Self(fields))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The first field that is none of these, nor an entry of a list of this name.
    pub(super) fn unknown(&self, known: &[&str]) -> Option<&str> {
        let mut names = self.0.keys();
        let is_known = |name: &str| {
            let list = name.split_once(".member.").map_or(name, |(list, _)| list);
            matches!(list, "Action" | "Version") || known.contains(&list)
        };
        names.find(|name| !is_known(name)).map(String::as_str)
    }

    /// The texts of a list.
    pub(super) fn texts(&self, list: &str) -> BTreeSet<String> {
        let prefix = format!("{list}.member.");
        let entries = self.0.iter();
        let entries = entries.filter(|(name, _)| name.starts_with(&prefix));
        entries.map(|(_, value)| value.clone()).collect()
    }

    /// The entries of a list of structures.
    pub(super) fn entries(&self, list: &str) -> Vec<BTreeMap<&str, &str>> {
        let prefix = format!("{list}.member.");
        let mut entries: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
        for (name, value) in &self.0 {
            let place = name
                .strip_prefix(&prefix)
                .and_then(|rest| rest.split_once('.'));
            if let Some((place, field)) = place {
                entries.entry(place).or_default().insert(field, value);
            }
        }
        entries.into_values().collect()
    }
}

/// An element with this content, which is XML.
pub(super) fn element(name: &str, content: &str) -> String {
    format!("<{name}>{content}</{name}>")
}

/// Elements with these texts.
pub(super) fn texts(pairs: &[(&str, &str)]) -> String {
    let mut xml = String::new();
    for (name, text) in pairs {
        let _ = write!(xml, "<{name}>{}</{name}>", escape(*text));
    }
    xml
}

/// The entries of a list.
pub(super) fn members(entries: impl Iterator<Item = String>) -> String {
    entries.map(|entry| element("member", &entry)).collect()
}

/// The answer of an action.
pub(super) fn answer(action: &str, result: &str) -> Response {
    let result = element(&format!("{action}Result"), result);
    respond(
        StatusCode::OK,
        &format!(
            "<{action}Response xmlns=\"{NAMESPACE}\">{result}<ResponseMetadata>{METADATA}</ResponseMetadata></{action}Response>"
        ),
    )
}

/// The answer to a request that is refused.
pub(super) fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    let error = texts(&[("Type", "Sender"), ("Code", code), ("Message", message)]);
    let error = element("Error", &error);
    respond(
        status,
        &format!("<ErrorResponse xmlns=\"{NAMESPACE}\">{error}{METADATA}</ErrorResponse>"),
    )
}

fn respond(status: StatusCode, body: &str) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/xml")];
    (status, kind, body.to_owned()).into_response()
}
