//! Complaints about requests that our functions must not send.

use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, header};

use super::{
    locking::lock,
    tap::{Connected, News},
};

/// The beginning of the `User-Agent` of our functions and of the CLI.
pub(super) const OUR_AGENT: &[u8] = b"Switchboard/";

/// The complaints of a simulator. Handlers get them as `Extension<Complaints>`.
#[derive(Clone, Debug, Default)]
pub struct Complaints {
    all: Arc<Mutex<Vec<String>>>,
    connected: Connected,
    /// True while a request of another client is answered.
    foreign: bool,
}

impl Complaints {
    /// Notes a request that a real provider never receives.
    pub fn add(&self, what: impl Into<String>) {
        let what = what.into();
        self.connected.tell(&News::Complaint(&what));
        lock(&self.all).push(what);
    }

    /// Notes a request that the real provider accepts but our functions must not send. Other
    /// clients may send it.
    pub fn add_for_ours(&self, what: impl Into<String>) {
        if !self.foreign {
            self.add(what);
        }
    }

    /// Complaints that are also told to the tap.
    pub(super) fn connected(connected: &Connected) -> Self {
        Self {
            connected: connected.clone(),
            ..Self::default()
        }
    }

    /// The complaints for a request with these headers. Another client has its own `User-Agent`. A
    /// request without one is a test's and counts as ours.
    pub(super) fn about(&self, headers: &HeaderMap) -> Self {
        let agent = headers.get(header::USER_AGENT);
        Self {
            all: Arc::clone(&self.all),
            connected: self.connected.clone(),
            foreign: agent.is_some_and(|agent| !agent.as_bytes().starts_with(OUR_AGENT)),
        }
    }

    /// Returns all complaints and empties the list.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.all))
    }
}
