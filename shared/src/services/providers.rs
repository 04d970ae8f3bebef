//! The SMS providers: one variant each.

use std::time::{Duration, SystemTime};

use crate::platform::Platform;
use crate::platform::config::Source;
use crate::platform::secrets::{Secret, SecretError};
use crate::rules::sms::{Name, Outbound, Receipt, SendError, segments};
use crate::vendors::clickatell::Clickatell;
use crate::vendors::plivo::Plivo;
use crate::vendors::twilio::{self, messages};
use crate::vendors::vonage::Vonage;

/// A provider that sends texts.
pub enum Provider {
    /// Twilio.
    Twilio {
        /// The resource.
        messages: messages::Messages,
        /// Its credentials.
        secret: Secret<twilio::RestCredentials>,
    },
    /// Clickatell.
    Clickatell(Clickatell),
    /// Plivo.
    Plivo(Plivo),
    /// Vonage.
    Vonage(Vonage),
    /// The log.
    Log,
}

impl Provider {
    /// Reads the base URL and the secret of the provider of this name, and for Twilio
    /// `TWILIO_RETENTION`.
    pub fn read(name: Name, platform: &Platform, source: &mut Source<'_>) -> Self {
        let client = platform.http.clone();
        match name {
            Name::Twilio => {
                let sender = messages::Sender {
                    number: None,
                    service: None,
                };
                let discards =
                    source.choice("TWILIO_RETENTION", &[("keep", false), ("discard", true)]);
                Self::Twilio {
                    messages: messages::Messages::new(client, twilio::api(source), sender)
                        .discarding_codes(discards),
                    secret: platform.secret(source, "TWILIO_SECRET"),
                }
            }
            Name::Clickatell => {
                let base = Clickatell::base(source);
                let secret = platform.secret(source, "CLICKATELL_SECRET");
                Self::Clickatell(Clickatell::new(client, base, secret))
            }
            Name::Plivo => {
                let base = Plivo::base(source);
                let secret = platform.secret(source, "PLIVO_SECRET");
                Self::Plivo(Plivo::new(client, base, secret))
            }
            Name::Vonage => {
                let base = Vonage::base(source);
                let secret = platform.secret(source, "VONAGE_SECRET");
                Self::Vonage(Vonage::new(client, base, secret))
            }
            Name::Log => Self::Log,
        }
    }

    /// Sends once, within `within`.
    ///
    /// # Errors
    /// The outer error if the credentials cannot be fetched (nothing was sent), the inner one from
    /// the provider's answer.
    pub async fn send(
        &self,
        sms: &Outbound<'_>,
        now: SystemTime,
        within: Duration,
    ) -> Result<Result<Receipt, SendError>, SecretError> {
        match self {
            Self::Twilio { messages, secret } => messages.send(sms, secret, now, within).await,
            Self::Clickatell(clickatell) => clickatell.send(sms, now, within).await,
            Self::Plivo(plivo) => plivo.send(sms, now, within).await,
            Self::Vonage(vonage) => vonage.send(sms, now, within).await,
            Self::Log => {
                let masked: String = sms
                    .body
                    .chars()
                    .map(|c| if c.is_numeric() { '•' } else { c })
                    .collect();
                tracing::info!(to = %sms.to, text = masked, "not sent: the provider is `log`");
                Ok(Ok(Receipt {
                    id: None,
                    segments: Some(segments::count(sms.body)),
                }))
            }
        }
    }

    /// Fetches the credentials and opens a connection, during INIT.
    pub async fn warm_up(&self, now: SystemTime) {
        match self {
            Self::Twilio { messages, secret } => {
                // A failure shows again on the first text.
                let _ = tokio::join!(secret.get(now), messages.warm_up());
            }
            Self::Clickatell(clickatell) => clickatell.warm_up(now).await,
            Self::Plivo(plivo) => plivo.warm_up(now).await,
            Self::Vonage(vonage) => vonage.warm_up(now).await,
            Self::Log => {}
        }
    }
}
