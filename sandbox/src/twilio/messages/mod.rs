//! Messages that the account sends.

mod create;
mod message;
mod outbox;
mod refusals;
mod status;

pub(super) use create::create;
pub use message::Message;
pub(super) use message::{Made, new_sid, resource};
pub(crate) use status::params as status_params;
