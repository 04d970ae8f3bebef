//! The ids, secrets and numbers with which the account begins.

/// SID of the account.
pub const ACCOUNT_SID: &str = "AC00000000000000000000000000000001";
/// The account's first primary token. [`super::Twilio::set_auth_token`] replaces it.
pub const AUTH_TOKEN: &str = "0123456789abcdef-example-auth-token";
/// SID of the account's first API key.
pub const API_KEY_SID: &str = "SK00000000000000000000000000000009";
/// Secret of the account's first API key.
pub const API_KEY_SECRET: &str = "example-api-key-secret-of-twilio";
/// The account's first number. It is the number of Twilio's own test credentials.
pub const NUMBER: &str = "+15005550006";
/// A messaging service with [`NUMBER`] as its only sender. It leaves incoming texts to the number's
/// own webhook.
pub const MESSAGING_SERVICE: &str = "MG00000000000000000000000000000001";
