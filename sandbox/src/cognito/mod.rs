//! Amazon Cognito: a user pool with a custom SMS sender.
//!
//! The pool gives the sender an event. Its code is encrypted by the pool's KMS key, in the form of
//! the AWS Encryption SDK.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-custom-sms-sender.html>

mod message;
mod pools;

use std::io;

use axum::Router;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    REGION,
    aws::{KEY_ARN, Keys},
    random,
    wire::{Server, lock},
};

/// The id of the user pool.
pub const POOL: &str = "eu-west-1_SANDBOX1";
/// The id of the app that the users use.
pub const CLIENT_ID: &str = "3n4b5urk1ft4fl3mg5e62d9ado";

/// A code, `271828`, that [`Cognito::encrypt`] made. Each has another ciphertext, and the recorded
/// event must always be the same.
pub(crate) const RECORDED_CODE: &str = include_str!("recorded-code.txt").trim_ascii();

/// The user pool [`POOL`], and the API of pools. Its KMS key is [`KEY_ARN`].
pub struct Cognito {
    keys: Keys,
    pools: pools::Pools,
    server: Server,
}

impl Cognito {
    /// Serves `https://cognito-idp.eu-west-1.amazonaws.com` on this port or on a free one. No
    /// function is the sender of [`POOL`] yet.
    pub(crate) async fn start(port: Option<u16>, keys: Keys) -> io::Result<Self> {
        let pools = pools::Pools::default();
        lock(&pools).insert(POOL.to_owned(), pools::sample(POOL));
        let router = Router::new()
            .fallback(pools::answer)
            .with_state(pools::Pools::clone(&pools));
        let server = Server::start_on("Cognito", port.unwrap_or(0), router).await?;
        Ok(Self {
            keys,
            pools,
            server,
        })
    }

    /// The server, with its exchanges, faults and complaints.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// [`POOL`] as `DescribeUserPool` shows it.
    pub fn pool(&self) -> Value {
        pools::described(&lock(&self.pools)[POOL])
    }

    /// Sets a setting of [`POOL`].
    pub fn set(&self, setting: &str, value: Value) {
        if let Some(pool) = lock(&self.pools).get_mut(POOL) {
            pool[setting] = value;
        }
    }

    /// The event that invokes the sender. `trigger` is the name after `CustomSMSSender_`, such as
    /// `Authentication`. Every event has another user and another ciphertext. Panics if the key is
    /// disabled or removed.
    pub fn event(&self, trigger: &str, phone: &str, code: &str, locale: Option<&str>) -> Value {
        let mut attributes = json!({
            "sub": random::uuid(), "cognito:user_status": "CONFIRMED", "phone_number": phone,
            "phone_number_verified": if matches!(trigger, "SignUp" | "VerifyUserAttribute") { "false" } else { "true" },
        });
        if let Some(locale) = locale {
            attributes["locale"] = locale.into();
        }
        let by_administrator = trigger == "AdminCreateUser";
        let client = if by_administrator {
            "CLIENT_ID_NOT_APPLICABLE"
        } else {
            CLIENT_ID
        };
        json!({
            "version": "1", "triggerSource": format!("CustomSMSSender_{trigger}"), "region": REGION, "userPoolId": POOL,
            "userName": attributes["sub"],
            "callerContext": { "awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": client },
            "request": {
                "type": "customSMSSenderRequestV1", "code": self.encrypt(code), "clientMetadata": null,
                "userAttributes": attributes,
            },
            "response": {},
        })
    }

    /// A code as the pool encrypts it.
    pub fn encrypt(&self, code: &str) -> String {
        let message = message::encrypt(&self.keys, KEY_ARN, POOL, code.as_bytes());
        STANDARD.encode(message)
    }
}
