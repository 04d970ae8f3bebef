//! Calls: people call the account's numbers, the `TwiML` of the webhooks' answers is executed, and
//! phones are dialled.
//!
//! Imitates <https://www.twilio.com/docs/voice/twiml>. A call takes no real time: seconds of talk
//! are only counted. The number's status callback is called after everything else. The real one may
//! be called earlier.

mod call;
mod callee;
mod caller;
mod dial;
mod ending;
#[cfg(test)]
mod hook;
mod line;
mod parameters;
mod phones;
mod record;
mod verbs;

pub(super) use call::Finished;
pub use call::{APPLICATION_ERROR, Call, Dialled, Ended, Recording};
pub(super) use callee::Callee;
pub use callee::Talk;
pub use caller::{Caller, Entry};
