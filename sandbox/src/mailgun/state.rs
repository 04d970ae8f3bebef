//! The simulator and its state.

use std::sync::{Arc, Mutex};

use super::account::Account;
use crate::wire::Server;

/// The account's first HTTP webhook signing key. [`Mailgun::set_signing_key`] replaces it.
pub const SIGNING_KEY: &str = "example-http-webhook-signing-key";

pub(super) struct Settings {
    pub(super) signing_key: String,
    pub(super) account: Account,
    pub(super) retry_scale: f64,
    pub(super) sign_each_attempt: bool,
}

pub(super) type Shared = Arc<Mutex<Settings>>;

/// The Mailgun simulator.
pub struct Mailgun {
    pub(super) server: Server,
    pub(super) settings: Shared,
    pub(super) client: reqwest::Client,
}
