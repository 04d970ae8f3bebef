//! People who decide during a call what they do.

use std::pin::Pin;

use crate::twiml::{Gather, Record};

/// What a person decides, when the moment has come.
pub type Moment<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The caller has hung up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HungUp;

/// How a dialled phone ended a call, or its caller did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rang {
    /// `DialCallStatus`; `canceled`: the caller hung up while it rang.
    pub status: &'static str,
    /// Length of the conversation.
    pub seconds: u32,
    /// True if the caller ended the conversation.
    pub caller_gone: bool,
}

/// People at their phones. `call` is the `CallSid` of the call in which they are asked.
pub trait Party: Send + Sync {
    /// Waits until the caller has heard what was said so far.
    fn hears<'a>(&'a self, call: &'a str) -> Moment<'a, Result<(), HungUp>>;

    /// The keys that the caller presses for a `<Gather>`; empty if there are none in time.
    fn presses<'a>(
        &'a self,
        call: &'a str,
        gather: &'a Gather,
    ) -> Moment<'a, Result<String, HungUp>>;

    /// How long the caller speaks after the beep, and the key that ends it. `Some(0)` is silence.
    fn speaks<'a>(
        &'a self,
        call: &'a str,
        record: &'a Record,
    ) -> Moment<'a, Result<(u32, Option<char>), HungUp>>;

    /// A phone rings for at most `timeout` seconds, and a conversation follows if it is answered.
    fn rings<'a>(&'a self, call: &'a str, number: &'a str, timeout: u32) -> Moment<'a, Rang>;
}
