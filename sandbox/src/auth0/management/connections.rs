//! Connections, with the options of a legacy SMS gateway.
//!
//! Imitates auth0/docs-v2@092b879e `main/docs`
//! (troubleshoot/product-lifecycle/past-migrations/migrate-connection-options-scope).

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Path, Query, State as Axum},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Map, Value, json};

use super::forms::{
    Caller, Parameters, api_error, by_id, complain, listed, members, missing, only,
};
use crate::{
    auth0::state::{Auth0, Shared, State},
    random, sms,
    wire::lock,
};

/// Options of a connection with the strategy `sms`, including those of its legacy gateway.
const SMS_OPTIONS: [&str; 17] = [
    "strategy",
    "provider",
    "gateway_url",
    "gateway_authentication",
    "from",
    "template",
    "syntax",
    "totp",
    "brute_force_protection",
    "disable_signup",
    "name",
    "forward_req_info",
    "twilio_sid",
    "twilio_token",
    "messaging_service_sid",
    "non_persistent_attrs",
    "upstream_params",
];

impl Auth0 {
    /// Creates a connection of this strategy, as an administrator does. Returns the id.
    pub fn add_connection(&self, name: &str, strategy: &str, options: &Value) -> String {
        let id = format!("con_{}", random::hex(8));
        let connection = json!({
            "id": id, "name": name, "strategy": strategy, "realms": [name], "is_domain_connection": false, "enabled_clients": [], "options": options,
        });
        lock(&self.state).settings.connections.push(connection);
        id
    }

    /// The connection with this id in its present state.
    pub fn connection(&self, id: &str) -> Option<Value> {
        lock(&self.state)
            .settings
            .connections
            .iter()
            .find(|connection| connection["id"] == id)
            .cloned()
    }
}

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v2/connections", get(connections))
        .route(
            "/api/v2/connections/{id}",
            get(connection).patch(update_connection),
        )
}

/// True if the request's token has this scope.
fn has_scope(state: &State, headers: &HeaderMap, scope: &str) -> bool {
    let token = sms::header(headers, header::AUTHORIZATION)
        .strip_prefix("Bearer ")
        .unwrap_or_default();
    state
        .tokens
        .get(token)
        .is_some_and(|granted| granted.split(' ').any(|granted| granted == scope))
}

/// A connection as the caller may see it. Its options need their own scope.
fn visible(mut connection: Value, state: &State, headers: &HeaderMap) -> Value {
    if let Some(members) = connection
        .as_object_mut()
        .filter(|_| !has_scope(state, headers, "read:connections_options"))
    {
        members.remove("options");
    }
    connection
}

async fn connections(
    (Axum(state), Extension(complaints)): Caller,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = only(&query, &["strategy", "name"], &complaints) {
        return refusal;
    }
    let state = lock(&state);
    let fits = |connection: &&Value| {
        ["strategy", "name"].iter().all(|name| {
            query
                .get(*name)
                .is_none_or(|asked| connection[*name] == **asked)
        })
    };
    let found = state.settings.connections.iter().filter(fits).cloned();
    let shown = found.map(|connection| {
        let mut shown = visible(connection, &state, &headers);
        // Only the answer for a single connection has this member.
        shown
            .as_object_mut()
            .map(|members| members.remove("enabled_clients"));
        shown
    });
    listed("connections", shown.collect(), &query)
}

async fn connection(
    (Axum(state), _): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let state = lock(&state);
    let found = state
        .settings
        .connections
        .iter()
        .find(|connection| connection["id"] == id)
        .cloned();
    found.map_or_else(
        || missing("connection"),
        |found| Json(visible(found, &state, &headers)).into_response(),
    )
}

/// Checks the options of an SMS connection. The error says what is wrong.
fn check_sms(options: &Map<String, Value>) -> Result<(), String> {
    if let Some(stray) = options
        .keys()
        .find(|name| !SMS_OPTIONS.contains(&name.as_str()))
    {
        return Err(format!("options.{stray}"));
    }
    let length = |value: &Value| value.as_str().map_or(0, str::len);
    if options
        .get("gateway_url")
        .is_some_and(|url| !(1..=255).contains(&length(url)))
    {
        return Err("options.gateway_url is 1 to 255 characters".to_owned());
    }
    let Some(authentication) = options
        .get("gateway_authentication")
        .filter(|value| !value.is_null())
    else {
        return Ok(());
    };
    let known = [
        "method",
        "subject",
        "audience",
        "secret",
        "secret_base64_encoded",
    ];
    let stray = authentication
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .find(|name| !known.contains(&name.as_str()));
    match (stray, [("method", 20), ("audience", 128), ("secret", 5120)]) {
        (Some(stray), _) => Err(format!("options.gateway_authentication.{stray}")),
        (None, needed) => match needed
            .iter()
            .find(|(name, most)| !(1..=*most).contains(&length(&authentication[*name])))
        {
            Some((name, most)) => Err(format!(
                "options.gateway_authentication.{name} is 1 to {most} characters"
            )),
            None => Ok(()),
        },
    }
}

