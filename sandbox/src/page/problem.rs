//! Errors of the API, and the reading of its input.

use axum::{
    Json,
    extract::{self, FromRequest, FromRequestParts, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use serde_json::json;

/// The largest body of a request to the page.
const LARGEST: usize = 64 * 1024;

/// What is wrong, and what to do.
#[derive(Debug)]
pub(super) struct Problem(StatusCode, String);

impl Problem {
    pub(super) fn new(status: StatusCode, what: impl Into<String>) -> Self {
        Self(status, what.into())
    }

    pub(super) fn bad(what: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, what)
    }

    pub(super) fn unknown(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, what)
    }

    pub(super) fn conflict(what: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, what)
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> StatusCode {
        self.0
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

/// The JSON of a request.
pub(super) struct Input<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::bad(
                "The body must be JSON, with `Content-Type: application/json`.",
            ));
        }
        let body = axum::body::to_bytes(request.into_body(), LARGEST)
            .await
            .map_err(|_| {
                Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "The body has more than 64 KB.",
                )
            })?;
        let read = serde_json::from_slice(&body);
        read.map(Self)
            .map_err(|error| Problem::bad(format!("The body does not fit: {error}.")))
    }
}

/// The parts of a request's path. What does not fit is a [`Problem`], as everywhere in the API.
pub(super) struct Path<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = extract::Path::from_request_parts(parts, state).await;
        read.map(|extract::Path(read)| Self(read))
            .map_err(|error| Problem::bad(format!("The path does not fit: {}.", error.body_text())))
    }
}

/// The query of a request. What does not fit is a [`Problem`].
pub(super) struct Query<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = extract::Query::from_request_parts(parts, state).await;
        read.map(|extract::Query(read)| Self(read))
            .map_err(|error| {
                Problem::bad(format!("The query does not fit: {}.", error.body_text()))
            })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.split(';').next().unwrap_or_default().trim() == "application/json")
}

/// A text with at most this many characters and no control characters except line ends.
pub(super) fn limited(what: &str, text: &str, longest: usize) -> Result<(), Problem> {
    if text.chars().count() > longest {
        return Err(Problem::bad(format!(
            "{what} has more than {longest} characters."
        )));
    }
    if text
        .chars()
        .any(|c| c.is_control() && !"\n\r\t".contains(c))
    {
        return Err(Problem::bad(format!("{what} has control characters.")));
    }
    Ok(())
}

/// An E.164 number.
pub(super) fn number(text: &str) -> Result<String, Problem> {
    if crate::sms::e164(text) {
        return Ok(text.to_owned());
    }
    Err(Problem::bad(
        "A number begins with a plus and has 7 to 15 digits, such as +4512345678.",
    ))
}
