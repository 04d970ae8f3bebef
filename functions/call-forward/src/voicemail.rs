//! Voicemail: the employee gets one SMS about each message. [`App::tell`] is also what missed calls
//! are told with.

use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;
use shared::platform::random::owner_id;
use shared::platform::reply::{Failure, Reply};
use shared::platform::table::{Table, Unavailable, Write};
use shared::platform::time::epoch;
use shared::rules::journal::{Entry, Stage};
use shared::rules::limits::{Budget, Copies, Taken, Window};
use shared::rules::phone::E164;
use shared::rules::sms::{Outbound, Receipt, ReceiptRequest, SendError};
use shared::rules::words::Localizer;
use shared::services::providers::Name;
use shared::vendors::twilio::webhook::{InboundCall, Recording};

use crate::{App, REMEMBERED, TIME_TO_ANSWER, connection, hash, replayed};

/// The lease of an SMS, in seconds.
const LEASE: u64 = 15;
/// The SMS an hour of one kind that an employee gets: in total, and about one caller.
const PER_NUMBER: u64 = 30;
const PER_CALLER: u64 = 5;

/// The pause before the second attempt, if Twilio does not say how long.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest wait for the count of a sent text. Twilio waits for the answer.
const COUNT_TIME: Duration = Duration::from_millis(500);
/// A second attempt needs at least this long.
const SHORTEST_SEND: Duration = Duration::from_secs(1);

/// What an employee is told about a call by SMS, once.
pub(crate) struct News<'a> {
    /// The kind of its entry in the journal and of its budgets.
    pub(crate) kind: &'static str,
    /// The step of the call that tells it. A replay is recognised by it.
    pub(crate) step: &'static str,
    /// The words of the SMS, in the employee's language.
    pub(crate) text: &'a dyn Fn(&Localizer) -> String,
    /// The outcome if it is sent, if it is not accepted, and if a budget is full.
    pub(crate) outcomes: [&'static str; 3],
    /// The answer to Twilio with this outcome.
    pub(crate) answer: &'a dyn Fn(&'static str) -> Reply,
    /// The answer to a replay.
    pub(crate) replayed: fn() -> Reply,
}

/// How an attempt to send the SMS ended.
struct Sent {
    stage: Stage,
    /// `Some` if Twilio certainly did not take the SMS, and may take it after this time.
    again_after: Option<Duration>,
    error: Option<String>,
}

/// The time left for sending, without the last second for the closing write and the answer.
fn time_left(started: Instant) -> Duration {
    TIME_TO_ANSWER.saturating_sub(started.elapsed() + Duration::from_secs(1))
}

impl App {
    /// Tells the employee about a message, once. The caller may have hung up long ago, so this must
    /// not depend on TwiML.
    pub(crate) async fn voicemail(
        &self,
        call: &InboundCall,
        to: &E164,
        recording: &Recording,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        self.speech.fetch(call.from.as_ref(), now).await;
        let speaker = self.speech.speaker(call.from.as_ref());
        let text = |texts: &Localizer| {
            let recording = [
                ("seconds", recording.seconds.to_string().into()),
                ("recording", format!("{}.mp3", recording.url).into()),
            ];
            match &call.from {
                Some(from) => {
                    let [seconds, link] = recording;
                    let from = ("caller", from.reveal().into());
                    texts.with(&words::VOICEMAIL, &[from, seconds, link])
                }
                None => texts.with(&words::VOICEMAIL_WITHHELD, &recording),
            }
        };
        let news = News {
            kind: "voicemail",
            step: "recorded",
            text: &text,
            outcomes: ["voicemail", "voicemail_text_failed", "voicemail_limit"],
            answer: &|outcome| speaker.goodbye(outcome),
            replayed,
        };
        let told = self.tell(call, to, &news, Instant::now(), now).await?;
        Ok(told.field("seconds", recording.seconds))
    }

