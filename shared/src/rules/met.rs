//! What an invocation does whose claim was refused.

use std::time::SystemTime;

use crate::platform::table::Item;
use crate::rules::journal::{Entry, Stage};

/// After which outcome of an earlier attempt a message is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// After none.
    Never,
    /// If it was certainly not sent.
    AfterFailure,
    /// Also if it may have been sent: losing the message is worse than repeating it.
    AfterFailureOrUnknown,
}

/// What an invocation does whose claim met an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Met {
    /// It sends the message. The entry is its own claim, whose answer was lost.
    Ours,
    /// It waits: another invocation is sending the message.
    Wait,
    /// It claims again and then sends. Holds the outcome of the earlier attempt.
    Again(Stage),
    /// It sends nothing. This is the outcome.
    Ended(Stage),
}

impl Entry {
    /// What to do after `seen`, the item that refused a claim.
    pub fn met(&self, seen: &Item, now: SystemTime, repeat: Repeat) -> Met {
        let Some(stage) = self.stage(seen, now) else {
            return Met::Ours;
        };
        match (&stage, repeat) {
            (Stage::Sending, _) => Met::Wait,
            (Stage::Failed, Repeat::AfterFailure | Repeat::AfterFailureOrUnknown)
            | (Stage::Unknown, Repeat::AfterFailureOrUnknown) => Met::Again(stage),
            _ => Met::Ended(stage),
        }
    }
}
