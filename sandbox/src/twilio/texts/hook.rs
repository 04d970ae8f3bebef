//! Webhooks with fixed answers, for tests.

use axum::{
    Router,
    http::{StatusCode, header},
    routing::any,
};

use crate::wire::Server;

/// A webhook with a fixed answer.
pub(in crate::twilio) async fn webhook(
    status: u16,
    content_type: &'static str,
    body: &'static str,
) -> Server {
    let answer = move || async move {
        (
            StatusCode::from_u16(status).unwrap(),
            [(header::CONTENT_TYPE, content_type)],
            body,
        )
    };
    Server::start("webhook", Router::new().fallback(any(answer)))
        .await
        .unwrap()
}
