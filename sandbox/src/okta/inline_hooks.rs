//! Registration of inline hooks: `GET/POST /api/v1/inlineHooks`, `PUT /api/v1/inlineHooks/{id}`,
//! and `POST /api/v1/inlineHooks/{id}/lifecycle/activate` and `deactivate`.
//!
//! Imitates okta/okta-management-openapi-spec@fdda229e (dist/2026.06.3), for telephony only. It is
//! stricter than Okta in two ways. An unknown member is refused with a complaint. A replacement
//! without the secret is refused with a complaint too, because Okta does not say whether it keeps
//! the old secret.

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Path, RawQuery, State as Axum},
    response::{IntoResponse as _, Response},
    routing::{get, post, put},
};

use super::{
    answers,
    inline_hook::{InlineHook, TELEPHONY},
    state::{Okta, Shared},
};
use crate::wire::{Complaints, lock};

impl Okta {
    /// All inline hooks, in the order of creation.
    pub fn inline_hooks(&self) -> Vec<InlineHook> {
        lock(&self.state).inline_hooks.clone()
    }

    /// Registers a hook for telephony, as an administrator does, with its secret in
    /// `Authorization`. Returns the id.
    pub fn add_inline_hook(&self, name: &str, uri: &str, secret: &str) -> String {
        let hook = InlineHook::new(name, uri, secret);
        let id = hook.id.clone();
        lock(&self.state).inline_hooks.push(hook);
        id
    }

    /// Changes a hook, as an administrator does.
    pub fn change_inline_hook(&self, id: &str, change: impl FnOnce(&mut InlineHook)) {
        let mut state = lock(&self.state);
        let mut hooks = state.inline_hooks.iter_mut();
        let hook = hooks.find(|hook| hook.id == id);
        change(hook.unwrap_or_else(|| panic!("no inline hook {id}")));
    }
}

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/inlineHooks", get(list).post(create))
        .route("/api/v1/inlineHooks/{id}", put(replace))
        .route(
            "/api/v1/inlineHooks/{id}/lifecycle/activate",
            post(activate),
        )
        .route(
            "/api/v1/inlineHooks/{id}/lifecycle/deactivate",
            post(deactivate),
        )
}

fn not_found(id: &str) -> Response {
    answers::not_found(id, "InlineHook")
}

/// A request that Okta refuses and our functions must not send.
fn invalid(complaints: &Complaints, what: &str) -> Response {
    complaints.add(format!("Okta inline hooks: {what}"));
    answers::invalid("inlineHook", what)
}

async fn list(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    RawQuery(query): RawQuery,
) -> Response {
    let all = [String::new(), format!("type={TELEPHONY}")];
    let query = query.unwrap_or_default();
    if !all.contains(&query) {
        return invalid(&complaints, &format!("parameters {query}"));
    }
    let hooks: Vec<_> = lock(&state)
        .inline_hooks
        .iter()
        .map(InlineHook::wire)
        .collect();
    Json(hooks).into_response()
}

async fn create(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    body: Bytes,
) -> Response {
    match InlineHook::parse(&body) {
        Ok(hook) => {
            let answer = Json(hook.wire()).into_response();
            lock(&state).inline_hooks.push(hook);
            answer
        }
        Err(what) => invalid(&complaints, &what),
    }
}

async fn replace(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let new = InlineHook::parse(&body);
    changed(&state, &id, |hook| match new {
        Ok(new) => {
            *hook = InlineHook {
                id: hook.id.clone(),
                active: hook.active,
                ..new
            };
            Json(hook.wire()).into_response()
        }
        Err(what) => invalid(&complaints, &what),
    })
}

async fn activate(Axum(state): Axum<Shared>, Path(id): Path<String>) -> Response {
    switched(&state, &id, true)
}

async fn deactivate(Axum(state): Axum<Shared>, Path(id): Path<String>) -> Response {
    switched(&state, &id, false)
}

fn switched(state: &Shared, id: &str, active: bool) -> Response {
    changed(state, id, |hook| {
        hook.active = active;
        Json(hook.wire()).into_response()
    })
}

