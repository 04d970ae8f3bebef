//! The value of `Authorization`: the API token as it is, or an access token by the
//! client-credentials grant of the org authorization server, `POST /oauth2/v1/token`. For the grant
//! the service app signs an assertion (`private_key_jwt`, the only way to Okta's own scopes,
//! <https://developer.okta.com/docs/guides/implement-oauth-for-okta-serviceapp/main/>). An access
//! token is kept in memory until shortly before it ends.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::rate_limit::ends;
use super::{Access, CallError, Credentials};
use crate::lock;
use crate::platform::base_url::BaseUrl;
use crate::platform::http::Client;
use crate::platform::secrets::Secret;
use crate::platform::time::epoch;
use crate::rules::jwt;

const ANSWER_LIMIT: usize = 64 * 1024;
const TIMEOUT: Duration = Duration::from_secs(4);
/// Okta accepts assertions that end within the hour.
const ASSERTION_LIFE: u64 = 300;
/// Whatever `expires_in` says, a token is used at most this long: Okta's fixed lifetime.
const MAX_LIFETIME_SECONDS: u64 = 3600;

/// The values of `Authorization` for one org.
pub(super) struct Tokens {
    client: Client,
    base: BaseUrl,
    access: Access,
    secret: Secret<Credentials>,
    cached: Mutex<Option<(SecretString, SystemTime)>>,
}

pub(super) enum Authorization {
    Api(SecretString),
    Access(SecretString),
}

#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    expires_in: Option<u64>,
}

/// OAuth's error answer (RFC 6749, section 5.2).
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Authorization {
    pub(super) fn header(&self) -> Result<HeaderValue, CallError> {
        let (scheme, token) = match self {
            Self::Api(token) => ("SSWS", token),
            Self::Access(token) => ("Bearer", token),
        };
        let mut header =
            HeaderValue::try_from(format!("{scheme} {}", token.expose_secret().trim())).map_err(
                |_| {
                    CallError::Unavailable(
                        "secret okta: the token is not one line of plain characters".to_owned(),
                    )
                },
            )?;
        header.set_sensitive(true);
        Ok(header)
    }
}

impl Tokens {
    pub(super) fn new(
        client: Client,
        base: BaseUrl,
        access: Access,
        secret: Secret<Credentials>,
    ) -> Self {
        Self {
            client,
            base,
            access,
            secret,
            cached: Mutex::new(None),
        }
    }

    /// The value from memory, or a new one.
    pub(super) async fn get(&self, now: SystemTime) -> Result<Authorization, CallError> {
        if let Some((token, end)) = &*lock(&self.cached)
            && *end > now
        {
            return Ok(Authorization::Access(token.clone()));
        }
        let is_refused = |error: &CallError| *error == CallError::Unauthorized;
        let attempt =
            |credentials: Arc<Credentials>| async move { self.authorize(&credentials, now).await };
        self.secret.retrying(now, is_refused, attempt).await
    }

    /// A new value in place of `refused`, which the API did not accept.
    pub(super) async fn replace(
        &self,
        refused: &Authorization,
        now: SystemTime,
    ) -> Result<Authorization, CallError> {
        let Authorization::Access(refused) = refused else {
            let fresh = self.secret.refresh(now).await?;
            let fresh = fresh.ok_or(CallError::Unauthorized)?;
            return self.authorize(&fresh, now).await;
        };
        {
            let mut cached = lock(&self.cached);
            // If another caller has renewed the token meanwhile, that token is kept.
            if cached
                .as_ref()
                .is_some_and(|(kept, _)| kept.expose_secret() == refused.expose_secret())
            {
                *cached = None;
            }
        }
        self.get(now).await
    }

    async fn authorize(
        &self,
        credentials: &Credentials,
        now: SystemTime,
    ) -> Result<Authorization, CallError> {
        let (client_id, private_key, key_id) = match credentials {
            Credentials::ApiToken(token) => return Ok(Authorization::Api(token.clone())),
            Credentials::ServiceApp {
                client_id,
                private_key,
                key_id,
            } => (client_id, private_key, key_id),
        };
        let (url, client_id, issued) = (
            self.base.join("oauth2/v1/token"),
            client_id.expose_secret(),
            epoch(now),
        );
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce)
            .map_err(|_| CallError::Unavailable("no random numbers".to_owned()))?;
        let claims = json!({
            "iss": client_id,
            "sub": client_id,
            "aud": url.as_str(),
            "iat": issued,
            "exp": issued + ASSERTION_LIFE,
            // Two instances may ask within the same second.
            "jti": hex::encode(nonce),
        });
        let assertion = jwt::sign_rs256(
            &claims,
            Some(key_id.expose_secret()),
            private_key.expose_secret(),
        )
        .ok_or_else(|| {
            CallError::Unavailable(
                "secret okta: private_key is not an RSA key in PEM form".to_owned(),
            )
        })?;
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", self.access.scope())
            .append_pair(
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            )
            .append_pair("client_assertion", &assertion)
            .finish();
        let request = self
            .client
            .request(Method::POST, url)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        let answer = self.client.send(request, ANSWER_LIMIT, TIMEOUT).await;
        let answer =
            answer.map_err(|error| CallError::Unavailable(format!("token endpoint: {error}")))?;
        match answer.status {
            200 => {}
            401 | 403 => return Err(CallError::Unauthorized),
            429 => {
                return Err(CallError::RateLimited {
                    until: ends(&answer.headers, now),
                });
            }
            status => {
                // An OAuth word such as invalid_scope or invalid_dpop_proof. It names what the app
                // lacks.
                let word = answer
                    .json()
                    .map(|Refusal { error }| error)
                    .unwrap_or_default();
                let word: String = word
                    .chars()
                    .filter(|c| c.is_ascii_lowercase() || *c == '_')
                    .take(40)
                    .collect();
                return Err(CallError::Unavailable(
                    format!("token endpoint: status {status} {word}")
                        .trim_end()
                        .to_owned(),
                ));
            }
        }
        let unreadable = || CallError::Unavailable("token endpoint: unreadable answer".to_owned());
        let granted: Granted = answer.json().ok_or_else(unreadable)?;
        // A tenth of the life, and at least a minute, is left for running calls. Without a sane
        // life the token serves this call only.
        let life = granted
            .expires_in
            .unwrap_or_default()
            .min(MAX_LIFETIME_SECONDS);
        let life = life.saturating_sub((life / 10).max(60));
        *lock(&self.cached) = Some((
            granted.access_token.clone(),
            now + Duration::from_secs(life),
        ));
        Ok(Authorization::Access(granted.access_token))
    }
}
