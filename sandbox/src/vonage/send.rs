//! The SMS API.

use std::{collections::HashMap, time::Duration};

use axum::{
    Extension, Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, header},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::{API_KEY, SIGNATURE_SECRET, Setting, problem, receipt};
use crate::{
    random,
    receipts::Repeats,
    segments,
    sms::{self, Sent, Shared},
    wire::{Complaints, lock},
};

/// The fields that our functions send.
const OURS: [&str; 9] = [
    "api_key",
    "api_secret",
    "from",
    "to",
    "text",
    "type",
    "ttl",
    "callback",
    "client-ref",
];
/// The longest `client-ref`.
const REFERENCE_LIMIT: usize = 40;

fn refuse(status: u32, text: &str) -> Json<Value> {
    Json(problem(status, text))
}

/// The fields of a form or of a JSON object, without nulls. The error says what is wrong.
fn fields(headers: &HeaderMap, body: &[u8]) -> Result<HashMap<String, String>, String> {
    match sms::header(headers, header::CONTENT_TYPE).split(';').next() {
        Some("application/x-www-form-urlencoded") => {
            let mut fields = HashMap::new();
            for (name, value) in form_urlencoded::parse(body).into_owned() {
                if fields.insert(name.clone(), value).is_some() {
                    return Err(format!("repeated field {name}"));
                }
            }
            Ok(fields)
        }
        Some("application/json") => {
            let object = serde_json::from_slice::<Map<String, Value>>(body)
                .map_err(|error| error.to_string())?;
            let given = object.into_iter().filter(|(_, value)| !value.is_null());
            Ok(given
                .map(|(name, value)| {
                    (
                        name,
                        value
                            .as_str()
                            .map_or_else(|| value.to_string(), str::to_owned),
                    )
                })
                .collect())
        }
        _ => Err("content type".to_owned()),
    }
}

/// True if `sig` is the HMAC with SHA-256 of all other fields. This account uses that method
/// (<https://developer.vonage.com/en/getting-started/concepts/signing-messages>).
fn is_signed(fields: &HashMap<String, String>) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(SIGNATURE_SECRET.as_bytes())
        .expect("HMAC takes keys of any length");
    let mut sorted = fields
        .iter()
        .filter(|(name, _)| *name != "sig")
        .collect::<Vec<_>>();
    sorted.sort();
    for (name, value) in sorted {
        mac.update(format!("&{name}={}", value.replace(['&', '='], "_")).as_bytes());
    }
    let recent = |time: &String| {
        time.parse()
            .is_ok_and(|time: u64| time.abs_diff(crate::now().as_secs()) <= 300)
    };
    let given = fields
        .get("sig")
        .and_then(|sig| hex::decode(sig).ok())
        .unwrap_or_default();
    fields.get("timestamp").is_some_and(recent) && mac.verify_slice(&given).is_ok()
}

