//! The form of a request, and the rules for tokens.

use std::collections::HashMap;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::State as Axum,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

use super::refusal::{Refusal, refuse, too_many_requests};
use crate::{
    auth0::{
        issuing::{CLIENT_CREDENTIALS, PASSWORD, PASSWORD_REALM},
        jwks::issuer,
        state::{Shared, State},
        tenant::{API_AUDIENCE, REALM},
    },
    sms,
    wire::{Complaints, lock},
};

/// The fields of a request: a JSON object of texts, without nulls, or a form. No field may be
/// repeated. Credentials may come by Basic authentication.
fn fields(
    headers: &HeaderMap,
    body: &[u8],
    complaints: &Complaints,
) -> Option<HashMap<String, String>> {
    let mut fields = body_fields(headers, body, complaints)?;
    if let Some((id, secret)) = sms::basic(headers) {
        complaints.add_for_ours("Auth0 token: Basic credentials");
        fields.insert("client_id".to_owned(), id);
        fields.insert("client_secret".to_owned(), secret);
    }
    Some(fields)
}

fn body_fields(
    headers: &HeaderMap,
    body: &[u8],
    complaints: &Complaints,
) -> Option<HashMap<String, String>> {
    match sms::header(headers, header::CONTENT_TYPE).split(';').next() {
        Some("application/json") => {
            let members = serde_json::from_slice::<HashMap<String, Option<String>>>(body).ok()?;
            if members.values().any(Option::is_none) {
                complaints.add_for_ours("Auth0 token: a null");
            }
            Some(
                members
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, value?)))
                    .collect(),
            )
        }
        Some("application/x-www-form-urlencoded") => {
            let pairs = form_urlencoded::parse(body)
                .into_owned()
                .collect::<Vec<_>>();
            let (all, fields) = (pairs.len(), pairs.into_iter().collect::<HashMap<_, _>>());
            (fields.len() == all).then_some(fields)
        }
        _ => None,
    }
}

pub(in crate::auth0) async fn token(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let url = format!("http://{}/", sms::header(&headers, header::HOST));
    let (answer, quota) = {
        let mut state = lock(&state);
        (
            state.answer(
                &url,
                &issuer(&headers),
                fields(&headers, &body, &complaints),
                &complaints,
            ),
            state.issuing.quota,
        )
    };
    let mut answer = answer.map_or_else(Refusal::into_response, |granted| {
        Json(granted).into_response()
    });
    answer.headers_mut().insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static("no-store"),
    );
    if let Some([all, left]) = quota {
        let quota = format!(
            "b=per_hour;q={all};r={left};t={}",
            3600 - crate::now().as_secs() % 3600
        );
        answer.headers_mut().insert(
            "auth0-client-quota-limit",
            quota.parse().expect("plain characters"),
        );
    }
    answer
}

