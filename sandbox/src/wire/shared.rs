//! The state of a server, which its tasks share.

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

use tokio::{runtime::Handle, sync::Notify, task::JoinSet};

use super::{
    complaints::Complaints, exchange::Exchange, fault::Plan, listener::Door, tap::Connected,
};

pub(super) struct Shared {
    pub(super) name: &'static str,
    /// True if the server answers `HEAD /` itself.
    pub(super) warm_up: bool,
    pub(super) port: u16,
    pub(super) runtime: Handle,
    pub(super) faults: Mutex<Plan>,
    pub(super) door: Mutex<Door>,
    pub(super) connections: Mutex<JoinSet<()>>,
    /// How often all connections were dropped.
    pub(super) cuts: AtomicU64,
    pub(super) exchanges: Mutex<Vec<Exchange>>,
    pub(super) arrivals: Notify,
    pub(super) complaints: Complaints,
    pub(super) connected: Connected,
}

impl Shared {
    pub(super) fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::SeqCst)
    }
}
