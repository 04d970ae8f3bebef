//! Reading messages and calls back. Our functions do not; other clients do.
//!
//! Imitates <https://www.twilio.com/docs/messaging/api/message-resource> and
//! <https://www.twilio.com/docs/voice/api/call-resource>. The lists contain only messages that the account sent and calls that have
//! ended.

#[cfg(test)]
pub(super) mod api;
mod calls;
mod messages;
mod reading;

pub(super) use messages::list;

use std::sync::Arc;

use axum::{Router, routing::get};

use super::{account::Shared, placing};

pub(super) fn routes() -> Router<Arc<Shared>> {
    const ACCOUNT: &str = "/2010-04-01/Accounts/{account}";
    Router::new()
        .route(
            &format!("{ACCOUNT}/Messages/{{sid}}"),
            get(messages::read)
                .post(messages::redact)
                .delete(messages::delete),
        )
        .route(
            &format!("{ACCOUNT}/Calls.json"),
            get(calls::list).post(placing::create),
        )
        .route(&format!("{ACCOUNT}/Calls/{{sid}}"), get(calls::read))
}
