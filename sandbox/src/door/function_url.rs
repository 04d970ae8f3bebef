//! The Function URL: a request becomes an event, and the function's answer becomes the response.

use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::{event::event, response::response, slot::Slot};
use crate::{
    lambda::{InvokeError, PAYLOAD_LIMIT},
    wire::{BODY_LIMIT, RequestNumber, lock},
};

pub(super) async fn function_url(State(slot): State<Slot>, request: Request) -> Response {
    let core = lock(&slot).upgrade();
    let Some(core) = core else {
        return refusal(StatusCode::BAD_GATEWAY);
    };
    let (head, body) = request.into_parts();
    let number = head.extensions.get::<RequestNumber>().copied();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return refusal(StatusCode::BAD_REQUEST);
    };
    let event = event(&head, &body, crate::now()).to_string();
    if event.len() > PAYLOAD_LIMIT {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE);
    }
    match core.invoke(event.into(), number).await {
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
