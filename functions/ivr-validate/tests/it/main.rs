//! The built binary against the sandbox: what callers key and hear, and what Auth0, the API and the table are asked.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod attempts;
mod authentication;
mod calls;
mod canary;
mod languages;
mod menu;
mod outages;
mod refusals;
mod replays;
mod scene;
mod settings;
mod speech;
mod steps;
mod validate;
