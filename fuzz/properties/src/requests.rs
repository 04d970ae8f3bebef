//! Events and forms.

use std::time::Instant;

use serde::Deserialize;
use serde_json::Value;
use shared::platform::bearer::presented;
use shared::platform::request::Request;
use shared::vendors::twilio::webhook::Form;

/// The most parameters that a form of Twilio's may have.
const PARAMETER_LIMIT: usize = 500;

/// What a function reads of an event as text. A number anywhere else may be of any size.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    #[serde(default)]
    raw_path: Value,
    #[serde(default)]
    raw_query_string: Value,
}

/// A request's path and query are the bytes that were sent. Its body has no content before its
/// length was checked.
pub fn event(data: &[u8]) {
    let Ok(event) = str::from_utf8(data) else {
        return;
    };
    let Ok(request) = Request::from_event(event, "id", Instant::now()) else {
        return;
    };
    let sent: Sent = serde_json::from_str(event).expect("a request came from JSON");
    let query = sent.raw_query_string.as_str().unwrap_or_default();
    assert_eq!(request.query(), query);
    let path = sent.raw_path.as_str().filter(|path| !path.is_empty());
    let path = path.unwrap_or("/");
    assert_eq!(request.path(), path);
    assert!(request.body().is_empty());
    let _answer = request.expect_post("/", &["text/plain", ""], 1024);
    assert!(request.body().len() <= 1024);
    let _token = presented(&request);
}

/// A form's parameters are those that a second, simple reader finds.
pub fn form(data: &[u8]) {
    let expected = decoded(data);
    let Some(form) = Form::parse(data) else {
        assert!(expected.len() > PARAMETER_LIMIT);
        return;
    };
    for (name, _) in &expected {
        let first = expected.iter().find(|(other, _)| other == name);
        assert_eq!(form.get(name), first.map(|(_, value)| value.as_str()));
    }
    let mut names: Vec<&String> = expected.iter().map(|(name, _)| name).collect();
    names.sort();
    let count = names.len();
    names.dedup();
    assert_eq!(form.repeats(), names.len() < count);
    assert_eq!(form.into_pairs(), expected);
}

/// The pairs of a form (<https://url.spec.whatwg.org/#concept-urlencoded-parser>).
pub(crate) fn decoded(data: &[u8]) -> Vec<(String, String)> {
    let parts = data.split(|byte| *byte == b'&');
    let parts = parts.filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let end = part.iter().position(|byte| *byte == b'=');
            let (name, value) = part.split_at(end.unwrap_or(part.len()));
            (plain(name), plain(value.get(1..).unwrap_or_default()))
        })
        .collect()
}

fn plain(text: &[u8]) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let digits = after.get(..2).filter(|_| *first == b'%');
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let escaped = digits.and_then(|digits| hex::decode(digits).ok());
        if let Some(escaped) = escaped {
            bytes.extend(escaped);
            rest = &after[2..];
        } else {
            bytes.push(if *first == b'+' { b' ' } else { *first });
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
