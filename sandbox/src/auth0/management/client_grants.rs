//! The client grants of the machine-to-machine application.

use axum::{
    Extension, Router,
    extract::{Query, State as Axum},
    http::{HeaderMap, header},
    response::Response,
    routing::get,
};
use serde_json::{Value, json};

use super::forms::{Caller, Parameters, listed, only};
use crate::{
    auth0::{
        state::Shared,
        tenant::{API_AUDIENCE, CLIENT_ID},
    },
    sms,
    wire::lock,
};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/v2/client-grants", get(grants))
}

/// The client grants of the machine-to-machine application. Users' applications need no grants.
async fn grants(
    (Axum(state), Extension(complaints)): Caller,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = only(&query, &["client_id", "audience"], &complaints) {
        return refusal;
    }
    let management = format!("http://{}/api/v2/", sms::header(&headers, header::HOST));
    let state = lock(&state);
    let grant = |(id, audience, scope): (&str, String, &String)| json!({ "id": id, "client_id": CLIENT_ID, "audience": audience, "scope": scope.split_whitespace().collect::<Vec<_>>(), "subject_type": "client" });
    let all = [
        (
            "cgr_0000000000000001",
            management,
            &state.issuing.management_scope,
        ),
        (
            "cgr_0000000000000002",
            API_AUDIENCE.to_owned(),
            &state.issuing.api_scope,
        ),
    ];
    let granted = all
        .into_iter()
        .filter(|(_, audience, _)| !state.issuing.denied.contains(audience))
        .map(grant);
    let fits = |grant: &Value| {
        ["client_id", "audience"]
            .iter()
            .all(|name| query.get(*name).is_none_or(|asked| grant[*name] == **asked))
    };
    listed("client_grants", granted.filter(fits).collect(), &query)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth0::{
        caller::{Api, SCOPES},
        tenant::LOGIN_CLIENT_ID,
    };

    #[tokio::test]
    async fn grants_are_those_of_the_token_endpoint() {
        let api = Api::start(SCOPES).await;
        let path = format!("client-grants?client_id={CLIENT_ID}");
        let (_, grants) = api.get(&path).await;
        assert_eq!(
            (&grants[1]["audience"], &grants[1]["scope"]),
            (&json!(API_AUDIENCE), &json!(["read:accounts"]))
        );
        assert_eq!(
            grants[0]["audience"],
            format!("{}/api/v2/", api.0.server().url())
        );
        api.0.set_client_grant(API_AUDIENCE, false);
        assert_eq!(api.get(&path).await.1.as_array().unwrap().len(), 1);
        assert_eq!(
            api.get(&format!("client-grants?client_id={LOGIN_CLIENT_ID}"))
                .await
                .1,
            json!([])
        );
        assert_eq!(
            api.get(&format!("clients/{LOGIN_CLIENT_ID}")).await.1["grant_types"][0],
            "password"
        );
        assert_eq!(api.get("clients/nobody").await.0, 404);
        let (status, found) = api
            .get("resource-servers/https:%2F%2Fapi.acme.example%2F")
            .await;
        assert_eq!(
            (status, &found["scopes"][0]["value"]),
            (200, &json!("read:accounts"))
        );
        assert_eq!(api.get("resource-servers/urn:x").await.0, 404);
        assert_eq!(api.0.server().complaints(), [""; 0]);
    }
}
