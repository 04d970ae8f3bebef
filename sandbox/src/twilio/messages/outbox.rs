//! Messages that the account sends to phones: they are refused or delivered at once.

use std::time::Duration;

use super::{
    message::{Made, Message},
    refusals::explain,
};
use crate::{
    sms::e164,
    twilio::{
        account::{State, Twilio},
        countries::country,
    },
    wire::lock,
};

impl Twilio {
    /// Gives the account the feature Message Redaction, which `ContentRetention` and
    /// `AddressRetention` need.
    pub fn add_message_redaction(&self) {
        lock(&self.shared.state).redacts = true;
    }

    /// Refuses every later message to this phone with this error code (21211, 21408, 21610, 21614,
    /// 21635, 20429...).
    pub fn reject(&self, number: &str, code: u32) {
        lock(&self.shared.state)
            .refusals
            .insert(number.to_owned(), code);
    }

    /// Cancels [`Twilio::reject`].
    pub fn accept(&self, number: &str) {
        lock(&self.shared.state).refusals.remove(number);
    }

    /// All accepted messages, in order.
    pub fn messages(&self) -> Vec<Message> {
        lock(&self.shared.state).messages.clone()
    }

    /// The messages that a phone received from the account's numbers, in order, with sender and
    /// media.
    pub fn texts(&self, number: &str) -> Vec<Message> {
        lock(&self.shared.state)
            .messages
            .iter()
            .filter(|message| message.to == number)
            .cloned()
            .collect()
    }

    /// The texts that a phone received, in order. They include Twilio's own replies to STOP and
    /// similar words.
    pub fn inbox(&self, number: &str) -> Vec<String> {
        lock(&self.shared.state)
            .inboxes
            .get(number)
            .cloned()
            .unwrap_or_default()
    }

    /// The inbox as soon as it holds `n` texts. After `timeout` it may hold fewer.
    pub async fn wait_inbox(&self, number: &str, n: usize, timeout: Duration) -> Vec<String> {
        let enough = async {
            loop {
                let arrived = self.shared.arrived.notified(); // before the look: misses no text
                if self.inbox(number).len() >= n {
                    return;
                }
                arrived.await;
            }
        };
        let _ = tokio::time::timeout(timeout, enough).await;
        self.inbox(number)
    }

    /// True if the phone has opted out of texts from this account number.
    pub fn opted_out(&self, phone: &str, number: &str) -> bool {
        lock(&self.shared.state)
            .opted_out
            .contains(&(phone.to_owned(), number.to_owned()))
    }
}

impl State {
    /// Accepts and delivers a message. The error is Twilio's code and text.
    pub(in crate::twilio) fn send(&mut self, message: Message) -> Result<Message, (u32, String)> {
        let Message { to, from, .. } = &message;
        let is_agent = from.starts_with("rcs:");
        let refused = match to.as_str() {
            _ if !e164(to) => Some(21211),
            _ if !e164(from) && !is_agent => Some(21212),
            // Twilio's magic numbers, www.twilio.com/docs/iam/test-credentials
            "+15005550001" => Some(21211),
            "+15005550002" => Some(21612),
            "+15005550003" => Some(21408),
            "+15005550004" => Some(21610),
            "+15005550009" => Some(21614),
            _ if self.numbers.get(from).is_none() && !is_agent => Some(21606),
            _ if to == from => Some(21266),
            _ if !self.admin.texts_to(country(to)) => Some(21408),
            _ if message.body.chars().count() > 1600 => Some(21617),
            _ if message.media.len() > 10 => Some(21623),
            _ if self.opted_out.contains(&(to.clone(), from.clone())) => Some(21610),
            _ => self.refusals.get(to).copied(),
        };
        if let Some(code) = refused {
            return Err((code, explain(code, to, from)));
        }
        self.inboxes
            .entry(to.clone())
            .or_default()
            .push(message.body.clone());
        self.made.insert(message.sid.clone(), Made::now(None));
        self.messages.push(message.clone());
        Ok(message)
    }
}
