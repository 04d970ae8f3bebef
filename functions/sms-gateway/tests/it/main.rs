//! The built binary as a black box: requests go in at its Function URL, and answer, texts, table and log are looked at.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod aws;
mod canary;
mod cognito;
mod crashes;
mod credentials;
mod entrances;
mod failover;
mod faults;
mod generic;
mod health;
mod life;
mod limits;
mod okta;
mod outages;
mod overtaken;
mod products;
mod roads;
mod scene;
mod settings;
mod standing;
mod twice;
mod voice;
mod webhook;
