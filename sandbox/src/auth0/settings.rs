//! The tenant's settings in the Management API: connections, phone providers, Actions,
//! applications, grants, APIs, attack protection, and mail templates.
//!
//! Imitates the `OpenAPI` document of the Management API and auth0/docs-v2@092b879e `main/docs`
//! (api/management/v2,
//! troubleshoot/product-lifecycle/past-migrations/migrate-connection-options-scope,
//! customize/phone-messages/configure-phone-messaging-providers/configure-a-custom-phone-provider,
//! customize/email/email-templates/customize-email-templates). Members and parameters that are not
//! simulated are refused with a complaint.

use std::collections::{BTreeMap, HashMap};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Path, Query, State as Axum},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Map, Value, json};

use super::{
    API_AUDIENCE, Auth0, CLIENT_ID, REALM, RESULT_URL, Shared, State, WRONG_PASSWORDS, merged,
    users::{api_error, project},
};
use crate::{
    random, sms,
    wire::{Complaints, lock},
};

const THEN: &str = "2026-11-20T12:00:00.000Z";
/// The trigger of a phone provider's Action.
const PHONE_TRIGGER: &str = "custom-phone-provider";
/// Options of a connection with the strategy `sms`, including those of its legacy gateway.
const SMS_OPTIONS: [&str; 17] = [
    "strategy",
    "provider",
    "gateway_url",
    "gateway_authentication",
    "from",
    "template",
    "syntax",
    "totp",
    "brute_force_protection",
    "disable_signup",
    "name",
    "forward_req_info",
    "twilio_sid",
    "twilio_token",
    "messaging_service_sid",
    "non_persistent_attrs",
    "upstream_params",
];

/// An Action with the values of its secrets. The API never returns these values.
#[derive(Clone, Debug)]
pub struct Action {
    /// A UUID.
    pub id: String,
    /// A name for administrators.
    pub name: String,
    /// `custom-phone-provider`...
    pub trigger: String,
    /// The source as last saved.
    pub code: String,
    /// `node22`...
    pub runtime: String,
    /// Values of the secrets, by name.
    pub secrets: BTreeMap<String, String>,
    /// The running version, if any: code and secrets at its deployment.
    pub deployed: Option<(String, BTreeMap<String, String>)>,
    /// The build is complete after this many more reads of the Action.
    building: u32,
    versions: u32,
}

impl Action {
    /// True if the saved version is the deployed one.
    pub fn is_deployed(&self) -> bool {
        self.deployed
            .as_ref()
            .is_some_and(|(code, secrets)| *code == self.code && *secrets == self.secrets)
    }

    fn status(&self) -> &'static str {
        if self.building == 0 {
            "built"
        } else {
            "building"
        }
    }

    fn triggers(&self) -> Value {
        json!([{ "id": self.trigger, "version": "v1" }])
    }

    fn wire(&self) -> Value {
        let secret = |name: &String| json!({ "name": name, "updated_at": THEN });
        let mut action = json!({
            "id": self.id, "name": self.name, "supported_triggers": self.triggers(), "code": self.code,
            "dependencies": [], "runtime": self.runtime, "secrets": self.secrets.keys().map(secret).collect::<Vec<_>>(),
            "status": self.status(), "all_changes_deployed": self.is_deployed(), "created_at": THEN, "updated_at": THEN,
            "installed_integration_id": null,
        });
        if let Some((code, _)) = &self.deployed {
            action["deployed_version"] = json!({ "code": code, "number": self.versions, "deployed": true, "status": "built", "runtime": self.runtime });
        }
        action
    }

    /// Takes code, name, runtime and secrets from a body. A secret without a value keeps its old
    /// value.
    fn change(&mut self, body: &Map<String, Value>) -> Result<(), String> {
        for (name, place) in [
            ("name", &mut self.name),
            ("code", &mut self.code),
            ("runtime", &mut self.runtime),
        ] {
            if let Some(value) = body.get(name) {
                value
                    .as_str()
                    .ok_or_else(|| format!("{name} is not a text"))?
                    .clone_into(place);
            }
        }
        if body
            .get("dependencies")
            .is_some_and(|dependencies| *dependencies != json!([]))
        {
            return Err("dependencies are not simulated".to_owned());
        }
        if let Some(secrets) = body.get("secrets") {
            let mut new = BTreeMap::new();
            for secret in secrets.as_array().ok_or("secrets is not a list")? {
                let name = secret["name"].as_str().ok_or("a secret without a name")?;
                let value = secret["value"]
                    .as_str()
                    .or_else(|| self.secrets.get(name).map(String::as_str));
                new.insert(
                    name.to_owned(),
                    value
                        .ok_or_else(|| format!("secret {name} has no value"))?
                        .to_owned(),
                );
            }
            self.secrets = new;
        }
        if self.name.is_empty() {
            Err("name is missing".to_owned())
        } else {
            Ok(())
        }
    }
}

/// The tenant's settings.
pub(super) struct Settings {
    connections: Vec<Value>,
    providers: Vec<Value>,
    actions: Vec<Action>,
    slow_builds: u32,
    brute_force: Value,
    /// True if the templates of mails with links have a *Redirect To*.
    pub(super) redirect_to: bool,
}

