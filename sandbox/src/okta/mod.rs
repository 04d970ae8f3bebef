//! Okta: an org with users, their search, the token endpoint, and event hooks.
//!
//! Imitates okta/okta-management-openapi-spec@fdda229e (dist/2026.06.3) and
//! okta/okta-developer-docs@468de9c (guides/implement-oauth-for-okta-serviceapp,
//! reference/core-okta-api, reference/rl2-monitor, reference/error-codes). It is stricter with our
//! functions than Okta: parameters and attributes that they do not need, and logins instead of ids,
//! get a complaint.

mod assertion;
mod event_hooks;
mod hooks;
mod search;

pub use event_hooks::EventHook;
pub use hooks::Delivery;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
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
    response::{AppendHeaders, IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Map, Value, json};

use crate::{
    random, sms,
    wire::{Complaints, Server, lock},
};

/// The first API token. [`Okta::set_api_token`] replaces it.
pub const API_TOKEN: &str = "00sandbox-okta-api-token";
/// Client id of the service app.
pub const CLIENT_ID: &str = "0oasandboxserviceapp";
/// Okta's id for the public half of [`PRIVATE_KEY`].
pub const KEY_ID: &str = "sandbox-okta-key";
/// The service app's key, PKCS#8. It is a test key and is used nowhere else.
pub const PRIVATE_KEY: &str = include_str!("test-key.pem");

/// The service app's first scope.
const SCOPE: &str = "okta.users.read okta.users.manage";
/// The scope of the administrator who owns the API token.
const ADMINISTRATOR: &str =
    "okta.users.read okta.users.manage okta.eventHooks.read okta.eventHooks.manage";
/// Calls a minute without [`Okta::limit`].
const USUAL_LIMIT: u64 = 600;
/// Creation time of every resource: 20 November 2026, noon.
const THEN: Duration = Duration::from_hours(498_660);
/// The base attributes of a profile that are simulated. The first four cannot be emptied.
const ATTRIBUTES: [&str; 8] = [
    "login",
    "email",
    "firstName",
    "lastName",
    "mobilePhone",
    "primaryPhone",
    "department",
    "organization",
];
/// Attributes of Okta's base profile that are only stored and returned.
const BASE: [&str; 23] = [
    "middleName",
    "honorificPrefix",
    "honorificSuffix",
    "title",
    "displayName",
    "nickName",
    "profileUrl",
    "secondEmail",
    "streetAddress",
    "city",
    "state",
    "zipCode",
    "countryCode",
    "postalAddress",
    "preferredLanguage",
    "locale",
    "timezone",
    "userType",
    "employeeNumber",
    "costCenter",
    "division",
    "manager",
    "managerId",
];
const STATUSES: [&str; 8] = [
    "ACTIVE",
    "DEPROVISIONED",
    "LOCKED_OUT",
    "PASSWORD_EXPIRED",
    "PROVISIONED",
    "RECOVERY",
    "STAGED",
    "SUSPENDED",
];

/// The content of the `okta` secret for the service app. It replaces the sandbox's API token.
pub fn service_app() -> Value {
    json!({ "client_id": CLIENT_ID, "private_key": PRIVATE_KEY, "key_id": KEY_ID })
}

/// A user.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// `00u` and 17 letters and digits.
    pub id: String,
    /// `ACTIVE`, `SUSPENDED`, `DEPROVISIONED`...
    pub status: String,
    /// When the status last changed, since the epoch.
    pub status_changed: Duration,
    /// When the user last changed, since the epoch.
    pub last_updated: Duration,
    /// `firstName`, `mobilePhone`, `primaryPhone`...; an absent attribute is null in answers.
    pub profile: Map<String, Value>,
}

