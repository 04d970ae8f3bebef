//! The built binary as a black box: texts go in as Twilio posts them, and `TwiML`, phones, table and log are looked at.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod authentication;
mod ceilings;
mod forwarding;
mod hostile;
mod languages;
mod outages;
mod refusals;
mod replies;
mod scene;
mod twice;
