//! What a test does with secrets.

use std::sync::Arc;

use serde_json::Value;

use super::{
    secret::{CURRENT, Secret, Secrets},
    services::Aws,
};
use crate::{random, wire::lock};

/// The secrets, for a stack that creates its own. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Vault(Secrets);

impl Vault {
    /// Creates a secret with this value, or sets the value of the one that there is.
    pub(crate) fn create(&self, id: &str, description: &str, value: &str) {
        let mut secrets = lock(&self.0);
        let secret = secrets.entry(id.to_owned()).or_default();
        description.clone_into(&mut secret.description);
        let stages = [CURRENT.to_owned()];
        secret.put(&random::uuid(), "SecretString", value, &stages);
    }

    /// Deletes a secret.
    pub(crate) fn remove(&self, id: &str) {
        lock(&self.0).remove(id);
    }
}

impl Aws {
    pub(crate) fn vault(&self) -> Vault {
        Vault(Arc::clone(&self.values))
    }

    /// Stores a value of a secret, e.g. `switchboard/twilio`, as its current version.
    pub fn set_secret(&self, id: &str, value: &Value) {
        lock(&self.values).entry(id.to_owned()).or_default().put(
            &random::uuid(),
            "SecretString",
            &value.to_string(),
            &[CURRENT.to_owned()],
        );
    }

    /// Creates a secret without a value, as a stack does. An existing secret loses its value.
    pub fn create_secret(&self, id: &str, description: &str) {
        lock(&self.values).insert(
            id.to_owned(),
            Secret {
                description: description.to_owned(),
                ..Secret::default()
            },
        );
    }

    /// The current value of a secret. A text that is not JSON becomes a JSON string.
    pub fn secret(&self, id: &str) -> Option<Value> {
        let value = lock(&self.values).get(id)?.current()?.value.clone();
        Some(serde_json::from_str(&value).unwrap_or_else(|_| value.into()))
    }

    /// The names of all secrets.
    pub fn secret_names(&self) -> Vec<String> {
        lock(&self.values).keys().cloned().collect()
    }

    /// Removes a secret.
    pub fn remove_secret(&self, id: &str) {
        lock(&self.values).remove(id);
    }
}
