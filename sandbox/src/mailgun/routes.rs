//! The account's routes and domains: their administration, and the choice of routes for a mail.
//!
//! Imitates `api-routes.rst` and the routes chapter of `user_manual.rst` in github
//! mailgun/documentation@09a6529, and
//! <https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/domains/get-v4-domains--name->.
//! It is stricter than Mailgun: unknown fields, and filters and actions without effect, are refused
//! with a complaint.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Path, Query, Request, State as Axum},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use regex::Regex;
use serde_json::{Value, json};

use super::{Mailgun, Shared};
use crate::{
    mail::{self, Mail},
    random, sms,
    wire::{Complaints, lock},
};

/// Maximum length of a filter or an action.
const LONGEST: usize = 4096;
const FORM: &str = "application/x-www-form-urlencoded";

/// A route of the account. Routes are sorted by `priority`, lowest first, then by age, oldest
/// first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// 24 hexadecimal digits.
    pub id: String,
    /// A smaller number comes earlier.
    pub priority: i64,
    /// A name for administrators.
    pub description: String,
    /// The filter: `match_recipient("...")`, `match_header("...", "...")` and `catch_all()`, joined
    /// by `and` or `or`.
    pub expression: String,
    /// `forward("...")`, `store(notify="...")` and `stop()`.
    pub actions: Vec<String>,
    /// Seconds since the epoch.
    created: u64,
}

impl Route {
    pub(super) fn new(
        priority: i64,
        description: &str,
        expression: &str,
        actions: &[&str],
    ) -> Self {
        Self {
            id: random::hex(12),
            priority,
            description: description.to_owned(),
            expression: expression.to_owned(),
            actions: actions.iter().map(|&action| action.to_owned()).collect(),
            created: crate::now().as_secs(),
        }
    }

    fn check(&self) -> Result<(), String> {
        let texts = self.actions.iter().chain([&self.expression]);
        if let Some(long) = texts.into_iter().find(|text| text.len() > LONGEST) {
            return Err(format!("longer than 4k: {long:.40}..."));
        }
        filter(&self.expression)?;
        self.actions
            .iter()
            .try_for_each(|text| action(text).map(drop))
    }

    fn wire(&self) -> Value {
        json!({
            "id": self.id, "priority": self.priority, "description": self.description, "expression": self.expression, "actions": self.actions,
            "created_at": mail::date(self.created).replace("+0000", "GMT"),
        })
    }
}

/// The state of a domain in DNS and at Mailgun.
pub(super) struct Domain {
    state: String,
    mx: String,
}

/// The account's routes and domains.
pub(super) struct Account {
    pub(super) api_key: String,
    /// In the order of creation.
    pub(super) routes: Vec<Route>,
    pub(super) domains: BTreeMap<String, Domain>,
}

impl Account {
    pub(super) fn new() -> Self {
        let domain = Domain {
            state: "active".to_owned(),
            mx: "valid".to_owned(),
        };
        Self {
            api_key: super::API_KEY.to_owned(),
            routes: vec![],
            domains: [(super::DOMAIN.to_owned(), domain)].into(),
        }
    }

    /// In the order in which Mailgun tries them.
    fn in_order(&self) -> Vec<&Route> {
        let mut routes = self.routes.iter().collect::<Vec<_>>();
        routes.sort_by_key(|route| route.priority);
        routes
    }

    /// The URLs to which a mail is posted, in order.
    pub(super) fn destinations(&self, mail: &Mail) -> Vec<String> {
        let (mut urls, mut matched) = (vec![], false);
        for route in self.in_order() {
            if !filter(&route.expression).is_ok_and(|filter| filter.takes(mail, matched)) {
                continue;
            }
            matched = true;
            for text in &route.actions {
                match action(text) {
                    Ok(Action::Post(url)) => urls.push(url),
                    Ok(Action::Stop) => return urls,
                    Ok(Action::Else) | Err(_) => {}
                }
            }
        }
        urls
    }
}

/// One condition of a filter.
enum Test {
    Recipient(Regex),
    Header(String, Regex),
    CatchAll,
}

/// Alternatives. Each is a list of conditions that must all hold.
struct Filter(Vec<Vec<Test>>);

