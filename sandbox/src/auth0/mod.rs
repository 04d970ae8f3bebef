//! Auth0: a tenant with users, the mails it sends them, the pages behind the links, the token endpoint, its keys and a corner of the Management API.
//!
//! Imitates auth0/docs-v2@092b879e `main/docs` (customize/email/email-templates, secure/tokens, manage-users, secure/attack-protection,
//! get-started/authentication-and-authorization-flow/resource-owner-password-flow) and the `OpenAPI` documents of its APIs.

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

/// The machine-to-machine application.
pub const CLIENT_ID: &str = "sandbox-m2m-client";
/// Its secret, until [`Auth0::set_client_secret`].
pub const CLIENT_SECRET: &str = "sandbox-m2m-secret";
/// The application through which users sign in.
pub const LOGIN_CLIENT_ID: &str = "sandbox-login-client";
/// Its secret, until [`Auth0::set_login_client_secret`].
pub const LOGIN_CLIENT_SECRET: &str = "sandbox-login-secret";
/// The protected API.
pub const API_AUDIENCE: &str = "https://api.acme.example/";
/// The default database, where [`Auth0::sign_up`] puts users.
pub const REALM: &str = "Username-Password-Authentication";
/// So many wrong passwords in a row, and brute-force protection keeps the user out (Auth0's default), until [`Auth0::set_brute_force_protection`].
pub const WRONG_PASSWORDS: u32 = 10;
/// What the SMS gateway of a legacy connection signs its tokens with (`gateway_authentication.secret`).
pub const GATEWAY_SECRET: &str = "a-sufficiently-long-shared-secret-of-32+bytes!";
/// The tokens' `aud` (`gateway_authentication.audience`).
pub const GATEWAY_AUDIENCE: &str = "urn:MySmsGateway";
/// The tokens' `sub` (`gateway_authentication.subject`).
pub const GATEWAY_SUBJECT: &str = "urn:Auth0";
/// The secret of a phone provider Action, its `TOKEN`.
pub const GATEWAY_BEARER_TOKEN: &str = "sandbox-gateway-bearer-token";
/// Where a link ends, with `success` and `message` in the query; nobody answers there.
pub const RESULT_URL: &str = "https://app.acme.example/verified";

/// A user of the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// `auth0|` and 24 hexadecimal digits.
    pub user_id: String,
    /// In lower case.
    pub email: String,
    /// What all this is about.
    pub email_verified: bool,
    /// Name of the connection.
    pub connection: String,
    /// By an administrator, not by brute-force protection.
    pub blocked: bool,
    /// What applications know of the user.
    pub app_metadata: Map<String, Value>,
}

struct State {
    users: Vec<User>,
    /// How users sign in, by id.
    logins: HashMap<String, users::Login>,
    /// What the search sees, while it is held back.
    index: Option<Vec<User>>,
    tickets: HashMap<String, tickets::Ticket>,
    password_links_allowed: bool,
    issuing: issuing::Issuing,
    keys: jwks::Keys,
    settings: settings::Settings,
    /// Scope by token for the Management API.
    tokens: HashMap<String, String>,
    rate_limited: u32,
    slow_searches: u32,
}

type Shared = Arc<Mutex<State>>;

/// The simulator.
pub struct Auth0 {
    server: Server,
    state: Shared,
    client: reqwest::Client,
}

impl Auth0 {
    /// Serves `https://TENANT.auth0.com` on this port, or a free one.
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

    /// What passed over the wire, faults, complaints.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// How many requests with this method and path are on record.
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

/// The members of both objects, those of `changes` in place of those of the same name; null takes one away.
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
