//! The administration of routes.
//!
//! Imitates `api-routes.rst` and the routes chapter of `user_manual.rst` in github
//! mailgun/documentation@09a6529. It is stricter than Mailgun: unknown fields, and filters and actions
//! without effect, are refused with a complaint.

use std::collections::HashMap;

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Path, Query, State as Axum},
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::json;

use super::{
    answers::{complain, no_route},
    route::Route,
    state::{Mailgun, Shared},
};
use crate::{
    sms,
    wire::{Complaints, lock},
};

const FORM: &str = "application/x-www-form-urlencoded";

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
}

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/v3/routes", get(list).post(create))
        .route("/v3/routes/{id}", get(read).put(update).delete(delete))
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

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;
    use crate::{
        mailgun::{account::API_KEY, caller::Api},
        wire::client,
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
}
