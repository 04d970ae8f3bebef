//! The built binary against the sandbox: who is called, what callers hear, and what Okta, Twilio and the table are asked.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod afterwards;
mod authentication;
mod calls;
mod endings;
mod guards;
mod languages;
mod missed;
mod outages;
mod refusals;
mod replays;
mod scene;
