//! Refusals in the form of the core API, and the creation time in all answers.

use std::time::Duration;

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use crate::random;

/// Creation time of every resource: 20 November 2026, noon.
pub(super) const THEN: Duration = Duration::from_hours(498_660);

pub(super) fn error(status: StatusCode, code: &str, summary: &str, causes: &[&str]) -> Response {
    let causes = causes
        .iter()
        .map(|cause| json!({ "errorSummary": cause }))
        .collect::<Vec<_>>();
    let body = json!({
        "errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": format!("oae{}", random::hex(10)), "errorCauses": causes,
    });
    (status, Json(body)).into_response()
}

/// `kind` is the type of the resource: `User`.
pub(super) fn not_found(id: &str, kind: &str) -> Response {
    error(
        StatusCode::NOT_FOUND,
        "E0000007",
        &format!("Not found: Resource not found: {id} ({kind})"),
        &[],
    )
}

/// The refusal of a body or of parameters.
pub(super) fn invalid(resource: &str, cause: &str) -> Response {
    error(
        StatusCode::BAD_REQUEST,
        "E0000001",
        &format!("Api validation failed: {resource}"),
        &[cause],
    )
}
