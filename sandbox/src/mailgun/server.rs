//! The server of the API: its routes, and the answer to what is not simulated.

use std::{
    io,
    sync::{Arc, Mutex},
};

use axum::{
    Extension, Router,
    extract::OriginalUri,
    http::{Method, StatusCode},
    middleware,
    response::Response,
};

use super::{
    access,
    account::Account,
    answers::answer,
    domains, routes,
    state::{Mailgun, SIGNING_KEY, Settings, Shared},
};
use crate::{
    sms,
    wire::{Complaints, Server, client},
};

impl Mailgun {
    /// Serves `https://api.mailgun.net` on this port or on a free one.
    pub async fn start(port: Option<u16>) -> io::Result<Self> {
        let settings = Shared::new(Mutex::new(Settings {
            signing_key: SIGNING_KEY.to_owned(),
            account: Account::new(),
            retry_scale: 1e-5,
            sign_each_attempt: false,
        }));
        let server = Server::start_on("Mailgun", port.unwrap_or(0), router(&settings)).await?;
        Ok(Self {
            server,
            settings,
            client: client(),
        })
    }

    /// The server, with its exchanges, faults and complaints.
    pub fn server(&self) -> &Server {
        &self.server
    }
}

fn router(settings: &Shared) -> Router {
    Router::new()
        .merge(routes::routes())
        .merge(domains::routes())
        .layer(middleware::from_fn_with_state(
            Arc::clone(settings),
            access::authorize,
        ))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(Arc::clone(settings))
}

async fn unknown(
    Extension(complaints): Extension<Complaints>,
    method: Method,
    OriginalUri(uri): OriginalUri,
) -> Response {
    complaints.add(format!("Mailgun: {method} {uri} is not simulated"));
    answer(
        StatusCode::NOT_IMPLEMENTED,
        &sms::not_simulated(&method, &uri),
    )
}
