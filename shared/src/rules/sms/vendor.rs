//! A provider's API as a vendor's module describes it, and our account there, which does what is
//! the same for every provider: credentials, connections, retries.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder};

use super::answer;
use super::entry::Entry;
use super::message::{Outbound, Receipt, SendError};
use crate::platform::Platform;
use crate::platform::base_url::BaseUrl;
use crate::platform::config::Source;
use crate::platform::http::{Answer, Client};
use crate::platform::layout::{Described, Layout};
use crate::platform::secrets::{Content, Secret, SecretError};
use crate::rules::voice::Channel;

/// A provider that does not answer must not hold up a cold start, whose first caller waits.
pub(crate) const WARM_UP: Duration = Duration::from_millis(500);

/// With less time left than this we could cut off an accepted request, and its outcome would be
/// unknown.
const SHORTEST: Duration = Duration::from_secs(1);

/// An API that sends texts: its keys, its request, its answers.
pub trait Vendor: Sized {
    /// The content of the secret.
    type Credentials: Described;
    /// The provider's name in settings, answers and logs.
    const WORD: &'static str = <Self::Credentials as Content>::NAME;
    /// How the provider reaches a person.
    const CHANNEL: Channel = Channel::Sms;
    /// The variable with the secret's id or ARN.
    const SECRET: &'static str;
    /// The variable with the API's base URL.
    const URL: &'static str;
    /// The base URL if the variable is not set.
    const HOME: &'static str;
    /// The longest time for one text.
    const TIME: Duration = Duration::MAX;

    /// Reads the settings that only this provider has.
    fn read(source: &mut Source<'_>) -> Self;

    /// The base URL for these credentials if the variable is not set. Differs from [`Vendor::HOME`]
    /// if the secret decides which API is called.
    fn home(_credentials: &Self::Credentials) -> &'static str {
        Self::HOME
    }

    /// The request that sends the text.
    ///
    /// # Errors
    /// If it is certain without asking that the provider would refuse it.
    fn request(&self, attempt: &Attempt<'_, Self>) -> Result<RequestBuilder, SendError>;

    /// The meaning of a 2xx.
    ///
    /// # Errors
    /// If the answer does not say that the provider accepted the text.
    fn taken(attempt: &Attempt<'_, Self>, answer: &Answer) -> Result<Receipt, SendError>;

    /// What a 4xx means beyond its status.
    fn refused(_attempt: &Attempt<'_, Self>, _answer: &Answer) -> SendError {
        SendError::OURS
    }
}

/// One text, to be sent with these credentials.
pub struct Attempt<'a, V: Vendor> {
    /// The text.
    pub sms: &'a Outbound<'a>,
    /// The credentials.
    pub credentials: &'a V::Credentials,
    /// The time, for credentials that are signed.
    pub now: SystemTime,
    client: &'a Client,
    base: BaseUrl,
}

impl<V: Vendor> Attempt<'_, V> {
    /// A request with a body of JSON.
    pub fn post_json(&self, path: &str, body: &serde_json::Value) -> RequestBuilder {
        self.post(path, "application/json", body.to_string())
    }

    /// A request with a form.
    pub fn post_form(
        &self,
        path: &str,
        mut form: form_urlencoded::Serializer<'_, String>,
    ) -> RequestBuilder {
        self.post(path, "application/x-www-form-urlencoded", form.finish())
    }

    fn post(&self, path: &str, content: &'static str, body: String) -> RequestBuilder {
        self.client
            .request(Method::POST, self.base.join(path))
            .header(CONTENT_TYPE, content)
            .body(body)
    }
}

/// Our account at a provider.
pub struct Account<V: Vendor> {
    vendor: V,
    client: Client,
    /// `None`: the vendor's own.
    base: Option<BaseUrl>,
    secret: Arc<Secret<V::Credentials>>,
}

impl<V: Vendor> Account<V> {
    /// Reads the vendor's settings, its base URL and its secret.
    pub fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        Self {
            vendor: V::read(source),
            client: platform.http.clone(),
            base: source.optional_base_url(V::URL),
            secret: Arc::new(platform.secret(source, V::SECRET)),
        }
    }

    /// The account at `base`, with a secret that others may use too.
    pub fn new(
        vendor: V,
        client: Client,
        base: BaseUrl,
        secret: impl Into<Arc<Secret<V::Credentials>>>,
    ) -> Self {
        Self {
            vendor,
            client,
            base: Some(base),
            secret: secret.into(),
        }
    }

    /// Sends a text within `within`. If the provider rejects the credentials, they are fetched
    /// again and tried a second time.
    ///
    /// # Errors
    /// Why the text was not, or not certainly, accepted.
    pub async fn send(
        &self,
        sms: &Outbound<'_>,
        now: SystemTime,
        within: Duration,
    ) -> Result<Receipt, SendError> {
        let (started, within) = (Instant::now(), within.min(V::TIME));
        let left = || within.saturating_sub(started.elapsed());
        let credentials = tokio::time::timeout(within, self.secret.get(now))
            .await
            .unwrap_or_else(|_| Err(SecretError::late(V::Credentials::NAME)))?;
        let first = self.ask(sms, &credentials, now, left()).await;
        if first != Err(SendError::Unauthorized) {
            return first;
        }
        let fresh = tokio::time::timeout(left(), self.secret.refresh(now)).await;
        match fresh.unwrap_or(Ok(None))? {
            Some(fresh) if left() > SHORTEST => {
                let now = now + started.elapsed();
                self.ask(sms, &fresh, now, left()).await
            }
            // So far it is certain that nothing was sent.
            _ => first,
        }
    }

    /// Fetches the credentials and opens a connection, during INIT.
    pub async fn warm_up(&self, now: SystemTime) {
        let home = V::HOME.parse().ok();
        // A failure shows again on the first text.
        let connect = self.client.warm_up(self.base.as_ref().or(home.as_ref()));
        let _ = tokio::join!(self.secret.get(now), tokio::time::timeout(WARM_UP, connect));
    }

    async fn ask(
        &self,
        sms: &Outbound<'_>,
        credentials: &V::Credentials,
        now: SystemTime,
        within: Duration,
    ) -> Result<Receipt, SendError> {
        let home = || V::home(credentials).parse().ok();
        let attempt = Attempt {
            sms,
            credentials,
            now,
            client: &self.client,
            base: self
                .base
                .clone()
                .or_else(home)
                .ok_or(SendError::Unavailable)?,
        };
        let request = self.vendor.request(&attempt)?;
        let answer = self.client.send(request, answer::LIMIT, within).await?;
        match answer.status {
            200..=299 => V::taken(&attempt, &answer),
            _ => Err(answer::by_status(&answer, || V::refused(&attempt, &answer))),
        }
    }
}

impl<V: Vendor> Entry for Account<V> {
    const WORD: &'static str = V::WORD;
    const CHANNEL: Channel = V::CHANNEL;
    const LAYOUT: Option<Layout> = Some(V::Credentials::LAYOUT);

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        Self::read(platform, source)
    }

    async fn send(
        &self,
        sms: &Outbound<'_>,
        now: SystemTime,
        within: Duration,
    ) -> Result<Receipt, SendError> {
        self.send(sms, now, within).await
    }

    async fn warm_up(&self, now: SystemTime) {
        self.warm_up(now).await;
    }

    #[cfg(test)]
    fn check() {
        assert!(V::HOME.parse::<BaseUrl>().is_ok(), "{}", V::HOME);
        crate::platform::layout::check::<V::Credentials>();
    }
}
