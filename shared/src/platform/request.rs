//! A request as functions see it, and the first refusals.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use lambda_http::RequestExt as _;
use lambda_http::request::RequestContext;

use super::body::Body;
use super::event::{self, Event};
use crate::platform::reply::{Failure, Reply};

/// No request waits longer for an instance. A longer time is that of an event made by hand.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

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

impl Request {
    /// Reads an event.
    ///
    /// # Errors
    /// See [`NoRequest`].
    pub fn from_event(event: &str, id: &str, deadline: Instant) -> Result<Self, NoRequest> {
        if !event::is_http(event) {
            return Err(NoRequest::NotHttp(Failure {
                status: 500,
                outcome: "unknown_event",
                cause: "this function takes no such event; invoke it through a Function URL, or an HTTP API with payload format 2.0".to_owned(),
            }));
        }
        let malformed = |what| NoRequest::Malformed(Reply::malformed(what));
        let unreadable = |_| malformed("not a Function URL event (payload format 2.0)");
        let event: Event = serde_json::from_str(event).map_err(unreadable)?;
        let (http, body) = event::convert(event).map_err(malformed)?;
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

    /// How long the request had waited when it arrived here at `now`: a cold start takes some time.
    /// Zero if AWS does not say it.
    pub fn waited(&self, now: SystemTime) -> Duration {
        let Some(RequestContext::ApiGatewayV2(context)) = self.http.request_context_ref() else {
            return Duration::ZERO;
        };
        let sent = u64::try_from(context.time_epoch).ok();
        let sent = sent.and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms)));
        let waited = sent.and_then(|sent| now.duration_since(sent).ok());
        waited
            .filter(|waited| *waited <= LONGEST_WAIT)
            .unwrap_or_default()
    }

    /// The decoded body; empty until [`Request::expect_post`] has checked its length.
    pub fn body(&self) -> &Bytes {
        self.body.bytes()
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

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
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

    #[test]
    fn a_request_has_waited_since_aws_took_it_in() {
        let now = UNIX_EPOCH + Duration::from_hours(498_828);
        let at = |ms: i64| 1_795_780_800_000 - ms;
        for (epoch, waited) in [
            (json!(at(0)), 0),
            (json!(at(1_900)), 1_900),
            (json!(at(10_000)), 10_000),
            (json!(at(10_001)), 0),
            (json!(at(-1)), 0),
            (json!(0), 0),
            (json!(-1), 0),
            (json!(i64::MIN), 0),
            (json!(u64::MAX), 0),
            (json!(1.5), 0),
            (json!("1795780800000"), 0),
            (Value::Null, 0),
        ] {
            let mut event = event();
            event["requestContext"]["timeEpoch"] = epoch.clone();
            let request = read(&event).unwrap();
            assert_eq!(request.waited(now).as_millis(), waited, "{epoch}");
        }
        assert_eq!(read(&event()).unwrap().waited(now), Duration::ZERO);
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
