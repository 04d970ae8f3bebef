//! `GET /api/v2/users`: full-text search in an index that may lag behind.

use std::collections::HashMap;

use axum::{
    Extension, Json, Router,
    extract::{OriginalUri, Query, State as Axum},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};

use super::{
    forms::{api_error, project},
    search,
};
use crate::{
    auth0::{
        state::{Auth0, Shared},
        user::{User, profile},
    },
    wire::{Complaints, lock},
};

/// Maximum length of path and query. Auth0 documents that a limit exists, but not its value.
const URL_LIMIT: usize = 8 * 1024;

/// Maximum number of users in a search, over all pages.
const RESULTS: usize = 1000;

impl Auth0 {
    /// `true`: searches find the users as they are now, without later changes. `false`: searches
    /// follow all changes again.
    pub fn hold_index(&self, on: bool) {
        let mut state = lock(&self.state);
        state.index = on.then(|| state.users.clone());
    }

    /// The next `n` searches time out and are answered with 503.
    pub fn slow_searches(&self, n: u32) {
        lock(&self.state).slow_searches = n;
    }
}

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/v2/users", get(search_users))
}

/// Full-text search in an index that may lag behind.
async fn search_users(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    OriginalUri(uri): OriginalUri,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Response {
    let refuse = |code, what: &str| {
        complaints.add(format!("Auth0 users: {what}"));
        api_error(StatusCode::BAD_REQUEST, Some(code), what)
    };
    if uri
        .path_and_query()
        .is_some_and(|target| target.as_str().len() > URL_LIMIT)
    {
        complaints.add("Auth0 users: the URL is too long");
        return api_error(StatusCode::URI_TOO_LONG, None, "URI too long");
    }
    let ours = [
        "q",
        "search_engine",
        "page",
        "per_page",
        "include_totals",
        "fields",
        "include_fields",
    ];
    let mut query = HashMap::new();
    for (name, value) in pairs {
        if ["sort", "connection", "primary_order"].contains(&name.as_str()) {
            complaints.add_for_ours(format!("Auth0 users: parameter {name}"));
        } else if !ours.contains(&name.as_str()) {
            return refuse(
                "invalid_query_string",
                &format!("Query validation error: 'Additional properties not allowed: {name}'."),
            );
        }
        if query.insert(name.clone(), value).is_some() {
            return refuse(
                "invalid_query_string",
                &format!("repeated parameter {name}"),
            );
        }
    }
    match query.get("search_engine").map(String::as_str) {
        Some("v3") => {}
        // Auth0's default for a new tenant is v3.
        None => complaints.add_for_ours("Auth0 users: search_engine is not v3"),
        Some(_) => return refuse("invalid_query_string", "search_engine is not v3"),
    }
    if !query.contains_key("q") {
        complaints.add_for_ours("Auth0 users: no q");
    }
    let number = |name: &str, usual: usize| {
        query
            .get(name)
            .map_or(Some(usual), |text| text.parse().ok())
    };
    let (Some(page), Some(per_page)) = (
        number("page", 0),
        number("per_page", 50).filter(|size| *size <= 100),
    ) else {
        return refuse("invalid_query_string", "page or per_page");
    };
    let start = page.saturating_mul(per_page);
    if start.saturating_add(per_page) > RESULTS {
        return refuse(
            "invalid_paging",
            "You can only page through the first 1000 records. Please refine your search.",
        );
    }
    let search = match query.get("q").map(|text| search::parse(text)).transpose() {
        Ok(search) => search,
        Err(what) => return refuse("invalid_query_string", &format!("q: {what}")),
    };
    let mut state = lock(&state);
    if state.slow_searches > 0 {
        state.slow_searches -= 1;
        return api_error(
            StatusCode::SERVICE_UNAVAILABLE,
            None,
            "Query exceeded the time limit. Please refine your search.",
        );
    }
    let index = state.index.as_ref().unwrap_or(&state.users);
    let fits = |profile: &Value| search.as_ref().is_none_or(|search| search.fits(profile));
    let within = |user: &&User| {
        query
            .get("connection")
            .is_none_or(|connection| user.connection == *connection)
    };
    let mut found = index
        .iter()
        .filter(within)
        .map(profile)
        .filter(fits)
        .take(RESULTS)
        .collect::<Vec<_>>();
    if let Some((field, order)) = query.get("sort").and_then(|sort| sort.rsplit_once(':')) {
        found.sort_by_key(|profile| profile[field].as_str().unwrap_or_default().to_owned());
        if order == "-1" {
            found.reverse();
        }
    }
    let total = found.len();
    let users = found
        .into_iter()
        .skip(start)
        .take(per_page)
        .map(|profile| project(profile, &query))
        .collect::<Vec<_>>();
    if query
        .get("include_totals")
        .is_some_and(|totals| totals == "true")
    {
        let body = json!({ "start": start, "limit": per_page, "length": users.len(), "total": total, "users": users });
        return Json(body).into_response();
    }
    Json(users).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth0::tenant::{CLIENT_ID, CLIENT_SECRET},
        wire::client,
    };

    async fn granted(auth0: &Auth0) -> String {
        let url = auth0.server().url();
        let body = json!({
            "grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "audience": format!("{url}/api/v2/"),
        });
        let granted = client()
            .post(format!("{url}/oauth/token"))
            .json(&body)
            .send()
            .await
            .unwrap();
        granted.json::<Value>().await.unwrap()["access_token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    #[tokio::test]
    async fn searches_find_users() {
        let auth0 = Auth0::start(None).await.unwrap();
        let token = granted(&auth0).await;
        let find = async |query: &[(&str, &str)]| {
            let url = auth0.server().url() + "/api/v2/users";
            let answer = client()
                .get(url)
                .query(query)
                .bearer_auth(&token)
                .send()
                .await
                .unwrap();
            (
                answer.status().as_u16(),
                answer.json::<Value>().await.unwrap(),
            )
        };
        let ann = auth0.sign_up_caller("10042", "2718", "Hello Ann", "ann@example.com");
        let query = ("q", r#"app_metadata.account_number:"10042""#);
        let v3 = ("search_engine", "v3");
        let (status, found) = find(&[
            query,
            v3,
            ("fields", "user_id,app_metadata"),
            ("per_page", "2"),
        ])
        .await;
        let metadata = json!({"account_number": "10042", "ivr_greeting": "Hello Ann"});
        assert_eq!(
            (status, &found),
            (
                200,
                &json!([{"user_id": ann.user_id, "app_metadata": metadata}])
            )
        );
        assert_eq!(
            find(&[
                query,
                v3,
                ("fields", "identities"),
                ("include_fields", "false")
            ])
            .await
            .1[0]
                .get("identities"),
            None
        );

        auth0.hold_index(true);
        auth0.set_app_metadata(&ann, "account_number", json!("10043"));
        let bob = auth0.sign_up_caller("10042", "3141", "Hello Bob", "bob@example.com");
        assert_eq!(
            find(&[query, v3]).await.1[0]["user_id"],
            ann.user_id,
            "the index is behind"
        );
        let url = format!(
            "{}/api/v2/users/{}",
            auth0.server().url(),
            ann.user_id.replace('|', "%7C")
        );
        let read = client()
            .get(url)
            .bearer_auth(&token)
            .send()
            .await
            .unwrap()
            .json::<Value>()
            .await
            .unwrap();
        assert_eq!(read["app_metadata"]["account_number"], "10043");
        auth0.hold_index(false);
        assert_eq!(find(&[query, v3]).await.1[0]["user_id"], bob.user_id);
        auth0.block(&bob, true);
        let everybody = [
            ("q", "app_metadata.account_number:x OR _exists_:email"),
            v3,
            ("include_totals", "true"),
            ("per_page", "1"),
        ];
        let (_, found) = find(&everybody).await;
        assert_eq!(
            (&found["total"], &found["length"], &found["limit"]),
            (&json!(2), &json!(1), &json!(1))
        );
        let (_, found) = find(&[&everybody[..], &[("page", "1")]].concat()).await;
        assert_eq!(
            (&found["start"], &found["users"][0]["blocked"]),
            (&json!(1), &json!(true))
        );
        auth0.delete(&bob);
        assert_eq!(find(&[query, v3]).await, (200, json!([])));
        auth0.slow_searches(1);
        assert_eq!(
            (find(&[query, v3]).await.0, find(&[query, v3]).await.0),
            (503, 200)
        );
        assert_eq!(auth0.server().complaints(), [""; 0]);

        let long = format!("email:\"{}\"", "a".repeat(URL_LIMIT));
        for (status, query) in [
            (400, &[query, ("search_engine", "v2")][..]),
            (400, &[("q", "email:"), v3]),
            (400, &[query, query, v3]),
            (400, &[query, v3, ("per_page", "101")]),
            (400, &[query, v3, ("page", "-1")]),
            (400, &[query, v3, ("page", "20")]),
            (400, &[query, v3, ("take", "5")]),
            // not what our functions send, but what Auth0 takes
            (200, &[query]),
            (200, &[v3]),
            (200, &[query, v3, ("connection", "x")]),
            (200, &[query, v3, ("sort", "email:-1")]),
            (414, &[("q", &long), v3]),
        ] {
            assert_eq!(find(query).await.0, status, "{query:?}");
            assert_eq!(auth0.server().complaints().len(), 1, "{query:?}");
        }
        auth0.set_scope("update:users");
        let url = auth0.server().url() + "/api/v2/users?search_engine=v3&q=email:*";
        let answer = client()
            .get(url)
            .bearer_auth(granted(&auth0).await)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 403);
    }
}
