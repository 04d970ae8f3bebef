//! The One API.

use axum::{
    Extension, Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::receipt;
use crate::{
    random,
    receipts::Repeats,
    sms::{self, Sent, Shared},
    wire::{Complaints, lock},
};

#[derive(Deserialize)]
struct Batch {
    messages: Vec<Message>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[derive(Deserialize)]
struct Message {
    channel: String,
    to: String,
    content: String,
    from: Option<String>,
    #[serde(rename = "clientMessageId")]
    client_message_id: Option<String>,
    /// Fields that our functions do not need.
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// Refuses a whole request.
fn refuse(code: u32, description: &str) -> Response {
    let status = match code {
        1 => 401,
        7 => 403,
        18 | 19 => 503,
        20 => 402,
        43 => 429,
        _ => 400,
    };
    let body = json!({"messages": [], "error": {"code": code, "description": description}});
    (StatusCode::from_u16(status).unwrap_or_default(), Json(body)).into_response()
}

/// The balance (the crate clickatell-api 0.3.0, `one_api/client.rs`).
pub(super) async fn balance(State(account): State<Shared>, headers: HeaderMap) -> Response {
    if sms::header(&headers, header::AUTHORIZATION) == lock(&account).secret {
        Json(json!({ "balance": 10.5, "currency": "EUR" })).into_response()
    } else {
        refuse(1, "the API key is not valid")
    }
}

/// Answers a request to the One API.
pub(super) async fn message(
    State(account): State<Shared>,
    Extension(complaints): Extension<Complaints>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let complain = |code, what: &str| {
        complaints.add(format!("Clickatell One API: {what}"));
        refuse(code, what)
    };
    let header = |name| sms::header(&headers, name);
    let key = header(header::AUTHORIZATION);
    if key.is_empty() || key.contains(' ') {
        return complain(1, "Authorization holds the bare key, without Bearer");
    }
    let mut account = lock(&account);
    if key != account.secret {
        return refuse(1, "Invalid or missing integration API Key");
    }
    if header(header::CONTENT_TYPE).split(';').next() != Some("application/json") {
        return complain(21, "Content-Type is application/json");
    }
    if header(header::ACCEPT) != "application/json" {
        complaints.add_for_ours("Clickatell One API: Accept is application/json");
    }
    let batch = match serde_json::from_slice::<Batch>(&body) {
        Ok(batch) if !batch.messages.is_empty() => batch,
        Ok(_) => return complain(21, "no messages"),
        Err(error) => return complain(21, &error.to_string()),
    };
    if batch.messages.len() > 1 {
        complaints.add_for_ours("Clickatell One API: several messages");
    }
    for name in batch.more.keys().chain(
        batch
            .messages
            .iter()
            .flat_map(|message| message.more.keys()),
    ) {
        complaints.add_for_ours(format!("Clickatell One API: field {name}"));
    }
    for Message {
        channel,
        to,
        content,
        from,
        ..
    } in &batch.messages
    {
        if channel != "sms" {
            return complain(
                23,
                &format!("channel {channel} is not simulated by this sandbox"),
            );
        }
        if content.is_empty() {
            return complain(23, "content is empty");
        }
        if !sms::is_number(to) {
            return complain(25, "to is digits with the country code");
        }
        if from.as_deref().is_some_and(|from| from.starts_with('+')) {
            return complain(23, "from is digits");
        }
    }
    let mut answers = vec![];
    for Message {
        to,
        content,
        from,
        client_message_id,
        ..
    } in batch.messages
    {
        let from = from.unwrap_or_default();
        let refusal = match account.refusal(&to) {
            None if !from.is_empty() && !sms::is_number(&from) => Some(23), // only two-way numbers can be senders
            refusal => refusal,
        };
        let (id, error) = match refusal {
            Some(code @ (1 | 7 | 18..=22 | 43)) => return refuse(code, explain(code)),
            Some(code) => (
                None,
                Some(json!({"code": code, "description": explain(code)})),
            ),
            None => {
                let id = random::hex(16);
                let sent = Sent {
                    to: format!("+{to}"),
                    from,
                    text: content,
                    id: id.clone(),
                    validity: None,
                    receipt_url: None,
                    reference: client_message_id,
                };
                let url = account.receipt_url.as_deref();
                account.receipts.tell(&sent.to, Repeats::USUAL, |post| {
                    receipt::requests(url, &sent, post)
                });
                account.take(sent);
                (Some(id), None)
            }
        };
        answers
            .push(json!({"apiMessageId": id, "accepted": id.is_some(), "to": to, "error": error}));
    }
    (
        StatusCode::ACCEPTED,
        Json(json!({"messages": answers, "error": null})),
    )
        .into_response()
}

fn explain(code: u32) -> &'static str {
    match code {
        7 => "IP address is not allowed",
        18 | 19 => "Temporary error, try again",
        20 => "Insufficient balance",
        25 => "Invalid recipient",
        26 => "Recipient has opted out",
        43 => "Rate limit reached",
        100 => "Too many message parts",
        110 => "Texts to the USA need a two-way number",
        _ => "Invalid request",
    }
}
