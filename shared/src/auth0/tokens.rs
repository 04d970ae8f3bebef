//! Access tokens by the client-credentials grant, `POST /oauth/token`
//! (<https://auth0.com/docs/api/authentication/client-credential-flow/get-token>), kept in memory until shortly before they end.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::Credentials;
use super::users::CallError;
use crate::http::{BaseUrl, Client};
use crate::secrets::Secret;

const ANSWER_LIMIT: usize = 64 * 1024;
const TIMEOUT: Duration = Duration::from_secs(4);
/// Whatever `expires_in` says, a token is used at most this long: Auth0's own default for the Management API.
const LONGEST: u64 = 86_400;

/// The access tokens for one audience.
pub struct Tokens {
    client: Client,
    base: BaseUrl,
    audience: String,
    secret: Secret<Credentials>,
    cached: Mutex<Option<(SecretString, SystemTime)>>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    expires_in: Option<u64>,
}

impl Tokens {
    /// Tokens from the tenant at `base` (`AUTH0_URL`) for `audience`.
    pub fn new(client: Client, base: BaseUrl, audience: String, secret: Secret<Credentials>) -> Self {
        Self { client, base, audience, secret, cached: Mutex::new(None) }
    }

    /// A token, from memory or new.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn get(&self, now: SystemTime) -> Result<SecretString, CallError> {
        if let Some((token, end)) = &*self.lock()
            && *end > now
        {
            return Ok(token.clone());
        }
        let credentials = self.secret.get(now).await.map_err(|error| CallError::Unavailable(error.to_string()))?;
        match self.grant(&credentials, now).await {
            Err(CallError::Unauthorized) => {
                let fresh = self.secret.refresh(now).await.map_err(|error| CallError::Unavailable(error.to_string()))?;
                self.grant(&*fresh.ok_or(CallError::Unauthorized)?, now).await
            }
            result => result,
        }
    }

    /// Forgets `token`, which an API refused; another one that came meanwhile is kept.
    pub fn refused(&self, token: &SecretString) {
        let mut cached = self.lock();
        if cached.as_ref().is_some_and(|(kept, _)| kept.expose_secret() == token.expose_secret()) {
            *cached = None;
        }
    }

    async fn grant(&self, credentials: &Credentials, now: SystemTime) -> Result<SecretString, CallError> {
        let body = json!({
            "grant_type": "client_credentials",
            "client_id": credentials.client_id.expose_secret(),
            "client_secret": credentials.client_secret.expose_secret(),
            "audience": self.audience,
        });
        let request = self
            .client
            .request(Method::POST, self.base.join("oauth/token"))
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        let answer = self.client.send(request, ANSWER_LIMIT, TIMEOUT).await;
        let answer = answer.map_err(|error| CallError::Unavailable(format!("token endpoint: {error}")))?;
        match answer.status {
            200 => {}
            401 | 403 => return Err(CallError::Unauthorized),
            status => return Err(CallError::Unavailable(format!("token endpoint: status {status}"))),
        }
        let unreadable = || CallError::Unavailable("token endpoint: unreadable answer".to_owned());
        let granted: Granted = answer.json().ok_or_else(unreadable)?;
        // A tenth, and at least a minute, is left for calls under way; without a sane life it is good for this call only.
        let life = granted.expires_in.unwrap_or_default().min(LONGEST);
        let life = life.saturating_sub((life / 10).max(60));
        *self.lock() = Some((granted.access_token.clone(), now + Duration::from_secs(life)));
        Ok(granted.access_token)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(SecretString, SystemTime)>> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
