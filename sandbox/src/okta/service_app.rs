//! The service app: its ids, its key and its secret for the functions.

use serde_json::{Value, json};

/// Client id of the service app.
pub const CLIENT_ID: &str = "0oasandboxserviceapp";

/// Okta's id for the public half of [`PRIVATE_KEY`].
pub const KEY_ID: &str = "sandbox-okta-key";

/// The service app's key, PKCS#8. It is a test key and is used nowhere else.
pub const PRIVATE_KEY: &str = include_str!("test-key.pem");

/// The content of the `okta` secret for the service app. It replaces the sandbox's API token.
pub fn service_app() -> Value {
    json!({ "client_id": CLIENT_ID, "private_key": PRIVATE_KEY, "key_id": KEY_ID })
}
