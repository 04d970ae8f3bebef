//! The server of the tenant: its routes, and the answer to what is not simulated.

use std::{
    io,
    sync::{Arc, Mutex},
};

use axum::{
    Extension, Router,
    extract::OriginalUri,
    http::{Method, StatusCode},
    response::Response,
    routing::{get, post},
};

use super::{
    jwks, link_pages, management,
    state::{Auth0, Shared, State},
    token_endpoint,
};
use crate::{
    sms,
    wire::{Complaints, Server, client},
};

impl Auth0 {
    /// Serves `https://TENANT.auth0.com` on this port or on a free one.
    pub async fn start(port: Option<u16>) -> io::Result<Self> {
        let state = Shared::new(Mutex::new(State::new()));
        let server = Server::start_on("Auth0", port.unwrap_or(0), router(&state)).await?;
        Ok(Self {
            server,
            state,
            client: client(),
        })
    }

    /// The server, with its exchanges, faults and complaints.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// How many recorded requests have this method and path.
    pub(super) fn requests(&self, request: &str) -> usize {
        let exchanges = self.server.exchanges();
        let path = |target: &str| {
            target
                .split('?')
                .next()
                .map(str::to_owned)
                .unwrap_or_default()
        };
        exchanges
            .iter()
            .filter(|exchange| format!("{} {}", exchange.method, path(&exchange.target)) == request)
            .count()
    }
}

fn router(state: &Shared) -> Router {
    Router::new()
        .route(
            "/u/email-verification",
            get(link_pages::open).post(link_pages::submit),
        )
        .route("/lo/verify_email", get(link_pages::open))
        .route("/u/reset-verify", get(link_pages::open))
        .route("/oauth/token", post(token_endpoint::token))
        .route("/.well-known/jwks.json", get(jwks::published))
        .route("/.well-known/openid-configuration", get(jwks::discovery))
        .merge(management::router(state))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(Arc::clone(state))
}

async fn unknown(
    Extension(complaints): Extension<Complaints>,
    method: Method,
    OriginalUri(uri): OriginalUri,
) -> Response {
    complaints.add(format!("Auth0: {method} {} is not simulated", uri.path()));
    management::api_error(
        StatusCode::NOT_IMPLEMENTED,
        None,
        &sms::not_simulated(&method, &uri),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[tokio::test]
    async fn other_requests_are_complained_about() {
        let auth0 = Auth0::start(None).await.unwrap();
        for path in ["/login", "/oauth/token", "/api/v2/roles"] {
            let answer = client()
                .get(auth0.server().url() + path)
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 501);
            let answer = answer.json::<Value>().await.unwrap();
            assert_eq!(
                answer["message"],
                format!("GET {path} is not simulated by this sandbox")
            );
            assert_eq!(auth0.server().complaints().len(), 1, "{path}");
        }
    }
}
