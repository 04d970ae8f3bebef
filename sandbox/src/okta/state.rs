//! The simulator and the state of its org.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex},
};

use serde_json::{Map, Value};

use super::{
    answers::THEN,
    event_hook::EventHook,
    inline_hook::InlineHook,
    user::{Update, User},
};
use crate::{random, wire::Server};

/// The first API token. [`Okta::set_api_token`] replaces it.
pub const API_TOKEN: &str = "00sandbox-okta-api-token";

/// The service app's first scope.
const SCOPE: &str = "okta.users.read okta.users.manage";

/// The state of a cursor: the parameters of its request, and the last user before it.
pub(super) struct Cursor {
    pub(super) query: [Option<String>; 4],
    pub(super) after: usize,
}

pub(super) struct Limit {
    pub(super) calls: u64,
    pub(super) remaining: u64,
    /// Seconds since the epoch.
    pub(super) reset: u64,
}

pub(super) struct State {
    pub(super) api_token: String,
    pub(super) scope: String,
    pub(super) key_registered: bool,
    /// Scope by access token.
    pub(super) tokens: HashMap<String, String>,
    /// `jti` of the accepted assertions.
    pub(super) assertions: HashSet<String>,
    /// By number, in the order of creation.
    pub(super) users: BTreeMap<usize, User>,
    /// The number of each user, by id.
    pub(super) ids: HashMap<String, usize>,
    pub(super) made: usize,
    /// The users in the search index while it lags behind.
    pub(super) index: Option<BTreeMap<usize, User>>,
    pub(super) page_size: usize,
    pub(super) next_link: String,
    pub(super) cursors: HashMap<String, Cursor>,
    pub(super) expired_cursors: HashSet<String>,
    pub(super) limit: Option<Limit>,
    pub(super) updates: Vec<Update>,
    pub(super) event_hooks: Vec<EventHook>,
    pub(super) inline_hooks: Vec<InlineHook>,
    /// The codes that Okta's own provider sent: number and text.
    pub(super) own_texts: Vec<(String, String)>,
}

impl State {
    /// A new org: nobody works there yet.
    pub(super) fn new() -> Self {
        Self {
            api_token: API_TOKEN.to_owned(),
            scope: SCOPE.to_owned(),
            key_registered: true,
            tokens: HashMap::new(),
            assertions: HashSet::new(),
            users: BTreeMap::new(),
            ids: HashMap::new(),
            made: 0,
            index: None,
            page_size: 200,
            next_link: String::new(),
            cursors: HashMap::new(),
            expired_cursors: HashSet::new(),
            limit: None,
            updates: vec![],
            event_hooks: vec![],
            inline_hooks: vec![],
            own_texts: vec![],
        }
    }
}

impl State {
    pub(super) fn hire(&mut self, profile: Map<String, Value>) -> String {
        self.made += 1;
        let id = format!("00u{}", &random::hex(9)[..17]);
        let user = User {
            id: id.clone(),
            status: "ACTIVE".to_owned(),
            status_changed: THEN,
            last_updated: crate::now(),
            profile,
        };
        self.users.insert(self.made, user);
        self.ids.insert(id.clone(), self.made);
        id
    }

    pub(super) fn by_id(&mut self, id: &str) -> Option<&mut User> {
        self.users.get_mut(self.ids.get(id)?)
    }
}

pub(super) type Shared = Arc<Mutex<State>>;

/// The Okta simulator.
pub struct Okta {
    pub(super) server: Server,
    pub(super) state: Shared,
}
