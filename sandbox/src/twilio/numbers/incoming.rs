//! The account's numbers: lists, purchases, changes, releases.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, Query, State as Axum},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::{
    FIELDS, Kind, Numbers, Owned, Pairs, Shared, authenticate, base, complain, e164, flag, is_area,
    page_size, parameters, refuse,
};
use crate::{sms, wire::Complaints};

pub(super) async fn list(
    Axum(shared): Axum<Arc<Shared>>,
    Extension(complaints): Extension<Complaints>,
    Path(account): Path<String>,
    Query(query): Query<Pairs>,
    headers: HeaderMap,
) -> Response {
    let state = match authenticate(&shared, &complaints, &account, &headers) {
        Ok(state) => state,
        Err(refusal) => return refusal,
    };
    let known = [
        "Beta",
        "FriendlyName",
        "PhoneNumber",
        "Origin",
        "PageSize",
        "Page",
        "PageToken",
    ];
    let answer = || {
        let parameters = parameters(query, &known)?;
        let size = page_size(&parameters)?.min(state.numbers.page_size);
        flag(&parameters, "Beta")?;
        let origin = parameters.get("Origin").map_or("twilio", String::as_str);
        if !["twilio", "hosted"].contains(&origin) {
            return Err(format!("Origin={origin}"));
        }
        let page = parameters
            .get("Page")
            .map_or(Some(0), |page| page.parse::<usize>().ok())
            .ok_or("Page is a number")?;
        let after = match parameters.get("PageToken") {
            None if page == 0 => 0,
            None => return Err("a page without its token".to_owned()),
            Some(token) => {
                token
                    .strip_prefix("PA")
                    .and_then(|sid| state.numbers.by_sid.get(sid))
                    .filter(|_| page > 0)
                    .ok_or("a page token that was not issued")?
                    + 1
            }
        };
        let partial = parameters
            .get("PhoneNumber")
            .map(|text| text.chars().collect::<Vec<_>>());
        if partial.as_ref().is_some_and(|partial| {
            partial
                .iter()
                .any(|c| !c.is_ascii_digit() && !"+*".contains(*c))
        }) {
            return Err("PhoneNumber has digits and asterisks".to_owned());
        }
        let fits = |owned: &&Owned| {
            !owned.released
                && !owned.lags
                && origin == "twilio"
                && parameters
                    .get("FriendlyName")
                    .is_none_or(|name| owned.field("FriendlyName") == name)
                && partial
                    .as_ref()
                    .is_none_or(|partial| contains(&owned.number, partial))
        };
        let all = state.numbers.owned[after..].iter();
        let mut found: Vec<_> = match parameters.get("FriendlyName") {
            Some(name) => {
                let named = state.numbers.named(name);
                let named = named.filter(|(index, _)| *index >= after);
                let named = named.map(|(_, owned)| owned);
                named.filter(fits).take(size + 1).collect()
            }
            None => all.filter(fits).take(size + 1).collect(),
        };
        let more = found.len() > size;
        found.truncate(size);
        let address = |page: usize, after: Option<&&Owned>| {
            let mut address = form_urlencoded::Serializer::new(String::new());
            for name in ["FriendlyName", "Beta", "PhoneNumber", "Origin"] {
                address.extend_pairs(parameters.get(name).map(|value| (name, value)));
            }
            address
                .append_pair("PageSize", &size.to_string())
                .append_pair("Page", &page.to_string());
            address.extend_pairs(after.map(|owned| ("PageToken", format!("PA{}", owned.sid))));
            format!("{}.json?{}", base(), address.finish())
        };
        let numbers = found
            .iter()
            .map(|owned| owned.resource())
            .collect::<Vec<_>>();
        Ok(json!({
            "incoming_phone_numbers": numbers, "page": page, "page_size": size, "start": page * size,
            "end": page * size + numbers.len().saturating_sub(1), "uri": address(page, None), "first_page_uri": address(0, None),
            "previous_page_uri": null, "next_page_uri": found.last().filter(|_| more).map(|last| address(page + 1, Some(last))),
        }))
    };
    match answer() {
        Ok(page) => Json(page).into_response(),
        Err(what) => complain(&complaints, 20001, &what),
    }
}

