//! No event makes a function panic, whoever invents it; of those that are read, path and query are the bytes that were sent.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use shared::platform::request::{NoRequest, Request};

/// What the parts of an event are made of: what is good, what lookalikes hold, and anything.
fn text() -> impl Strategy<Value = String> {
    let good = [
        "/",
        "//",
        "/a/../b",
        "",
        "a=1&b=%2B45",
        "x.on.aws",
        "POST",
        "get",
        "YQ==",
        "https",
        "$default",
        "prod",
        "text/plain",
        "application/json; charset=x",
    ];
    let bad = [
        "a b",
        ":99999999",
        "http://[",
        "x:y@z",
        "[::1]",
        "%",
        "\"",
        "#",
        "?",
        "\\",
        "å",
        "\u{0}",
        "\r\n",
        "/\u{202e}",
        "xn--a",
        "!",
        "256.256.256.256",
        "YQ=",
        "*",
    ];
    prop_oneof![
        4 => prop::sample::select(good.to_vec()).prop_map(str::to_owned),
        4 => prop::sample::select(bad.to_vec()).prop_map(str::to_owned),
        2 => "/[!-~]{0,20}",
        2 => any::<String>(),
        1 => (prop::sample::select(vec!["/", "a", "%41", "."]), 60_000..70_000_usize).prop_map(|(part, times)| part.repeat(times)),
    ]
}

fn name() -> impl Strategy<Value = String> {
    let known = [
        "rawPath",
        "rawQueryString",
        "path",
        "headers",
        "host",
        "Host",
        "x-forwarded-proto",
        "content-type",
        "authorization",
        "cookies",
        "queryStringParameters",
        "pathParameters",
        "stageVariables",
        "requestContext",
        "domainName",
        "stage",
        "http",
        "method",
        "authorizer",
        "jwt",
        "lambda",
        "iam",
        "authentication",
        "clientCert",
        "timeEpoch",
        "body",
        "isBase64Encoded",
        "httpMethod",
    ];
    prop_oneof![
        6 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

/// Any JSON, with the names that events have.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..6)
                .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

/// An event of a Function URL, a few parts of which are something else.
fn event() -> impl Strategy<Value = Value> {
    let good = json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/", "rawQueryString": "a=1", "cookies": ["a=b"],
        "headers": {"host": "x.on.aws", "x-forwarded-proto": "https", "content-type": "text/plain"},
        "queryStringParameters": {"a": "1"}, "pathParameters": null, "stageVariables": null,
        "requestContext": {
            "accountId": "anonymous", "apiId": "x", "authorizer": null, "authentication": null, "domainName": "x.on.aws",
            "http": {"method": "POST", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "x"},
            "requestId": "id", "stage": "$default", "time": "20/Nov/2026:12:00:00 +0000", "timeEpoch": 0,
        },
        "body": "YQ==", "isBase64Encoded": true,
    });
    let places = [
        "/rawPath",
        "/rawQueryString",
        "/cookies",
        "/headers",
        "/headers/host",
        "/headers/x-forwarded-proto",
        "/headers/content-type",
        "/queryStringParameters",
        "/pathParameters",
        "/stageVariables",
        "/requestContext",
        "/requestContext/authorizer",
        "/requestContext/authentication",
        "/requestContext/domainName",
        "/requestContext/http",
        "/requestContext/http/method",
        "/requestContext/stage",
        "/requestContext/timeEpoch",
        "/body",
        "/isBase64Encoded",
    ];
    let part = prop_oneof![
        3 => text().prop_map(Value::from),
        1 => prop::collection::vec((text(), text()), 0..4)
            .prop_map(|members| members.into_iter().map(|(name, text)| (name, text.into())).collect::<Map<_, _>>().into()),
        1 => value(),
    ];
    let changes = prop::collection::vec((prop::sample::select(places.to_vec()), part), 0..5);
    changes.prop_map(move |changes| {
        let mut event = good.clone();
        for (place, part) in changes {
            if let Some(there) = event.pointer_mut(place) {
                *there = part;
            }
        }
        event
    })
}

/// Everything that a function may ask of a request; whether there is one.
fn read(text: &str, event: &Value) -> bool {
    let request = match Request::from_event(text, "id", Instant::now() + Duration::from_secs(1)) {
        Ok(request) => request,
        Err(NoRequest::Malformed(reply)) => {
            assert_eq!((reply.status, reply.body.as_str()), (400, ""));
            return false;
        }
        Err(NoRequest::NotHttp(failure)) => {
            assert_eq!(failure.outcome, "unknown_event");
            return false;
        }
    };
    let sent = |name: &str| event[name].as_str().unwrap_or_default();
    let path = Some(sent("rawPath")).filter(|path| !path.is_empty());
    let path = path.or(event["path"].as_str()).unwrap_or("/");
    assert_eq!(request.path(), if path.is_empty() { "/" } else { path });
    assert_eq!(request.query(), sent("rawQueryString"));
    let context = &event["requestContext"];
    assert_eq!(
        request.domain(),
        context["domainName"].as_str().unwrap_or_default()
    );
    for name in ["host", "content-type", "authorization", "a b", ""] {
        let _whatever = request.header(name);
    }
    let _neither = (
        request.bearer(),
        request.media_type(),
        request.remaining(Duration::ZERO),
    );
    let _nor = shared::platform::bearer::presented(&request);
    let _whether = request.without_prefix("/a/");
    assert!(request.body().is_empty());
    match request.expect_post("/", &["text/plain"], 100) {
        Ok(()) => assert!(request.body().len() <= 100),
        Err(refusal) => assert!(request.body().is_empty() && (400..500).contains(&refusal.status)),
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_json_makes_it_panic(event in value()) {
        read(&event.to_string(), &event);
    }

    #[test]
    fn no_event_makes_it_panic(event in event()) {
        read(&event.to_string(), &event);
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), event in event(), at in any::<prop::sample::Index>()) {
        read(&text, &Value::Null);
        // Cut off somewhere: the event has ended too early, or is whole.
        let whole = event.to_string();
        let mut at = at.index(whole.len());
        while !whole.is_char_boundary(at) {
            at -= 1;
        }
        assert!(!read(&whole[..at], &Value::Null));
    }
}

/// The generator makes both kinds, or the properties above would say little.
#[test]
fn many_generated_events_are_read_and_many_are_not() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut read_ones = 0;
    for _ in 0..500 {
        let event = event().new_tree(&mut runner).unwrap().current();
        read_ones += usize::from(read(&event.to_string(), &event));
    }
    assert!((100..=400).contains(&read_ones), "{read_ones}");
}
