//! Access tokens that callers present. They are checked with the tenant's public keys
//! (<https://auth0.com/docs/secure/tokens/json-web-tokens/json-web-key-sets>).
//!
//! The keys are fetched when a token names an unknown key, at most once a minute for all callers.
//! They are kept while the tenant cannot be reached. A token's header chooses a key by `kid` and
//! nothing else: no address, no key, no algorithm.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use futures_util::lock::Mutex as AsyncMutex;
use reqwest::Method;
use serde::Deserialize;

use crate::lock;
use crate::platform::base_url::BaseUrl;
use crate::platform::http::Client;
use crate::rules::jwt::{self, Invalid, Key};

const ANSWER_LIMIT: usize = 256 * 1024;
const TIMEOUT: Duration = Duration::from_secs(4);
const REFETCH_INTERVAL: Duration = Duration::from_mins(1);
/// A failed fetch is repeated sooner.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// Keys that the tenant has withdrawn are forgotten after this.
const LIFE: Duration = Duration::from_hours(6);
/// A tenant has two or three keys.
const KEY_LIMIT: usize = 20;

/// Why a token is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The token is not valid for this tenant and audience now; the word is for logs.
    Invalid(&'static str),
    /// The token is valid, but lacks this scope.
    Scope,
    /// The tenant's keys cannot be fetched, so the token cannot be checked.
    Unavailable(String),
}

/// The checks for one tenant and audience.
pub struct Access {
    client: Client,
    base: BaseUrl,
    audience: String,
    keys: Mutex<Keys>,
    renewal: AsyncMutex<()>,
}

#[derive(Default)]
struct Keys {
    known: HashMap<String, Key>,
    fetched: Option<SystemTime>,
    /// The time and the result of the last fetch.
    tried: Option<(SystemTime, Result<(), String>)>,
}

impl Access {
    /// Tokens of the tenant at `base` (`AUTH0_URL`) for `audience`.
    pub fn new(client: Client, base: BaseUrl, audience: String) -> Self {
        Self {
            client,
            base,
            audience,
            keys: Mutex::default(),
            renewal: AsyncMutex::default(),
        }
    }

    /// Checks an RS256 access token: signature, `iss`, `aud`, `exp`, and that `scope` is among its
    /// scopes.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn check(&self, token: &str, scope: &str, now: SystemTime) -> Result<(), Refusal> {
        let kid = jwt::key_id(token).ok_or(Refusal::Invalid("no_rs256_token"))?;
        let key = self
            .key(&kid, now)
            .await?
            .ok_or(Refusal::Invalid("unknown_key"))?;
        let issuer = self.base.as_url().as_str();
        let claims =
            jwt::check_rs256(token, &key, issuer, &self.audience, now).map_err(|invalid| {
                match invalid {
                    Invalid::Signature => Refusal::Invalid("bad_signature"),
                    Invalid::Claims => Refusal::Invalid("bad_claims"),
                }
            })?;
        if claims.scopes().any(|granted| granted == scope) {
            Ok(())
        } else {
            Err(Refusal::Scope)
        }
    }

    /// Fetches the keys ahead, during INIT.
    pub async fn warm_up(&self, now: SystemTime) {
        // A failure shows again on the first request.
        let _ = self.fetch(now).await;
    }

    async fn key(&self, kid: &str, now: SystemTime) -> Result<Option<Key>, Refusal> {
        let outlived = lock(&self.keys)
            .fetched
            .is_none_or(|at| now.duration_since(at).is_ok_and(|age| age > LIFE));
        let known = lock(&self.keys).known.get(kid).cloned();
        if let Some(key) = known.clone()
            && !outlived
        {
            return Ok(Some(key));
        }
        match self.fetch(now).await {
            Ok(()) => Ok(lock(&self.keys).known.get(kid).cloned()),
            // While the tenant cannot be reached, its old key still counts.
            Err(_) if known.is_some() => Ok(known),
            // The tenant may have a new key, so the token may be right.
            Err(why) => Err(Refusal::Unavailable(why)),
        }
    }

    /// Fetches the keys unless that was done within the last minute.
    async fn fetch(&self, now: SystemTime) -> Result<(), String> {
        let started = Instant::now();
        let _renewal = self.renewal.lock().await;
        let now = now + started.elapsed();
        if let Some((at, result)) = &lock(&self.keys).tried {
            let interval = if result.is_ok() {
                REFETCH_INTERVAL
            } else {
                RETRY_INTERVAL
            };
            // A caller that came during the fetch, or by a clock that is behind, has an earlier
            // time.
            let age = now
                .duration_since(*at)
                .unwrap_or_else(|ahead| ahead.duration());
            if age < interval {
                return result.clone();
            }
        }
        // A fetch that is cut off is not noted, because its result is unknown.
        let fetching = Instant::now();
        let fetched = self.fetch_now().await;
        let at = now + fetching.elapsed();
        let mut keys = lock(&self.keys);
        keys.tried = Some((at, fetched.as_ref().map(drop).map_err(Clone::clone)));
        let known = fetched?;
        (keys.known, keys.fetched) = (known, Some(at));
        Ok(())
    }

    async fn fetch_now(&self) -> Result<HashMap<String, Key>, String> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let request = self
            .client
            .request(Method::GET, self.base.join(".well-known/jwks.json"));
        let answer = self
            .client
            .send(request, ANSWER_LIMIT, TIMEOUT)
            .await
            .map_err(|error| format!("JWKS: {error}"))?;
        let set: Option<Set> = if answer.status == 200 {
            answer.json()
        } else {
            None
        };
        let set =
            set.ok_or_else(|| format!("JWKS: unreadable answer with status {}", answer.status))?;
        let known: HashMap<String, Key> = set
            .keys
            .iter()
            .take(KEY_LIMIT)
            .filter_map(Key::from_jwk)
            .collect();
        if known.is_empty() {
            Err("JWKS: no RS256 key".to_owned())
        } else {
            Ok(known)
        }
    }
}
