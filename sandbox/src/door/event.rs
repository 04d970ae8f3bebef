//! The event of a request to the Function URL.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, header, request::Parts};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{mail, random};

/// The event of a request. `at` is its arrival, since the epoch.
pub(super) fn event(head: &Parts, body: &Bytes, at: Duration) -> Value {
    let mut headers = Map::new();
    for name in head.headers.keys() {
        headers.insert(name.to_string(), joined(&head.headers, name).into());
    }
    let host = joined(&head.headers, &header::HOST);
    let port = host.rsplit(':').next().unwrap_or_default();
    let trace = format!("Root=1-{:08x}-{}", at.as_secs(), random::hex(12));
    for (name, value) in [
        ("x-amzn-trace-id", &*trace),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-port", port),
        ("x-forwarded-proto", "http"),
    ] {
        headers.insert(name.to_owned(), value.into());
    }
    let query = head.uri.query().unwrap_or_default();
    let mut parameters = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match parameters.get_mut(&*name) {
            Some(Value::String(values)) => *values = format!("{values},{value}"),
            _ => drop(parameters.insert(name.into_owned(), value.into_owned().into())),
        }
    }
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": head.uri.path(),
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "sandbox",
            "domainName": host,
            "domainPrefix": "sandbox",
            "http": {
                "method": head.method.as_str(),
                "path": head.uri.path(),
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": joined(&head.headers, &header::USER_AGENT),
            },
            "requestId": random::uuid(),
            "routeKey": "$default",
            "stage": "$default",
            "time": log_time(at.as_secs()),
            "timeEpoch": u64::try_from(at.as_millis()).unwrap_or_default(),
        },
        "isBase64Encoded": false,
    });
    if !parameters.is_empty() {
        event["queryStringParameters"] = parameters.into();
    }
    if head.headers.contains_key(header::COOKIE) {
        event["cookies"] = joined(&head.headers, &header::COOKIE).split("; ").collect();
    }
    if !body.is_empty() {
        let kind = joined(&head.headers, &header::CONTENT_TYPE);
        let plain = kind.starts_with("text/")
            || [
                "application/json",
                "application/javascript",
                "application/xml",
            ]
            .iter()
            .any(|known| kind.starts_with(known));
        match std::str::from_utf8(body) {
            Ok(text) if plain => event["body"] = text.into(),
            _ => {
                event["body"] = BASE64_STANDARD.encode(body).into();
                event["isBase64Encoded"] = true.into();
            }
        }
    }
    event
}

/// All values of a header, joined. Cookies have another separator.
fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    values.join(if name == header::COOKIE { "; " } else { "," })
}

/// A time in the common log format, `20/Nov/2026:12:00:00 +0000`.
fn log_time(epoch: u64) -> String {
    let date = mail::date(epoch);
    let [day, month, year, rest] = date[5..].splitn(4, ' ').collect::<Vec<_>>()[..] else {
        return date;
    };
    format!("{day}/{month}/{year}:{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_becomes_an_event() {
        let request = axum::http::Request::post("/a%20b?a=1&a=2&b=%2B45")
            .header("Host", "127.0.0.1:4701")
            .header("X-Two", "1")
            .header("x-two", "2")
            .header("Cookie", "k=v; l=w")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(())
            .unwrap();
        let event = event(
            &request.into_parts().0,
            &Bytes::from_static(b"Body=YES"),
            Duration::from_millis(1_795_176_000_123),
        );
        assert_eq!(event["rawPath"], "/a%20b");
        assert_eq!(event["rawQueryString"], "a=1&a=2&b=%2B45");
        assert_eq!(
            event["queryStringParameters"],
            json!({ "a": "1,2", "b": "+45" })
        );
        assert_eq!(event["headers"]["x-two"], "1,2");
        assert_eq!(event["cookies"], json!(["k=v", "l=w"]));
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!("Qm9keT1ZRVM="), &json!(true))
        );
        let context = &event["requestContext"];
        assert_eq!(
            (&context["domainName"], &context["http"]["method"]),
            (&json!("127.0.0.1:4701"), &json!("POST"))
        );
        assert_eq!(
            (&context["time"], &context["timeEpoch"]),
            (
                &json!("20/Nov/2026:12:00:00 +0000"),
                &json!(1_795_176_000_123_u64)
            )
        );
    }
}
