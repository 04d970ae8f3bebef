//! The tokens in the recorded requests.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde_json::{Value, json};

use super::{AT, TENANT, again, receipts};
use crate::{
    Sandbox,
    auth0::{self, Auth0, Signer},
    wire::lock,
};

/// Expiry of the recorded token: in a century.
const TOKEN_END: u64 = AT + 3_153_600_000;

/// The access token in recorded requests, and one with the same claims for this tenant. The
/// recorded issuer is the tenant as a container sees it.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub(super) recorded: String,
    own: String,
    /// How often each recorded request was used, by its signature.
    used: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Tokens {
    /// Both tokens, signed by this tenant.
    pub fn new(auth0: &Auth0) -> Self {
        let token = |issuer| {
            let claims = json!({ "iss": issuer, "iat": AT, "exp": TOKEN_END });
            auth0.mint(claims, json!({}), Signer::Current)
        };
        Self {
            recorded: token(format!("{TENANT}/")),
            own: token(auth0.server().url() + "/"),
            used: Arc::default(),
        }
    }

    /// Replaces the recorded token in an event, for a function that asks this tenant for its keys,
    /// and signs a receipt anew that counts for a day. A call or a text that was used before gets
    /// another id. Other events do not change.
    pub fn reissue(&self, event: Bytes) -> Bytes {
        match std::str::from_utf8(&event) {
            Ok(text) => {
                let text = text.replace(&self.recorded, &self.own);
                self.again(receipts::renew(&text, crate::now())).into()
            }
            _ => event,
        }
    }

    fn again(&self, text: String) -> String {
        let event: Value = serde_json::from_str(&text).unwrap_or_default();
        let Some(signature) = again::signature(&event) else {
            return text;
        };
        let n = {
            let mut used = lock(&self.used);
            let n = used.entry(signature.to_owned()).or_default();
            *n += 1;
            *n - 1
        };
        match n {
            0 => text,
            n => again::renumbered(event, n).to_string(),
        }
    }
}

/// A recorded event that no function has seen: with other ids than all before, and with signatures
/// of today. Forged ones do not change.
pub fn fresh(text: &str) -> String {
    let now = crate::now();
    let text = receipts::renew(text, now);
    let number = u32::try_from(now.as_millis() % u128::from(u32::MAX)).unwrap_or_default();
    match serde_json::from_str(&text) {
        Ok(event) => again::renumbered(event, number.max(1)).to_string(),
        Err(_) => text,
    }
}

/// The token of a passwordless connection.
pub(super) fn gateway_token(sandbox: &Sandbox) -> String {
    let claims = json!({ "exp": TOKEN_END });
    sandbox.auth0.gateway_token(
        auth0::GATEWAY_SECRET,
        auth0::GATEWAY_AUDIENCE,
        auth0::GATEWAY_SUBJECT,
        claims,
    )
}

/// A token with the same claims and the algorithm that needs no key.
pub(super) fn unsigned(token: &str) -> String {
    let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let claims = token.split('.').nth(1).unwrap_or_default();
    format!("{header}.{claims}.")
}
