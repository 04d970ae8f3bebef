//! The server: it starts, is asked what it saw, and stops.

use std::{
    io,
    pin::pin,
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use axum::{Router, extract::DefaultBodyLimit};
use tokio::{runtime::Handle, sync::Notify};

use super::{
    complaints::Complaints,
    exchange::Exchange,
    faults::Faults,
    listener::{BACKLOG, Door, bind},
    locking::lock,
    serve::accept,
    shared::Shared,
    tap::{Connected, News, Tap},
};

/// A loopback HTTP/1.1 server. It records every exchange, produces faults on demand and stops when
/// dropped.
pub struct Server {
    shared: Arc<Shared>,
    faults: Faults,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Serves `router` on a free port of 127.0.0.1. `name` is for messages.
    pub async fn start(name: &'static str, router: Router) -> io::Result<Self> {
        Self::start_on(name, 0, router).await
    }

    /// Serves `router` on this port of 127.0.0.1.
    #[expect(
        clippy::unused_async,
        reason = "must be called within a runtime; async says so"
    )]
    pub async fn start_on(name: &'static str, port: u16, router: Router) -> io::Result<Self> {
        Self::open(name, port, router, true)
    }

    /// Like [`Self::start_on`], but `HEAD /` is an ordinary request.
    #[expect(clippy::unused_async, reason = "as above")]
    pub async fn start_verbatim(name: &'static str, port: u16, router: Router) -> io::Result<Self> {
        Self::open(name, port, router, false)
    }

    fn open(name: &'static str, port: u16, router: Router, warm_up: bool) -> io::Result<Self> {
        let listener = bind(port)?.listen(BACKLOG)?;
        let connected = Connected::default();
        let shared = Arc::new(Shared {
            name,
            warm_up,
            port: listener.local_addr()?.port(),
            runtime: Handle::current(),
            faults: Mutex::default(),
            door: Mutex::new(Door {
                listener: Some(listener),
                ..Door::default()
            }),
            connections: Mutex::default(),
            cuts: AtomicU64::default(),
            exchanges: Mutex::default(),
            arrivals: Notify::new(),
            complaints: Complaints::connected(&connected),
            connected,
        });
        let router = router.layer(DefaultBodyLimit::disable());
        let accepting = tokio::spawn(accept(Arc::clone(&shared), router));
        Ok(Self {
            faults: Faults(Arc::clone(&shared)),
            shared,
            accepting,
        })
    }

    /// `http://127.0.0.1:PORT`, without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// The port of the server.
    pub fn port(&self) -> u16 {
        self.shared.port
    }

    /// The faults of the server.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// All exchanges so far except `HEAD /`, in order of arrival.
    pub fn exchanges(&self) -> Vec<Exchange> {
        lock(&self.shared.exchanges).clone()
    }

    /// Waits until `wanted` accepts the exchanges. The last of them may still be unanswered.
    pub async fn wait(&self, wanted: impl Fn(&[Exchange]) -> bool) {
        loop {
            let mut arrival = pin!(self.shared.arrivals.notified());
            // An arrival after this line wakes the wait below.
            arrival.as_mut().enable();
            if wanted(&lock(&self.shared.exchanges)) {
                return;
            }
            arrival.await;
        }
    }

    /// Forgets the exchanges so far.
    pub fn clear_exchanges(&self) {
        lock(&self.shared.exchanges).clear();
    }

    /// Connects the server to its sandbox's tap, under this name.
    pub(crate) fn connect(&self, name: &str, tap: &Tap) {
        self.shared.connected.set(name, tap);
    }

    /// Tells the sandbox's tap.
    pub(crate) fn tell(&self, news: &News<'_>) {
        self.shared.connected.tell(news);
    }

    /// Notes an unexpected request; handlers use `Extension<Complaints>`.
    pub fn complain(&self, what: impl Into<String>) {
        self.shared.complaints.add(what);
    }

    /// The complaints. Reading removes them.
    pub fn complaints(&self) -> Vec<String> {
        self.shared.complaints.take()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        lock(&self.shared.door).listener = None;
        lock(&self.shared.connections).abort_all();
    }
}