impl Filter {
    /// True if the filter accepts the mail. `matched`: an earlier route took the mail.
    fn takes(&self, mail: &Mail, matched: bool) -> bool {
        let usual = [
            ("subject", &mail.subject),
            ("from", &mail.from),
            ("to", &mail.to),
            ("message-id", &mail.message_id),
        ];
        let holds = |test: &Test| match test {
            Test::Recipient(pattern) => pattern.is_match(&mail.recipient),
            Test::Header(name, pattern) => {
                let more = mail
                    .headers
                    .iter()
                    .map(|(name, value)| (name.as_str(), value));
                usual.into_iter().chain(more).any(|(other, value)| {
                    other.eq_ignore_ascii_case(name) && pattern.is_match(value)
                })
            }
            Test::CatchAll => !matched,
        };
        self.0.iter().any(|all| all.iter().all(holds))
    }
}

enum Action {
    /// Post to this parsed URL.
    Post(String),
    /// Forward to a mailbox, or store without a notification.
    Else,
    Stop,
}

/// Name, arguments, and the text after them.
type Call<'a> = (&'a str, Vec<(&'a str, String)>, &'a str);

/// Splits `name(arguments)rest`. An argument is a quoted text. A keyword and `=` may precede it;
/// the keyword is the first part of the pair.
fn call(text: &str) -> Result<Call<'_>, String> {
    let malformed = || format!("not a filter or action: {text}");
    let (name, mut rest) = text.trim_start().split_once('(').ok_or_else(malformed)?;
    let mut arguments = vec![];
    loop {
        rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix(')') {
            return Ok((name.trim_end(), arguments, rest));
        }
        if !arguments.is_empty() {
            rest = rest.strip_prefix(',').ok_or_else(malformed)?.trim_start();
        }
        let at = rest.find(['"', '\'']).ok_or_else(malformed)?;
        let (keyword, quote) = (rest[..at].trim(), rest[at..].chars().next().unwrap_or('"'));
        let (mut value, mut end) = (String::new(), None);
        let mut characters = rest[at + 1..].char_indices();
        while let Some((index, c)) = characters.next() {
            match c {
                _ if c == quote => {
                    end = Some(at + 1 + index + 1);
                    break;
                }
                '\\' => match characters.next() {
                    Some((_, escaped)) if escaped == quote => value.push(quote),
                    Some((_, other)) => value.extend(['\\', other]),
                    None => return Err(malformed()),
                },
                _ => value.push(c),
            }
        }
        arguments.push((keyword, value));
        rest = &rest[end.ok_or_else(malformed)?..];
    }
}

fn filter(text: &str) -> Result<Filter, String> {
    // A pattern must match from the start of a text, like Python's `re.match`. Mailgun's own
    // examples begin with `.*`.
    let pattern = |text: &str| {
        Regex::new(&format!("^(?:{text})")).map_err(|error| format!("{text}: {error}"))
    };
    let (mut alternatives, mut all, mut rest) = (vec![], vec![], text);
    loop {
        let (name, arguments, after) = call(rest)?;
        all.push(match (name, &arguments[..]) {
            ("match_recipient", [("", recipient)]) => Test::Recipient(pattern(recipient)?),
            ("match_header", [("", name), ("", value)]) => {
                Test::Header(name.clone(), pattern(value)?)
            }
            ("catch_all", []) => Test::CatchAll,
            _ => return Err(format!("not a filter: {text}")),
        });
        rest = match after.trim().split_once(char::is_whitespace) {
            None if after.trim().is_empty() => break,
            Some(("and", rest)) => rest,
            Some(("or", rest)) => {
                alternatives.push(std::mem::take(&mut all));
                rest
            }
            _ => return Err(format!("neither \"and\" nor \"or\": {text}")),
        };
    }
    alternatives.push(all);
    Ok(Filter(alternatives))
}

fn action(text: &str) -> Result<Action, String> {
    let malformed = || format!("not an action: {text}");
    let (name, arguments, rest) = call(text)?;
    if !rest.trim().is_empty() {
        return Err(malformed());
    }
    let post = |url: &str| {
        let web = url::Url::parse(url).is_ok_and(|url| ["http", "https"].contains(&url.scheme()));
        web.then(|| Action::Post(url.to_owned()))
            .ok_or_else(malformed)
    };
    match (name, &arguments[..]) {
        ("stop", []) => Ok(Action::Stop),
        ("store", []) => Ok(Action::Else),
        ("forward", [("", to)]) if to.contains('@') && !to.contains(':') => Ok(Action::Else),
        ("store", [("notify=", url)]) | ("forward", [("", url)]) => post(url),
        _ => Err(malformed()),
    }
}

