//! The built binary against the sandbox: what a provider's receipt changes, and what changes nothing.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod address;
mod aws;
mod calls;
mod effects;
mod feedback;
mod forged;
mod overtaken;
mod scene;
mod schedule;
mod used;
