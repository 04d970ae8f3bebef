//! The Runtime API of one execution environment.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path as Segment, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    error::{InvokeError, PAYLOAD_LIMIT},
    instance::Instance,
    invocations::Invocation,
};
use crate::{random, wire::lock};

pub(super) fn runtime_api(instance: Arc<Instance>) -> Router {
    let routes = Router::new()
        .route("/invocation/next", get(next))
        .route("/invocation/{id}/response", post(response))
        .route("/invocation/{id}/error", post(error))
        .route("/init/error", post(init_error));
    Router::new()
        .nest("/2018-06-01/runtime", routes)
        .with_state(instance)
}

async fn next(State(instance): State<Arc<Instance>>) -> Response {
    let (core, mut life) = (&instance.core, instance.life.subscribe());
    if core.observe(|observed| observed.ready.insert(instance.index)) {
        let started = lock(&instance.started).take();
        instance.tell_process(false, started.map(|started| started.elapsed()));
    }
    let invocation = tokio::select! {
        biased;
        _ = life.changed() => None,
        invocation = async { core.waiting.lock().await.recv().await } => invocation,
    };
    let Some(Invocation {
        id,
        request,
        event,
        reply,
    }) = invocation
    else {
        return StatusCode::GONE.into_response();
    };
    lock(&instance.given).push_back(request);
    *lock(&instance.current) = Some((id.clone(), reply));
    let (watched, guarded) = (id.clone(), Arc::clone(&instance));
    tokio::spawn(async move {
        sleep(guarded.core.timeout).await;
        if guarded.settle(&watched, Err(InvokeError::Timeout)) {
            guarded.core.observe(|observed| observed.timeouts += 1);
            guarded.kill.notify_one();
        }
    });
    let deadline = crate::now() + core.timeout;
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", id),
        (
            "lambda-runtime-deadline-ms",
            deadline.as_millis().to_string(),
        ),
        (
            "lambda-runtime-invoked-function-arn",
            format!(
                "arn:aws:lambda:eu-west-1:000000000000:function:{}",
                core.name
            ),
        ),
        (
            "lambda-runtime-trace-id",
            format!(
                "Root=1-{:08x}-{};Parent={};Sampled=0",
                crate::now().as_secs(),
                random::hex(12),
                random::hex(8)
            ),
        ),
    ];
    (headers, event).into_response()
}

type Accepted = (StatusCode, Json<Value>);

fn accepted(known: bool) -> Accepted {
    if known {
        (StatusCode::ACCEPTED, Json(json!({ "status": "OK" })))
    } else {
        (
            StatusCode::BAD_REQUEST,
            Json(json!({ "errorType": "InvalidRequestID", "errorMessage": "Invalid request ID" })),
        )
    }
}

async fn response(
    State(instance): State<Arc<Instance>>,
    Segment(id): Segment<String>,
    answer: Bytes,
) -> Accepted {
    if answer.len() > PAYLOAD_LIMIT {
        instance.settle(&id, Err(InvokeError::TooLarge));
        let message = format!("Exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes).");
        return (
            StatusCode::PAYLOAD_TOO_LARGE,
            Json(json!({ "errorType": "RequestEntityTooLarge", "errorMessage": message })),
        );
    }
    accepted(instance.settle(&id, Ok(answer)))
}

async fn error(
    State(instance): State<Arc<Instance>>,
    Segment(id): Segment<String>,
    report: Bytes,
) -> Accepted {
    let report: Value = serde_json::from_slice(&report).unwrap_or_default();
    let text = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
    accepted(instance.settle(
        &id,
        Err(InvokeError::Function {
            kind: text("errorType"),
            message: text("errorMessage"),
        }),
    ))
}

async fn init_error(State(instance): State<Arc<Instance>>, report: Bytes) -> Accepted {
    let parsed: Value = serde_json::from_slice(&report).unwrap_or_default();
    let message = parsed["errorMessage"].as_str().map_or_else(
        || String::from_utf8_lossy(&report).into_owned(),
        str::to_owned,
    );
    instance
        .core
        .observe(|observed| observed.init_error = Some(message));
    accepted(true)
}
