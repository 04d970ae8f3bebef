//! The Management API about Actions: saved, built and deployed.

use std::collections::BTreeMap;

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Path, Query, State as Axum},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::forms::{Caller, Parameters, api_error, complain, members, missing, only};
use crate::{
    auth0::{
        action::Action,
        state::{Auth0, Shared},
        tenant::THEN,
    },
    random,
    wire::lock,
};

impl Auth0 {
    /// All Actions, in the order of creation.
    pub fn actions(&self) -> Vec<Action> {
        lock(&self.state).settings.actions.clone()
    }

    /// Sets how many reads it takes until a saved Action is built and can be deployed. At first an
    /// Action is built at once.
    pub fn slow_builds(&self, looks: u32) {
        lock(&self.state).settings.slow_builds = looks;
    }
}

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v2/actions/actions", get(actions).post(create_action))
        .route(
            "/api/v2/actions/actions/{id}",
            get(action).patch(update_action),
        )
        .route("/api/v2/actions/actions/{id}/deploy", post(deploy_action))
}

async fn actions(
    (Axum(state), Extension(complaints)): Caller,
    Query(query): Parameters,
) -> Response {
    if let Err(refusal) = only(&query, &["triggerId", "actionName"], &complaints) {
        return refusal;
    }
    let asked = |name: &str, value: &str| query.get(name).is_none_or(|asked| asked == value);
    let mut state = lock(&state);
    let found = state.settings.actions.iter_mut();
    let found = found
        .filter(|action| asked("triggerId", &action.trigger) && asked("actionName", &action.name));
    let found = found.map(looked_at).collect::<Vec<_>>();
    Json(json!({ "actions": found, "total": found.len(), "page": 0, "per_page": 50 }))
        .into_response()
}

/// The resource. Each read brings the build one step forward.
fn looked_at(action: &mut Action) -> Value {
    let wire = action.wire();
    action.building = action.building.saturating_sub(1);
    wire
}

async fn action((Axum(state), _): Caller, Path(id): Path<String>) -> Response {
    let mut state = lock(&state);
    let found = state
        .settings
        .actions
        .iter_mut()
        .find(|action| action.id == id);
    found.map_or_else(
        || missing("action"),
        |action| Json(looked_at(action)).into_response(),
    )
}

async fn create_action(
    (Axum(state), Extension(complaints)): Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let known = [
        "name",
        "supported_triggers",
        "code",
        "dependencies",
        "runtime",
        "secrets",
    ];
    let given = match members(&headers, &body, &known, &complaints) {
        Ok(given) => given,
        Err(refusal) => return refusal,
    };
    let settings = &mut lock(&state).settings;
    let triggers = given
        .get("supported_triggers")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let mut action = Action {
        id: random::uuid(),
        name: String::new(),
        trigger: triggers
            .first()
            .and_then(|trigger| trigger["id"].as_str())
            .unwrap_or_default()
            .to_owned(),
        code: String::new(),
        runtime: "node22".to_owned(),
        secrets: BTreeMap::new(),
        deployed: None,
        building: settings.slow_builds,
        versions: 0,
    };
    let fit = match action.change(&given) {
        Ok(()) if triggers.len() != 1 || action.trigger.is_empty() => {
            Err("not exactly one of supported_triggers".to_owned())
        }
        fit => fit,
    };
    if let Err(what) = fit {
        return complain(&complaints, "invalid_body", &what);
    }
    let answer = (StatusCode::CREATED, Json(action.wire())).into_response();
    settings.actions.push(action);
    answer
}

async fn update_action(
    (Axum(state), Extension(complaints)): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let given = match members(
        &headers,
        &body,
        &["name", "code", "dependencies", "runtime", "secrets"],
        &complaints,
    ) {
        Ok(given) => given,
        Err(refusal) => return refusal,
    };
    let settings = &mut lock(&state).settings;
    let building = settings.slow_builds;
    let Some(action) = settings.actions.iter_mut().find(|action| action.id == id) else {
        return missing("action");
    };
    let mut new = Action {
        building,
        ..action.clone()
    };
    if let Err(what) = new.change(&given) {
        return complain(&complaints, "invalid_body", &what);
    }
    *action = new;
    Json(action.wire()).into_response()
}

/// Deploys an Action. An unfinished build cannot be deployed.
async fn deploy_action((Axum(state), _): Caller, Path(id): Path<String>) -> Response {
    let mut state = lock(&state);
    let Some(action) = state
        .settings
        .actions
        .iter_mut()
        .find(|action| action.id == id)
    else {
        return missing("action");
    };
    if action.building > 0 {
        return api_error(
            StatusCode::BAD_REQUEST,
            None,
            "An action must be in the 'built' state to be deployed.",
        );
    }
    action.deployed = Some((action.code.clone(), action.secrets.clone()));
    action.versions += 1;
    let version = json!({
        "id": random::uuid(), "action_id": id, "code": action.code, "runtime": action.runtime, "deployed": true, "number": action.versions,
        "status": "built", "built_at": THEN, "created_at": THEN, "updated_at": THEN, "dependencies": [],
        "action": { "id": id, "name": action.name, "supported_triggers": action.triggers(), "all_changes_deployed": true, "created_at": THEN, "updated_at": THEN },
    });
    (StatusCode::ACCEPTED, Json(version)).into_response()
}
