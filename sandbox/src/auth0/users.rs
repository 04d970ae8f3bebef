//! The users, the part of the Management API about users, and the authorization of all its calls.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{OriginalUri, Path, Query, Request, State as Axum},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Map, Value, json};

use super::{Auth0, REALM, Shared, User, search, settings};
use crate::{
    random,
    wire::{Complaints, lock},
};

/// Maximum length of path and query. Auth0 documents that a limit exists, but not its value.
const URL_LIMIT: usize = 8 * 1024;
/// Maximum number of users in a search, over all pages.
const RESULTS: usize = 1000;

/// Sign-in data of a user.
#[derive(Default)]
pub(super) struct Login {
    pub(super) password: String,
    pub(super) mfa: bool,
    pub(super) leaked: bool,
}

impl Auth0 {
    /// Adds a user of the default database, unverified and without a password.
    pub fn sign_up(&self, email: &str) -> User {
        self.sign_up_with(email, REALM)
    }

    /// Adds a user of another connection. Several connections may have the same address.
    pub fn sign_up_with(&self, email: &str, connection: &str) -> User {
        let user = User {
            user_id: format!("auth0|{}", random::hex(12)),
            email: email.to_lowercase(),
            email_verified: false,
            connection: connection.to_owned(),
            blocked: false,
            app_metadata: Map::new(),
        };
        lock(&self.state).users.push(user.clone());
        user
    }

    /// Adds a user of the default database who calls by phone. The PIN is the password.
    /// `app_metadata` has `account_number` and `ivr_greeting`.
    pub fn sign_up_caller(
        &self,
        account_number: &str,
        pin: &str,
        greeting: &str,
        email: &str,
    ) -> User {
        let user = self.sign_up(email);
        self.set_password(&user, pin);
        self.set_app_metadata(&user, "account_number", json!(account_number));
        self.set_app_metadata(&user, "ivr_greeting", json!(greeting))
    }

    /// The first user with this address.
    pub fn user(&self, email: &str) -> Option<User> {
        lock(&self.state)
            .users
            .iter()
            .find(|user| user.email == email.to_lowercase())
            .cloned()
    }

    /// Sets a member of a user's `app_metadata`, of any type; null removes it. Returns the changed
    /// user.
    pub fn set_app_metadata(&self, user: &User, name: &str, value: Value) -> User {
        self.change(user, |user| {
            match value {
                Value::Null => user.app_metadata.remove(name),
                value => user.app_metadata.insert(name.to_owned(), value),
            };
        })
    }

    /// Sets whether an administrator has blocked a user. For brute-force protection see
    /// [`Auth0::is_shut_out`].
    pub fn block(&self, user: &User, on: bool) {
        self.change(user, |user| user.blocked = on);
    }

    /// Marks the user's address as verified.
    pub fn set_verified(&self, user: &User) {
        self.change(user, |user| user.email_verified = true);
    }

    /// Deletes a user.
    pub fn delete(&self, user: &User) {
        lock(&self.state)
            .users
            .retain(|other| other.user_id != user.user_id);
    }

    /// Sets a user's password.
    pub fn set_password(&self, user: &User, password: &str) {
        password.clone_into(
            &mut lock(&self.state)
                .logins
                .entry(user.user_id.clone())
                .or_default()
                .password,
        );
    }

    /// Sets whether a user needs a second factor. The password grants then refuse the user.
    pub fn require_mfa(&self, user: &User, on: bool) {
        lock(&self.state)
            .logins
            .entry(user.user_id.clone())
            .or_default()
            .mfa = on;
    }

    /// Sets whether a user's password is in the list of breached passwords.
    pub fn leak_password(&self, user: &User, on: bool) {
        lock(&self.state)
            .logins
            .entry(user.user_id.clone())
            .or_default()
            .leaked = on;
    }

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

