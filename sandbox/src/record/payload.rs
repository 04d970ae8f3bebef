//! A request as Lambda passes it to a function: payload 2.0 of a Function URL,
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads>.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::AT;

/// The domain of the requests. Twilio signs it.
/// <https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html>
pub(super) const DOMAIN: &str = "abcdefghij.lambda-url.eu-west-1.on.aws";

pub(super) fn form(fields: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

pub(super) fn pairs(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

pub(super) fn set(fields: &mut [(String, String)], name: &str, change: impl FnOnce(&mut String)) {
    let (_, value) = fields
        .iter_mut()
        .find(|(key, _)| key == name)
        .unwrap_or_else(|| panic!("the simulator sends {name}"));
    change(value);
}

/// A GET without a body.
pub(super) fn get(path: &str, query: &str, user_agent: &str, headers: &[(&str, &str)]) -> Value {
    let mut event = event(path, "application/json", user_agent, headers, "");
    event["requestContext"]["http"]["method"] = "GET".into();
    event["rawQueryString"] = query.into();
    for (object, names) in [
        ("", &["body"][..]),
        ("/headers", &["content-length", "content-type"]),
    ] {
        let object = event
            .pointer_mut(object)
            .and_then(Value::as_object_mut)
            .unwrap_or_else(|| panic!("an event has {object}"));
        object.retain(|name, _| !names.contains(&name.as_str()));
    }
    event
}

/// A POST from Twilio.
pub(super) fn webhook(path: &str, signature: &str, body: &str) -> Value {
    let headers = [
        (
            "i-twilio-idempotency-token",
            "00000000-0000-4000-8000-000000000001",
        ),
        ("x-twilio-signature", signature),
    ];
    event(
        path,
        "application/x-www-form-urlencoded; charset=UTF-8",
        "TwilioProxy/1.1",
        &headers,
        body,
    )
}

/// Lambda passes JSON unchanged and forms as base64.
pub(super) fn event(
    path: &str,
    content_type: &str,
    user_agent: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Value {
    let plain = content_type == "application/json";
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "accept": "*/*",
            "content-length": body.len().to_string(),
            "content-type": content_type,
            "host": DOMAIN,
            "user-agent": user_agent,
            "x-amzn-tls-cipher-suite": "TLS_AES_128_GCM_SHA256",
            "x-amzn-tls-version": "TLSv1.3",
            "x-amzn-trace-id": format!("Root=1-{AT:08x}-000000000000000000000000"),
            "x-forwarded-for": "203.0.113.7",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abcdefghij",
            "domainName": DOMAIN,
            "domainPrefix": "abcdefghij",
            "http": { "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": user_agent },
            "requestId": "00000000-0000-4000-8000-000000000001",
            "routeKey": "$default",
            "stage": "$default",
            "time": "20/Nov/2026:12:00:00 +0000",
            "timeEpoch": AT * 1000,
        },
        "body": if plain { body.to_owned() } else { BASE64_STANDARD.encode(body) },
        "isBase64Encoded": !plain,
    });
    for (name, value) in headers {
        event["headers"][name] = (*value).into();
    }
    event
}
