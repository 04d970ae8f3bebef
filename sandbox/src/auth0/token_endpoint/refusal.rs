//! The refusals of the token endpoint.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::random;

/// An answer without tokens.
pub(super) struct Refusal {
    status: StatusCode,
    error: &'static str,
    description: String,
}

pub(super) fn refuse(status: StatusCode, error: &'static str, description: &str) -> Refusal {
    Refusal {
        status,
        error,
        description: description.to_owned(),
    }
}

pub(super) fn too_many_requests(description: &str) -> Refusal {
    refuse(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_requests",
        description,
    )
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self {
            status,
            error,
            description,
        } = self;
        let mut body = json!({ "error": error, "error_description": description });
        if error == "mfa_required" {
            body["mfa_token"] = random::hex(32).into();
        }
        let answer = (status, Json(body));
        if error != "too_many_requests" {
            return answer.into_response();
        }
        let reset = crate::now().as_secs() + 1;
        let limits = [("limit", 30), ("remaining", 0), ("reset", reset)];
        (
            limits.map(|(name, value)| (format!("x-ratelimit-{name}"), value.to_string())),
            answer,
        )
            .into_response()
    }
}
