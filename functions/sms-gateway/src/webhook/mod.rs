//! The entrance for Supabase Auth's *Send SMS* hook: `POST /hooks/send-sms`, signed as a Standard
//! Webhook (<https://www.standardwebhooks.com>,
//! <https://supabase.com/docs/guides/auth/auth-hooks/send-sms-hook>).
//!
//! Supabase stores a code only after the hook accepted it. So an unknown outcome is answered as a
//! success: the text may be on its way, and the code in it must be valid. A failed hook leaves no
//! code, so nothing may be sent after Supabase has stopped to wait.

mod posted;
mod signature;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::json;
use shared::platform::Platform;
use shared::platform::config::Source;
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::secrets::Secret;
use shared::rules::words::Words;
use tokio::time::Instant;

use crate::answers::{self, json_reply};
use crate::code_text::{CodeText, code_life};
use crate::gateway::{Gateway, Outcome, RESERVE};
use crate::posted::{BODY_LIMIT, JSON, Wrong, max_age, replayable};
use posted::Hook;
use signature::Secrets;

pub(crate) const PATH: &str = "/hooks/send-sms";

/// Supabase waits 5 s for all its attempts together. The closing write and the way take the rest.
const TIME: Duration = Duration::from_secs(4);
/// With less time than this left, another attempt of Supabase could not deliver anything.
const WORTH_A_RETRY: Duration = Duration::from_secs(2);

/// The settings of this entrance.
pub(crate) struct Webhook {
    secrets: Secret<Secrets>,
    max_age: u64,
    text: CodeText,
    life: Duration,
}

impl Webhook {
    /// `None` if the entrance is not switched on.
    pub(crate) fn read(
        platform: &Platform,
        words: &Arc<Words>,
        source: &mut Source<'_>,
    ) -> Option<Self> {
        Some(Self {
            secrets: platform.optional_secret(source, "WEBHOOK_SECRET")?,
            max_age: max_age(source),
            text: CodeText::read(source, words),
            life: code_life(source),
        })
    }

    pub(crate) async fn warm_up(&self, now: SystemTime) {
        let _ = self.secrets.get(now).await;
    }

    pub(crate) async fn answer(
        &self,
        request: &Request,
        gateway: &Gateway,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        let arrived = Instant::now();
        request.expect_post(PATH, &JSON, BODY_LIMIT)?;
        let check = signature::check(request, &self.secrets, self.max_age, now);
        let signed_at = tokio::time::timeout(TIME, check)
            .await
            .unwrap_or(Err(signature::Refused::Late))
            .map_err(|refused| refused.reply(TIME.saturating_sub(arrived.elapsed())))?;
        let read_at = now + arrived.elapsed();
        let hook = self.read_body(request.body(), read_at);
        let hook = hook.await.map_err(wrong)?;
        // A retry has only what earlier attempts left of the time. Both times are Supabase's.
        let spent = hook.spent(signed_at) + request.waited(now);
        let time = TIME.saturating_sub(spent);
        let deadline = (arrived + time).min(Instant::now() + request.remaining(RESERVE));
        let delivery = gateway
            .deliver_once_in(
                replayable(signed_at, self.max_age, now),
                &hook.message,
                deadline,
                now + arrived.elapsed(),
            )
            .await;
        let left = time.saturating_sub(arrived.elapsed());
        Ok(delivery.log(&hook.message, answer(&delivery.outcome, left)))
    }

    pub(crate) async fn read_body(&self, body: &[u8], now: SystemTime) -> Result<Hook, Wrong> {
        posted::parse(body, &self.text, self.life, now).await
    }
}

/// `left`: Supabase still waits so long.
fn answer(outcome: &Outcome, left: Duration) -> Reply {
    match (outcome, answers::refusal(outcome)) {
        // The code must be valid if the text arrives.
        (Outcome::Unknown { .. }, _) => json_reply(200, outcome.word(), &json!({})).failed(),
        // Nothing was sent, and the next moment may be better.
        (Outcome::Unavailable { .. } | Outcome::NoCredentials, Some((_, public)))
            if left >= WORTH_A_RETRY =>
        {
            again(outcome.word(), public)
        }
        (_, Some((status, public))) => told(status, outcome.word(), public),
        (_, None) => json_reply(200, outcome.word(), &json!({})),
    }
}

/// Supabase tries again at once.
fn again(outcome: &'static str, public: &'static str) -> Reply {
    let body = json!({ "error": { "http_code": 503, "message": public } });
    json_reply(503, outcome, &body).header("retry-after", "1")
}

/// Supabase gives this status and text to the person, and does not try again.
fn told(status: u16, outcome: &'static str, public: &'static str) -> Reply {
    let body = json!({ "error": { "http_code": status, "message": public } });
    let reply = json_reply(200, outcome, &body).field("http_code", status);
    if status >= 500 { reply.failed() } else { reply }
}

fn wrong(wrong: Wrong) -> Reply {
    told(wrong.status, wrong.outcome, wrong.public).metric("Refused", 1)
}

impl signature::Refused {
    fn reply(self, left: Duration) -> Reply {
        let failure = match self {
            Self::Signature(outcome) => return Reply::refused(401, outcome),
            Self::Unavailable(cause) => Failure::from(cause),
            Self::Late => Failure {
                status: 503,
                outcome: "secret_unavailable",
                cause: "no answer in time".to_owned(),
            },
        };
        let reply = if left >= WORTH_A_RETRY {
            again(failure.outcome, answers::NOTHING_SENT)
        } else {
            told(failure.status, failure.outcome, answers::NOTHING_SENT)
        };
        reply.field("error", failure.cause)
    }
}
