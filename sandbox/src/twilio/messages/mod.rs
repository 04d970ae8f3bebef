//! Messages that the account sends.

mod create;
mod feedback;
mod message;
mod outbox;
mod refusals;
mod status;

pub(super) use create::create;
pub(super) use feedback::give;
pub use message::Message;
pub(super) use message::{Made, new_sid, resource};
pub(crate) use status::params as status_params;