    /// Revokes all access tokens for the Management API.
    pub fn revoke_tokens(&self) {
        lock(&self.state).tokens.clear();
    }

    /// Answers the next `n` calls of the Management API with 429.
    pub fn rate_limit(&self, n: u32) {
        lock(&self.state).rate_limited = n;
    }

    fn change(&self, user: &User, change: impl FnOnce(&mut User)) -> User {
        let mut state = lock(&self.state);
        let found = state
            .users
            .iter_mut()
            .find(|other| other.user_id == user.user_id);
        let found = found.unwrap_or_else(|| panic!("no user {}", user.user_id));
        change(found);
        found.clone()
    }
}

pub(super) fn router(state: &Shared) -> Router<Shared> {
    Router::new()
        .route("/api/v2/users", get(search_users))
        .route("/api/v2/users-by-email", get(users_by_email))
        .route("/api/v2/users/{id}", get(read_user).patch(update_user))
        .merge(settings::routes())
        .layer(middleware::from_fn_with_state(Arc::clone(state), authorize))
}

pub(super) fn api_error(status: StatusCode, code: Option<&str>, message: &str) -> Response {
    let mut body = json!({"statusCode": status.as_u16(), "error": status.canonical_reason(), "message": message});
    if let Some(code) = code {
        body["errorCode"] = code.into();
    }
    (status, Json(body)).into_response()
}

/// Checks every Management API call: rate limit, then token, then scope.
async fn authorize(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    request: Request,
    next: Next,
) -> Response {
    let reset = (crate::now().as_secs() + 1).to_string();
    let limits = |left: &str| {
        [
            ("x-ratelimit-limit", "2".to_owned()),
            ("x-ratelimit-remaining", left.to_owned()),
            ("x-ratelimit-reset", reset.clone()),
        ]
    };
    let needed = settings::scope(request.method(), request.uri().path());
    let bearer = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let refusal = {
        let mut state = lock(&state);
        if state.rate_limited > 0 {
            state.rate_limited -= 1;
            return (
                limits("0"),
                api_error(
                    StatusCode::TOO_MANY_REQUESTS,
                    Some("too_many_requests"),
                    "Global limit has been reached",
                ),
            )
                .into_response();
        }
        match bearer.map(|token| state.tokens.get(token)) {
            None => {
                complaints.add("Auth0 Management API: no bearer token");
                Some(api_error(
                    StatusCode::UNAUTHORIZED,
                    None,
                    "Missing authentication",
                ))
            }
            Some(None) => Some(api_error(StatusCode::UNAUTHORIZED, None, "Invalid token")),
            Some(Some(scope)) if !scope.split(' ').any(|scope| scope == needed) => Some(api_error(
                StatusCode::FORBIDDEN,
                Some("insufficient_scope"),
                &format!("Insufficient scope, expected any of: {needed}"),
            )),
            Some(Some(_)) => None,
        }
    };
    match refusal {
        Some(refusal) => refusal,
        None => (limits("1"), next.run(request).await).into_response(),
    }
}

