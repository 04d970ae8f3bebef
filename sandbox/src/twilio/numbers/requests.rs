//! What the requests about numbers have in common: their forms and refusals.

use std::collections::HashMap;

use axum::{
    http::{HeaderMap, header},
    response::Response,
};

use super::owned::{FIELDS, Kind};
use crate::{sms, twilio::api::refuse, wire::Complaints};

pub(super) fn complain(complaints: &Complaints, code: u32, what: &str) -> Response {
    complaints.add(format!("Twilio numbers: {what}"));
    refuse(code, what)
}

pub(super) fn is_area(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The form's fields, each with a valid value. `more` are names that set no field.
pub(super) fn form(
    headers: &HeaderMap,
    body: &[u8],
    more: &[&str],
) -> Result<HashMap<String, String>, (u32, String)> {
    let content_type = sms::header(headers, header::CONTENT_TYPE);
    if content_type.split(';').next() != Some("application/x-www-form-urlencoded") {
        return Err((20001, format!("content type {content_type:?}")));
    }
    let known = FIELDS
        .iter()
        .map(|(name, ..)| *name)
        .chain(more.iter().copied())
        .collect::<Vec<_>>();
    let fields = sms::form(body, &known).map_err(|what| (20001, what))?;
    for (name, kind, _) in FIELDS {
        let Some(value) = fields.get(name).filter(|value| !value.is_empty()) else {
            continue;
        };
        let (fits, code) = match kind {
            Kind::Name => (value.chars().count() <= 64, 20001),
            Kind::Url => (
                url::Url::parse(value).is_ok_and(|url| ["http", "https"].contains(&url.scheme())),
                21502,
            ),
            Kind::Sid(prefix) => (is_sid(value, prefix), 20001),
            Kind::Flag => (value.parse::<bool>().is_ok(), 20001),
            Kind::OneOf(values) => (values.contains(&value.as_str()), 20001),
        };
        if !fits {
            return Err((code, format!("{name} is not valid: {value}")));
        }
    }
    Ok(fields)
}

pub(super) fn is_sid(text: &str, prefix: &str) -> bool {
    text.len() == 34
        && text
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
