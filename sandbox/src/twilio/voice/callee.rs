//! What a phone does when it is called.

use std::sync::Arc;

use tokio::sync::watch::Sender;

use super::party::Party;

/// Seconds of talk, unless a test sets another value.
pub(super) const TALK: u32 = 42;

/// What a phone does when it is called.
#[derive(Clone)]
pub(in crate::twilio) enum Callee {
    /// Talks for this many seconds, then hangs up.
    Answers(u32),
    /// Talks until [`Talk::hang_up`].
    Talks(Sender<Conversations>),
    Busy,
    RingsOut,
    Unreachable,
    /// A person decides.
    Held(Arc<dyn Party>),
    /// Forwards every call to this number.
    Forwards(String),
}

/// Number of answered calls, and the seconds after which they end, if already known.
pub(in crate::twilio) type Conversations = (usize, Option<u32>);

/// A phone whose calls stay in progress until this is dropped or [`Talk::hang_up`] is called.
pub struct Talk(pub(super) Sender<Conversations>);

impl Talk {
    /// Waits until the phone has answered this many calls.
    pub async fn picked_up(&self, calls: usize) {
        let _ = self
            .0
            .subscribe()
            .wait_for(|(begun, _)| *begun >= calls)
            .await;
    }

    /// Ends all its calls, later ones too, as if each had lasted this many seconds.
    pub fn hang_up(&self, seconds: u32) {
        self.0.send_modify(|(_, ended)| *ended = Some(seconds));
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.0
            .send_modify(|(_, ended)| *ended = ended.or(Some(TALK)));
    }
}