pub(super) async fn send(
    State(account): State<Shared>,
    Extension(complaints): Extension<Complaints>,
    Extension(receipts_by): Extension<Setting>,
    headers: HeaderMap,
    body: Bytes,
) -> Json<Value> {
    let complain = |status, what: &str| {
        complaints.add(format!("Vonage SMS: {what}"));
        refuse(status, what)
    };
    if !sms::header(&headers, header::CONTENT_TYPE).starts_with("application/x-www-form-urlencoded")
    {
        complaints.add_for_ours("Vonage SMS: content type");
    }
    let fields = match fields(&headers, &body) {
        Ok(fields) => fields,
        Err(wrong) => return complain(2, &wrong),
    };
    for name in fields.keys().filter(|name| !OURS.contains(&name.as_str())) {
        complaints.add_for_ours(format!("Vonage SMS: field {name}"));
    }
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    let basic = sms::basic(&headers);
    let signed = !field("sig").is_empty();
    let needed: &[&str] = match (&basic, signed) {
        (Some(_), _) => &["from", "to", "text"],
        (None, true) => &["api_key", "timestamp", "from", "to", "text"],
        (None, false) => &["api_key", "api_secret", "from", "to", "text"],
    };
    if basic.is_some() {
        complaints.add_for_ours("Vonage SMS: Basic credentials");
    }
    if field("type") == "binary" {
        return complain(3, "type=binary is not simulated by this sandbox");
    }
    if let Some(missing) = needed.iter().find(|name| field(name).is_empty()) {
        return complain(2, &format!("Missing {missing} param"));
    }
    let mut account = lock(&account);
    let (key, secret) =
        basic.unwrap_or_else(|| (field("api_key").to_owned(), field("api_secret").to_owned()));
    if signed && secret.is_empty() {
        if key != API_KEY || !is_signed(&fields) {
            return refuse(14, "Invalid Signature");
        }
    } else if key != API_KEY || secret != account.secret {
        return refuse(4, "Bad Credentials");
    }
    let (to, from, text) = (field("to"), field("from"), field("text"));
    if !sms::is_number(to) {
        return complain(3, "to is digits with the country code");
    }
    if !sms::is_sender(from) {
        return complain(3, "from is digits or a name");
    }
    let kind = fields.get("type").map_or("text", String::as_str);
    let plain = text.chars().all(|c| segments::septets(c).is_some());
    if !["text", "unicode"].contains(&kind) {
        return complain(3, "type is text, unicode or binary");
    }
    if plain != (kind == "text") {
        complaints.add_for_ours(format!(
            "Vonage SMS: type is {} for this text",
            if plain { "text" } else { "unicode" }
        ));
    }
    // A character that the type's alphabet lacks arrives as a question mark.
    let arriving: String = text
        .chars()
        .map(|c| {
            if kind == "text" && segments::septets(c).is_none() {
                '?'
            } else {
                c
            }
        })
        .collect();
    let parts = if kind == "text" {
        segments::segments(&arriving)
    } else {
        segments::ucs2_segments(&arriving)
    };
    let ttl = match sms::number(&fields, "ttl", 20_000..=604_800_000) {
        Ok(ttl) => ttl.map(Duration::from_millis),
        Err(wrong) => return complain(3, &wrong),
    };
    let given = |name: &str| fields.get(name).filter(|value| !value.is_empty()).cloned();
    let (receipt_url, reference) = (given("callback"), given("client-ref"));
    if receipt_url
        .as_deref()
        .is_some_and(|url| url::Url::parse(url).is_err())
    {
        return complain(23, "callback is a URL");
    }
    if reference
        .as_ref()
        .is_some_and(|reference| reference.len() > REFERENCE_LIMIT)
    {
        return complain(3, "client-ref has at most 40 characters");
    }
    if let Some(status) = account.refusal(to) {
        return refuse(status, "refused");
    }
    let ids = (0..parts)
        .map(|_| random::hex(8).to_uppercase())
        .collect::<Vec<_>>();
    let sent = Sent {
        to: format!("+{to}"),
        from: from.to_owned(),
        text: arriving,
        id: ids[0].clone(),
        validity: ttl,
        receipt_url,
        reference,
    };
    let by = *lock(&receipts_by);
    account.receipts.tell(&sent.to, Repeats::USUAL, |post| {
        let parts = ids.iter().map(|id| receipt::request(by, &sent, id, post));
        parts.flatten().collect()
    });
    account.take(sent);
    let part = |id| {
        let mut part = json!({"to": to, "message-id": id, "status": "0", "remaining-balance": "3.14", "message-price": "0.03", "network": "23801"});
        if let Some(reference) = fields.get("client-ref") {
            part["client-ref"] = reference.as_str().into();
        }
        part
    };
    Json(
        json!({"message-count": ids.len().to_string(), "messages": ids.iter().map(part).collect::<Vec<_>>()}),
    )
}
