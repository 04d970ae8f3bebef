//! Callers of the tenant, for tests.

use axum::http::Method;
use serde_json::{Value, json};

use super::{
    issuing::{CLIENT_CREDENTIALS, PASSWORD_REALM},
    merged::merged,
    state::Auth0,
    tenant::{API_AUDIENCE, CLIENT_ID, CLIENT_SECRET, LOGIN_CLIENT_ID, LOGIN_CLIENT_SECRET, REALM},
    user::User,
};
use crate::wire::client;

/// All scopes of the Management API that are simulated, except those about users.
pub(super) const SCOPES: &str = "read:connections read:connections_options update:connections update:connections_options read:phone_providers create:phone_providers update:phone_providers read:actions create:actions update:actions read:clients read:client_grants read:resource_servers read:attack_protection";

/// A tenant and a token for its Management API.
pub(super) struct Api(pub(super) Auth0, pub(super) String);

impl Api {
    pub(super) async fn start(scopes: &str) -> Self {
        let mut api = Self(Auth0::start(None).await.unwrap(), String::new());
        api.authorize(scopes).await;
        api
    }

    pub(super) async fn authorize(&mut self, scopes: &str) {
        self.0.set_scope(scopes);
        let url = self.0.server().url();
        let body = json!({
            "grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "audience": format!("{url}/api/v2/"),
        });
        let granted = client()
            .post(format!("{url}/oauth/token"))
            .json(&body)
            .send()
            .await
            .unwrap();
        granted.json::<Value>().await.unwrap()["access_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.1);
    }

    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let url = format!("{}/api/v2/{path}", self.0.server().url());
        let mut request = client().request(method, url).bearer_auth(&self.1);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (
            answer.status().as_u16(),
            answer.json().await.unwrap_or_default(),
        )
    }

    pub(super) async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, None).await
    }
}

/// A tenant and its only user.
pub(super) struct Endpoint(pub(super) Auth0, pub(super) User);

impl Endpoint {
    pub(super) async fn start() -> Self {
        let auth0 = Auth0::start(None).await.unwrap();
        let user = auth0.sign_up_caller("10042", "2718", "Hello Ann", "ann@example.com");
        Self(auth0, user)
    }

    pub(super) async fn post(&self, body: &Value) -> (u16, Value) {
        let answer = client()
            .post(self.0.server().url() + "/oauth/token")
            .json(body)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub(super) async fn machine(&self) -> (u16, Value) {
        self.post(&json!({
            "grant_type": CLIENT_CREDENTIALS, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "audience": API_AUDIENCE,
        }))
        .await
    }

    /// Signs in, with other fields added or replaced; answers what the error is, if any.
    pub(super) async fn login(&self, changes: Value) -> (u16, String) {
        let usual = json!({
            "grant_type": PASSWORD_REALM, "client_id": LOGIN_CLIENT_ID, "client_secret": LOGIN_CLIENT_SECRET, "realm": REALM,
            "username": self.1.email, "password": "2718",
        });
        let (status, body) = self.post(&merged(usual, changes)).await;
        (
            status,
            body["error"].as_str().unwrap_or_default().to_owned(),
        )
    }
}

/// The header and the claims of a token.
pub(super) fn claims(token: &Value) -> [Value; 2] {
    use base64::Engine as _;
    let mut parts = token.as_str().unwrap().split('.');
    [(); 2].map(|()| {
        let part = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(parts.next().unwrap())
            .unwrap();
        serde_json::from_slice(&part).unwrap()
    })
}

/// The answer of a refused sign-in.
pub(super) fn refused(error: &str) -> (u16, String) {
    (403, error.to_owned())
}
