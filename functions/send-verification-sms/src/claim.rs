//! Claims a mail, so that one instance sends its SMS. The mail is counted at the same time, and its
//! pending request is stored with the claim.

use std::time::{Duration, SystemTime};

use shared::platform::random::owner_id;
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::table::{Item, Key, Unavailable, Update};
use shared::platform::time::epoch;
use shared::rules::journal::{Entry, Stage};
use shared::rules::limits::Counted;
use shared::rules::link::{Kind, Link};
use shared::rules::met::{Met, Repeat};
use shared::rules::pending;
use shared::rules::phone::E164;
use shared::rules::words::Localizer;
use shared::vendors::mailgun::mail::StoredMail;
use tokio::time::Instant;

use crate::{App, RESERVE, closing_writes};

const DAY: u64 = 86_400;
/// The longest time to handle a mail, and the longest lease.
const MAX_HANDLING_TIME: Duration = Duration::from_secs(30);

/// One mail on its way to one SMS.
pub(crate) struct Work {
    pub(crate) phone: E164,
    pub(crate) request: pending::Request,
    pub(crate) entry: Entry,
    /// The SMS.
    pub(crate) text: String,
    token: Update,
    /// The name under which the mail is counted.
    name: String,
}

impl Work {
    pub(crate) fn new(
        app: &App,
        (mail, token): (&StoredMail<'_>, &str),
        (phone, link): (E164, &Link),
        texts: &Localizer,
        request: &Request,
        now: SystemTime,
    ) -> Self {
        let (id, email) = (&mail.id, mail.recipient.unwrap_or_default());
        let (hours, epoch) = (app.valid_hours, epoch(now));
        // Two seconds more, because both terms are rounded down: the lease must not end before we
        // do.
        let lease = request.remaining(Duration::ZERO).min(MAX_HANDLING_TIME);
        let lease_until = epoch + lease.as_secs() + 2;
        // Kept for longer than the post can be repeated, by Mailgun or by a stranger who recorded
        // it.
        let expires_at = epoch + app.max_age + DAY;
        // Mailgun's token is valid for one mail.
        let token = Update::new(Key::new(format!("seen#mailgun#{token}"), "token"))
            .set("mail", id.as_str())
            .set("expires_at", expires_at)
            .only_if("attribute_not_exists(pk) OR mail = :mail OR expires_at <= :now")
            .bind(":mail", id.as_str())
            .bind(":now", epoch);
        let entry = Entry::new(&format!("mail#{id}"), owner_id(), lease_until, expires_at);
        let entry = match &app.delivery_url {
            Some(_) => entry.awaiting_receipts(&phone, now),
            None => entry,
        };
        Self {
            phone,
            request: pending::Request::new(
                id,
                link,
                email,
                mail.mailed_at,
                now,
                hours,
                texts.language(),
            ),
            entry,
            text: match link.kind {
                Kind::Password => texts.asking(&words::PASSWORD_TEXT, &[]),
                Kind::Verification => texts.asking(&words::VERIFICATION_TEXT, &[]),
            },
            token,
            // Within an hour a mail counts once, however often Mailgun posts it.
            name: format!("{:02x}{id}", epoch / 3600 % 256),
        }
    }

    /// The transaction that claims a mail. It contains no item that two mails share: their
    /// transactions would conflict. [`Refusals`] has the same order.
    fn updates(&self, journal: Update, pending: Update) -> Vec<Update> {
        vec![self.token.clone(), journal, pending]
    }

    /// True if the journal says that the mail was counted under this delivery's name.
    fn is_counted_in(&self, seen: &Item) -> bool {
        seen.text("counted_as") == Some(&self.name)
    }
}

/// Why a claim was rejected: the existing items that the updates of [`Work::updates`] met.
struct Refusals {
    token: Option<Item>,
    journal: Option<Item>,
    pending: Option<Item>,
}

impl From<Vec<Option<Item>>> for Refusals {
    fn from(refusals: Vec<Option<Item>>) -> Self {
        let [token, journal, pending] = refusals.try_into().unwrap_or_default();
        Self {
            token,
            journal,
            pending,
        }
    }
}

impl Refusals {
    /// The mail's entry in the journal, if it rejected the claim and the token did not.
    fn entry(&self) -> Option<&Item> {
        self.journal.as_ref().filter(|_| self.token.is_none())
    }

