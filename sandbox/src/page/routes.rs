//! The routes of the page. The list is also what `/api/openapi.json` describes.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    middleware,
    response::{IntoResponse as _, Response, Sse, sse::KeepAlive},
    routing::{MethodRouter, delete, get, patch, post, put},
};
use serde::Deserialize;

use super::{
    App, Shared, calls, employees, faults,
    feed::HEARTBEAT,
    files, guard, mails, numbers, openapi, people, phones, prices,
    problem::{Path, Problem, Query},
    scenes, state, table, texts, wire,
};

/// The most streams of events at the same time.
const MOST_STREAMS: usize = 64;

/// One route.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    /// The names of the schemas of the request's body and of the answer; empty: there is none.
    pub(super) body: &'static str,
    pub(super) answer: &'static str,
    pub(super) status: u16,
    handler: MethodRouter<Arc<App>>,
}

/// All routes of the API.
#[expect(clippy::too_many_lines, reason = "a list")]
pub(super) fn routes() -> Vec<Route> {
    let route = |method, path, summary, (body, status, answer), handler| Route {
        method,
        path,
        summary,
        body,
        answer,
        status,
        handler,
    };
    vec![
        route(
            "GET",
            "/api/state",
            "Everything at once, and the id of the newest event.",
            ("", 200, "State"),
            get(state::read),
        ),
        route(
            "GET",
            "/api/events",
            "Server-sent events. `since` or `Last-Event-ID` continues after that event.",
            ("", 200, "text/event-stream"),
            get(events),
        ),
        route(
            "GET",
            "/api/openapi.json",
            "This document.",
            ("", 200, "OpenApi"),
            get(document),
        ),
        route(
            "GET",
            "/api/prices",
            "List prices.",
            ("", 200, "Prices"),
            get(prices::list),
        ),
        route(
            "GET",
            "/api/numbers",
            "Figures and costs so far.",
            ("", 200, "Numbers"),
            get(numbers::read),
        ),
        route(
            "POST",
            "/api/phones",
            "Adds a phone.",
            ("NewPhone", 201, "Phone"),
            post(phones::add),
        ),
        route(
            "PATCH",
            "/api/phones/{number}",
            "Changes a phone.",
            ("PhoneChange", 200, "Phone"),
            patch(phones::change),
        ),
        route(
            "DELETE",
            "/api/phones/{number}",
            "Removes a phone.",
            ("", 204, ""),
            delete(phones::remove),
        ),
        route(
            "GET",
            "/api/texts",
            "Texts, newest first.",
            ("", 200, "Texts"),
            get(texts::list),
        ),
        route(
            "POST",
            "/api/texts",
            "A phone texts a number.",
            ("NewText", 200, "SentText"),
            post(texts::send),
        ),
        route(
            "POST",
            "/api/calls",
            "A phone calls a number.",
            ("NewCall", 202, "Call"),
            post(calls::dial),
        ),
        route(
            "GET",
            "/api/calls/{id}",
            "A call with its steps.",
            ("", 200, "Call"),
            get(calls::read),
        ),
        route(
            "POST",
            "/api/calls/{id}/spoken",
            "The caller has heard everything up to this step.",
            ("Spoken", 204, ""),
            post(calls::spoken),
        ),
        route(
            "POST",
            "/api/calls/{id}/keys",
            "The caller presses keys.",
            ("Keys", 204, ""),
            post(calls::keys),
        ),
        route(
            "POST",
            "/api/calls/{id}/message",
            "What the caller says after the tone, and the key at its end.",
            ("Message", 204, ""),
            post(calls::message),
        ),
        route(
            "POST",
            "/api/calls/{id}/answer",
            "The phone that rings answers.",
            ("Nothing", 204, ""),
            post(calls::answer),
        ),
        route(
            "POST",
            "/api/calls/{id}/reject",
            "The phone that rings rejects the call.",
            ("Nothing", 204, ""),
            post(calls::reject),
        ),
        route(
            "POST",
            "/api/calls/{id}/hangup",
            "One side hangs up.",
            ("HangUp", 204, ""),
            post(calls::hang_up),
        ),
        route(
            "POST",
            "/api/mails",
            "Anybody mails the company's domain.",
            ("NewMail", 201, "Mail"),
            post(mails::write),
        ),
        route(
            "GET",
            "/api/mails/{id}",
            "A mail with its HTML.",
            ("", 200, "Mail"),
            get(mails::read),
        ),
        route(
            "GET",
            "/api/mails/{id}/page",
            "A mail's HTML for a sandboxed frame.",
            ("", 200, "text/html"),
            get(mails::page),
        ),
        route(
            "GET",
            "/api/identity",
            "Users of Auth0, employees of Okta, accounts.",
            ("", 200, "Identity"),
            get(people::list),
        ),
        route(
            "POST",
            "/api/auth0/users",
            "A person signs up by phone.",
            ("SignUp", 201, "Done"),
            post(people::sign_up),
        ),
        route(
            "DELETE",
            "/api/auth0/users/{id}",
            "Deletes a user.",
            ("", 204, ""),
            delete(people::delete_user),
        ),
        route(
            "POST",
            "/api/auth0/users/{id}/forgot",
            "A person forgot the password.",
            ("Nothing", 200, "Done"),
            post(people::forgot),
        ),
        route(
            "POST",
            "/api/auth0/users/{id}/block",
            "Blocks a user, or no longer.",
            ("On", 200, "Done"),
            post(people::block),
        ),
        route(
            "POST",
            "/api/auth0/users/{id}/let-in",
            "Ends a shut-out after wrong passwords.",
            ("Nothing", 200, "Done"),
            post(people::let_in),
        ),
        route(
            "POST",
            "/api/auth0/callers",
            "Adds a caller with an account and a PIN.",
            ("NewCaller", 201, "Done"),
            post(people::add_caller),
        ),
        route(
            "POST",
            "/api/auth0/login",
            "A person signs in by phone; a code is sent.",
            ("WantsIn", 200, "Done"),
            post(people::login),
        ),
        route(
            "POST",
            "/api/auth0/login/{id}/code",
            "A person types the code.",
            ("Typed", 200, "Done"),
            post(people::enter_code),
        ),
        route(
            "POST",
            "/api/okta/users",
            "Somebody is hired.",
            ("Hired", 201, "Done"),
            post(employees::hire),
        ),
        route(
            "PATCH",
            "/api/okta/users/{id}",
            "An administrator changes an employee.",
            ("EmployeeChange", 200, "Done"),
            patch(employees::change_employee),
        ),
        route(
            "DELETE",
            "/api/okta/users/{id}",
            "Deletes an employee.",
            ("", 204, ""),
            delete(employees::delete_employee),
        ),
        route(
            "POST",
            "/api/okta/users/{id}/code",
            "An employee signs in; a code is sent.",
            ("Nothing", 200, "Done"),
            post(employees::okta_code),
        ),
        route(
            "POST",
            "/api/schedules/{function}",
            "A schedule runs now.",
            ("Nothing", 200, "Done"),
            post(employees::schedule),
        ),
        route(
            "GET",
            "/api/wire",
            "Exchanges, newest first.",
            ("", 200, "Exchanges"),
            get(wire::list),
        ),
        route(
            "GET",
            "/api/wire/{id}",
            "An exchange in full, without secrets.",
            ("", 200, "Exchange"),
            get(wire::read),
        ),
        route(
            "GET",
            "/api/wire/{id}/curl",
            "An exchange as a command.",
            ("", 200, "text/plain"),
            get(wire::curl),
        ),
        route(
            "POST",
            "/api/wire/{id}/replay",
            "Sends a request to a function once more.",
            ("Again", 200, "Replayed"),
            post(wire::replay),
        ),
        route(
            "GET",
            "/api/table",
            "The table's items by prefix.",
            ("", 200, "Table"),
            get(table::list),
        ),
        route(
            "GET",
            "/api/secrets",
            "Names of secrets and of their keys.",
            ("", 200, "Secrets"),
            get(table::secrets),
        ),
        route(
            "GET",
            "/api/faults",
            "What can be broken, and what is.",
            ("", 200, "Faults"),
            get(faults::list),
        ),
        route(
            "DELETE",
            "/api/faults",
            "Mends everything.",
            ("", 204, ""),
            delete(faults::unset_all),
        ),
        route(
            "PUT",
            "/api/faults/{server}/{id}",
            "Breaks something.",
            ("Switch", 200, "Fault"),
            put(faults::set),
        ),
        route(
            "DELETE",
            "/api/faults/{server}/{id}",
            "Mends it.",
            ("", 204, ""),
            delete(faults::unset),
        ),
        route(
            "POST",
            "/api/scenes/{id}",
            "Plays a scene.",
            ("How", 202, "SceneRun"),
            post(scenes::play),
        ),
        route(
            "POST",
            "/api/scenes/next",
            "Goes on with a scene step by step.",
            ("Nothing", 204, ""),
            post(scenes::next),
        ),
        route(
            "POST",
            "/api/scenes/mode",
            "Plays on by itself, or step by step.",
            ("How", 204, ""),
            post(scenes::mode),
        ),
        route(
            "DELETE",
            "/api/scenes/run",
            "Stops a scene.",
            ("", 204, ""),
            delete(scenes::stop),
        ),
    ]
}

