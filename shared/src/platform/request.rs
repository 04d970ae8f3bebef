//! A Function URL event as `lambda_http`'s request: the guard in front of every function.
//!
//! `lambda_http` panics on events that it cannot convert. A stranger can send some of them: a quote
//! in the query, a URL that is too long, an odd `host`, broken base64. The guard does the risky
//! steps first, with a `Result`, and answers 400. Path and query stay as they came, because
//! signatures cover exactly those bytes. The host is `requestContext.domainName`, which AWS sets,
//! never a header, which a client sets. Events:
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>, payload format 2.0.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use lambda_http::RequestExt as _;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::http::Uri;
use lambda_http::http::header::{HOST, HeaderName, HeaderValue};
use lambda_http::request::{LambdaRequest, RequestContext};
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use crate::platform::reply::{Failure, Reply};

/// More headers than any HTTP server accepts, and far fewer than the 24,576 at which a `HeaderMap`
/// panics.
const HEADER_LIMIT: usize = 1000;

/// A request as it reached the Function URL: the request of `lambda_http`, the id of its
/// invocation, and the time left for it.
#[derive(Debug)]
pub struct Request {
    http: lambda_http::Request,
    body: Body,
    id: String,
    deadline: Instant,
}

/// Why an event is not a request.
#[derive(Debug)]
pub enum NoRequest {
    /// The event came over HTTP, but it cannot be read. The sender gets this reply.
    Malformed(Reply),
    /// The event did not come over HTTP, so no client would read a reply: the invocation fails.
    NotHttp(Failure),
}

/// The body of a request. It reads as empty until [`Request::expect_post`] has checked its length.
/// So no code works on a body of unknown length; not even its base64 is decoded before.
#[derive(Debug)]
struct Body {
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

    /// Its length in bytes. For valid base64 it is exact, for a body that only claims to be base64
    /// approximate.
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

    /// Makes the body readable, if it has at most `limit` bytes.
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
        // If the body was set before, it is the same.
        let _ = self.measured.set(body);
        Ok(())
    }
}

impl Request {
    /// Reads an event.
    ///
    /// # Errors
    /// See [`NoRequest`].
    pub fn from_event(event: &str, id: &str, deadline: Instant) -> Result<Self, NoRequest> {
        if !is_http(event) {
            return Err(NoRequest::NotHttp(Failure {
                status: 500,
                outcome: "unknown_event",
                cause: "this function takes no such event; invoke it through a Function URL, or an HTTP API with payload format 2.0".to_owned(),
            }));
        }
        let malformed = |what| NoRequest::Malformed(malformed(what));
        let unreadable = |_| malformed("not a Function URL event (payload format 2.0)");
        let event: Event = serde_json::from_str(event).map_err(unreadable)?;
        let (http, body) = convert(event).map_err(malformed)?;
        Ok(Self {
            http,
            body,
            id: id.to_owned(),
            deadline,
        })
    }

    /// Upper-case method.
    pub fn method(&self) -> &str {
        self.http.method().as_str()
    }

    /// The path as sent, at least `/`. The URI's own path is normalised, so signatures would not
    /// match it.
    pub fn path(&self) -> &str {
        self.http.raw_http_path()
    }

    /// The query as sent, without `?`; may be empty.
    pub fn query(&self) -> &str {
        self.http.uri().query().unwrap_or_default()
    }

