//! What the resources of the API have in common: authentication and refusals.

use std::sync::MutexGuard;

use axum::{
    Json,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::json;

use super::{
    account::{Shared, State},
    ids::ACCOUNT_SID,
};
use crate::{
    sms,
    wire::{Complaints, lock},
};

/// The answer to a request that is not simulated, in the form of Twilio's "not found".
pub(super) fn not_simulated(what: &str) -> Response {
    let body = json!({"code": 20404, "message": what, "more_info": "https://www.twilio.com/docs/errors/20404", "status": 501});
    (StatusCode::NOT_IMPLEMENTED, Json(body)).into_response()
}

pub(super) fn refuse(code: u32, message: &str) -> Response {
    let status = match code {
        20003 => 401,
        20404 => 404,
        20429 => 429,
        20500 => 500,
        20503 => 503,
        _ => 400,
    };
    let body = json!({"code": code, "message": message, "more_info": format!("https://www.twilio.com/docs/errors/{code}"), "status": status});
    (StatusCode::from_u16(status).unwrap_or_default(), Json(body)).into_response()
}

/// The account's state, if the request authenticates as the account.
#[expect(clippy::result_large_err, reason = "it is the answer")]
pub(super) fn authenticate<'a>(
    shared: &'a Shared,
    complaints: &Complaints,
    account: &str,
    headers: &HeaderMap,
) -> Result<MutexGuard<'a, State>, Response> {
    let credentials = sms::header(headers, header::AUTHORIZATION).strip_prefix("Basic ");
    let credentials = credentials.and_then(|encoded| BASE64.decode(encoded).ok());
    let Some((user, password)) = credentials
        .as_deref()
        .and_then(|decoded| str::from_utf8(decoded).ok())
        .and_then(|pair| pair.split_once(':'))
    else {
        complaints.add("Twilio: no Basic credentials");
        return Err(refuse(20003, "Authenticate"));
    };
    let state = lock(&shared.state);
    if !(user == ACCOUNT_SID && password == state.auth_token
        || state
            .api_keys
            .get(user)
            .is_some_and(|secret| secret == password))
    {
        return Err(refuse(20003, "Authenticate"));
    }
    if account != ACCOUNT_SID {
        let what = format!("The requested resource of account {account} was not found");
        complaints.add(format!("Twilio: {what}"));
        return Err(refuse(20404, &what));
    }
    Ok(state)
}
