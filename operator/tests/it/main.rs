//! The built program as a black box, against a sandbox: what it prints, what it changes, and that it prints no secret.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod connect;
mod data;
mod doctor;
mod numbers;
mod receipts;
mod scene;
mod secrets;
mod usage;
