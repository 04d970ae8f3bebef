//! Mailgun: routes that turn mails into signed POSTs and retry them, and the administration of
//! routes.
//!
//! Imitates
//! <https://documentation.mailgun.com/docs/mailgun/user-manual/receive-forward-store/receive-http>
//! and `user_manual.rst`, `api-routes.rst` of github mailgun/documentation@32f41214.

mod access;
mod account;
mod answers;
#[cfg(test)]
mod caller;
mod delivery;
mod domains;
mod expression;
mod fields;
mod forged;
mod route;
mod routes;
mod server;
mod state;

pub use account::{API_KEY, DOMAIN};
pub use delivery::{Attempt, Delivery};
pub use forged::Forgery;
pub use route::Route;
pub use state::{Mailgun, SIGNING_KEY};
