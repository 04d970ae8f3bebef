//! The account: its secrets, its numbers, and what it sent and received.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use tokio::sync::Notify;

use super::{
    admin::Settings,
    ids::{API_KEY_SECRET, API_KEY_SID, AUTH_TOKEN},
    messages::{Made, Message},
    numbers::Numbers,
    voice::{Callee, Finished},
};
use crate::{
    calls::Called,
    receipts::Receipts,
    twiml,
    wire::{Server, lock},
};

pub(super) struct State {
    pub(super) auth_token: String,
    pub(super) api_keys: HashMap<String, String>,
    pub(super) numbers: Numbers,
    pub(super) admin: Settings,
    /// The behaviour of each dialled phone.
    pub(super) callees: HashMap<String, Callee>,
    pub(super) messages: Vec<Message>,
    /// Further data of each message, by its SID.
    pub(super) made: HashMap<String, Made>,
    /// The calls that have ended.
    pub(super) calls: Vec<Finished>,
    /// The calls that the account has made.
    pub(super) made_calls: Vec<Called>,
    pub(super) refused_calls: HashMap<String, u32>,
    pub(super) inboxes: HashMap<String, Vec<String>>,
    pub(super) refusals: HashMap<String, u32>,
    /// Pairs of phone and account number.
    pub(super) opted_out: HashSet<(String, String)>,
    pub(super) alerts: Vec<twiml::Error>,
    pub(super) redacts: bool,
    /// The feedback about each message that asked for it, by its SID.
    pub(super) feedback: HashMap<String, Option<String>>,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            auth_token: AUTH_TOKEN.to_owned(),
            api_keys: HashMap::from([(API_KEY_SID.to_owned(), API_KEY_SECRET.to_owned())]),
            numbers: Numbers::new(),
            admin: Settings::new(),
            callees: HashMap::new(),
            messages: vec![],
            made: HashMap::new(),
            calls: vec![],
            made_calls: vec![],
            refused_calls: HashMap::new(),
            inboxes: HashMap::new(),
            refusals: HashMap::new(),
            opted_out: HashSet::new(),
            alerts: vec![],
            redacts: false,
            feedback: HashMap::new(),
        }
    }
}

pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) arrived: Notify,
    pub(super) receipts: Receipts,
}

/// The Twilio simulator. All numbers are E.164.
pub struct Twilio {
    pub(super) server: Server,
    pub(super) shared: Arc<Shared>,
    pub(super) client: reqwest::Client,
}

impl Twilio {
    /// The server, with its exchanges, faults and complaints.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The delivery receipts of the account's messages.
    pub fn receipts(&self) -> &Receipts {
        &self.shared.receipts
    }

    /// Promotes another token to primary. The old token no longer signs webhooks or authenticates
    /// requests.
    pub fn set_auth_token(&self, token: &str) {
        token.clone_into(&mut lock(&self.shared.state).auth_token);
    }

    /// Adds an API key (`SK...`) that may use the Messages API.
    pub fn add_api_key(&self, sid: &str, secret: &str) {
        lock(&self.shared.state)
            .api_keys
            .insert(sid.to_owned(), secret.to_owned());
    }

    /// Revokes all API keys.
    pub fn revoke_api_keys(&self) {
        lock(&self.shared.state).api_keys.clear();
    }

    /// The entries of Twilio's debugger: failed webhooks (11200, 11205) and replies that could not
    /// be sent (14101, 21610...). Reading removes them.
    pub fn alerts(&self) -> Vec<twiml::Error> {
        std::mem::take(&mut lock(&self.shared.state).alerts)
    }

    pub(super) fn alert(&self, code: u32, detail: String, complain: bool) {
        if complain {
            self.server.complain(format!("{code} {detail}"));
        }
        lock(&self.shared.state)
            .alerts
            .push(twiml::Error { code, detail });
    }
}
