//! Feedback to the provider: was the code used? Twilio and Vonage take it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use shared::platform::Platform;
use shared::platform::base_url::BaseUrl;
use shared::platform::config::Source;
use shared::platform::http::Client;
use shared::platform::secrets::Secret;
use shared::rules::feedback::{NotTaken, TIME};
use shared::services::providers::Name;
use shared::vendors::{twilio, vonage};

/// The providers that take feedback, and the way to them.
pub(crate) struct Feedback {
    is_on: bool,
    client: Client,
    twilio_url: BaseUrl,
    vonage_url: BaseUrl,
    vonage: Option<Secret<vonage::Credentials>>,
    /// An account without the feature is reported once, not with each code.
    is_missing_reported: AtomicBool,
}

impl Feedback {
    pub(crate) fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        Self {
            is_on: source.choice("CONVERSION_FEEDBACK", &[("off", false), ("on", true)]),
            client: platform.http.clone(),
            twilio_url: twilio::api(source),
            vonage_url: vonage::conversion::api(source),
            vonage: platform.optional_secret(source, "VONAGE_SECRET"),
            is_missing_reported: AtomicBool::new(false),
        }
    }

    /// Tells the provider whether its code was used. Takes at most two seconds. A failure is only
    /// logged, because nothing of ours depends on it.
    pub(crate) async fn tell(
        &self,
        provider: &str,
        id: Option<&str>,
        was_used: bool,
        twilio: Option<&Secret<twilio::Credentials>>,
        now: SystemTime,
    ) {
        let Some(id) = id.filter(|_| self.is_on) else {
            return;
        };
        let told = async {
            match (provider.parse::<Name>(), twilio, &self.vonage) {
                (Ok(Name::Twilio), Some(secret), _) => {
                    let credentials = secret.get(now).await?;
                    let (client, base) = (&self.client, &self.twilio_url);
                    twilio::feedback::tell(id, was_used, &credentials.rest, client, base).await
                }
                (Ok(Name::Vonage), _, Some(secret)) => {
                    let credentials = secret.get(now).await?;
                    let (client, base) = (&self.client, &self.vonage_url);
                    vonage::conversion::tell(id, was_used, &credentials, client, base, now).await
                }
                _ => Ok(()),
            }
        };
        let told = tokio::time::timeout(TIME, told)
            .await
            .unwrap_or_else(|_| Err(NotTaken::Failed("no answer in time".to_owned())));
        match told {
            Ok(()) => {}
            Err(NotTaken::NotEnabled) => {
                if !self.is_missing_reported.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        provider,
                        "this account takes no feedback yet: ask the provider to enable it, or set CONVERSION_FEEDBACK=off"
                    );
                }
            }
            Err(error) => tracing::warn!(provider, %error, "the provider took no feedback"),
        }
    }
}
