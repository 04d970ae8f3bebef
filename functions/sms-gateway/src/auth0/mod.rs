//! The entrance for Auth0: `POST /` with a number and a text, in one of two shapes. The legacy SMS
//! gateway of a passwordless connection posts one, a custom phone provider Action the other.

mod credential;
mod posted;

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use shared::platform::Platform;
use shared::platform::config::Source;
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::secrets::{Secret, SecretError};
use shared::rules::jwt::Expected;

use crate::gateway::{Gateway, Outcome, RESERVE};
use credential::Credentials;
use posted::Shape;

const JSON: [&str; 1] = ["application/json"];
const BODY_LIMIT: usize = 1024 * 1024;
const NOTHING_SENT: &str = "temporarily unavailable; nothing was sent";

/// The settings of this entrance.
pub(crate) struct Auth0 {
    credentials: Secret<Credentials>,
    /// What a JWT for this gateway must say; `None` if no JWT is accepted.
    token: Option<Expected>,
    code_life: Duration,
}

impl Auth0 {
    pub(crate) fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        Self {
            credentials: platform.secret(source, "GATEWAY_SECRET"),
            token: credential::expected_token(source),
            code_life: Duration::from_secs(source.number("CODE_LIFE_SECONDS", 180, 60..=36_000)),
        }
    }

    pub(crate) async fn warm_up(&self, now: SystemTime) {
        let _ = self.credentials.get(now).await;
    }

    pub(crate) async fn answer(
        &self,
        request: &Request,
        gateway: &Gateway,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        let arrived = Instant::now();
        request.expect_post("/", &JSON, BODY_LIMIT)?;
        credential::check(request, &self.credentials, self.token.as_ref(), now).await?;
        let (shape, message) = posted::parse(request.body(), self.code_life).map_err(|wrong| {
            error(wrong.status, wrong.outcome, wrong.public).metric("Refused", 1)
        })?;
        // The deadline counts from the arrival: the credential check used some of the caller's
        // waiting time.
        let deadline = (arrived + shape.time()).min(Instant::now() + request.remaining(RESERVE));
        let delivery = gateway
            .deliver(&message, deadline, now + arrived.elapsed())
            .await;
        Ok(delivery.log(&message, answer(&delivery.outcome)))
    }
}

impl Shape {
    /// Auth0's legacy gateway waits 30 s for an answer. Auth0 ends an Action after 20 s.
    fn time(self) -> Duration {
        Duration::from_secs(match self {
            Self::Legacy => 25,
            Self::Action => 17,
        })
    }
}

fn answer(outcome: &Outcome) -> Reply {
    let (status, public) = match outcome {
        Outcome::Sent {
            provider, receipt, ..
        } => {
            let body = json!({ "provider": provider, "id": receipt });
            return json_reply(200, outcome.word(), &body);
        }
        Outcome::CountryNotAllowed => (429, "texts to this country or range are not allowed"),
        Outcome::NoRoute => (429, "no provider is configured for this number"),
        Outcome::Limited { .. } => (429, "too many texts; try again later"),
        Outcome::RecipientRefused => (422, "this number cannot receive texts"),
        Outcome::AllRefused => (502, "no provider took the text"),
        Outcome::NoCredentials => (503, "the gateway's credentials are unavailable; try again"),
        Outcome::Unavailable { .. } => (503, NOTHING_SENT),
        Outcome::Unknown { .. } => (
            504,
            "the text may or may not have been sent; it will not be sent again for now",
        ),
    };
    error(status, outcome.word(), public)
}

/// The answer if the credentials to check against are unavailable.
fn unavailable(cause: SecretError) -> Reply {
    let failure = Failure::from(cause);
    error(failure.status, failure.outcome, NOTHING_SENT).field("error", failure.cause)
}

/// A JSON error with a fixed text. Input is never echoed.
fn error(status: u16, outcome: &'static str, public: &'static str) -> Reply {
    json_reply(status, outcome, &json!({ "error": public }))
}

fn json_reply(status: u16, outcome: &'static str, body: &Value) -> Reply {
    Reply::body(status, outcome, "application/json", body.to_string())
}
