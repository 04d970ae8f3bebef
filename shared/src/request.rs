//! A Function URL event as a request: the guard in front of every function.
//!
//! The event (payload format 2.0, <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>) is read leniently into
//! just what is used, so nothing that a stranger can put into a URL, header or body makes the process fail: what cannot be
//! read is answered with 400. Path and query stay as they came, since signatures are made over exactly those bytes, and the
//! host is taken from `requestContext.domainName`, which AWS sets, never from a header, which a client sets.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::reply::Reply;

/// An HTTP request as it reached the Function URL.
#[derive(Debug)]
pub struct Request {
    /// Upper-case method.
    pub method: String,
    /// Path as sent, at least `/`.
    pub path: String,
    /// Query as sent, without `?`; may be empty.
    pub query: String,
    /// The Function URL's own host, set by AWS.
    pub domain: String,
    /// The body.
    pub body: Body,
    /// Lambda's id of this invocation.
    pub id: String,
    /// When Lambda ends this invocation.
    pub deadline: Instant,
    headers: HashMap<String, String>,
}

/// The body of a request, base64 undone. It reads as empty until [`Request::expect_post`] has found it short enough: nobody works on what
/// nobody has measured, not even to undo its base64.
#[derive(Debug)]
pub struct Body {
    sent: Bytes,
    is_base64: bool,
    measured: OnceLock<Bytes>,
}

impl Body {
    fn new(sent: impl Into<Bytes>, is_base64: bool) -> Self {
        Self {
            sent: sent.into(),
            is_base64,
            measured: OnceLock::new(),
        }
    }

    /// How long it is; of base64 exactly, of what only claims to be base64 about.
    fn length(&self) -> usize {
        if !self.is_base64 {
            return self.sent.len();
        }
        let padding = self
            .sent
            .iter()
            .rev()
            .take(2)
            .take_while(|byte| **byte == b'=')
            .count();
        (self.sent.len().div_ceil(4) * 3).saturating_sub(padding)
    }

    /// Makes it readable, if it has at most `limit` bytes.
    fn measure(&self, limit: usize) -> Result<(), Reply> {
        if self.length() > limit {
            return Err(Reply::refused(413, "too_large"));
        }
        let body = if self.is_base64 {
            STANDARD
                .decode(&self.sent)
                .map_err(|_| malformed("the body is not the base64 it claims to be"))?
                .into()
        } else {
            self.sent.clone()
        };
        // Measured before: then it is the same.
        let _same = self.measured.set(body);
        Ok(())
    }
}

impl Deref for Body {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        static NOTHING: Bytes = Bytes::new();
        self.measured.get().unwrap_or(&NOTHING)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow, default)]
    raw_path: Cow<'a, str>,
    #[serde(borrow, default)]
    raw_query_string: Cow<'a, str>,
    #[serde(default)]
    headers: Option<HashMap<String, String>>,
    #[serde(borrow)]
    request_context: RequestContext<'a>,
    #[serde(borrow, default)]
    body: Option<Cow<'a, str>>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    #[serde(borrow, default)]
    domain_name: Cow<'a, str>,
    #[serde(borrow)]
    http: Http<'a>,
}

#[derive(Deserialize)]
struct Http<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
}

