//! The simulator and the state of its tenant.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use super::{
    issuing::Issuing,
    settings::Settings,
    signing_keys::Keys,
    tenant::{MANAGEMENT_SCOPES, MANAGEMENT_TOKEN},
    ticket::Ticket,
    user::{Login, User},
};
use crate::wire::Server;

pub(super) struct State {
    pub(super) users: Vec<User>,
    /// Sign-in data of each user, by id.
    pub(super) logins: HashMap<String, Login>,
    /// The users in the search index while it lags behind.
    pub(super) index: Option<Vec<User>>,
    pub(super) tickets: HashMap<String, Ticket>,
    pub(super) password_links_allowed: bool,
    pub(super) issuing: Issuing,
    pub(super) keys: Keys,
    pub(super) settings: Settings,
    /// Scope by token, for the Management API.
    pub(super) tokens: HashMap<String, String>,
    pub(super) rate_limited: u32,
    pub(super) slow_searches: u32,
}

impl State {
    /// A new tenant: nobody has signed up.
    pub(super) fn new() -> Self {
        Self {
            users: vec![],
            logins: HashMap::new(),
            index: None,
            tickets: HashMap::new(),
            password_links_allowed: false,
            issuing: Issuing::new(),
            keys: Keys::new(),
            settings: Settings::new(),
            tokens: HashMap::from([(MANAGEMENT_TOKEN.to_owned(), MANAGEMENT_SCOPES.to_owned())]),
            rate_limited: 0,
            slow_searches: 0,
        }
    }
}

pub(super) type Shared = Arc<Mutex<State>>;

/// The Auth0 simulator.
pub struct Auth0 {
    pub(super) server: Server,
    pub(super) state: Shared,
    pub(super) client: reqwest::Client,
}