impl User {
    /// An attribute's text; empty if it is null or absent.
    pub fn text(&self, attribute: &str) -> &str {
        self.profile
            .get(attribute)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn wire(&self) -> Value {
        let mut profile = self.profile.clone();
        for attribute in ["mobilePhone", "primaryPhone"] {
            profile.entry(attribute).or_insert(Value::Null);
        }
        let then = iso(THEN);
        json!({
            "id": self.id, "status": self.status, "created": then, "activated": then, "statusChanged": iso(self.status_changed), "lastLogin": null,
            "lastUpdated": iso(self.last_updated),
            "passwordChanged": null, "type": {"id": "otysandbox"}, "profile": profile,
            "credentials": {"provider": {"type": "OKTA", "name": "OKTA"}}, "_links": {"self": {"href": format!("https://acme.okta.com/api/v1/users/{}", self.id)}},
        })
    }
}

/// Formats a time since the epoch as `2026-11-20T12:00:00.000Z`.
pub(crate) fn iso(time: Duration) -> String {
    let (days, second) = (time.as_secs() / 86_400, time.as_secs() % 86_400);
    // Years that begin in March have their leap day at the end (Howard Hinnant, chrono-compatible
    // low-level date algorithms).
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (
        day - (153 * month + 2) / 5 + 1,
        if month < 10 { month + 3 } else { month - 9 },
    );
    let year = era * 400 + year + u64::from(month < 3);
    let (hour, minute, second, milli) = (
        second / 3_600,
        second / 60 % 60,
        second % 60,
        time.subsec_millis(),
    );
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// A client's update of a profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The user's id.
    pub id: String,
    /// The attributes that the update names.
    pub profile: Map<String, Value>,
}

/// The state of a cursor: the parameters of its request, and the last user before it.
struct Cursor {
    query: [Option<String>; 4],
    after: usize,
}

struct Limit {
    calls: u64,
    remaining: u64,
    /// Seconds since the epoch.
    reset: u64,
}

struct State {
    api_token: String,
    scope: String,
    key_registered: bool,
    /// Scope by access token.
    tokens: HashMap<String, String>,
    /// `jti` of the accepted assertions.
    assertions: HashSet<String>,
    /// By number, in the order of creation.
    users: BTreeMap<usize, User>,
    /// The number of each user, by id.
    ids: HashMap<String, usize>,
    made: usize,
    /// The users in the search index while it lags behind.
    index: Option<BTreeMap<usize, User>>,
    page_size: usize,
    next_link: String,
    cursors: HashMap<String, Cursor>,
    expired_cursors: HashSet<String>,
    limit: Option<Limit>,
    updates: Vec<Update>,
    event_hooks: Vec<EventHook>,
}

type Shared = Arc<Mutex<State>>;

/// The Okta simulator.
pub struct Okta {
    server: Server,
    state: Shared,
}

impl Okta {
    /// Serves `https://ORG.okta.com` on this port or on a free one.
    pub async fn start(port: Option<u16>) -> io::Result<Self> {
        let state = Shared::new(Mutex::new(State {
            api_token: API_TOKEN.to_owned(),
            scope: SCOPE.to_owned(),
            key_registered: true,
            tokens: HashMap::new(),
            assertions: HashSet::new(),
            users: BTreeMap::new(),
            ids: HashMap::new(),
            made: 0,
            index: None,
            page_size: 200,
            next_link: String::new(),
            cursors: HashMap::new(),
            expired_cursors: HashSet::new(),
            limit: None,
            updates: vec![],
            event_hooks: vec![],
        }));
        let okta = Self {
            server: Server::start_on("Okta", port.unwrap_or(0), router(&state)).await?,
            state,
        };
        okta.set_next_link("<{url}>; rel=\"next\"");
        Ok(okta)
    }

    /// The server, with its exchanges, faults and complaints.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Adds an active user. Empty numbers are null in the profile. Returns the id.
    pub fn hire(&self, first_name: &str, mobile_phone: &str, primary_phone: &str) -> String {
        let login = format!("{}@acme.example", first_name.to_lowercase());
        let texts = [
            ("login", login.as_str()),
            ("email", &login),
            ("firstName", first_name),
            ("lastName", "Example"),
            ("mobilePhone", mobile_phone),
            ("primaryPhone", primary_phone),
        ];
        let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
        let profile = texts
            .map(|(name, text)| (name.to_owned(), json!(text)))
            .collect();
        lock(&self.state).hire(profile)
    }

    /// Adds this many active users with mobile phones from +45 20 00 00 00 and without primary
    /// phones. Returns the ids.
    pub fn hire_many(&self, n: usize) -> Vec<String> {
        (0..n)
            .map(|n| self.hire(&format!("User{n}"), &format!("+4520{n:06}"), ""))
            .collect()
    }

    /// The user with this id in its present state, not as in the search index.
    pub fn user(&self, id: &str) -> Option<User> {
        lock(&self.state).by_id(id).map(|user| user.clone())
    }

    /// All users, in the order of creation.
    pub fn users(&self) -> Vec<User> {
        lock(&self.state).users.values().cloned().collect()
    }

    /// Sets a user's status, for example to suspend or deactivate the user.
    pub fn set_status(&self, id: &str, status: &str) {
        assert!(STATUSES.contains(&status), "Okta has no status {status}");
        self.change(id, |user| {
            status.clone_into(&mut user.status);
            user.status_changed = crate::now();
        });
    }

    /// Sets an attribute of a user's profile, as an administrator or the user does; null empties
    /// it.
    pub fn set_profile(&self, id: &str, attribute: &str, value: Value) {
        self.change(id, |user| {
            user.profile.insert(attribute.to_owned(), value);
        });
    }

    /// Sets when a user's status last changed, since the epoch. [`Okta::set_status`] sets it to
    /// now.
    pub fn set_status_changed(&self, id: &str, at: Duration) {
        self.change(id, |user| user.status_changed = at);
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut User)) {
        let mut state = lock(&self.state);
        let user = state.by_id(id).unwrap_or_else(|| panic!("no user {id}"));
        user.last_updated = crate::now();
        change(user);
    }

    /// Sets when a user last changed, since the epoch.
    pub fn set_last_updated(&self, id: &str, at: Duration) {
        self.change(id, |user| user.last_updated = at);
    }

    /// Deletes a user.
    pub fn delete(&self, id: &str) {
        let mut state = lock(&self.state);
        if let Some(number) = state.ids.remove(id) {
            state.users.remove(&number);
        }
    }

    /// All accepted profile updates of clients, in order. Each raises
    /// `user.account.update_profile`.
    pub fn updates(&self) -> Vec<Update> {
        lock(&self.state).updates.clone()
    }

    /// Expires all cursors that were issued so far.
    pub fn expire_cursors(&self) {
        let mut state = lock(&self.state);
        let expired = state
            .cursors
            .drain()
            .map(|(cursor, _)| cursor)
            .collect::<Vec<_>>();
        state.expired_cursors.extend(expired);
    }

    /// `true`: searches find the users as they are now, without later changes. `false`: searches
    /// follow all changes again.
    pub fn hold_index(&self, on: bool) {
        let mut state = lock(&self.state);
        state.index = on.then(|| state.users.clone());
    }

