//! Sends the SMS of a claimed mail and stores the outcome.

use std::time::{Duration, SystemTime};

use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::table::{Table, Unavailable};
use shared::rules::journal::Stage;
use shared::rules::pending;
use shared::rules::sms::{Outbound, Receipt, ReceiptRequest, SendError};
use shared::services::providers::Name;

use crate::claim::{Claim, Work};
use crate::{App, RESERVE, closing_writes};

/// The longest wait for the count of a sent text.
const COUNT_TIME: Duration = Duration::from_millis(500);

impl App {
    /// Claims the mail and sends its SMS, unless it is handled already.
    pub(crate) async fn send_once(
        &self,
        work: &Work,
        request: &Request,
        now: SystemTime,
    ) -> Result<Reply, Unavailable> {
        let stage_on_failure = match self.claim(work, request, now).await? {
            // An earlier attempt may have delivered the SMS. If this attempt fails, the outcome
            // stays "unknown".
            Claim::Ours {
                may_have_arrived: true,
            } => Stage::Unknown,
            Claim::Ours { .. } | Claim::Overtaken => Stage::Failed,
            Claim::Answered(reply) => return Ok(reply),
        };
        // Tidy up at the same time: Twilio takes longer than the table, so nothing waits for it.
        let deliver = self.deliver(work, stage_on_failure, request, now);
        let (reply, ()) = tokio::join!(deliver, self.tidy(work, request, now));
        Ok(reply)
    }

    async fn deliver(
        &self,
        work: &Work,
        stage_on_failure: Stage,
        request: &Request,
        now: SystemTime,
    ) -> Reply {
        let reference = work.entry.reference();
        let sms = Outbound {
            to: &work.phone,
            from: None,
            body: &work.text,
            // A later reply is not valid.
            life: Some(Duration::from_secs(self.valid_hours * 3600)),
            holds_code: false,
            language: None,
            receipt: ReceiptRequest::new(self.delivery_url.as_ref(), reference.as_ref()),
        };
        let left = request.remaining(RESERVE);
        let sent = self.messages.send(&sms, now, left).await;
        let (stage, reply) = match sent {
            Ok(receipt) => {
                let provider = reference.map(|_| Name::Twilio.to_string());
                let stage = Stage::Sent {
                    sid: receipt.id.clone(),
                    provider,
                    sender: self.sender.clone(),
                };
                let (is_stored, ()) = tokio::join!(
                    self.settle(work, &stage, request),
                    self.count_sent(work, &stage, request, now)
                );
                return delivered(receipt, is_stored);
            }
            Err(SendError::Refused {
                recipient: true,
                code,
            }) => {
                let reply = Reply::refused(406, "recipient_refused").field("code", code);
                (Stage::Refused, reply.metric("SmsFailed", 1))
            }
            Err(SendError::Unknown) => {
                let reply = Reply::empty(503, "outcome_unknown");
                (Stage::Unknown, reply.metric("SmsFailed", 1))
            }
            Err(SendError::NoCredentials(error)) => (stage_on_failure, Failure::from(error).into()),
            Err(error) => {
                let reply =
                    Reply::empty(503, "twilio_unavailable").field("error", error.to_string());
                (stage_on_failure, reply.metric("SmsFailed", 1))
            }
        };
        self.settle(work, &stage, request).await;
        reply
    }

    /// Counts the SMS on the scoreboard. A failure does no harm, so nobody waits long for it.
    async fn count_sent(&self, work: &Work, stage: &Stage, request: &Request, now: SystemTime) {
        let count = work.entry.count_sent(&self.table, stage, now);
        let left = request.remaining(Duration::from_millis(200));
        if let Err(error) = Table::within(left.min(COUNT_TIME), count).await {
            tracing::warn!(%error, "a sent text was not counted");
        }
    }

    /// Every eighth mail removes the old requests of its number, so that few are left. Ids are
    /// hashes, so their first digit is uniform.
    async fn tidy(&self, work: &Work, request: &Request, now: SystemTime) {
        if !work.request.id.starts_with(['0', '1']) {
            return;
        }
        let tidying = pending::tidy(&self.table, &work.phone, now);
        if let Err(error) = Table::within(request.remaining(RESERVE), tidying).await {
            tracing::warn!(%error, "old requests of a number were left");
        }
    }

    /// Stores the outcome; returns whether that worked. If the SMS was certainly not sent, its
    /// pending request is withdrawn.
    async fn settle(&self, work: &Work, stage: &Stage, request: &Request) -> bool {
        let withdrawn = async {
            match stage {
                Stage::Failed | Stage::Refused | Stage::Forbidden => {
                    pending::withdraw(&self.table, &work.phone, &work.request).await
                }
                _ => Ok(()),
            }
        };
        let settled = work.entry.settle(&self.table, stage);
        let closed = closing_writes(request, settled, withdrawn).await;
        if let Err(error) = &closed {
            tracing::error!(%error, "a closing write failed");
        }
        closed.is_ok()
    }
}

/// The SMS is sent, so the answer is 200 even if the outcome was not stored: a retry would send it
/// again.
fn delivered(receipt: Receipt, is_stored: bool) -> Reply {
    let outcome = if is_stored { "sent" } else { "sent_unrecorded" };
    let reply = Reply::empty(200, outcome)
        .field("sid", receipt.id)
        .metric("SmsSent", 1);
    match receipt.segments {
        Some(segments) => reply
            .field("segments", segments)
            .metric("SmsSegments", segments),
        None => reply,
    }
}
