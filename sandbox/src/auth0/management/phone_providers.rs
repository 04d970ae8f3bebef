//! The phone provider of the tenant.
//!
//! Imitates auth0/docs-v2@092b879e `main/docs`
//! (customize/phone-messages/configure-phone-messaging-providers/configure-a-custom-phone-provider).

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Path, Query, State as Axum},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};

use super::forms::{Caller, Parameters, api_error, by_id, complain, members, missing, only};
use crate::{
    auth0::{
        action::Action,
        merged::merged,
        state::{Auth0, Shared},
        tenant::THEN,
    },
    random,
    wire::lock,
};

/// The trigger of a phone provider's Action.
const PHONE_TRIGGER: &str = "custom-phone-provider";

const PROVIDER: [&str; 4] = ["name", "disabled", "configuration", "credentials"];

impl Auth0 {
    /// The tenant's phone provider: `name`, `disabled`, `configuration`, `credentials`... A tenant
    /// has at most one.
    pub fn phone_provider(&self) -> Option<Value> {
        lock(&self.state).settings.providers.first().cloned()
    }

    /// Replaces the phone provider with one of this name (`twilio`, `custom`).
    pub fn set_phone_provider(&self, name: &str, disabled: bool) {
        lock(&self.state).settings.providers = vec![json!({
            "id": format!("pro_{}", random::hex(8)), "tenant": "acme", "name": name, "channel": "phone", "disabled": disabled,
            "configuration": {"delivery_methods": ["text"]}, "credentials": {}, "created_at": THEN, "updated_at": THEN,
        })];
    }
}

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route(
            "/api/v2/branding/phone/providers",
            get(providers).post(create_provider),
        )
        .route(
            "/api/v2/branding/phone/providers/{id}",
            get(provider).patch(update_provider),
        )
}

/// A provider without its credentials.
fn masked(mut provider: Value) -> Value {
    if let Some(members) = provider.as_object_mut() {
        members.remove("credentials");
    }
    provider
}

async fn providers(
    (Axum(state), Extension(complaints)): Caller,
    Query(query): Parameters,
) -> Response {
    if let Err(refusal) = only(&query, &[], &complaints) {
        return refusal;
    }
    let providers = lock(&state)
        .settings
        .providers
        .iter()
        .cloned()
        .map(masked)
        .collect::<Vec<_>>();
    Json(json!({ "providers": providers })).into_response()
}

async fn provider((Axum(state), _): Caller, Path(id): Path<String>) -> Response {
    let found = lock(&state)
        .settings
        .providers
        .iter()
        .find(|provider| provider["id"] == id)
        .cloned();
    found.map_or_else(
        || missing("phone provider"),
        |provider| Json(masked(provider)).into_response(),
    )
}

/// Checks a provider. The error is code and text.
fn check_provider(provider: &Value, actions: &[Action]) -> Result<(), (&'static str, String)> {
    let invalid = |what: &str| Err(("invalid_body", what.to_owned()));
    let methods = &provider["configuration"]["delivery_methods"];
    if !methods.as_array().is_some_and(|methods| {
        methods
            .iter()
            .all(|method| method == "text" || method == "voice")
    }) {
        return invalid("configuration.delivery_methods");
    }
    match provider["name"].as_str() {
        _ if !provider["credentials"].is_object() => invalid("credentials"),
        Some("twilio") => Ok(()),
        Some("custom")
            if actions
                .iter()
                .any(|action| action.trigger == PHONE_TRIGGER && action.deployed.is_some()) =>
        {
            Ok(())
        }
        // Auth0 really uses the mail provider's code here too.
        Some("custom") => Err((
            "custom_email_provider_deployed_action_not_found",
            "No deployed Action".to_owned(),
        )),
        _ => invalid("name is twilio or custom"),
    }
}

async fn create_provider(
    (Axum(state), Extension(complaints)): Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let given = match members(&headers, &body, &PROVIDER, &complaints) {
        Ok(given) => given,
        Err(refusal) => return refusal,
    };
    let made = json!({
        "id": format!("pro_{}", random::hex(8)), "tenant": "acme", "channel": "phone", "disabled": false, "created_at": THEN, "updated_at": THEN,
    });
    let provider = merged(made, given.into());
    let settings = &mut lock(&state).settings;
    if !settings.providers.is_empty() {
        return api_error(
            StatusCode::CONFLICT,
            None,
            "The phone provider is already configured",
        );
    }
    if let Err((code, what)) = check_provider(&provider, &settings.actions) {
        return complain(&complaints, code, &what);
    }
    settings.providers.push(provider.clone());
    (StatusCode::CREATED, Json(masked(provider))).into_response()
}

