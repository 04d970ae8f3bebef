//! A request that sends texts.

use std::time::Duration;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};

use super::{authenticate, receipt, refuse};
use crate::{
    random,
    receipts::Repeats,
    sms::{self, Sent, Shared},
    wire::Complaints,
};

/// The fields that our functions send.
const OURS: [&str; 8] = [
    "src",
    "dst",
    "text",
    "type",
    "log",
    "message_expiry",
    "url",
    "method",
];

/// A boolean, as JSON or as a text.
fn flag(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_str()?.parse().ok())
}

pub(super) async fn create(
    State(account): State<Shared>,
    Extension(complaints): Extension<Complaints>,
    Path(auth_id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut account = match authenticate(&account, &complaints, &auth_id, &headers) {
        Ok(account) => account,
        Err(refusal) => return refusal,
    };
    let complain = |status, what: &str| {
        complaints.add(format!("Plivo Message: {what}"));
        refuse(status, what)
    };
    if sms::header(&headers, header::CONTENT_TYPE)
        .split(';')
        .next()
        != Some("application/json")
    {
        return complain(400, "content type");
    }
    let mut message = match serde_json::from_slice::<Map<String, Value>>(&body) {
        Ok(message) => message,
        Err(error) => return complain(400, &error.to_string()),
    };
    message.retain(|_, value| !value.is_null());
    for name in message.keys().filter(|name| !OURS.contains(&name.as_str())) {
        complaints.add_for_ours(format!("Plivo Message: field {name}"));
    }
    if message.get("log").and_then(Value::as_str) != Some("false") {
        complaints.add_for_ours("Plivo Message: log is \"false\": a one-time code stays out of it");
    }
    for name in [
        "powerpack_uuid",
        "media_urls",
        "media_ids",
        "template",
        "interactive",
        "location",
    ] {
        if message.get(name).is_some_and(|value| *value != json!([])) {
            return complain(501, &format!("{name} is not simulated by this sandbox"));
        }
    }
    let field = |name: &str| {
        message
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (src, text) = (field("src"), field("text"));
    // Several recipients are joined by `<`.
    let recipients = field("dst")
        .split('<')
        .map(|to| to.strip_prefix('+').unwrap_or(to))
        .collect::<Vec<_>>();
    let expiry = message
        .get("message_expiry")
        .map(|expiry| expiry.as_u64().or_else(|| expiry.as_str()?.parse().ok()));
    let wrong = match () {
        () if recipients.iter().any(|to| !sms::is_number(to)) => {
            "dst is a number with the country code"
        }
        () if !sms::is_sender(src.strip_prefix('+').unwrap_or(src)) => "src is a number or a name",
        () if text.is_empty() => "text is empty",
        () if message.get("type").is_some_and(|kind| kind != "sms") => {
            "a type other than sms is not simulated by this sandbox"
        }
        () if ["log", "trackable"].iter().any(|name| {
            message
                .get(*name)
                .is_some_and(|value| flag(value).is_none())
        }) =>
        {
            "log and trackable are true or false"
        }
        () if expiry.is_some_and(|expiry| {
            !expiry.is_some_and(|seconds| (5..=10_799).contains(&seconds))
        }) =>
        {
            "message_expiry is 5 to 10799 seconds"
        }
        () if !field("url").is_empty() && url::Url::parse(field("url")).is_err() => "url is a URL",
        () if !["", "POST", "GET"].contains(&field("method")) => "method is POST or GET",
        () if field("method") == "GET" => "receipts by GET are not simulated by this sandbox",
        () => "",
    };
    if !wrong.is_empty() {
        return complain(400, wrong);
    }
    if recipients.len() > 1 || message.get("message_expiry").is_some_and(Value::is_string) {
        complaints
            .add_for_ours("Plivo Message: several recipients, or a message_expiry that is a text");
    }
    if recipients
        .iter()
        .any(|to| src.trim_start_matches('+') == *to)
    {
        return refuse(400, "src and dst cannot be same");
    }
    let mut answer = json!({"api_id": random::uuid(), "message": "message(s) queued"});
    let (mut ids, mut invalid) = (vec![], vec![]);
    for to in recipients {
        match account.refusal(to) {
            Some(202) => invalid.push(to.to_owned()),
            Some(status) => return refuse(u16::try_from(status).unwrap_or(400), "refused"),
            None => {
                let id = random::uuid();
                let sent = Sent {
                    to: format!("+{to}"),
                    from: src.to_owned(),
                    text: text.to_owned(),
                    id: id.clone(),
                    validity: expiry.flatten().map(Duration::from_secs),
                    receipt_url: Some(field("url").to_owned()).filter(|url| !url.is_empty()),
                    reference: None,
                };
                account.receipts.tell(&sent.to, Repeats::USUAL, |post| {
                    receipt::requests(&account.secret, &sent, post)
                });
                account.take(sent);
                ids.push(id);
            }
        }
    }
    answer["message_uuid"] = json!(ids);
    if !invalid.is_empty() {
        answer["invalid_number"] = json!(invalid);
    }
    (StatusCode::ACCEPTED, Json(answer)).into_response()
}
