//! The programs as a shell starts them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;
mod tool;
mod usage;