impl Settings {
    pub(super) fn new() -> Self {
        let database = json!({
            "id": "con_0000000000000001", "name": REALM, "strategy": "auth0", "realms": [REALM], "is_domain_connection": false,
            "enabled_clients": [CLIENT_ID], "options": {"brute_force_protection": true},
        });
        let brute_force = json!({
            "enabled": true, "shields": ["block", "user_notification"], "mode": "count_per_identifier_and_ip", "allowlist": [],
            "max_attempts": WRONG_PASSWORDS,
        });
        Self {
            connections: vec![database],
            providers: vec![],
            actions: vec![],
            slow_builds: 0,
            brute_force,
            redirect_to: true,
        }
    }

    /// The number of wrong passwords in a row that blocks a user; `None`: no number does.
    pub(super) fn wrong_passwords(&self) -> Option<u32> {
        let attempts = self.brute_force["max_attempts"]
            .as_u64()
            .and_then(|attempts| u32::try_from(attempts).ok());
        attempts.filter(|_| self.brute_force["enabled"] == true)
    }
}

impl Auth0 {
    /// Creates a connection of this strategy, as an administrator does. Returns the id.
    pub fn add_connection(&self, name: &str, strategy: &str, options: &Value) -> String {
        let id = format!("con_{}", random::hex(8));
        let connection = json!({
            "id": id, "name": name, "strategy": strategy, "realms": [name], "is_domain_connection": false, "enabled_clients": [], "options": options,
        });
        lock(&self.state).settings.connections.push(connection);
        id
    }

    /// The connection with this id in its present state.
    pub fn connection(&self, id: &str) -> Option<Value> {
        lock(&self.state)
            .settings
            .connections
            .iter()
            .find(|connection| connection["id"] == id)
            .cloned()
    }

    /// The tenant's phone provider: `name`, `disabled`, `configuration`, `credentials`... A tenant
    /// has at most one.
    pub fn phone_provider(&self) -> Option<Value> {
        lock(&self.state).settings.providers.first().cloned()
    }

    /// Replaces the phone provider with one of this name (`twilio`, `custom`).
    pub fn set_phone_provider(&self, name: &str, disabled: bool) {
        lock(&self.state).settings.providers = vec![json!({
            "id": format!("pro_{}", random::hex(8)), "tenant": "acme", "name": name, "channel": "phone", "disabled": disabled,
            "configuration": {"delivery_methods": ["text"]}, "credentials": {}, "created_at": THEN, "updated_at": THEN,
        })];
    }

    /// All Actions, in the order of creation.
    pub fn actions(&self) -> Vec<Action> {
        lock(&self.state).settings.actions.clone()
    }

    /// Sets how many reads it takes until a saved Action is built and can be deployed. At first an
    /// Action is built at once.
    pub fn slow_builds(&self, looks: u32) {
        lock(&self.state).settings.slow_builds = looks;
    }

    /// Sets whether the templates have a *Redirect To*. Some tenants made since May 2026 cannot set
    /// it; a page then shows the result of a link.
    pub fn set_redirect_to(&self, on: bool) {
        lock(&self.state).settings.redirect_to = on;
    }

    /// Sets members of brute-force protection: `enabled`, `shields`, `mode`, `allowlist`,
    /// `max_attempts`. At first a user has ten attempts from an address.
    pub fn set_brute_force_protection(&self, changes: Value) {
        let settings = &mut lock(&self.state).settings;
        settings.brute_force = merged(settings.brute_force.clone(), changes);
    }
}

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v2/connections", get(connections))
        .route(
            "/api/v2/connections/{id}",
            get(connection).patch(update_connection),
        )
        .route(
            "/api/v2/branding/phone/providers",
            get(providers).post(create_provider),
        )
        .route(
            "/api/v2/branding/phone/providers/{id}",
            get(provider).patch(update_provider),
        )
        .route("/api/v2/actions/actions", get(actions).post(create_action))
        .route(
            "/api/v2/actions/actions/{id}",
            get(action).patch(update_action),
        )
        .route("/api/v2/actions/actions/{id}/deploy", post(deploy_action))
        .route("/api/v2/clients/{id}", get(application))
        .route("/api/v2/client-grants", get(grants))
        .route("/api/v2/resource-servers/{id}", get(api))
        .route(
            "/api/v2/attack-protection/brute-force-protection",
            get(brute_force),
        )
        .route("/api/v2/email-templates/{name}", get(email_template))
}

/// The scope that a call of the Management API needs. It covers calls about users too.
pub(super) fn scope(method: &Method, path: &str) -> String {
    let what = match path
        .trim_start_matches("/api/v2/")
        .split('/')
        .next()
        .unwrap_or_default()
    {
        "connections" => "connections",
        "branding" => "phone_providers",
        "actions" => "actions",
        "clients" => "clients",
        "client-grants" => "client_grants",
        "resource-servers" => "resource_servers",
        "attack-protection" => "attack_protection",
        "email-templates" => "email_templates",
        _ => "users",
    };
    let verb = match *method {
        Method::GET => "read",
        Method::POST => "create", // A deployment creates a new version of an Action.
        _ => "update",
    };
    format!("{verb}:{what}")
}

type Parameters = Query<HashMap<String, String>>;
type Caller = (Axum<Shared>, Extension<Complaints>);

fn complain(complaints: &Complaints, code: &str, what: &str) -> Response {
    complaints.add(format!("Auth0 Management API: {what}"));
    api_error(StatusCode::BAD_REQUEST, Some(code), what)
}

