//! The ids, secrets and addresses of the tenant, and its first settings.

/// Client id of the machine-to-machine application.
pub const CLIENT_ID: &str = "sandbox-m2m-client";

/// First secret of the machine-to-machine application. [`Auth0::set_client_secret`](super::Auth0::set_client_secret) replaces it.
pub const CLIENT_SECRET: &str = "sandbox-m2m-secret";

/// Client id of the application through which users sign in.
pub const LOGIN_CLIENT_ID: &str = "sandbox-login-client";

/// First secret of that application. [`Auth0::set_login_client_secret`](super::Auth0::set_login_client_secret) replaces it.
pub const LOGIN_CLIENT_SECRET: &str = "sandbox-login-secret";

/// The audience of the protected API.
pub const API_AUDIENCE: &str = "https://api.acme.example/";

/// The default database. [`Auth0::sign_up`](super::Auth0::sign_up) puts users there.
pub const REALM: &str = "Username-Password-Authentication";

/// After this many wrong passwords in a row brute-force protection blocks the user. It is Auth0's
/// default; [`Auth0::set_brute_force_protection`](super::Auth0::set_brute_force_protection) changes it.
pub const WRONG_PASSWORDS: u32 = 10;

/// The key with which a legacy connection signs tokens for its SMS gateway
/// (`gateway_authentication.secret`).
pub const GATEWAY_SECRET: &str = "a-sufficiently-long-shared-secret-of-32+bytes!";

/// The `aud` of the tokens for the SMS gateway (`gateway_authentication.audience`).
pub const GATEWAY_AUDIENCE: &str = "urn:MySmsGateway";

/// The `sub` of the tokens for the SMS gateway (`gateway_authentication.subject`).
pub const GATEWAY_SUBJECT: &str = "urn:Auth0";

/// The secret `TOKEN` of a phone provider's Action.
pub const GATEWAY_BEARER_TOKEN: &str = "sandbox-gateway-bearer-token";

/// The URL to which a link redirects at the end, with `success` and `message` in the query. No
/// server answers there.
pub const RESULT_URL: &str = "https://app.acme.example/verified";

/// Creation time of every resource.
pub(super) const THEN: &str = "2026-11-20T12:00:00.000Z";

/// A token of the Management API for an operator. No function has it.
pub const MANAGEMENT_TOKEN: &str = "sandbox-auth0-management-token";

/// The scopes of [`MANAGEMENT_TOKEN`]: those that `connect auth0` and `doctor` ask for.
pub(super) const MANAGEMENT_SCOPES: &str = "read:users update:users read:connections read:connections_options update:connections update:connections_options read:phone_providers create:phone_providers update:phone_providers read:actions create:actions update:actions read:clients read:client_grants read:resource_servers read:attack_protection read:email_templates";