/// Replaces a connection's options as a whole.
async fn update_connection(
    (Axum(state), Extension(complaints)): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let known = [
        "options",
        "display_name",
        "enabled_clients",
        "is_domain_connection",
        "metadata",
        "realms",
        "show_as_button",
    ];
    let changes = match members(&headers, &body, &known, &complaints) {
        Ok(changes) => changes,
        Err(refusal) => return refusal,
    };
    let mut state = lock(&state);
    if changes.contains_key("options") && !has_scope(&state, &headers, "update:connections_options")
    {
        let what = "Insufficient scope, expected any of: update:connections_options";
        return api_error(StatusCode::FORBIDDEN, Some("insufficient_scope"), what);
    }
    let Some(connection) = state.settings.connections.iter_mut().find(by_id(&id)) else {
        return missing("connection");
    };
    if let Some(options) = changes.get("options") {
        let fit = match options.as_object() {
            Some(options) if connection["strategy"] == "sms" => check_sms(options),
            Some(_) => Ok(()),
            None => Err("options is not an object".to_owned()),
        };
        if let Err(what) = fit {
            return complain(&complaints, "invalid_body", &what);
        }
    }
    for (name, value) in changes {
        connection[name.as_str()] = value;
    }
    let connection = connection.clone();
    Json(visible(connection, &state, &headers)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;
    use crate::auth0::{
        caller::{Api, SCOPES},
        tenant::REALM,
    };

    #[tokio::test]
    async fn a_legacy_gateway_is_set_whole() {
        let mut api = Api::start(SCOPES).await;
        let id = api.0.add_connection(
            "sms",
            "sms",
            &json!({"provider": "twilio", "template": "Code @@password@@", "twilio_sid": "AC1"}),
        );
        let (_, found) = api.get("connections?strategy=sms").await;
        assert_eq!(
            (found.as_array().unwrap().len(), &found[0]["id"]),
            (1, &json!(id))
        );
        assert_eq!(api.get("connections").await.1[0]["name"], REALM);
        assert_eq!(found[0].get("enabled_clients"), None);
        let path = format!("connections/{id}");
        let options = json!({
            "provider": "sms_gateway", "gateway_url": "https://x.example/",
            "gateway_authentication": {"method": "bearer", "audience": "urn:x", "subject": "urn:Auth0", "secret": "s"},
        });
        let (status, changed) = api
            .call(Method::PATCH, &path, Some(json!({"options": options})))
            .await;
        assert_eq!(
            (status, &changed["options"], api.0.connection(&id)),
            (200, &options, Some(changed.clone()))
        );
        assert_eq!(api.get(&path).await.1, changed);
        assert_eq!(api.get("connections/con_1").await.0, 404);
        assert_eq!(api.0.server().complaints(), [""; 0]);
        for body in [
            json!({"options": {"gateway": "x"}}),
            json!({"options": {"gateway_url": "x".repeat(256)}}),
            json!({"options": {"gateway_authentication": {"method": "bearer", "audience": "x"}}}),
            json!({"options": []}),
            json!({"strategy": "sms"}),
            json!({}),
        ] {
            assert_eq!(
                api.call(Method::PATCH, &path, Some(body.clone())).await.0,
                400,
                "{body}"
            );
            assert_eq!(api.0.server().complaints().len(), 1, "{body}");
        }
        api.authorize("read:connections update:connections").await;
        assert_eq!(api.get(&path).await.1.get("options"), None);
        assert_eq!(
            api.call(Method::PATCH, &path, Some(json!({"options": options})))
                .await
                .0,
            403
        );
        assert_eq!(
            api.get("clients/x").await.1["message"],
            "Insufficient scope, expected any of: read:clients"
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);
    }
}