    /// The Function URL's own host, set by AWS.
    pub fn domain(&self) -> &str {
        match self.http.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => {
                context.domain_name.as_deref().unwrap_or_default()
            }
            _ => "",
        }
    }

    /// The decoded body; empty until [`Request::expect_post`] has checked its length.
    pub fn body(&self) -> &Bytes {
        static NOTHING: Bytes = Bytes::new();
        self.body.measured.get().unwrap_or(&NOTHING)
    }

    /// Lambda's id of this invocation.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The path after `prefix`; `None` if the path does not begin with `prefix`.
    pub fn without_prefix(&self, prefix: &str) -> Option<&str> {
        let path = self.path();
        let rest = path.strip_prefix(prefix.trim_end_matches('/'))?;
        match rest {
            _ if rest.len() == path.len() => None,
            "" => Some("/"),
            rest => Some(rest).filter(|rest| rest.starts_with('/')),
        }
    }

    /// The same request, with another path.
    #[must_use]
    pub fn with_path(self, path: String) -> Self {
        Self {
            http: self.http.with_raw_http_path(path),
            ..self
        }
    }

    /// A header by its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.http.headers().get(name)?;
        std::str::from_utf8(value.as_bytes()).ok()
    }

    /// The token of `Authorization: Bearer` (RFC 6750).
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.trim().split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
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

    /// The time left for work. `reserve` is kept for the answer.
    pub fn remaining(&self, reserve: Duration) -> Duration {
        self.deadline
            .saturating_duration_since(Instant::now())
            .saturating_sub(reserve)
    }

    /// Checks that this is a `POST` to `path` with one of `media_types` and at most `limit` bytes.
    /// Makes its body readable.
    ///
    /// # Errors
    /// The refusal: 404, 405, 415, 413, or 400 if the base64 is broken.
    pub fn expect_post(&self, path: &str, media_types: &[&str], limit: usize) -> Result<(), Reply> {
        if self.path() != path {
            return Err(Reply::refused(404, "not_found"));
        }
        if self.method() != "POST" {
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

/// Whether an event comes from a schedule or a manual invocation: any JSON object without
/// `requestContext`. AWS puts `requestContext` into every event of a Function URL, so a stranger
/// cannot make such an event.
pub fn is_schedule(event: &str) -> bool {
    members(event).is_some_and(|event| !event.contains_key("requestContext"))
}

type Members<'a> = HashMap<String, &'a RawValue>;

/// The unparsed members of a JSON object; `None` if `json` is not an object.
fn members(json: &str) -> Option<Members<'_>> {
    serde_json::from_str(json).ok()
}

/// Whether the event came over HTTP: events of payload format 2.0 then have `requestContext.http`.
fn is_http(event: &str) -> bool {
    members(event)
        .and_then(|event| members(event.get("requestContext")?.get()))
        .is_some_and(|context| context.contains_key("http"))
}

/// The members of an event that a function uses. Other members may hold anything: emulators and hand-made events differ in them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    raw_path: Option<String>,
    raw_query_string: Option<String>,
    headers: Option<HashMap<String, String>>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
    request_context: Context,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    domain_name: Option<String>,
    http: Http,
}

#[derive(Deserialize)]
struct Http {
    method: String,
}

/// `lambda_http`'s conversion, after everything it would panic on, and without what it would believe a header or a stage.
fn convert(sent: Event) -> Result<(lambda_http::Request, Body), &'static str> {
    let body = Body::new(
        sent.body.unwrap_or_default(),
        sent.is_base64_encoded.unwrap_or_default(),
    );
    let mut event = ApiGatewayV2httpRequest::default();
    let method = sent.request_context.http.method.to_ascii_uppercase();
    event.request_context.http.method = method.parse().map_err(|_| "no method")?;
    event.request_context.domain_name = sent.request_context.domain_name;
    let headers = sent.headers.unwrap_or_default();
    if headers.len() > HEADER_LIMIT {
        return Err("too many headers");
    }
    for (name, value) in headers {
        let name: HeaderName = name.parse().map_err(|_| "a header's name is none")?;
        let value = HeaderValue::try_from(value).map_err(|_| "a header's value is none")?;
        event.headers.insert(name, value);
    }
    event.raw_query_string = sent.raw_query_string;
    let path = event.raw_path.insert(sent.raw_path.unwrap_or_default());
    if path.is_empty() {
        path.push('/');
    }
    let query = event.raw_query_string.as_deref().unwrap_or_default();
    let is_path = path.starts_with('/') && is_uri_text(path) && !path.contains('?');
    if !is_path || !is_uri_text(query) {
        return Err("the path or query holds characters that no URL has");
    }
    let domain = event.request_context.domain_name.as_deref();
    // AWS always sets the domain. Without it, no signature that needs it is accepted.
    let host = domain
        .filter(|domain| !domain.is_empty())
        .unwrap_or("localhost");
    let no_host = "requestContext.domainName is not a host name";
    let url = Some(format!("https://{host}{path}"))
        .filter(|_| is_host(host))
        .and_then(|url| Url::parse(&url).ok())
        .ok_or(no_host)?;
    format!("{url}?{query}")
        .parse::<Uri>()
        .map_err(|_| "the URL is too long")?;
    let host = HeaderValue::from_str(host).map_err(|_| no_host)?;
    event.headers.insert(HOST, host);
    event.headers.remove("x-forwarded-proto"); // it would be the URL's scheme
    Ok((LambdaRequest::ApiGatewayV2(event).into(), body))
}

/// Whether `text` is a name or an address, perhaps with a port.
fn is_host(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':' | b'_'))
}

