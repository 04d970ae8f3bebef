//! Claims a text for this instance, so that no copy of it is sent twice, and counts it.

use std::time::SystemTime;

use shared::platform::table::{Item, Write, epoch};
use shared::rules::journal::{Entry, Stage};
use shared::rules::limits::Counted;
use shared::rules::met::{Met, Repeat};
use tokio::time::Instant;

use super::budgets;
use super::message::Message;
use super::outcome::Outcome;
use super::{Gateway, LATE, in_time};

/// Whether this instance sends a text.
pub(super) enum Claim {
    /// It does. Holds the counts.
    Ours(Counted),
    /// It does not, and this is the outcome.
    Ended(Outcome),
}

impl Gateway {
    /// Claims the text for this instance and counts it. Claim and counts are written at the same
    /// time; if one is rejected, the other is taken back.
    pub(super) async fn claim(
        &self,
        message: &Message,
        entry: &Entry,
        repeat: Repeat,
        deadline: Instant,
        now: SystemTime,
    ) -> Claim {
        let started = Instant::now();
        let mut again: Option<Item> = None;
        let mut is_another_sending = false;
        let at = || now + started.elapsed();
        loop {
            let now = at();
            // Within one cooldown all copies of a text count once. After it the same text counts
            // again. What failed was sent under no name. The next try takes the failed one's, so it
            // uses a count that a copy has left while it waited for the failure.
            let failed = again.as_ref().and_then(|seen| seen.text("counted_as"));
            let cooldowns = epoch(now) / self.rules.cooldown % 256;
            let name =
                failed.map_or_else(|| format!("{cooldowns:02x}{}", message.id), str::to_owned);
            let entry = entry.counted_as(&name);
            let claim = again
                .as_ref()
                .map_or_else(|| entry.claim(now), |seen| entry.claim_again(seen));
            let writes = async {
                tokio::join!(
                    self.table.update(claim),
                    budgets::count(self.budgets(message), &name, &self.table, now)
                )
            };
            let Some((claim, counted)) = in_time(deadline, writes).await else {
                // A claim that was written all the same ends by itself.
                let cause = LATE.to_owned();
                return Claim::Ended(if is_another_sending {
                    Outcome::Unknown { cause: Some(cause) }
                } else {
                    Outcome::Unavailable { cause }
                });
            };
            let seen = match claim {
                Ok(Write::Done(_)) => return self.admit(counted, &entry, deadline).await,
                Ok(Write::Refused(seen)) => seen,
                Err(error) => {
                    let undo = self.undo(&entry, &name, &counted, now);
                    let theirs = in_time(deadline, undo).await;
                    if theirs.is_none() {
                        tracing::warn!("a claim that failed may have been left; it ends by itself");
                    }
                    let cause = error.to_string();
                    return Claim::Ended(match theirs.flatten() {
                        Some(stage @ Stage::Sent { .. }) => Outcome::of_copy(stage),
                        Some(Stage::Sending | Stage::Unknown) => {
                            Outcome::Unknown { cause: Some(cause) }
                        }
                        _ if is_another_sending => Outcome::Unknown { cause: Some(cause) },
                        _ => Outcome::Unavailable { cause },
                    });
                }
            };
            let mut met = entry.met(&seen, now, repeat);
            if met == Met::Ours {
                return self.admit(counted, &entry, deadline).await;
            }
            let is_counted = seen.text("counted_as") == Some(&name);
            in_time(deadline, counted.give_back_copy(&self.table, is_counted)).await;
            let mut seen = Some(seen);
            if met == Met::Wait {
                let left = deadline.saturating_duration_since(Instant::now());
                let wait = entry.wait_while_sending(&self.table, left, now);
                let cause = match in_time(deadline, wait).await {
                    Some(Ok(last)) => {
                        seen = last;
                        None
                    }
                    Some(Err(error)) => Some(error.to_string()),
                    None => Some(LATE.to_owned()),
                };
                if cause.is_some() {
                    return Claim::Ended(Outcome::Unknown { cause });
                }
                // An entry that is gone is claimed anew.
                let last = seen.as_ref();
                met = last.map_or(Met::Wait, |seen| entry.met(seen, at(), repeat));
            }
            let stage = match met {
                Met::Ended(stage) => return Claim::Ended(Outcome::of_copy(stage)),
                Met::Again(stage) => stage,
                Met::Ours | Met::Wait => Stage::Sending,
            };
            is_another_sending = stage == Stage::Sending;
            if Instant::now() >= deadline {
                return Claim::Ended(Outcome::of_copy(stage));
            }
            again = seen.filter(|_| !is_another_sending);
        }
    }

    /// Takes back a claim whose write had no answer; it may have been written or not. If that
    /// cannot be read, the counts under `name` stay: they may belong to a copy that another
    /// instance is sending. Returns where that copy is, if there is one.
    async fn undo(
        &self,
        entry: &Entry,
        name: &str,
        counted: &Counted,
        now: SystemTime,
    ) -> Option<Stage> {
        let seen = entry.read(&self.table, now).await.ok().flatten();
        let stage = seen.as_ref().map(|seen| entry.stage(seen, now));
        if stage == Some(None) {
            counted.give_back(&self.table).await;
            self.free(entry).await;
        } else {
            let theirs = seen.as_ref().map(|seen| seen.text("counted_as"));
            let same_name = theirs.is_none_or(|theirs| theirs == Some(name));
            counted.give_back_copy(&self.table, same_name).await;
        }
        stage.flatten()
    }

    async fn free(&self, entry: &Entry) {
        if let Err(error) = entry.settle(&self.table, &Stage::Failed).await {
            tracing::warn!(%error, "a claim that was refused could not be freed; it ends by itself");
        }
    }

    /// The claim is ours. If the budgets do not allow the text, the claim is freed.
    async fn admit(&self, counted: Counted, entry: &Entry, deadline: Instant) -> Claim {
        if counted.full.is_empty() && counted.error.is_none() {
            return Claim::Ours(counted);
        }
        let take_back = async {
            counted.give_back(&self.table).await;
            self.free(entry).await;
        };
        in_time(deadline, take_back).await;
        Claim::Ended(match &counted.error {
            Some(error) => Outcome::Unavailable {
                cause: error.to_string(),
            },
            None => Outcome::Limited {
                which: counted.refused().unwrap_or_default(),
            },
        })
    }
}
