//! Credentials from AWS Secrets Manager: one JSON object per secret, cached for five minutes. The
//! secret is fetched earlier when a provider or a signature shows that it changed.
//!
//! A secret that cannot be fetched is never skipped: callers answer 503 (fail closed).

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::lock;
use crate::platform::reply::Failure;

/// Values are used at most this long.
const LIFE: Duration = Duration::from_mins(5);
/// Pause after a failed fetch. Until a fetch succeeds the answer is 503, not 403: the signature may
/// be right.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// After a mismatch the secret is fetched at most this often, so that a stranger's bad signatures
/// cannot cause many fetches.
const REFRESH_INTERVAL: Duration = Duration::from_mins(1);
/// For this long a secret without usable content counts as such where a credential is checked.
/// Else each made-up credential would cause a fetch. A new secret has the content `{}` until
/// somebody fills it.
const UNUSABLE_INTERVAL: Duration = Duration::from_secs(30);

/// The content of a secret: a JSON object of strings.
pub trait Content: Sized {
    /// The secret's name in messages (`twilio`).
    const NAME: &'static str;

    /// Takes the needed values from the object.
    fn take(keys: &mut Keys) -> Option<Self>;
}

/// The keys of a secret while it is read. It collects the missing ones.
#[derive(Debug)]
pub struct Keys {
    values: std::collections::HashMap<String, Value>,
    missing: Vec<&'static str>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Value {
    Text(SecretString),
    Flag(bool),
    Other(serde::de::IgnoredAny),
}

impl Keys {
    /// A value that must be present and not blank.
    pub fn required(&mut self, key: &'static str) -> Option<SecretString> {
        let value = self.optional(key);
        if value.is_none() {
            self.missing.push(key);
        }
        value
    }

    /// A value that may be left out.
    pub fn optional(&mut self, key: &'static str) -> Option<SecretString> {
        match self.values.remove(key) {
            Some(Value::Text(value))
                if !secrecy::ExposeSecret::expose_secret(&value)
                    .trim()
                    .is_empty() =>
            {
                Some(value)
            }
            _ => None,
        }
    }

    /// Notes that a value is wrong, in words that complete "the secret lacks …".
    pub fn reject(&mut self, what: &'static str) {
        self.missing.push(what);
    }

    /// A switch. It is off if left out.
    pub fn flag(&mut self, key: &'static str) -> bool {
        match self.values.get(key) {
            Some(Value::Flag(set)) => *set,
            Some(Value::Text(text)) => secrecy::ExposeSecret::expose_secret(text) == "true",
            _ => false,
        }
    }
}

/// Why a secret cannot be used. It names the secret, never its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretError(String);

impl SecretError {
    /// No time is left to wait for Secrets Manager.
    pub(crate) fn late(name: &str) -> Self {
        Self(format!("secret {name}: no answer in time"))
    }
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        Failure {
            status: 503,
            outcome: "secret_unavailable",
            cause: error.0,
        }
    }
}

/// One secret. It is fetched when needed.
pub struct Secret<T> {
    id: String,
    client: aws_sdk_secretsmanager::Client,
    cache: Mutex<Cache<T>>,
    content: PhantomData<T>,
}

struct Cache<T> {
    value: Option<(Arc<T>, SystemTime)>,
    refreshed: Option<(SystemTime, Result<(), SecretError>)>,
    /// What the content lacked when it was fetched last.
    unusable: Option<(SystemTime, SecretError)>,
}

impl<T: Content> Secret<T> {
    /// The secret with this id or ARN; nothing is fetched yet.
    pub fn new(id: String, client: aws_sdk_secretsmanager::Client) -> Self {
        Self {
            id,
            client,
            cache: Mutex::new(Cache {
                value: None,
                refreshed: None,
                unusable: None,
            }),
            content: PhantomData,
        }
    }

    /// The current value, from memory if it was fetched within five minutes.
    ///
    /// # Errors
    /// If Secrets Manager does not answer, or the value lacks a key.
    pub async fn get(&self, now: SystemTime) -> Result<Arc<T>, SecretError> {
        match self.cached(now) {
            Some(value) => Ok(value),
            None => self.fetch(now).await,
        }
    }

    fn cached(&self, now: SystemTime) -> Option<Arc<T>> {
        let cache = lock(&self.cache);
        let (value, fetched) = cache.value.as_ref()?;
        let age = now.duration_since(*fetched).ok()?;
        (age < LIFE).then(|| Arc::clone(value))
    }

    /// The value, fetched again because the cached one did not match; `None` if the last such fetch
    /// was within the last minute.
    ///
    /// # Errors
    /// As [`Secret::get`]. For five seconds after a failed fetch, the same error again.
    pub async fn refresh(&self, now: SystemTime) -> Result<Option<Arc<T>>, SecretError> {
        if let Some((last, result)) = &lock(&self.cache).refreshed {
            let interval = if result.is_ok() {
                REFRESH_INTERVAL
            } else {
                RETRY_INTERVAL
            };
            if now.duration_since(*last).is_ok_and(|age| age < interval) {
                return result.clone().map(|()| None);
            }
        }
        let fetched = self.fetch(now).await;
        lock(&self.cache).refreshed = Some((now, fetched.as_ref().map(drop).map_err(Clone::clone)));
        fetched.map(Some)
    }

    /// The cached value if it `fits`, else a fresh value that fits; `None`: neither does.
    ///
    /// # Errors
    /// As [`Secret::refresh`]. For half a minute after a fetch of unusable content, the same error
    /// again.
    pub async fn fitting(
        &self,
        now: SystemTime,
        fits: impl Fn(&T) -> bool,
    ) -> Result<Option<Arc<T>>, SecretError> {
        let cached = if let Some(value) = self.cached(now) {
            value
        } else {
            self.expect_usable(now)?;
            self.fetch(now).await?
        };
        if fits(&cached) {
            return Ok(Some(cached));
        }
        let fresh = self.refresh(now).await?;
        Ok(fresh.filter(|fresh| fits(fresh)))
    }

