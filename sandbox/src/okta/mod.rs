//! Okta: an org with users, their search, the token endpoint, event hooks, and the inline hook that
//! delivers one-time codes.
//!
//! Imitates okta/okta-management-openapi-spec@fdda229e (dist/2026.06.3) and
//! okta/okta-developer-docs@468de9c (guides/implement-oauth-for-okta-serviceapp,
//! reference/core-okta-api, reference/rl2-monitor, reference/error-codes). It is stricter with our
//! functions than Okta: parameters and attributes that they do not need, and logins instead of ids,
//! get a complaint.

mod access;
mod answers;
mod assertion;
#[cfg(test)]
mod caller;
mod delivery;
mod event_hook;
mod event_hooks;
mod hook_body;
mod inline_hook;
mod inline_hooks;
mod list;
mod search;
mod server;
mod service_app;
mod staff;
mod state;
mod telephony;
mod token;
mod user;
mod users;

pub use delivery::Delivery;
pub use event_hook::EventHook;
pub use inline_hook::InlineHook;
pub use service_app::{CLIENT_ID, KEY_ID, PRIVATE_KEY, service_app};
pub use state::{API_TOKEN, Okta};
pub use telephony::{Code, CodeDelivery};
pub use user::{Update, User};

// For the simulators of texting providers.
