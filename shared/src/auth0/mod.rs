//! Auth0: the token endpoint and the Management API's users (API version 2).
//!
//! Authentication of calls: a machine-to-machine application's access token for the audience `https://{tenant}/api/v2/`
//! (<https://auth0.com/docs/secure/tokens/access-tokens/management-api-access-tokens>).

pub mod tokens;
pub mod users;

use secrecy::SecretString;

use crate::secrets::{Content, Keys};

/// The `auth0` secret: a machine-to-machine application.
#[derive(Debug)]
pub struct Credentials {
    /// Its client id.
    pub client_id: SecretString,
    /// Its client secret.
    pub client_secret: SecretString,
}

impl Content for Credentials {
    const NAME: &'static str = "auth0";

    fn take(keys: &mut Keys) -> Option<Self> {
        let (client_id, client_secret) = (keys.required("client_id"), keys.required("client_secret"));
        Some(Self { client_id: client_id?, client_secret: client_secret? })
    }
}