impl Request {
    /// Reads an event.
    ///
    /// # Errors
    /// The 400 to answer with, when it is no Function URL event, or holds characters that no URL has.
    pub fn from_event(event: &str, id: &str, deadline: Instant) -> Result<Self, Reply> {
        let event: Event<'_> = serde_json::from_str(event)
            .map_err(|_| malformed("not a Function URL event (payload format 2.0)"))?;
        if !is_uri_text(&event.raw_path) || !is_uri_text(&event.raw_query_string) {
            return Err(malformed(
                "the path or query holds characters that no URL has",
            ));
        }
        let body = Body::new(
            event.body.unwrap_or_default().into_owned(),
            event.is_base64_encoded,
        );
        let headers = event.headers.unwrap_or_default();
        Ok(Self {
            method: event.request_context.http.method.to_ascii_uppercase(),
            path: if event.raw_path.is_empty() {
                "/".to_owned()
            } else {
                event.raw_path.into_owned()
            },
            query: event.raw_query_string.into_owned(),
            domain: event.request_context.domain_name.into_owned(),
            body,
            id: id.to_owned(),
            deadline,
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value))
                .collect(),
        })
    }

    /// The path without `prefix` before it; `None` if it does not begin so.
    pub fn without_prefix(&self, prefix: &str) -> Option<&str> {
        let rest = self.path.strip_prefix(prefix.trim_end_matches('/'))?;
        match rest {
            _ if rest.len() == self.path.len() => None,
            "" => Some("/"),
            rest => Some(rest).filter(|rest| rest.starts_with('/')),
        }
    }

    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The media type of the body, lower-case, without parameters; empty if not given.
    pub fn media_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        value
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    }

    /// Time left for work, keeping `reserve` for the answer.
    pub fn remaining(&self, reserve: Duration) -> Duration {
        self.deadline
            .saturating_duration_since(Instant::now())
            .saturating_sub(reserve)
    }

    /// Checks that this is a `POST` of one of `media_types` to `path` of at most `limit` bytes, and makes its body readable.
    ///
    /// # Errors
    /// The refusal to answer with: 404, 405, 415, 413, or 400 if its base64 is broken.
    pub fn expect_post(&self, path: &str, media_types: &[&str], limit: usize) -> Result<(), Reply> {
        if self.path != path {
            return Err(Reply::refused(404, "not_found"));
        }
        if self.method != "POST" {
            return Err(Reply::refused(405, "method_not_allowed").header("allow", "POST"));
        }
        if !media_types.contains(&self.media_type().as_str()) {
            return Err(Reply::refused(415, "unsupported_media_type"));
        }
        self.body.measure(limit)
    }
}

fn malformed(what: &'static str) -> Reply {
    Reply::refused(400, "malformed_request").field("error", what)
}

/// Whether an event is no request but a schedule's or a manual invocation: any JSON object without the `requestContext` that AWS puts into
/// every event of a Function URL, so that nobody outside can make one.
pub fn is_schedule(event: &str) -> bool {
    serde_json::from_str::<HashMap<String, &RawValue>>(event)
        .is_ok_and(|event| !event.contains_key("requestContext"))
}

