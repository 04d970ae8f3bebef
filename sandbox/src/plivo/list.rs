//! The accepted texts: the list, and a single one.

use std::{collections::HashMap, time::Duration};

use axum::{
    Extension, Json,
    extract::{Path, Query, State},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::{AUTH_ID, authenticate, refuse};
use crate::{
    moment, random, segments,
    sms::{Sent, Shared},
    wire::Complaints,
};

/// The Message resource. Texts arrive at once.
fn resource(sent: &Sent, taken: u64) -> Value {
    let time = moment::iso(Duration::from_secs(taken))
        .replace('T', " ")
        .replace(".000Z", "+00:00");
    json!({
        "error_code": "000", "from_number": sent.from, "message_direction": "outbound", "message_expiry": sent.validity.map(|time| time.as_secs()),
        "message_state": "delivered", "message_time": time, "message_type": "sms", "message_uuid": sent.id, "powerpack_id": null,
        "resource_uri": format!("/v1/Account/{AUTH_ID}/Message/{}/", sent.id), "to_number": sent.to.trim_start_matches('+'),
        "total_amount": "0.00500", "total_rate": "0.00500", "units": segments::segments(&sent.text),
    })
}

/// The list of messages, newest first.
pub(super) async fn list(
    State(account): State<Shared>,
    Extension(complaints): Extension<Complaints>,
    Path(auth_id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let account = match authenticate(&account, &complaints, &auth_id, &headers) {
        Ok(account) => account,
        Err(refusal) => return refusal,
    };
    let known = ["limit", "offset", "message_direction", "message_state"];
    if let Some(name) = query.keys().find(|name| !known.contains(&name.as_str())) {
        complaints.add(format!("Plivo Message: the filter {name} is not simulated"));
        return refuse(
            501,
            &format!("the filter {name} is not simulated by this sandbox"),
        );
    }
    let number = |name: &str, usual: usize| {
        query
            .get(name)
            .map_or(Some(usual), |text| text.parse().ok())
    };
    let (Some(limit), Some(offset)) = (
        number("limit", 20).filter(|limit| (1..=20).contains(limit)),
        number("offset", 0),
    ) else {
        return refuse(400, "limit is 1 to 20, offset a number");
    };
    let asked = |name: &str, value: &str| query.get(name).is_none_or(|asked| asked == value);
    let fits = asked("message_direction", "outbound") && asked("message_state", "delivered");
    let found = account
        .sent
        .iter()
        .zip(&account.taken)
        .rev()
        .filter(|_| fits)
        .collect::<Vec<_>>();
    let page = found
        .iter()
        .skip(offset)
        .take(limit)
        .map(|(sent, taken)| resource(sent, **taken))
        .collect::<Vec<_>>();
    let address =
        |offset: usize| format!("/v1/Account/{AUTH_ID}/Message/?limit={limit}&offset={offset}");
    Json(json!({
        "api_id": random::uuid(), "objects": page,
        "meta": {
            "limit": limit, "offset": offset, "total_count": found.len(), "next": (offset + limit < found.len()).then(|| address(offset + limit)),
            "previous": (offset > 0).then(|| address(offset.saturating_sub(limit))),
        },
    }))
    .into_response()
}

pub(super) async fn read(
    State(account): State<Shared>,
    Extension(complaints): Extension<Complaints>,
    Path((auth_id, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let account = match authenticate(&account, &complaints, &auth_id, &headers) {
        Ok(account) => account,
        Err(refusal) => return refusal,
    };
    let found = account
        .sent
        .iter()
        .zip(&account.taken)
        .find(|(sent, _)| sent.id == id);
    found.map_or_else(
        || refuse(404, "not found"),
        |(sent, taken)| {
            let mut message = resource(sent, *taken);
            message["api_id"] = random::uuid().into();
            Json(message).into_response()
        },
    )
}
