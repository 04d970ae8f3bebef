//! The legacy HTTP API.

use std::time::Duration;

use axum::{
    Extension,
    body::Bytes,
    extract::{OriginalUri, State},
    http::{HeaderMap, header},
};

use super::{API_ID, PASSWORD, USER};
use crate::{
    random, segments,
    sms::{self, Sent, Shared},
    wire::{Complaints, lock},
};

/// Answers a request to the legacy API. The status is always 200.
pub(super) async fn sendmsg(
    State(account): State<Shared>,
    Extension(complaints): Extension<Complaints>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> String {
    const KNOWN: [&str; 10] = [
        "user", "password", "api_id", "to", "text", "from", "mo", "concat", "unicode", "validity",
    ];
    let complain = |code: u32, what: &str| {
        complaints.add(format!("Clickatell sendmsg: {what}"));
        format!("ERR: {code:03}, {what}")
    };
    if uri.query().is_some() {
        return complain(101, "parameters in the query, where they are logged");
    }
    if sms::header(&headers, header::CONTENT_TYPE) != "application/x-www-form-urlencoded" {
        return complain(101, "content type");
    }
    let fields = match sms::form(&body, &KNOWN) {
        Ok(fields) => fields,
        Err(wrong) => return complain(101, &wrong),
    };
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    if ["user", "password", "api_id"]
        .iter()
        .any(|name| field(name).is_empty())
    {
        return complain(1, "no credentials");
    }
    if field("user") != USER || field("password") != PASSWORD {
        return "ERR: 001, Authentication failed".to_owned();
    }
    if field("api_id") != API_ID {
        return "ERR: 108, Invalid or missing API ID".to_owned();
    }
    let (to, from) = (field("to"), field("from"));
    if !sms::is_number(to) {
        return complain(105, "to is digits with the country code");
    }
    if !from.is_empty() && !sms::is_sender(from) {
        return complain(106, "from is digits or a name");
    }
    let text = match field("unicode") {
        "1" => hex_ucs2(field("text")).map(|text| (segments::ucs2_segments(&text), text)),
        "" | "0" => Some(field("text"))
            .filter(|text| text.is_ascii())
            .map(|text| (segments::segments(text), text.to_owned())),
        _ => None,
    };
    let Some((parts, text)) = text else {
        return complain(116, "text is ASCII, or hexadecimal UCS-2 with unicode=1");
    };
    if text.is_empty() {
        return complain(107, "text is empty");
    }
    let Some(allowed) = Some(field("concat")).filter(|concat| ["", "1", "2", "3"].contains(concat))
    else {
        return complain(101, "concat is 1 to 3");
    };
    let validity = match sms::number(&fields, "validity", 1..=1_440) {
        Ok(minutes) => minutes.map(Duration::from_mins),
        Err(wrong) => return complain(101, &wrong),
    };
    if parts > allowed.parse().unwrap_or(1) {
        return "ERR: 113, Maximum message parts exceeded".to_owned();
    }
    let mut account = lock(&account);
    if let Some(code) = account.refusal(to) {
        return format!("ERR: {code:03}, refused");
    }
    let id = random::hex(16);
    account.take(Sent {
        to: format!("+{to}"),
        from: from.to_owned(),
        text,
        id: id.clone(),
        validity,
        receipt_url: None,
        reference: None,
    });
    format!("ID: {id}")
}

fn hex_ucs2(text: &str) -> Option<String> {
    let bytes = hex::decode(text).ok()?;
    let units: Vec<u16> = bytes
        .chunks(2)
        .map(|pair| pair.try_into().ok().map(u16::from_be_bytes))
        .collect::<Option<_>>()?;
    String::from_utf16(&units).ok()
}
