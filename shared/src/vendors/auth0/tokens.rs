//! Access tokens by the client-credentials grant, `POST /oauth/token`
//! (<https://auth0.com/docs/api/authentication/client-credential-flow/get-token>). Tokens are
//! billed and limited, so one request serves all callers and instances.
//!
//! A token is looked for in memory, then in the table (`token#<api>#<hash>`), then at Auth0. In a
//! process one caller renews and the others wait. Across instances a lease of five seconds in the
//! table decides which one renews. A token is renewed a little before it ends. While that fails,
//! the old token serves. A token that an API rejected is replaced. A replacement that never worked
//! is not replaced for a minute, because then the token is not at fault.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures_util::lock::Mutex as AsyncMutex;
use ring::digest;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio::time::Instant;

use super::grant::{
    BACKOFF_SECONDS, CachedToken, Failure, MAX_BACKOFF_SECONDS, MAX_LIFETIME_SECONDS, TokenEndpoint,
};
use super::{CallError, Credentials, management_audience};
use crate::lock;
use crate::platform::base_url::BaseUrl;
use crate::platform::http::Client;
use crate::platform::random::{owner_id, random_below};
use crate::platform::secrets::Secret;
use crate::platform::table::{Item, Key, Table, Unavailable, Update, Write};
use crate::platform::time::epoch;

/// Longer than a grant may take. It is short, because other instances wait for it if its holder has
/// died.
const LEASE: u64 = 5;
/// How long other instances wait for the one that renews.
const MAX_WAIT: Duration = Duration::from_secs(7);
/// A replacement that was rejected as well is kept this long.
const REPLACEMENT_LIFE: Duration = Duration::from_mins(1);

/// The access tokens for one audience.
pub struct Tokens {
    endpoint: TokenEndpoint,
    secret: Arc<Secret<Credentials>>,
    table: Option<Table>,
    cached: Mutex<Option<CachedToken>>,
    renewal: AsyncMutex<()>,
    /// This instance's name in leases.
    owner: String,
}

impl Tokens {
    /// Tokens from the tenant at `base` (`AUTH0_URL`) for `audience`, shared with other instances
    /// through `table`.
    pub fn new(
        client: Client,
        base: BaseUrl,
        audience: String,
        secret: Arc<Secret<Credentials>>,
        table: Option<Table>,
    ) -> Self {
        let (cached, renewal) = (Mutex::default(), AsyncMutex::default());
        let endpoint = TokenEndpoint {
            client,
            base,
            audience,
        };
        Self {
            endpoint,
            secret,
            table,
            cached,
            renewal,
            owner: owner_id(),
        }
    }

    /// A token.
    ///
    /// # Errors
    /// [`CallError`]; where tokens are shared, also for some seconds after Auth0 was overloaded.
    pub async fn get(&self, now: SystemTime) -> Result<SecretString, CallError> {
        if let Some(cached) = lock(&self.cached)
            .as_ref()
            .filter(|cached| cached.is_fresh(now))
        {
            return Ok(cached.token.clone());
        }
        self.renew(None, now).await
    }

    /// A new token in place of `refused`, which an API rejected with 401.
    ///
    /// # Errors
    /// [`CallError`]; `Unauthorized` if `refused` is itself a replacement that never worked.
    pub async fn replace(
        &self,
        refused: &SecretString,
        now: SystemTime,
    ) -> Result<SecretString, CallError> {
        let hopeless = lock(&self.cached).as_ref().is_some_and(|cached| {
            // Another instance's clock may be ahead.
            let age = now
                .duration_since(cached.granted)
                .unwrap_or_else(|ahead| ahead.duration());
            cached.is(refused) && cached.replacement && !cached.worked && age < REPLACEMENT_LIFE
        });
        if hopeless {
            return Err(CallError::Unauthorized);
        }
        self.renew(Some(refused), now).await
    }

    /// Notes that an API accepted `token`.
    pub fn worked(&self, token: &SecretString) {
        if let Some(cached) = lock(&self.cached)
            .as_mut()
            .filter(|cached| cached.is(token))
        {
            cached.worked = true;
        }
    }

