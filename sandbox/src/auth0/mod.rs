//! Auth0: a tenant with users, the mails to them, the pages behind the links, the token endpoint,
//! signing keys, and a part of the Management API.
//!
//! Imitates auth0/docs-v2@092b879e `main/docs` (customize/email/email-templates, secure/tokens,
//! manage-users, secure/attack-protection,
//! get-started/authentication-and-authorization-flow/resource-owner-password-flow) and the
//! `OpenAPI` documents of its APIs.

mod gateway;
mod issuing;
mod jwks;
mod search;
mod settings;
mod tickets;
mod tokens;
mod users;

pub use gateway::{Answer, Credential};
pub use issuing::{CLIENT_CREDENTIALS, PASSWORD, PASSWORD_REALM, TokenProfile, WrongPassword};
pub use jwks::{KEY_ID, Signer};
pub use settings::Action;
pub use tickets::{LinkPage, TicketMail};

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex},
};

use axum::{
    Extension, Router,
    extract::OriginalUri,
    http::{Method, StatusCode},
    response::Response,
    routing::{get, post},
};
use serde_json::{Map, Value};

use crate::{
    sms,
    wire::{Complaints, Server, client},
};

/// Client id of the machine-to-machine application.
pub const CLIENT_ID: &str = "sandbox-m2m-client";
/// First secret of the machine-to-machine application. [`Auth0::set_client_secret`] replaces it.
pub const CLIENT_SECRET: &str = "sandbox-m2m-secret";
/// Client id of the application through which users sign in.
pub const LOGIN_CLIENT_ID: &str = "sandbox-login-client";
/// First secret of that application. [`Auth0::set_login_client_secret`] replaces it.
pub const LOGIN_CLIENT_SECRET: &str = "sandbox-login-secret";
/// The audience of the protected API.
pub const API_AUDIENCE: &str = "https://api.acme.example/";
/// The default database. [`Auth0::sign_up`] puts users there.
pub const REALM: &str = "Username-Password-Authentication";
/// After this many wrong passwords in a row brute-force protection blocks the user. It is Auth0's
/// default; [`Auth0::set_brute_force_protection`] changes it.
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

/// A user of the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// `auth0|` and 24 hexadecimal digits.
    pub user_id: String,
    /// In lower case.
    pub email: String,
    /// True when the user has confirmed the address.
    pub email_verified: bool,
    /// Name of the connection.
    pub connection: String,
    /// True if an administrator blocked the user. Brute-force protection does not set this field.
    pub blocked: bool,
    /// The data of applications about the user.
    pub app_metadata: Map<String, Value>,
}

struct State {
    users: Vec<User>,
    /// Sign-in data of each user, by id.
    logins: HashMap<String, users::Login>,
    /// The users in the search index while it lags behind.
    index: Option<Vec<User>>,
    tickets: HashMap<String, tickets::Ticket>,
    password_links_allowed: bool,
    issuing: issuing::Issuing,
    keys: jwks::Keys,
    settings: settings::Settings,
    /// Scope by token, for the Management API.
    tokens: HashMap<String, String>,
    rate_limited: u32,
    slow_searches: u32,
}

type Shared = Arc<Mutex<State>>;

/// The Auth0 simulator.
pub struct Auth0 {
    server: Server,
    state: Shared,
    client: reqwest::Client,
}

impl Auth0 {
    /// Serves `https://TENANT.auth0.com` on this port or on a free one.
    pub async fn start(port: Option<u16>) -> io::Result<Self> {
        let state = Shared::new(Mutex::new(State {
            users: vec![],
            logins: HashMap::new(),
            index: None,
            tickets: HashMap::new(),
            password_links_allowed: false,
            issuing: issuing::Issuing::new(),
            keys: jwks::Keys::new(),
            settings: settings::Settings::new(),
            tokens: HashMap::new(),
            rate_limited: 0,
            slow_searches: 0,
        }));
        let server = Server::start_on("Auth0", port.unwrap_or(0), router(&state)).await?;
        Ok(Self {
            server,
            state,
            client: client(),
        })
    }

    /// The server, with its exchanges, faults and complaints.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// How many recorded requests have this method and path.
    fn requests(&self, request: &str) -> usize {
        let exchanges = self.server.exchanges();
        let path = |target: &str| {
            target
                .split('?')
                .next()
                .map(str::to_owned)
                .unwrap_or_default()
        };
        exchanges
            .iter()
            .filter(|exchange| format!("{} {}", exchange.method, path(&exchange.target)) == request)
            .count()
    }
}

fn router(state: &Shared) -> Router {
    Router::new()
        .route(
            "/u/email-verification",
            get(tickets::open).post(tickets::submit),
        )
        .route("/lo/verify_email", get(tickets::open))
        .route("/u/reset-verify", get(tickets::open))
        .route("/oauth/token", post(tokens::token))
        .route("/.well-known/jwks.json", get(jwks::published))
        .route("/.well-known/openid-configuration", get(jwks::discovery))
        .merge(users::router(state))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(Arc::clone(state))
}

async fn unknown(
    Extension(complaints): Extension<Complaints>,
    method: Method,
    OriginalUri(uri): OriginalUri,
) -> Response {
    complaints.add(format!("Auth0: {method} {} is not simulated", uri.path()));
    users::api_error(
        StatusCode::NOT_IMPLEMENTED,
        None,
        &sms::not_simulated(&method, &uri),
    )
}

/// The members of both objects. A member of `changes` replaces one of the same name; null removes
/// it.
fn merged(base: Value, changes: Value) -> Value {
    let object = |value| serde_json::from_value::<Map<_, _>>(value).unwrap_or_default();
    let mut all = object(base);
    all.extend(object(changes));
    all.retain(|_, member| !member.is_null());
    all.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn other_requests_are_complained_about() {
        let auth0 = Auth0::start(None).await.unwrap();
        for path in ["/login", "/oauth/token", "/api/v2/roles"] {
            let answer = client()
                .get(auth0.server().url() + path)
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 501);
            let answer = answer.json::<Value>().await.unwrap();
            assert_eq!(
                answer["message"],
                format!("GET {path} is not simulated by this sandbox")
            );
            assert_eq!(auth0.server().complaints().len(), 1, "{path}");
        }
    }
}
