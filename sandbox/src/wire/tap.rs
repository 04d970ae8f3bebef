//! The broadcast of what happens in a sandbox. Without a listener it costs next to nothing.

use std::{
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::http::HeaderMap;

use super::exchange::Exchange;
use crate::{
    mail::Mail,
    twilio::{Call, Happening},
};

/// One piece of news. `server` is the name of the server in the sandbox.
pub(crate) enum News<'a> {
    /// A request arrived. `fault` is the one that it met.
    Request {
        id: u64,
        server: &'a str,
        exchange: &'a Exchange,
        fault: Option<&'static str>,
    },
    /// A request was answered, or its connection was dropped.
    Answer {
        id: u64,
        exchange: &'a Exchange,
        headers: &'a HeaderMap,
    },
    /// A simulator met something unexpected.
    Complaint(&'a str),
    /// A function wrote a line. `request` is the one that it is about, if known.
    Line {
        function: &'a str,
        error: bool,
        text: &'a str,
        request: Option<u64>,
    },
    /// The processes of a function changed. `ready` is the time from a start to the readiness.
    Process {
        function: &'a str,
        alive: usize,
        started: bool,
        ready: Option<Duration>,
    },
    /// A mail arrived at Mailgun, which posts it to these URLs.
    Mail {
        id: u64,
        mail: &'a Mail,
        urls: &'a [String],
    },
    /// A mail was posted.
    MailPosted {
        id: u64,
        status: u16,
        took: Duration,
    },
    /// Mailgun is done with a mail.
    MailDone { id: u64, done: bool },
    /// A call began.
    CallBegan {
        call: &'a str,
        from: &'a str,
        to: &'a str,
        forwarded_from: Option<&'a str>,
        parent: Option<&'a str>,
        hops: usize,
        live: bool,
    },
    /// Something happened in a call.
    CallStep {
        call: &'a str,
        answered: bool,
        step: &'a Happening,
    },
    /// A call ended.
    CallEnded { call: &'a Call },
}

type Listener = Arc<dyn Fn(&News<'_>) + Send + Sync>;

/// The broadcast of one sandbox. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Tap(Arc<RwLock<Vec<Listener>>>);

impl Tap {
    /// Adds a listener. It must return soon.
    pub(crate) fn open(&self, listener: impl Fn(&News<'_>) + Send + Sync + 'static) {
        let mut listeners = self.0.write().unwrap_or_else(PoisonError::into_inner);
        listeners.push(Arc::new(listener));
    }

    pub(crate) fn tell(&self, news: &News<'_>) {
        // Copied, because a listener may tell something itself.
        for listener in self.listeners() {
            listener(news);
        }
    }

    fn is_heard(&self) -> bool {
        !self.listeners().is_empty()
    }

    fn listeners(&self) -> Vec<Listener> {
        let listeners = self.0.read().unwrap_or_else(PoisonError::into_inner);
        listeners.clone()
    }
}

/// The connection of a server to its sandbox's tap, and its name there.
#[derive(Clone, Default)]
pub(super) struct Connected(Arc<OnceLock<(String, Tap)>>);

impl Connected {
    pub(super) fn set(&self, name: &str, tap: &Tap) {
        let _ = self.0.set((name.to_owned(), tap.clone()));
    }

    pub(super) fn name(&self) -> &str {
        self.0.get().map_or("", |(name, _)| name)
    }

    pub(super) fn is_heard(&self) -> bool {
        self.0.get().is_some_and(|(_, tap)| tap.is_heard())
    }

    pub(super) fn tell(&self, news: &News<'_>) {
        if let Some((_, tap)) = self.0.get() {
            tap.tell(news);
        }
    }
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The number of a request or a mail, unique in this process.
pub(crate) fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The number of the request that a handler answers, as an extension of the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestNumber(pub(crate) u64);
