//! The entries to a function: its Function URL, and the Invoke API of `cargo lambda invoke`.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>, payload format 2.0.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use axum::{
    Extension, Router,
    body::Body,
    extract::{OriginalUri, Path, Query, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{
    lambda::{Core, InvokeError, PAYLOAD_LIMIT},
    mail, random,
    record::Tokens,
    sms,
    wire::{BODY_LIMIT, Complaints, Server, lock},
};

/// The entries to one function. Until a function is attached, they answer with an error.
pub(crate) struct Door {
    server: Server,
    slot: Slot,
    invoked: Slot,
}

/// The function behind a door: the one that was started last.
type Slot = Arc<Mutex<Weak<Core>>>;

impl Door {
    pub(crate) async fn open(port: u16) -> io::Result<Self> {
        let slot = Slot::default();
        let server = Server::start_verbatim(
            "function url",
            port,
            Router::new()
                .fallback(function_url)
                .with_state(Arc::clone(&slot)),
        )
        .await?;
        Ok(Self {
            server,
            slot,
            invoked: Slot::default(),
        })
    }

    pub(crate) fn attach(&self, core: &Arc<Core>) {
        *lock(&self.slot) = Arc::downgrade(core);
        self.attach_to_invoke_api(core);
    }

    pub(crate) fn attach_to_invoke_api(&self, core: &Arc<Core>) {
        *lock(&self.invoked) = Arc::downgrade(core);
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }
}

/// Serves `POST /2015-03-31/functions/{name}/invocations`.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
pub(crate) async fn invoke_api(
    port: u16,
    doors: &BTreeMap<String, Door>,
    tokens: Tokens,
) -> io::Result<Server> {
    let slots: BTreeMap<String, Slot> = doors
        .iter()
        .map(|(name, door)| (name.clone(), Arc::clone(&door.invoked)))
        .collect();
    let router = Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown);
    let router = router.with_state(Arc::new((slots, tokens)));
    Server::start_on("invoke api", port, router).await
}

/// An error of the Invoke API.
fn error(status: StatusCode, kind: &'static str, message: &str) -> Response {
    let body = json!({ "Type": "User", "Message": message, "message": message }).to_string();
    (
        status,
        [
            ("x-amzn-errortype", kind),
            ("content-type", "application/json"),
        ],
        body,
    )
        .into_response()
}

async fn unknown(
    Extension(complaints): Extension<Complaints>,
    method: Method,
    OriginalUri(uri): OriginalUri,
) -> Response {
    complaints.add(format!("Lambda: {method} {} is not simulated", uri.path()));
    error(
        StatusCode::NOT_IMPLEMENTED,
        "UnknownOperationException",
        &sms::not_simulated(&method, &uri),
    )
}

async fn invoke(
    State(state): State<Arc<(BTreeMap<String, Slot>, Tokens)>>,
    Path(name): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    event: Bytes,
) -> Response {
    let (slots, tokens) = &*state;
    let (function, qualifier) = split(&name, query.get("Qualifier").map(String::as_str));
    let not_found = || {
        let what = format!(
            "Function not found: arn:aws:lambda:eu-west-1:000000000000:function:{function}"
        );
        let what = qualifier.map_or(what.clone(), |qualifier| format!("{what}:{qualifier}"));
        error(StatusCode::NOT_FOUND, "ResourceNotFoundException", &what)
    };
    // The sandbox publishes no versions or aliases.
    let named = |function: &str| {
        slots
            .get(function)
            .filter(|_| qualifier.is_none_or(|qualifier| qualifier == "$LATEST"))
    };
    let Some(core) = named(function).and_then(|slot| lock(slot).upgrade()) else {
        return not_found();
    };
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    if event.len() > PAYLOAD_LIMIT {
        let what = format!(
            "Request must be smaller than {PAYLOAD_LIMIT} bytes for the InvokeFunction operation"
        );
        return error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestTooLargeException",
            &what,
        );
    }
    // A missing payload counts as an empty object.
    let event = if event.is_empty() {
        Bytes::from_static(b"{}")
    } else {
        event
    };
    if let Err(problem) = serde_json::from_slice::<serde::de::IgnoredAny>(&event) {
        let what = format!("Could not parse request body into json: {problem}");
        return error(
            StatusCode::BAD_REQUEST,
            "InvalidRequestContentException",
            &what,
        );
    }
    let tail = match header("x-amz-log-type") {
        "" | "None" => false,
        "Tail" => true,
        _ => {
            return error(
                StatusCode::BAD_REQUEST,
                "InvalidParameterValueException",
                "LogType is None or Tail",
            );
        }
    };
    let event = tokens.reissue(event);
    match header("x-amz-invocation-type") {
        "" | "RequestResponse" => {}
        "DryRun" => return StatusCode::NO_CONTENT.into_response(),
        "Event" => {
            tokio::spawn(async move { core.invoke(event).await });
            return StatusCode::ACCEPTED.into_response();
        }
        _ => {
            let what = "InvocationType is RequestResponse, Event or DryRun";
            return error(
                StatusCode::BAD_REQUEST,
                "InvalidParameterValueException",
                what,
            );
        }
    }
    let seen = core.lines();
    let mut answer = match core.invoke(event).await {
        Ok(answer) => ([("content-type", "application/json")], answer).into_response(),
        Err(failure) => {
            let report = match &failure {
                InvokeError::Function { kind, message } => {
                    json!({ "errorType": kind, "errorMessage": message })
                }
                other => json!({ "errorMessage": other.to_string() }),
            };
            (
                [
                    ("content-type", "application/json"),
                    ("x-amz-function-error", "Unhandled"),
                ],
                report.to_string(),
            )
                .into_response()
        }
    };
    let version = HeaderValue::from_static("$LATEST");
    answer
        .headers_mut()
        .insert("x-amz-executed-version", version);
    if tail && let Ok(log) = BASE64_STANDARD.encode(core.tail(seen).await).parse() {
        answer.headers_mut().insert("x-amz-log-result", log);
    }
    answer
}