    async fn renew(
        &self,
        refused: Option<&SecretString>,
        now: SystemTime,
    ) -> Result<SecretString, CallError> {
        let started = Instant::now();
        let _renewal = self.renewal.lock().await;
        let now = now + started.elapsed();
        let cached = lock(&self.cached)
            .clone()
            .filter(|cached| refused.is_none_or(|refused| !cached.is(refused)));
        if let Some(cached) = cached.as_ref().filter(|cached| cached.is_fresh(now)) {
            return Ok(cached.token.clone());
        }
        let failing = Instant::now();
        match self.by_secret(refused, now).await {
            Ok(renewed) => {
                let token = renewed.token.clone();
                *lock(&self.cached) = Some(renewed);
                Ok(token)
            }
            // The old token is valid until its end. The next caller need not wait for the same
            // failure.
            Err(error) => {
                let old = cached.filter(|cached| cached.is_usable(now)).ok_or(error)?;
                let now = now + failing.elapsed();
                *lock(&self.cached) = Some(CachedToken {
                    refresh: now + Duration::from_secs(BACKOFF_SECONDS),
                    ..old.clone()
                });
                Ok(old.token)
            }
        }
    }

    /// Renews with the cached secret, and once more if the secret has changed.
    async fn by_secret(
        &self,
        refused: Option<&SecretString>,
        now: SystemTime,
    ) -> Result<CachedToken, CallError> {
        let is_refused = |error: &CallError| *error == CallError::Unauthorized;
        let attempt = |credentials: Arc<Credentials>| async move {
            self.by_credentials(&credentials, refused, now).await
        };
        self.secret.retrying(now, is_refused, attempt).await
    }

    async fn by_credentials(
        &self,
        credentials: &Credentials,
        refused: Option<&SecretString>,
        now: SystemTime,
    ) -> Result<CachedToken, CallError> {
        let Some(table) = &self.table else {
            return self.unshared(credentials, refused.is_some(), now).await;
        };
        match self.shared(table, credentials, refused, now).await {
            Ok(result) => result,
            Err(error) => {
                tracing::warn!(%error, "a token is asked for without the table");
                self.unshared(credentials, refused.is_some(), now).await
            }
        }
    }

    async fn unshared(
        &self,
        credentials: &Credentials,
        replacement: bool,
        now: SystemTime,
    ) -> Result<CachedToken, CallError> {
        self.endpoint
            .grant(credentials, replacement, now)
            .await
            .map_err(|failure| failure.error)
    }

    /// The token in the table, or one that only this instance requests. The outer error: the table
    /// cannot be used.
    async fn shared(
        &self,
        table: &Table,
        credentials: &Credentials,
        refused: Option<&SecretString>,
        arrived: SystemTime,
    ) -> Result<Result<CachedToken, CallError>, Unavailable> {
        let (key, owner, started) = (self.key(credentials), self.owner.as_str(), Instant::now());
        let mut pause = 40;
        loop {
            let now = arrived + started.elapsed();
            let item = table.get(key.clone(), now).await?;
            if let Some(answer) = item.as_ref().and_then(|item| known(item, refused, now)) {
                return Ok(answer);
            }
            // A lease of our own was left by a call that was cut off.
            let others = |item: &Item| item.text("lease_owner") != Some(owner);
            let leased =
                item.is_some_and(|item| others(&item) && lies_ahead(&item, "lease_until", now));
            if !leased {
                let lease = Update::new(key.clone())
                    .set("lease_owner", owner)
                    .set("lease_until", epoch(now) + LEASE)
                    .set("expires_at", epoch(now) + MAX_LIFETIME_SECONDS)
                    .only_if(
                        "NOT lease_until BETWEEN :soon AND :later OR attribute_not_exists(lease_until) OR lease_owner = :owner",
                    )
                    .bind(":soon", epoch(now) + 1)
                    .bind(":later", epoch(now) + MAX_BACKOFF_SECONDS)
                    .bind(":owner", owner);
                if let Write::Done(item) = table.update(lease).await? {
                    // Another instance may have renewed the token since our read.
                    let known = known(&item, refused, now);
                    return Ok(self
                        .under_lease(
                            table,
                            &key,
                            owner,
                            known,
                            credentials,
                            refused.is_some(),
                            now,
                        )
                        .await);
                }
            }
            if started.elapsed() > MAX_WAIT {
                return Ok(Err(CallError::Unavailable(
                    "token endpoint: another instance has been asking for too long".to_owned(),
                )));
            }
            tokio::time::sleep(Duration::from_millis(pause + random_below(pause))).await;
            pause = (pause * 2).min(300);
        }
    }