    /// Sends the employee an SMS about a call, once.
    ///
    /// The claim comes last before the SMS. If an earlier step fails, no claim is left, and
    /// Twilio's retry starts anew.
    pub(crate) async fn tell(
        &self,
        call: &InboundCall,
        to: &E164,
        news: &News<'_>,
        started: Instant,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        let (answer, [sent, not_accepted, over_limit]) = (news.answer, news.outcomes);
        let (listing, counted, is_replay) = tokio::join!(
            self.directory.find(to, now),
            self.count(news.kind, call, to, now),
            self.is_replay(&call.sid, news.step, now)
        );
        if is_replay {
            // The number may belong to another employee by now.
            self.give_back_surplus(counted.unwrap_or_default().0).await;
            return Ok((news.replayed)());
        }
        // The counts stay: the retry counts under the same name.
        let listing = listing?;
        let (taken, is_over_limit) = counted.map_err(Failure::from)?;
        let (mobile, _) = match connection::destination(&listing, to, self.rules.countries.as_ref())
        {
            Ok(destination) => destination,
            Err(refusal) => return Ok(answer(refusal.word())),
        };
        let entry = Entry::new(
            &format!("{}#{}", news.kind, call.sid),
            owner_id(),
            epoch(now) + LEASE,
            epoch(now) + REMEMBERED,
        );
        let entry = match &self.delivery_url {
            Some(_) => entry.awaiting_receipts(mobile, now),
            None => entry,
        };
        match self.table.update(entry.claim(now)).await {
            Ok(Write::Refused(seen)) if entry.stage(&seen, now).is_some() => {
                // Copies at the same moment count once, under the same name.
                let is_long_ago = seen
                    .number("lease_until")
                    .is_none_or(|end| end < epoch(now));
                if is_long_ago {
                    self.give_back_surplus(taken).await;
                }
                return Ok(answer("duplicate"));
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
            return Ok(answer(over_limit).metric("Refused", 1));
        }
        let locale = listing.locale();
        let texts = self
            .speech
            .words
            .for_person(locale, Some(mobile), now)
            .await;
        let text = (news.text)(&texts);
        let reference = entry.reference();
        let sms = Outbound {
            to: mobile,
            from: Some(to.reveal()),
            body: &text,
            life: None,
            holds_code: false,
            language: None,
            receipt: ReceiptRequest::new(self.delivery_url.as_ref(), reference.as_ref()),
        };
        let outcome = self.notify(&sms, started, now).await;
        tokio::join!(
            self.settle(&entry, &outcome.stage),
            self.count_sent(&entry, &outcome.stage, now)
        );
        let reply = match outcome.error {
            None => answer(sent).metric("SmsSent", 1),
            Some(error) => answer(not_accepted)
                .failed()
                .metric("SmsFailed", 1)
                .field("error", error),
        };
        Ok(reply.field("phone", mobile.to_string()))
    }

    /// Sends the SMS. If Twilio was too busy to take it, it is sent once more within the time.
    async fn notify(&self, sms: &Outbound<'_>, started: Instant, now: SystemTime) -> Sent {
        let first = self.send(sms, started, now).await;
        match first.again_after {
            Some(pause) if pause.saturating_add(SHORTEST_SEND) <= time_left(started) => {
                tokio::time::sleep(pause).await;
                self.send(sms, started, now).await
            }
            _ => first,
        }
    }

    async fn send(&self, sms: &Outbound<'_>, started: Instant, now: SystemTime) -> Sent {
        let within = time_left(started);
        let sent = self.messages.send(sms, now, within).await;
        let (stage, again_after, error) = match sent {
            Ok(Receipt { id: sid, .. }) => {
                let stage = Stage::Sent {
                    sid,
                    provider: sms.receipt.map(|_| Name::Twilio.to_string()),
                    sender: sms.from.map(str::to_owned),
                };
                (stage, None, None)
            }
            Err(error) => {
                let (stage, again_after) = match error {
                    SendError::Unknown => (Stage::Unknown, None),
                    SendError::RateLimited { after } => (Stage::Failed, after.or(Some(PAUSE))),
                    SendError::Unavailable => (Stage::Failed, Some(PAUSE)),
                    SendError::Refused { .. }
                    | SendError::NotAllowed
                    | SendError::Unauthorized
                    | SendError::NoCredentials(_) => (Stage::Failed, None),
                };
                (stage, again_after, Some(error.to_string()))
            }
        };
        Sent {
            stage,
            again_after,
            error,
        }
    }

    /// Counts an SMS of a kind for the number and for the caller. Returns the counts, and true if one of
    /// the budgets is full.
    async fn count(
        &self,
        kind: &str,
        call: &InboundCall,
        to: &E164,
        now: SystemTime,
    ) -> Result<(Vec<Taken>, bool), Unavailable> {
        let budget = |key: &str, max| {
            Budget::new(kind, key, max, Window::Hour).once_for(call.sid.trim_start_matches("CA"))
        };
        let mut budgets = vec![budget(to.reveal(), PER_NUMBER)];
        let of_caller = |caller: String| budget(&format!("{}#{caller}", to.reveal()), PER_CALLER);
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

    /// Counts a sent text on the scoreboard. A failure does no harm.
    async fn count_sent(&self, entry: &Entry, stage: &Stage, now: SystemTime) {
        let count = entry.count_sent(&self.table, stage, now);
        if let Err(error) = Table::within(COUNT_TIME, count).await {
            tracing::warn!(%error, "a sent text was not counted");
        }
    }

    async fn settle(&self, entry: &Entry, stage: &Stage) {
        if let Err(error) = entry.settle(&self.table, stage).await {
            tracing::warn!(%error, "a closing write failed");
        }
    }
}
