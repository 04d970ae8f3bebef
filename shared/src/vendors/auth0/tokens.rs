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
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::lock::Mutex as Turn;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use ring::digest;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::users::Users;
use super::{CallError, Credentials};
use crate::lock;
use crate::platform::base_url::BaseUrl;
use crate::platform::http::{Client, NoAnswer};
use crate::platform::random::{owner_id, random_below};
use crate::platform::secrets::{self, Secret};
use crate::platform::table::{Item, Key, Table, Unavailable, Update, Write};
use crate::platform::time::epoch;

const ANSWER_LIMIT: usize = 64 * 1024;
const TIMEOUT: Duration = Duration::from_secs(3);
/// Longer than a grant may take. It is short, because other instances wait for it if its holder has
/// died.
const LEASE: u64 = 5;
/// How long other instances wait for the one that renews.
const PATIENCE: Duration = Duration::from_secs(7);
/// Whatever `expires_in` says, a token is used at most this long: Auth0's own default.
const LONGEST: u64 = 86_400;
/// The assumed life without a sane `expires_in`.
const ASSUMED: u64 = 60;
/// A token that ends within this many seconds is not handed out.
const LAST_SECONDS: u64 = 5;
/// After 429, 5xx or a timeout no instance asks again for this many seconds, or for as long as
/// Auth0 says. An instance that still has a usable token waits as long after any failure.
const REST: u64 = 3;
const LONGEST_REST: u64 = 60;
/// A replacement that was rejected as well is kept this long.
const REPLACEMENT_LIFE: Duration = Duration::from_mins(1);

/// The access tokens for one audience.
pub struct Tokens {
    client: Client,
    base: BaseUrl,
    audience: String,
    secret: Arc<Secret<Credentials>>,
    table: Option<Table>,
    kept: Mutex<Option<Kept>>,
    turn: Turn<()>,
    /// This instance's name in leases.
    owner: String,
}

/// A token and its known state.
#[derive(Clone)]
struct Kept {
    token: SecretString,
    granted: SystemTime,
    refresh: SystemTime,
    end: SystemTime,
    /// Whether it came in place of a rejected one.
    replacement: bool,
    /// Whether an API accepted it.
    worked: bool,
}

impl Kept {
    fn is_fresh(&self, now: SystemTime) -> bool {
        self.refresh > now
    }

    fn is_usable(&self, now: SystemTime) -> bool {
        self.end > now + Duration::from_secs(LAST_SECONDS)
    }

    fn is(&self, token: &SecretString) -> bool {
        secrets::same(self.token.expose_secret(), token.expose_secret())
    }