/// Paging parameters and member selection. Lists here are short and have one page.
const PAGING: [&str; 7] = [
    "page",
    "per_page",
    "include_totals",
    "from",
    "take",
    "fields",
    "include_fields",
];

/// A list in the requested form: bare, with totals, or as the first page of a cursor.
fn listed(key: &str, items: Vec<Value>, query: &HashMap<String, String>) -> Response {
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let keep = |item: Value| project(item, query);
    let (page, limit) = (
        number("page").unwrap_or_default(),
        number("take").or(number("per_page")).unwrap_or(50),
    );
    let total = items.len();
    let items = items
        .into_iter()
        .skip(page.saturating_mul(limit))
        .take(limit)
        .map(keep)
        .collect::<Vec<_>>();
    if query.contains_key("take") {
        return Json(Map::from_iter([(key.to_owned(), Value::from(items))])).into_response();
    }
    if query
        .get("include_totals")
        .is_some_and(|totals| totals == "true")
    {
        let mut body =
            json!({ "start": page * limit, "limit": limit, "length": items.len(), "total": total });
        body[key] = items.into();
        return Json(body).into_response();
    }
    Json(items).into_response()
}

/// Refuses parameters that are not simulated.
#[expect(clippy::result_large_err, reason = "it is the answer")]
fn only(
    query: &HashMap<String, String>,
    known: &[&str],
    complaints: &Complaints,
) -> Result<(), Response> {
    for name in query.keys().filter(|name| !known.contains(&name.as_str())) {
        if !PAGING.contains(&name.as_str()) {
            return Err(complain(
                complaints,
                "invalid_query_string",
                &format!("parameter {name}"),
            ));
        }
        complaints.add_for_ours(format!("Auth0 Management API: parameter {name}"));
    }
    Ok(())
}

/// The members of a JSON object. An unknown member is refused.
#[expect(clippy::result_large_err, reason = "it is the answer")]
fn members(
    headers: &HeaderMap,
    body: &[u8],
    known: &[&str],
    complaints: &Complaints,
) -> Result<Map<String, Value>, Response> {
    let refuse = |what: &str| Err(complain(complaints, "invalid_body", what));
    if sms::header(headers, header::CONTENT_TYPE).split(';').next() != Some("application/json") {
        return refuse("content type is not application/json");
    }
    let Ok(members) = serde_json::from_slice::<Map<String, Value>>(body) else {
        return refuse("not a JSON object");
    };
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(stray) => refuse(&format!("member {stray}")),
        None if members.is_empty() => refuse("nothing to change"),
        None => Ok(members),
    }
}

fn missing(what: &str) -> Response {
    api_error(
        StatusCode::NOT_FOUND,
        None,
        &format!("The {what} does not exist."),
    )
}

fn by_id(id: &str) -> impl Fn(&&mut Value) -> bool {
    move |item| item["id"] == id
}

/// True if the request's token has this scope.
fn has_scope(state: &State, headers: &HeaderMap, scope: &str) -> bool {
    let token = sms::header(headers, header::AUTHORIZATION)
        .strip_prefix("Bearer ")
        .unwrap_or_default();
    state
        .tokens
        .get(token)
        .is_some_and(|granted| granted.split(' ').any(|granted| granted == scope))
}

/// A connection as the caller may see it. Its options need their own scope.
fn visible(mut connection: Value, state: &State, headers: &HeaderMap) -> Value {
    if let Some(members) = connection
        .as_object_mut()
        .filter(|_| !has_scope(state, headers, "read:connections_options"))
    {
        members.remove("options");
    }
    connection
}

async fn connections(
    (Axum(state), Extension(complaints)): Caller,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = only(&query, &["strategy", "name"], &complaints) {
        return refusal;
    }
    let state = lock(&state);
    let fits = |connection: &&Value| {
        ["strategy", "name"].iter().all(|name| {
            query
                .get(*name)
                .is_none_or(|asked| connection[*name] == **asked)
        })
    };
    let found = state.settings.connections.iter().filter(fits).cloned();
    let shown = found.map(|connection| {
        let mut shown = visible(connection, &state, &headers);
        // Only the answer for a single connection has this member.
        shown
            .as_object_mut()
            .map(|members| members.remove("enabled_clients"));
        shown
    });
    listed("connections", shown.collect(), &query)
}

async fn connection(
    (Axum(state), _): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let state = lock(&state);
    let found = state
        .settings
        .connections
        .iter()
        .find(|connection| connection["id"] == id)
        .cloned();
    found.map_or_else(
        || missing("connection"),
        |found| Json(visible(found, &state, &headers)).into_response(),
    )
}

/// Checks the options of an SMS connection. The error says what is wrong.
fn check_sms(options: &Map<String, Value>) -> Result<(), String> {
    if let Some(stray) = options
        .keys()
        .find(|name| !SMS_OPTIONS.contains(&name.as_str()))
    {
        return Err(format!("options.{stray}"));
    }
    let length = |value: &Value| value.as_str().map_or(0, str::len);
    if options
        .get("gateway_url")
        .is_some_and(|url| !(1..=255).contains(&length(url)))
    {
        return Err("options.gateway_url is 1 to 255 characters".to_owned());
    }
    let Some(authentication) = options
        .get("gateway_authentication")
        .filter(|value| !value.is_null())
    else {
        return Ok(());
    };
    let known = [
        "method",
        "subject",
        "audience",
        "secret",
        "secret_base64_encoded",
    ];
    let stray = authentication
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .find(|name| !known.contains(&name.as_str()));
    match (stray, [("method", 20), ("audience", 128), ("secret", 5120)]) {
        (Some(stray), _) => Err(format!("options.gateway_authentication.{stray}")),
        (None, needed) => match needed
            .iter()
            .find(|(name, most)| !(1..=*most).contains(&length(&authentication[*name])))
        {
            Some((name, most)) => Err(format!(
                "options.gateway_authentication.{name} is 1 to {most} characters"
            )),
            None => Ok(()),
        },
    }
}

