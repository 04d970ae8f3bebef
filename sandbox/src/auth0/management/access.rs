//! The check of every call of the Management API: the rate limit, the token and its scope.

use axum::{
    Extension,
    extract::{Request, State as Axum},
    http::{Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::forms::api_error;
use crate::{
    auth0::state::{Auth0, Shared},
    wire::{Complaints, lock},
};

impl Auth0 {
    /// Revokes all access tokens for the Management API.
    pub fn revoke_tokens(&self) {
        lock(&self.state).tokens.clear();
    }

    /// Answers the next `n` calls of the Management API with 429.
    pub fn rate_limit(&self, n: u32) {
        lock(&self.state).rate_limited = n;
    }
}

/// The scope that a call of the Management API needs.
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

/// Checks every Management API call: rate limit, then token, then scope.
pub(super) async fn authorize(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    request: Request,
    next: Next,
) -> Response {
    let reset = (crate::now().as_secs() + 1).to_string();
    let limits = |left: &str| {
        [
            ("x-ratelimit-limit", "2".to_owned()),
            ("x-ratelimit-remaining", left.to_owned()),
            ("x-ratelimit-reset", reset.clone()),
        ]
    };
    let needed = scope(request.method(), request.uri().path());
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
                api_error(
                    StatusCode::TOO_MANY_REQUESTS,
                    Some("too_many_requests"),
                    "Global limit has been reached",
                ),
            )
                .into_response();
        }
        match bearer.map(|token| state.tokens.get(token)) {
            None => {
                complaints.add("Auth0 Management API: no bearer token");
                Some(api_error(
                    StatusCode::UNAUTHORIZED,
                    None,
                    "Missing authentication",
                ))
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        auth0::{
            caller::Api,
            tenant::{CLIENT_ID, CLIENT_SECRET},
        },
        wire::client,
    };

    const EMAIL: &str = "acme+4512345678@sms.example.com";

    async fn get(url: &str) -> reqwest::Response {
        client().get(url).send().await.unwrap()
    }

    #[tokio::test]
    async fn a_token_opens_the_management_api() {
        let auth0 = Auth0::start(None).await.unwrap();
        let url = auth0.server().url();
        let user = auth0.sign_up(EMAIL);
        let audience = format!("{url}/api/v2/");
        let grant = |secret: &'static str| json!({"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": secret, "audience": audience});
        let token = |body: Value| {
            client()
                .post(format!("{url}/oauth/token"))
                .json(&body)
                .send()
        };
        assert_eq!(token(grant("wrong")).await.unwrap().status(), 401);
        let issued = token(grant(CLIENT_SECRET))
            .await
            .unwrap()
            .json::<Value>()
            .await
            .unwrap();
        assert_eq!(
            (&issued["expires_in"], &issued["token_type"]),
            (&json!(86_400), &json!("Bearer"))
        );
        let bearer = issued["access_token"].as_str().unwrap().to_owned();
        let find = |email: &str, bearer: &str| {
            client()
                .get(format!("{url}/api/v2/users-by-email"))
                .query(&[("email", email)])
                .bearer_auth(bearer)
                .send()
        };
        let update = |id: &str, body: Value| {
            client()
                .patch(format!("{url}/api/v2/users/{}", id.replace('|', "%7C")))
                .bearer_auth(&bearer)
                .json(&body)
                .send()
        };

        let found = find(EMAIL, &bearer).await.unwrap();
        assert!(found.headers().contains_key("x-ratelimit-remaining"));
        let found = found.json::<Value>().await.unwrap();
        assert_eq!(
            (
                found.as_array().unwrap().len(),
                &found[0]["user_id"],
                &found[0]["email_verified"]
            ),
            (1, &json!(user.user_id), &json!(false))
        );
        assert_eq!(
            find("acme 4512345678@sms.example.com", &bearer)
                .await
                .unwrap()
                .json::<Value>()
                .await
                .unwrap(),
            json!([])
        );
        assert_eq!(
            update(&user.user_id, json!({"email_verified": true}))
                .await
                .unwrap()
                .json::<Value>()
                .await
                .unwrap()["email_verified"],
            true
        );
        assert!(auth0.user(EMAIL).unwrap().email_verified);
        assert_eq!(
            update("auth0|none", json!({"email_verified": true}))
                .await
                .unwrap()
                .status(),
            404
        );
        auth0.rate_limit(1);
        let limited = find(EMAIL, &bearer).await.unwrap();
        assert_eq!(
            (
                limited.status().as_u16(),
                limited.json::<Value>().await.unwrap()["errorCode"].clone()
            ),
            (429, json!("too_many_requests"))
        );
        assert!(auth0.server().complaints().is_empty());
        assert_eq!(
            update(&user.user_id, json!({"email_verified": "true"}))
                .await
                .unwrap()
                .status(),
            400
        );
        assert_eq!(
            get(&format!("{url}/api/v2/users-by-email?email=x"))
                .await
                .status(),
            401
        );
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
        let issued = client()
            .post(format!("{url}/oauth/token"))
            .form(&form)
            .send()
            .await
            .unwrap()
            .json::<Value>()
            .await
            .unwrap();
        assert_eq!(
            find(EMAIL, issued["access_token"].as_str().unwrap())
                .await
                .unwrap()
                .status(),
            403
        );
        assert!(auth0.server().complaints().is_empty());
    }

    #[tokio::test]
    async fn a_resource_needs_its_own_scope() {
        let api = Api::start("read:users").await;
        for path in [
            "connections",
            "branding/phone/providers",
            "actions/actions",
            "clients/x",
            "client-grants",
            "attack-protection/brute-force-protection",
        ] {
            assert_eq!(api.get(path).await.0, 403, "{path}");
        }
        assert_eq!(api.0.server().complaints(), [""; 0]);
    }
}