    /// Sets the maximum number of users on a page. At first 200.
    pub fn set_page_size(&self, users: usize) {
        lock(&self.state).page_size = users;
    }

    /// Sets the format of the link to the next page. `{url}` stands for its URL.
    pub fn set_next_link(&self, format: &str) {
        format.clone_into(&mut lock(&self.state).next_link);
    }

    /// Sets a limit of calls in a window. This many calls are answered. Later calls are refused
    /// until `reset` from now, then all are answered.
    pub fn limit(&self, calls: u64, reset: Duration) {
        let reset = (crate::now() + reset).as_secs();
        lock(&self.state).limit = Some(Limit {
            calls,
            remaining: calls,
            reset,
        });
    }

    /// Removes [`Okta::limit`].
    pub fn unlimit(&self) {
        lock(&self.state).limit = None;
    }

    /// Replaces the API token.
    pub fn set_api_token(&self, token: &str) {
        token.clone_into(&mut lock(&self.state).api_token);
    }

    /// Revokes all access tokens.
    pub fn revoke_tokens(&self) {
        lock(&self.state).tokens.clear();
    }

    /// Sets whether the service app's public key is registered. At first it is.
    pub fn register_key(&self, on: bool) {
        lock(&self.state).key_registered = on;
    }

    /// Sets the scope of the service app. At first `okta.users.read okta.users.manage`.
    pub fn set_scope(&self, scope: &str) {
        scope.clone_into(&mut lock(&self.state).scope);
    }

    /// Reduces the scope of all issued tokens to this one, as a change of the app's administrator
    /// role does.
    pub fn narrow_tokens(&self, scope: &str) {
        lock(&self.state)
            .tokens
            .values_mut()
            .for_each(|granted| scope.clone_into(granted));
    }
}

impl State {
    fn hire(&mut self, profile: Map<String, Value>) -> String {
        self.made += 1;
        let id = format!("00u{}", &random::hex(9)[..17]);
        let user = User {
            id: id.clone(),
            status: "ACTIVE".to_owned(),
            status_changed: THEN,
            last_updated: crate::now(),
            profile,
        };
        self.users.insert(self.made, user);
        self.ids.insert(id.clone(), self.made);
        id
    }

    fn by_id(&mut self, id: &str) -> Option<&mut User> {
        self.users.get_mut(self.ids.get(id)?)
    }

    /// Finds a user by id or login. Okta also accepts a login, whole or without the part from the
    /// `@` if that is unique. Logins may change, so our functions must use ids.
    fn named(&mut self, id: &str, complaints: &Complaints) -> Option<&mut User> {
        let login = |fits: &dyn Fn(&str) -> bool| {
            let mut found = self
                .users
                .iter()
                .filter(|(_, user)| fits(user.text("login")));
            found.next().filter(|_| found.next().is_none())
        };
        let number = self.ids.get(id).copied().or_else(|| {
            let whole = login(&|login| login.eq_ignore_ascii_case(id));
            let short = || {
                login(&|login| {
                    let name = login.split('@').next();
                    name.is_some_and(|name| name.eq_ignore_ascii_case(id))
                })
            };
            whole.or_else(short).map(|(number, _)| *number)
        })?;
        if !(id.len() == 20 && id.starts_with("00u")) {
            complaints.add_for_ours(format!("Okta user: {id} is not an id"));
        }
        self.users.get_mut(&number)
    }
}

fn router(state: &Shared) -> Router {
    let users = Router::new()
        .route("/api/v1/users", get(list).post(make))
        .route("/api/v1/users/{id}", get(read).post(update))
        .merge(event_hooks::routes())
        .layer(middleware::from_fn_with_state(Arc::clone(state), authorize));
    Router::new()
        .route("/oauth2/v1/token", post(token))
        .merge(users)
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(Arc::clone(state))
}

async fn unknown(
    Extension(complaints): Extension<Complaints>,
    method: Method,
    OriginalUri(uri): OriginalUri,
) -> Response {
    complaints.add(format!("Okta: {method} {} is not simulated", uri.path()));
    error(
        StatusCode::NOT_IMPLEMENTED,
        "E0000060",
        &sms::not_simulated(&method, &uri),
        &[],
    )
}

fn error(status: StatusCode, code: &str, summary: &str, causes: &[&str]) -> Response {
    let causes = causes
        .iter()
        .map(|cause| json!({ "errorSummary": cause }))
        .collect::<Vec<_>>();
    let body = json!({
        "errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": format!("oae{}", random::hex(10)), "errorCauses": causes,
    });
    (status, Json(body)).into_response()
}

fn invalid_token() -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")];
    (
        challenge,
        error(
            StatusCode::UNAUTHORIZED,
            "E0000011",
            "Invalid token provided",
            &[],
        ),
    )
        .into_response()
}

fn not_found(id: &str) -> Response {
    error(
        StatusCode::NOT_FOUND,
        "E0000007",
        &format!("Not found: Resource not found: {id} (User)"),
        &[],
    )
}

