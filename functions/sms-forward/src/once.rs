//! Answers each message once: counts and remembers it, repeats the answer for Twilio's retry, and
//! ignores replays.

use std::time::{Duration, SystemTime};

use shared::platform::random::owner_id;
use shared::platform::reply::{Failure, Reply};
use shared::platform::table::{Item, Unavailable, Write};
use shared::platform::time::epoch;
use shared::rules::limits::{Copies, Counted, Full};
use shared::rules::original;
use shared::rules::phone::E164;
use shared::rules::sms::segments;

use crate::budgets::{self, Text};
use crate::message::{Message, millis};
use crate::{App, hash, notices, refusal};

/// Twilio retries within this time
/// (<https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides>: 15 s in all). A
/// fallback URL, or a person who repeats the request, takes longer.
const RETRY_TIME: Duration = Duration::from_mins(5);
/// Copies of a request that arrive within this time may be handled at the same moment.
const AT_ONCE: Duration = Duration::from_secs(15);
/// The two kinds of limits: messages of one pair in a minute, and ceilings.
const OVER_LIMIT: [&str; 2] = ["rate_limited", "ceiling_reached"];

impl App {
    /// Counts a message and remembers it, or finds that it was answered before. The last write
    /// makes the counts valid.
    pub(crate) async fn answer_once(
        &self,
        message: &Message<'_>,
        to: Option<&E164>,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        let key = message.key();
        let sender = hash(&message.sms.sender);
        let text = message.counted_as(&sender, to);
        let (original, seen, fixed, counted) = tokio::join!(
            original::note(&self.table, &key.pk, &key.sk, now),
            self.table.get(key.clone(), now),
            self.fix_recipient(message, to, now),
            budgets::count(&self.table, &self.rules.limits, &text, now)
        );
        let read = original.and_then(|original| Ok((original, seen?, fixed?)));
        let (original, seen, to) = match read {
            Ok(read) => read,
            Err(error) => return Err(self.ask_again(&counted, error).await),
        };
        if !original.is_same {
            let same_name = epoch(now) < original.at + AT_ONCE.as_secs();
            counted.give_back_copy(&self.table, same_name).await;
            return Ok(refusal("replayed"));
        }
        if let Some(seen) = seen {
            self.give_back_to(&seen, &counted, now).await;
            return self.repeat(message, to.as_ref(), &seen, now).await;
        }
        if let Some(error) = counted.error.clone() {
            return Err(self.ask_again(&counted, error).await);
        }
        if let Some(full) = budgets::refusal(&counted) {
            return self
                .refuse(message, to.as_ref(), &text, full, &counted, now)
                .await;
        }
        let me = owner_id();
        let (done, followed) = tokio::join!(
            self.table.update(message.remember(&me, now)),
            self.follow(message, to.as_ref(), millis(now), now)
        );
        match done {
            Err(error) => Err(self.ask_again(&counted, error).await),
            // If our own write had no answer, its repetition finds our own item here.
            Ok(Write::Refused(seen)) if seen.text("owner_id") != Some(&me) => {
                self.give_back_to(&seen, &counted, now).await;
                self.repeat(message, to.as_ref(), &seen, now).await
            }
            _ => {
                followed.map_err(Failure::from)?;
                let mut reply = message.answer(to.as_ref(), false);
                if budgets::is_half_used(&counted) {
                    reply = reply.metric("HalfOfBudgetUsed", 1);
                }
                Ok(reply)
            }
        }
    }

    /// The answer to an outage: Twilio repeats the request. The counts under its name stay for the
    /// retry: they may belong to a copy that was forwarded.
    async fn ask_again(&self, counted: &Counted, error: Unavailable) -> Reply {
        counted.give_back_copy(&self.table, true).await;
        Failure::from(error).into()
    }

    /// Gives back the counts of a message that was answered as `seen` says. For a rejection that is
    /// everything; otherwise only what this copy has counted in addition. Copies at the same moment
    /// count under one name, as long as names are remembered.
    async fn give_back_to(&self, seen: &Item, counted: &Counted, now: SystemTime) {
        if seen.text("refused").is_some() {
            counted.give_back(&self.table).await;
        } else {
            let same_name = age(seen, now) < AT_ONCE;
            counted.give_back_copy(&self.table, same_name).await;
        }
    }

    /// Handles a repeated message. A retry gets the same answer, and missing writes are done. A
    /// replay gets nothing.
    async fn repeat(
        &self,
        message: &Message<'_>,
        to: Option<&E164>,
        seen: &Item,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        if age(seen, now) >= RETRY_TIME {
            return Ok(refusal("replayed"));
        }
        if let Some(outcome) = OVER_LIMIT
            .into_iter()
            .find(|outcome| seen.text("refused") == Some(outcome))
        {
            let notice = seen.text("notice").unwrap_or_default();
            return Ok(message.refused(outcome, notice).metric("Refused", 1));
        }
        self.follow(message, to, seen.number("at").unwrap_or_default(), now)
            .await
            .map_err(Failure::from)?;
        Ok(message.answer(to, true))
    }

    /// Rejects a message that is over a limit, now and for its retries. The employee is told about
    /// a ceiling once. A copy that had room may be forwarded at this moment, so the remembered
    /// answer decides whether the counts are given back.
    async fn refuse(
        &self,
        message: &Message<'_>,
        to: Option<&E164>,
        text: &Text<'_>,
        full: &Full,
        counted: &Counted,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        let is_ceiling = budgets::is_ceiling(full);
        let outcome = OVER_LIMIT[usize::from(is_ceiling)];
        let mut told = None;
        if is_ceiling {
            let notice = budgets::notice(text, full.window);
            match notice.take(&self.table, now).await {
                Ok(taken) => told = taken.ok(),
                Err(error) => tracing::warn!(%error, "the employee is not told of the ceiling"),
            }
        }
        let notice = told.as_ref().map_or_else(String::new, |_| {
            let seconds = full.opens_at.map(|at| at.saturating_sub(epoch(now)));
            let minutes = seconds.map(|seconds| seconds.div_ceil(60).max(1));
            notices::over_limit(message.texts, text.is_reply, minutes)
        });
        let me = owner_id();
        let mut update = message.remember(&me, now).set("refused", outcome);
        if !notice.is_empty() {
            update = update.set("notice", notice.as_str());
        }
        match self.table.update(update).await {
            Err(error) => Err(self.ask_again(counted, error).await),
            Ok(Write::Refused(seen)) if seen.text("owner_id") != Some(&me) => {
                self.give_back_to(&seen, counted, now).await;
                // A copy was forwarded, so this notice is not sent. The next rejection still needs
                // one.
                if let Some(told) = told
                    .filter(|told| seen.text("refused").is_none() && told.copies == Copies::Counted)
                {
                    // If this fails, the notice stays counted.
                    let _ = told.give_back(&self.table).await;
                }
                self.repeat(message, to, &seen, now).await
            }
            _ => {
                counted.give_back(&self.table).await;
                let mut reply = message
                    .refused(outcome, &notice)
                    .metric("Refused", 1)
                    .field("limit", full.setting);
                if is_ceiling {
                    reply = reply.metric("CeilingReached", 1);
                }
                if !notice.is_empty() {
                    reply = reply
                        .metric("SmsSent", 1)
                        .metric("SmsSegments", segments::count(&notice));
                }
                Ok(reply)
            }
        }
    }
}

/// How long ago a message was answered.
fn age(seen: &Item, now: SystemTime) -> Duration {
    Duration::from_millis(millis(now).saturating_sub(seen.number("at").unwrap_or_default()))
}