/// Replaces a connection's options as a whole.
async fn update_connection(
    (Axum(state), Extension(complaints)): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let known = [
        "options",
        "display_name",
        "enabled_clients",
        "is_domain_connection",
        "metadata",
        "realms",
        "show_as_button",
    ];
    let changes = match members(&headers, &body, &known, &complaints) {
        Ok(changes) => changes,
        Err(refusal) => return refusal,
    };
    let mut state = lock(&state);
    if changes.contains_key("options") && !has_scope(&state, &headers, "update:connections_options")
    {
        let what = "Insufficient scope, expected any of: update:connections_options";
        return api_error(StatusCode::FORBIDDEN, Some("insufficient_scope"), what);
    }
    let Some(connection) = state.settings.connections.iter_mut().find(by_id(&id)) else {
        return missing("connection");
    };
    if let Some(options) = changes.get("options") {
        let fit = match options.as_object() {
            Some(options) if connection["strategy"] == "sms" => check_sms(options),
            Some(_) => Ok(()),
            None => Err("options is not an object".to_owned()),
        };
        if let Err(what) = fit {
            return complain(&complaints, "invalid_body", &what);
        }
    }
    for (name, value) in changes {
        connection[name.as_str()] = value;
    }
    let connection = connection.clone();
    Json(visible(connection, &state, &headers)).into_response()
}

/// A provider without its credentials.
fn masked(mut provider: Value) -> Value {
    if let Some(members) = provider.as_object_mut() {
        members.remove("credentials");
    }
    provider
}

async fn providers(
    (Axum(state), Extension(complaints)): Caller,
    Query(query): Parameters,
) -> Response {
    if let Err(refusal) = only(&query, &[], &complaints) {
        return refusal;
    }
    let providers = lock(&state)
        .settings
        .providers
        .iter()
        .cloned()
        .map(masked)
        .collect::<Vec<_>>();
    Json(json!({ "providers": providers })).into_response()
}

async fn provider((Axum(state), _): Caller, Path(id): Path<String>) -> Response {
    let found = lock(&state)
        .settings
        .providers
        .iter()
        .find(|provider| provider["id"] == id)
        .cloned();
    found.map_or_else(
        || missing("phone provider"),
        |provider| Json(masked(provider)).into_response(),
    )
}

/// Checks a provider. The error is code and text.
fn check_provider(provider: &Value, actions: &[Action]) -> Result<(), (&'static str, String)> {
    let invalid = |what: &str| Err(("invalid_body", what.to_owned()));
    let methods = &provider["configuration"]["delivery_methods"];
    if !methods.as_array().is_some_and(|methods| {
        methods
            .iter()
            .all(|method| method == "text" || method == "voice")
    }) {
        return invalid("configuration.delivery_methods");
    }
    match provider["name"].as_str() {
        _ if !provider["credentials"].is_object() => invalid("credentials"),
        Some("twilio") => Ok(()),
        Some("custom")
            if actions
                .iter()
                .any(|action| action.trigger == PHONE_TRIGGER && action.deployed.is_some()) =>
        {
            Ok(())
        }
        // Auth0 really uses the mail provider's code here too.
        Some("custom") => Err((
            "custom_email_provider_deployed_action_not_found",
            "No deployed Action".to_owned(),
        )),
        _ => invalid("name is twilio or custom"),
    }
}

const PROVIDER: [&str; 4] = ["name", "disabled", "configuration", "credentials"];

async fn create_provider(
    (Axum(state), Extension(complaints)): Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let given = match members(&headers, &body, &PROVIDER, &complaints) {
        Ok(given) => given,
        Err(refusal) => return refusal,
    };
    let made = json!({
        "id": format!("pro_{}", random::hex(8)), "tenant": "acme", "channel": "phone", "disabled": false, "created_at": THEN, "updated_at": THEN,
    });
    let provider = merged(made, given.into());
    let settings = &mut lock(&state).settings;
    if !settings.providers.is_empty() {
        return api_error(
            StatusCode::CONFLICT,
            None,
            "The phone provider is already configured",
        );
    }
    if let Err((code, what)) = check_provider(&provider, &settings.actions) {
        return complain(&complaints, code, &what);
    }
    settings.providers.push(provider.clone());
    (StatusCode::CREATED, Json(masked(provider))).into_response()
}

async fn update_provider(
    (Axum(state), Extension(complaints)): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let given = match members(&headers, &body, &PROVIDER, &complaints) {
        Ok(given) => given,
        Err(refusal) => return refusal,
    };
    let settings = &mut lock(&state).settings;
    let Some(provider) = settings.providers.iter_mut().find(by_id(&id)) else {
        return missing("phone provider");
    };
    let new = merged(provider.clone(), given.into());
    if let Err((code, what)) = check_provider(&new, &settings.actions) {
        return complain(&complaints, code, &what);
    }
    *provider = new;
    Json(masked(provider.clone())).into_response()
}

