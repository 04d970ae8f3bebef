//! The built binary as a black box: posts go in at its Function URL, and answer, texts, table and log are looked at.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod authentication;
mod crashes;
mod duplicates;
mod good_mail;
mod hostile;
mod languages;
mod limits;
mod newest;
mod origin;
mod receipts;
mod refusals;
mod scene;
mod settings;
mod tags;
mod upstreams;
