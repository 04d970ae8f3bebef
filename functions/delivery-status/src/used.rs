//! `/used`: the identity provider tells that a person used a code.

use std::time::SystemTime;

use serde::Deserialize;
use shared::platform::bearer;
use shared::platform::object::Object;
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::rules::delivery::{self, Used};
use shared::rules::phone::E164;
use shared::rules::scoreboard::{self, Event, Line};

use crate::{App, BODY_LIMIT};

const JSON: [&str; 1] = ["application/json"];

#[derive(Deserialize)]
struct Posted {
    recipient: String,
}

/// The number in a body.
pub fn used_number(body: &[u8]) -> Option<E164> {
    let Object(posted) = serde_json::from_slice::<Object<Posted>>(body).ok()?;
    E164::from_written(&posted.recipient)
}

impl App {
    /// Marks the newest code of a number as used, once.
    ///
    /// # Errors
    /// The reply: 401 without the gateway's token, 400 for a body without a number, 503 if the
    /// table or the secret is unavailable.
    pub(crate) async fn mark_used(
        &self,
        request: &Request,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        request.expect_post("/used", &JSON, BODY_LIMIT)?;
        let presented = bearer::presented(request);
        bearer::check_optional(presented.as_ref(), self.gateway.as_ref(), now).await?;
        let number = used_number(request.body()).ok_or_else(|| Reply::refused(400, "bad_body"))?;
        let used = delivery::mark_used(&delivery::number_hash(&number), &self.table, now)
            .await
            .map_err(Failure::from)?;
        let (reference, provider, sent) = match used {
            Used::First {
                reference,
                provider,
                sent,
            } => (reference, provider, sent),
            Used::Known => return Ok(Reply::empty(204, "known")),
            Used::NoCode => return Ok(Reply::empty(204, "unknown_text")),
        };
        let line = Line {
            provider: provider.clone(),
            region: sent.region.clone(),
            sender: sent.sender,
        };
        let (id, twilio) = (sent.id.as_deref(), self.twilio.as_ref());
        let count = scoreboard::count(&line, &reference, Event::Used, &self.table, now);
        let feedback = self.feedback.tell(&provider, id, true, twilio, now);
        // Nobody needs a used code again.
        let forget = async {
            if let Some((failover, kept)) = self.failover.as_ref().zip(sent.kept.as_deref()) {
                failover.forget(&reference, kept).await;
            }
        };
        let (counted, (), ()) = tokio::join!(count, feedback, forget);
        if let Err(error) = counted {
            tracing::warn!(%error, "a used code could not be counted");
        }
        Ok(Reply::empty(204, "used")
            .field("provider", provider)
            .field("region", sent.region)
            .metric("CodesUsed", 1))
    }
}