async fn actions(
    (Axum(state), Extension(complaints)): Caller,
    Query(query): Parameters,
) -> Response {
    if let Err(refusal) = only(&query, &["triggerId", "actionName"], &complaints) {
        return refusal;
    }
    let asked = |name: &str, value: &str| query.get(name).is_none_or(|asked| asked == value);
    let mut state = lock(&state);
    let found = state.settings.actions.iter_mut();
    let found = found
        .filter(|action| asked("triggerId", &action.trigger) && asked("actionName", &action.name));
    let found = found.map(looked_at).collect::<Vec<_>>();
    Json(json!({ "actions": found, "total": found.len(), "page": 0, "per_page": 50 }))
        .into_response()
}

/// The resource. Each read brings the build one step forward.
fn looked_at(action: &mut Action) -> Value {
    let wire = action.wire();
    action.building = action.building.saturating_sub(1);
    wire
}

async fn action((Axum(state), _): Caller, Path(id): Path<String>) -> Response {
    let mut state = lock(&state);
    let found = state
        .settings
        .actions
        .iter_mut()
        .find(|action| action.id == id);
    found.map_or_else(
        || missing("action"),
        |action| Json(looked_at(action)).into_response(),
    )
}

async fn create_action(
    (Axum(state), Extension(complaints)): Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let known = [
        "name",
        "supported_triggers",
        "code",
        "dependencies",
        "runtime",
        "secrets",
    ];
    let given = match members(&headers, &body, &known, &complaints) {
        Ok(given) => given,
        Err(refusal) => return refusal,
    };
    let settings = &mut lock(&state).settings;
    let triggers = given
        .get("supported_triggers")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let mut action = Action {
        id: random::uuid(),
        name: String::new(),
        trigger: triggers
            .first()
            .and_then(|trigger| trigger["id"].as_str())
            .unwrap_or_default()
            .to_owned(),
        code: String::new(),
        runtime: "node22".to_owned(),
        secrets: BTreeMap::new(),
        deployed: None,
        building: settings.slow_builds,
        versions: 0,
    };
    let fit = match action.change(&given) {
        Ok(()) if triggers.len() != 1 || action.trigger.is_empty() => {
            Err("not exactly one of supported_triggers".to_owned())
        }
        fit => fit,
    };
    if let Err(what) = fit {
        return complain(&complaints, "invalid_body", &what);
    }
    let answer = (StatusCode::CREATED, Json(action.wire())).into_response();
    settings.actions.push(action);
    answer
}

async fn update_action(
    (Axum(state), Extension(complaints)): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let given = match members(
        &headers,
        &body,
        &["name", "code", "dependencies", "runtime", "secrets"],
        &complaints,
    ) {
        Ok(given) => given,
        Err(refusal) => return refusal,
    };
    let settings = &mut lock(&state).settings;
    let building = settings.slow_builds;
    let Some(action) = settings.actions.iter_mut().find(|action| action.id == id) else {
        return missing("action");
    };
    let mut new = Action {
        building,
        ..action.clone()
    };
    if let Err(what) = new.change(&given) {
        return complain(&complaints, "invalid_body", &what);
    }
    *action = new;
    Json(action.wire()).into_response()
}

/// Deploys an Action. An unfinished build cannot be deployed.
async fn deploy_action((Axum(state), _): Caller, Path(id): Path<String>) -> Response {
    let mut state = lock(&state);
    let Some(action) = state
        .settings
        .actions
        .iter_mut()
        .find(|action| action.id == id)
    else {
        return missing("action");
    };
    if action.building > 0 {
        return api_error(
            StatusCode::BAD_REQUEST,
            None,
            "An action must be in the 'built' state to be deployed.",
        );
    }
    action.deployed = Some((action.code.clone(), action.secrets.clone()));
    action.versions += 1;
    let version = json!({
        "id": random::uuid(), "action_id": id, "code": action.code, "runtime": action.runtime, "deployed": true, "number": action.versions,
        "status": "built", "built_at": THEN, "created_at": THEN, "updated_at": THEN, "dependencies": [],
        "action": { "id": id, "name": action.name, "supported_triggers": action.triggers(), "all_changes_deployed": true, "created_at": THEN, "updated_at": THEN },
    });
    (StatusCode::ACCEPTED, Json(version)).into_response()
}

/// An application without its secret, which needs another scope.
async fn application(
    (Axum(state), Extension(complaints)): Caller,
    Path(id): Path<String>,
    Query(query): Parameters,
) -> Response {
    if let Err(refusal) = only(&query, &[], &complaints) {
        return refusal;
    }
    let state = lock(&state);
    let Some(application) = state
        .issuing
        .applications
        .iter()
        .find(|application| application.id == id)
    else {
        return missing("client");
    };
    Json(json!({
        "tenant": "acme", "client_id": application.id, "name": application.id, "global": false, "is_first_party": true, "oidc_conformant": true,
        "app_type": if application.id == CLIENT_ID { "non_interactive" } else { "regular_web" }, "grant_types": application.grant_types,
        "token_endpoint_auth_method": "client_secret_post",
    }))
    .into_response()
}

