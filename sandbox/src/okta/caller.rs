//! A caller of the org, for tests.

use axum::http::Method;
use serde_json::Value;

use super::state::{API_TOKEN, Okta};
use crate::wire::client;

/// An org and its URL.
pub(super) struct Api(pub(super) Okta, pub(super) String);

impl Api {
    pub(super) async fn start() -> Self {
        let okta = Okta::start(None).await.unwrap();
        let url = okta.server().url();
        Self(okta, url)
    }

    pub(super) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = client()
            .request(method, format!("{}{path}", self.1))
            .header("user-agent", "test");
        request
            .header("accept", "application/json")
            .header("content-type", "application/json")
    }

    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let mut request = self
            .request(method, path)
            .header("authorization", format!("SSWS {API_TOKEN}"));
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub(super) async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, None).await
    }
}
