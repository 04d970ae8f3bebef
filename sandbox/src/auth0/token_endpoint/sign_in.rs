//! The users' sign-in with a password.

use axum::http::StatusCode;

use super::refusal::{Refusal, refuse};
use crate::auth0::{issuing::WrongPassword, state::State, user::User};

impl State {
    /// The user with this address and password, or the refusal. Only a request with the right
    /// password gets a reason other than a wrong password.
    pub(super) fn sign_in(
        &mut self,
        username: &str,
        realm: String,
        password: &str,
    ) -> Result<User, Refusal> {
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
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        auth0::{
            caller::{Endpoint, claims, refused},
            issuing::{CLIENT_CREDENTIALS, PASSWORD, PASSWORD_REALM},
            tenant::{
                API_AUDIENCE, CLIENT_ID, CLIENT_SECRET, LOGIN_CLIENT_ID, LOGIN_CLIENT_SECRET,
                REALM, WRONG_PASSWORDS,
            },
        },
        wire::client,
    };

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
