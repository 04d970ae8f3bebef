//! Voicemail: the employee gets one SMS about each message.

use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;
use shared::platform::reply::{Failure, Reply};
use shared::platform::table::{Unavailable, Write, epoch, owner_id};
use shared::rules::journal::{Entry, Stage};
use shared::rules::limits::{Budget, Copies, Taken, Window};
use shared::rules::phone::E164;
use shared::rules::sms::{Outbound, SendError};
use shared::vendors::twilio::webhook::{InboundCall, Recording};

use crate::{App, REMEMBERED, TIME_TO_ANSWER, decide, goodbye, hash, replayed};

/// The lease of a message, in seconds.
const LEASE: u64 = 15;
/// The messages an hour for which an employee gets an SMS: in total, and from one caller.
const VOICEMAILS: u64 = 30;
const VOICEMAILS_OF_CALLER: u64 = 5;

impl App {
    /// Tells the employee about a message, once. The caller may have hung up long ago, so this must
    /// not depend on TwiML.
    ///
    /// The claim comes last before the SMS. If an earlier step fails, no claim is left, and
    /// Twilio's retry starts anew.
    pub(crate) async fn voicemail(
        &self,
        call: &InboundCall,
        to: &E164,
        recording: &Recording,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        let started = Instant::now();
        let (listing, counted, is_replay) = tokio::join!(
            self.directory.find(to, now),
            self.count_voicemail(call, to, now),
            self.is_replay(&call.sid, "recorded", now)
        );
        if is_replay {
            // The number may belong to another employee by now.
            self.give_back_surplus(counted.unwrap_or_default().0).await;
            return Ok(replayed());
        }
        // The counts stay: the retry counts under the same name.
        let listing = listing?;
        let (taken, is_over_limit) = counted.map_err(Failure::from)?;
        let (mobile, _) = match decide::destination(&listing, to, self.rules.countries.as_ref()) {
            Ok(destination) => destination,
            Err(refusal) => return Ok(goodbye(refusal.word())),
        };
        let entry = Entry::new(
            &format!("voicemail#{}", call.sid),
            owner_id(),
            epoch(now) + LEASE,
            epoch(now) + REMEMBERED,
        );
        match self.table.update(entry.claim(now)).await {
            Ok(Write::Refused(seen)) if entry.stage(&seen, now).is_some() => {
                // Copies at the same moment count once, under the same name.
                let is_long_ago = seen
                    .number("lease_until")
                    .is_none_or(|end| end < epoch(now));
                if is_long_ago {
                    self.give_back_surplus(taken).await;
                }
                return Ok(goodbye("duplicate"));
            }
            Ok(_) => {}
            Err(error) => {
                // The claim may have been written. Settle it as failed, with an entry that has
                // expired, so that it blocks no retry.
                let ended = entry.remembered_until(epoch(now));
                self.settle(&ended, &Stage::Failed).await;
                return Err(Failure::from(error).into());
            }
        }
        if is_over_limit {
            tokio::join!(self.give_back(taken), self.settle(&entry, &Stage::Failed));
            return Ok(goodbye("voicemail_limit").metric("Refused", 1));
        }
        let from = call.from.as_ref().map_or("a withheld number", E164::reveal);
        let text = format!(
            "Voicemail from {from} ({} s): {}.mp3",
            recording.seconds, recording.url
        );
        let sms = Outbound {
            to: mobile,
            from: Some(to.reveal()),
            body: &text,
            life: None,
            holds_code: false,
        };
        let within = TIME_TO_ANSWER.saturating_sub(started.elapsed() + Duration::from_secs(1));
        let sent = self.messages.send(&sms, now, within).await;
        let (stage, reply) = match sent {
            Ok(receipt) => (
                Stage::Sent {
                    sid: receipt.id,
                    provider: None,
                },
                goodbye("voicemail").metric("SmsSent", 1),
            ),
            Err(error) => {
                let stage = if error == SendError::Unknown {
                    Stage::Unknown
                } else {
                    Stage::Failed
                };
                (
                    stage,
                    goodbye("voicemail_text_failed")
                        .failed()
                        .metric("SmsFailed", 1)
                        .field("error", error.to_string()),
                )
            }
        };
        self.settle(&entry, &stage).await;
        Ok(reply
            .field("phone", mobile.to_string())
            .field("seconds", recording.seconds))
    }

    /// Counts a message for the number and for the caller. Returns the counts, and true if one of
    /// the budgets is full.
    async fn count_voicemail(
        &self,
        call: &InboundCall,
        to: &E164,
        now: SystemTime,
    ) -> Result<(Vec<Taken>, bool), Unavailable> {
        let budget = |key: &str, max| {
            Budget::new("voicemail", key, max, Window::Hour)
                .once_for(call.sid.trim_start_matches("CA"))
        };
        let mut budgets = vec![budget(to.reveal(), VOICEMAILS)];
        let of_caller =
            |caller: String| budget(&format!("{}#{caller}", to.reveal()), VOICEMAILS_OF_CALLER);
        budgets.extend(call.from.as_ref().map(hash).map(of_caller));
        let (mut taken, mut is_over_limit) = (Vec::new(), false);
        for result in join_all(budgets.iter().map(|budget| budget.take(&self.table, now))).await {
            match result? {
                Ok(one) => taken.push(one),
                Err(_) => is_over_limit = true,
            }
        }
        Ok((taken, is_over_limit))
    }

    /// Takes back the counts that only this copy of the message has added.
    async fn give_back_surplus(&self, taken: Vec<Taken>) {
        let is_surplus = |taken: &Taken| taken.copies == Copies::Counted;
        self.give_back(taken.into_iter().filter(is_surplus)).await;
    }

    /// Gives counts back. If that fails, they stay.
    async fn give_back(&self, taken: impl IntoIterator<Item = Taken>) {
        join_all(
            taken
                .into_iter()
                .map(async |taken| taken.give_back(&self.table).await),
        )
        .await;
    }

    async fn settle(&self, entry: &Entry, stage: &Stage) {
        if let Err(error) = entry.settle(&self.table, stage).await {
            tracing::warn!(%error, "a closing write failed");
        }
    }
}
