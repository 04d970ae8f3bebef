//! Auth0: a tenant with users, the mails it sends them, the pages behind the links, the token endpoint and a corner of the Management API.
//!
//! Imitates auth0/docs-v2@092b879e `main/docs` (customize/email/email-templates, secure/tokens/access-tokens/management-api-access-tokens,
//! manage-users/user-accounts/verify-emails) and the `OpenAPI` documents of its APIs. How the pages behind the links behave is not documented; they follow
//! what community.auth0.com/t/magic-link-redeem-on-post-flags/103109 and published clients show.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{OriginalUri, Path, Query, Request, State as Axum},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse as _, Response},
    routing::{get, patch, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    mail::Mail,
    random,
    wire::{Complaints, Server, client, lock},
};

/// The machine-to-machine application.
pub const CLIENT_ID: &str = "sandbox-m2m-client";
/// Its secret, until [`Auth0::set_client_secret`].
pub const CLIENT_SECRET: &str = "sandbox-m2m-secret";
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

/// The sender in the tenant's settings.
const SENDER: &str = "+15005550006";

const VERIFIED: &str = "Your email was verified. You can continue using the application.";
const USED: &str = "This URL can be used only once";
const EXPIRED: &str = "Access expired.";
const UNKNOWN: &str = "User account does not exist or verification code is invalid.";

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
}

/// What a verification link does when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPage {
    /// New Universal Login since 2022: a page whose form must be posted with its state and cookies.
    Form,
    /// Classic: verifies at once and redirects.
    Redirect,
    /// A page without a form.
    Unconfirmable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Verification(LinkPage),
    Password,
}

impl Kind {
    fn path(self) -> &'static str {
        match self {
            Self::Verification(LinkPage::Redirect) => "/lo/verify_email",
            Self::Verification(_) => "/u/email-verification",
            Self::Password => "/u/reset-verify",
        }
    }
}

/// How a tenant reaches an SMS gateway.
#[derive(Clone, Copy, Debug)]
pub enum Credential<'a> {
    /// A legacy connection's gateway: its token (see [`Auth0::gateway_token`]) and its body, `recipient, body, sender`.
    Jwt(&'a str),
    /// A custom phone provider's Action: its static token and its body, `recipient, text, from, code, message_type, language`.
    Bearer(&'a str),
}

/// What a gateway answered. Auth0 takes exactly 200 for success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 0: none came in the time Auth0 waits, or it broke off.
    pub status: u16,
    /// The body, which Auth0 ignores.
    pub body: String,
}

/// A mail with a ticket link, as handed to the mail provider.
#[derive(Clone, Debug)]
pub struct TicketMail {
    /// To the user's address.
    pub mail: Mail,
    /// The link in it.
    pub link: String,
    /// The link's ticket.
    pub ticket: String,
}

struct Ticket {
    user_id: String,
    kind: Kind,
    expired: bool,
    used: bool,
    /// State and cookies of every form shown: each is a transaction of its own.
    forms: Vec<(String, [String; 2])>,
    fetched: u32,
    posted: u32,
}

