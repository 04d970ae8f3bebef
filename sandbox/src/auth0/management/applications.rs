//! The Management API about applications.

use axum::{
    Extension, Json, Router,
    extract::{Path, Query, State as Axum},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};

use super::forms::{Caller, Parameters, complain, listed, missing, only};
use crate::{
    auth0::{issuing::Application, state::Shared, tenant::CLIENT_ID},
    wire::lock,
};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v2/clients", get(applications))
        .route("/api/v2/clients/{id}", get(application))
}

/// An application without its secret, which needs another scope.
fn shown(application: &Application) -> Value {
    json!({
        "tenant": "acme", "client_id": application.id, "name": application.id, "global": false, "is_first_party": true, "oidc_conformant": true,
        "app_type": if application.id == CLIENT_ID { "non_interactive" } else { "regular_web" }, "grant_types": application.grant_types,
        "token_endpoint_auth_method": "client_secret_post",
    })
}

async fn applications(
    (Axum(state), Extension(complaints)): Caller,
    Query(query): Parameters,
) -> Response {
    let known = [
        "fields",
        "include_fields",
        "page",
        "per_page",
        "include_totals",
        "is_global",
        "app_type",
    ];
    if let Err(refusal) = only(&query, &known, &complaints) {
        return refusal;
    }
    // The one that is global stands for the tenant, and is none of these.
    if query.get("is_global").is_some_and(|asked| asked != "false") {
        return complain(&complaints, "invalid_query_string", "is_global");
    }
    let state = lock(&state);
    let found = state.issuing.applications.iter().map(shown);
    let found = found.filter(|one| {
        let kinds = query.get("app_type");
        kinds.is_none_or(|kinds| kinds.split(',').any(|kind| one["app_type"] == kind))
    });
    listed("clients", found.collect(), &query)
}

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
    Json(shown(application)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth0::{
        caller::{Api, SCOPES},
        tenant::LOGIN_CLIENT_ID,
    };

    #[tokio::test]
    async fn applications_are_listed_by_kind_without_their_secrets() {
        let api = Api::start(SCOPES).await;
        let (status, all) = api.get("clients").await;
        assert_eq!((status, all.as_array().unwrap().len()), (200, 2));
        assert_eq!(all[1]["client_id"], LOGIN_CLIENT_ID);
        assert_eq!(all[1].get("client_secret"), None);
        let query = "fields=client_id,name&include_fields=true&is_global=false&app_type=non_interactive&per_page=100";
        let (_, found) = api.get(&format!("clients?{query}")).await;
        let only = json!([{ "client_id": CLIENT_ID, "name": CLIENT_ID }]);
        assert_eq!(found, only);
        assert_eq!(api.get("clients?include_totals=true").await.1["total"], 2);
        assert_eq!(api.0.server().complaints(), [""; 0]);
        assert_eq!(api.get("clients?kind=x").await.0, 400);
    }
}
