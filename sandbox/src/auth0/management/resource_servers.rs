//! The Management API about the protected API.

use axum::{
    Extension, Json, Router,
    extract::{Path, Query, State as Axum},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::json;

use super::forms::{Caller, Parameters, missing, only};
use crate::{
    auth0::{issuing::TokenProfile, state::Shared, tenant::API_AUDIENCE},
    wire::lock,
};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/v2/resource-servers/{id}", get(api))
}

/// The protected API, by id or identifier.
async fn api(
    (Axum(state), Extension(complaints)): Caller,
    Path(id): Path<String>,
    Query(query): Parameters,
) -> Response {
    if let Err(refusal) = only(&query, &[], &complaints) {
        return refusal;
    }
    let known = "0000000000000000000000a1";
    if id != known && id != API_AUDIENCE {
        return missing("resource server");
    }
    let profile = match lock(&state).issuing.profile {
        TokenProfile::Auth0 => "access_token",
        TokenProfile::Rfc9068 => "rfc9068_profile",
    };
    Json(json!({
        "id": known, "identifier": API_AUDIENCE, "name": "Accounts", "is_system": false, "signing_alg": "RS256", "token_lifetime": 86_400,
        "token_lifetime_for_web": 7200, "allow_offline_access": false, "enforce_policies": false, "token_dialect": profile,
        "scopes": [{"value": "read:accounts", "description": "Read accounts"}],
    }))
    .into_response()
}
