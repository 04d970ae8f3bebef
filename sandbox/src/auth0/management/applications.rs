//! The Management API about applications.

use axum::{
    Extension, Json, Router,
    extract::{Path, Query, State as Axum},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::json;

use super::forms::{Caller, Parameters, missing, only};
use crate::{
    auth0::{state::Shared, tenant::CLIENT_ID},
    wire::lock,
};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/v2/clients/{id}", get(application))
}

/// An application without its secret, which needs another scope.
async fn application(
    (Axum(state), Extension(complaints)): Caller,
    Path(id): Path<String>,
    Query(query): Parameters,
) -> Response {
    if let Err(refusal) = only(&query, &[], &complaints) {
        return refusal;
    }
    let state = lock(&state);
    let Some(application) = state
        .issuing
        .applications
        .iter()
        .find(|application| application.id == id)
    else {
        return missing("client");
    };
    Json(json!({
        "tenant": "acme", "client_id": application.id, "name": application.id, "global": false, "is_first_party": true, "oidc_conformant": true,
        "app_type": if application.id == CLIENT_ID { "non_interactive" } else { "regular_web" }, "grant_types": application.grant_types,
        "token_endpoint_auth_method": "client_secret_post",
    }))
    .into_response()
}
