//! The built binary against the sandbox and an API: what a Studio flow gets, and how often the tenant and the API are asked.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod answers;
mod credentials;
mod outages;
mod replays;
mod scene;
mod settings;
mod tokens;
mod values;
