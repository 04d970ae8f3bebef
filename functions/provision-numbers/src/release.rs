//! The numbers of users who have left: releasing, released.
//!
//! After "releasing" or its `DELETE` the next run finds the number or not. It decides again, or
//! writes that the number is released.

use std::time::SystemTime;

use shared::platform::time::epoch;
use shared::vendors::okta::CallError as Okta;
use shared::vendors::okta::user::{Attribute, Status, User};
use shared::vendors::okta::users::Found;
use shared::vendors::twilio::numbers::CallError;

use crate::company_numbers::owner;
use crate::ledger::{Entry, Stage};
use crate::report::Assigned;
use crate::run::{Run, Stop};

/// How many absent users one run checks.
const MAX_DEPARTED_PER_RUN: usize = 50;
const DAY: u64 = 86_400;

/// What to do with the number of an absent user.
#[derive(Debug, PartialEq, Eq)]
enum Departure {
    /// The user is back, suspended, or not yet activated: the number stays.
    Keep,
    /// The user has left, but not long enough. Holds the time of departure (epoch seconds).
    Wait(u64),
    /// The user left long enough ago.
    Release,
}

/// Decides about an absent user. `user`: `None` if Okta has no user with this id. `noted`: when the
/// absence was first seen (epoch seconds).
fn departure(user: Option<&User>, noted: Option<u64>, days: u64, now: SystemTime) -> Departure {
    let gone = match user {
        None => None,
        Some(user) if user.status == Status::Deprovisioned => user.status_changed,
        Some(_) => return Departure::Keep,
    };
    let now = epoch(now);
    let since = gone.map(epoch).or(noted).unwrap_or(now).min(now);
    if now - since >= days * DAY {
        Departure::Release
    } else {
        Departure::Wait(since)
    }
}

impl Run<'_> {
    /// Releases the numbers of users who have left. Each run checks some of the users whom the walk
    /// did not meet, and the next run continues there.
    pub(crate) async fn release_departed(&mut self) -> Result<(), Stop> {
        if self.settings.release_after_days.is_none() {
            return Ok(());
        }
        let unseen = self.company_numbers.assigned.keys();
        let unseen = unseen.filter(|id| !self.seen.contains(*id));
        let mut unseen: Vec<String> = unseen.cloned().collect();
        unseen.sort();
        let after = self.progress_mut().last_departed.take();
        let behind = unseen.partition_point(|id| after.as_ref().is_some_and(|after| id <= after));
        unseen.rotate_left(behind);
        for id in unseen.into_iter().take(MAX_DEPARTED_PER_RUN) {
            self.check_time()?;
            self.progress_mut().last_departed = Some(id.clone());
            let user = match self.user(&id).await {
                Ok(user) if user.status != Status::Deprovisioned => continue,
                Ok(user) => Some(user),
                Err(Okta::NotFound) => None,
                Err(error) => {
                    self.okta_failed(&id, "read", error).await?;
                    continue;
                }
            };
            let entry = self.ledger().entry(&id).await?;
            if self.release_if_departed(&id, user.as_ref(), &entry).await? {
                self.dequeue(&id).await?;
            }
        }
        Ok(())
    }

    /// Handles a user who has left (`None`: Okta has no user with this id). Returns true if nothing
    /// is left to do.
    pub(crate) async fn release_if_departed(
        &mut self,
        id: &str,
        user: Option<&User>,
        entry: &Entry,
    ) -> Result<bool, Stop> {
        let Some(days) = self.settings.release_after_days else {
            return Ok(true);
        };
        let assigned = self.company_numbers.assigned.get(id);
        let sid = match (assigned, &entry.sid, entry.stage) {
            (Some(owned), ..) => owned.sid.clone(),
            (None, Some(sid), Some(Stage::Releasing)) => sid.clone(),
            _ => return Ok(true),
        };
        match departure(user, entry.gone_since, days, self.now()) {
            Departure::Keep => Ok(true),
            Departure::Wait(since) => {
                let told = user.is_some_and(|user| user.status_changed.is_some());
                if !told && entry.gone_since.is_none() {
                    let ledger = self.ledger();
                    ledger.note_absence(id, since).await?;
                    self.note_queued(id, &ledger);
                }
                Ok(told)
            }
            Departure::Release => self.release(id, &sid, days, entry).await,
        }
    }

    async fn release(
        &mut self,
        id: &str,
        sid: &str,
        days: u64,
        entry: &Entry,
    ) -> Result<bool, Stop> {
        let app = self.app;
        // A release cannot be undone, so read the number again.
        let owned = match app.numbers.get(sid, self.now()).await {
            Ok(owned) if owner(&owned.name) == Some(id) => Some(owned),
            Ok(_) => return Ok(true),
            Err(CallError::NotFound) => None,
            Err(error) => return Ok(self.report.fail(id, "release", error)),
        };
        let number = owned.as_ref().map(|owned| &owned.number);
        let Some(number) = number.or(entry.number.as_ref()) else {
            return Ok(true);
        };
        let read = self.okta(async |users, now| {
            let attribute = Attribute::PrimaryPhone;
            let found = users.by_phone(attribute, number, now).await?;
            // Read the user again, too: the user may have come back during a wait for Okta's limit.
            match users.get(id, now).await {
                Ok(user) => Ok((found, Some(user))),
                Err(Okta::NotFound) => Ok((found, None)),
                Err(error) => Err(error),
            }
        });
        let (found, user) = match read.await {
            Ok(read) => read,
            Err(error) => return self.okta_failed(id, "release", error).await,
        };
        if is_used_by_another(&found, id) {
            self.report.skip(id, "number_in_use_by_another");
            return Ok(true);
        }
        if departure(user.as_ref(), entry.gone_since, days, self.now()) != Departure::Release {
            return Ok(false);
        }
        if !self.settings.dry_run {
            if let Some(owned) = &owned {
                let ledger = self.ledger();
                ledger.release(id, owned).await?;
                self.note_queued(id, &ledger);
                match app.numbers.release(sid, self.now()).await {
                    Ok(()) | Err(CallError::NotFound) => {}
                    Err(error) => return Ok(self.report.fail(id, "release", error)),
                }
            }
            self.ledger().released(id, number).await?;
            tracing::info!("Released the company number ({number}) of {id}.");
        }
        self.company_numbers.remove(id, number);
        self.report.released.push(Assigned::new(id, number));
        Ok(true)
    }
}