/// The client grants of the machine-to-machine application. Users' applications need no grants.
async fn grants(
    (Axum(state), Extension(complaints)): Caller,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = only(&query, &["client_id", "audience"], &complaints) {
        return refusal;
    }
    let management = format!("http://{}/api/v2/", sms::header(&headers, header::HOST));
    let state = lock(&state);
    let grant = |(id, audience, scope): (&str, String, &String)| json!({ "id": id, "client_id": CLIENT_ID, "audience": audience, "scope": scope.split_whitespace().collect::<Vec<_>>(), "subject_type": "client" });
    let all = [
        (
            "cgr_0000000000000001",
            management,
            &state.issuing.management_scope,
        ),
        (
            "cgr_0000000000000002",
            API_AUDIENCE.to_owned(),
            &state.issuing.api_scope,
        ),
    ];
    let granted = all
        .into_iter()
        .filter(|(_, audience, _)| !state.issuing.denied.contains(audience))
        .map(grant);
    let fits = |grant: &Value| {
        ["client_id", "audience"]
            .iter()
            .all(|name| query.get(*name).is_none_or(|asked| grant[*name] == **asked))
    };
    listed("client_grants", granted.filter(fits).collect(), &query)
}

/// The protected API, by id or identifier.
async fn api(
    (Axum(state), Extension(complaints)): Caller,
    Path(id): Path<String>,
    Query(query): Parameters,
) -> Response {
    if let Err(refusal) = only(&query, &[], &complaints) {
        return refusal;
    }
    let known = "0000000000000000000000a1";
    if id != known && id != API_AUDIENCE {
        return missing("resource server");
    }
    let profile = match lock(&state).issuing.profile {
        super::TokenProfile::Auth0 => "access_token",
        super::TokenProfile::Rfc9068 => "rfc9068_profile",
    };
    Json(json!({
        "id": known, "identifier": API_AUDIENCE, "name": "Accounts", "is_system": false, "signing_alg": "RS256", "token_lifetime": 86_400,
        "token_lifetime_for_web": 7200, "allow_offline_access": false, "enforce_policies": false, "token_dialect": profile,
        "scopes": [{"value": "read:accounts", "description": "Read accounts"}],
    }))
    .into_response()
}

async fn brute_force(
    (Axum(state), Extension(complaints)): Caller,
    Query(query): Parameters,
) -> Response {
    if let Err(refusal) = only(&query, &[], &complaints) {
        return refusal;
    }
    Json(lock(&state).settings.brute_force.clone()).into_response()
}

