//! What the list of providers needs of each entry, whatever opens the account: a secret, the
//! function's role, or nothing.

use std::time::{Duration, SystemTime};

use super::message::{Outbound, Receipt, SendError};
use crate::platform::Platform;
use crate::platform::config::Source;
use crate::platform::layout::Layout;
use crate::rules::voice::Channel;

/// An entry of the list: an [`Account`](super::Account), which a secret opens, or a type that does
/// without a secret.
#[expect(
    async_fn_in_trait,
    reason = "the one task of a current_thread process needs no Send"
)]
pub trait Entry: Sized {
    /// The name in settings, answers and logs.
    const WORD: &'static str;
    /// How the provider reaches a person.
    const CHANNEL: Channel = Channel::Sms;
    /// The keys of the secret; `None` if the provider has none.
    const LAYOUT: Option<Layout>;

    /// Reads the provider's settings.
    fn read(platform: &Platform, source: &mut Source<'_>) -> Self;

    /// Sends once, within `within`.
    ///
    /// # Errors
    /// Why the text was not, or not certainly, accepted.
    async fn send(
        &self,
        sms: &Outbound<'_>,
        now: SystemTime,
        within: Duration,
    ) -> Result<Receipt, SendError>;

    /// Fetches the credentials and opens a connection, during INIT.
    async fn warm_up(&self, now: SystemTime);

    /// Panics if the entry's constants cannot be right.
    #[cfg(test)]
    fn check() {}
}