/// The router of the page at this port.
pub(super) fn router(app: &Arc<App>, port: u16) -> Router {
    let mut router = Router::new()
        .route("/", get(start))
        .route("/{file}", get(file));
    for route in routes() {
        router = router.route(route.path, route.handler);
    }
    let unknown =
        || async { Problem::unknown("There is no such page. /api/openapi.json lists the API.") };
    let wrong = || async {
        Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "This method is not for this path. /api/openapi.json lists the API.",
        )
    };
    router
        .fallback(unknown)
        .method_not_allowed_fallback(wrong)
        .with_state(Arc::clone(app))
        .layer(middleware::from_fn_with_state(port, guard::guard))
}

async fn start(State(app): Shared) -> Result<Response, Problem> {
    files::file(app.files.as_ref(), "")
}

async fn file(State(app): Shared, Path(name): Path<String>) -> Result<Response, Problem> {
    files::file(app.files.as_ref(), &name)
}

async fn document() -> Response {
    Json(openapi::document()).into_response()
}

#[derive(Deserialize)]
struct Since {
    since: Option<u64>,
}

async fn events(
    State(app): Shared,
    Query(since): Query<Since>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let since = last.or(since.since).unwrap_or_else(|| app.feed.newest());
    if app.feed.readers() >= MOST_STREAMS {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{MOST_STREAMS} pages are open. Close one first."),
        ));
    }
    let stream = Sse::new(app.feed.stream(since));
    Ok(stream
        .keep_alive(KeepAlive::new().interval(HEARTBEAT))
        .into_response())
}
