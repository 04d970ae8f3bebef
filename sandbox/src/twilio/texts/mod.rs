//! Phones' texts: a text to an account's number becomes a signed webhook, and the `TwiML` of its
//! answer is executed.

mod answers;
mod arrivals;
#[cfg(test)]
pub(super) mod hook;
