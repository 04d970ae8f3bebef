//! One message: which instance answers it, and what the table remembers of it.

use std::time::{Duration, SystemTime};

use shared::platform::random::{owner_id, random_below};
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::table::{Item, Key, Table, Unavailable, Update, Write};
use shared::platform::time::epoch;
use shared::rules::limits::{Budget, Window};
use shared::rules::original;
use shared::rules::pending::{self, Held, Hold, confirmed};
use shared::rules::phone::E164;
use shared::vendors::twilio::webhook::InboundSms;
use tokio::time::Instant;

use crate::outcome::{self, Answer, Outcome};
use crate::{App, DAY, decide};

/// Twilio waits 15 s for an answer (<https://www.twilio.com/docs/api/errors/11205>). The link must
/// have answered before that.
const TIME_TO_ANSWER: Duration = Duration::from_secs(12);
/// Time kept free for the closing writes and the answer.
const RESERVE: Duration = Duration::from_millis(1_500);

/// One message that this instance answers.
pub(crate) struct Handling<'a> {
    key: Key,
    pub(crate) phone: &'a E164,
    owner: String,
    started: Instant,
    deadline: Instant,
    pub(crate) now: SystemTime,
}

impl<'a> Handling<'a> {
    /// The handling of a message that came in at `arrived`. Leases count from `now`, the time of
    /// this call.
    pub(crate) fn new(
        sms: &InboundSms,
        phone: &'a E164,
        arrived: Instant,
        request: &Request,
        now: SystemTime,
    ) -> Self {
        let pk = format!("seen#twilio-confirmation#{}", sms.sid);
        let (started, left) = (
            Instant::now(),
            request.remaining(Duration::from_millis(500)),
        );
        Self {
            key: Key::new(pk, sms.fingerprint()),
            phone,
            owner: owner_id(),
            started,
            deadline: (arrived + TIME_TO_ANSWER).min(started + left),
            now,
        }
    }

    /// Claims the message, unless it is answered or another instance is answering it.
    fn claiming(&self, lease_until: u64, clock: SystemTime) -> Update {
        Update::new(self.key.clone())
            .set("owner_id", self.owner.as_str())
            .set("lease_until", lease_until)
            .set("expires_at", epoch(clock) + 7 * DAY)
            .only_if(
                "attribute_not_exists(pk) OR expires_at <= :now \
                 OR (attribute_not_exists(answer) AND (lease_until <= :now OR owner_id = :me))",
            )
            .bind(":now", epoch(clock))
            .bind(":me", self.owner.as_str())
    }

    /// The budget for one kind of reply from this number, in a day.
    pub(crate) fn budget(&self, what: &str) -> Budget {
        Budget::new(
            &format!("reply#{what}"),
            self.phone.reveal(),
            decide::WRONG_PER_DAY,
            Window::Day,
        )
    }

    /// The key of the item with an answer that contains a link.
    fn kept_key(&self) -> Key {
        Key::new(self.key.pk.clone(), format!("{}#link", self.key.sk))
    }

    /// The time left for acting.
    pub(crate) fn left(&self) -> Duration {
        self.deadline
            .saturating_duration_since(Instant::now())
            .saturating_sub(RESERVE)
    }

    /// The time left for storing the result.
    pub(crate) fn to_close(&self) -> Duration {
        self.deadline
            .saturating_duration_since(Instant::now())
            .max(Duration::from_millis(500))
    }
}

/// Which instance answers a message.
pub(crate) enum MessageClaim {
    /// The message was answered before, with this text.
    AlreadyAnswered(String),
    /// This instance answers it.
    Claimed {
        /// The number's requests, if it has any. This instance holds them. Only those are among
        /// them that the message may be an answer to.
        requests: Option<Held>,
        /// An earlier attempt for this message asked which request is meant.
        has_asked: bool,
    },
}

/// What an attempt for a message is about to do. A later attempt for the message does nothing else.
pub(crate) enum Step<'a> {
    /// Confirm this request, or send its link.
    Act(&'a str),
    /// Ask which request is meant.
    Ask,
}

