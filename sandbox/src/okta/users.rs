//! The core API about one user: `getUser`, `createUser` and `updateUser`.

use std::collections::HashMap;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, Query, State as Axum},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value};

use super::{
    answers::{error, not_found},
    state::{Shared, State},
    user::{ATTRIBUTES, BASE, Update, User},
};
use crate::wire::{Complaints, lock};

impl State {
    /// Finds a user by id or login. Okta also accepts a login, whole or without the part from the
    /// `@` if that is unique. Logins may change, so our functions must use ids.
    fn named(&mut self, id: &str, complaints: &Complaints) -> Option<&mut User> {
        let login = |fits: &dyn Fn(&str) -> bool| {
            let mut found = self
                .users
                .iter()
                .filter(|(_, user)| fits(user.text("login")));
            found.next().filter(|_| found.next().is_none())
        };
        let number = self.ids.get(id).copied().or_else(|| {
            let whole = login(&|login| login.eq_ignore_ascii_case(id));
            let short = || {
                login(&|login| {
                    let name = login.split('@').next();
                    name.is_some_and(|name| name.eq_ignore_ascii_case(id))
                })
            };
            whole.or_else(short).map(|(number, _)| *number)
        })?;
        if !(id.len() == 20 && id.starts_with("00u")) {
            complaints.add_for_ours(format!("Okta user: {id} is not an id"));
        }
        self.users.get_mut(&number)
    }
}

pub(super) async fn read(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    Path(id): Path<String>,
) -> Response {
    let found = lock(&state).named(&id, &complaints).map(|user| user.wire());
    found.map_or_else(|| not_found(&id, "User"), |user| Json(user).into_response())
}

/// `createUser`. The user is active at once, as with `activate=true` and a password.
pub(super) async fn make(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    Query(query): Query<HashMap<String, String>>,
    body: Bytes,
) -> Response {
    complaints.add_for_ours("Okta: a user is made");
    let invalid = |cause: &str| {
        error(
            StatusCode::BAD_REQUEST,
            "E0000001",
            "Api validation failed: login",
            &[cause],
        )
    };
    let body = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let profile = body["profile"].as_object().cloned().unwrap_or_default();
    let profile = profile
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .collect::<Map<_, _>>();
    if let Some(name) = ATTRIBUTES[..4].iter().find(|name| {
        profile
            .get(**name)
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
    }) {
        return invalid(&format!("{name}: The field cannot be left blank"));
    }
    let mut state = lock(&state);
    let taken = |user: &User| {
        profile["login"]
            .as_str()
            .is_some_and(|login| user.text("login").eq_ignore_ascii_case(login))
    };
    if state.users.values().any(taken) {
        return invalid(
            "login: An object with this field already exists in the current organization",
        );
    }
    let id = state.hire(profile);
    let Some(user) = state.by_id(&id) else {
        return not_found(&id, "User");
    };
    if query
        .get("activate")
        .is_some_and(|activate| activate == "false")
    {
        "STAGED".clone_into(&mut user.status);
    }
    Json(user.wire()).into_response()
}

