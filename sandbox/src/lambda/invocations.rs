//! The invocations of a function, and what is observed of its processes.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitStatus,
    sync::Mutex,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

use super::error::{InvokeError, PAYLOAD_LIMIT};
use crate::{
    aws::Logs,
    random,
    wire::{RequestNumber, Tap, lock},
};

/// Maximum time that a log line takes from the function's process to this one.
const FLUSH: Duration = Duration::from_millis(200);

/// The state that the door, the Invoke API and the tests share.
pub(crate) struct Core {
    pub(super) name: String,
    pub(super) timeout: Duration,
    pub(super) tap: Tap,
    pub(super) logs: Logs,
    pub(super) queue: mpsc::UnboundedSender<Invocation>,
    pub(super) waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    pub(super) observed: Mutex<Observed>,
    pub(super) changed: watch::Sender<()>,
    /// True if no instance is left. It is separate from `changed`, which changes with every log
    /// line: hundreds of callers wait for this value.
    pub(super) gone: watch::Sender<bool>,
}

pub(super) type Reply = oneshot::Sender<Result<Bytes, InvokeError>>;

pub(super) struct Invocation {
    pub(super) id: String,
    /// The request that the event is about.
    pub(super) request: Option<u64>,
    pub(super) event: Bytes,
    pub(super) reply: Reply,
}

#[derive(Default)]
pub(super) struct Observed {
    pub(super) lines: Vec<Line>,
    pub(super) pids: BTreeMap<usize, u32>,
    pub(super) ready: BTreeSet<usize>,
    pub(super) exits: Vec<ExitStatus>,
    /// The number of invocations that exceeded the timeout.
    pub(super) timeouts: usize,
    pub(super) init_error: Option<String>,
    /// The number of instances that have not given up.
    pub(super) alive: usize,
    pub(super) stopping: bool,
}

pub(super) struct Line {
    pub(super) error: bool,
    pub(super) text: String,
}

impl Core {
    /// Like [`super::Lambda::invoke`], but with bytes. `request` is the one that the event is about.
    pub(crate) async fn invoke(
        &self,
        event: Bytes,
        request: Option<RequestNumber>,
    ) -> Result<Bytes, InvokeError> {
        if event.len() > PAYLOAD_LIMIT {
            return Err(InvokeError::TooLarge);
        }
        let id = random::uuid();
        let (reply, answer) = oneshot::channel();
        let _ = self.queue.send(Invocation {
            id,
            request: request.map(|RequestNumber(number)| number),
            event,
            reply,
        });
        let mut gone = self.gone.subscribe();
        tokio::select! {
            biased;
            answer = answer => answer.unwrap_or_else(|_| Err(InvokeError::Exited("stopped".into()))),
            _ = gone.wait_for(|gone| *gone) => Err(InvokeError::Init(lock(&self.observed).init_error.clone().unwrap_or_default())),
        }
    }

    /// The number of log lines.
    pub(crate) fn lines(&self) -> usize {
        lock(&self.observed).lines.len()
    }

    /// The last 4 KB of the log lines from number `seen` on. Waits a moment for a line that was
    /// just written.
    pub(crate) async fn tail(&self, seen: usize) -> Vec<u8> {
        let _ = timeout(
            FLUSH,
            self.wait(|observed| (observed.lines.len() > seen).then_some(())),
        )
        .await;
        let observed = lock(&self.observed);
        let lines = observed.lines.get(seen..).unwrap_or_default();
        let text = lines
            .iter()
            .map(|line| line.text.as_str())
            .chain([""])
            .collect::<Vec<_>>()
            .join("\n")
            .into_bytes();
        text[text.len().saturating_sub(4096)..].to_vec()
    }

    pub(super) fn observe<T>(&self, change: impl FnOnce(&mut Observed) -> T) -> T {
        let mut observed = lock(&self.observed);
        let result = change(&mut observed);
        let gone = observed.alive == 0;
        drop(observed);
        self.changed.send_replace(());
        self.gone
            .send_if_modified(|known| !std::mem::replace(known, gone) && gone);
        result
    }

    pub(super) async fn wait<T>(&self, mut look: impl FnMut(&Observed) -> Option<T>) -> T {
        let mut changes = self.changed.subscribe();
        loop {
            if let Some(found) = look(&lock(&self.observed)) {
                return found;
            }
            let _ = changes.changed().await;
        }
    }
}
