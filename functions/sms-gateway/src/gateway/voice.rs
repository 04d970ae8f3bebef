//! Codes by a call: the way of a text, with other providers, other words and other budgets.

use shared::platform::config::Source;
use shared::rules::limits::Budget;
use shared::rules::voice::Speech;
use shared::services::providers::Name;
use shared::services::voice::Voice;

use super::Gateway;
use super::message::Message;
use super::outcome::Outcome;

/// The channel, as the gateway uses it.
pub(super) struct Calls {
    pub(super) voice: Option<Voice>,
    /// A code that did not arrive by a text may go out by a call.
    is_fallback: bool,
}

impl Calls {
    /// `keeps`: texts are kept for another provider.
    pub(super) fn read(source: &mut Source<'_>, keeps: bool) -> Self {
        let voice = Voice::read(source);
        Self {
            is_fallback: Voice::is_fallback(voice.as_ref(), keeps, source),
            voice,
        }
    }

    /// All providers of calls.
    pub(super) fn used(&self) -> Vec<Name> {
        self.voice.iter().flat_map(Voice::order).copied().collect()
    }

    /// What a call for this code says; `None` if there is no such call.
    pub(super) fn speech(&self, message: &Message) -> Option<Speech> {
        let voice = self.voice.as_ref()?;
        let said = message.said.as_ref()?;
        let speech = || Speech::new(&message.body, said, voice.language());
        voice.allows(&message.to).then(speech)
    }

    /// What a call says if the text does not arrive; `None` if there is no such call.
    pub(super) fn fallback(&self, message: &Message) -> Option<Speech> {
        let is_text = !message.by_voice;
        (self.is_fallback && is_text)
            .then(|| self.speech(message))
            .flatten()
    }
}

impl Gateway {
    /// Whether codes can go out by a call.
    pub(crate) fn can_call(&self) -> bool {
        self.calls.voice.is_some()
    }

    /// The providers for a message, in order.
    pub(super) fn route(&self, message: &Message) -> Result<&[Name], Outcome> {
        let (is_allowed, route) = match &self.calls.voice {
            Some(voice) if message.by_voice => (voice.allows(&message.to), voice.order()),
            _ if message.by_voice => (true, &[][..]),
            _ => (
                message.to.is_allowed(&self.rules.countries),
                self.rules.routes.find(&message.to),
            ),
        };
        match () {
            () if !is_allowed => Err(Outcome::CountryNotAllowed),
            () if route.is_empty() => Err(Outcome::NoRoute),
            () => Ok(route),
        }
    }

    /// The sender of a message through this provider.
    pub(super) fn sender<'a>(&'a self, message: &'a Message, name: Name) -> Option<&'a str> {
        match &self.calls.voice {
            Some(voice) if message.by_voice => voice.sender(name),
            _ => self.rules.senders.find(name).or(message.from.as_deref()),
        }
    }

    /// The budgets of a message. The number's own budget is the first.
    pub(super) fn budgets(&self, message: &Message) -> Vec<Budget> {
        match &self.calls.voice {
            Some(voice) if message.by_voice => {
                voice.budgets(&message.to, message.asker.network.as_deref())
            }
            _ => self.rules.limits.of(message),
        }
    }
}
