//! The faults of a server, and the requests that meet them.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::sync::Semaphore;

/// One fault. `HEAD /` (a client's warm-up) never meets a fault.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This answer replaces the real handler's.
    Answer {
        /// HTTP status.
        status: u16,
        /// Header names and values.
        headers: Vec<(String, String)>,
        /// The whole body.
        body: String,
    },
    /// Waits, then runs the real handler, even if the client has left meanwhile.
    Delay(Duration),
    /// Waits until the gate opens, then runs the real handler, even if the client has left meanwhile.
    Held(Gate),
    /// Drops the connection; the handler does not run.
    ResetBefore,
    /// Runs the handler, so state changes, then drops the connection without an answer.
    ResetAfter,
    /// Gives no answer until the client leaves; the handler does not run.
    Hang,
    /// Runs the handler. The head promises the whole body; half of it arrives, then the connection
    /// drops.
    Truncate,
    /// Runs the handler and sends its status with a body that cannot be parsed.
    Garbage,
    /// Runs the handler and sends its status with a body of this many bytes.
    Oversize(usize),
    /// Runs the handler. Its body arrives one byte at a time, with this pause before each.
    Trickle(Duration),
}

impl Fault {
    /// The name of the kind, as the page shows it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Answer { .. } => "answer",
            Self::Delay(_) => "slow",
            Self::Held(_) => "held",
            Self::ResetBefore => "reset",
            Self::ResetAfter => "lost_answer",
            Self::Hang => "hang",
            Self::Truncate => "truncate",
            Self::Garbage => "garbage",
            Self::Oversize(_) => "oversize",
            Self::Trickle(_) => "trickle",
        }
    }
}

/// Holds requests back until it opens. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    /// A gate that is shut.
    pub fn shut() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets all requests through, now and from now on.
    pub fn open(&self) {
        self.0.close();
    }

    pub(super) async fn wait(&self) {
        // The only end of this wait: nobody adds a permit.
        let _closed = self.0.acquire().await;
    }
}

/// The text that a request must contain to take a fault.
#[derive(Clone, Default)]
pub(super) struct Aim {
    pub(super) target: String,
    pub(super) body: String,
}

#[derive(Default)]
pub(super) struct Plan {
    pub(super) queue: VecDeque<(Aim, Fault)>,
    pub(super) always: Option<(Aim, Fault)>,
}