/// True if a part of the number matches; an asterisk matches any digit.
fn contains(number: &str, partial: &[char]) -> bool {
    let digits = number.chars().collect::<Vec<_>>();
    partial.is_empty()
        || digits.windows(partial.len()).any(|part| {
            part.iter()
                .zip(partial)
                .all(|(digit, c)| digit == c || *c == '*' && *digit != '+')
        })
}

/// The form's fields, each with a valid value. `more` are names that set no field.
fn form(
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

fn is_sid(text: &str, prefix: &str) -> bool {
    text.len() == 34
        && text
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

pub(super) async fn create(
    Axum(shared): Axum<Arc<Shared>>,
    Extension(complaints): Extension<Complaints>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut state = match authenticate(&shared, &complaints, &account, &headers) {
        Ok(state) => state,
        Err(refusal) => return refusal,
    };
    let mut fields = match form(&headers, &body, &["PhoneNumber", "AreaCode"]) {
        Ok(fields) => fields,
        Err((code, what)) => return complain(&complaints, code, &what),
    };
    let (number, area) = (fields.remove("PhoneNumber"), fields.remove("AreaCode"));
    match (&number, &area) {
        (Some(number), None) if !e164(number) => {
            return complain(
                &complaints,
                21421,
                &format!("PhoneNumber {number} is invalid"),
            );
        }
        (None, Some(area)) if !is_area(area) => {
            return complain(&complaints, 21451, &format!("area code {area} is invalid"));
        }
        (Some(_), None) | (None, Some(_)) => {}
        _ => return complain(&complaints, 20001, "either PhoneNumber or AreaCode"),
    }
    match state
        .numbers
        .buy(number.as_deref(), area.as_deref(), &fields)
    {
        Ok(owned) => (StatusCode::CREATED, Json(owned.resource())).into_response(),
        Err((code, what)) => refuse(code, &what),
    }
}

/// Runs `act` on the number with that SID, or answers why that is impossible.
fn with(
    shared: &Shared,
    complaints: &Complaints,
    (account, sid): &(String, String),
    headers: &HeaderMap,
    act: impl FnOnce(&mut Numbers, usize) -> Response,
) -> Response {
    let mut state = match authenticate(shared, complaints, account, headers) {
        Ok(state) => state,
        Err(refusal) => return refusal,
    };
    let missing = format!("The requested resource {}/{sid} was not found", base());
    let Some(sid) = sid.strip_suffix(".json").filter(|sid| is_sid(sid, "PN")) else {
        return complain(complaints, 20404, &missing);
    };
    match state.numbers.by_sid(sid) {
        Some(index) => act(&mut state.numbers, index),
        None => refuse(20404, &missing),
    }
}

pub(super) async fn read(
    Axum(shared): Axum<Arc<Shared>>,
    Extension(complaints): Extension<Complaints>,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    with(&shared, &complaints, &path, &headers, |numbers, index| {
        Json(numbers.owned[index].resource()).into_response()
    })
}

pub(super) async fn update(
    Axum(shared): Axum<Arc<Shared>>,
    Extension(complaints): Extension<Complaints>,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    with(
        &shared,
        &complaints,
        &path,
        &headers,
        |numbers, index| match form(&headers, &body, &[]) {
            Ok(fields) => {
                numbers.set_all(index, &fields);
                Json(numbers.owned[index].resource()).into_response()
            }
            Err((code, what)) => complain(&complaints, code, &what),
        },
    )
}

pub(super) async fn release(
    Axum(shared): Axum<Arc<Shared>>,
    Extension(complaints): Extension<Complaints>,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    with(&shared, &complaints, &path, &headers, |numbers, index| {
        numbers.release(index);
        StatusCode::NO_CONTENT.into_response()
    })
}
