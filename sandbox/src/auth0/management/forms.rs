//! The forms of parameters, lists and refusals.

use std::collections::HashMap;

use axum::{
    Extension, Json,
    extract::{Query, State as Axum},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};

use crate::{auth0::state::Shared, sms, wire::Complaints};

pub(in crate::auth0) fn api_error(
    status: StatusCode,
    code: Option<&str>,
    message: &str,
) -> Response {
    let mut body = json!({"statusCode": status.as_u16(), "error": status.canonical_reason(), "message": message});
    if let Some(code) = code {
        body["errorCode"] = code.into();
    }
    (status, Json(body)).into_response()
}

pub(super) type Parameters = Query<HashMap<String, String>>;

pub(super) type Caller = (Axum<Shared>, Extension<Complaints>);

pub(super) fn complain(complaints: &Complaints, code: &str, what: &str) -> Response {
    complaints.add(format!("Auth0 Management API: {what}"));
    api_error(StatusCode::BAD_REQUEST, Some(code), what)
}

/// Paging parameters and member selection. Lists here are short and have one page.
const PAGING: [&str; 7] = [
    "page",
    "per_page",
    "include_totals",
    "from",
    "take",
    "fields",
    "include_fields",
];

/// The part of a profile that `fields` and `include_fields` select.
pub(super) fn project(mut profile: Value, query: &HashMap<String, String>) -> Value {
    if let (Some(fields), Some(profile)) = (query.get("fields"), profile.as_object_mut()) {
        let include = query
            .get("include_fields")
            .is_none_or(|include| include == "true");
        profile.retain(|name, _| fields.split(',').any(|field| field == name) == include);
    }
    profile
}

/// A list in the requested form: bare, with totals, or as the first page of a cursor.
pub(super) fn listed(key: &str, items: Vec<Value>, query: &HashMap<String, String>) -> Response {
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let keep = |item: Value| project(item, query);
    let (page, limit) = (
        number("page").unwrap_or_default(),
        number("take").or(number("per_page")).unwrap_or(50),
    );
    let total = items.len();
    let items = items
        .into_iter()
        .skip(page.saturating_mul(limit))
        .take(limit)
        .map(keep)
        .collect::<Vec<_>>();
    if query.contains_key("take") {
        return Json(Map::from_iter([(key.to_owned(), Value::from(items))])).into_response();
    }
    if query
        .get("include_totals")
        .is_some_and(|totals| totals == "true")
    {
        let mut body =
            json!({ "start": page * limit, "limit": limit, "length": items.len(), "total": total });
        body[key] = items.into();
        return Json(body).into_response();
    }
    Json(items).into_response()
}

/// Refuses parameters that are not simulated.
#[expect(clippy::result_large_err, reason = "it is the answer")]
pub(super) fn only(
    query: &HashMap<String, String>,
    known: &[&str],
    complaints: &Complaints,
) -> Result<(), Response> {
    for name in query.keys().filter(|name| !known.contains(&name.as_str())) {
        if !PAGING.contains(&name.as_str()) {
            return Err(complain(
                complaints,
                "invalid_query_string",
                &format!("parameter {name}"),
            ));
        }
        complaints.add_for_ours(format!("Auth0 Management API: parameter {name}"));
    }
    Ok(())
}

/// The members of a JSON object. An unknown member is refused.
#[expect(clippy::result_large_err, reason = "it is the answer")]
pub(super) fn members(
    headers: &HeaderMap,
    body: &[u8],
    known: &[&str],
    complaints: &Complaints,
) -> Result<Map<String, Value>, Response> {
    let refuse = |what: &str| Err(complain(complaints, "invalid_body", what));
    if sms::header(headers, header::CONTENT_TYPE).split(';').next() != Some("application/json") {
        return refuse("content type is not application/json");
    }
    let Ok(members) = serde_json::from_slice::<Map<String, Value>>(body) else {
        return refuse("not a JSON object");
    };
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(stray) => refuse(&format!("member {stray}")),
        None if members.is_empty() => refuse("nothing to change"),
        None => Ok(members),
    }
}

pub(super) fn missing(what: &str) -> Response {
    api_error(
        StatusCode::NOT_FOUND,
        None,
        &format!("The {what} does not exist."),
    )
}

pub(super) fn by_id(id: &str) -> impl Fn(&&mut Value) -> bool {
    move |item| item["id"] == id
}

#[cfg(test)]
mod tests {
    use crate::auth0::{
        caller::{Api, SCOPES},
        tenant::API_AUDIENCE,
    };

    #[tokio::test]
    async fn parameters_select_and_page() {
        let api = Api::start(SCOPES).await;
        api.0.set_client_grant(API_AUDIENCE, false);
        for (path, status) in [
            ("client-grants?audiences=x", 400),
            ("actions/actions?deployed=true", 400),
            // not what our functions send, but what Auth0 takes
            ("client-grants?page=1", 200),
            ("connections?fields=id", 200),
            ("clients/x?fields=name", 404),
        ] {
            assert_eq!(api.get(path).await.0, status, "{path}");
            assert_eq!(api.0.server().complaints().len(), 1, "{path}");
        }
        assert_eq!(
            api.get("client-grants?take=1").await.1["client_grants"]
                .as_array()
                .map(Vec::len),
            Some(1)
        );
        assert_eq!(
            api.get("client-grants?page=0&per_page=1&include_totals=true")
                .await
                .1["total"],
            1
        );
        assert_eq!(
            api.get("connections?fields=id").await.1[0]
                .as_object()
                .unwrap()
                .len(),
            1
        );
        assert!(!api.0.server().complaints().is_empty());
    }
}
