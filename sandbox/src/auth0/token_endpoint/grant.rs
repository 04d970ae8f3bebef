//! What the token endpoint grants: the tokens and their scope.

use serde_json::{Value, json};

use crate::{
    auth0::{issuing::TokenProfile, state::State, tenant::API_AUDIENCE, user::User},
    random,
};

/// The scope that Auth0 grants to a user who signs in, without a request for it.
const OIDC_SCOPE: &str = "openid profile email address phone offline_access";

impl State {
    /// The answer with the tokens. Tokens for the API and about users are signed; others are random
    /// letters.
    pub(super) fn grant(
        &mut self,
        issuer: &str,
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
            let mut claims = json!({ "iss": issuer, "sub": sub, "aud": audience, "iat": now, "exp": now + life, "scope": scope });
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
                    "iss": issuer, "sub": sub, "aud": client, "iat": now, "exp": now + 36_000, "email": user.email, "email_verified": user.email_verified,
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
