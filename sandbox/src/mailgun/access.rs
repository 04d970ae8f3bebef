//! The check of every call of the API: Basic authentication.

use axum::{
    Extension,
    extract::{Request, State as Axum},
    http::{StatusCode, header},
    middleware::Next,
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::{
    answers::answer,
    state::{Mailgun, Shared},
};
use crate::{
    sms,
    wire::{Complaints, lock},
};

impl Mailgun {
    /// Replaces the API key. The first one is [`API_KEY`](super::API_KEY).
    pub fn set_api_key(&self, key: &str) {
        key.clone_into(&mut lock(&self.settings).account.api_key);
    }
}

/// Checks Basic authentication with the user `api`.
pub(super) async fn authorize(
    Axum(settings): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    request: Request,
    next: Next,
) -> Response {
    let given = sms::header(request.headers(), header::AUTHORIZATION).strip_prefix("Basic ");
    let given = given
        .and_then(|encoded| BASE64.decode(encoded).ok())
        .and_then(|decoded| String::from_utf8(decoded).ok());
    let Some(key) = given.as_deref().and_then(|pair| pair.strip_prefix("api:")) else {
        complaints.add("Mailgun: no Basic credentials of user api");
        return answer(StatusCode::UNAUTHORIZED, "Forbidden");
    };
    if key != lock(&settings).account.api_key {
        return answer(StatusCode::UNAUTHORIZED, "Forbidden");
    }
    next.run(request).await
}
