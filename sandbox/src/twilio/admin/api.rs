//! A client of the administrators' resources, for tests.

use axum::http::Method;
use serde_json::Value;

use crate::{
    twilio::{ACCOUNT_SID, AUTH_TOKEN, Twilio},
    wire::client,
};

pub(super) struct Api(pub(super) Twilio);

impl Api {
    pub(super) async fn start() -> Self {
        Self(Twilio::start(None).await.unwrap())
    }

    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        form: &[(&str, &str)],
    ) -> (u16, Value) {
        let url = self.0.server().url() + path;
        let mut request = client()
            .request(method.clone(), url)
            .basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN));
        if method == Method::POST {
            request = request.form(form);
        }
        let answer = request.send().await.unwrap();
        (
            answer.status().as_u16(),
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default(),
        )
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, &[]).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}