    fn read(item: &Item) -> Option<Self> {
        let time = |name: &str| Some(UNIX_EPOCH + Duration::from_secs(item.number(name)?));
        Some(Self {
            token: item.text("token")?.to_owned().into(),
            granted: time("granted")?,
            refresh: time("refresh")?,
            end: time("end")?,
            replacement: item.number("replacement") == Some(1),
            worked: false,
        })
    }
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
        let (kept, turn) = (Mutex::default(), Turn::default());
        Self {
            client,
            base,
            audience,
            secret,
            table,
            kept,
            turn,
            owner: owner_id(),
        }
    }

    /// A token.
    ///
    /// # Errors
    /// [`CallError`]; where tokens are shared, also for some seconds after Auth0 was overloaded.
    pub async fn get(&self, now: SystemTime) -> Result<SecretString, CallError> {
        if let Some(kept) = lock(&self.kept).as_ref().filter(|kept| kept.is_fresh(now)) {
            return Ok(kept.token.clone());
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
        let hopeless = lock(&self.kept).as_ref().is_some_and(|kept| {
            // Another instance's clock may be ahead.
            let age = now
                .duration_since(kept.granted)
                .unwrap_or_else(|ahead| ahead.duration());
            kept.is(refused) && kept.replacement && !kept.worked && age < REPLACEMENT_LIFE
        });
        if hopeless {
            return Err(CallError::Unauthorized);
        }
        self.renew(Some(refused), now).await
    }

    /// Notes that an API accepted `token`.
    pub fn worked(&self, token: &SecretString) {
        if let Some(kept) = lock(&self.kept).as_mut().filter(|kept| kept.is(token)) {
            kept.worked = true;
        }
    }

    async fn renew(
        &self,
        refused: Option<&SecretString>,
        now: SystemTime,
    ) -> Result<SecretString, CallError> {
        let started = Instant::now();
        let _turn = self.turn.lock().await;
        let now = now + started.elapsed();
        let kept = lock(&self.kept)
            .clone()
            .filter(|kept| refused.is_none_or(|refused| !kept.is(refused)));
        if let Some(kept) = kept.as_ref().filter(|kept| kept.is_fresh(now)) {
            return Ok(kept.token.clone());
        }
        let failing = Instant::now();
        match self.by_secret(refused, now).await {
            Ok(renewed) => {
                let token = renewed.token.clone();
                *lock(&self.kept) = Some(renewed);
                Ok(token)
            }
            // The old token is valid until its end. The next caller need not wait for the same
            // failure.
            Err(error) => {
                let old = kept.filter(|kept| kept.is_usable(now)).ok_or(error)?;
                let now = now + failing.elapsed();
                *lock(&self.kept) = Some(Kept {
                    refresh: now + Duration::from_secs(REST),
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
    ) -> Result<Kept, CallError> {
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
    ) -> Result<Kept, CallError> {
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
    ) -> Result<Kept, CallError> {
        self.grant(credentials, replacement, now)
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
    ) -> Result<Result<Kept, CallError>, Unavailable> {
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
                    .set("expires_at", epoch(now) + LONGEST)
                    .only_if(
                        "NOT lease_until BETWEEN :soon AND :later OR attribute_not_exists(lease_until) OR lease_owner = :owner",
                    )
                    .bind(":soon", epoch(now) + 1)
                    .bind(":later", epoch(now) + LONGEST_REST)
                    .bind(":owner", owner);
                if let Write::Done(item) = table.update(lease).await? {
                    // Another instance may have renewed the token since our read.
                    let known = known(&item, refused, now);
                    return Ok(self
                        .in_turn(
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
            if started.elapsed() > PATIENCE {
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
    async fn in_turn(
        &self,
        table: &Table,
        key: &Key,
        owner: &str,
        known: Option<Result<Kept, CallError>>,
        credentials: &Credentials,
        replacement: bool,
        now: SystemTime,
    ) -> Result<Kept, CallError> {
        let started = Instant::now();
        let release = Update::new(key.clone())
            .remove("lease_owner")
            .remove("lease_until");
        // `known` returns an old token while a lease exists. This lease is ours, so only a fresh
        // token counts.
        let settled = known.filter(|known| known.as_ref().map_or(true, |kept| kept.is_fresh(now)));
        let (result, update) = match settled {
            Some(known) => (known, release),
            None => match self.grant(credentials, replacement, now).await {
                Ok(kept) => {
                    let update = release
                        .set("token", kept.token.expose_secret())
                        .set("granted", epoch(kept.granted))
                        .set("refresh", epoch(kept.refresh))
                        .set("end", epoch(kept.end))
                        .set("replacement", u64::from(kept.replacement))
                        .set("expires_at", epoch(kept.end))
                        .remove("failed_until");
                    (Ok(kept), update)
                }
                Err(Failure {
                    error,
                    rest: Some(rest),
                }) => (
                    Err(error),
                    release.set("failed_until", epoch(now + started.elapsed()) + rest),
                ),
                Err(Failure { error, rest: None }) => (Err(error), release),
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
            self.base.to_string(),
            credentials.client_id.expose_secret(),
            // The secret is part of the key. So after a rotation no instance uses a token of the
            // old secret.
            credentials.client_secret.expose_secret(),
            self.audience
        ]);
        let hash = digest::digest(&digest::SHA256, parts.to_string().as_bytes());
        // Rights in the table go by the API: a function that may call one API need not be able to
        // call the other.
        let api = if self.audience == Users::audience(&self.base) {
            "management"
        } else {
            "api"
        };
        Key::new(
            format!("token#{api}#{}", hex::encode(&hash.as_ref()[..16])),
            "token",
        )
    }

    async fn grant(
        &self,
        credentials: &Credentials,
        replacement: bool,
        now: SystemTime,
    ) -> Result<Kept, Failure> {
        #[derive(Deserialize)]
        struct Granted {
            access_token: SecretString,
            expires_in: Option<Value>,
        }
        let failed = |what: String| Failure {
            error: CallError::Unavailable(format!("token endpoint: {what}")),
            rest: None,
        };
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
        let answer = self
            .client
            .send(request, ANSWER_LIMIT, TIMEOUT)
            .await
            .map_err(|error| {
                let (NoAnswer::NotSent(why) | NoAnswer::Unknown(why)) = error;
                // The next caller would wait as long.
                Failure {
                    rest: why.contains("in time").then_some(REST),
                    ..failed(error.to_string())
                }
            })?;
        match answer.status {
            200 => {}
            401 | 403 => {
                return Err(Failure {
                    error: CallError::Unauthorized,
                    rest: None,
                });
            }
            status @ (429 | 500..) => {
                return Err(Failure {
                    rest: Some(rest(&answer.headers)),
                    ..failed(format!("status {status}"))
                });
            }
            status => return Err(failed(format!("status {status}"))),
        }
        let granted: Granted = answer
            .json()
            .ok_or_else(|| failed("unreadable answer".to_owned()))?;
        if granted.access_token.expose_secret().is_empty() {
            return Err(failed("no token in the answer".to_owned()));
        }
        let life = life(granted.expires_in.as_ref());
        let early = (life / 10).max(2 * LAST_SECONDS);
        // A random part, so that instances that share a token do not all renew it in the same
        // second.
        let refresh = life.saturating_sub(early + random_below(early / 2));
        let after = |seconds| now + Duration::from_secs(seconds);
        let (refresh, end) = (after(refresh), after(life));
        Ok(Kept {
            token: granted.access_token,
            granted: now,
            refresh,
            end,
            replacement,
            worked: false,
        })
    }
}

/// The answer that the table's item gives: a token, or that the last request failed a moment ago.
fn known(
    item: &Item,
    refused: Option<&SecretString>,
    now: SystemTime,
) -> Option<Result<Kept, CallError>> {
    let other = |kept: &Kept| refused.is_none_or(|refused| !kept.is(refused));
    let kept = Kept::read(item).filter(|kept| kept.is_usable(now) && other(kept));
    let renewing = lies_ahead(item, "lease_until", now);
    let rests = lies_ahead(item, "failed_until", now);
    match kept {
        Some(kept) if kept.is_fresh(now) || renewing || rests => Some(Ok(kept)),
        None if rests => Some(Err(CallError::Unavailable(
            "token endpoint: failed a moment ago".to_owned(),
        ))),
        _ => None,
    }
}

/// Whether this time of an item is still to come. A time further away than any of ours comes from a
/// wrong clock and does not count.
fn lies_ahead(item: &Item, name: &str, now: SystemTime) -> bool {
    let ahead = epoch(now) + 1..=epoch(now) + LONGEST_REST;
    item.number(name)
        .is_some_and(|until| ahead.contains(&until))
}

/// Why no token came, and for how many seconds no instance should ask: Auth0 is overloaded, or says
/// that we ask too much.
struct Failure {
    error: CallError,
    rest: Option<u64>,
}

/// The life of a token in seconds. If something other than Auth0 answers, `expires_in` may be
/// missing, a text, negative or absurd.
fn life(expires_in: Option<&Value>) -> u64 {
    let seconds = expires_in.and_then(|value| {
        value
            .as_u64()
            .or_else(|| value.as_str()?.trim().parse().ok())
    });
    seconds
        .filter(|seconds| *seconds > 0)
        .map_or(ASSUMED, |seconds| seconds.min(LONGEST))
}

fn rest(headers: &HeaderMap) -> u64 {
    let after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    after.map_or(REST, |seconds| seconds.clamp(1, LONGEST_REST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_lives_are_bounded() {
        for (expires_in, seconds) in [
            (json!(86_400), 86_400),
            (json!(3600), 3600),
            (json!("3600"), 3600),
            (json!(0), ASSUMED),
            (json!(-1), ASSUMED),
            (json!(1.5), ASSUMED),
            (json!("soon"), ASSUMED),
            (json!(null), ASSUMED),
            (json!([]), ASSUMED),
            (json!(1), 1),
            (json!(315_360_000), LONGEST),
            (json!(u64::MAX), LONGEST),
        ] {
            assert_eq!(life(Some(&expires_in)), seconds, "{expires_in}");
        }
        assert_eq!(life(None), ASSUMED);
    }
}