/// A function's name and qualifier. `name` is a name, a partial ARN (`account:function:name`) or an
/// ARN, each with or without a qualifier.
fn split<'a>(name: &'a str, qualifier: Option<&'a str>) -> (&'a str, Option<&'a str>) {
    let name = name.rsplit_once("function:").map_or(name, |(_, name)| name);
    name.split_once(':')
        .map_or((name, qualifier), |(name, own)| (name, Some(own)))
}

async fn function_url(State(slot): State<Slot>, request: Request) -> Response {
    let core = lock(&slot).upgrade();
    let Some(core) = core else {
        return refusal(StatusCode::BAD_GATEWAY);
    };
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return refusal(StatusCode::BAD_REQUEST);
    };
    let event = event(&head, &body, crate::now()).to_string();
    if event.len() > PAYLOAD_LIMIT {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE);
    }
    match core.invoke(event.into()).await {
        Ok(answer) => serde_json::from_slice(&answer)
            .ok()
            .and_then(|answer| response(&answer))
            .unwrap_or_else(|| refusal(StatusCode::BAD_GATEWAY)),
        Err(InvokeError::Timeout) => refusal(StatusCode::GATEWAY_TIMEOUT),
        Err(_) => refusal(StatusCode::BAD_GATEWAY),
    }
}

/// An answer of AWS itself.
fn refusal(status: StatusCode) -> Response {
    let message = if status.is_server_error() {
        "Internal Server Error"
    } else {
        status.canonical_reason().unwrap_or_default()
    };
    (
        status,
        [("content-type", "application/json")],
        json!({ "Message": message }).to_string(),
    )
        .into_response()
}

/// The event of a request. `at` is its arrival, since the epoch.
fn event(head: &Parts, body: &Bytes, at: Duration) -> Value {
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

/// The HTTP answer for a function's result; `None` if AWS cannot use the result.
fn response(answer: &Value) -> Option<Response> {
    let Some(status) = answer.get("statusCode") else {
        let body = answer
            .as_str()
            .map_or_else(|| answer.to_string(), str::to_owned);
        return Some(([("content-type", "application/json")], body).into_response());
    };
    let text = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"].as_bool().unwrap_or_default() {
        BASE64_STANDARD.decode(text).ok()?
    } else {
        text.into()
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(u16::try_from(status.as_u64()?).ok()?).ok()?;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        headers.insert(
            HeaderName::try_from(name).ok()?,
            HeaderValue::try_from(value).ok()?,
        );
    }
    for cookie in answer["cookies"].as_array().into_iter().flatten() {
        headers.append(
            header::SET_COOKIE,
            HeaderValue::try_from(cookie.as_str()?).ok()?,
        );
    }
    Some(response)
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

    #[test]
    fn an_answer_becomes_a_response() {
        let full = json!({ "statusCode": 201, "headers": { "x-a": "b" }, "cookies": ["a=1", "b=2"], "body": "aGk=", "isBase64Encoded": true });
        let full = response(&full).unwrap();
        assert_eq!(
            (full.status().as_u16(), &full.headers()["x-a"]),
            (201, &HeaderValue::from_static("b"))
        );
        assert_eq!(full.headers().get_all("set-cookie").iter().count(), 2);
        let bare = response(&json!({ "any": 1 })).unwrap();
        assert_eq!(
            (bare.status().as_u16(), &bare.headers()["content-type"]),
            (200, &HeaderValue::from_static("application/json"))
        );
        assert!(response(&json!({ "statusCode": "no" })).is_none());
    }
}
