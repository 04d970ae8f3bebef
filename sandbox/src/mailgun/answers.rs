//! The answers of the API that are only a message.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use crate::wire::Complaints;

pub(super) fn answer(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

pub(super) fn complain(complaints: &Complaints, what: &str) -> Response {
    complaints.add(format!("Mailgun: {what}"));
    answer(StatusCode::BAD_REQUEST, what)
}

pub(super) fn no_route() -> Response {
    answer(StatusCode::NOT_FOUND, "Route not found")
}
