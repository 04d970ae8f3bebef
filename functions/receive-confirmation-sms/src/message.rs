//! One message: which instance answers it, and what the table remembers of it.

use std::time::{Duration, Instant, SystemTime};

use shared::platform::reply::{Failure, Reply};
use shared::platform::table::{Item, Key, Unavailable, Update, Write, epoch, random_below};
use shared::rules::limits::{Budget, Window};
use shared::rules::pending::{self, Held, Hold, confirmed};
use shared::rules::phone::E164;

use crate::outcome::Outcome;
use crate::{App, DAY, RESERVE, decide};

/// One message that this instance answers.
pub(crate) struct Turn<'a> {
    pub(crate) key: Key,
    pub(crate) phone: &'a E164,
    pub(crate) owner: String,
    pub(crate) started: Instant,
    pub(crate) deadline: Instant,
    pub(crate) now: SystemTime,
}

impl Turn<'_> {
    /// Claims the message, unless it is answered or another instance is answering it.
    fn claim(&self, lease_until: u64, clock: SystemTime) -> Update {
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
    pub(crate) fn kept_key(&self) -> Key {
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

/// The result of waiting for a message's turn.
pub(crate) enum Begun {
    /// This message was answered before, with this text.
    Answered(String),
    /// This instance answers the message.
    Ours {
        /// The number's requests, if it has any. This instance holds them.
        held: Option<Held>,
        /// The request that an earlier attempt for this message failed to confirm.
        bound: Option<String>,
    },
}

impl Begun {
    fn ours(held: Option<Held>, message: &Item) -> Self {
        Self::Ours {
            held,
            bound: message.text("request").map(str::to_owned),
        }
    }
}

impl App {
    /// Waits until no other instance answers this message or acts on a reply of this number.
    pub(crate) async fn begin(&self, turn: &Turn<'_>) -> Result<Begun, Reply> {
        loop {
            let clock = turn.now + turn.started.elapsed();
            // Both terms are rounded down. The leases must not end before we do.
            let lease_until = epoch(clock)
                + turn
                    .deadline
                    .saturating_duration_since(Instant::now())
                    .as_secs()
                + 2;
            let (message, requests) = tokio::join!(
                self.table.update(turn.claim(lease_until, clock)),
                pending::hold(&self.table, turn.phone, &turn.owner, lease_until, clock),
            );
            let (message, requests) = match (message, requests) {
                (Ok(message), Ok(requests)) => (message, requests),
                (Err(error), Ok(Hold::Held(held))) => {
                    return Err(self.abandon(turn, Some(held), error).await);
                }
                (Err(error), _) | (_, Err(error)) => {
                    return Err(self.abandon(turn, None, error).await);
                }
            };
            match (&message, requests) {
                (Write::Done(item), Hold::Held(held)) => return Ok(Begun::ours(Some(held), item)),
                (Write::Done(item), Hold::Nothing) => return Ok(Begun::ours(None, item)),
                (Write::Refused(_), Hold::Held(held)) => {
                    held.release(&self.table).await.map_err(Failure::from)?;
                }
                (_, Hold::Busy) | (Write::Refused(_), Hold::Nothing) => {}
            }
            if let Write::Refused(item) = &message
                && let Some(text) = item.text("answer")
            {
                if item.text("kept").is_none() {
                    return Ok(Begun::Answered(text.to_owned()));
                }
                let kept = self
                    .table
                    .get(turn.kept_key(), turn.now)
                    .await
                    .map_err(Failure::from)?;
                return Ok(Begun::Answered(
                    kept.as_ref()
                        .and_then(|item| item.text("text"))
                        .unwrap_or_default()
                        .to_owned(),
                ));
            }
            if turn.left().is_zero() {
                return Err(Reply::empty(503, "in_progress"));
            }
            tokio::time::sleep(Duration::from_millis(60 + random_below(60))).await;
        }
    }

    /// Saves the answer and the changed requests. The order matters if the process ends between the
    /// two writes. Normally the answer comes first, then the used request is removed. For a list or
    /// a cancellation the requests come first.
    pub(crate) async fn close(
        &self,
        mut held: Option<Held>,
        turn: &Turn<'_>,
        outcome: &Outcome,
    ) -> Result<(), Unavailable> {
        if matches!(outcome, Outcome::Listed { .. } | Outcome::Cancelled) {
            self.release(held).await?;
            return self.finish(turn, outcome).await;
        }
        let remember = async {
            let (code, submitted) = match outcome {
                Outcome::Confirmed { code } => (code, false),
                Outcome::Submitted { code } => (code, true),
                _ => return Ok(()),
            };
            let update = confirmed::remember(turn.phone, code.as_deref(), submitted, turn.now);
            self.table.update(update).await.map(drop)
        };
        let (remembered, finished) = tokio::join!(remember, self.finish(turn, outcome));
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
        turn: &Turn<'_>,
        held: Option<Held>,
        error: Unavailable,
    ) -> Reply {
        let unclaim = Update::new(turn.key.clone())
            .set("lease_until", 0)
            .only_if("owner_id = :me AND attribute_not_exists(answer)")
            .bind(":me", turn.owner.as_str());
        let work = async { tokio::join!(self.release(held), self.table.update(unclaim)) };
        // If this fails, the leases end by themselves.
        let _ = tokio::time::timeout(RESERVE, work).await;
        Failure::from(error).into()
    }

    /// Stores the answer for Twilio's retry.
    async fn finish(&self, turn: &Turn<'_>, outcome: &Outcome) -> Result<(), Unavailable> {
        let update = Update::new(turn.key.clone())
            .only_if("owner_id = :me")
            .bind(":me", turn.owner.as_str());
        let text = outcome.text(&self.messages);
        let update = match outcome {
            // The attempt failed. Twilio's retry may try again, but only for the same request.
            Outcome::Unclear { request, .. } => request
                .iter()
                .fold(update.set("lease_until", 0), |update, request| {
                    update.set("request", request.as_str())
                }),
            // An answer with a link is stored in its own item for one day; Twilio retries no later.
            // The item that says "answered" lives seven days, as usual.
            Outcome::PasswordLink { .. } => {
                let kept = Update::new(turn.kept_key())
                    .set("text", &*text)
                    .set("expires_at", epoch(turn.now) + DAY);
                self.table.update(kept).await?;
                update.set("answer", "").set("kept", "link")
            }
            _ => update.set("answer", &*text),
        };
        self.table.update(update).await.map(drop)
    }
}