impl App {
    /// Claims the message, and at the same time notes it or learns when it first came. It is no
    /// answer to a request that was stored after that. A replay ends here: a message that first came
    /// longer ago than Twilio retries, or with another content.
    pub(crate) async fn claim(&self, handling: &Handling<'_>) -> Result<MessageClaim, Reply> {
        let (Key { pk, sk }, now) = (&handling.key, handling.now);
        let noting = original::note(&self.table, pk, sk, now);
        let (original, claim) = tokio::join!(
            Table::within(handling.left(), noting),
            self.claim_without_note(handling)
        );
        let end = match original {
            Ok(original) if original.is_same && epoch(now) < original.at + DAY => {
                let mut claim = claim?;
                if let MessageClaim::Claimed {
                    requests: Some(held),
                    ..
                } = &mut claim
                {
                    held.requests
                        .retain(|request| request.created_at <= original.at);
                }
                return Ok(claim);
            }
            Ok(_) => outcome::reply("", "replayed").metric("Refused", 1),
            Err(error) => Failure::from(error).into(),
        };
        if let Ok(MessageClaim::Claimed { requests, .. }) = claim {
            self.free(handling, requests).await;
        }
        Err(end)
    }

    /// Waits until no other instance answers this message or acts on a reply of this number.
    async fn claim_without_note(&self, handling: &Handling<'_>) -> Result<MessageClaim, Reply> {
        loop {
            let clock = handling.now + handling.started.elapsed();
            // Both terms are rounded down. The leases must not end before we do.
            let left = handling.deadline.saturating_duration_since(Instant::now());
            let lease_until = epoch(clock) + left.as_secs() + 2;
            let (phone, owner) = (handling.phone, &handling.owner);
            let (message, requests) = tokio::join!(
                self.table.update(handling.claiming(lease_until, clock)),
                pending::hold(&self.table, phone, owner, lease_until, clock),
            );
            let requests = match requests {
                Ok(Hold::Held(held)) => Ok(Some(held)),
                Ok(Hold::Nothing) => Ok(None),
                // Another instance acts on a reply of this number.
                Ok(Hold::Busy) => Err(None),
                Err(error) => Err(Some(error)),
            };
            match (message, requests) {
                (Err(error), requests) => {
                    let held = requests.unwrap_or_default();
                    return Err(self.abandon(handling, held, error).await);
                }
                (_, Err(Some(error))) => return Err(self.abandon(handling, None, error).await),
                (Ok(Write::Done(item)), Ok(mut requests)) => {
                    // An earlier attempt began to confirm this one.
                    if let (Some(held), Some(begun)) = (&mut requests, item.text("request")) {
                        held.requests.retain(|request| request.id == begun);
                    }
                    return Ok(MessageClaim::Claimed {
                        requests,
                        has_asked: item.number("asked").is_some(),
                    });
                }
                (Ok(Write::Refused(item)), requests) => {
                    let held = requests.unwrap_or_default();
                    let answer = self.earlier_answer(&item, held, handling).await;
                    if let Some(text) = answer.map_err(Failure::from)? {
                        return Ok(MessageClaim::AlreadyAnswered(text));
                    }
                }
                (Ok(Write::Done(_)), Err(None)) => {}
            }
            if handling.left().is_zero() {
                return Err(Reply::empty(503, "in_progress"));
            }
            tokio::time::sleep(Duration::from_millis(60 + random_below(60))).await;
        }
    }

    /// The answer that the message got before, if it has one. The requests are not needed for it,
    /// so they are released.
    async fn earlier_answer(
        &self,
        message: &Item,
        held: Option<Held>,
        handling: &Handling<'_>,
    ) -> Result<Option<String>, Unavailable> {
        self.release(held).await?;
        if message.text("kept").is_none() {
            return Ok(message.text("answer").map(str::to_owned));
        }
        let kept = self.table.get(handling.kept_key(), handling.now).await?;
        let text = kept.as_ref().and_then(|item| item.text("text"));
        Ok(Some(text.unwrap_or_default().to_owned()))
    }