/// True if the profile of another user, who has not left, contains the number.
fn is_used_by_another(found: &Found, id: &str) -> bool {
    let other = |user: &User| user.id != id && user.status != Status::Deprovisioned;
    match found {
        Found::Nobody => false,
        Found::One(user) => other(user),
        Found::Several(users) => users.iter().any(other),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn when_a_number_is_given_back() {
        use Departure::{Keep, Release, Wait};
        let day = |n: u64| UNIX_EPOCH + Duration::from_hours(24 * n);
        let in_status = |status, since: Option<u64>| {
            Some(User {
                id: "00u1".to_owned(),
                status,
                first_name: None,
                primary_phone: None,
                mobile_phone: None,
                login: None,
                locale: None,
                status_changed: since.map(day),
            })
        };
        let gone = |since| in_status(Status::Deprovisioned, since);
        for (what, user, noted, expected) in [
            ("gone long enough", gone(Some(70)), None, Release),
            ("noted later", gone(Some(70)), Some(99), Release),
            ("not yet", gone(Some(71)), None, Wait(71 * DAY)),
            ("in the future", gone(Some(200)), None, Wait(100 * DAY)),
            ("at an unknown time", gone(None), None, Wait(100 * DAY)),
            ("noted", gone(None), Some(70), Release),
            ("deleted", None, None, Wait(100 * DAY)),
            ("deleted long ago", None, Some(60), Release),
            ("back", in_status(Status::Active, None), Some(0), Keep),
            ("away", in_status(Status::Suspended, None), Some(0), Keep),
            ("unclear", in_status(Status::Unknown, None), Some(0), Keep),
        ] {
            let noted = noted.map(|day| day * DAY);
            let decided = departure(user.as_ref(), noted, 30, day(100));
            assert_eq!(decided, expected, "{what}");
        }
    }
}
