//! The built binary as a black box: schedule events and the hook's requests go in, and report, numbers, profiles, table and log are
//! looked at.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crashes;
mod hook;
mod leavers;
mod order;
mod refusals;
mod runs;
mod scale;
mod scene;
mod settings;
mod stuck;