/// `updateUser`. Changes the named attributes and keeps the others.
pub(super) async fn update(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let Ok(mut body) = serde_json::from_slice::<Map<String, Value>>(&body) else {
        complaints.add("Okta update: not a JSON object");
        return error(
            StatusCode::BAD_REQUEST,
            "E0000003",
            "The request body was not well-formed.",
            &[],
        );
    };
    let invalid = |cause: &str| {
        error(
            StatusCode::BAD_REQUEST,
            "E0000001",
            "Api validation failed: com.saasure.core.bo",
            &[cause],
        )
    };
    body.retain(|_, value| !value.is_null());
    let profile = body
        .remove("profile")
        .and_then(|profile| profile.as_object().cloned());
    let Some(profile) = profile else {
        complaints.add("Okta update: no profile");
        return invalid("profile");
    };
    // A client may send back members that it has read.
    if let Some(member) = body
        .keys()
        .find(|name| !["type", "credentials"].contains(&name.as_str()))
    {
        complaints.add_for_ours(format!("Okta update: {member}"));
    }
    for (name, value) in &profile {
        let Some(place) = ATTRIBUTES.iter().position(|attribute| attribute == name) else {
            if BASE.contains(&name.as_str()) {
                complaints.add_for_ours(format!("Okta update: attribute {name}"));
                continue;
            }
            complaints.add(format!("Okta update: attribute {name}"));
            return invalid(&format!("{name}: not in the schema"));
        };
        if !(value
            .as_str()
            .is_some_and(|text| text.chars().count() <= 100)
            || value.is_null() && place > 3)
        {
            return invalid(&format!("{name}: does not take this value"));
        }
    }
    let mut state = lock(&state);
    let Some(user) = state.named(&id, &complaints) else {
        return not_found(&id, "User");
    };
    if user.status == "DEPROVISIONED" {
        let summary = "This operation is not allowed in the user's current status.";
        return error(StatusCode::FORBIDDEN, "E0000038", summary, &[]);
    }
    user.profile.extend(profile.clone());
    user.last_updated = crate::now();
    let (id, answer) = (user.id.clone(), Json(user.wire()).into_response());
    state.updates.push(Update { id, profile });
    answer
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use serde_json::json;

    use super::*;
    use crate::{
        okta::{caller::Api, state::API_TOKEN},
        wire::client,
    };

    #[tokio::test]
    async fn others_may_name_users_as_okta_lets_them() {
        let api = Api::start().await;
        let id = api.0.hire("Ann", "+4512345678", "");
        api.0.hire("Ben", "", "");
        for path in [
            "?q=ann",
            "?filter=profile.login%20eq%20%22ann%40acme.example%22",
            "?q=ann&search=",
        ] {
            let found = api.get(&format!("/api/v1/users{path}")).await.1;
            assert_eq!(
                (found.as_array().unwrap().len(), &found[0]["id"]),
                (1, &json!(id)),
                "{path}"
            );
        }
        for name in ["ann@acme.example", "Ann"] {
            assert_eq!(
                api.get(&format!("/api/v1/users/{name}")).await.1["id"],
                id,
                "{name}"
            );
        }
        let body = json!({"profile": {"nickName": "A", "mobilePhone": null}, "credentials": {}});
        let changed = api
            .call(Method::POST, "/api/v1/users/ann", Some(body))
            .await
            .1;
        assert_eq!(
            (
                &changed["profile"]["nickName"],
                &changed["profile"]["mobilePhone"]
            ),
            (&json!("A"), &Value::Null)
        );
        let body = json!({"profile": {"firstName": "Cid", "lastName": "X", "email": "cid@acme.example", "login": "cid@acme.example"}});
        let make = async || {
            api.call(Method::POST, "/api/v1/users", Some(body.clone()))
                .await
        };
        assert_eq!(
            (make().await.1["status"].clone(), make().await.0),
            (json!("ACTIVE"), 400)
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);
        let unspaced = api
            .request(Method::GET, "/api/v1/users")
            .header("authorization", format!("SSWS{API_TOKEN}"));
        assert_eq!(
            (
                unspaced.send().await.unwrap().status().as_u16(),
                api.0.server().complaints()
            ),
            (200, vec![])
        );
        let ours = client()
            .get(format!("{}/api/v1/users/ann", api.1))
            .header("user-agent", "Switchboard/1");
        let ours = ours
            .header("accept", "application/json")
            .header("content-type", "application/json");
        let ours = ours
            .header("authorization", format!("SSWS {API_TOKEN}"))
            .send()
            .await
            .unwrap();
        assert_eq!(
            (ours.status().as_u16(), api.0.server().complaints().len()),
            (200, 1)
        );
    }

    #[tokio::test]
    async fn updates_are_partial_and_checked() {
        let api = Api::start().await;
        let id = api.0.hire("Ann", "", "");
        let path = format!("/api/v1/users/{id}");
        let post = |body| api.call(Method::POST, &path, Some(body));
        let (status, user) = post(json!({"profile": {"primaryPhone": "+15005550006"}})).await;
        assert_eq!(
            (
                status,
                &user["profile"]["primaryPhone"],
                &user["profile"]["firstName"]
            ),
            (200, &json!("+15005550006"), &json!("Ann"))
        );
        for value in [json!("x".repeat(101)), json!(1)] {
            assert_eq!(
                post(json!({"profile": {"primaryPhone": value}})).await.1["errorCode"],
                "E0000001"
            );
        }
        assert_eq!(
            post(json!({"profile": {"firstName": null}})).await.1["errorCode"],
            "E0000001"
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);
        assert_eq!(post(json!({"profile": {"PrimaryPhone": "1"}})).await.0, 400);
        assert_eq!(post(json!({"status": "ACTIVE"})).await.0, 400);
        let unknown = api.request(Method::PUT, &path).send().await.unwrap();
        assert_eq!(unknown.status(), 501);
        let unknown = unknown.json::<Value>().await.unwrap();
        assert!(
            unknown["errorCode"].is_string()
                && unknown["errorSummary"]
                    == format!("PUT {path} is not simulated by this sandbox")
        );
        assert_eq!(api.0.server().complaints().len(), 3);
        api.0.set_status(&id, "DEPROVISIONED");
        assert_eq!(
            post(json!({"profile": {"primaryPhone": null}})).await.1["errorCode"],
            "E0000038"
        );
        assert_eq!(
            api.call(
                Method::POST,
                "/api/v1/users/00u00000000000000000",
                Some(json!({"profile": {}}))
            )
            .await
            .0,
            404
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);
    }
}
