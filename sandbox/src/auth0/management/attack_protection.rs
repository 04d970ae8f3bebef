//! Attack protection: brute-force protection, suspicious IP throttling, and the protection of the
//! phone provider.
//!
//! Imitates <https://auth0.com/docs/api/management/v2/attack-protection>.

use axum::{
    Extension, Json, Router,
    extract::{Query, State as Axum},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::Value;

use super::forms::{Caller, Parameters, only};
use crate::{
    auth0::{
        merged::merged,
        settings::Settings,
        state::{Auth0, Shared},
    },
    wire::lock,
};

impl Auth0 {
    /// Sets members of brute-force protection: `enabled`, `shields`, `mode`, `allowlist`,
    /// `max_attempts`. At first a user has ten attempts from an address.
    pub fn set_brute_force_protection(&self, changes: Value) {
        let settings = &mut lock(&self.state).settings;
        settings.brute_force = merged(settings.brute_force.clone(), changes);
    }

    /// Sets members of suspicious IP throttling: `enabled`, `shields`, `allowlist`, `stage`. At
    /// first one address is on the allow list.
    pub fn set_suspicious_ip_throttling(&self, changes: Value) {
        let settings = &mut lock(&self.state).settings;
        settings.suspicious_ip = merged(settings.suspicious_ip.clone(), changes);
    }

    /// Sets the protection of the phone provider: `exponential`, as at first, or `none`.
    pub fn set_phone_provider_protection(&self, kind: &str) {
        lock(&self.state).settings.phone_protection["type"] = kind.into();
    }
}

/// One of the settings.
type Setting = fn(&Settings) -> &Value;

pub(super) fn routes() -> Router<Shared> {
    let settings: [(&str, Setting); 3] = [
        ("brute-force-protection", |settings| &settings.brute_force),
        ("suspicious-ip-throttling", |settings| {
            &settings.suspicious_ip
        }),
        ("phone-provider-protection", |settings| {
            &settings.phone_protection
        }),
    ];
    settings
        .into_iter()
        .fold(Router::new(), |router, (name, setting)| {
            let read = async move |(Axum(state), Extension(complaints)): Caller,
                                   Query(query): Parameters|
                        -> Response {
                if let Err(refusal) = only(&query, &[], &complaints) {
                    return refusal;
                }
                Json(setting(&lock(&state).settings).clone()).into_response()
            };
            router.route(&format!("/api/v2/attack-protection/{name}"), get(read))
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{
        auth0::{
            caller::{Api, SCOPES},
            issuing::PASSWORD_REALM,
            tenant::{LOGIN_CLIENT_ID, LOGIN_CLIENT_SECRET, REALM, WRONG_PASSWORDS},
        },
        wire::client,
    };

    #[tokio::test]
    async fn protection_is_that_of_the_token_endpoint() {
        let api = Api::start(SCOPES).await;
        let protection = "attack-protection/brute-force-protection";
        assert_eq!(api.get(protection).await.1["max_attempts"], WRONG_PASSWORDS);
        let user = api
            .0
            .sign_up_caller("10042", "2718", "Hello Ann", "ann@example.com");
        let wrong = async || {
            let body = json!({
                "grant_type": PASSWORD_REALM, "client_id": LOGIN_CLIENT_ID, "client_secret": LOGIN_CLIENT_SECRET,
                "realm": REALM, "username": user.email, "password": "0000",
            });
            client()
                .post(api.0.server().url() + "/oauth/token")
                .json(&body)
                .send()
                .await
                .unwrap()
                .status()
                .as_u16()
        };
        api.0.set_brute_force_protection(json!({"max_attempts": 1}));
        assert_eq!(
            (wrong().await, wrong().await, api.0.is_shut_out(&user)),
            (403, 429, true)
        );
        api.0.set_brute_force_protection(json!({"enabled": false}));
        assert_eq!((wrong().await, api.0.is_shut_out(&user)), (403, false));
        assert_eq!(api.get(protection).await.1["enabled"], false);
        api.0.set_suspicious_ip_throttling(json!({"allowlist": []}));
        let throttling = api
            .get("attack-protection/suspicious-ip-throttling")
            .await
            .1;
        assert_eq!(
            (&throttling["enabled"], &throttling["allowlist"]),
            (&json!(true), &json!([]))
        );
        api.0.set_phone_provider_protection("none");
        let protection = api
            .get("attack-protection/phone-provider-protection")
            .await
            .1;
        assert_eq!(protection, json!({"type": "none"}));
        assert_eq!(api.0.server().complaints(), [""; 0]);
    }
}
