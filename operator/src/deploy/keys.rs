//! Keys that a person gave before the deployment. They stay in memory, and no file holds them.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};

use crate::context::OwnCredentials;
use crate::secrets::{Spec, variable_name};

/// The keys. Has no `Debug`.
#[derive(Default)]
pub(crate) struct Keys {
    /// Those of the stack's secrets, by the names of their variables.
    secrets: BTreeMap<String, SecretString>,
    /// Those that only this program uses.
    pub(crate) mailgun_api_key: Option<SecretString>,
    pub(crate) auth0_token: Option<SecretString>,
}

impl Keys {
    /// Keeps a key for a secret of the stack.
    pub(crate) fn keep(&mut self, secret: &str, key: &str, value: SecretString) {
        let name = variable_name(Spec::of(secret), key);
        self.secrets.insert(name, value);
    }

    /// A key of a secret, by the name of its variable.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        let value = self.secrets.get(name)?;
        Some(value.expose_secret().to_owned())
    }

    /// Completes the credentials of this program.
    pub(super) fn complete(&self, own: &mut OwnCredentials) {
        if let Some(key) = &self.mailgun_api_key {
            own.mailgun_api_key.get_or_init(|| key.clone());
        }
        own.auth0_token = own.auth0_token.take().or_else(|| self.auth0_token.clone());
    }
}
