//! The Management API about the protected API, and about itself.

use axum::{
    Extension, Json, Router,
    extract::{Path, Query, State as Axum},
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};

use super::forms::{Caller, Parameters, listed, missing, only};
use crate::{
    auth0::{issuing::TokenProfile, state::Shared, tenant::API_AUDIENCE},
    sms,
    wire::lock,
};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v2/resource-servers", get(apis))
        .route("/api/v2/resource-servers/{id}", get(api))
}

const ID: &str = "0000000000000000000000a1";

fn shown(profile: TokenProfile) -> Value {
    let profile = match profile {
        TokenProfile::Auth0 => "access_token",
        TokenProfile::Rfc9068 => "rfc9068_profile",
    };
    json!({
        "id": ID, "identifier": API_AUDIENCE, "name": "Accounts", "is_system": false, "signing_alg": "RS256", "token_lifetime": 86_400,
        "token_lifetime_for_web": 7200, "allow_offline_access": false, "enforce_policies": false, "token_dialect": profile,
        "scopes": [{"value": "read:accounts", "description": "Read accounts"}],
    })
}

/// All APIs. Every tenant has the Management API itself.
async fn apis(
    (Axum(state), Extension(complaints)): Caller,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Response {
    let known = ["page", "per_page", "include_totals", "include_fields"];
    if let Err(refusal) = only(&query, &known, &complaints) {
        return refusal;
    }
    let management = json!({
        "id": "0000000000000000000000a0", "identifier": format!("http://{}/api/v2/", sms::header(&headers, header::HOST)),
        "name": "Auth0 Management API", "is_system": true, "signing_alg": "RS256", "token_lifetime": 86_400,
    });
    let own = shown(lock(&state).issuing.profile);
    listed("resource_servers", vec![management, own], &query)
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
    if id != ID && id != API_AUDIENCE {
        return missing("resource server");
    }
    Json(shown(lock(&state).issuing.profile)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth0::caller::{Api, SCOPES};

    #[tokio::test]
    async fn the_apis_of_a_tenant_are_its_own_and_the_management_api() {
        let api = Api::start(SCOPES).await;
        let (status, found) = api.get("resource-servers?per_page=100").await;
        let audience = format!("{}/api/v2/", api.0.server().url());
        assert_eq!(
            (status, &found[0]["identifier"]),
            (200, &json!(audience)),
            "{found}"
        );
        assert_eq!(found[0]["is_system"], true);
        assert_eq!(found[1]["identifier"], API_AUDIENCE);
        assert_eq!(api.0.server().complaints(), [""; 0]);
        assert_eq!(api.get("resource-servers?kind=x").await.0, 400);
    }
}