    /// The answer to a mail that no other instance is sending and that must not be sent.
    fn answer(&self, work: &Work) -> Claim {
        Claim::Answered(match (&self.token, &self.pending) {
            (Some(_), _) => Reply::refused(200, "replayed"),
            (None, Some(seen)) if work.request.is_replaced_in(seen) => {
                Reply::empty(200, "superseded")
            }
            // The earlier SMS did arrive: its request has been used meanwhile.
            (None, _) => Reply::empty(200, "duplicate"),
        })
    }
}

/// Which instance sends the SMS of a mail.
pub(crate) enum Claim {
    /// This one.
    Ours {
        /// True if the SMS of an earlier attempt may have arrived.
        may_have_arrived: bool,
    },
    /// None. The mail gets this answer.
    Answered(Reply),
    /// Another one was faster. Its result is not known yet.
    Overtaken,
}

impl App {
    /// Claims the mail for this instance. If another instance is sending the same mail, waits for
    /// its result.
    pub(crate) async fn claim(
        &self,
        work: &Work,
        request: &Request,
        now: SystemTime,
    ) -> Result<Claim, Unavailable> {
        let started = Instant::now();
        loop {
            let now = now + started.elapsed();
            let entry = work.entry.counted_as(&work.name).claim(now);
            let updates = work.updates(entry, pending::add(&work.phone, &work.request));
            let count = self.limits.count(&self.table, &work.phone, &work.name, now);
            let (claimed, counted) = tokio::join!(self.table.update_all(updates), count);
            let refusals = match claimed {
                Ok(None) => return Ok(self.admit(counted, work, request).await),
                Ok(Some(refusals)) => Refusals::from(refusals),
                Err(error) => {
                    // The mail comes again, and counts again what has no name.
                    counted.give_back_copy(&self.table, true).await;
                    return Err(error);
                }
            };
            let Some(seen) = refusals.entry() else {
                counted.give_back(&self.table).await;
                return Ok(refusals.answer(work));
            };
            let met = work.entry.met(seen, now, Repeat::AfterFailureOrUnknown);
            match &met {
                // This is our own claim; the answer to its write was lost.
                Met::Ours => return Ok(self.admit(counted, work, request).await),
                Met::Again(stage) => match self.claim_again(work, seen, stage, counted).await? {
                    Claim::Overtaken => {}
                    claim => return Ok(claim),
                },
                Met::Wait | Met::Ended(_) => {
                    let is_same_name = work.is_counted_in(seen);
                    counted.give_back_copy(&self.table, is_same_name).await;
                }
            }
            match met {
                Met::Ended(Stage::Sent { sid, .. }) => {
                    let reply = Reply::empty(200, "duplicate").field("sid", sid);
                    return Ok(Claim::Answered(reply));
                }
                Met::Ended(_) => {
                    return Ok(Claim::Answered(Reply::refused(406, "recipient_refused")));
                }
                Met::Wait => {
                    let left = MAX_HANDLING_TIME.saturating_sub(started.elapsed());
                    let left = request.remaining(RESERVE).min(left);
                    work.entry
                        .wait_while_sending(&self.table, left, now)
                        .await?;
                }
                Met::Ours | Met::Again(_) => {}
            }
            if request.remaining(RESERVE).is_zero() || started.elapsed() > MAX_HANDLING_TIME {
                return Ok(Claim::Answered(Reply::empty(503, "in_progress")));
            }
        }
    }

    /// Claims a mail whose last attempt failed or has an unknown outcome. The mail is counted only
    /// if it is not counted yet, because a limit rejected it before.
    async fn claim_again(
        &self,
        work: &Work,
        seen: &Item,
        stage: &Stage,
        counted: Counted,
    ) -> Result<Claim, Unavailable> {
        let counted_as = seen.text("counted_as");
        let counted = if counted_as.is_none() {
            match self.within_budgets(counted).await {
                Ok(counted) => Some(counted),
                Err(refusal) => return Ok(Claim::Answered(refusal)),
            }
        } else {
            let is_same_name = work.is_counted_in(seen);
            counted.give_back_copy(&self.table, is_same_name).await;
            None
        };
        let mut pending = work.request.clone();
        // A mail that Mailgun signs again is not newer: keep the earliest time.
        if let Some(first) = seen.number("first_at") {
            pending.mailed_at = first.min(pending.mailed_at);
        }
        // If the last outcome is unknown, the SMS may have arrived and the person may have replied.
        let may_have_arrived = *stage == Stage::Unknown;
        let store = if may_have_arrived {
            pending::renew(&work.phone, &pending)
        } else {
            pending::add(&work.phone, &pending)
        };
        let entry = work.entry.counted_as(counted_as.unwrap_or(&work.name));
        let updates = work.updates(entry.claim_again(seen), store);
        let claim = match self.table.update_all(updates).await {
            Ok(None) => return Ok(Claim::Ours { may_have_arrived }),
            Ok(Some(refusals)) => match Refusals::from(refusals) {
                refusals if refusals.entry().is_some() => Ok(Claim::Overtaken),
                refusals => Ok(refusals.answer(work)),
            },
            Err(error) => Err(error),
        };
        match (&claim, counted) {
            (Ok(Claim::Answered(_)), Some(counted)) => counted.give_back(&self.table).await,
            (_, Some(counted)) => counted.give_back_copy(&self.table, true).await,
            (_, None) => {}
        }
        claim
    }

    /// The claim is ours. If the budgets do not allow the SMS, everything is undone, and Mailgun's
    /// retry starts anew.
    async fn admit(&self, counted: Counted, work: &Work, request: &Request) -> Claim {
        let Err(refusal) = self.within_budgets(counted).await else {
            return Claim::Ours {
                may_have_arrived: false,
            };
        };
        let undone = closing_writes(
            request,
            work.entry.give_up(&self.table),
            pending::withdraw(&self.table, &work.phone, &work.request),
        );
        if let Err(error) = undone.await {
            tracing::warn!(%error, "a claim that was refused could not be freed; it ends by itself");
        }
        Claim::Answered(refusal)
    }

    /// Returns the counts if all budgets allow the SMS. Otherwise gives them back and returns the
    /// reply.
    async fn within_budgets(&self, counted: Counted) -> Result<Counted, Reply> {
        if counted.full.is_empty() && counted.error.is_none() {
            return Ok(counted);
        }
        counted.give_back(&self.table).await;
        let limit = counted.refused();
        Err(counted.error.map_or_else(
            || Reply::refused(503, "rate_limited").field("limit", limit),
            |error| Failure::from(error).into(),
        ))
    }
}