/// Graphic ASCII without the characters that RFC 3986 keeps out of URLs as their delimiters: such text was never a URL.
fn is_uri_text(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn event() -> Value {
        json!({
            "rawPath": "/", "rawQueryString": "a=1&a=2", "headers": {"Content-Type": "Text/Plain; charset=UTF-8"},
            "requestContext": {"domainName": "x.on.aws", "http": {"method": "post"}}, "body": "WUVT", "isBase64Encoded": true
        })
    }

    fn read(event: &Value) -> Result<Request, Reply> {
        Request::from_event(&event.to_string(), "id", Instant::now())
    }

    #[test]
    fn a_good_event() {
        let request = read(&event()).unwrap();
        assert_eq!(
            (
                request.method.as_str(),
                request.path.as_str(),
                request.query.as_str()
            ),
            ("POST", "/", "a=1&a=2")
        );
        assert_eq!(request.media_type(), "text/plain");
        assert_eq!(&request.body[..], b"", "nobody has measured it");
        assert!(request.expect_post("/", &["text/plain"], 3).is_ok());
        assert_eq!(&request.body[..], b"YES");
    }

    /// What comes of a body with this limit: the body, or the status that refuses it.
    fn measured(body: &str, is_base64: bool, limit: usize) -> Result<Bytes, u16> {
        let mut event = event();
        (event["body"], event["isBase64Encoded"]) = (json!(body), json!(is_base64));
        let request = read(&event).unwrap();
        let verdict = request
            .expect_post("/", &["text/plain"], limit)
            .map_err(|reply| reply.status);
        assert!(verdict.is_ok() || request.body.is_empty(), "{body}");
        verdict.map(|()| request.body.clone())
    }

    #[test]
    fn a_path_without_the_prefix_that_a_proxy_left() {
        for (path, prefix, rest) in [
            ("/sms", "/sms/", Some("/")),
            ("/sms/", "/sms/", Some("/")),
            ("/sms/after", "/sms/", Some("/after")),
            ("/in/sms/after", "/in/sms", Some("/after")),
            ("/sms/sms", "/sms/", Some("/sms")),
            ("/sms//", "/sms/", Some("//")),
            ("/smsx", "/sms/", None),
            ("/after", "/sms/", None),
            ("/", "/sms/", None),
            ("/", "/", None),
            ("/after", "/", None),
            ("/after", "", None),
        ] {
            let mut event = event();
            event["rawPath"] = json!(path);
            assert_eq!(
                read(&event).unwrap().without_prefix(prefix),
                rest,
                "{path} {prefix}"
            );
        }
    }

    #[test]
    fn what_is_too_long_is_refused_before_it_is_decoded() {
        for limit in [8, 100, 1024 * 1024] {
            for (body, is_base64) in [
                ("!".repeat(limit * 2), true),
                ("é".repeat(limit), true),
                ("!".repeat(limit + 1), false),
            ] {
                assert_eq!(measured(&body, is_base64, limit), Err(413), "{limit}");
            }
        }
        for junk in ["!!!", "YQ=", "YQ", "YR==", "YQ==YQ==", "====", "é"] {
            assert_eq!(measured(junk, true, 9), Err(400), "{junk}");
        }
    }

    #[test]
    fn limits_are_exact_whatever_the_encoding() {
        for length in 0..40 {
            let text = "x".repeat(length);
            let encoded = STANDARD.encode(&text);
            for (body, is_base64) in [(&text, false), (&encoded, true)] {
                assert_eq!(
                    measured(body, is_base64, length),
                    Ok(Bytes::from(text.clone())),
                    "{length}"
                );
                if let Some(less) = length.checked_sub(1) {
                    assert_eq!(measured(body, is_base64, less), Err(413), "{length}");
                }
            }
        }
    }

    #[test]
    fn hostile_events_are_answered_400() {
        let mut cases = vec![
            json!(null),
            json!([]),
            json!("text"),
            json!({}),
            json!({"requestContext": {}}),
        ];
        for (pointer, value) in [
            ("/rawQueryString", json!("a=\"b\"")),
            ("/rawQueryString", json!("a=b c")),
            ("/rawPath", json!("/\u{7f}")),
            ("/rawPath", json!("/å")),
            ("/body", json!(7)),
            ("/headers", json!({"host": 7})),
            ("/requestContext/http", json!("POST")),
        ] {
            let mut event = event();
            *event.pointer_mut(pointer).unwrap() = value;
            cases.push(event);
        }
        for case in cases {
            assert_eq!(read(&case).unwrap_err().status, 400, "{case}");
        }
        assert_eq!(
            Request::from_event(r#"{"rawPath":"\ud800"}"#, "id", Instant::now())
                .unwrap_err()
                .status,
            400
        );
    }

    #[test]
    fn a_schedule_is_whatever_no_stranger_can_send() {
        for event in [
            "{}",
            r#"{"source":"aws.scheduler","detail":{"requestContext":1}}"#,
            r#"{"rawPath":"/"}"#,
        ] {
            assert!(is_schedule(event), "{event}");
        }
        for event in [
            r#"{"requestContext":null}"#,
            r#"{"requestContext":{"http":7}}"#,
            "null",
            "[]",
            "7",
            "\"text\"",
            "{",
            "",
        ] {
            assert!(!is_schedule(event), "{event}");
        }
        assert!(!is_schedule(&event().to_string()));
    }

    #[test]
    fn refusals_come_in_order() {
        let mut request = read(&event()).unwrap();
        let status = |request: &Request| {
            request
                .expect_post("/", &["text/plain"], 3)
                .map_err(|reply| reply.status)
        };
        assert_eq!(status(&request), Ok(()));
        request.body = Body::new("!!!", true);
        assert_eq!(status(&request), Err(400));
        request.body = Body::new("long", false);
        assert_eq!(status(&request), Err(413));
        request.headers.clear();
        assert_eq!(status(&request), Err(415));
        request.method = "GET".to_owned();
        assert_eq!(status(&request), Err(405));
        request.path = "/x".to_owned();
        assert_eq!(status(&request), Err(404));
    }
}
