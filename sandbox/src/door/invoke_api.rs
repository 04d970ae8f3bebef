//! The Invoke API of `cargo lambda invoke`.

use std::{collections::BTreeMap, io, sync::Arc};

use axum::{
    Extension, Router,
    extract::{OriginalUri, Path, Query, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::json;

use super::{entries::Door, slot::Slot};
use crate::{
    lambda::{InvokeError, PAYLOAD_LIMIT},
    record::Tokens,
    sms,
    wire::{Complaints, RequestNumber, Server, lock},
};

/// By function: the one behind the Function URL, and the one for recorded events.
type Slots = BTreeMap<String, [Slot; 2]>;

/// Serves `POST /2015-03-31/functions/{name}/invocations`.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
pub(crate) async fn invoke_api(
    port: u16,
    doors: &BTreeMap<String, Door>,
    tokens: Tokens,
) -> io::Result<Server> {
    let entries = doors.iter();
    let slots: Slots = entries
        .map(|(name, door)| (name.clone(), door.slots()))
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
    State(state): State<Arc<(Slots, Tokens)>>,
    Path(name): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    Extension(number): Extension<RequestNumber>,
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
    let is_latest = qualifier.is_none_or(|qualifier| qualifier == "$LATEST");
    let found = find(slots, function).filter(|_| is_latest);
    let Some([url, recorded]) = found else {
        return not_found();
    };
    let slot = if is_probe(&event) { url } else { recorded };
    let Some(core) = lock(slot).upgrade() else {
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
            tokio::spawn(async move { core.invoke(event, Some(number)).await });
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
    let mut answer = match core.invoke(event, Some(number)).await {
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

/// The function of this name: its folder's, or the one that a stack gives it (`acme-SmsGateway-7CC0EA7D9FE7`).
fn find<'a>(slots: &'a Slots, name: &str) -> Option<&'a [Slot; 2]> {
    let of_stack = || {
        let (rest, _unique) = name.rsplit_once('-')?;
        let (_stack, id) = rest.rsplit_once('-')?;
        let is_meant = |folder: &str| folder.replace('-', "").eq_ignore_ascii_case(id);
        let mut entries = slots.iter();
        entries.find_map(|(folder, slots)| is_meant(folder).then_some(slots))
    };
    slots.get(name).or_else(of_stack)
}

/// True for the question of `operator doctor` what a function can reach. It is about the function
/// behind the URL. The one for recorded events has the URLs of a container.
fn is_probe(event: &[u8]) -> bool {
    let event: serde_json::Value = serde_json::from_slice(event).unwrap_or_default();
    event["switchboard"] == "probe"
}

/// A function's name and qualifier. `name` is a name, a partial ARN (`account:function:name`) or an
/// ARN, each with or without a qualifier.
fn split<'a>(name: &'a str, qualifier: Option<&'a str>) -> (&'a str, Option<&'a str>) {
    let name = name.rsplit_once("function:").map_or(name, |(_, name)| name);
    name.split_once(':')
        .map_or((name, qualifier), |(name, own)| (name, Some(own)))
}