async fn update_provider(
    (Axum(state), Extension(complaints)): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let given = match members(&headers, &body, &PROVIDER, &complaints) {
        Ok(given) => given,
        Err(refusal) => return refusal,
    };
    let settings = &mut lock(&state).settings;
    let Some(provider) = settings.providers.iter_mut().find(by_id(&id)) else {
        return missing("phone provider");
    };
    let new = merged(provider.clone(), given.into());
    if let Err((code, what)) = check_provider(&new, &settings.actions) {
        return complain(&complaints, code, &what);
    }
    *provider = new;
    Json(masked(provider.clone())).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;
    use crate::auth0::caller::{Api, SCOPES};

    #[tokio::test]
    async fn a_phone_provider_needs_a_deployed_action() {
        let api = Api::start(SCOPES).await;
        let provider = json!({"name": "custom", "disabled": false, "configuration": {"delivery_methods": ["text"]}, "credentials": {}});
        let (status, refused) = api
            .call(
                Method::POST,
                "branding/phone/providers",
                Some(provider.clone()),
            )
            .await;
        assert_eq!(
            (status, &refused["errorCode"]),
            (
                400,
                &json!("custom_email_provider_deployed_action_not_found")
            )
        );
        assert_eq!(api.0.server().complaints().len(), 1);
        api.0.slow_builds(1);
        let action = json!({
            "name": "SMS gateway", "code": "one", "runtime": "node22", "supported_triggers": [{"id": PHONE_TRIGGER, "version": "v1"}],
            "secrets": [{"name": "GATEWAY_URL", "value": "https://x.example/"}, {"name": "TOKEN", "value": "t"}],
        });
        let (status, created) = api
            .call(Method::POST, "actions/actions", Some(action))
            .await;
        assert_eq!(
            (
                status,
                &created["status"],
                created["secrets"][1].get("value")
            ),
            (201, &json!("building"), None)
        );
        let path = format!("actions/actions/{}", created["id"].as_str().unwrap());
        let deploy = path.clone() + "/deploy";
        assert_eq!(
            api.call(Method::POST, &deploy, None).await.0,
            400,
            "not built yet"
        );
        let (_, found) = api
            .get("actions/actions?triggerId=custom-phone-provider")
            .await;
        assert_eq!(
            (&found["total"], &found["actions"][0]["status"]),
            (&json!(1), &json!("building"))
        );
        assert_eq!(api.get(&path).await.1["status"], "built");
        let (status, version) = api.call(Method::POST, &deploy, None).await;
        assert_eq!((status, &version["code"]), (202, &json!("one")));
        assert_eq!(
            version["action"].get("code"),
            None,
            "of the Action only its head"
        );
        assert_eq!(api.get(&path).await.1["all_changes_deployed"], true);
        api.0.slow_builds(0);
        let change = json!({"code": "two", "secrets": [{"name": "GATEWAY_URL"}, {"name": "TOKEN", "value": "u"}]});
        assert_eq!(
            api.call(Method::PATCH, &path, Some(change)).await.1["all_changes_deployed"],
            false
        );
        let saved = &api.0.actions()[0];
        assert_eq!(
            (
                saved.is_deployed(),
                saved.deployed.as_ref().unwrap().0.as_str()
            ),
            (false, "one")
        );
        assert_eq!(
            (
                saved.secrets["GATEWAY_URL"].as_str(),
                saved.secrets["TOKEN"].as_str()
            ),
            ("https://x.example/", "u")
        );

        let (status, made) = api
            .call(
                Method::POST,
                "branding/phone/providers",
                Some(provider.clone()),
            )
            .await;
        assert_eq!((status, made.get("credentials")), (201, None));
        assert_eq!(
            api.call(Method::POST, "branding/phone/providers", Some(provider))
                .await
                .0,
            409
        );
        let path = format!("branding/phone/providers/{}", made["id"].as_str().unwrap());
        assert_eq!(
            api.call(Method::PATCH, &path, Some(json!({"disabled": true})))
                .await
                .1["disabled"],
            true
        );
        assert_eq!(
            api.get("branding/phone/providers").await.1["providers"][0],
            api.get(&path).await.1
        );
        assert_eq!(api.0.phone_provider().unwrap()["disabled"], true);
        api.0.set_phone_provider("twilio", false);
        assert_eq!(
            api.get("branding/phone/providers").await.1["providers"][0]["name"],
            "twilio"
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);
        for (method, path, body) in [
            (
                Method::POST,
                "actions/actions",
                json!({"name": "x", "code": "x"}),
            ),
            (
                Method::POST,
                "actions/actions",
                json!({"name": "x", "supported_triggers": [{"id": "x"}], "deploy": true}),
            ),
            (
                Method::PATCH,
                "branding/phone/providers/x",
                json!({"channel": "phone"}),
            ),
            (Method::POST, "branding/phone/providers", json!({})),
        ] {
            assert_eq!(api.call(method, path, Some(body)).await.0, 400, "{path}");
            assert_eq!(api.0.server().complaints().len(), 1, "{path}");
        }
    }
}