impl State {
    fn answer(
        &mut self,
        url: &str,
        issuer: &str,
        fields: Option<HashMap<String, String>>,
        complaints: &Complaints,
    ) -> Result<Value, Refusal> {
        let forbidden =
            |error, description: &str| refuse(StatusCode::FORBIDDEN, error, description);
        if self.issuing.rate_limited > 0 {
            self.issuing.rate_limited -= 1;
            return Err(too_many_requests("Global limit has been reached"));
        }
        let malformed = |what: &str| {
            complaints.add(format!("Auth0 token: {what}"));
            refuse(StatusCode::BAD_REQUEST, "invalid_request", what)
        };
        let fields =
            fields.ok_or_else(|| malformed("neither a JSON object of texts nor a form"))?;
        let field = |name: &str| fields.get(name).map_or("", String::as_str);
        let grant_type = field("grant_type");
        let (needed, optional): (&[&str], &[&str]) = match grant_type {
            "" => return Err(malformed("no grant_type")),
            CLIENT_CREDENTIALS => (&["audience"], &[]),
            PASSWORD => (&["username", "password"], &["audience", "scope"]),
            PASSWORD_REALM => (&["username", "password", "realm"], &["audience", "scope"]),
            _ => {
                complaints.add("Auth0 token: grant type");
                return Err(forbidden(
                    "unsupported_grant_type",
                    &format!("Unsupported grant type: {grant_type}"),
                ));
            }
        };
        let needed = [&["grant_type", "client_id", "client_secret"], needed].concat();
        for name in fields
            .keys()
            .filter(|name| !needed.contains(&name.as_str()) && !optional.contains(&name.as_str()))
        {
            complaints.add_for_ours(format!("Auth0 token: parameter {name}"));
        }
        match needed.into_iter().find(|name| field(name).is_empty()) {
            None => {}
            Some("audience") => {
                complaints.add("Auth0 token: no audience");
                let what = "No audience parameter was provided, and no default audience has been configured";
                return Err(forbidden("access_denied", what));
            }
            Some("client_secret") => {
                complaints.add("Auth0 token: no client_secret");
                return Err(refuse(
                    StatusCode::UNAUTHORIZED,
                    "access_denied",
                    "Unauthorized",
                ));
            }
            Some(name) => return Err(malformed(&format!("Missing required parameter: {name}"))),
        }
        let application = self
            .issuing
            .applications
            .iter()
            .find(|application| application.id == field("client_id"));
        let application = application.ok_or_else(|| {
            refuse(
                StatusCode::UNAUTHORIZED,
                "invalid_client",
                "Client authentication failed",
            )
        })?;
        if application.secret != field("client_secret") {
            return Err(refuse(
                StatusCode::UNAUTHORIZED,
                "access_denied",
                "Unauthorized",
            ));
        }
        if !application
            .grant_types
            .iter()
            .any(|allowed| allowed == grant_type)
        {
            let what = format!("Grant type '{grant_type}' not allowed for the client.");
            return Err(forbidden("unauthorized_client", &what));
        }
        let id = application.id;
        let audience = field("audience").to_owned();
        let management = format!("{url}api/v2/");
        if !["", API_AUDIENCE, &management].contains(&audience.as_str()) {
            complaints.add(format!("Auth0 token: audience {audience}"));
            return Err(forbidden(
                "access_denied",
                &format!("Service not enabled within domain: {audience}"),
            ));
        }
        if self.issuing.denied.contains(&audience) {
            return Err(forbidden(
                "access_denied",
                &format!("Client is not authorized to access \"{audience}\"."),
            ));
        }
        let user = if grant_type == CLIENT_CREDENTIALS {
            if let Some([_, left]) = &mut self.issuing.quota {
                *left = left
                    .checked_sub(1)
                    .ok_or_else(|| too_many_requests("Client quota exceeded"))?;
            }
            None
        } else {
            let realm = match grant_type {
                PASSWORD => self.issuing.default_directory.clone().ok_or_else(|| {
                    forbidden(
                        "server_error",
                        "Authorization server not configured with default connection.",
                    )
                })?,
                _ => field("realm").to_owned(),
            };
            if realm != REALM && !self.users.iter().any(|user| user.connection == realm) {
                return Err(malformed(&format!("no connection {realm}")));
            }
            Some(self.sign_in(field("username"), realm, field("password"))?)
        };
        let counted = [grant_type.to_owned(), audience.clone()];
        *self.issuing.issued.entry(counted).or_default() += 1;
        Ok(self.grant(
            issuer,
            id,
            user,
            &audience,
            fields.get("scope").map(String::as_str),
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        auth0::{
            caller::{Endpoint, claims},
            issuing::TokenProfile,
            signing_keys::KEY_ID,
            tenant::CLIENT_ID,
        },
        wire::client,
    };

    #[tokio::test]
    async fn machines_get_signed_tokens_for_the_api() {
        let endpoint = Endpoint::start().await;
        let auth0 = &endpoint.0;
        let (status, granted) = endpoint.machine().await;
        let [header, claims_made] = claims(&granted["access_token"]);
        assert_eq!(
            (status, &granted["expires_in"], &granted["scope"]),
            (200, &json!(86_400), &json!("read:accounts"))
        );
        assert_eq!(header, json!({"alg": "RS256", "typ": "JWT", "kid": KEY_ID}));
        let times = (
            claims_made["iat"].as_u64().unwrap(),
            claims_made["exp"].as_u64().unwrap(),
        );
        assert_eq!(times.1 - times.0, 86_400);
        assert_eq!(
            claims_made,
            json!({
                "iss": format!("{}/", auth0.server().url()), "sub": format!("{CLIENT_ID}@clients"), "aud": API_AUDIENCE, "iat": times.0, "exp": times.1,
                "azp": CLIENT_ID, "scope": "read:accounts", "gty": "client-credentials",
            })
        );
        auth0.set_token_profile(TokenProfile::Rfc9068);
        let [header, claims_made] = claims(&endpoint.machine().await.1["access_token"]);
        assert_eq!(
            (
                &header["typ"],
                &claims_made["client_id"],
                claims_made.get("azp")
            ),
            (&json!("at+jwt"), &json!(CLIENT_ID), None)
        );
        for odd in [
            json!(0),
            json!(-1),
            json!("86400"),
            json!(1e300),
            json!(u64::MAX),
        ] {
            auth0.set_expires_in(odd.clone());
            let (status, granted) = endpoint.machine().await;
            assert_eq!((status, &granted["expires_in"]), (200, &odd));
        }
        auth0.set_expires_in(Value::Null);
        assert_eq!(endpoint.machine().await.1.get("expires_in"), None);
        assert_eq!(
            (
                auth0.grants(CLIENT_CREDENTIALS, API_AUDIENCE),
                auth0.token_requests()
            ),
            (8, 8)
        );
        assert_eq!(auth0.grants(PASSWORD_REALM, ""), 0);
    }

    #[tokio::test]
    async fn limits_and_quotas() {
        let endpoint = Endpoint::start().await;
        endpoint.0.rate_limit_tokens(1);
        let (status, limited) = endpoint.machine().await;
        assert_eq!(
            (status, &limited["error"]),
            (429, &json!("too_many_requests"))
        );
        endpoint.0.set_quota(Some(1));
        let statuses = [endpoint.machine().await.0, endpoint.machine().await.0];
        assert_eq!(
            (statuses, endpoint.login(json!({})).await.0),
            ([200, 429], 200),
            "the quota is for machines"
        );
        endpoint.0.rate_limit_tokens(1);
        let limited = client()
            .post(endpoint.0.server().url() + "/oauth/token")
            .send()
            .await
            .unwrap();
        let header = |name| limited.headers()[name].to_str().unwrap();
        assert_eq!(
            (header("x-ratelimit-remaining"), header("x-ratelimit-limit")),
            ("0", "30")
        );
        assert!(header("auth0-client-quota-limit").starts_with("b=per_hour;q=1;r=0;t="));
        endpoint.0.set_quota(None);
        assert_eq!(endpoint.machine().await.0, 200);
        endpoint.0.set_client_grant(API_AUDIENCE, false);
        assert_eq!(endpoint.machine().await.1["error"], "access_denied");
    }
}
