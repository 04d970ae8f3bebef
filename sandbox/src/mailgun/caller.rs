//! A caller of the API, and a server behind a route, for tests.

use axum::{Router, http::Method};
use serde_json::Value;

use super::{account::API_KEY, state::Mailgun};
use crate::wire::{Server, client};

/// The simulator and its API.
pub(super) struct Api(pub(super) Mailgun);

impl Api {
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        form: &[(&str, &str)],
    ) -> (u16, Value) {
        let url = self.0.server().url() + path;
        let mut request = client()
            .request(method, url)
            .basic_auth("api", Some(API_KEY));
        if !form.is_empty() {
            request = request.form(form);
        }
        let answer = request.send().await.unwrap();
        (
            answer.status().as_u16(),
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default(),
        )
    }
}

/// The simulator, and the server to which its only route leads.
pub(super) async fn start() -> (Mailgun, Server) {
    let (mailgun, route) = (
        Mailgun::start(None).await.unwrap(),
        Server::start("route", Router::new().fallback(|| async {}))
            .await
            .unwrap(),
    );
    mailgun.set_route(&route.url());
    (mailgun, route)
}