struct State {
    client_secret: String,
    scope: String,
    users: Vec<User>,
    tickets: HashMap<String, Ticket>,
    /// Scope by token.
    tokens: HashMap<String, String>,
    password_links_allowed: bool,
    rate_limited: u32,
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
            client_secret: CLIENT_SECRET.to_owned(),
            scope: "read:users update:users".to_owned(),
            users: vec![],
            tickets: HashMap::new(),
            tokens: HashMap::new(),
            password_links_allowed: false,
            rate_limited: 0,
        }));
        let server = Server::start_on("Auth0", port.unwrap_or(0), router(&state)).await?;
        Ok(Self { server, state, client: client() })
    }

    /// What passed over the wire, faults, complaints.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// A new user of the default database, unverified.
    pub fn sign_up(&self, email: &str) -> User {
        self.sign_up_with(email, "Username-Password-Authentication")
    }

    /// A new user of another connection; the same address may be in several.
    pub fn sign_up_with(&self, email: &str, connection: &str) -> User {
        let user_id = format!("auth0|{}", random::hex(12));
        let user = User { user_id, email: email.to_lowercase(), email_verified: false, connection: connection.to_owned() };
        lock(&self.state).users.push(user.clone());
        user
    }

    /// The first user with this address.
    pub fn user(&self, email: &str) -> Option<User> {
        lock(&self.state).users.iter().find(|user| user.email == email.to_lowercase()).cloned()
    }

    /// The mail that asks to verify the address (template `verify_email`).
    pub fn mail_verification(&self, user: &User, page: LinkPage) -> TicketMail {
        self.ticket_mail(
            user,
            Kind::Verification(page),
            "Verify your email",
            "Thank you for signing up. Please verify your email address:",
            "VERIFY YOUR ACCOUNT",
        )
    }

    /// The mail for a forgotten password (template `reset_email`). Opening its link is a complaint unless [`Auth0::allow_password_links`].
    pub fn mail_password(&self, user: &User) -> TicketMail {
        self.ticket_mail(
            user,
            Kind::Password,
            "Reset your password",
            "You asked to change your password. Click to choose a new one:",
            "CHANGE YOUR PASSWORD",
        )
    }

    /// Whether password links may be opened without complaint.
    pub fn allow_password_links(&self, on: bool) {
        lock(&self.state).password_links_allowed = on;
    }

    /// Lets a ticket's time run out.
    pub fn expire(&self, ticket: &str) {
        if let Some(ticket) = lock(&self.state).tickets.get_mut(ticket) {
            ticket.expired = true;
        }
    }

    /// How often a ticket's link was opened, whatever came of it.
    pub fn fetched(&self, ticket: &str) -> u32 {
        lock(&self.state).tickets.get(ticket).map_or(0, |ticket| ticket.fetched)
    }

    /// How often the form behind a ticket's link was posted, whatever came of it.
    pub fn posted(&self, ticket: &str) -> u32 {
        lock(&self.state).tickets.get(ticket).map_or(0, |ticket| ticket.posted)
    }

    /// No access token issued so far opens anything any more.
    pub fn revoke_tokens(&self) {
        lock(&self.state).tokens.clear();
    }

    /// Replaces the application's secret.
    pub fn set_client_secret(&self, secret: &str) {
        secret.clone_into(&mut lock(&self.state).client_secret);
    }

    /// What tokens issued from now on permit; at first `read:users update:users`.
    pub fn set_scope(&self, scope: &str) {
        scope.clone_into(&mut lock(&self.state).scope);
    }

    /// The next `n` calls of the Management API are answered 429.
    pub fn rate_limit(&self, n: u32) {
        lock(&self.state).rate_limited = n;
    }

    /// The HS256 token for an SMS gateway with `aud` and `sub`, which are all that Auth0 documents; an object of `claims` adds others or replaces these, and
    /// null takes one away.
    pub fn gateway_token(&self, secret: impl AsRef<[u8]>, aud: &str, sub: &str, claims: Value) -> String {
        let mut all = serde_json::Map::from_iter([("aud".to_owned(), json!(aud)), ("sub".to_owned(), json!(sub))]);
        all.extend(serde_json::from_value::<serde_json::Map<_, _>>(claims).unwrap_or_default());
        all.retain(|_, claim| !claim.is_null());
        let encode = |part: Value| BASE64URL.encode(part.to_string());
        let signed = format!("{}.{}", encode(json!({"alg": "HS256", "typ": "JWT"})), encode(all.into()));
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_ref()).expect("HMAC takes keys of any length");
        mac.update(signed.as_bytes());
        format!("{signed}.{}", BASE64URL.encode(mac.finalize().into_bytes()))
    }

    /// Someone signs in by phone: posts `text` for `recipient` (as the user wrote it) to the gateway at `url`, once. The code is the last number in the text.
    pub async fn passwordless(&self, url: &str, credential: Credential<'_>, recipient: &str, text: &str) -> Answer {
        let code = text.split(|c: char| !c.is_ascii_digit()).rfind(|digits| !digits.is_empty());
        let (token, wait, body) = match credential {
            Credential::Jwt(token) => (token, 30, json!({"recipient": recipient, "body": text, "sender": SENDER})),
            Credential::Bearer(token) => (
                token,
                20,
                json!({"recipient": recipient, "text": text, "from": SENDER, "code": code, "message_type": "otp_verify", "language": "en"}),
            ),
        };
        let request = self.client.post(url).bearer_auth(token).timeout(Duration::from_secs(wait)).json(&body);
        let answer = async {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status().as_u16(), answer.text().await?))
        };
        let (status, body) = answer.await.unwrap_or_default();
        Answer { status, body }
    }

    fn ticket_mail(&self, user: &User, kind: Kind, subject: &str, lead: &str, button: &str) -> TicketMail {
        let ticket = random::hex(16);
        let before = if kind == Kind::Verification(LinkPage::Redirect) { "client_id=sandbox-spa&tenant=acme&" } else { "" };
        let link = format!("{}{}?{before}ticket={ticket}#", self.server.url(), kind.path());
        let html = MAIL.replace("{lead}", lead).replace("{button}", button).replace("{url}", &link.replace('&', "&amp;"));
        let made =
            Ticket { user_id: user.user_id.clone(), kind, expired: false, used: false, forms: vec![], fetched: 0, posted: 0 };
        lock(&self.state).tickets.insert(ticket.clone(), made);
        TicketMail { mail: Mail::new(&user.email, subject, &html), link, ticket }
    }
}

