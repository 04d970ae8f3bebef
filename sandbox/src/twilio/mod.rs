//! Twilio: the Messages API, the account's numbers, the administrators' settings, and the phones. A
//! phone's texts and calls become webhooks.
//!
//! Imitates <https://www.twilio.com/docs/messaging/api/message-resource>,
//! `/docs/messaging/guides/webhook-request` (2026-03-09), `/docs/usage/webhooks/webhooks-security`,
//! `/docs/usage/webhooks/webhooks-connection-overrides`, `/docs/api/errors/*` and
//! twilio-oai@d50069b4 `twilio_api_v2010.json`.
//!
//! A message that asks for Message Redaction is refused at once if the account lacks this feature;
//! this is our reading of `/docs/api/errors/30029`. A request of our functions with a field that
//! they do not need gets a complaint. Twilio ignores such a field.

mod account;
mod admin;
mod api;
mod countries;
mod ids;
mod messages;
mod numbers;
mod parameters;
mod placing;
mod records;
mod signature;
mod texts;
mod voice;
mod webhook;

pub use account::Twilio;
pub use admin::Service;
pub use ids::{ACCOUNT_SID, API_KEY_SECRET, API_KEY_SID, AUTH_TOKEN, MESSAGING_SERVICE, NUMBER};
pub use messages::Message;
pub(crate) use messages::status_params;
pub use numbers::{Owned, Stock};

pub use placing::{BUSY, HUNG_UP, NO_ANSWER, call_status_params};
pub use signature::signature;
pub use voice::{
    APPLICATION_ERROR, Call, Caller, Dialled, Ended, Entry, Happening, HungUp, Moment, Party, Rang,
    Recording, Talk,
};
pub use webhook::Reply;

use std::{
    io,
    sync::{Arc, Mutex},
};

use axum::{
    Extension, Router, extract::OriginalUri, http::Method, response::Response, routing::post,
};
use tokio::sync::Notify;

use crate::{
    receipts::Receipts,
    sms,
    wire::{Complaints, Server, client},
};
use account::{Shared, State};
use api::not_simulated;

impl Twilio {
    /// Serves `https://api.twilio.com` on this port or on a free one.
    pub async fn start(port: Option<u16>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new()),
            arrived: Notify::new(),
            receipts: Receipts::new(),
        });
        let server =
            Server::start_on("Twilio", port.unwrap_or(0), router(Arc::clone(&shared))).await?;
        Ok(Self {
            server,
            shared,
            client: client(),
        })
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(
            "/2010-04-01/Accounts/{account}/Messages.json",
            post(messages::create).get(records::list),
        )
        .route(
            "/2010-04-01/Accounts/{account}/Messages/{sid}/Feedback.json",
            post(messages::give),
        )
        .merge(records::routes())
        .merge(numbers::routes())
        .merge(admin::routes())
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(shared)
}

async fn unknown(
    Extension(complaints): Extension<Complaints>,
    method: Method,
    OriginalUri(uri): OriginalUri,
) -> Response {
    complaints.add(format!("Twilio: {method} {uri} is not simulated"));
    not_simulated(&sms::not_simulated(&method, &uri))
}