/// Checks every call: form, limit, token and scope.
async fn authorize(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    request: Request,
    next: Next,
) -> Response {
    let [accept, content_type, agent, authorization] = [
        header::ACCEPT,
        header::CONTENT_TYPE,
        header::USER_AGENT,
        header::AUTHORIZATION,
    ]
    .map(|name| sms::header(request.headers(), name).to_owned());
    if accept != "application/json"
        || !content_type.starts_with("application/json")
        || agent.is_empty()
    {
        complaints.add_for_ours("Okta: Accept, Content-Type or User-Agent");
    }
    let needed = match (
        request.uri().path().starts_with("/api/v1/eventHooks"),
        request.method() == Method::GET,
    ) {
        (true, true) => "okta.eventHooks.read",
        (true, false) => "okta.eventHooks.manage",
        (false, true) => "okta.users.read",
        (false, false) => "okta.users.manage",
    };
    let now = crate::now().as_secs();
    let (limits, refusal) = {
        let mut state = lock(&state);
        let limit = state.limit.as_mut().filter(|limit| limit.reset > now);
        let (all, left, reset, over) = match limit {
            None => (USUAL_LIMIT, USUAL_LIMIT - 1, now + 60, false),
            Some(limit) => {
                let over = limit.remaining == 0;
                limit.remaining = limit.remaining.saturating_sub(1);
                (limit.calls, limit.remaining, limit.reset, over)
            }
        };
        let limits = AppendHeaders([
            ("x-rate-limit-limit", all.to_string()),
            ("x-rate-limit-remaining", left.to_string()),
            ("x-rate-limit-reset", reset.to_string()),
            ("x-okta-request-id", random::hex(12)),
        ]);
        // okta-sdk-python writes no space. Okta accepts that.
        let unspaced = authorization
            .strip_prefix("SSWS")
            .filter(|token| !token.starts_with(' '))
            .map(|token| ("SSWS", token));
        if unspaced.is_some() {
            complaints.add_for_ours("Okta: no space after SSWS");
        }
        let scope = match unspaced.or(authorization.split_once(' ')) {
            Some(("SSWS", token)) => Some((token == state.api_token).then_some(ADMINISTRATOR)),
            Some(("Bearer", token)) => Some(state.tokens.get(token).map(String::as_str)),
            _ => None,
        };
        let refusal = match scope {
            _ if over => Some(error(
                StatusCode::TOO_MANY_REQUESTS,
                "E0000047",
                "API call exceeded rate limit due to too many requests.",
                &[],
            )),
            None => {
                complaints.add("Okta: no authorization");
                Some(invalid_token())
            }
            Some(None) => Some(invalid_token()),
            Some(Some(scope)) if !scope.split(' ').any(|scope| scope == needed) => Some(error(
                StatusCode::FORBIDDEN,
                "E0000006",
                "You do not have permission to perform the requested action",
                &[],
            )),
            Some(Some(_)) => None,
        };
        (limits, refusal)
    };
    let answer = match refusal {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    (limits, answer).into_response()
}

/// `listUsers`. With a search, the users come from the index, which may lag behind. Without one,
/// all users except deactivated ones.
async fn list(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    headers: HeaderMap,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let refuse = |code, what: &str| {
        complaints.add(format!("Okta users: {what}"));
        error(StatusCode::BAD_REQUEST, code, what, &[])
    };
    let mut parameters = HashMap::new();
    for (name, value) in query {
        if ["sortBy", "sortOrder", "expand"].contains(&name.as_str()) {
            let what = format!("the parameter {name} is not simulated by this sandbox");
            complaints.add(format!("Okta users: {what}"));
            return error(StatusCode::NOT_IMPLEMENTED, "E0000060", &what, &[]);
        }
        if !["search", "filter", "limit", "after", "fields"].contains(&name.as_str()) {
            complaints.add_for_ours(format!("Okta users: parameter {name}"));
        }
        if parameters.insert(name.clone(), value).is_some() {
            return refuse("E0000001", &format!("repeated parameter {name}"));
        }
    }
    let given = ["search", "fields", "filter", "q"].map(|name| {
        parameters
            .get(name)
            .filter(|text| !text.is_empty())
            .cloned()
    });
    let Some(limit) = parameters
        .get("limit")
        .map_or(Some(200), |limit| limit.parse().ok())
        .filter(|limit| (1..=200).contains(limit))
    else {
        return refuse("E0000001", "limit");
    };
    let fits: Box<dyn Fn(&User) -> bool> = match &given {
        // `filter` is an older parameter with the same syntax for fewer attributes.
        [Some(text), ..] | [None, _, Some(text), _] => match search::parse(text) {
            Ok(search) => Box::new(move |user| search.fits(user)),
            Err(what) => return refuse("E0000031", &format!("Invalid search criteria: {what}")),
        },
        [None, _, None, Some(start)] => {
            let start = start.to_lowercase();
            let begins = move |user: &User| {
                let names = [
                    user.text("firstName"),
                    user.text("lastName"),
                    user.text("email"),
                ];
                names
                    .iter()
                    .any(|name| name.to_lowercase().starts_with(&start))
            };
            Box::new(move |user| user.status != "DEPROVISIONED" && begins(user))
        }
        [None, _, None, None] => Box::new(|user| user.status != "DEPROVISIONED"),
    };
    let mut state = lock(&state);
    let after = match parameters
        .get("after")
        .map(|cursor| state.cursors.get(cursor))
    {
        None => 0,
        Some(Some(cursor)) if cursor.query == given => cursor.after,
        Some(None)
            if parameters
                .get("after")
                .is_some_and(|cursor| state.expired_cursors.contains(cursor)) =>
        {
            return error(
                StatusCode::BAD_REQUEST,
                "E0000001",
                "Api validation failed: after",
                &["after: expired"],
            );
        }
        Some(_) => return refuse("E0000001", "a cursor not issued for this"),
    };
    let all = state
        .index
        .as_ref()
        .filter(|_| given[0].is_some())
        .unwrap_or(&state.users);
    let size = state.page_size.min(limit);
    let mut found = all
        .range(after + 1..)
        .filter(|(_, user)| fits(user))
        .take(size + 1)
        .collect::<Vec<_>>();
    let more = found.len() > size;
    found.truncate(size);
    let page = found
        .iter()
        .map(|(_, user)| project(user.wire(), given[1].as_deref()))
        .collect::<Vec<_>>();
    let last = found.last().map_or(after, |(made, _)| **made);
    // Every page has a link to itself and one to the next page.
    let mut links = vec![];
    let address = |after: Option<&String>| {
        let mut address = form_urlencoded::Serializer::new(String::new());
        address.extend_pairs(given[0].iter().map(|search| ("search", search)));
        address.extend_pairs(given[1].iter().map(|fields| ("fields", fields)));
        address.extend_pairs(given[2].iter().map(|filter| ("filter", filter)));
        address.extend_pairs(given[3].iter().map(|start| ("q", start)));
        address.extend_pairs(after.map(|after| ("after", after)));
        let query = address.append_pair("limit", &limit.to_string()).finish();
        format!(
            "http://{}/api/v1/users?{query}",
            sms::header(&headers, header::HOST)
        )
    };
    links.push((
        header::LINK,
        format!("<{}>; rel=\"self\"", address(parameters.get("after"))),
    ));
    if more {
        let cursor = random::hex(10);
        links.push((
            header::LINK,
            state.next_link.replace("{url}", &address(Some(&cursor))),
        ));
        state.cursors.insert(
            cursor,
            Cursor {
                query: given,
                after: last,
            },
        );
    }
    let mut answer = Json(page).into_response();
    for (name, link) in links {
        answer
            .headers_mut()
            .append(name, link.parse().expect("a link in plain characters"));
    }
    answer
}

/// The part of a user that `fields` selects: `id,status,profile:(a,b)`.
fn project(mut user: Value, fields: Option<&str>) -> Value {
    let Some(fields) = fields else { return user };
    let (plain, profile) = match fields.split_once("profile:(") {
        Some((before, rest)) => (
            before,
            rest.split_once(')').map_or(rest, |(inner, _)| inner),
        ),
        None => (fields, ""),
    };
    let named = |list: &str, name: &String| list.split(',').any(|field| field.trim() == name);
    if let Some(user) = user.as_object_mut() {
        user.retain(|name, _| {
            name == "id" || named(plain, name) || name == "profile" && !profile.is_empty()
        });
    }
    if let Some(attributes) = user.get_mut("profile").and_then(Value::as_object_mut) {
        attributes.retain(|name, _| named(profile, name));
    }
    user
}

async fn read(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    Path(id): Path<String>,
) -> Response {
    let found = lock(&state).named(&id, &complaints).map(|user| user.wire());
    found.map_or_else(|| not_found(&id), |user| Json(user).into_response())
}

/// `createUser`. The user is active at once, as with `activate=true` and a password.
async fn make(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    Query(query): Query<HashMap<String, String>>,
    body: Bytes,
) -> Response {
    complaints.add_for_ours("Okta: a user is made");
    let invalid = |cause: &str| {
        error(
            StatusCode::BAD_REQUEST,
            "E0000001",
            "Api validation failed: login",
            &[cause],
        )
    };
    let body = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let profile = body["profile"].as_object().cloned().unwrap_or_default();
    let profile = profile
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .collect::<Map<_, _>>();
    if let Some(name) = ATTRIBUTES[..4].iter().find(|name| {
        profile
            .get(**name)
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
    }) {
        return invalid(&format!("{name}: The field cannot be left blank"));
    }
    let mut state = lock(&state);
    let taken = |user: &User| {
        profile["login"]
            .as_str()
            .is_some_and(|login| user.text("login").eq_ignore_ascii_case(login))
    };
    if state.users.values().any(taken) {
        return invalid(
            "login: An object with this field already exists in the current organization",
        );
    }
    let id = state.hire(profile);
    let Some(user) = state.by_id(&id) else {
        return not_found(&id);
    };
    if query
        .get("activate")
        .is_some_and(|activate| activate == "false")
    {
        "STAGED".clone_into(&mut user.status);
    }
    Json(user.wire()).into_response()
}

/// `updateUser`. Changes the named attributes and keeps the others.
async fn update(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let Ok(mut body) = serde_json::from_slice::<Map<String, Value>>(&body) else {
        complaints.add("Okta update: not a JSON object");
        return error(
            StatusCode::BAD_REQUEST,
            "E0000003",
            "The request body was not well-formed.",
            &[],
        );
    };
    let invalid = |cause: &str| {
        error(
            StatusCode::BAD_REQUEST,
            "E0000001",
            "Api validation failed: com.saasure.core.bo",
            &[cause],
        )
    };
    body.retain(|_, value| !value.is_null());
    let profile = body
        .remove("profile")
        .and_then(|profile| profile.as_object().cloned());
    let Some(profile) = profile else {
        complaints.add("Okta update: no profile");
        return invalid("profile");
    };
    // A client may send back members that it has read.
    if let Some(member) = body
        .keys()
        .find(|name| !["type", "credentials"].contains(&name.as_str()))
    {
        complaints.add_for_ours(format!("Okta update: {member}"));
    }
    for (name, value) in &profile {
        let Some(place) = ATTRIBUTES.iter().position(|attribute| attribute == name) else {
            if BASE.contains(&name.as_str()) {
                complaints.add_for_ours(format!("Okta update: attribute {name}"));
                continue;
            }
            complaints.add(format!("Okta update: attribute {name}"));
            return invalid(&format!("{name}: not in the schema"));
        };
        if !(value
            .as_str()
            .is_some_and(|text| text.chars().count() <= 100)
            || value.is_null() && place > 3)
        {
            return invalid(&format!("{name}: does not take this value"));
        }
    }
    let mut state = lock(&state);
    let Some(user) = state.named(&id, &complaints) else {
        return not_found(&id);
    };
    if user.status == "DEPROVISIONED" {
        let summary = "This operation is not allowed in the user's current status.";
        return error(StatusCode::FORBIDDEN, "E0000038", summary, &[]);
    }
    user.profile.extend(profile.clone());
    user.last_updated = crate::now();
    let (id, answer) = (user.id.clone(), Json(user.wire()).into_response());
    state.updates.push(Update { id, profile });
    answer
}

/// The token endpoint of the org authorization server, for the service app.
async fn token(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let refuse = |status: StatusCode, error: &str, description: &str| {
        (
            status,
            Json(json!({"error": error, "error_description": description})),
        )
            .into_response()
    };
    let known = [
        "grant_type",
        "scope",
        "client_assertion_type",
        "client_assertion",
    ];
    let fields = sms::form(&body, &known).ok().filter(|fields| {
        fields.len() == known.len()
            && sms::header(&headers, header::CONTENT_TYPE)
                .split(';')
                .next()
                == Some("application/x-www-form-urlencoded")
            && fields["grant_type"] == "client_credentials"
            && fields["client_assertion_type"]
                == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    });
    if sms::header(&headers, header::ACCEPT) != "application/json" {
        complaints.add_for_ours("Okta token: Accept");
    }
    let Some(fields) = fields else {
        complaints.add("Okta token: not exactly grant_type, scope, client_assertion_type, client_assertion as documented");
        return refuse(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "The request is missing a required parameter.",
        );
    };
    let audience = format!(
        "http://{}/oauth2/v1/token",
        sms::header(&headers, header::HOST)
    );
    let mut state = lock(&state);
    if !state.key_registered || !assertion::is_signed(&fields["client_assertion"]) {
        return refuse(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "The client_assertion signature is invalid.",
        );
    }
    let once = match assertion::check(
        &fields["client_assertion"],
        &audience,
        crate::now().as_secs(),
    ) {
        Ok(Some(jti)) if !state.assertions.insert(jti.clone()) => {
            Err("The client_assertion token was used before.")
        }
        Ok(_) => Ok(()),
        Err(what) => Err(what),
    };
    if let Err(what) = once {
        complaints.add(format!("Okta token: {what}"));
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client", what);
    }
    let granted = |scope: &str| state.scope.split(' ').any(|granted| granted == scope);
    if !fields["scope"].split(' ').all(granted) {
        return refuse(
            StatusCode::BAD_REQUEST,
            "invalid_scope",
            "One or more scopes are not configured for the authorization server resource.",
        );
    }
    let token = random::hex(32);
    state.tokens.insert(token.clone(), fields["scope"].clone());
    Json(json!({"token_type": "Bearer", "expires_in": 3600, "access_token": token, "scope": fields["scope"]})).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::client;

    struct Api(Okta, String);

    impl Api {
        async fn start() -> Self {
            let okta = Okta::start(None).await.unwrap();
            let url = okta.server().url();
            Self(okta, url)
        }

        fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
            let request = client()
                .request(method, format!("{}{path}", self.1))
                .header("user-agent", "test");
            request
                .header("accept", "application/json")
                .header("content-type", "application/json")
        }

        async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
            let mut request = self
                .request(method, path)
                .header("authorization", format!("SSWS {API_TOKEN}"));
            if let Some(body) = body {
                request = request.body(body.to_string());
            }
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.json().await.unwrap())
        }

        async fn get(&self, path: &str) -> (u16, Value) {
            self.call(Method::GET, path, None).await
        }
    }

    #[tokio::test]
    async fn lists_leave_out_the_departed_and_searches_do_not() {
        let api = Api::start().await;
        let id = api.0.hire("Ann", "+4512345678", "");
        api.0.set_status(&id, "DEPROVISIONED");
        assert_eq!(api.get("/api/v1/users").await, (200, json!([])));
        let path = "/api/v1/users?search=profile.mobilePhone%20eq%20%22%2B4512345678%22&fields=status,profile:(firstName,primaryPhone)";
        let expected = json!([{"id": id, "status": "DEPROVISIONED", "profile": {"firstName": "Ann", "primaryPhone": null}}]);
        assert_eq!(api.get(path).await, (200, expected));
        let (status, body) = api
            .get("/api/v1/users?search=profile.mobilePhone%20ne%20%221%22")
            .await;
        assert_eq!(
            (
                status,
                &body["errorCode"],
                api.0.server().complaints().len()
            ),
            (400, &json!("E0000031"), 1)
        );
        for path in [
            "/api/v1/users?limit=201",
            "/api/v1/users?after=made-up",
            "/api/v1/users?sortBy=id",
        ] {
            assert_ne!(api.get(path).await.0, 200, "{path}");
            assert_eq!(api.0.server().complaints().len(), 1, "{path}");
        }
    }

    #[tokio::test]
    async fn others_may_name_users_as_okta_lets_them() {
        let api = Api::start().await;
        let id = api.0.hire("Ann", "+4512345678", "");
        api.0.hire("Ben", "", "");
        for path in [
            "?q=ann",
            "?filter=profile.login%20eq%20%22ann%40acme.example%22",
            "?q=ann&search=",
        ] {
            let found = api.get(&format!("/api/v1/users{path}")).await.1;
            assert_eq!(
                (found.as_array().unwrap().len(), &found[0]["id"]),
                (1, &json!(id)),
                "{path}"
            );
        }
        for name in ["ann@acme.example", "Ann"] {
            assert_eq!(
                api.get(&format!("/api/v1/users/{name}")).await.1["id"],
                id,
                "{name}"
            );
        }
        let body = json!({"profile": {"nickName": "A", "mobilePhone": null}, "credentials": {}});
        let changed = api
            .call(Method::POST, "/api/v1/users/ann", Some(body))
            .await
            .1;
        assert_eq!(
            (
                &changed["profile"]["nickName"],
                &changed["profile"]["mobilePhone"]
            ),
            (&json!("A"), &Value::Null)
        );
        let body = json!({"profile": {"firstName": "Cid", "lastName": "X", "email": "cid@acme.example", "login": "cid@acme.example"}});
        let make = async || {
            api.call(Method::POST, "/api/v1/users", Some(body.clone()))
                .await
        };
        assert_eq!(
            (make().await.1["status"].clone(), make().await.0),
            (json!("ACTIVE"), 400)
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);
        let unspaced = api
            .request(Method::GET, "/api/v1/users")
            .header("authorization", format!("SSWS{API_TOKEN}"));
        assert_eq!(
            (
                unspaced.send().await.unwrap().status().as_u16(),
                api.0.server().complaints()
            ),
            (200, vec![])
        );
        let ours = client()
            .get(format!("{}/api/v1/users/ann", api.1))
            .header("user-agent", "Switchboard/1");
        let ours = ours
            .header("accept", "application/json")
            .header("content-type", "application/json");
        let ours = ours
            .header("authorization", format!("SSWS {API_TOKEN}"))
            .send()
            .await
            .unwrap();
        assert_eq!(
            (ours.status().as_u16(), api.0.server().complaints().len()),
            (200, 1)
        );
    }

    #[tokio::test]
    async fn a_cursor_continues_where_its_page_ended() {
        let api = Api::start().await;
        let ids = ["Ann", "Bob", "Cid"].map(|name| api.0.hire(name, "", ""));
        let page = async |path: String| {
            let answer = api
                .request(Method::GET, &path)
                .header("authorization", format!("SSWS {API_TOKEN}"))
                .send()
                .await
                .unwrap();
            let links = answer
                .headers()
                .get_all("link")
                .iter()
                .map(|link| link.to_str().unwrap().to_owned())
                .collect::<Vec<_>>();
            (answer.json::<Value>().await.unwrap(), links)
        };
        let (first, links) = page("/api/v1/users?limit=1".to_owned()).await;
        assert_eq!((&first[0]["id"], links.len()), (&json!(ids[0]), 2));
        assert!(
            links[0].ends_with("rel=\"self\"") && links[1].ends_with("rel=\"next\""),
            "{links:?}"
        );
        // Gone meanwhile: the cursor does not mind.
        api.0.delete(&ids[0]);
        let next = links[1]
            .strip_prefix(&format!("<{}", api.1))
            .unwrap()
            .split_once('>')
            .unwrap()
            .0
            .to_owned();
        let (second, _) = page(next.clone()).await;
        assert_eq!(second[0]["id"], ids[1]);
        assert_eq!(
            api.get(&format!("{next}&fields=id")).await.0,
            400,
            "it is for the same question"
        );
        assert_eq!(api.0.server().complaints().len(), 1);
        api.0.expire_cursors();
        assert_eq!(api.get(&next).await.1["errorCode"], "E0000001");
        assert_eq!(api.0.server().complaints(), [""; 0], "a client cannot know");
    }

    #[tokio::test]
    async fn updates_are_partial_and_checked() {
        let api = Api::start().await;
        let id = api.0.hire("Ann", "", "");
        let path = format!("/api/v1/users/{id}");
        let post = |body| api.call(Method::POST, &path, Some(body));
        let (status, user) = post(json!({"profile": {"primaryPhone": "+15005550006"}})).await;
        assert_eq!(
            (
                status,
                &user["profile"]["primaryPhone"],
                &user["profile"]["firstName"]
            ),
            (200, &json!("+15005550006"), &json!("Ann"))
        );
        for value in [json!("x".repeat(101)), json!(1)] {
            assert_eq!(
                post(json!({"profile": {"primaryPhone": value}})).await.1["errorCode"],
                "E0000001"
            );
        }
        assert_eq!(
            post(json!({"profile": {"firstName": null}})).await.1["errorCode"],
            "E0000001"
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);
        assert_eq!(post(json!({"profile": {"PrimaryPhone": "1"}})).await.0, 400);
        assert_eq!(post(json!({"status": "ACTIVE"})).await.0, 400);
        let unknown = api.request(Method::PUT, &path).send().await.unwrap();
        assert_eq!(unknown.status(), 501);
        let unknown = unknown.json::<Value>().await.unwrap();
        assert!(
            unknown["errorCode"].is_string()
                && unknown["errorSummary"]
                    == format!("PUT {path} is not simulated by this sandbox")
        );
        assert_eq!(api.0.server().complaints().len(), 3);
        api.0.set_status(&id, "DEPROVISIONED");
        assert_eq!(
            post(json!({"profile": {"primaryPhone": null}})).await.1["errorCode"],
            "E0000038"
        );
        assert_eq!(
            api.call(
                Method::POST,
                "/api/v1/users/00u00000000000000000",
                Some(json!({"profile": {}}))
            )
            .await
            .0,
            404
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);
    }

    #[tokio::test]
    async fn statuses_have_a_beginning_and_updates_are_kept() {
        let api = Api::start().await;
        let ids = api.0.hire_many(1000);
        let path = format!("/api/v1/users/{}", ids[999]);
        let user = api.get(&path).await.1;
        assert_eq!(
            (&user["profile"]["mobilePhone"], &user["statusChanged"]),
            (&json!("+4520000999"), &json!(iso(THEN)))
        );
        api.0.set_status(&ids[999], "DEPROVISIONED");
        assert_ne!(api.get(&path).await.1["statusChanged"], iso(THEN));
        api.0
            .set_status_changed(&ids[999], Duration::from_millis(951_782_399_250));
        assert_eq!(
            api.get(&path).await.1["statusChanged"],
            "2000-02-28T23:59:59.250Z"
        );
        let search = "/api/v1/users?search=status%20eq%20%22DEPROVISIONED%22%20and%20statusChanged%20lt%20%222001-01-01T00:00:00.000Z%22";
        assert_eq!(api.get(search).await.1[0]["id"], ids[999]);
        let profile = json!({"primaryPhone": "+14155550100"});
        assert_eq!(
            api.call(Method::POST, &path, Some(json!({ "profile": profile })))
                .await
                .0,
            403
        );
        let path = format!("/api/v1/users/{}", ids[0]);
        assert_eq!(
            api.call(Method::POST, &path, Some(json!({ "profile": profile })))
                .await
                .0,
            200
        );
        assert_eq!(
            api.0.updates(),
            [Update {
                id: ids[0].clone(),
                profile: profile.as_object().unwrap().clone()
            }]
        );
        for (time, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_798_761_599, "2026-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(iso(Duration::from_secs(time)), expected);
        }
        assert_eq!(iso(THEN), "2026-11-20T12:00:00.000Z");
    }

    #[tokio::test]
    async fn limits_count_down() {
        let api = Api::start().await;
        api.0.limit(1, Duration::from_secs(40));
        assert_eq!(api.get("/api/v1/users").await.0, 200);
        assert_eq!(api.get("/api/v1/users").await.1["errorCode"], "E0000047");
        api.0.unlimit();
        assert_eq!(api.get("/api/v1/users").await.0, 200);
        api.0.limit(0, Duration::ZERO);
        assert_eq!(api.get("/api/v1/users").await.0, 200, "that window is over");
    }

    #[tokio::test]
    async fn only_the_documented_assertion_opens_the_token_endpoint() {
        let api = Api::start().await;
        let post = async |changes: Value, scope: &str| {
            let now = crate::now().as_secs();
            let mut claims = json!({
                "iss": CLIENT_ID, "sub": CLIENT_ID, "aud": format!("{}/oauth2/v1/token", api.1), "iat": now, "exp": now + 300, "jti": random::hex(8),
            });
            claims
                .as_object_mut()
                .unwrap()
                .extend(changes.as_object().unwrap().clone());
            let form = [
                ("grant_type", "client_credentials"),
                ("scope", scope),
                (
                    "client_assertion_type",
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                ),
                ("client_assertion", &assertion::sign(&claims)),
            ];
            let url = format!("{}/oauth2/v1/token", api.1);
            let answer = client()
                .post(url)
                .header("accept", "application/json")
                .form(&form)
                .send()
                .await
                .unwrap();
            (
                answer.status().as_u16(),
                answer.json::<Value>().await.unwrap(),
                api.0.server().complaints().len(),
            )
        };
        let (status, granted, complaints) = post(json!({"jti": "once"}), "okta.users.read").await;
        assert_eq!(
            (status, &granted["expires_in"], complaints),
            (200, &json!(3600), 0)
        );
        let bearer = |method, body: &'static str| {
            let request = api
                .request(method, "/api/v1/users/00u00000000000000000")
                .body(body);
            request
                .bearer_auth(granted["access_token"].as_str().unwrap())
                .send()
        };
        assert_eq!(bearer(Method::GET, "").await.unwrap().status(), 404);
        assert_eq!(
            bearer(Method::POST, "{}").await.unwrap().status(),
            403,
            "it is for reading"
        );
        api.0.revoke_tokens();
        assert_eq!(bearer(Method::GET, "").await.unwrap().status(), 401);
        for changes in [
            json!({"jti": "once"}),
            json!({"iss": "x"}),
            json!({"aud": api.1}),
            json!({"exp": 1}),
            json!({"exp": "1"}),
            json!({"exp": 9_999_999_999_u64}),
        ] {
            let (status, refusal, complaints) = post(changes.clone(), "okta.users.read").await;
            assert_eq!(
                (status, &refusal["error"], complaints),
                (401, &json!("invalid_client"), 1),
                "{changes}"
            );
        }
        assert_eq!(
            post(json!({}), "okta.groups.read").await.1["error"],
            "invalid_scope"
        );
        api.0.register_key(false);
        let (status, _, complaints) = post(json!({}), "okta.users.read").await;
        assert_eq!((status, complaints), (401, 0));
        assert!(!assertion::is_signed("a.b.c") && !assertion::is_signed(""));
    }
}
