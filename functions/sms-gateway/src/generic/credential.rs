//! Checks the caller: a token that we gave it, or its signature.

use std::time::SystemTime;

use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};
use shared::platform::bearer;
use shared::platform::reply::Reply;
use shared::platform::request::Request;
use shared::platform::secrets::{self, Content, Keys, Secret};

use super::signature::{Signature, Unusable};
use crate::answers;

/// The `generic` secret. One of its values is enough.
pub(crate) struct Credentials {
    tokens: Vec<SecretString>,
    keys: Vec<hmac::Key>,
}

impl Content for Credentials {
    const NAME: &'static str = "generic";

    fn take(keys: &mut Keys) -> Option<Self> {
        let tokens = [
            keys.optional("bearer_token"),
            keys.optional("previous_bearer_token"),
        ];
        let hmac_secrets = [
            keys.optional("hmac_secret"),
            keys.optional("previous_hmac_secret"),
        ];
        if tokens[0].is_none() && hmac_secrets[0].is_none() {
            keys.reject("bearer_token or hmac_secret");
        }
        let key = |secret: SecretString| {
            hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes())
        };
        Some(Self {
            tokens: tokens.into_iter().flatten().collect(),
            keys: hmac_secrets.into_iter().flatten().map(key).collect(),
        })
    }
}

/// Checks token and signature. If neither matches, the secret is fetched again once.
///
/// # Errors
/// The answer: 401, or 503 if the secret is unavailable.
pub(super) async fn check(
    request: &Request,
    signature: Option<Result<Signature, Unusable>>,
    credentials: &Secret<Credentials>,
    now: SystemTime,
) -> Result<(), Reply> {
    let token = token(request);
    let signature = match (signature, &token) {
        (Some(Err(Unusable::Stale)), None) => {
            return Err(Reply::refused(401, "stale_signature"));
        }
        (Some(Err(Unusable::Unreadable)), None) => {
            return Err(Reply::refused(401, "bad_signature"));
        }
        (None, None) => return Err(Reply::refused(401, "credential_missing")),
        (signature, _) => signature.and_then(Result::ok),
    };
    let fits = |known: &Credentials| {
        let is_token = token.as_ref().is_some_and(|given| {
            let given = given.expose_secret();
            let mut tokens = known.tokens.iter();
            tokens.any(|token| secrets::same(token.expose_secret(), given))
        });
        let is_signed = signature.as_ref().is_some_and(|signature| {
            let mut keys = known.keys.iter();
            keys.any(|key| signature.is_by(key, request.body()))
        });
        is_token || is_signed
    };
    let fitting = credentials.fitting(now, fits).await;
    match fitting.map_err(answers::unavailable)? {
        Some(_) => Ok(()),
        None if token.is_none() => Err(Reply::refused(401, "bad_signature")),
        None => Err(Reply::refused(401, "bad_credential")),
    }
}

/// The token of `Authorization`: `Bearer`, the password of `Basic`, or the whole value, for callers
/// that let a person type the header's value.
fn token(request: &Request) -> Option<SecretString> {
    bearer::presented(request).or_else(|| {
        let bare = request.header("authorization")?.trim();
        let is_bare = !bare.is_empty() && !bare.contains(char::is_whitespace);
        is_bare.then(|| SecretString::from(bare))
    })
}
