//! The server of the org: its routes, and the answer to what is not simulated.

use std::{
    io,
    sync::{Arc, Mutex},
};

use axum::{
    Extension, Json, Router,
    extract::OriginalUri,
    http::{Method, StatusCode},
    middleware,
    response::Response,
    routing::{get, post},
};

use serde_json::{Value, json};

use super::{
    access,
    answers::error,
    event_hooks, inline_hooks, list,
    state::{Okta, Shared, State},
    token, users,
};
use crate::{
    sms,
    wire::{Complaints, Server},
};

impl Okta {
    /// Serves `https://ORG.okta.com` on this port or on a free one.
    pub async fn start(port: Option<u16>) -> io::Result<Self> {
        let state = Shared::new(Mutex::new(State::new()));
        let okta = Self {
            server: Server::start_on("Okta", port.unwrap_or(0), router(&state)).await?,
            state,
        };
        okta.set_next_link("<{url}>; rel=\"next\"");
        Ok(okta)
    }

    /// The server, with its exchanges, faults and complaints.
    pub fn server(&self) -> &Server {
        &self.server
    }
}

fn router(state: &Shared) -> Router {
    let users = Router::new()
        .route("/api/v1/users", get(list::users).post(users::make))
        .route("/api/v1/users/{id}", get(users::read).post(users::update))
        .merge(event_hooks::routes())
        .merge(inline_hooks::routes())
        .layer(middleware::from_fn_with_state(
            Arc::clone(state),
            access::authorize,
        ));
    Router::new()
        .route("/oauth2/v1/token", post(token::token))
        .route("/.well-known/okta-organization", get(organization))
        .merge(users)
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(Arc::clone(state))
}

/// `GET /.well-known/okta-organization`: what an org says about itself to everybody
/// (<https://developer.okta.com/docs/api/openapi/okta-management/management/tag/OrgSettingMetadata/>).
async fn organization() -> Json<Value> {
    Json(json!({ "id": "00o0000000000000000", "pipeline": "idx", "settings": {} }))
}

async fn unknown(
    Extension(complaints): Extension<Complaints>,
    method: Method,
    OriginalUri(uri): OriginalUri,
) -> Response {
    complaints.add(format!("Okta: {method} {} is not simulated", uri.path()));
    error(
        StatusCode::NOT_IMPLEMENTED,
        "E0000060",
        &sms::not_simulated(&method, &uri),
        &[],
    )
}
