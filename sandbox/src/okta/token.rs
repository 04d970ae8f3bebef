//! The token endpoint of the org authorization server, for the service app.

use axum::{
    Extension, Json,
    body::Bytes,
    extract::State as Axum,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::{
    assertion,
    state::{Okta, Shared},
};
use crate::{
    random, sms,
    wire::{Complaints, lock},
};

impl Okta {
    /// Sets whether the service app's public key is registered. At first it is.
    pub fn register_key(&self, on: bool) {
        lock(&self.state).key_registered = on;
    }

    /// Sets the scope of the service app. At first `okta.users.read okta.users.manage`.
    pub fn set_scope(&self, scope: &str) {
        scope.clone_into(&mut lock(&self.state).scope);
    }
}

/// `POST /oauth2/v1/token`.
pub(super) async fn token(
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
    use axum::http::Method;
    use serde_json::Value;

    use super::*;
    use crate::{
        okta::{caller::Api, service_app::CLIENT_ID},
        wire::client,
    };

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
