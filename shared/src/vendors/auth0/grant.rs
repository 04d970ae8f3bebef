//! One request to the token endpoint, and the token that it brings.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{CallError, Credentials};
use crate::platform::base_url::BaseUrl;
use crate::platform::http::{Client, NoAnswer};
use crate::platform::random::random_below;
use crate::platform::secrets;
use crate::platform::table::Item;

const ANSWER_LIMIT: usize = 64 * 1024;
const TIMEOUT: Duration = Duration::from_secs(3);
/// Whatever `expires_in` says, a token is used at most this long: Auth0's own default.
pub(super) const MAX_LIFETIME_SECONDS: u64 = 86_400;
/// The assumed life without a sane `expires_in`.
const FALLBACK_LIFETIME_SECONDS: u64 = 60;
/// A token that ends within this many seconds is not handed out.
const LAST_SECONDS: u64 = 5;
/// After 429, 5xx or a timeout no instance asks again for this many seconds, or for as long as
/// Auth0 says. An instance that still has a usable token waits as long after any failure.
pub(super) const BACKOFF_SECONDS: u64 = 3;
pub(super) const MAX_BACKOFF_SECONDS: u64 = 60;

/// A token and its known state.
#[derive(Clone)]
pub(super) struct CachedToken {
    pub(super) token: SecretString,
    pub(super) granted: SystemTime,
    pub(super) refresh: SystemTime,
    pub(super) end: SystemTime,
    /// Whether it came in place of a rejected one.
    pub(super) replacement: bool,
    /// Whether an API accepted it.
    pub(super) worked: bool,
}

impl CachedToken {
    pub(super) fn is_fresh(&self, now: SystemTime) -> bool {
        self.refresh > now
    }

    pub(super) fn is_usable(&self, now: SystemTime) -> bool {
        self.end > now + Duration::from_secs(LAST_SECONDS)
    }

    pub(super) fn is(&self, token: &SecretString) -> bool {
        secrets::same(self.token.expose_secret(), token.expose_secret())
    }

    pub(super) fn from_item(item: &Item) -> Option<Self> {
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

/// The token endpoint of a tenant, for one audience.
pub(super) struct TokenEndpoint {
    pub(super) client: Client,
    pub(super) base: BaseUrl,
    pub(super) audience: String,
}

impl TokenEndpoint {
    /// Requests a token. `replacement`: in place of one that an API rejected.
    pub(super) async fn grant(
        &self,
        credentials: &Credentials,
        replacement: bool,
        now: SystemTime,
    ) -> Result<CachedToken, Failure> {
        #[derive(Deserialize)]
        struct Granted {
            access_token: SecretString,
            expires_in: Option<Value>,
        }
        let failed = |what: String| Failure {
            error: CallError::Unavailable(format!("token endpoint: {what}")),
            backoff: None,
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
                    backoff: why.contains("in time").then_some(BACKOFF_SECONDS),
                    ..failed(error.to_string())
                }
            })?;
        match answer.status {
            200 => {}
            401 | 403 => {
                return Err(Failure {
                    error: CallError::Unauthorized,
                    backoff: None,
                });
            }
            status @ (429 | 500..) => {
                return Err(Failure {
                    backoff: Some(retry_after(&answer.headers)),
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
        Ok(CachedToken {
            token: granted.access_token,
            granted: now,
            refresh,
            end,
            replacement,
            worked: false,
        })
    }
}

/// Why no token came, and for how many seconds no instance should ask: Auth0 is overloaded, or says
/// that we ask too much.
pub(super) struct Failure {
    pub(super) error: CallError,
    pub(super) backoff: Option<u64>,
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
        .map_or(FALLBACK_LIFETIME_SECONDS, |seconds| {
            seconds.min(MAX_LIFETIME_SECONDS)
        })
}

fn retry_after(headers: &HeaderMap) -> u64 {
    let after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    after.map_or(BACKOFF_SECONDS, |seconds| {
        seconds.clamp(1, MAX_BACKOFF_SECONDS)
    })
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
            (json!(0), FALLBACK_LIFETIME_SECONDS),
            (json!(-1), FALLBACK_LIFETIME_SECONDS),
            (json!(1.5), FALLBACK_LIFETIME_SECONDS),
            (json!("soon"), FALLBACK_LIFETIME_SECONDS),
            (json!(null), FALLBACK_LIFETIME_SECONDS),
            (json!([]), FALLBACK_LIFETIME_SECONDS),
            (json!(1), 1),
            (json!(315_360_000), MAX_LIFETIME_SECONDS),
            (json!(u64::MAX), MAX_LIFETIME_SECONDS),
        ] {
            assert_eq!(life(Some(&expires_in)), seconds, "{expires_in}");
        }
        assert_eq!(life(None), FALLBACK_LIFETIME_SECONDS);
    }
}
