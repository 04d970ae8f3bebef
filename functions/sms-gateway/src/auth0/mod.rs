//! The entrance for Auth0: `POST /` with a number and a text, in one of two shapes. The legacy SMS
//! gateway of a passwordless connection posts one, a custom phone provider Action the other.

mod credential;
mod posted;

use std::time::{Duration, SystemTime};

use shared::platform::Platform;
use shared::platform::config::Source;
use shared::platform::reply::Reply;
use shared::platform::request::Request;
use shared::platform::secrets::Secret;
use shared::rules::jwt::Expected;
use tokio::time::Instant;

use crate::answers;
use crate::code_text::code_life;
use crate::gateway::{Gateway, Message, RESERVE};
use crate::posted::{BODY_LIMIT, JSON, Wrong};
use credential::Credentials;
use posted::Shape;

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
            code_life: code_life(source),
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
        let (shape, message) = self
            .read_body(request.body(), gateway.can_call())
            .map_err(answers::wrong)?;
        // The deadline counts from the arrival: the credential check used some of the caller's
        // waiting time.
        let deadline = (arrived + shape.time()).min(Instant::now() + request.remaining(RESERVE));
        let delivery = gateway
            .deliver(&message, deadline, now + arrived.elapsed())
            .await;
        Ok(delivery.log(&message, answers::of(&delivery.outcome)))
    }

    pub(crate) fn read_body(&self, body: &[u8], can_call: bool) -> Result<(Shape, Message), Wrong> {
        posted::parse(body, self.code_life, can_call)
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
