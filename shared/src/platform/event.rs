//! A Function URL event as `lambda_http`'s request: the guard in front of every function.
//!
//! `lambda_http` panics on events that it cannot convert. A stranger can send some of them: a quote
//! in the query, a URL that is too long, an odd `host`, broken base64. The guard does the risky
//! steps first, with a `Result`, and answers 400. Path and query stay as they came, because
//! signatures cover exactly those bytes. The host is `requestContext.domainName`, which AWS sets,
//! never a header, which a client sets. Events:
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>, payload format 2.0.

use std::collections::HashMap;

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::http::Uri;
use lambda_http::http::header::{HOST, HeaderName, HeaderValue};
use lambda_http::request::LambdaRequest;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use super::body::Body;

/// More headers than any HTTP server accepts, and far fewer than the 24,576 at which a `HeaderMap`
/// panics.
const HEADER_LIMIT: usize = 1000;

/// Whether an event invokes the function itself, as a schedule, another service of AWS or a person
/// with the right to it does: any JSON object without `requestContext`. AWS puts `requestContext`
/// into every event of a Function URL, so a stranger cannot make such an event.
pub(super) fn is_direct(event: &str) -> bool {
    members(event).is_some_and(|event| !event.contains_key("requestContext"))
}

pub(super) type Members<'a> = HashMap<String, &'a RawValue>;

/// The unparsed members of a JSON object; `None` if `json` is not an object.
pub(super) fn members(json: &str) -> Option<Members<'_>> {
    serde_json::from_str(json).ok()
}

/// Whether the event came over HTTP: events of payload format 2.0 then have `requestContext.http`.
pub(super) fn is_http(event: &str) -> bool {
    members(event)
        .and_then(|event| members(event.get("requestContext")?.get()))
        .is_some_and(|context| context.contains_key("http"))
}

/// The members of an event that a function uses. Other members may hold anything: emulators and hand-made events differ in them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
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
    #[serde(default)]
    time_epoch: Value,
}

#[derive(Deserialize)]
struct Http {
    method: String,
}

/// `lambda_http`'s conversion, after everything it would panic on, and without what it would believe a header or a stage.
pub(super) fn convert(sent: Event) -> Result<(lambda_http::Request, Body), &'static str> {
    let body = Body::new(
        sent.body.unwrap_or_default(),
        sent.is_base64_encoded.unwrap_or_default(),
    );
    let mut event = ApiGatewayV2httpRequest::default();
    let method = sent.request_context.http.method.to_ascii_uppercase();
    event.request_context.http.method = method.parse().map_err(|_| "no method")?;
    event.request_context.domain_name = sent.request_context.domain_name;
    let epoch = sent.request_context.time_epoch.as_i64();
    event.request_context.time_epoch = epoch.unwrap_or_default();
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
    use std::time::Instant;

    use serde_json::json;

    use super::*;
    use crate::platform::request::{NoRequest, Request};

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
            let (http, _) = convert(serde_json::from_value(event).unwrap()).unwrap();
            assert_eq!(http.uri(), "https://x.on.aws/?a=1&a=2");
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
    fn a_direct_event_is_whatever_no_stranger_can_send() {
        for event in [
            "{}",
            r#"{"source":"aws.scheduler","detail":{"requestContext":1}}"#,
            r#"{"rawPath":"/"}"#,
        ] {
            assert!(is_direct(event), "{event}");
        }
        for event in [
            r#"{"requestContext":null}"#,
            r#"{"requestContext":{"http":7}}"#,
            r#"{"triggerSource":"CustomSMSSender_SignUp","request\u0043ontext":{}}"#,
            r#"{"requestContext":{},"source":"aws.events","requestContext":7}"#,
            "null",
            "[]",
            "7",
            "\"text\"",
            "{",
            "",
        ] {
            assert!(!is_direct(event), "{event}");
        }
        assert!(!is_direct(&event().to_string()));
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
}
