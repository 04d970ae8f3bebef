//! `POST /oauth/token`: the rules for tokens, and the users' sign-in with a password.

use std::collections::HashMap;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::State as Axum,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    API_AUDIENCE, CLIENT_CREDENTIALS, PASSWORD, PASSWORD_REALM, REALM, Shared, State, TokenProfile,
    User, WrongPassword,
};
use crate::{
    random, sms,
    wire::{Complaints, lock},
};

/// The scope that Auth0 grants to a user who signs in, without a request for it.
const OIDC_SCOPE: &str = "openid profile email address phone offline_access";

/// An answer without tokens.
struct Refusal {
    status: StatusCode,
    error: &'static str,
    description: String,
}

fn refuse(status: StatusCode, error: &'static str, description: &str) -> Refusal {
    Refusal {
        status,
        error,
        description: description.to_owned(),
    }
}

fn too_many_requests(description: &str) -> Refusal {
    refuse(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_requests",
        description,
    )
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self {
            status,
            error,
            description,
        } = self;
        let mut body = json!({ "error": error, "error_description": description });
        if error == "mfa_required" {
            body["mfa_token"] = random::hex(32).into();
        }
        let answer = (status, Json(body));
        if error != "too_many_requests" {
            return answer.into_response();
        }
        let reset = crate::now().as_secs() + 1;
        let limits = [("limit", 30), ("remaining", 0), ("reset", reset)];
        (
            limits.map(|(name, value)| (format!("x-ratelimit-{name}"), value.to_string())),
            answer,
        )
            .into_response()
    }
}

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

