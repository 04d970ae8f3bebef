//! The built binary against the sandbox: what callers get, and what the tenant and the table are asked.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod accounts;
mod outages;
mod scene;
mod tokens;