fn profile(user: &User) -> Value {
    let User {
        user_id,
        email,
        email_verified,
        connection,
        blocked,
        app_metadata,
    } = user;
    let (provider, id) = user_id.split_once('|').unwrap_or_default();
    let mut profile = json!({
        "user_id": user_id, "email": email, "email_verified": email_verified, "name": email, "nickname": email.split('@').next(),
        "identities": [{"connection": connection, "provider": provider, "user_id": id, "isSocial": false}],
        "created_at": "2026-11-20T12:00:00.000Z", "updated_at": "2026-11-20T12:00:00.000Z",
    });
    if !app_metadata.is_empty() {
        profile["app_metadata"] = app_metadata.clone().into();
    }
    if *blocked {
        profile["blocked"] = true.into();
    }
    profile
}

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
    use super::*;
    use crate::{
        auth0::{CLIENT_ID, CLIENT_SECRET},
        wire::client,
    };

    const EMAIL: &str = "acme+4512345678@sms.example.com";

    async fn get(url: &str) -> reqwest::Response {
        client().get(url).send().await.unwrap()
    }

    #[tokio::test]
    async fn a_token_opens_the_management_api() {
        let auth0 = Auth0::start(None).await.unwrap();
        let url = auth0.server().url();
        let user = auth0.sign_up(EMAIL);
        let audience = format!("{url}/api/v2/");
        let grant = |secret: &'static str| json!({"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": secret, "audience": audience});
        let token = |body: Value| {
            client()
                .post(format!("{url}/oauth/token"))
                .json(&body)
                .send()
        };
        assert_eq!(token(grant("wrong")).await.unwrap().status(), 401);
        let issued = token(grant(CLIENT_SECRET))
            .await
            .unwrap()
            .json::<Value>()
            .await
            .unwrap();
        assert_eq!(
            (&issued["expires_in"], &issued["token_type"]),
            (&json!(86_400), &json!("Bearer"))
        );
        let bearer = issued["access_token"].as_str().unwrap().to_owned();
        let find = |email: &str, bearer: &str| {
            client()
                .get(format!("{url}/api/v2/users-by-email"))
                .query(&[("email", email)])
                .bearer_auth(bearer)
                .send()
        };
        let update = |id: &str, body: Value| {
            client()
                .patch(format!("{url}/api/v2/users/{}", id.replace('|', "%7C")))
                .bearer_auth(&bearer)
                .json(&body)
                .send()
        };

        let found = find(EMAIL, &bearer).await.unwrap();
        assert!(found.headers().contains_key("x-ratelimit-remaining"));
        let found = found.json::<Value>().await.unwrap();
        assert_eq!(
            (
                found.as_array().unwrap().len(),
                &found[0]["user_id"],
                &found[0]["email_verified"]
            ),
            (1, &json!(user.user_id), &json!(false))
        );
        assert_eq!(
            find("acme 4512345678@sms.example.com", &bearer)
                .await
                .unwrap()
                .json::<Value>()
                .await
                .unwrap(),
            json!([])
        );
        assert_eq!(
            update(&user.user_id, json!({"email_verified": true}))
                .await
                .unwrap()
                .json::<Value>()
                .await
                .unwrap()["email_verified"],
            true
        );
        assert!(auth0.user(EMAIL).unwrap().email_verified);
        assert_eq!(
            update("auth0|none", json!({"email_verified": true}))
                .await
                .unwrap()
                .status(),
            404
        );
        auth0.rate_limit(1);
        let limited = find(EMAIL, &bearer).await.unwrap();
        assert_eq!(
            (
                limited.status().as_u16(),
                limited.json::<Value>().await.unwrap()["errorCode"].clone()
            ),
            (429, json!("too_many_requests"))
        );
        assert!(auth0.server().complaints().is_empty());
        assert_eq!(
            update(&user.user_id, json!({"email_verified": "true"}))
                .await
                .unwrap()
                .status(),
            400
        );
        assert_eq!(
            get(&format!("{url}/api/v2/users-by-email?email=x"))
                .await
                .status(),
            401
        );
        assert_eq!(auth0.server().complaints().len(), 2);
        auth0.revoke_tokens();
        assert_eq!(find(EMAIL, &bearer).await.unwrap().status(), 401);
        auth0.set_scope("update:users");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT_ID),
            ("client_secret", CLIENT_SECRET),
            ("audience", &audience),
        ];
        let issued = client()
            .post(format!("{url}/oauth/token"))
            .form(&form)
            .send()
            .await
            .unwrap()
            .json::<Value>()
            .await
            .unwrap();
        assert_eq!(
            find(EMAIL, issued["access_token"].as_str().unwrap())
                .await
                .unwrap()
                .status(),
            403
        );
        assert!(auth0.server().complaints().is_empty());
    }

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
