//! One run: lock out other runs, read the lists, go through the users, and report.
//!
//! The users are gone through in this order:
//!
//! 1. Those in the queue (named by Okta's hook, or with an unfinished number).
//! 2. Okta's pages, from where the last run stopped.
//! 3. Those who were set aside because Okta failed for them before.
//!
//! A run stops where Okta's limit or its own time ends, and remembers the page. Numbers are pointed
//! elsewhere in between, some at a time, and the rest at the end.
//!
//! If the last walk through many users found nothing to do, the next runs only ask Okta which users
//! have changed since. If none has, the run is done.

use std::collections::HashSet;
use std::fmt::Display;
use std::time::{Duration, Instant, SystemTime};

use ring::digest;
use shared::platform::random::owner_id;
use shared::platform::reply::Failure;
use shared::platform::table::Table;
use shared::platform::time::epoch;
use shared::vendors::okta::CallError;
use shared::vendors::okta::users::{NextPage, Page};

use crate::App;
use crate::company_numbers::{CompanyNumbers, is_id};
use crate::ledger::{Entry, Waiting};
use crate::plan::Number;
use crate::progress::{Progress, Quiet};
use crate::report::{Report, Skipped};
use crate::run::{Clock, Run, Scope, Stop, is_general, is_limit};

/// How many numbers get new webhooks between two pages of users.
const SLICE: usize = 100;
/// With at least this many users, a walk is worth avoiding.
const MANY: usize = 1_000;

/// Does one run. Lambda ends the process at `deadline`.
pub(crate) async fn run(app: &App, deadline: Instant, now: SystemTime) -> Result<Report, Failure> {
    let clock = Clock {
        started: Instant::now(),
        started_at: now,
    };
    let left = deadline.saturating_duration_since(clock.started);
    let (soft, hard) = stops(left);
    let gives_up = clock.started + hard;
    let mut run = Run::new(app, clock, soft);
    let owner = owner_id();
    // The lease outlives this process.
    let lease_until = epoch(now) + left.as_secs() + 2;
    if !run.ledger().lock(&owner, lease_until).await? {
        return Ok(Report {
            locked: true,
            ..Report::default()
        });
    }
    // A step that is cut off here is like one in which the process ended: the next run finishes it.
    let worked = tokio::time::timeout_at(gives_up.into(), run.work()).await;
    let worked = worked.unwrap_or_else(|_| {
        tracing::error!("the run's time ended in the middle of a step");
        let late = || unavailable("late", "the lists did not come in time");
        run.answered.then_some(()).ok_or_else(late)
    });
    run.count_waiting();
    if !run.settings.dry_run {
        run.close(&owner, deadline).await;
    }
    worked.map(|()| run.report)
}

/// When a run begins no new work, and when it gives up its current step. Both are before `left`,
/// when Lambda ends it.
fn stops(left: Duration) -> (Duration, Duration) {
    let margin = Duration::from_secs(20).min(left / 3);
    (left.saturating_sub(margin), left.saturating_sub(margin / 4))
}

