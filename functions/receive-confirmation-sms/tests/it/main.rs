//! The built binary against the sandbox: what Twilio, Auth0, the table and the phones see.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod authentication;
mod confirming;
mod events;
mod languages;
mod late;
mod links;
mod management;
mod outages;
mod overtaken;
mod password;
mod replaced;
mod replies;
mod scene;
mod several;
mod twice;