    /// Notes a step before it is taken. If the answer is not stored after it, the message's next
    /// attempt knows what the message was for.
    pub(crate) async fn begin(
        &self,
        step: Step<'_>,
        handling: &Handling<'_>,
    ) -> Result<(), Unavailable> {
        let update = Update::new(handling.key.clone())
            .only_if("owner_id = :me AND attribute_not_exists(answer)")
            .bind(":me", handling.owner.as_str());
        let update = match step {
            Step::Act(id) => update.set("request", id),
            Step::Ask => update.set("asked", 1),
        };
        match Table::within(handling.left(), self.table.update(update)).await? {
            Write::Done(_) => Ok(()),
            // Our time is over, and another instance has the message.
            Write::Refused(_) => Err(Unavailable::overtaken()),
        }
    }

    /// Saves the answer and the changed requests. The order matters if the process ends between the
    /// two writes. Normally the answer comes first, then the used request is removed. For a list or
    /// a cancellation the requests come first.
    pub(crate) async fn close(
        &self,
        mut held: Option<Held>,
        handling: &Handling<'_>,
        outcome: &Outcome,
        answer: &Answer,
    ) -> Result<(), Unavailable> {
        if matches!(outcome, Outcome::Listed { .. } | Outcome::Cancelled) {
            self.release(held).await?;
            return self.finish(handling, outcome, &answer.text).await;
        }
        let remember = async {
            let (code, submitted) = match outcome {
                Outcome::Confirmed { code } => (code, false),
                Outcome::Submitted { code } => (code, true),
                _ => return Ok(()),
            };
            let update = confirmed::remember(
                handling.phone,
                code.as_deref(),
                submitted,
                answer.language,
                handling.now,
            );
            self.table.update(update).await.map(drop)
        };
        let (remembered, finished) =
            tokio::join!(remember, self.finish(handling, outcome, &answer.text));
        let answered = remembered.and(finished);
        if let (Err(_), Some(held)) = (&answered, &mut held)
            && !outcome.is_confirmed()
        {
            held.keep_all();
        }
        let released = self.release(held).await;
        answered.and(released)
    }

    async fn release(&self, held: Option<Held>) -> Result<(), Unavailable> {
        match held {
            Some(held) => held.release(&self.table).await,
            None => Ok(()),
        }
    }

    /// Gives up because of `error`. Frees the claims, as far as the table allows, so that Twilio's
    /// retry can start at once and need not wait for the leases to end.
    pub(crate) async fn abandon(
        &self,
        handling: &Handling<'_>,
        held: Option<Held>,
        error: Unavailable,
    ) -> Reply {
        self.free(handling, held).await;
        Failure::from(error).into()
    }

    /// Frees the claims, as far as the table allows. If this fails, the leases end by themselves.
    async fn free(&self, handling: &Handling<'_>, held: Option<Held>) {
        let unclaim = Update::new(handling.key.clone())
            .set("lease_until", 0)
            .only_if("owner_id = :me AND attribute_not_exists(answer)")
            .bind(":me", handling.owner.as_str());
        let work = async { tokio::join!(self.release(held), self.table.update(unclaim)) };
        let _ = tokio::time::timeout(RESERVE, work).await;
    }

    /// Stores the answer for Twilio's retry.
    async fn finish(
        &self,
        handling: &Handling<'_>,
        outcome: &Outcome,
        text: &str,
    ) -> Result<(), Unavailable> {
        let update = Update::new(handling.key.clone())
            .only_if("owner_id = :me")
            .bind(":me", handling.owner.as_str());
        let update = match outcome {
            // The attempt failed. Twilio's retry may try again.
            Outcome::Unclear { .. } => update.set("lease_until", 0),
            // An answer with a link is stored in its own item for one day; Twilio retries no later.
            // The item that says "answered" lives seven days, as usual.
            Outcome::PasswordLink { .. } => {
                let kept = Update::new(handling.kept_key())
                    .set("text", text)
                    .set("expires_at", epoch(handling.now) + DAY);
                self.table.update(kept).await?;
                update.set("answer", "").set("kept", "link")
            }
            _ => update.set("answer", text),
        };
        self.table.update(update).await.map(drop)
    }
}
