//! A person who is about to call, and what that person does in the call.

use std::collections::VecDeque;

use super::parameters::call_sid;
use crate::twilio::account::Twilio;

/// When a caller hangs up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HangsUp {
    Never,
    DuringGreeting,
    AfterGreeting,
    AfterKeys,
    AtTheBeep,
    /// After this many seconds of talk.
    Talking(u32),
}

/// What a caller enters at a `<Gather>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Pressed keys. Keys that a `<Gather>` does not take are lost.
    Keys(String),
    /// Spoken words, as Twilio understands them. They are lost if the `<Gather>` does not listen.
    Speech(String),
}

impl From<&str> for Entry {
    fn from(keys: &str) -> Self {
        Self::Keys(keys.to_owned())
    }
}

impl From<String> for Entry {
    fn from(keys: String) -> Self {
        Self::Keys(keys)
    }
}

/// A person who is about to call. By default the caller is patient, says nothing and presses no
/// keys.
#[derive(Clone)]
pub struct Caller<'a> {
    pub(super) twilio: &'a Twilio,
    pub(super) from: String,
    pub(super) sid: String,
    pub(super) entries: VecDeque<Entry>,
    pub(super) message: Option<(u32, Option<char>)>,
    pub(super) forwarded_from: Option<String>,
    pub(super) hangs_up: HangsUp,
    /// How often the call was already forwarded.
    pub(super) hops: usize,
}

impl Caller<'_> {
    /// Sets the entries, one for each `<Gather>`: pressed keys, or [`Entry::Speech`]. An empty text
    /// presses nothing.
    #[must_use]
    pub fn keys<K: Into<Entry>>(mut self, entries: impl IntoIterator<Item = K>) -> Self {
        self.entries = entries.into_iter().map(Into::into).collect();
        self
    }

    /// Speaks for this time after the first beep, then hangs up.
    #[must_use]
    pub fn records(mut self, seconds: u32) -> Self {
        self.message = Some((seconds, None));
        self
    }

    /// Speaks for this time after the first beep, then presses the key.
    #[must_use]
    pub fn records_until(mut self, seconds: u32, key: char) -> Self {
        self.message = Some((seconds, Some(key)));
        self
    }

    /// Sets the number that was called first and forwarded the call.
    #[must_use]
    pub fn forwarded_from(mut self, number: &str) -> Self {
        self.forwarded_from = Some(number.to_owned());
        self
    }

    /// Calls with this `CallSid`.
    #[must_use]
    pub fn sid(mut self, sid: &str) -> Self {
        sid.clone_into(&mut self.sid);
        self
    }

    /// Hangs up during the first spoken text. Twilio reports such a hang-up only to a status
    /// callback.
    #[must_use]
    pub fn hangs_up_during_greeting(self) -> Self {
        self.hangs(HangsUp::DuringGreeting)
    }

    /// Hangs up as soon as the call waits: while a phone rings (`canceled`), at a prompt or at a
    /// beep.
    #[must_use]
    pub fn hangs_up_after_greeting(self) -> Self {
        self.hangs(HangsUp::AfterGreeting)
    }

    /// Hangs up at the first prompt for which no keys are left.
    #[must_use]
    pub fn hangs_up_after_keys(self) -> Self {
        self.hangs(HangsUp::AfterKeys)
    }

    /// Hangs up at the first beep without a word.
    #[must_use]
    pub fn hangs_up_at_the_beep(self) -> Self {
        self.hangs(HangsUp::AtTheBeep)
    }

    /// Hangs up after this many seconds of talk, unless the other side hangs up earlier.
    #[must_use]
    pub fn hangs_up_after(self, seconds: u32) -> Self {
        self.hangs(HangsUp::Talking(seconds))
    }

    fn hangs(mut self, hangs_up: HangsUp) -> Self {
        self.hangs_up = hangs_up;
        self
    }
}

impl Twilio {
    /// A caller with this number. Set its behaviour before [`Caller::call`].
    pub fn caller(&self, from: &str) -> Caller<'_> {
        Caller {
            twilio: self,
            from: from.to_owned(),
            sid: call_sid(),
            entries: VecDeque::new(),
            message: None,
            forwarded_from: None,
            hangs_up: HangsUp::Never,
            hops: 0,
        }
    }
}
