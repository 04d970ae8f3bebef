//! The account's numbers and the numbers on sale.
//!
//! Imitates <https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource>,
//! `.../availablephonenumberlocal-resource` (twilio-oai@d50069b4 `twilio_api_v2010.json`). It is
//! stricter than Twilio: unknown parameters, wrong patterns and wrong page tokens get a complaint.

#[cfg(test)]
mod api;
mod available;
mod incoming;
mod inventory;
mod lists;
mod owned;
mod requests;
mod settings;
mod stock;

pub(super) use inventory::Numbers;
pub use owned::Owned;
pub use stock::Stock;

use std::sync::Arc;

use axum::{Router, routing::get};

use super::account::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    const ACCOUNT: &str = "/2010-04-01/Accounts/{account}";
    Router::new()
        .route(
            &format!("{ACCOUNT}/AvailablePhoneNumbers/{{country}}/{{list}}"),
            get(available::search),
        )
        .route(
            &format!("{ACCOUNT}/IncomingPhoneNumbers.json"),
            get(lists::list).post(incoming::create),
        )
        .route(
            &format!("{ACCOUNT}/IncomingPhoneNumbers/{{sid}}"),
            get(incoming::read)
                .post(incoming::update)
                .delete(incoming::release),
        )
}