impl Mailgun {
    /// Replaces all routes with one whose filter matches every mail.
    pub fn set_route(&self, url: &str) {
        let action = format!("store(notify=\"{url}\")");
        lock(&self.settings).account.routes = vec![Route::new(
            0,
            "sandbox",
            "match_recipient(\".*\")",
            &[&action],
        )];
    }

    /// Adds a route, as an administrator does. Returns its id. Panics if Mailgun refuses the route.
    pub fn add_route(
        &self,
        priority: i64,
        description: &str,
        expression: &str,
        actions: &[&str],
    ) -> String {
        let route = Route::new(priority, description, expression, actions);
        route
            .check()
            .unwrap_or_else(|what| panic!("Mailgun: {what}"));
        let id = route.id.clone();
        lock(&self.settings).account.routes.push(route);
        id
    }

    /// All routes, in the order in which Mailgun tries them.
    pub fn routes(&self) -> Vec<Route> {
        lock(&self.settings)
            .account
            .in_order()
            .into_iter()
            .cloned()
            .collect()
    }

    /// Deletes all routes. Mails are then not delivered.
    pub fn clear_routes(&self) {
        lock(&self.settings).account.routes.clear();
    }

    /// Replaces the API key. The first one is [`API_KEY`](super::API_KEY).
    pub fn set_api_key(&self, key: &str) {
        key.clone_into(&mut lock(&self.settings).account.api_key);
    }

    /// Gives the account this domain and sets its state (`active`, `unverified`, `disabled`) and
    /// the state of its MX records (`valid`, `invalid`, `unknown`). At first the account has
    /// [`DOMAIN`](super::DOMAIN), `active` and `valid`.
    pub fn set_domain(&self, name: &str, state: &str, mx: &str) {
        let domain = Domain {
            state: state.to_owned(),
            mx: mx.to_owned(),
        };
        lock(&self.settings)
            .account
            .domains
            .insert(name.to_owned(), domain);
    }

    /// Removes a domain.
    pub fn remove_domain(&self, name: &str) {
        lock(&self.settings).account.domains.remove(name);
    }
}

pub(super) fn router(settings: &Shared) -> Router<Shared> {
    Router::new()
        .route("/v3/routes", get(list).post(create))
        .route("/v3/routes/{id}", get(read).put(update).delete(delete))
        .route("/v4/domains/{name}", get(domain))
        .layer(middleware::from_fn_with_state(
            Arc::clone(settings),
            authorize,
        ))
}