pub(super) async fn token(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let url = format!("http://{}/", sms::header(&headers, header::HOST));
    let (answer, quota) = {
        let mut state = lock(&state);
        (
            state.answer(&url, fields(&headers, &body, &complaints), &complaints),
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
            url,
            id,
            user,
            &audience,
            fields.get("scope").map(String::as_str),
        ))
    }

    /// The user with this address and password, or the refusal. Only a request with the right
    /// password gets a reason other than a wrong password.
    fn sign_in(&mut self, username: &str, realm: String, password: &str) -> Result<User, Refusal> {
        let forbidden = |error, description| refuse(StatusCode::FORBIDDEN, error, description);
        let too_many = |description| {
            refuse(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_attempts",
                description,
            )
        };
        if self.issuing.suspicious {
            let what = "We have detected suspicious login behavior and further attempts will be blocked. Please contact the administrator.";
            return Err(too_many(what));
        }
        let key = [username.to_lowercase(), realm];
        let mistakes = self.issuing.mistakes.entry(key.clone()).or_default();
        if self
            .settings
            .wrong_passwords()
            .is_some_and(|most| *mistakes >= most)
        {
            return Err(too_many(
                "Your account has been blocked after multiple consecutive login attempts. We've sent you an email with instructions on how to unblock it.",
            ));
        }
        let named = self
            .users
            .iter()
            .find(|user| user.email == key[0] && user.connection == key[1]);
        let login = named
            .and_then(|user| self.logins.get(&user.user_id))
            .filter(|login| login.password == password);
        let Some((user, login)) = named.zip(login) else {
            *mistakes += 1;
            return Err(forbidden(
                match self.issuing.wrong_password {
                    WrongPassword::InvalidGrant => "invalid_grant",
                    WrongPassword::InvalidUserPassword => "invalid_user_password",
                    WrongPassword::AccessDenied => "access_denied",
                },
                "Wrong email or password.",
            ));
        };
        if login.leaked {
            let what = "This login has been blocked because your password has been leaked in another website. We’ve sent you an email with instructions on how to unblock it.";
            return Err(refuse(StatusCode::UNAUTHORIZED, "password_leaked", what));
        }
        if user.blocked {
            return Err(forbidden("unauthorized", "user is blocked"));
        }
        self.issuing.mistakes.remove(&key);
        if login.mfa {
            return Err(forbidden(
                "mfa_required",
                "Multifactor authentication required",
            ));
        }
        Ok(user.clone())
    }

    /// The answer with the tokens. Tokens for the API and about users are signed; others are random
    /// letters.
    fn grant(
        &mut self,
        url: &str,
        client: &str,
        user: Option<User>,
        audience: &str,
        asked: Option<&str>,
    ) -> Value {
        let now = crate::now().as_secs();
        let life = self
            .issuing
            .expires_in
            .as_u64()
            .filter(|life| (1..=315_360_000).contains(life))
            .unwrap_or(86_400);
        let offered = match audience {
            "" => String::new(),
            API_AUDIENCE => self.issuing.api_scope.clone(),
            _ => self.issuing.management_scope.clone(),
        };
        let scope = match (&user, asked) {
            (Some(_), None) if audience.is_empty() => OIDC_SCOPE.replace(" offline_access", ""),
            (None, _) | (_, None) => offered,
            (Some(_), Some(asked)) => {
                let granted = |word: &&str| {
                    offered
                        .split(' ')
                        .chain(OIDC_SCOPE.split(' '))
                        .any(|offered| offered == *word)
                };
                asked
                    .split(' ')
                    .filter(granted)
                    .collect::<Vec<_>>()
                    .join(" ")
            }
        };
        let sub = user
            .as_ref()
            .map_or_else(|| format!("{client}@clients"), |user| user.user_id.clone());
        let access_token = if audience == API_AUDIENCE {
            let mut claims = json!({ "iss": url, "sub": sub, "aud": audience, "iat": now, "exp": now + life, "scope": scope });
            claims["gty"] = if user.is_none() {
                "client-credentials"
            } else {
                "password"
            }
            .into();
            match self.issuing.profile {
                TokenProfile::Auth0 => {
                    claims["azp"] = client.into();
                    self.keys.sign("JWT", &claims)
                }
                TokenProfile::Rfc9068 => {
                    claims["client_id"] = client.into();
                    claims["jti"] = random::hex(16).into();
                    self.keys.sign("at+jwt", &claims)
                }
            }
        } else {
            let token = random::hex(32);
            if !audience.is_empty() {
                self.tokens.insert(token.clone(), scope.clone());
            }
            token
        };
        let mut granted =
            json!({ "access_token": access_token, "scope": scope, "token_type": "Bearer" });
        if !self.issuing.expires_in.is_null() {
            granted["expires_in"] = self.issuing.expires_in.clone();
        }
        if let Some(user) = user {
            let has = |name| scope.split(' ').any(|word| word == name);
            if has("openid") {
                let claims = json!({
                    "iss": url, "sub": sub, "aud": client, "iat": now, "exp": now + 36_000, "email": user.email, "email_verified": user.email_verified,
                });
                granted["id_token"] = self.keys.sign("JWT", &claims).into();
            }
            if has("offline_access") {
                granted["refresh_token"] = random::hex(32).into();
            }
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth0::{
            Auth0, CLIENT_ID, CLIENT_SECRET, KEY_ID, LOGIN_CLIENT_ID, LOGIN_CLIENT_SECRET,
            WRONG_PASSWORDS, merged,
        },
        wire::client,
    };

    struct Endpoint(Auth0, User);

    impl Endpoint {
        async fn start() -> Self {
            let auth0 = Auth0::start(None).await.unwrap();
            let user = auth0.sign_up_caller("10042", "2718", "Hello Ann", "ann@example.com");
            Self(auth0, user)
        }

        async fn post(&self, body: &Value) -> (u16, Value) {
            let answer = client()
                .post(self.0.server().url() + "/oauth/token")
                .json(body)
                .send()
                .await
                .unwrap();
            (answer.status().as_u16(), answer.json().await.unwrap())
        }

        async fn machine(&self) -> (u16, Value) {
            self.post(&json!({
                "grant_type": CLIENT_CREDENTIALS, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "audience": API_AUDIENCE,
            }))
            .await
        }

        /// Signs in, with other fields added or replaced; answers what the error is, if any.
        async fn login(&self, changes: Value) -> (u16, String) {
            let usual = json!({
                "grant_type": PASSWORD_REALM, "client_id": LOGIN_CLIENT_ID, "client_secret": LOGIN_CLIENT_SECRET, "realm": REALM,
                "username": self.1.email, "password": "2718",
            });
            let (status, body) = self.post(&merged(usual, changes)).await;
            (
                status,
                body["error"].as_str().unwrap_or_default().to_owned(),
            )
        }
    }

    fn claims(token: &Value) -> [Value; 2] {
        use base64::Engine as _;
        let mut parts = token.as_str().unwrap().split('.');
        [(); 2].map(|()| {
            let part = base64::engine::general_purpose::URL_SAFE_NO_PAD
                .decode(parts.next().unwrap())
                .unwrap();
            serde_json::from_slice(&part).unwrap()
        })
    }

    fn refused(error: &str) -> (u16, String) {
        (403, error.to_owned())
    }

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

    #[tokio::test]
    async fn users_sign_in() {
        let endpoint = Endpoint::start().await;
        let auth0 = &endpoint.0;
        assert_eq!(endpoint.login(json!({})).await.0, 200);
        assert_eq!(
            endpoint
                .login(json!({"username": "Ann@Example.com", "scope": "openid offline_access"}))
                .await
                .0,
            200
        );
        let api = json!({"audience": API_AUDIENCE, "scope": "openid read:accounts write:accounts"});
        assert_eq!(endpoint.login(api).await.0, 200);
        let granted: Value =
            serde_json::from_slice(&auth0.server().exchanges().pop().unwrap().response).unwrap();
        let [[_, access], [_, id]] = [&granted["access_token"], &granted["id_token"]].map(claims);
        assert_eq!(
            (&access["sub"], &access["gty"]),
            (&json!(endpoint.1.user_id), &json!("password"))
        );
        assert_eq!(
            (&access["scope"], &id["aud"]),
            (&json!("openid read:accounts"), &json!(LOGIN_CLIENT_ID))
        );
        assert_eq!(
            (
                auth0.grants(PASSWORD_REALM, ""),
                auth0.grants(PASSWORD_REALM, API_AUDIENCE)
            ),
            (2, 1)
        );
        let plain = json!({"grant_type": PASSWORD, "realm": null});
        assert_eq!(endpoint.login(plain.clone()).await, refused("server_error"));
        auth0.set_default_directory(REALM);
        assert_eq!(endpoint.login(plain).await.0, 200);
        let form = [
            ("grant_type", PASSWORD_REALM),
            ("client_id", LOGIN_CLIENT_ID),
            ("client_secret", LOGIN_CLIENT_SECRET),
            ("realm", REALM),
            ("username", "ann@example.com"),
            ("password", "2718"),
        ];
        let answer = client()
            .post(auth0.server().url() + "/oauth/token")
            .form(&form)
            .send()
            .await
            .unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["cache-control"]),
            (200, &"no-store".parse().unwrap())
        );
        let machine = json!({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET});
        assert_eq!(
            endpoint.login(machine.clone()).await,
            refused("unauthorized_client")
        );
        auth0.set_grant_types(CLIENT_ID, &[CLIENT_CREDENTIALS, PASSWORD_REALM]);
        assert_eq!(endpoint.login(machine).await.0, 200);
        auth0.set_login_client_secret("rotated");
        assert_eq!(
            endpoint.login(json!({})).await,
            (401, "access_denied".to_owned())
        );
        assert_eq!(
            endpoint.login(json!({"client_id": "x"})).await,
            (401, "invalid_client".to_owned())
        );
        assert_eq!(auth0.server().complaints(), [""; 0]);
        for (changes, error) in [
            (
                json!({"client_secret": "rotated", "connection": "x"}),
                (200, String::new()),
            ),
            (
                json!({"username": null}),
                (400, "invalid_request".to_owned()),
            ),
            (
                json!({"password": 2718}),
                (400, "invalid_request".to_owned()),
            ),
            (
                json!({"client_secret": "rotated", "realm": "x"}),
                (400, "invalid_request".to_owned()),
            ),
            (
                json!({"grant_type": "http://auth0.com/oauth/ro"}),
                refused("unsupported_grant_type"),
            ),
            (
                json!({"client_secret": "rotated", "audience": "https://x"}),
                refused("access_denied"),
            ),
        ] {
            assert_eq!(endpoint.login(changes.clone()).await, error, "{changes}");
            assert_eq!(auth0.server().complaints().len(), 1, "{changes}");
        }
    }

    #[tokio::test]
    async fn users_are_kept_out() {
        let endpoint = Endpoint::start().await;
        let Endpoint(auth0, user) = &endpoint;
        let wrong = || endpoint.login(json!({"password": "0000"}));
        for (answer, error) in [
            (WrongPassword::AccessDenied, "access_denied"),
            (WrongPassword::InvalidUserPassword, "invalid_user_password"),
            (WrongPassword::InvalidGrant, "invalid_grant"),
        ] {
            auth0.set_wrong_password(answer);
            assert_eq!(wrong().await, refused(error));
        }
        assert_eq!(
            endpoint.login(json!({"username": "bob@example.com"})).await,
            refused("invalid_grant"),
            "nobody"
        );
        let elsewhere = auth0.sign_up_with("ann@example.com", "other");
        assert_eq!(
            endpoint.login(json!({"realm": "other"})).await,
            refused("invalid_grant"),
            "without a password"
        );
        assert_eq!(
            (auth0.failed_logins(user), auth0.failed_logins(&elsewhere)),
            (3, 1)
        );
        assert_eq!(endpoint.login(json!({})).await.0, 200);
        assert_eq!(auth0.failed_logins(user), 0);

        auth0.require_mfa(user, true);
        assert_eq!(endpoint.login(json!({})).await, refused("mfa_required"));
        auth0.block(user, true);
        assert_eq!(endpoint.login(json!({})).await, refused("unauthorized"));
        auth0.leak_password(user, true);
        assert_eq!(
            endpoint.login(json!({})).await,
            (401, "password_leaked".to_owned())
        );
        assert_eq!(
            wrong().await,
            refused("invalid_grant"),
            "who does not know the password learns nothing"
        );
        auth0.suspect_everybody(true);
        assert_eq!(
            endpoint.login(json!({})).await,
            (429, "too_many_attempts".to_owned())
        );
        auth0.suspect_everybody(false);
        for _ in 1..WRONG_PASSWORDS {
            assert!(!auth0.is_shut_out(user));
            assert_eq!(wrong().await, refused("invalid_grant"));
        }
        assert!(auth0.is_shut_out(user));
        assert_eq!(
            endpoint.login(json!({})).await,
            (429, "too_many_attempts".to_owned())
        );
        auth0.let_in(user);
        auth0.leak_password(user, false);
        auth0.block(user, false);
        auth0.require_mfa(user, false);
        assert_eq!(endpoint.login(json!({})).await.0, 200);
        assert_eq!(auth0.server().complaints(), [""; 0]);
    }
}