    /// Requests a token while the lease is ours, and stores the result for the other instances.
    #[expect(clippy::too_many_arguments, reason = "the state of one attempt")]
    async fn under_lease(
        &self,
        table: &Table,
        key: &Key,
        owner: &str,
        known: Option<Result<CachedToken, CallError>>,
        credentials: &Credentials,
        replacement: bool,
        now: SystemTime,
    ) -> Result<CachedToken, CallError> {
        let started = Instant::now();
        let release = Update::new(key.clone())
            .remove("lease_owner")
            .remove("lease_until");
        // `known` returns an old token while a lease exists. This lease is ours, so only a fresh
        // token counts.
        let settled =
            known.filter(|known| known.as_ref().map_or(true, |cached| cached.is_fresh(now)));
        let (result, update) = match settled {
            Some(known) => (known, release),
            None => match self.endpoint.grant(credentials, replacement, now).await {
                Ok(cached) => {
                    let update = release
                        .set("token", cached.token.expose_secret())
                        .set("granted", epoch(cached.granted))
                        .set("refresh", epoch(cached.refresh))
                        .set("end", epoch(cached.end))
                        .set("replacement", u64::from(cached.replacement))
                        .set("expires_at", epoch(cached.end))
                        .remove("failed_until");
                    (Ok(cached), update)
                }
                Err(Failure {
                    error,
                    backoff: Some(backoff),
                }) => (
                    Err(error),
                    release.set("failed_until", epoch(now + started.elapsed()) + backoff),
                ),
                Err(Failure {
                    error,
                    backoff: None,
                }) => (Err(error), release),
            },
        };
        let update = update.only_if("lease_owner = :owner").bind(":owner", owner);
        if let Err(error) = table.update(update).await {
            tracing::warn!(%error, "a token could not be shared with other instances");
        }
        result
    }

    fn key(&self, credentials: &Credentials) -> Key {
        let parts = json!([
            self.endpoint.base.to_string(),
            credentials.client_id.expose_secret(),
            // The secret is part of the key. So after a rotation no instance uses a token of the
            // old secret.
            credentials.client_secret.expose_secret(),
            self.endpoint.audience
        ]);
        let hash = digest::digest(&digest::SHA256, parts.to_string().as_bytes());
        // Rights in the table go by the API: a function that may call one API need not be able to
        // call the other.
        let api = if self.endpoint.audience == management_audience(&self.endpoint.base) {
            "management"
        } else {
            "api"
        };
        Key::new(
            format!("token#{api}#{}", hex::encode(&hash.as_ref()[..16])),
            "token",
        )
    }
}

/// The answer that the table's item gives: a token, or that the last request failed a moment ago.
fn known(
    item: &Item,
    refused: Option<&SecretString>,
    now: SystemTime,
) -> Option<Result<CachedToken, CallError>> {
    let other = |cached: &CachedToken| refused.is_none_or(|refused| !cached.is(refused));
    let cached =
        CachedToken::from_item(item).filter(|cached| cached.is_usable(now) && other(cached));
    let renewing = lies_ahead(item, "lease_until", now);
    let backs_off = lies_ahead(item, "failed_until", now);
    match cached {
        Some(cached) if cached.is_fresh(now) || renewing || backs_off => Some(Ok(cached)),
        None if backs_off => Some(Err(CallError::Unavailable(
            "token endpoint: failed a moment ago".to_owned(),
        ))),
        _ => None,
    }
}

/// Whether this time of an item is still to come. A time further away than any of ours comes from a
/// wrong clock and does not count.
fn lies_ahead(item: &Item, name: &str, now: SystemTime) -> bool {
    let ahead = epoch(now) + 1..=epoch(now) + MAX_BACKOFF_SECONDS;
    item.number(name)
        .is_some_and(|until| ahead.contains(&until))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn a_time_that_is_over_or_too_far_away_does_not_lie_ahead() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        for (until, is_ahead) in [(1_000, false), (1_001, true), (1_060, true), (1_061, false)] {
            let item = Item::from_iter([("lease_until", until.into())]);
            assert_eq!(lies_ahead(&item, "lease_until", now), is_ahead, "{until}");
        }
        assert!(!lies_ahead(&Item::default(), "lease_until", now));
    }
}