pub(super) fn answer(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

fn complain(complaints: &Complaints, what: &str) -> Response {
    complaints.add(format!("Mailgun: {what}"));
    answer(StatusCode::BAD_REQUEST, what)
}

fn no_route() -> Response {
    answer(StatusCode::NOT_FOUND, "Route not found")
}

/// Checks Basic authentication with the user `api`.
async fn authorize(
    Axum(settings): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    request: Request,
    next: Next,
) -> Response {
    let given = sms::header(request.headers(), header::AUTHORIZATION).strip_prefix("Basic ");
    let given = given
        .and_then(|encoded| BASE64.decode(encoded).ok())
        .and_then(|decoded| String::from_utf8(decoded).ok());
    let Some(key) = given.as_deref().and_then(|pair| pair.strip_prefix("api:")) else {
        complaints.add("Mailgun: no Basic credentials of user api");
        return answer(StatusCode::UNAUTHORIZED, "Forbidden");
    };
    if key != lock(&settings).account.api_key {
        return answer(StatusCode::UNAUTHORIZED, "Forbidden");
    }
    next.run(request).await
}

async fn list(
    Axum(settings): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let number = |name: &str, usual: usize| {
        query
            .get(name)
            .map_or(Some(usual), |text| text.parse().ok())
    };
    let stray = query
        .keys()
        .any(|name| !["skip", "limit"].contains(&name.as_str()));
    let (Some(skip), Some(limit), false) = (
        number("skip", 0),
        number("limit", 100).filter(|limit| *limit <= 1000),
        stray,
    ) else {
        return complain(&complaints, "skip or limit, or another parameter");
    };
    let settings = lock(&settings);
    let routes = settings.account.in_order();
    let items = routes
        .iter()
        .skip(skip)
        .take(limit)
        .map(|route| route.wire())
        .collect::<Vec<_>>();
    Json(json!({ "total_count": routes.len(), "items": items })).into_response()
}

/// The text fields of a form. A file is an error.
fn pairs(headers: &HeaderMap, body: &[u8]) -> Result<Vec<(String, String)>, String> {
    let kind = sms::header(headers, header::CONTENT_TYPE);
    match (kind.split(';').next(), kind.split_once("boundary=")) {
        (Some(FORM), _) => Ok(form_urlencoded::parse(body).into_owned().collect()),
        (Some("multipart/form-data"), Some((_, boundary))) => {
            let boundary = boundary
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .trim_matches('"');
            let body = String::from_utf8_lossy(body);
            let delimiter = format!("--{boundary}");
            let parts = body
                .split(&delimiter)
                .skip(1)
                .take_while(|part| !part.starts_with("--"));
            let pair = |part: &str| {
                let (head, value) = part.split_once("\r\n\r\n")?;
                let (_, name) = head.split_once("name=\"")?;
                Some((
                    name.split('"').next()?.to_owned(),
                    value.strip_suffix("\r\n")?.to_owned(),
                ))
            };
            parts
                .map(|part| pair(part).ok_or_else(|| "a part that is no field".to_owned()))
                .collect()
        }
        _ => Err(format!(
            "content type is neither {FORM} nor multipart/form-data"
        )),
    }
}

/// The route with a form's changes. `action` may be repeated.
fn changed(
    mut route: Route,
    headers: &HeaderMap,
    body: &[u8],
    complaints: &Complaints,
) -> Result<Route, String> {
    if sms::header(headers, header::CONTENT_TYPE).split(';').next() != Some(FORM) {
        complaints.add_for_ours(format!("Mailgun: content type is not {FORM}"));
    }
    let (mut actions, mut seen) = (vec![], vec![]);
    for (name, value) in pairs(headers, body)? {
        if name != "action" && seen.contains(&name) {
            return Err(format!("repeated field {name}"));
        }
        match name.as_str() {
            "priority" => route.priority = value.parse().map_err(|_| "priority is not a number")?,
            "description" => route.description = value,
            "expression" => route.expression = value,
            "action" => actions.push(value),
            _ => return Err(format!("unknown field {name}")),
        }
        seen.push(name);
    }
    if !actions.is_empty() {
        route.actions = actions;
    }
    if route.actions.is_empty() {
        return Err("no action".to_owned());
    }
    route.check().map(|()| route)
}

async fn create(
    Axum(settings): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match changed(Route::new(0, "", "", &[]), &headers, &body, &complaints) {
        Ok(route) => {
            let created = json!({ "message": "Route has been created", "route": route.wire() });
            lock(&settings).account.routes.push(route);
            Json(created).into_response()
        }
        Err(what) => complain(&complaints, &what),
    }
}

async fn read(Axum(settings): Axum<Shared>, Path(id): Path<String>) -> Response {
    let found = lock(&settings)
        .account
        .routes
        .iter()
        .find(|route| route.id == id)
        .map(Route::wire);
    found.map_or_else(no_route, |route| {
        Json(json!({ "route": route })).into_response()
    })
}

/// Changes the named fields and keeps the others.
async fn update(
    Axum(settings): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut settings = lock(&settings);
    let Some(route) = settings
        .account
        .routes
        .iter_mut()
        .find(|route| route.id == id)
    else {
        return no_route();
    };
    match changed(route.clone(), &headers, &body, &complaints) {
        Ok(new) => {
            let mut answer = new.wire();
            answer["message"] = "Route has been updated".into();
            *route = new;
            Json(answer).into_response()
        }
        Err(what) => complain(&complaints, &what),
    }
}

async fn delete(Axum(settings): Axum<Shared>, Path(id): Path<String>) -> Response {
    let routes = &mut lock(&settings).account.routes;
    let Some(index) = routes.iter().position(|route| route.id == id) else {
        return no_route();
    };
    routes.remove(index);
    Json(json!({ "message": "Route has been deleted", "id": id })).into_response()
}

async fn domain(Axum(settings): Axum<Shared>, Path(name): Path<String>) -> Response {
    let settings = lock(&settings);
    let Some(Domain { state, mx }) = settings.account.domains.get(&name) else {
        return answer(StatusCode::NOT_FOUND, "Domain not found");
    };
    let mx = ["mxa.mailgun.org", "mxb.mailgun.org"].map(|value| {
        let cached = if mx == "valid" { vec![value] } else { vec![] };
        json!({ "record_type": "MX", "name": name, "priority": "10", "value": value, "valid": mx, "is_active": mx == "valid", "cached": cached })
    });
    let spf = json!({
        "record_type": "TXT", "name": name, "value": "v=spf1 include:mailgun.org ~all", "valid": "valid", "is_active": true, "cached": [],
    });
    Json(json!({
        "domain": {
            "id": "55a55f40803267158aa113e8", "name": name, "state": state, "type": "custom", "is_disabled": state == "disabled", "wildcard": false,
            "spam_action": "disabled", "require_tls": false, "skip_verification": false, "created_at": "Fri, 20 Nov 2026 12:00:00 GMT",
        },
        "receiving_dns_records": mx, "sending_dns_records": [spf],
    }))
    .into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;
    use crate::{
        mailgun::{API_KEY, DOMAIN},
        wire::{Server, client},
    };

    #[tokio::test]
    async fn others_may_send_multipart_forms() {
        let mailgun = Mailgun::start(None).await.unwrap();
        let part = |name: &str, value: &str| {
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let fields = [
            ("priority", "1"),
            ("expression", "catch_all()"),
            ("action", "stop()"),
            ("description", "a\r\nb"),
        ];
        let body = fields.map(|(name, value)| part(name, value)).concat() + "--x--\r\n";
        let post = async |body: String| {
            let request = client()
                .post(mailgun.server().url() + "/v3/routes")
                .basic_auth("api", Some(API_KEY));
            let request = request
                .header("user-agent", "acme")
                .header("content-type", "multipart/form-data; boundary=x");
            request.body(body).send().await.unwrap().status().as_u16()
        };
        assert_eq!(
            (post(body).await, mailgun.server().complaints()),
            (200, vec![])
        );
        let route = mailgun.routes().remove(0);
        assert_eq!(
            (
                route.priority,
                route.description.as_str(),
                &route.actions[..]
            ),
            (1, "a\r\nb", &["stop()".to_owned()][..])
        );
        assert_eq!(
            (
                post("--x\r\njunk--x--".to_owned()).await,
                mailgun.server().complaints().len()
            ),
            (400, 1)
        );
    }

    struct Api(Mailgun);

    impl Api {
        async fn call(&self, method: Method, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
            let url = self.0.server().url() + path;
            let mut request = client()
                .request(method, url)
                .basic_auth("api", Some(API_KEY));
            if !form.is_empty() {
                request = request.form(form);
            }
            let answer = request.send().await.unwrap();
            (
                answer.status().as_u16(),
                serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default(),
            )
        }
    }

    #[tokio::test]
    async fn routes_are_made_changed_and_deleted() {
        let api = Api(Mailgun::start(None).await.unwrap());
        let form = [
            ("priority", "1"),
            ("description", "Sample route"),
            ("expression", r#"match_recipient(".*@samples.mailgun.org")"#),
            ("action", r#"forward("http://myhost.com/messages/")"#),
            ("action", "stop()"),
        ];
        let (status, created) = api.call(Method::POST, "/v3/routes", &form).await;
        let route = &created["route"];
        assert_eq!(
            (status, &created["message"]),
            (200, &json!("Route has been created"))
        );
        assert_eq!(route["actions"], json!([form[3].1, "stop()"]));
        assert!(route["created_at"].as_str().unwrap().ends_with(" GMT"));
        let path = format!("/v3/routes/{}", route["id"].as_str().unwrap());
        assert_eq!(
            api.call(Method::GET, &path, &[]).await.1,
            json!({ "route": route })
        );
        api.0.add_route(0, "first", "catch_all()", &["store()"]);
        let (_, all) = api.call(Method::GET, "/v3/routes", &[]).await;
        assert_eq!(
            (
                &all["total_count"],
                &all["items"][0]["description"],
                &all["items"][1]
            ),
            (&json!(2), &json!("first"), route)
        );
        let (_, page) = api
            .call(Method::GET, "/v3/routes?skip=1&limit=1", &[])
            .await;
        assert_eq!(
            (&page["total_count"], &page["items"]),
            (&json!(2), &json!([route]))
        );
        let (_, updated) = api.call(Method::PUT, &path, &[("priority", "-1")]).await;
        assert_eq!(
            (&updated["message"], &updated["priority"]),
            (&json!("Route has been updated"), &json!(-1))
        );
        assert_eq!(updated["expression"], route["expression"]);
        assert_eq!(api.0.routes()[0].description, "Sample route");
        assert_eq!(
            api.call(Method::DELETE, &path, &[]).await.1["message"],
            "Route has been deleted"
        );
        assert_eq!(
            (
                api.call(Method::DELETE, &path, &[]).await.0,
                api.0.routes().len()
            ),
            (404, 1)
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);
        for (name, value) in [
            ("expression", "match_recipient(.*)"),
            ("expression", "match_recipient(\"(\")"),
            ("expression", "match_recipient(\".*\") xor catch_all()"),
            ("expression", "match_subject(\"x\")"),
            ("action", "forward(https://x.example)"),
            ("action", "store(notify=\"x.example\")"),
            ("action", "stop() stop()"),
            ("action", &"x".repeat(5000)),
            ("priority", "high"),
            ("name", "x"),
        ] {
            let mut form = form.to_vec();
            form.retain(|(other, _)| *other != name);
            form.push((name, value));
            assert_eq!(
                api.call(Method::POST, "/v3/routes", &form).await.0,
                400,
                "{name}={value}"
            );
            assert_eq!(api.0.server().complaints().len(), 1, "{name}={value}");
        }
        let url = api.0.server().url() + "/v3/routes";
        assert_eq!(
            client()
                .get(&url)
                .basic_auth("api", Some("wrong"))
                .send()
                .await
                .unwrap()
                .status(),
            401
        );
        assert_eq!(api.0.server().complaints(), [""; 0]);
        assert_eq!(client().get(&url).send().await.unwrap().status(), 401);
        assert_eq!(api.0.server().complaints().len(), 1);
    }

    #[tokio::test]
    async fn a_domain_says_what_dns_lacks() {
        let api = Api(Mailgun::start(None).await.unwrap());
        let path = format!("/v4/domains/{DOMAIN}");
        let (status, domain) = api.call(Method::GET, &path, &[]).await;
        assert_eq!(
            (status, &domain["domain"]["state"]),
            (200, &json!("active"))
        );
        assert_eq!(domain["receiving_dns_records"][1]["valid"], "valid");
        api.0.set_domain(DOMAIN, "unverified", "invalid");
        let (_, domain) = api.call(Method::GET, &path, &[]).await;
        assert_eq!(
            (
                &domain["domain"]["state"],
                &domain["receiving_dns_records"][0]["valid"]
            ),
            (&json!("unverified"), &json!("invalid"))
        );
        api.0.remove_domain(DOMAIN);
        assert_eq!(api.call(Method::GET, &path, &[]).await.0, 404);
        assert_eq!(api.0.server().complaints(), [""; 0]);
    }

    #[tokio::test]
    async fn a_mail_takes_the_routes_in_order() {
        let mailgun = Mailgun::start(None).await.unwrap();
        let hook = Server::start("hook", Router::new().fallback(|| async {}))
            .await
            .unwrap();
        let to = |path: &str| format!("store(notify='{}/{path}')", hook.url());
        let mail = Mail::new("acme+4512345678@sms.example.com", "Verify", "x");
        assert!(!mailgun.receive(&mail).await.done, "nobody takes it");
        mailgun.add_route(9, "", "catch_all()", &[&to("rest")]);
        mailgun.add_route(
            1,
            "",
            r#"match_recipient("acme\+(?P<phone>\d+)@sms\.example\.com$")"#,
            &[&to("phone")],
        );
        mailgun.add_route(
            1,
            "",
            r#"match_header("Subject", "x") or match_header("subject", "V") and match_recipient(".*@sms")"#,
            &[&to("subject")],
        );
        mailgun.add_route(2, "", "match_recipient('sms')", &[&to("never")]);
        let delivery = mailgun.receive(&mail).await;
        let paths = || {
            hook.exchanges()
                .into_iter()
                .map(|exchange| exchange.target)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (delivery.done, paths()),
            (true, vec!["/phone".to_owned(), "/subject".to_owned()])
        );
        hook.clear_exchanges();
        mailgun.add_route(
            0,
            "",
            "match_recipient('.*')",
            &["forward(\"ann@example.com\")", "stop()"],
        );
        assert!(!mailgun.receive(&mail).await.done && paths().is_empty());
        mailgun.clear_routes();
        mailgun.add_route(0, "", "catch_all()", &[&to("rest")]);
        assert!(mailgun.receive(&mail).await.done && paths() == ["/rest"]);
    }
}
