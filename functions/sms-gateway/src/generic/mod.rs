//! The entrance for everyone else who posts JSON: `POST /generic`. `GENERIC_MAPPING` says where in
//! the body the number and the text or code are. Answers are those of the entrance for Auth0.

mod credential;
mod mapping;
mod posted;
mod signature;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use shared::platform::Platform;
use shared::platform::config::Source;
use shared::platform::reply::Reply;
use shared::platform::request::Request;
use shared::platform::secrets::Secret;
use shared::rules::words::Words;
use tokio::time::Instant;

use crate::answers;
use crate::code_text::{CodeText, code_life};
use crate::gateway::{Gateway, Message, RESERVE};
use crate::posted::{BODY_LIMIT, JSON, Wrong, max_age, replayable};
use credential::Credentials;
use mapping::Mapping;
use signature::signature_header;

pub(crate) const PATH: &str = "/generic";

/// Ory Kratos waits 10 s. A caller that stops to wait earlier and asks again gets the same outcome.
const TIME: Duration = Duration::from_millis(8_500);

/// The settings of this entrance.
pub(crate) struct Generic {
    credentials: Secret<Credentials>,
    signature_header: String,
    max_age: u64,
    mapping: Mapping,
    text: CodeText,
    life: Duration,
}

impl Generic {
    /// `None` if the entrance is not switched on.
    pub(crate) fn read(
        platform: &Platform,
        words: &Arc<Words>,
        source: &mut Source<'_>,
    ) -> Option<Self> {
        Some(Self {
            credentials: platform.optional_secret(source, "GENERIC_SECRET")?,
            signature_header: signature_header(source),
            max_age: max_age(source),
            mapping: Mapping::read(source),
            text: CodeText::read(source, words),
            life: code_life(source),
        })
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
        request.expect_post(PATH, &JSON, BODY_LIMIT)?;
        let signature = request.header(&self.signature_header);
        let signature = signature.map(|text| signature::read(text, self.max_age, now));
        let signed_at = signature.as_ref().and_then(|it| it.as_ref().ok()?.at);
        let once_in = signed_at.map(|at| replayable(at, self.max_age, now));
        credential::check(request, signature, &self.credentials, now).await?;
        let read_at = now + arrived.elapsed();
        let message = self
            .read_body(request.body(), gateway.can_call(), read_at)
            .await
            .map_err(answers::wrong)?;
        let deadline = (arrived + TIME).min(Instant::now() + request.remaining(RESERVE));
        let delivery = gateway
            .deliver_once_in(
                once_in.unwrap_or_default(),
                &message,
                deadline,
                now + arrived.elapsed(),
            )
            .await;
        Ok(delivery.log(&message, answers::of(&delivery.outcome)))
    }

    pub(crate) async fn read_body(
        &self,
        body: &[u8],
        can_call: bool,
        now: SystemTime,
    ) -> Result<Message, Wrong> {
        let (mapping, text) = (&self.mapping, &self.text);
        posted::parse(body, mapping, text, self.life, can_call, now).await
    }
}
