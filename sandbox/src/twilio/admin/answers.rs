//! What the answers to administrators have in common.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State as Axum,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};

use crate::{
    twilio::{
        account::{Shared, State},
        api::{authenticate, refuse},
        ids::ACCOUNT_SID,
        parameters::{Pairs, page_size, parameters},
    },
    wire::Complaints,
};

/// Creation time of every resource.
pub(super) const THEN: &str = "2026-11-20T12:00:00Z";

/// Why a request is refused.
pub(super) enum Refusal {
    /// The request is wrong: error code and reason. It gets a complaint.
    Odd(u32, String),
    /// The resource does not exist.
    Missing(String),
}

/// Authenticates a request and answers it.
pub(super) fn answer(
    shared: &Shared,
    complaints: &Complaints,
    headers: &HeaderMap,
    make: impl FnOnce(&mut State) -> Result<Value, Refusal>,
) -> Response {
    let mut state = match authenticate(shared, complaints, ACCOUNT_SID, headers) {
        Ok(state) => state,
        Err(refusal) => return refusal,
    };
    match make(&mut state) {
        Ok(value) => Json(value).into_response(),
        Err(Refusal::Odd(code, what)) => {
            complaints.add(format!("Twilio: {what}"));
            refuse(code, &what)
        }
        Err(Refusal::Missing(what)) => refuse(
            20404,
            &format!("The requested resource {what} was not found"),
        ),
    }
}

pub(super) type Caller = (Axum<Arc<Shared>>, Extension<Complaints>, HeaderMap);

/// One page of a list. The list has no second page.
pub(super) fn page(
    path: &str,
    key: &str,
    items: &[Value],
    query: Pairs,
    known: &[&str],
) -> Result<Value, String> {
    let parameters = parameters(query, &[known, &["PageSize"]].concat())?;
    let size = page_size(&parameters)?;
    if items.len() > size {
        return Err(format!("pages of {size} are not simulated"));
    }
    let url = format!("https://messaging.twilio.com/v1/{path}?PageSize={size}&Page=0");
    let meta = json!({
        "page": 0, "page_size": size, "first_page_url": url, "previous_page_url": null, "next_page_url": null, "key": key, "url": url,
    });
    Ok(Map::from_iter([(key.to_owned(), items.into()), ("meta".to_owned(), meta)]).into())
}
