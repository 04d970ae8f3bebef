//! The sandbox's own promises.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod aws;
mod lambda;
mod wire;