    /// An error if the content was unusable a moment ago.
    fn expect_usable(&self, now: SystemTime) -> Result<(), SecretError> {
        match &lock(&self.cache).unusable {
            Some((since, error))
                if now
                    .duration_since(*since)
                    .is_ok_and(|age| age < UNUSABLE_INTERVAL) =>
            {
                Err(error.clone())
            }
            _ => Ok(()),
        }
    }

    /// The result of an attempt with the cached value. If its error `is_refused`, the attempt is
    /// made again with a fresh value, if there is one.
    ///
    /// # Errors
    /// The attempt's error, or as [`Secret::refresh`].
    pub async fn retrying<R, E: From<SecretError>, F: Future<Output = Result<R, E>>>(
        &self,
        now: SystemTime,
        is_refused: impl Fn(&E) -> bool,
        attempt: impl Fn(Arc<T>) -> F,
    ) -> Result<R, E> {
        let first = attempt(self.get(now).await?).await;
        if !first.as_ref().is_err_and(is_refused) {
            return first;
        }
        match self.refresh(now).await? {
            Some(fresh) => attempt(fresh).await,
            None => first,
        }
    }

    async fn fetch(&self, now: SystemTime) -> Result<Arc<T>, SecretError> {
        let output = self
            .client
            .get_secret_value()
            .secret_id(&self.id)
            .send()
            .await
            .map_err(|error| {
                SecretError(format!(
                    "secret {} ({}): {}",
                    T::NAME,
                    self.id,
                    crate::platform::aws::cause("GetSecretValue", &error)
                ))
            })?;
        let parsed = parse::<T>(&self.id, output.secret_string().unwrap_or_default());
        let mut cache = lock(&self.cache);
        cache.unusable = parsed.as_ref().err().map(|error| (now, error.clone()));
        let value = Arc::new(parsed?);
        cache.value = Some((Arc::clone(&value), now));
        Ok(value)
    }
}

/// Fetches ahead a secret that may be left out.
pub async fn warm_up<T: Content>(secret: Option<&Secret<T>>, now: SystemTime) {
    if let Some(secret) = secret {
        // A failure shows again on the first request.
        let _ = secret.get(now).await;
    }
}

/// Says why the text of a secret cannot be used.
pub(super) type Complaint = fn(id: &str, text: &str) -> Option<String>;

/// Why the text of a secret is no `T`.
pub(super) fn complaint<T: Content>(id: &str, text: &str) -> Option<String> {
    parse::<T>(id, text).err().map(|error| error.0)
}

fn parse<T: Content>(id: &str, text: &str) -> Result<T, SecretError> {
    let values = object(text)
        .ok_or_else(|| SecretError(format!("secret {} ({id}) is not a JSON object", T::NAME)))?;
    let mut keys = Keys {
        values,
        missing: Vec::new(),
    };
    let content = T::take(&mut keys);
    if !keys.missing.is_empty() {
        return Err(SecretError(format!(
            "secret {} ({id}) lacks {}",
            T::NAME,
            keys.missing.join(", ")
        )));
    }
    content.ok_or_else(|| SecretError(format!("secret {} ({id}) is incomplete", T::NAME)))
}

/// What a secret with this text lacks, and the keys of the text that nobody reads.
#[cfg(test)]
pub(crate) fn take<T: Content>(text: &str) -> (Vec<&'static str>, Vec<String>) {
    let mut keys = Keys {
        values: object(text).unwrap_or_default(),
        missing: Vec::new(),
    };
    if T::take(&mut keys).is_none() && keys.missing.is_empty() {
        keys.missing.push("something");
    }
    (keys.missing, keys.values.into_keys().collect())
}

/// Whether two secrets are equal. The time it takes reveals only whether their lengths are equal.
pub fn same(known: &str, given: &str) -> bool {
    use subtle::ConstantTimeEq as _;
    known.as_bytes().ct_eq(given.as_bytes()).into()
}

fn object<V: DeserializeOwned>(text: &str) -> Option<std::collections::HashMap<String, V>> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    struct Pair {
        user: SecretString,
        old: Option<SecretString>,
        encoded: bool,
    }

    impl Content for Pair {
        const NAME: &'static str = "pair";

        fn take(keys: &mut Keys) -> Option<Self> {
            let (user, key) = (keys.required("user"), keys.required("key"));
            key?;
            Some(Self {
                user: user?,
                old: keys.optional("old"),
                encoded: keys.flag("encoded"),
            })
        }
    }

    #[test]
    fn keys_are_checked_by_name() {
        let pair = parse::<Pair>(
            "id",
            r#"{"user":"u","key":"k","encoded":true,"more":[1],"old":null}"#,
        )
        .unwrap();
        assert_eq!(pair.user.expose_secret(), "u");
        assert!(pair.old.is_none() && pair.encoded);
        let error = |text: &str| parse::<Pair>("app/pair", text).err().unwrap().to_string();
        assert_eq!(error("{}"), "secret pair (app/pair) lacks user, key");
        assert_eq!(
            error(r#"{"user":"u","key":""}"#),
            "secret pair (app/pair) lacks key"
        );
        assert_eq!(
            error("hunter2"),
            "secret pair (app/pair) is not a JSON object"
        );
    }

    #[test]
    fn debug_output_hides_values() {
        let keys = Keys {
            values: object(r#"{"user":"hunter2"}"#).unwrap(),
            missing: vec![],
        };
        assert!(!format!("{keys:?}").contains("hunter2"));
    }
}