fn changed(state: &Shared, id: &str, change: impl FnOnce(&mut InlineHook) -> Response) -> Response {
    let mut state = lock(state);
    let mut hooks = state.inline_hooks.iter_mut();
    hooks
        .find(|hook| hook.id == id)
        .map_or_else(|| not_found(id), change)
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use serde_json::{Value, json};

    use super::*;
    use crate::{okta::API_TOKEN, wire::client};

    /// The answer to an administrator.
    async fn call(okta: &Okta, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}/api/v1/inlineHooks{path}", okta.server().url());
        let answer = client()
            .request(method, url)
            .header("user-agent", "test")
            .header("authorization", format!("SSWS {API_TOKEN}"))
            .header("accept", "application/json")
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    fn good() -> Value {
        json!({
            "name": "Codes", "type": TELEPHONY, "version": "1.0.0",
            "channel": {
                "type": "HTTP", "version": "1.0.0",
                "config": {
                    "uri": "https://x.example/okta", "method": "POST", "headers": [{"key": "X-A", "value": "b"}],
                    "authScheme": {"type": "HEADER", "key": "Authorization", "value": "secret"},
                },
            },
        })
    }

    #[tokio::test]
    async fn a_hook_is_registered_replaced_and_switched() {
        let okta = Okta::start(None).await.unwrap();
        let (status, created) = call(&okta, Method::POST, "", &good()).await;
        assert_eq!((status, &created["status"]), (200, &json!("ACTIVE")));
        assert!(!created.to_string().contains("secret"));
        let listed = call(
            &okta,
            Method::GET,
            &format!("?type={TELEPHONY}"),
            &json!(null),
        )
        .await;
        assert_eq!(listed, (200, json!([created])));
        let path = format!("/{}", created["id"].as_str().unwrap());
        // What was read may be sent back, with the secret.
        let mut new = created.clone();
        new["channel"]["config"]["uri"] = "https://y.example/okta".into();
        assert_eq!(call(&okta, Method::PUT, &path, &new).await.0, 400);
        assert_eq!(okta.server().complaints().len(), 1);
        new["channel"]["config"]["authScheme"]["value"] = "other".into();
        assert_eq!(call(&okta, Method::PUT, &path, &new).await.0, 200);
        let [hook] = &okta.inline_hooks()[..] else {
            panic!()
        };
        assert_eq!(
            (&*hook.uri, &*hook.secret, hook.active),
            ("https://y.example/okta", "other", true)
        );
        for (action, status) in [("deactivate", "INACTIVE"), ("activate", "ACTIVE")] {
            let path = format!("{path}/lifecycle/{action}");
            let (code, answer) = call(&okta, Method::POST, &path, &json!(null)).await;
            assert_eq!((code, &answer["status"]), (200, &json!(status)));
        }
        assert_eq!(call(&okta, Method::PUT, "/cal1", &new).await.0, 404);
        assert_eq!(okta.server().complaints(), [""; 0]);
    }

    #[tokio::test]
    async fn odd_inline_hooks_are_refused() {
        let okta = Okta::start(None).await.unwrap();
        for (pointer, value) in [
            ("/name", Value::Null),
            ("/type", json!("com.okta.oauth2.tokens.transform")),
            ("/version", json!("1.1.0")),
            ("/channel/config/method", Value::Null),
            ("/channel/config/uri", json!("http://x.example/okta")),
            ("/channel/config/uri", json!("https://x.example/ok ta")),
            ("/channel/config/headers", json!([{ "key": "X-A" }])),
            ("/channel/config/authScheme", Value::Null),
        ] {
            let mut hook = good();
            *hook.pointer_mut(pointer).unwrap() = value;
            let (status, _) = call(&okta, Method::POST, "", &hook).await;
            assert_eq!(status, 400, "{pointer}");
            assert_eq!(okta.server().complaints().len(), 1, "{pointer}");
        }
        assert_eq!(
            call(&okta, Method::GET, "?limit=1", &json!(null)).await.0,
            400
        );
        assert_eq!(okta.server().complaints().len(), 1);
    }
}
