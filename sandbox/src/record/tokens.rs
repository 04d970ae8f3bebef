//! The tokens in the recorded requests.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde_json::json;

use super::{AT, TENANT, receipts};
use crate::{
    Sandbox,
    auth0::{self, Auth0, Signer},
};

/// Expiry of the recorded token: in a century.
const TOKEN_END: u64 = AT + 3_153_600_000;

/// The access token in recorded requests, and one with the same claims for this tenant. The
/// recorded issuer is the tenant as a container sees it.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub(super) recorded: String,
    own: String,
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
        }
    }

    /// Replaces the recorded token in an event, for a function that asks this tenant for its keys,
    /// and signs a receipt anew that counts for a day. Other events do not change.
    pub fn reissue(&self, event: Bytes) -> Bytes {
        match std::str::from_utf8(&event) {
            Ok(text) => {
                let text = text.replace(&self.recorded, &self.own);
                receipts::renew(&text, crate::now()).into()
            }
            _ => event,
        }
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