/// The template of a mail that this tenant sends. A template that was never changed does not exist.
async fn email_template(
    (Axum(state), Extension(complaints)): Caller,
    Path(name): Path<String>,
    Query(query): Parameters,
) -> Response {
    if let Err(refusal) = only(&query, &[], &complaints) {
        return refusal;
    }
    let (subject, lifetime) = match name.as_str() {
        "verify_email" => ("Verify your email", 432_000),
        "reset_email" => ("Reset your password", 432_000),
        _ => return missing("template"),
    };
    let mut template = json!({
        "template": name, "body": "<a href=\"{{ url }}\">{{ url }}</a>", "from": "no-reply@acme.example", "subject": subject, "syntax": "liquid",
        "urlLifetimeInSeconds": lifetime, "includeEmailInRedirect": false, "enabled": true,
    });
    if lock(&state).settings.redirect_to {
        template["resultUrl"] = RESULT_URL.into();
    }
    Json(template).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth0::{CLIENT_SECRET, LOGIN_CLIENT_ID},
        wire::client,
    };

    const SCOPES: &str = "read:connections read:connections_options update:connections update:connections_options read:phone_providers create:phone_providers update:phone_providers read:actions create:actions update:actions read:clients read:client_grants read:resource_servers read:attack_protection";

    struct Api(Auth0, String);

    impl Api {
        async fn start(scopes: &str) -> Self {
            let mut api = Self(Auth0::start(None).await.unwrap(), String::new());
            api.authorize(scopes).await;
            api
        }

        async fn authorize(&mut self, scopes: &str) {
            self.0.set_scope(scopes);
            let url = self.0.server().url();
            let body = json!({
                "grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "audience": format!("{url}/api/v2/"),
            });
            let granted = client()
                .post(format!("{url}/oauth/token"))
                .json(&body)
                .send()
                .await
                .unwrap();
            granted.json::<Value>().await.unwrap()["access_token"]
                .as_str()
                .unwrap()
                .clone_into(&mut self.1);
        }

        async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
            let url = format!("{}/api/v2/{path}", self.0.server().url());
            let mut request = client().request(method, url).bearer_auth(&self.1);
            if let Some(body) = body {
                request = request.json(&body);
            }
            let answer = request.send().await.unwrap();
            (
                answer.status().as_u16(),
                answer.json().await.unwrap_or_default(),
            )
        }

        async fn get(&self, path: &str) -> (u16, Value) {
            self.call(Method::GET, path, None).await
        }
    }

    #[tokio::test]
    async fn a_legacy_gateway_is_set_whole() {
        let mut api = Api::start(SCOPES).await;
        let id = api.0.add_connection(
            "sms",
            "sms",
            &json!({"provider": "twilio", "template": "Code @@password@@", "twilio_sid": "AC1"}),
        );
        let (_, found) = api.get("connections?strategy=sms").await;
        assert_eq!(
            (found.as_array().unwrap().len(), &found[0]["id"]),
            (1, &json!(id))
        );
        assert_eq!(api.get("connections").await.1[0]["name"], REALM);
        assert_eq!(found[0].get("enabled_clients"), None);
        let path = format!("connections/{id}");
        let options = json!({
            "provider": "sms_gateway", "gateway_url": "https://x.example/",
            "gateway_authentication": {"method": "bearer", "audience": "urn:x", "subject": "urn:Auth0", "secret": "s"},
        });
        let (status, changed) = api
            .call(Method::PATCH, &path, Some(json!({"options": options})))
            .await;
        assert_eq!(
            (status, &changed["options"], api.0.connection(&id)),
            (200, &options, Some(changed.clone()))
        );
        assert_eq!(api.get(&path).await.1, changed);
        assert_eq!(api.get("connections/con_1").await.0, 404);
        assert_eq!(api.0.server().complaints(), [""; 0]);
        for body in [
            json!({"options": {"gateway": "x"}}),
            json!({"options": {"gateway_url": "x".repeat(256)}}),
            json!({"options": {"gateway_authentication": {"method": "bearer", "audience": "x"}}}),
            json!({"options": []}),
            json!({"strategy": "sms"}),
            json!({}),
        ] {
            assert_eq!(
                api.call(Method::PATCH, &path, Some(body.clone())).await.0,
                400,
                "{body}"
            );
            assert_eq!(api.0.server().complaints().len(), 1, "{body}");
        }
        api.authorize("read:connections update:connections").await;
        assert_eq!(api.get(&path).await.1.get("options"), None);
        assert_eq!(
            api.call(Method::PATCH, &path, Some(json!({"options": options})))
                .await
                .0,
            403
        );
        assert_eq!(
            api.get("clients/x").await.1["message"],
            "Insufficient scope, expected any of: read:clients"
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);
    }

    #[tokio::test]
    async fn templates_say_where_links_end() {
        let mut api = Api::start("read:email_templates").await;
        let (status, template) = api.get("email-templates/verify_email").await;
        assert_eq!((status, &template["resultUrl"]), (200, &json!(RESULT_URL)));
        api.0.set_redirect_to(false);
        let (_, template) = api.get("email-templates/reset_email").await;
        assert_eq!(template.get("resultUrl"), None);
        assert_eq!(api.get("email-templates/welcome_email").await.0, 404);
        api.authorize("read:users").await;
        assert_eq!(api.get("email-templates/verify_email").await.0, 403);
        api.0.server().complaints();
    }

    #[tokio::test]
    async fn a_phone_provider_needs_a_deployed_action() {
        let api = Api::start(SCOPES).await;
        let provider = json!({"name": "custom", "disabled": false, "configuration": {"delivery_methods": ["text"]}, "credentials": {}});
        let (status, refused) = api
            .call(
                Method::POST,
                "branding/phone/providers",
                Some(provider.clone()),
            )
            .await;
        assert_eq!(
            (status, &refused["errorCode"]),
            (
                400,
                &json!("custom_email_provider_deployed_action_not_found")
            )
        );
        assert_eq!(api.0.server().complaints().len(), 1);
        api.0.slow_builds(1);
        let action = json!({
            "name": "SMS gateway", "code": "one", "runtime": "node22", "supported_triggers": [{"id": PHONE_TRIGGER, "version": "v1"}],
            "secrets": [{"name": "GATEWAY_URL", "value": "https://x.example/"}, {"name": "TOKEN", "value": "t"}],
        });
        let (status, created) = api
            .call(Method::POST, "actions/actions", Some(action))
            .await;
        assert_eq!(
            (
                status,
                &created["status"],
                created["secrets"][1].get("value")
            ),
            (201, &json!("building"), None)
        );
        let path = format!("actions/actions/{}", created["id"].as_str().unwrap());
        let deploy = path.clone() + "/deploy";
        assert_eq!(
            api.call(Method::POST, &deploy, None).await.0,
            400,
            "not built yet"
        );
        let (_, found) = api
            .get("actions/actions?triggerId=custom-phone-provider")
            .await;
        assert_eq!(
            (&found["total"], &found["actions"][0]["status"]),
            (&json!(1), &json!("building"))
        );
        assert_eq!(api.get(&path).await.1["status"], "built");
        let (status, version) = api.call(Method::POST, &deploy, None).await;
        assert_eq!((status, &version["code"]), (202, &json!("one")));
        assert_eq!(
            version["action"].get("code"),
            None,
            "of the Action only its head"
        );
        assert_eq!(api.get(&path).await.1["all_changes_deployed"], true);
        api.0.slow_builds(0);
        let change = json!({"code": "two", "secrets": [{"name": "GATEWAY_URL"}, {"name": "TOKEN", "value": "u"}]});
        assert_eq!(
            api.call(Method::PATCH, &path, Some(change)).await.1["all_changes_deployed"],
            false
        );
        let saved = &api.0.actions()[0];
        assert_eq!(
            (
                saved.is_deployed(),
                saved.deployed.as_ref().unwrap().0.as_str()
            ),
            (false, "one")
        );
        assert_eq!(
            (
                saved.secrets["GATEWAY_URL"].as_str(),
                saved.secrets["TOKEN"].as_str()
            ),
            ("https://x.example/", "u")
        );

        let (status, made) = api
            .call(
                Method::POST,
                "branding/phone/providers",
                Some(provider.clone()),
            )
            .await;
        assert_eq!((status, made.get("credentials")), (201, None));
        assert_eq!(
            api.call(Method::POST, "branding/phone/providers", Some(provider))
                .await
                .0,
            409
        );
        let path = format!("branding/phone/providers/{}", made["id"].as_str().unwrap());
        assert_eq!(
            api.call(Method::PATCH, &path, Some(json!({"disabled": true})))
                .await
                .1["disabled"],
            true
        );
        assert_eq!(
            api.get("branding/phone/providers").await.1["providers"][0],
            api.get(&path).await.1
        );
        assert_eq!(api.0.phone_provider().unwrap()["disabled"], true);
        api.0.set_phone_provider("twilio", false);
        assert_eq!(
            api.get("branding/phone/providers").await.1["providers"][0]["name"],
            "twilio"
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);
        for (method, path, body) in [
            (
                Method::POST,
                "actions/actions",
                json!({"name": "x", "code": "x"}),
            ),
            (
                Method::POST,
                "actions/actions",
                json!({"name": "x", "supported_triggers": [{"id": "x"}], "deploy": true}),
            ),
            (
                Method::PATCH,
                "branding/phone/providers/x",
                json!({"channel": "phone"}),
            ),
            (Method::POST, "branding/phone/providers", json!({})),
        ] {
            assert_eq!(api.call(method, path, Some(body)).await.0, 400, "{path}");
            assert_eq!(api.0.server().complaints().len(), 1, "{path}");
        }
    }

    #[tokio::test]
    async fn grants_and_protection_are_those_of_the_token_endpoint() {
        let mut api = Api::start(SCOPES).await;
        let path = format!("client-grants?client_id={CLIENT_ID}");
        let (_, grants) = api.get(&path).await;
        assert_eq!(
            (&grants[1]["audience"], &grants[1]["scope"]),
            (&json!(API_AUDIENCE), &json!(["read:accounts"]))
        );
        assert_eq!(
            grants[0]["audience"],
            format!("{}/api/v2/", api.0.server().url())
        );
        api.0.set_client_grant(API_AUDIENCE, false);
        assert_eq!(api.get(&path).await.1.as_array().unwrap().len(), 1);
        assert_eq!(
            api.get(&format!("client-grants?client_id={LOGIN_CLIENT_ID}"))
                .await
                .1,
            json!([])
        );
        assert_eq!(
            api.get(&format!("clients/{LOGIN_CLIENT_ID}")).await.1["grant_types"][0],
            "password"
        );
        assert_eq!(api.get("clients/nobody").await.0, 404);
        let (status, found) = api
            .get("resource-servers/https:%2F%2Fapi.acme.example%2F")
            .await;
        assert_eq!(
            (status, &found["scopes"][0]["value"]),
            (200, &json!("read:accounts"))
        );
        assert_eq!(api.get("resource-servers/urn:x").await.0, 404);
        let protection = "attack-protection/brute-force-protection";
        assert_eq!(api.get(protection).await.1["max_attempts"], WRONG_PASSWORDS);
        let user = api
            .0
            .sign_up_caller("10042", "2718", "Hello Ann", "ann@example.com");
        let wrong = async || {
            let body = json!({
                "grant_type": crate::auth0::PASSWORD_REALM, "client_id": LOGIN_CLIENT_ID, "client_secret": crate::auth0::LOGIN_CLIENT_SECRET,
                "realm": REALM, "username": user.email, "password": "0000",
            });
            client()
                .post(api.0.server().url() + "/oauth/token")
                .json(&body)
                .send()
                .await
                .unwrap()
                .status()
                .as_u16()
        };
        api.0.set_brute_force_protection(json!({"max_attempts": 1}));
        assert_eq!(
            (wrong().await, wrong().await, api.0.is_shut_out(&user)),
            (403, 429, true)
        );
        api.0.set_brute_force_protection(json!({"enabled": false}));
        assert_eq!((wrong().await, api.0.is_shut_out(&user)), (403, false));
        assert_eq!(api.get(protection).await.1["enabled"], false);
        assert_eq!(api.0.server().complaints(), [""; 0]);
        for (path, status) in [
            ("client-grants?audiences=x", 400),
            ("actions/actions?deployed=true", 400),
            // not what our functions send, but what Auth0 takes
            ("client-grants?page=1", 200),
            ("connections?fields=id", 200),
            ("clients/x?fields=name", 404),
        ] {
            assert_eq!(api.get(path).await.0, status, "{path}");
            assert_eq!(api.0.server().complaints().len(), 1, "{path}");
        }
        assert_eq!(
            api.get("client-grants?take=1").await.1["client_grants"]
                .as_array()
                .map(Vec::len),
            Some(1)
        );
        assert_eq!(
            api.get("client-grants?page=0&per_page=1&include_totals=true")
                .await
                .1["total"],
            1
        );
        assert_eq!(
            api.get("connections?fields=id").await.1[0]
                .as_object()
                .unwrap()
                .len(),
            1
        );
        assert!(!api.0.server().complaints().is_empty());
        api.authorize("read:users").await;
        for path in [
            "connections",
            "branding/phone/providers",
            "actions/actions",
            "clients/x",
            "client-grants",
            protection,
        ] {
            assert_eq!(api.get(path).await.0, 403, "{path}");
        }
        assert_eq!(api.0.server().complaints(), [""; 0]);
    }
}
