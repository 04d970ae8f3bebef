//! The requests of the tenant to an SMS gateway, and the tokens that it signs for them.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{merged::merged, state::Auth0};

/// The sender in the tenant's settings.
const SENDER: &str = "+15005550006";
/// The user's IP address.
const IP: &str = "203.0.113.7";
const COUNTRY: &str = "DK";

/// How a tenant authenticates at an SMS gateway.
#[derive(Clone, Copy, Debug)]
pub enum Credential<'a> {
    /// The token of a legacy connection (see [`Auth0::gateway_token`]). The body has
    /// `recipient, body, sender`.
    Jwt(&'a str),
    /// The static token of a custom phone provider's Action. The body has
    /// `recipient, text, from, code, message_type, language, req`.
    Bearer(&'a str),
}

/// The gateway's answer. Only status 200 is a success for Auth0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status; 0 if there was no answer before Auth0's timeout or only part of one.
    pub status: u16,
    /// The body, which Auth0 ignores.
    pub body: String,
}

impl Auth0 {
    /// The HS256 token for an SMS gateway with `aud` and `sub`. Auth0 documents only these claims.
    /// The members of the object `claims` are added or replace them; null removes one.
    pub fn gateway_token(
        &self,
        secret: impl AsRef<[u8]>,
        aud: &str,
        sub: &str,
        claims: Value,
    ) -> String {
        let all = merged(json!({ "aud": aud, "sub": sub }), claims);
        let encode = |part: Value| BASE64URL.encode(part.to_string());
        let signed = format!(
            "{}.{}",
            encode(json!({"alg": "HS256", "typ": "JWT"})),
            encode(all)
        );
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret.as_ref()).expect("HMAC takes keys of any length");
        mac.update(signed.as_bytes());
        format!("{signed}.{}", BASE64URL.encode(mac.finalize().into_bytes()))
    }

    /// A user signs in by phone. Posts `text` for `recipient` (as the user wrote it) to the gateway
    /// at `url`, once. The code is the last number in the text.
    pub async fn passwordless(
        &self,
        url: &str,
        credential: Credential<'_>,
        recipient: &str,
        text: &str,
    ) -> Answer {
        self.passwordless_from(None, url, credential, recipient, text)
            .await
    }

    /// Like [`Auth0::passwordless`], with the IP address of the user's request, as
    /// `forward_req_info` sends it.
    pub async fn passwordless_from(
        &self,
        ip: Option<&str>,
        url: &str,
        credential: Credential<'_>,
        recipient: &str,
        text: &str,
    ) -> Answer {
        let code = text
            .split(|c: char| !c.is_ascii_digit())
            .rfind(|digits| !digits.is_empty());
        let (token, wait, mut body) = match credential {
            Credential::Jwt(token) => (
                token,
                30,
                json!({"recipient": recipient, "body": text, "sender": SENDER}),
            ),
            Credential::Bearer(token) => (
                token,
                20,
                json!({
                    "recipient": recipient, "text": text, "from": SENDER, "code": code, "message_type": "otp_verify", "language": "en",
                    "req": {"ip": IP, "country": COUNTRY},
                }),
            ),
        };
        if let Some(ip) = ip {
            body["req"] = json!({ "ip": ip, "user-agent": "Mozilla/5.0" });
        }
        let request = self
            .client
            .post(url)
            .bearer_auth(token)
            .timeout(Duration::from_secs(wait))
            .json(&body);
        let answer = async {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status().as_u16(), answer.text().await?))
        };
        let (status, body) = answer.await.unwrap_or_default();
        Answer { status, body }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;

    use super::*;
    use crate::{
        auth0::{GATEWAY_AUDIENCE, GATEWAY_SECRET, GATEWAY_SUBJECT},
        wire::Server,
    };

    #[tokio::test]
    async fn a_gateway_gets_one_post_with_its_token() {
        let auth0 = Auth0::start(None).await.unwrap();
        // composed, MAC computed independently with Python's standard library
        let token = auth0.gateway_token(
            GATEWAY_SECRET,
            GATEWAY_AUDIENCE,
            GATEWAY_SUBJECT,
            json!({"sub": "x", "exp": 1, "aud": null}),
        );
        assert_eq!(
            token,
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjEsInN1YiI6IngifQ.rsYdEJY5CtPRPuZTF1kYXfPgqPkpN0Uw8VUkJ2rlP3Q"
        );
        let gateway = Server::start("gateway", Router::new().fallback(|| async { "ok" }))
            .await
            .unwrap();
        for (credential, expected) in [
            (
                Credential::Jwt("a.b.c"),
                json!({"recipient": "+45 12345678", "body": "Code 271828.", "sender": SENDER}),
            ),
            (
                Credential::Bearer("t"),
                json!({
                    "recipient": "+45 12345678", "text": "Code 271828.", "from": SENDER, "code": "271828", "message_type": "otp_verify", "language": "en",
                    "req": {"ip": "203.0.113.7", "country": "DK"},
                }),
            ),
        ] {
            let answer = auth0
                .passwordless(&gateway.url(), credential, "+45 12345678", "Code 271828.")
                .await;
            assert_eq!(
                answer,
                Answer {
                    status: 200,
                    body: "ok".to_owned()
                }
            );
            let exchange = gateway.exchanges().pop().unwrap();
            let (Credential::Jwt(token) | Credential::Bearer(token)) = credential;
            assert!(
                exchange
                    .headers
                    .contains(&("authorization".to_owned(), format!("Bearer {token}")))
            );
            assert_eq!(
                serde_json::from_slice::<Value>(&exchange.request).unwrap(),
                expected
            );
        }
        gateway.faults().next(crate::wire::Fault::ResetBefore);
        assert_eq!(
            auth0
                .passwordless(&gateway.url(), Credential::Bearer("t"), "+4512345678", "x")
                .await
                .status,
            0
        );
    }
}