/// Whether `text` is graphic ASCII without the delimiters that RFC 3986 keeps out of paths and
/// queries. Any other text does not come from a URL.
fn is_uri_text(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'#' | b'<' | b'>' | b'\\'))
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

    fn read(event: &Value) -> Result<Request, NoRequest> {
        Request::from_event(&event.to_string(), "id", Instant::now())
    }

    /// The status of the answer, or the outcome of the failed invocation.
    fn refused(event: &str) -> (u16, &'static str) {
        match Request::from_event(event, "id", Instant::now()).unwrap_err() {
            NoRequest::Malformed(reply) => (reply.status, reply.outcome),
            NoRequest::NotHttp(failure) => (failure.status, failure.outcome),
        }
    }

    #[test]
    fn a_good_event() {
        let request = read(&event()).unwrap();
        assert_eq!(
            (request.method(), request.path(), request.query()),
            ("POST", "/", "a=1&a=2")
        );
        assert_eq!((request.domain(), request.id()), ("x.on.aws", "id"));
        assert_eq!(request.media_type(), "text/plain");
        assert_eq!(&request.body()[..], b"", "nobody has measured it");
        assert!(request.expect_post("/", &["text/plain"], 3).is_ok());
        assert_eq!(&request.body()[..], b"YES");
    }

    /// What comes of a body with this limit: the body, or the status that refuses it.
    fn measured(body: &str, is_base64: bool, limit: usize) -> Result<Bytes, u16> {
        let mut event = event();
        (event["body"], event["isBase64Encoded"]) = (json!(body), json!(is_base64));
        let request = read(&event).unwrap();
        let verdict = request
            .expect_post("/", &["text/plain"], limit)
            .map_err(|reply| reply.status);
        assert!(verdict.is_ok() || request.body().is_empty(), "{body}");
        verdict.map(|()| request.body().clone())
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
    fn members_that_no_function_reads_may_hold_anything() {
        for (at, value) in [
            ("path", json!("/other")),
            ("cookies", json!(7)),
            ("queryStringParameters", json!({"a": null})),
            ("pathParameters", json!([1])),
            ("stageVariables", json!("x")),
            ("version", json!(2.0)),
        ] {
            let mut event = event();
            event[at] = value;
            assert_eq!(read(&event).unwrap().path(), "/", "{at}");
        }
        for (at, value) in [
            ("timeEpoch", json!(1.5)),
            ("time", json!(null)),
            ("authentication", json!("")),
            ("authorizer", json!({"jwt": {"claims": {"exp": 7}}})),
            ("stage", json!(7)),
            ("accountId", json!(123)),
        ] {
            let mut event = event();
            event["requestContext"][at] = value;
            assert_eq!(read(&event).unwrap().query(), "a=1&a=2", "{at}");
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
        for (pointer, value) in [
            ("/rawQueryString", json!("a=\"b\"")),
            ("/rawQueryString", json!("a=b c")),
            ("/rawQueryString", json!("a=b#c")),
            ("/rawQueryString", json!("a".repeat(70_000))),
            ("/rawPath", json!("/\u{7f}")),
            ("/rawPath", json!("/å")),
            ("/rawPath", json!("/a?b")),
            ("/rawPath", json!("/a#b")),
            ("/rawPath", json!("accounts")),
            ("/rawPath", json!(":99999999")),
            ("/rawPath", json!("/a".repeat(35_000))),
            ("/body", json!(7)),
            ("/headers", json!({"host": 7})),
            ("/headers", json!({"a b": "c"})),
            ("/headers", json!({"a": "b\r\nc"})),
            ("/requestContext/domainName", json!("a b")),
            ("/requestContext/domainName", json!("x.on.aws/@evil")),
            ("/requestContext/domainName", json!("evil@x.on.aws")),
            ("/requestContext/domainName", json!("x.on.aws:99999999")),
            ("/requestContext/domainName", json!("256.256.256.256")),
            ("/requestContext/domainName", json!(":")),
            ("/requestContext/http", json!("POST")),
            ("/requestContext/http", json!({"method": "PO ST"})),
        ] {
            let mut event = event();
            *event.pointer_mut(pointer).unwrap() = value;
            let event = event.to_string();
            assert_eq!(refused(&event), (400, "malformed_request"), "{event:.200}");
        }
        let surrogate = r#"{"rawPath":"\ud800","requestContext":{"http":{"method":"GET"}}}"#;
        assert_eq!(refused(surrogate), (400, "malformed_request"));
    }

    #[test]
    fn more_headers_than_a_map_can_hold_are_answered_400() {
        for count in [HEADER_LIMIT + 1, 40_000, 100_000] {
            let mut event = event();
            event["headers"] = (0..count)
                .map(|n| (format!("x-{n}"), json!("")))
                .collect::<serde_json::Map<_, _>>()
                .into();
            let event = event.to_string();
            // The last of them, or a second set of them, must not hide how many there are.
            let broken = event.replace(r#""x-1":"""#, r#""\udc00":"""#);
            let twice = event.replacen('{', r#"{"headers":{},"#, 1);
            let late = format!("{},{}", &event[..event.len() - 1], r#""headers":{}}"#);
            for event in [event, broken, twice, late] {
                assert_eq!(refused(&event), (400, "malformed_request"));
            }
        }
        let mut event = event();
        event["headers"] = json!({ "x": vec!["a"; 100_000] });
        assert_eq!(refused(&event.to_string()), (400, "malformed_request"));
    }

    #[test]
    fn what_a_client_says_of_host_and_scheme_is_not_believed() {
        for (name, value) in [
            ("host", "a b"),
            ("Host", "evil.example"),
            ("host", ""),
            ("host", ":99999999"),
            ("x-forwarded-proto", "a b"),
            ("X-Forwarded-Proto", "http"),
            ("x-forwarded-host", "evil.example"),
        ] {
            let mut event = event();
            event["headers"][name] = json!(value);
            let request = read(&event).unwrap();
            assert_eq!(request.domain(), "x.on.aws");
            assert_eq!(request.http.uri(), "https://x.on.aws/?a=1&a=2");
        }
    }

    #[test]
    fn the_url_is_the_one_that_was_sent() {
        for path in [
            "/",
            "//",
            "/a/../b",
            "/./",
            "/%2e%2e/%00",
            "/a%20b",
            "/{}|^`'[]",
            "//evil.example/",
            "/:99999999",
            "/@x",
        ] {
            for query in [
                "",
                "?",
                "a=%2B45&a=+45&&=",
                "a=/../b?c='{}|^`[]",
                "%zz&a=%ff",
            ] {
                let mut event = event();
                (event["rawPath"], event["rawQueryString"]) = (json!(path), json!(query));
                event["requestContext"]["stage"] = json!("prod");
                let request = read(&event).unwrap();
                assert_eq!((request.path(), request.query()), (path, query));
            }
        }
        let mut event = event();
        event["rawPath"] = json!("");
        assert_eq!(read(&event).unwrap().path(), "/");
        let request = read(&event).unwrap().with_path("/other".to_owned());
        assert_eq!((request.path(), request.query()), ("/other", "a=1&a=2"));
    }

    #[test]
    fn an_event_that_did_not_come_over_http_fails_the_invocation() {
        for event in [
            "null",
            "[]",
            "7",
            "\"text\"",
            "{}",
            r#"{"requestContext":null}"#,
            r#"{"requestContext":{}}"#,
            r#"{"requestContext":{"httpMethod":"POST"},"httpMethod":"POST","path":"/"}"#,
            r#"{"Records":[{"eventSource":"aws:s3"}]}"#,
            r#"{"rawPath":"/","http":{"method":"POST"}}"#,
            "{",
            "",
        ] {
            assert_eq!(refused(event), (500, "unknown_event"), "{event}");
        }
    }

    #[test]
    fn a_bearer_token_is_what_follows_the_word() {
        for (header, token) in [
            ("Bearer a.b", Some("a.b")),
            ("bearer a", Some("a")),
            (" BEARER   a b ", Some("a b")),
            ("Bearer", None),
            ("Bearer  ", None),
            ("Bearerx a", None),
            ("Basic a", None),
            ("a", None),
            ("", None),
        ] {
            let mut event = event();
            event["headers"]["authorization"] = json!(header);
            assert_eq!(read(&event).unwrap().bearer(), token, "{header:?}");
        }
        assert_eq!(read(&event()).unwrap().bearer(), None);
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
        let mut event = event();
        let mut status = |pointer: &str, value: Value| {
            *event.pointer_mut(pointer).unwrap() = value;
            let request = read(&event).unwrap();
            request
                .expect_post("/", &["text/plain"], 3)
                .map_err(|reply| reply.status)
        };
        assert_eq!(status("/isBase64Encoded", json!(true)), Ok(()));
        assert_eq!(status("/body", json!("!!!")), Err(400));
        assert_eq!(status("/body", json!("!!!!!!!!")), Err(413));
        assert_eq!(status("/headers", json!({})), Err(415));
        assert_eq!(
            status("/requestContext/http/method", json!("GET")),
            Err(405)
        );
        assert_eq!(status("/rawPath", json!("/x")), Err(404));
    }
}