/// After Auth0's default templates: HTML only, a button, the address again as text, a link that is none of ours.
const MAIL: &str = r#"<html>
  <head>
    <style type="text/css">.ExternalClass, .ExternalClass div { width: 100%; } a:hover { color: #000 }</style>
  </head>
  <body style="margin: 0; background-color: #f1f1f1;" yahoo="fix">
    <center><table cellpadding="0" cellspacing="0" class="cp"><tr><td align="center">
      <a href="https://acme.example/"><img src="https://cdn.acme.example/logo.png?w=150&amp;h=150" alt="Acme" /></a>
      <h1>Welcome to Acme!</h1>
      <p>{lead}</p>
      <p><a href="{url}" style="color: #fff; background-color: #0a84ae;" target="_blank">{button}</a></p>
      <p>If the button doesn&#39;t work, copy this address into your browser:<br>{url}</p>
      <p>If you did not ask for this, please <a href="https://support.acme.example/help?topic=mail&amp;lang=en">contact us</a>.</p>
      <p>You&rsquo;re receiving this email because you have an account in Acme.</p>
    </td></tr></table></center>
  </body>
</html>
"#;

fn router(state: &Shared) -> Router {
    let management = Router::new()
        .route("/api/v2/users-by-email", get(users_by_email))
        .route("/api/v2/users/{id}", patch(update_user))
        .layer(middleware::from_fn_with_state(Arc::clone(state), authorize));
    Router::new()
        .route("/u/email-verification", get(open).post(submit))
        .route("/lo/verify_email", get(open))
        .route("/u/reset-verify", get(open))
        .route("/oauth/token", post(token))
        .merge(management)
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(Arc::clone(state))
}

async fn unknown(Extension(complaints): Extension<Complaints>, method: Method, OriginalUri(uri): OriginalUri) -> StatusCode {
    complaints.add(format!("Auth0: {method} {} is not simulated", uri.path()));
    StatusCode::NOT_IMPLEMENTED
}

fn result(success: bool, message: &str) -> Response {
    let code = if success { "success" } else { "access_expired" };
    let query = format!(
        "supportSignUp=true&supportForgotPassword=true&message={}&success={success}&code={code}",
        message.replace(' ', "%20")
    );
    (StatusCode::FOUND, [(header::LOCATION, format!("{RESULT_URL}?{query}"))]).into_response()
}

impl State {
    /// The ticket if it can still be used, or the answer that says why not.
    fn ticket(&mut self, path: &str, query: &HashMap<String, String>) -> Result<&mut Ticket, Box<Response>> {
        let ticket =
            self.tickets.get_mut(query.get("ticket").map_or("", String::as_str)).filter(|ticket| ticket.kind.path() == path);
        match ticket {
            None => Err(Box::new(result(false, UNKNOWN))),
            Some(ticket) if ticket.used => Err(Box::new(result(false, USED))),
            Some(ticket) if ticket.expired => Err(Box::new(result(false, EXPIRED))),
            Some(ticket) => Ok(ticket),
        }
    }

    fn redeem(&mut self, id: &str) -> Response {
        let Self { tickets, users, .. } = self;
        let Some(ticket) = tickets.get_mut(id) else {
            return result(false, UNKNOWN);
        };
        ticket.used = true;
        match users.iter_mut().find(|user| user.user_id == ticket.user_id) {
            Some(user) => {
                user.email_verified = true;
                result(true, VERIFIED)
            }
            None => result(false, UNKNOWN),
        }
    }
}

/// GET of any link.
async fn open(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let mut state = lock(&state);
    let id = query.get("ticket").cloned().unwrap_or_default();
    if let Some(ticket) = state.tickets.get_mut(&id) {
        ticket.fetched += 1;
        if ticket.kind == Kind::Password && !state.password_links_allowed {
            complaints.add("Auth0: password link opened");
        }
    }
    let ticket = match state.ticket(uri.path(), &query) {
        Ok(ticket) => ticket,
        Err(answer) => return *answer,
    };
    let page = |content: String| {
        Html(format!(
            "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Acme</title></head><body><main>{content}</main></body></html>"
        ))
    };
    match ticket.kind {
        Kind::Verification(LinkPage::Redirect) => state.redeem(&id),
        Kind::Verification(LinkPage::Unconfirmable) => {
            page("<h1>Verifying your email</h1><div id=\"root\"></div><script src=\"/assets/main.js\"></script>".to_owned())
                .into_response()
        }
        Kind::Password => {
            page("<h1>Change your password</h1><input type=\"password\"><script src=\"/assets/main.js\"></script>".to_owned())
                .into_response()
        }
        Kind::Verification(LinkPage::Form) => {
            let (form_state, cookies) =
                (random::hex(20), [format!("did=s%3A{}", random::hex(8)), format!("auth0={}", random::hex(16))]);
            let set =
                |cookie: &String| (header::SET_COOKIE, format!("{cookie}; Max-Age=31557600; Path=/; HttpOnly; SameSite=None"));
            let headers = axum::response::AppendHeaders([set(&cookies[0]), set(&cookies[1])]);
            // "=" as an entity, the way Auth0's template engine escapes it
            let form = format!(
                "<h1>Confirm your email</h1><form method=\"POST\"><input type=\"hidden\" name=\"state\" value=\"{form_state}&#x3D;\" /><button type=\"submit\">Confirm</button></form><script>document.forms[0].submit()</script>"
            );
            ticket.forms.push((form_state + "=", cookies));
            (headers, page(form)).into_response()
        }
    }
}

/// POST of the form behind a link.
async fn submit(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut state = lock(&state);
    let id = query.get("ticket").cloned().unwrap_or_default();
    if let Some(ticket) = state.tickets.get_mut(&id) {
        ticket.posted += 1;
    }
    let ticket = match state.ticket(uri.path(), &query) {
        Ok(ticket) => ticket,
        Err(answer) => return *answer,
    };
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let sent = header(header::COOKIE).split("; ").collect::<Vec<_>>();
    let fields = form_urlencoded::parse(&body).into_owned().collect::<Vec<_>>();
    let form = ticket.forms.iter().find(|(state, _)| fields == [("state".to_owned(), state.clone())]);
    let wrong = match form {
        None => Some("state wrong or fields unknown"),
        Some(_) if header(header::CONTENT_TYPE) != "application/x-www-form-urlencoded" => Some("content type"),
        Some((_, cookies)) if !cookies.iter().all(|cookie| sent.contains(&cookie.as_str())) => Some("cookies missing"),
        Some(_) => None,
    };
    if let Some(wrong) = wrong {
        complaints.add(format!("Auth0 verification form: {wrong}"));
        return (StatusCode::BAD_REQUEST, Html("<h1>Oops!, something went wrong</h1>")).into_response();
    }
    state.redeem(&id)
}

async fn token(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let error = |status: StatusCode, error: &str, description: &str| {
        (status, Json(json!({"error": error, "error_description": description}))).into_response()
    };
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let fields: Option<HashMap<String, String>> = match header(header::CONTENT_TYPE).split(';').next() {
        Some("application/json") => serde_json::from_slice(&body).ok(),
        Some("application/x-www-form-urlencoded") => Some(form_urlencoded::parse(&body).into_owned().collect()),
        _ => None,
    };
    let known = ["grant_type", "client_id", "client_secret", "audience"];
    let Some(fields) = fields.filter(|fields| fields.len() == known.len() && known.iter().all(|name| fields.contains_key(*name)))
    else {
        complaints.add("Auth0 token: not exactly grant_type, client_id, client_secret, audience");
        return error(StatusCode::BAD_REQUEST, "invalid_request", "missing or unknown parameter");
    };
    if fields["grant_type"] != "client_credentials" {
        complaints.add("Auth0 token: grant type");
        return error(StatusCode::FORBIDDEN, "unsupported_grant_type", "Unsupported grant type");
    }
    let mut state = lock(&state);
    if fields["client_id"] != CLIENT_ID || fields["client_secret"] != state.client_secret {
        return error(StatusCode::UNAUTHORIZED, "access_denied", "Unauthorized");
    }
    if fields["audience"] != format!("http://{}/api/v2/", header(header::HOST)) {
        complaints.add(format!("Auth0 token: audience {}", fields["audience"]));
        return error(
            StatusCode::FORBIDDEN,
            "access_denied",
            &format!("Service not enabled within domain: {}", fields["audience"]),
        );
    }
    let (token, scope) = (random::hex(32), state.scope.clone());
    state.tokens.insert(token.clone(), scope.clone());
    Json(json!({"access_token": token, "scope": scope, "expires_in": 86_400, "token_type": "Bearer"})).into_response()
}

fn api_error(status: StatusCode, code: Option<&str>, message: &str) -> Response {
    let mut body = json!({"statusCode": status.as_u16(), "error": status.canonical_reason(), "message": message});
    if let Some(code) = code {
        body["errorCode"] = code.into();
    }
    (status, Json(body)).into_response()
}

/// Rate limit, then token, then scope, for every Management API call.
async fn authorize(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    request: Request,
    next: Next,
) -> Response {
    let reset = (crate::now().as_secs() + 1).to_string();
    let limits = |left: &str| {
        [("x-ratelimit-limit", "2".to_owned()), ("x-ratelimit-remaining", left.to_owned()), ("x-ratelimit-reset", reset.clone())]
    };
    let needed = if request.method() == Method::GET { "read:users" } else { "update:users" };
    let bearer = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let refusal = {
        let mut state = lock(&state);
        if state.rate_limited > 0 {
            state.rate_limited -= 1;
            return (
                limits("0"),
                api_error(StatusCode::TOO_MANY_REQUESTS, Some("too_many_requests"), "Global limit has been reached"),
            )
                .into_response();
        }
        match bearer.map(|token| state.tokens.get(token)) {
            None => {
                complaints.add("Auth0 Management API: no bearer token");
                Some(api_error(StatusCode::UNAUTHORIZED, None, "Missing authentication"))
            }
            Some(None) => Some(api_error(StatusCode::UNAUTHORIZED, None, "Invalid token")),
            Some(Some(scope)) if !scope.split(' ').any(|scope| scope == needed) => Some(api_error(
                StatusCode::FORBIDDEN,
                Some("insufficient_scope"),
                &format!("Insufficient scope, expected any of: {needed}"),
            )),
            Some(Some(_)) => None,
        }
    };
    match refusal {
        Some(refusal) => refusal,
        None => (limits("1"), next.run(request).await).into_response(),
    }
}

fn profile(user: &User) -> Value {
    let User { user_id, email, email_verified, connection } = user;
    let (provider, id) = user_id.split_once('|').unwrap_or_default();
    json!({
        "user_id": user_id, "email": email, "email_verified": email_verified, "name": email, "nickname": email.split('@').next(),
        "identities": [{"connection": connection, "provider": provider, "user_id": id, "isSocial": false}],
        "created_at": "2026-11-20T12:00:00.000Z", "updated_at": "2026-11-20T12:00:00.000Z",
    })
}

/// Exact match: addresses are stored in lower case, the query is taken as it is.
async fn users_by_email(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let stray = query.keys().find(|name| !["email", "fields", "include_fields"].contains(&name.as_str()));
    let Some(email) = query.get("email").filter(|_| stray.is_none()) else {
        complaints.add(format!("Auth0 users-by-email: {}", stray.map_or("no email", String::as_str)));
        return api_error(StatusCode::BAD_REQUEST, Some("invalid_query_string"), "Query validation error");
    };
    let mut found = lock(&state).users.iter().filter(|user| user.email == *email).map(profile).collect::<Vec<_>>();
    if let Some(fields) = query.get("fields") {
        let include = query.get("include_fields").is_none_or(|include| include == "true");
        for profile in found.iter_mut().filter_map(Value::as_object_mut) {
            profile.retain(|name, _| fields.split(',').any(|field| field == name) == include);
        }
    }
    Json(found).into_response()
}

async fn update_user(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let changes = serde_json::from_slice::<serde_json::Map<String, Value>>(&body).unwrap_or_default();
    let stray = changes.keys().find(|name| !["email_verified", "connection"].contains(&name.as_str()));
    let Some(verified) = changes.get("email_verified").and_then(Value::as_bool).filter(|_| stray.is_none()) else {
        complaints.add(format!("Auth0 PATCH user: {}", stray.map_or("email_verified is not a boolean", String::as_str)));
        return api_error(StatusCode::BAD_REQUEST, Some("invalid_body"), "Payload validation error");
    };
    let mut state = lock(&state);
    let Some(user) = state.users.iter_mut().find(|user| user.user_id == id) else {
        return api_error(StatusCode::NOT_FOUND, Some("inexistent_user"), "The user does not exist.");
    };
    if changes.get("connection").is_some_and(|connection| connection != user.connection.as_str()) {
        return api_error(StatusCode::BAD_REQUEST, Some("operation_not_supported"), "The user is not in that connection.");
    }
    user.email_verified = verified;
    Json(profile(user)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMAIL: &str = "acme+4512345678@sms.example.com";

    async fn get(url: &str) -> reqwest::Response {
        client().get(url).send().await.unwrap()
    }

    fn location(answer: &reqwest::Response) -> (u16, String) {
        (
            answer.status().as_u16(),
            answer.headers().get("location").map_or_else(String::new, |value| value.to_str().unwrap().to_owned()),
        )
    }

    #[tokio::test]
    async fn the_mail_holds_the_link_and_others() {
        let auth0 = Auth0::start(None).await.unwrap();
        let TicketMail { mail, link, ticket } = auth0.mail_verification(&auth0.sign_up(EMAIL), LinkPage::Redirect);
        assert_eq!(link, format!("{}/lo/verify_email?client_id=sandbox-spa&tenant=acme&ticket={ticket}#", auth0.server().url()));
        assert_eq!((mail.recipient.as_str(), mail.html.matches(&link.replace('&', "&amp;")).count()), (EMAIL, 2));
        assert!(!mail.html.contains('{') || mail.html.contains("{ width"));
    }

    #[tokio::test]
    async fn a_redirect_link_verifies_once() {
        let auth0 = Auth0::start(None).await.unwrap();
        let mail = auth0.mail_verification(&auth0.sign_up(EMAIL), LinkPage::Redirect);
        let (status, to) = location(&get(&mail.link).await);
        assert!(status == 302 && to.starts_with(RESULT_URL) && to.contains("&success=true&"), "{to}");
        assert!(auth0.user(EMAIL).unwrap().email_verified);
        let (status, to) = location(&get(&mail.link).await);
        assert!(status == 302 && to.contains("message=This%20URL%20can%20be%20used%20only%20once&success=false"), "{to}");
        assert_eq!((auth0.fetched(&mail.ticket), auth0.posted(&mail.ticket)), (2, 0));
        let late = auth0.mail_verification(&auth0.sign_up("b@example.com"), LinkPage::Redirect);
        auth0.expire(&late.ticket);
        assert!(location(&get(&late.link).await).1.contains("message=Access%20expired.&success=false"));
        assert!(location(&get(&(auth0.server().url() + "/lo/verify_email?ticket=x")).await).1.contains("success=false"));
        assert!(!auth0.user("b@example.com").unwrap().email_verified);
    }

    #[tokio::test]
    async fn a_form_needs_its_state_and_cookies() {
        let auth0 = Auth0::start(None).await.unwrap();
        let mail = auth0.mail_verification(&auth0.sign_up(EMAIL), LinkPage::Form);
        let page = get(&mail.link).await;
        let cookies = page
            .headers()
            .get_all("set-cookie")
            .iter()
            .map(|value| value.to_str().unwrap().split(';').next().unwrap().to_owned())
            .collect::<Vec<_>>()
            .join("; ");
        let html = page.text().await.unwrap();
        let form_state = html.split_once("value=\"").unwrap().1.split_once('"').unwrap().0.replace("&#x3D;", "=");
        let submit = |form_state: &str, cookies: &str| {
            client().post(&mail.link).header("cookie", cookies).form(&[("state", form_state)]).send()
        };
        for (form_state, cookies) in [(form_state.as_str(), ""), ("x", cookies.as_str())] {
            assert_eq!(submit(form_state, cookies).await.unwrap().status(), 400);
            assert_eq!(auth0.server().complaints().len(), 1);
        }
        assert!(!auth0.user(EMAIL).unwrap().email_verified, "nothing so far has verified it");
        assert!(location(&submit(&form_state, &cookies).await.unwrap()).1.contains("success=true"));
        assert!(location(&submit(&form_state, &cookies).await.unwrap()).1.contains("success=false"));
        assert!(auth0.user(EMAIL).unwrap().email_verified && auth0.posted(&mail.ticket) == 4);
        assert_eq!(auth0.server().complaints(), [""; 0]);
    }

    #[tokio::test]
    async fn other_pages_confirm_nothing() {
        let auth0 = Auth0::start(None).await.unwrap();
        let user = auth0.sign_up(EMAIL);
        let page = get(&auth0.mail_verification(&user, LinkPage::Unconfirmable).link).await;
        assert!(page.status() == 200 && !page.text().await.unwrap().contains("<form"));
        let password = auth0.mail_password(&user);
        assert!(password.link.contains("/u/reset-verify?ticket="));
        assert_eq!(get(&password.link).await.status(), 200);
        assert_eq!(auth0.server().complaints(), ["Auth0: password link opened"]);
        auth0.allow_password_links(true);
        get(&password.link).await;
        assert!(
            auth0.server().complaints().is_empty()
                && !auth0.user(EMAIL).unwrap().email_verified
                && auth0.fetched(&password.ticket) == 2
        );
        for path in ["/login", "/oauth/token", "/api/v2/users"] {
            assert_eq!(get(&(auth0.server().url() + path)).await.status(), 501);
            assert_eq!(auth0.server().complaints().len(), 1, "{path}");
        }
    }

    #[tokio::test]
    async fn a_token_opens_the_management_api() {
        let auth0 = Auth0::start(None).await.unwrap();
        let url = auth0.server().url();
        let user = auth0.sign_up(EMAIL);
        let audience = format!("{url}/api/v2/");
        let grant = |secret: &'static str| json!({"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": secret, "audience": audience});
        let token = |body: Value| client().post(format!("{url}/oauth/token")).json(&body).send();
        assert_eq!(token(grant("wrong")).await.unwrap().status(), 401);
        let issued = token(grant(CLIENT_SECRET)).await.unwrap().json::<Value>().await.unwrap();
        assert_eq!((&issued["expires_in"], &issued["token_type"]), (&json!(86_400), &json!("Bearer")));
        let bearer = issued["access_token"].as_str().unwrap().to_owned();
        let find = |email: &str, bearer: &str| {
            client().get(format!("{url}/api/v2/users-by-email")).query(&[("email", email)]).bearer_auth(bearer).send()
        };
        let update = |id: &str, body: Value| {
            client().patch(format!("{url}/api/v2/users/{}", id.replace('|', "%7C"))).bearer_auth(&bearer).json(&body).send()
        };

        let found = find(EMAIL, &bearer).await.unwrap();
        assert!(found.headers().contains_key("x-ratelimit-remaining"));
        let found = found.json::<Value>().await.unwrap();
        assert_eq!(
            (found.as_array().unwrap().len(), &found[0]["user_id"], &found[0]["email_verified"]),
            (1, &json!(user.user_id), &json!(false))
        );
        assert_eq!(find("acme 4512345678@sms.example.com", &bearer).await.unwrap().json::<Value>().await.unwrap(), json!([]));
        assert_eq!(
            update(&user.user_id, json!({"email_verified": true})).await.unwrap().json::<Value>().await.unwrap()["email_verified"],
            true
        );
        assert!(auth0.user(EMAIL).unwrap().email_verified);
        assert_eq!(update("auth0|none", json!({"email_verified": true})).await.unwrap().status(), 404);
        auth0.rate_limit(1);
        let limited = find(EMAIL, &bearer).await.unwrap();
        assert_eq!(
            (limited.status().as_u16(), limited.json::<Value>().await.unwrap()["errorCode"].clone()),
            (429, json!("too_many_requests"))
        );
        assert!(auth0.server().complaints().is_empty());
        assert_eq!(update(&user.user_id, json!({"email_verified": "true"})).await.unwrap().status(), 400);
        assert_eq!(get(&format!("{url}/api/v2/users-by-email?email=x")).await.status(), 401);
        assert_eq!(auth0.server().complaints().len(), 2);
        auth0.revoke_tokens();
        assert_eq!(find(EMAIL, &bearer).await.unwrap().status(), 401);
        auth0.set_scope("update:users");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT_ID),
            ("client_secret", CLIENT_SECRET),
            ("audience", &audience),
        ];
        let issued = client().post(format!("{url}/oauth/token")).form(&form).send().await.unwrap().json::<Value>().await.unwrap();
        assert_eq!(find(EMAIL, issued["access_token"].as_str().unwrap()).await.unwrap().status(), 403);
        assert!(auth0.server().complaints().is_empty());
    }

    #[tokio::test]
    async fn a_gateway_gets_one_post_with_its_token() {
        let auth0 = Auth0::start(None).await.unwrap();
        // composed, MAC computed independently with Python's standard library
        let token =
            auth0.gateway_token(GATEWAY_SECRET, GATEWAY_AUDIENCE, GATEWAY_SUBJECT, json!({"sub": "x", "exp": 1, "aud": null}));
        assert_eq!(
            token,
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjEsInN1YiI6IngifQ.rsYdEJY5CtPRPuZTF1kYXfPgqPkpN0Uw8VUkJ2rlP3Q"
        );
        let gateway = Server::start("gateway", Router::new().fallback(|| async { "ok" })).await.unwrap();
        for (credential, expected) in [
            (Credential::Jwt("a.b.c"), json!({"recipient": "+45 12345678", "body": "Code 271828.", "sender": SENDER})),
            (
                Credential::Bearer("t"),
                json!({"recipient": "+45 12345678", "text": "Code 271828.", "from": SENDER, "code": "271828", "message_type": "otp_verify", "language": "en"}),
            ),
        ] {
            let answer = auth0.passwordless(&gateway.url(), credential, "+45 12345678", "Code 271828.").await;
            assert_eq!(answer, Answer { status: 200, body: "ok".to_owned() });
            let exchange = gateway.exchanges().pop().unwrap();
            let (Credential::Jwt(token) | Credential::Bearer(token)) = credential;
            assert!(exchange.headers.contains(&("authorization".to_owned(), format!("Bearer {token}"))));
            assert_eq!(serde_json::from_slice::<Value>(&exchange.request).unwrap(), expected);
        }
        gateway.faults().next(crate::wire::Fault::ResetBefore);
        assert_eq!(auth0.passwordless(&gateway.url(), Credential::Bearer("t"), "+4512345678", "x").await.status, 0);
    }
}
