//! The list of providers: of texts, and of calls.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use crate::platform::Platform;
use crate::platform::config::Source;
use crate::platform::layout::Layout;
use crate::rules::sms::{Account, Entry, Outbound, Receipt, SendError, segments};
use crate::rules::voice::Channel;
use crate::vendors;

/// Makes [`Name`] and [`Provider`] from the list of providers.
macro_rules! providers {
    ($($provider:ident: $entry:ty,)*) => {
        /// A provider's name in settings, answers and logs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Name {
            $(#[doc = stringify!($provider)] $provider,)*
        }

        impl Name {
            /// All providers.
            pub const ALL: [Self; [$(stringify!($provider)),*].len()] = [$(Self::$provider),*];

            /// The name as written in settings.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$provider => <$entry as Entry>::WORD,)*
                }
            }

            /// The name as people write it.
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$provider => stringify!($provider),)*
                }
            }

            /// How the provider reaches a person.
            pub fn channel(self) -> Channel {
                match self {
                    $(Self::$provider => <$entry as Entry>::CHANNEL,)*
                }
            }

            /// The keys of the secret; `None` if the provider has none.
            pub fn layout(self) -> Option<Layout> {
                match self {
                    $(Self::$provider => <$entry as Entry>::LAYOUT,)*
                }
            }
        }

        /// A provider that sends texts or makes calls.
        pub enum Provider {
            $(#[doc = stringify!($provider)] $provider($entry),)*
        }

        impl Provider {
            /// Reads the settings and the secret of the provider of this name.
            pub fn read(name: Name, platform: &Platform, source: &mut Source<'_>) -> Self {
                match name {
                    $(Name::$provider => Self::$provider(Entry::read(platform, source)),)*
                }
            }

            /// Sends once, within `within`.
            ///
            /// # Errors
            /// Why the text was not, or not certainly, accepted.
            pub async fn send(
                &self,
                sms: &Outbound<'_>,
                now: SystemTime,
                within: Duration,
            ) -> Result<Receipt, SendError> {
                match self {
                    $(Self::$provider(provider) => provider.send(sms, now, within).await,)*
                }
            }

            /// Fetches the credentials and opens a connection, during INIT.
            pub async fn warm_up(&self, now: SystemTime) {
                match self {
                    $(Self::$provider(provider) => provider.warm_up(now).await,)*
                }
            }
        }

        #[cfg(test)]
        mod tests {
            use super::*;

            #[test]
            fn every_provider_has_an_address_and_asks_for_the_keys_that_it_reads() {
                $(<$entry as Entry>::check();)*
            }
        }
    };
}

providers! {
    Twilio: Account<vendors::twilio::messages::Messages>,
    Clickatell: Account<vendors::clickatell::Clickatell>,
    Plivo: Account<vendors::plivo::Plivo>,
    Vonage: Account<vendors::vonage::Vonage>,
    Aws: vendors::end_user_messaging::EndUserMessaging,
    Log: Log,
    TwilioVoice: Account<vendors::twilio::calls::Calls>,
    VonageVoice: Account<vendors::vonage::calls::Calls>,
    AwsVoice: vendors::end_user_messaging::calls::Calls,
}

impl Name {
    /// The providers of this channel.
    pub fn of(channel: Channel) -> impl Iterator<Item = Self> {
        Self::ALL
            .into_iter()
            .filter(move |name| name.channel() == channel)
    }

    /// The provider of texts with this name in settings.
    pub fn texting(word: &str) -> Option<Self> {
        Self::of(Channel::Sms).find(|name| name.word() == word)
    }

    /// The provider of calls with this name in settings, where it is named as the provider of texts
    /// is.
    pub fn calling(word: &str) -> Option<Self> {
        Self::of(Channel::Voice).find(|name| name.setting() == word)
    }

    /// The name in settings that are about one channel only.
    pub fn setting(self) -> &'static str {
        let word = self.word();
        word.strip_suffix("_voice").unwrap_or(word)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Name {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|name| name.word() == text)
            .ok_or(())
    }
}

/// No provider: the masked text goes to the log, for trials.
pub struct Log;

impl Entry for Log {
    const WORD: &'static str = "log";
    const LAYOUT: Option<Layout> = None;

    fn read(_platform: &Platform, _source: &mut Source<'_>) -> Self {
        Self
    }

    async fn send(
        &self,
        sms: &Outbound<'_>,
        _now: SystemTime,
        _within: Duration,
    ) -> Result<Receipt, SendError> {
        let masked: String = sms
            .body
            .chars()
            .map(|c| if c.is_numeric() { '•' } else { c })
            .collect();
        tracing::info!(to = %sms.to, text = masked, "not sent: the provider is `log`");
        Ok(Receipt {
            id: None,
            segments: Some(segments::count(sms.body)),
        })
    }

    async fn warm_up(&self, _now: SystemTime) {}
}