impl Run<'_> {
    async fn work(&mut self) -> Result<(), Failure> {
        let (app, ledger) = (self.app, self.ledger());
        let (queue, mut progress) = tokio::try_join!(ledger.queue(), ledger.progress())?;
        let mut list = match progress.quiet_since(&self.settings_hash(), self.now()) {
            Some(since) => {
                let changed = self.okta(async |users, now| users.changed(since, now).await);
                Some(changed.await)
            }
            None => None,
        };
        let nobody_waits = queue.iter().all(|waiting| waiting.refused);
        match &list {
            None => {}
            Some(Ok(changed)) => {
                self.scope = Scope::Changed;
                if changed.users.is_empty() && nobody_waits {
                    self.report.complete = true;
                    self.answered = true;
                    self.progress = Some(progress);
                    return Ok(());
                }
            }
            // The queue does not need the list.
            Some(Err(error)) if is_limit(error) && !nobody_waits => self.scope = Scope::Queue,
            Some(Err(error)) if is_general(error) => {
                self.take_in(queue);
                return unlisted(error);
            }
            // Whatever is wrong with the question, the walk does without it.
            Some(Err(_)) => {
                progress.quiet = None;
                list = None;
            }
        }
        let owned = app.numbers.list(None, self.now()).await;
        let owned = owned.map_err(|error| unavailable("twilio_unavailable", error))?;
        self.company_numbers = CompanyNumbers::new(owned);
        let assigned = self.company_numbers.assigned.iter();
        let misdirected =
            assigned.filter(|(_, owned)| !owned.has_webhooks(&self.settings.webhooks));
        let mut misdirected: Vec<String> = misdirected.map(|(id, _)| id.clone()).collect();
        misdirected.sort();
        self.misdirected = misdirected.into();
        let next = progress.next.clone();
        self.progress = Some(progress);
        self.take_in(queue);
        let list = match list {
            Some(list) => list,
            None => self.first_page(next.as_deref()).await,
        };
        match self.go_through(list).await {
            Ok(()) => self.report.complete = self.last.is_empty() && !self.misdirected_left,
            Err(Stop::Late) => {}
            Err(Stop::Okta(error) | Stop::Alike(error)) => {
                if !self.answered {
                    unlisted(&error)?;
                }
                tracing::warn!(%error, "the run stops");
                // Webhooks do not need Okta. If time runs out, the next run corrects the rest.
                let _ = self.repair_webhooks(usize::MAX).await;
            }
            Err(Stop::Table(error)) => return Err(error.into()),
        }
        Ok(())
    }

    fn settings_hash(&self) -> String {
        let region = self.app.national_numbers.region;
        short_hash(&format!("{:?} {region:?}", self.settings))
    }

    /// Sorts the queued users into those who come first and those who come last.
    fn take_in(&mut self, queue: Vec<Waiting>) {
        for waiting in queue {
            let id = waiting.id;
            self.queued.insert(id.clone(), waiting.queued_at);
            self.seen.insert(id.clone());
            match waiting.refused {
                false => self.first.push_back(id),
                true if self.scope == Scope::Changed => drop(self.set_aside.insert(id)),
                true => self.last.push_back(id),
            }
        }
    }

    /// A page where the last run stopped, if Okta still has it; else the first.
    async fn first_page(&mut self, cursor: Option<&str>) -> Result<Page, CallError> {
        self.page = cursor.and_then(|cursor| self.app.users.next_page(cursor));
        let mut page = self.next_page().await;
        // A page that never comes would keep all users waiting. One that an outage withholds is
        // asked for again after it.
        if self.page.is_some() && page.as_ref().is_err_and(|error| !is_general(error)) {
            self.page = None;
            page = self.next_page().await;
            if page.is_ok() {
                self.progress_mut().next = None;
            }
        }
        if self.page.is_none() {
            self.scope = Scope::All;
        }
        page
    }

    async fn next_page(&self) -> Result<Page, CallError> {
        let page = self.page.as_ref();
        self.okta(async |users, now| users.page(page, now).await)
            .await
    }

    async fn go_through(&mut self, list: Result<Page, CallError>) -> Result<(), Stop> {
        self.answered |= list.is_ok();
        let list = list.map(|mut page| {
            // Known already, in case the run does not come so far.
            self.rest = std::mem::take(&mut page.users).into();
            page.next
        });
        if matches!(list, Err(CallError::Unauthorized)) {
            return Err(Stop::Okta(CallError::Unauthorized));
        }
        // The queue does not need the list.
        while let Some(id) = self.first.front().cloned() {
            self.check_time()?;
            self.visit_queued(&id).await?;
            self.first.pop_front();
        }
        let walked = match list {
            Ok(next) => self.walk(next).await,
            Err(error) => Err(Stop::Okta(error)),
        };
        match &walked {
            Ok(()) => {}
            // Only the list cannot be had: whoever is known without it does not wait for it.
            Err(Stop::Okta(error)) if self.answered && !is_general(error) => {}
            Err(_) => return walked,
        }
        self.visit_set_aside().await?;
        self.repair_webhooks(usize::MAX).await?;
        if self.scope != Scope::Changed {
            self.release_departed().await?;
        }
        walked
    }

    /// The rest of the page at hand, and the pages behind it.
    async fn walk(&mut self, mut next: Option<NextPage>) -> Result<(), Stop> {
        loop {
            while let Some(user) = self.rest.front().cloned() {
                // If users change between two pages, Okta may list one twice.
                if is_id(&user.id) && !self.seen.contains(&user.id) {
                    self.check_time()?;
                    self.visit(&user).await?;
                    self.seen.insert(user.id);
                }
                self.rest.pop_front();
            }
            self.repair_webhooks(SLICE).await?;
            let Some(at) = next else { break };
            if self.scope != Scope::Changed {
                self.progress_mut().next = Some(at.as_str().to_owned());
            }
            self.page = Some(at);
            self.check_time()?;
            let page = self.next_page().await.map_err(Stop::Okta)?;
            self.rest = page.users.into();
            next = page.next;
        }
        // The walk is complete. If this run stops now, the next one starts from the first page.
        self.page = None;
        self.progress_mut().next = None;
        Ok(())
    }

    /// Those who were set aside. What fails alike for several of them ends their turn only: what is
    /// left to do does not depend on them.
    async fn visit_set_aside(&mut self) -> Result<(), Stop> {
        while let Some(id) = self.last.front().cloned() {
            self.check_time()?;
            let visited = self.visit_queued(&id).await;
            if !matches!(visited, Ok(()) | Err(Stop::Alike(_))) {
                return visited;
            }
            self.last.pop_front();
            if let Err(Stop::Alike(error)) = visited {
                tracing::warn!(%error, "the turn of those who were set aside ends");
                break;
            }
        }
        Ok(())
    }

    /// Counts the users who wait for the next run. For queued users the run knows only whether they
    /// have a number.
    fn count_waiting(&mut self) {
        let failed = self.report.failed.iter();
        let failed: HashSet<String> = failed.map(|failed| failed.user.clone()).collect();
        for id in self.first.drain(..).chain(self.last.drain(..)) {
            let waits = !self.company_numbers.assigned.contains_key(&id) && !failed.contains(&id);
            self.report.remaining += u64::from(waits);
        }
        for user in std::mem::take(&mut self.rest) {
            if is_id(&user.id) && self.seen.insert(user.id.clone()) {
                let needed = self.plan(&user, &Entry::default()).number == Number::Needed;
                self.report.remaining += u64::from(needed && !failed.contains(&user.id));
            }
        }
    }

    /// Remembers where the run stopped, and ends its lock.
    async fn close(&mut self, owner: &str, deadline: Instant) {
        let progress = self.progress.take().map(|last| self.concluded(last));
        let ledger = self.ledger();
        let stop = async {
            match progress {
                Some(progress) => ledger.stop_at(progress).await,
                None => Ok(()),
            }
        };
        let closing = async {
            let (stopped, unlocked) = tokio::join!(stop, ledger.unlock(owner));
            stopped.and(unlocked)
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let within = left.saturating_sub(Duration::from_millis(200));
        if let Err(error) = Table::within(within, closing).await {
            // The lease ends by itself.
            tracing::error!(%error, "a closing write failed");
        }
    }

    /// The progress for the next run.
    fn concluded(&self, mut last: Progress) -> Progress {
        let report = &self.report;
        last.refused |= self.has_failed("record");
        let is_set_aside = |user: &String| self.set_aside.contains(user);
        let failed_for_none = report
            .failed
            .iter()
            .all(|failed| is_set_aside(&failed.user));
        let done = report.complete && report.remaining == 0 && failed_for_none;
        let looked_at = epoch(self.clock.started_at);
        last.quiet = match (self.scope, last.quiet) {
            (Scope::Changed, Some(quiet)) if done => Some(Quiet { looked_at, ..quiet }),
            (Scope::Queue, quiet) if failed_for_none => quiet,
            (Scope::All, _) if done && report.did_nothing() && self.seen.len() >= MANY => {
                Some(Quiet {
                    walked_at: looked_at,
                    looked_at,
                    settings: self.settings_hash(),
                })
            }
            _ => None,
        };
        // The users who were not visited stay skipped as before.
        if matches!(self.scope, Scope::All | Scope::Rest) {
            last.skipped = Some(self.log_skipped(last.skipped.as_ref()));
        }
        last
    }

    /// Logs the skipped users and the reasons, if they differ from the last run's. The report of a
    /// scheduled run has no reader. Returns their hash.
    fn log_skipped(&self, last: Option<&String>) -> String {
        let skipped = self.report.skipped.iter();
        let mut told: Vec<String> = skipped
            .map(|Skipped { user, reason }| format!("{user}: {reason}"))
            .collect();
        told.sort();
        let hash = short_hash(&told.join(","));
        if last != Some(&hash) {
            for Skipped { user, reason } in &self.report.skipped {
                tracing::warn!(user, reason, "a user is skipped");
            }
        }
        hash
    }
}

fn short_hash(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    hex::encode(&hash.as_ref()[..8])
}

fn unavailable(outcome: &'static str, cause: impl Display) -> Failure {
    Failure {
        status: 503,
        outcome,
        cause: cause.to_string(),
    }
}

/// What it means that Okta's list cannot be had: at its limit, the next run's work.
fn unlisted(error: &CallError) -> Result<(), Failure> {
    if is_limit(error) {
        return Ok(());
    }
    Err(unavailable("okta_unavailable", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_stops_before_it_is_stopped() {
        let seconds = Duration::from_secs;
        assert_eq!(stops(seconds(300)), (seconds(280), seconds(295)));
        assert_eq!(stops(seconds(12)), (seconds(8), seconds(11)));
        assert_eq!(stops(seconds(0)), (seconds(0), seconds(0)));
    }
}
