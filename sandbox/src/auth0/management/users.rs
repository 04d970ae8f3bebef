//! The Management API about one user: by address, by id, and changes.

use std::collections::HashMap;

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Path, Query, State as Axum},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Map, Value};

use super::forms::{api_error, project};
use crate::{
    auth0::{state::Shared, user::profile},
    wire::{Complaints, lock},
};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v2/users-by-email", get(users_by_email))
        .route("/api/v2/users/{id}", get(read_user).patch(update_user))
}

/// Exact match. Stored addresses are in lower case; the query is used unchanged.
async fn users_by_email(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let stray = query
        .keys()
        .find(|name| !["email", "fields", "include_fields"].contains(&name.as_str()));
    let Some(email) = query.get("email").filter(|_| stray.is_none()) else {
        complaints.add(format!(
            "Auth0 users-by-email: {}",
            stray.map_or("no email", String::as_str)
        ));
        return api_error(
            StatusCode::BAD_REQUEST,
            Some("invalid_query_string"),
            "Query validation error",
        );
    };
    let found = lock(&state)
        .users
        .iter()
        .filter(|user| user.email == *email)
        .map(profile)
        .collect::<Vec<_>>();
    Json(
        found
            .into_iter()
            .map(|profile| project(profile, &query))
            .collect::<Vec<_>>(),
    )
    .into_response()
}

/// Reads a user. It is immediately consistent, like `users-by-email`.
async fn read_user(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    if let Some(stray) = query
        .keys()
        .find(|name| !["fields", "include_fields"].contains(&name.as_str()))
    {
        complaints.add(format!("Auth0 GET user: {stray}"));
        return api_error(
            StatusCode::BAD_REQUEST,
            Some("invalid_query_string"),
            "Query validation error",
        );
    }
    let found = lock(&state)
        .users
        .iter()
        .find(|user| user.user_id == id)
        .map(profile);
    found.map_or_else(unknown_user, |profile| {
        Json(project(profile, &query)).into_response()
    })
}

fn unknown_user() -> Response {
    api_error(
        StatusCode::NOT_FOUND,
        Some("inexistent_user"),
        "The user does not exist.",
    )
}

async fn update_user(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let changes = serde_json::from_slice::<Map<String, Value>>(&body).unwrap_or_default();
    let known = [
        "email_verified",
        "connection",
        "client_id",
        "blocked",
        "app_metadata",
    ];
    if let Some(stray) = changes.keys().find(|name| !known.contains(&name.as_str())) {
        complaints.add(format!("Auth0 PATCH user: {stray}"));
        let what = format!("changing a user's {stray} is not simulated by this sandbox");
        return api_error(StatusCode::NOT_IMPLEMENTED, None, &what);
    }
    for name in ["client_id", "blocked", "app_metadata"]
        .iter()
        .filter(|name| changes.contains_key(**name))
    {
        complaints.add_for_ours(format!("Auth0 PATCH user: {name}"));
    }
    let flag = |name: &str| {
        changes
            .get(name)
            .map_or(Some(None), |value| value.as_bool().map(Some))
    };
    let metadata = changes
        .get("app_metadata")
        .map_or(Some(None), |value| value.as_object().cloned().map(Some));
    let (Some(verified), Some(blocked), Some(metadata), false) = (
        flag("email_verified"),
        flag("blocked"),
        metadata,
        changes.is_empty(),
    ) else {
        complaints.add("Auth0 PATCH user: nothing to change, or a value of another type");
        return api_error(
            StatusCode::BAD_REQUEST,
            Some("invalid_body"),
            "Payload validation error",
        );
    };
    let mut state = lock(&state);
    let Some(user) = state.users.iter_mut().find(|user| user.user_id == id) else {
        return unknown_user();
    };
    if changes
        .get("connection")
        .is_some_and(|connection| connection != user.connection.as_str())
    {
        return api_error(
            StatusCode::BAD_REQUEST,
            Some("operation_not_supported"),
            "The user is not in that connection.",
        );
    }
    user.email_verified = verified.unwrap_or(user.email_verified);
    user.blocked = blocked.unwrap_or(user.blocked);
    // Members of the first level are merged; null removes one.
    user.app_metadata.extend(metadata.unwrap_or_default());
    user.app_metadata.retain(|_, value| !value.is_null());
    Json(profile(user)).into_response()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        auth0::{
            state::Auth0,
            tenant::{CLIENT_ID, CLIENT_SECRET},
        },
        wire::client,
    };

    #[tokio::test]
    async fn others_may_ask_and_change_as_auth0_lets_them() {
        let auth0 = Auth0::start(None).await.unwrap();
        let url = auth0.server().url();
        let (ann, bob) = (
            auth0.sign_up("ann@example.com"),
            auth0.sign_up_with("bob@example.com", "other"),
        );
        let request = |method, path: &str| {
            client()
                .request(method, url.clone() + path)
                .header("user-agent", "acme")
        };
        let body = json!({"grant_type": "client_credentials", "audience": format!("{url}/api/v2/"), "organization": null});
        let granted = request(reqwest::Method::POST, "/oauth/token")
            .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
            .json(&body);
        let granted = granted.send().await.unwrap().json::<Value>().await.unwrap();
        let token = granted["access_token"].as_str().unwrap();
        let get = async |query: &str| {
            let request =
                request(reqwest::Method::GET, &format!("/api/v2/users{query}")).bearer_auth(token);
            request.send().await.unwrap().json::<Value>().await.unwrap()
        };
        let ids = |users: &Value| {
            users
                .as_array()
                .unwrap()
                .iter()
                .map(|user| user["user_id"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            ids(&get("?sort=email:-1").await),
            [json!(bob.user_id), json!(ann.user_id)]
        );
        assert_eq!(ids(&get("?connection=other").await), [json!(bob.user_id)]);
        assert_eq!(
            get("?page=0&per_page=50&include_totals=true").await["total"],
            2
        );
        let ann_path = format!("/api/v2/users/{}", ann.user_id.replace('|', "%7C"));
        let patch = async |body: Value| {
            let answer = request(reqwest::Method::PATCH, &ann_path)
                .bearer_auth(token)
                .json(&body)
                .send()
                .await
                .unwrap();
            (
                answer.status().as_u16(),
                answer.json::<Value>().await.unwrap(),
            )
        };
        let (_, changed) =
            patch(json!({"blocked": true, "app_metadata": {"account_number": "10042", "x": null}}))
                .await;
        assert_eq!(
            (&changed["blocked"], &changed["app_metadata"]),
            (&json!(true), &json!({"account_number": "10042"}))
        );
        assert_eq!(
            (
                auth0.server().complaints(),
                patch(json!({"nickname": "a"})).await.0
            ),
            (vec![], 501)
        );
        assert_eq!(auth0.server().complaints().len(), 1);
    }
}
