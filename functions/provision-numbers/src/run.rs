//! One run: lock out other runs, read the lists, go through the users, and report.
//!
//! The users are gone through in this order: those in the queue (named by Okta's hook, or with an unfinished number), then Okta's
//! pages, from where the last run stopped, then those who were set aside because Okta failed for them before. A run stops where Okta's
//! limit or its own time ends, and remembers the page. Numbers are pointed elsewhere in between, some at a time, and the rest at the end.
//!
//! If the last walk through many users found nothing to do, the next runs only ask Okta which users
//! have changed since. If none has, the run is done.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use ring::digest;
use shared::platform::reply::Failure;
use shared::platform::table::{Table, Unavailable, epoch, owner_id};
use shared::rules::phone::E164;
use shared::vendors::okta::CallError;
use shared::vendors::okta::users::{NextPage, Page, Status, User, Users};
use shared::vendors::twilio::numbers::{self, Owned};

use crate::decide::{self, Failed, Holding, Number, Plan, Report, Skipped, World};
use crate::ledger::{Entry, Progress, QUEUE, Quiet, Waiting};
use crate::saga::Stock;
use crate::{App, Rules};

/// How many absent users one run checks.
const FAREWELLS: usize = 50;
/// How many users in a row may fail at the same step with the same error. After that the run stops:
/// the others would fail too.
const ALIKE: usize = 5;
/// How many numbers get new webhooks between two pages of users.
const SLICE: usize = 100;

/// Why a run stops early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The time is up.
    Late,
    /// Okta takes no more calls, or none of ours, or has no list.
    Okta(CallError),
    /// Okta fails alike for several users one after the other.
    Alike(CallError),
    /// Nothing can be remembered, so nothing may be begun.
    Table(Unavailable),
}

impl From<Unavailable> for Stop {
    fn from(error: Unavailable) -> Self {
        Self::Table(error)
    }
}

/// Which users a run visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// All users.
    All,
    /// The users from where the last run stopped.
    Rest,
    /// The users who have changed.
    Changed,
}

/// An active run.
pub(crate) struct Run<'a> {
    pub(crate) app: &'a App,
    pub(crate) report: Report,
    began: (Instant, SystemTime),
    /// No new work begins after this time.
    soft: Instant,
    /// Our numbers, by the user's id.
    pub(crate) ours: HashMap<String, Owned>,
    /// The users' ids, by the number.
    pub(crate) owners: HashMap<E164, String>,
    /// How many numbers are ours, including those whose user is unknown.
    pub(crate) held: u64,
    /// Every number of the account.
    pub(crate) company: HashSet<E164>,
    pub(crate) stock: Stock,
    /// How many purchases this run may have made.
    pub(crate) purchases: u64,
    /// The queued users, and when each was queued.
    pub(crate) queued: HashMap<String, u64>,
    /// The users whose numbers need other webhooks.
    pub(crate) crooked: VecDeque<String>,
    /// True if some of those were not tried.
    pub(crate) crooked_left: bool,
    /// The queued users who are still to come, the users who come last, and the rest of the current
    /// page.
    first: VecDeque<String>,
    last: VecDeque<String>,
    rest: VecDeque<User>,
    seen: HashSet<String>,
    page: Option<NextPage>,
    /// With whom a step failed alike, one after the other, since it last ended a walk.
    alike: HashMap<&'static str, (CallError, Vec<String>)>,
    /// Whom Okta refuses, and who is not tried again before all others: nothing is left to do for them now.
    set_aside: HashSet<String>,
    /// Where the last run stopped; `None`: not read yet.
    progress: Option<Progress>,
    scope: Scope,
    /// Okta had an answer that was of use, so there is something to report.
    answered: bool,
}

/// Does one run. Lambda ends the process at `deadline`.
pub(crate) async fn run(app: &App, deadline: Instant, now: SystemTime) -> Result<Report, Failure> {
    let began = Instant::now();
    let left = deadline.saturating_duration_since(began);
    let (soft, hard) = decide::stops(left);
    let dry_run = app.rules.dry_run;
    let owner = owner_id();
    // The lease outlives this process.
    if !dry_run
        && !app
            .ledger
            .lock(&owner, epoch(now) + left.as_secs() + 2, now)
            .await?
    {
        return Ok(Report {
            locked: true,
            ..Report::new(false)
        });
    }
    let mut run = Run {
        app,
        report: Report::new(dry_run),
        began: (began, now),
        soft: began + soft,
        ours: HashMap::new(),
        owners: HashMap::new(),
        held: 0,
        company: HashSet::new(),
        stock: Stock::new(&app.rules),
        purchases: 0,
        queued: HashMap::new(),
        crooked: VecDeque::new(),
        crooked_left: false,
        first: VecDeque::new(),
        last: VecDeque::new(),
        rest: VecDeque::new(),
        seen: HashSet::new(),
        page: None,
        alike: HashMap::new(),
        set_aside: HashSet::new(),
        progress: None,
        scope: Scope::Rest,
        answered: false,
    };
    // A step that is cut off here is like one in which the process ended: the next run finishes it.
    let worked = tokio::time::timeout(hard.saturating_sub(began.elapsed()), run.work()).await;
    let worked = worked.unwrap_or_else(|_| {
        let late = || Failure {
            status: 503,
            outcome: "late",
            cause: "the lists did not come in time".to_owned(),
        };
        tracing::error!("the run's time ended in the middle of a step");
        run.answered.then_some(()).ok_or_else(late)
    });
    run.count_waiting();
    if !dry_run {
        let progress = run.progress.take().map(|last| run.concluded(last));
        let closing = async {
            let stop = async {
                match &progress {
                    Some(progress) => app.ledger.stop_at(progress, run.now()).await,
                    None => Ok(()),
                }
            };
            let (stopped, unlocked) = tokio::join!(stop, app.ledger.unlock(&owner));
            stopped.and(unlocked)
        };
        let within = deadline
            .saturating_duration_since(Instant::now())
            .saturating_sub(Duration::from_millis(200));
        let closed = Table::within(within, closing).await;
        if let Err(error) = closed {
            // The lease ends by itself.
            tracing::error!(%error, "a closing write failed");
        }
    }
    worked.map(|()| run.report)
}

impl<'a> Run<'a> {
    pub(crate) fn rules(&self) -> &'a Rules {
        &self.app.rules
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.began.1 + self.began.0.elapsed()
    }

    pub(crate) fn check_time(&self) -> Result<(), Stop> {
        if Instant::now() < self.soft {
            Ok(())
        } else {
            Err(Stop::Late)
        }
    }

    /// Calls Okta. If the rest of Okta's limit is reserved for others, waits for the next window, if
    /// the run lasts that long.
    pub(crate) async fn okta<T>(
        &self,
        call: impl AsyncFn(&Users, SystemTime) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        loop {
            let now = self.now();
            match call(&self.app.users, now).await {
                Err(CallError::Reserved { until }) => {
                    let wait = until.duration_since(now).unwrap_or_default();
                    if Instant::now() + wait >= self.soft {
                        return Err(CallError::Reserved { until });
                    }
                    tokio::time::sleep(wait).await;
                }
                result => return result,
            }
        }
    }

    async fn work(&mut self) -> Result<(), Failure> {
        let app = self.app;
        let (queue, mut progress) = tokio::try_join!(
            app.ledger.queue(self.now()),
            app.ledger.progress(self.now())
        )?;
        let mut list = None;
        if let Some(since) = decide::since(&progress, &self.settings(), self.now()) {
            let since = SystemTime::UNIX_EPOCH + Duration::from_secs(since);
            match self
                .okta(async |users, now| users.changed(since, now).await)
                .await
            {
                Ok(changed) => {
                    self.scope = Scope::Changed;
                    if changed.users.is_empty() && queue.iter().all(|waiting| waiting.refused) {
                        self.report.complete = true;
                        self.answered = true;
                        self.progress = Some(progress);
                        return Ok(());
                    }
                    list = Some(changed);
                }
                Err(error) if is_general(&error) => {
                    self.take_in(queue);
                    return unlisted(&error);
                }
                // Whatever is wrong with the question, the walk does without it.
                Err(_) => progress.quiet = None,
            }
        }
        let owned = app.numbers.list(None, self.now()).await;
        self.take_stock_of(owned.map_err(|error| twilio(&error))?);
        let next = progress.next.clone();
        self.progress = Some(progress);
        self.take_in(queue);
        let list = match list {
            Some(changed) => Ok(changed),
            None => self.first_page(next.as_deref()).await,
        };
        match self.go_through(list).await {
            Ok(()) => self.report.complete = self.last.is_empty() && !self.crooked_left,
            Err(Stop::Late) => {}
            Err(Stop::Okta(error) | Stop::Alike(error)) => {
                if !self.answered {
                    unlisted(&error)?;
                }
                tracing::warn!(%error, "the run stops");
                // Webhooks do not need Okta. If time runs out, the next run corrects the rest.
                let _ = self.straighten(usize::MAX).await;
            }
            Err(Stop::Table(error)) => return Err(error.into()),
        }
        Ok(())
    }

    fn settings(&self) -> String {
        let settings = format!("{:?} {:?}", self.rules(), self.app.dialect.region);
        let hash = digest::digest(&digest::SHA256, settings.as_bytes());
        hex::encode(&hash.as_ref()[..8])
    }

    /// Sorts the queued users into those who come first and those who come last.
    fn take_in(&mut self, queue: Vec<Waiting>) {
        for Waiting {
            id,
            queued_at,
            refused,
        } in queue
        {
            self.queued.insert(id.clone(), queued_at);
            self.seen.insert(id.clone());
            match refused {
                false => self.first.push_back(id),
                true if self.scope == Scope::Changed => drop(self.set_aside.insert(id)),
                true => self.last.push_back(id),
            }
        }
    }

    fn take_stock_of(&mut self, owned: Vec<Owned>) {
        self.company = owned.iter().map(|owned| owned.number.clone()).collect();
        self.held = owned
            .iter()
            .filter(|owned| owned.name.starts_with(decide::NAME))
            .count() as u64;
        for owned in owned {
            let Some(id) = decide::owner(&owned.name).map(str::to_owned) else {
                continue;
            };
            if let Some(kept) = self.ours.get(&id) {
                tracing::error!(
                    user = id,
                    "two numbers of one user: {} and {}",
                    kept.number,
                    owned.number
                );
            } else {
                self.owners.insert(owned.number.clone(), id.clone());
                self.ours.insert(id, owned);
            }
        }
        let crooked = self.ours.iter();
        let mut crooked: Vec<String> = crooked
            .filter(|(_, owned)| !owned.is_wired(&self.app.rules.wiring))
            .map(|(id, _)| id.clone())
            .collect();
        crooked.sort();
        self.crooked = crooked.into();
    }

    /// A page where the last run stopped, if Okta still has it; else the first.
    async fn first_page(&mut self, cursor: Option<&str>) -> Result<Page, CallError> {
        self.page = cursor.and_then(|cursor| self.app.users.next_page(cursor));
        let mut page = self.next_page().await;
        // A page that never comes would keep all users waiting; one that an outage withholds is asked for again after it.
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
            self.revisit_queued(&id).await?;
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
        self.revisit_set_aside().await?;
        self.straighten(usize::MAX).await?;
        if self.scope != Scope::Changed {
            self.see_off().await?;
        }
        walked
    }

    /// The rest of the page at hand, and the pages behind it.
    async fn walk(&mut self, mut next: Option<NextPage>) -> Result<(), Stop> {
        loop {
            while let Some(user) = self.rest.front().cloned() {
                // If users change between two pages, Okta may list one twice.
                if decide::is_id(&user.id) && !self.seen.contains(&user.id) {
                    self.check_time()?;
                    self.visit(&user).await?;
                    self.seen.insert(user.id);
                }
                self.rest.pop_front();
            }
            self.straighten(SLICE).await?;
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

    /// Those who were set aside. What fails alike for several of them ends their turn only: what is left to do does not depend on them.
    async fn revisit_set_aside(&mut self) -> Result<(), Stop> {
        while let Some(id) = self.last.front().cloned() {
            self.check_time()?;
            let visited = self.revisit_queued(&id).await;
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

    async fn revisit_queued(&mut self, id: &str) -> Result<(), Stop> {
        if self.revisit(id).await? {
            self.dequeue(id).await?;
        }
        Ok(())
    }

    /// Counts the users who wait for the next run. For queued users the run knows only whether they
    /// have a number.
    fn count_waiting(&mut self) {
        let failed = self.report.failed.iter();
        let failed: HashSet<String> = failed.map(|failed| failed.user.clone()).collect();
        let queued: Vec<String> = self.first.drain(..).chain(self.last.drain(..)).collect();
        for id in queued {
            let waits = !self.ours.contains_key(&id) && !failed.contains(&id);
            self.report.remaining += u64::from(waits);
        }
        for user in std::mem::take(&mut self.rest) {
            if decide::is_id(&user.id) && self.seen.insert(user.id.clone()) {
                let needed = self.plan(&user, &Entry::default()).number == Number::Needed;
                self.report.remaining += u64::from(needed && !failed.contains(&user.id));
            }
        }
    }

    fn progress_mut(&mut self) -> &mut Progress {
        self.progress.get_or_insert_default()
    }

    /// The progress for the next run.
    fn concluded(&self, last: Progress) -> Progress {
        let refused = last.refused || self.alike.contains_key("record");
        let report = &self.report;
        let done = report.complete
            && report.remaining == 0
            && (report.failed.iter()).all(|failed| self.set_aside.contains(&failed.user));
        let idle = [&report.purchased, &report.released, &report.rewired]
            .iter()
            .all(|list| list.is_empty())
            && report.cleaned.is_empty();
        let looked_at = epoch(self.began.1);
        let quiet = match last.quiet.clone() {
            Some(quiet) if self.scope == Scope::Changed && done => {
                Some(Quiet { looked_at, ..quiet })
            }
            _ if self.scope == Scope::All && done && idle && self.seen.len() >= decide::MANY => {
                Some(Quiet {
                    walked_at: looked_at,
                    looked_at,
                    settings: self.settings(),
                })
            }
            _ => None,
        };
        let told = Progress {
            refused,
            quiet,
            ..last
        };
        // The users who were not visited stay skipped as before.
        if self.scope == Scope::Changed {
            told
        } else {
            self.tell_skipped(told)
        }
    }

    /// Logs the skipped users and the reasons, if they differ from the last run's. The report of a
    /// scheduled run has no reader.
    fn tell_skipped(&self, last: Progress) -> Progress {
        let mut skipped: Vec<String> = self
            .report
            .skipped
            .iter()
            .map(|Skipped { user, reason }| format!("{user}: {reason}"))
            .collect();
        skipped.sort();
        let hash = digest::digest(&digest::SHA256, skipped.join(",").as_bytes());
        let hash = Some(hex::encode(&hash.as_ref()[..8]));
        if hash != last.skipped {
            for Skipped { user, reason } in &self.report.skipped {
                tracing::warn!(user, reason, "a user is skipped");
            }
        }
        Progress {
            skipped: hash,
            ..last
        }
    }

    /// Handles a user from Okta's list.
    async fn visit(&mut self, listed: &User) -> Result<(), Stop> {
        let nothing_known = Entry::default();
        let plan = self.plan(listed, &nothing_known);
        let deferred = self.is_deferred(&listed.id, &plan, &nothing_known);
        // Okta keeps primaryPhone of a deactivated user. If the user returns, it may name a number
        // that we have released.
        let given = listed
            .primary_phone
            .as_deref()
            .and_then(|given| given.parse::<E164>().ok());
        let foreign = listed.status == Status::Active
            && given.is_some_and(|given| !self.company.contains(&given));
        let returned =
            plan.number == Number::Nothing && foreign && self.rules().release_after_days.is_some();
        let needed = plan.number == Number::Needed && !deferred;
        let (entry, plan) = if needed || returned || plan.clean.is_some() || plan.national.is_some()
        {
            let entry = self.app.ledger.entry(&listed.id, self.now()).await?;
            let plan = self.plan(listed, &entry);
            (entry, plan)
        } else {
            (nothing_known, plan)
        };
        let deferred = self.is_deferred(&listed.id, &plan, &entry);
        let idle = plan.clean.is_none() && plan.national.is_none();
        if idle && (deferred || plan.number != Number::Needed) {
            self.note(&listed.id, &plan, deferred);
            return Ok(());
        }
        match self.user(&listed.id).await {
            Ok(user) => {
                self.succeeded("read");
                if self.act(&user, &entry).await? {
                    self.dequeue(&user.id).await?;
                }
                Ok(())
            }
            Err(CallError::NotFound) => Ok(()),
            Err(error) => self.okta_failed(&listed.id, "read", error).await,
        }
    }

    /// Reads a user from Okta.
    pub(crate) async fn user(&self, id: &str) -> Result<User, CallError> {
        self.okta(async |users, now| users.get(id, now).await).await
    }

    /// Handles a queued user. Returns true if nothing is left to do.
    async fn revisit(&mut self, id: &str) -> Result<bool, Stop> {
        let entry = self.app.ledger.entry(id, self.now()).await?;
        let user = match self.user(id).await {
            Ok(user) => Some(user),
            Err(CallError::NotFound) => None,
            Err(error) => return self.okta_failed(id, "read", error).await.map(|()| false),
        };
        self.succeeded("read");
        match user {
            Some(user) if user.status != Status::Deprovisioned => self.act(&user, &entry).await,
            gone => self.farewell(id, gone.as_ref(), &entry).await,
        }
    }

    /// Does what a user needs who has just been read. Returns true if nothing is left to do.
    async fn act(&mut self, user: &User, entry: &Entry) -> Result<bool, Stop> {
        let plan = self.plan(user, entry);
        let deferred = self.is_deferred(&user.id, &plan, entry);
        self.note(&user.id, &plan, deferred);
        if let (Some(mobile), Some(written), false) =
            (&plan.national, &user.mobile_phone, self.rules().dry_run)
        {
            self.app
                .ledger
                .note_mobile(&user.id, mobile, written, self.now())
                .await?;
        }
        if plan.number == Number::Needed && !deferred {
            return self.provide(user, plan.clean.as_ref(), entry).await;
        }
        self.settle(user, entry).await?;
        let cleaned = match &plan.clean {
            Some(mobile) => self.clean(&user.id, mobile).await?,
            None => true,
        };
        Ok(cleaned && !deferred)
    }

    /// Releases the numbers of users who have left. Each run checks some of the users whom the walk
    /// did not meet, and the next run continues there.
    async fn see_off(&mut self) -> Result<(), Stop> {
        if self.rules().release_after_days.is_none() {
            return Ok(());
        }
        let mut unseen: Vec<String> = self
            .ours
            .keys()
            .filter(|id| !self.seen.contains(*id))
            .cloned()
            .collect();
        unseen.sort();
        let after = self.progress_mut().farewell.take().unwrap_or_default();
        let behind = unseen.iter().filter(|id| **id <= after).count();
        unseen.rotate_left(behind);
        for id in unseen.into_iter().take(FAREWELLS) {
            self.check_time()?;
            self.progress_mut().farewell = Some(id.clone());
            let user = match self.user(&id).await {
                Ok(user) if user.status != Status::Deprovisioned => continue,
                Ok(user) => Some(user),
                Err(CallError::NotFound) => None,
                Err(error) => {
                    self.okta_failed(&id, "read", error).await?;
                    continue;
                }
            };
            let entry = self.app.ledger.entry(&id, self.now()).await?;
            if self.farewell(&id, user.as_ref(), &entry).await? {
                self.dequeue(&id).await?;
            }
        }
        Ok(())
    }

    pub(crate) fn plan(&self, user: &User, entry: &Entry) -> Plan {
        let rules = self.rules();
        let world = World {
            dialect: &self.app.dialect,
            countries: rules.countries.as_ref(),
            clean: rules.clean,
            company: &self.company,
        };
        let number = self.ours.get(&user.id).map(|owned| &owned.number);
        let given = user.primary_phone.as_deref();
        let given = given.and_then(|given| given.parse::<E164>().ok());
        let usurped = given
            .and_then(|given| self.owners.get(&given))
            .is_some_and(|owner| *owner != user.id);
        let plan = decide::plan(
            user,
            Holding {
                number,
                released: entry.released(),
                usurped,
            },
            &world,
        );
        let writable = entry.unwritable_until <= epoch(self.now());
        let noted = entry.written == user.mobile_phone;
        Plan {
            clean: plan.clean.filter(|_| writable),
            national: plan.national.filter(|_| !noted),
            ..plan
        }
    }

    /// Removes a finished user from the queue, unless the hook has queued the user again.
    async fn dequeue(&mut self, id: &str) -> Result<(), Stop> {
        match self.queued.remove(id) {
            Some(at) if !self.rules().dry_run => Ok(self.app.ledger.dequeue(id, at).await?),
            _ => Ok(()),
        }
    }

    /// True if a user who needs a number must wait for another run: no number waits for this user,
    /// and no more may be bought.
    fn is_deferred(&self, id: &str, plan: &Plan, entry: &Entry) -> bool {
        plan.number == Number::Needed
            && !self.ours.contains_key(id)
            && entry.sid.is_none()
            && !self.may_buy()
    }

    fn note(&mut self, id: &str, plan: &Plan, deferred: bool) {
        self.report.remaining += u64::from(deferred);
        if let Number::Skipped(reason) = plan.number {
            self.skip(id, reason);
        }
    }

    pub(crate) fn skip(&mut self, id: &str, reason: &'static str) {
        self.report.skipped.push(Skipped {
            user: id.to_owned(),
            reason,
        });
    }

    pub(crate) fn failed(&mut self, id: &str, step: &'static str, reason: impl Into<String>) {
        let reason = reason.into();
        tracing::error!(user = id, step, reason, "a step failed");
        self.report.failed.push(Failed {
            user: id.to_owned(),
            step,
            reason,
        });
    }

    /// Notes Okta's failure with one user. If the same would happen with the others, stops the run.
    pub(crate) async fn okta_failed(
        &mut self,
        id: &str,
        step: &'static str,
        error: CallError,
    ) -> Result<(), Stop> {
        let limited = matches!(
            error,
            CallError::RateLimited { .. } | CallError::Reserved { .. }
        );
        // A rate limit is not the user's fault, so it is not reported, except when a bought number
        // stays unrecorded.
        if !limited || step == "record" {
            self.failed(id, step, error.to_string());
        }
        if is_general(&error) {
            return Err(Stop::Okta(error));
        }
        if !matches!(error, CallError::Forbidden | CallError::Unavailable(_)) {
            return Ok(());
        }
        let forbidden = error == CallError::Forbidden;
        if forbidden && self.set_aside(id).await? {
            self.set_aside.insert(id.to_owned());
        }
        let (same, alike) = self
            .alike
            .entry(step)
            .or_insert_with(|| (error.clone(), Vec::new()));
        if *same != error {
            *same = error.clone();
            alike.clear();
        }
        // That Okta refuses somebody as it did before says nothing of others.
        if !(forbidden && self.last.iter().any(|last| last == id)) {
            alike.push(id.to_owned());
        }
        if alike.len() < ALIKE {
            return Ok(());
        }
        let alike = std::mem::take(alike);
        // They may just stand together: the next run begins behind them. If nobody was answered, it is not about them.
        if !forbidden && self.answered {
            for id in alike {
                self.set_aside(&id).await?;
            }
        }
        Err(Stop::Alike(error))
    }

    /// Lets everybody else come first from now on; `false`: there is no room for it.
    async fn set_aside(&mut self, id: &str) -> Result<bool, Stop> {
        let room = self.queued.contains_key(id) || self.queued.len() < QUEUE;
        let noted = room && !self.rules().dry_run;
        if noted {
            let now = self.now();
            self.app.ledger.set_aside(id, now).await?;
            self.queued.insert(id.to_owned(), epoch(now));
        }
        Ok(noted)
    }

    /// Notes that Okta accepted a step.
    pub(crate) fn succeeded(&mut self, step: &'static str) {
        self.answered = true;
        self.alike.remove(step);
        if step == "record" {
            self.progress_mut().refused = false;
        }
    }

    /// True if Okta may refuse to record the next number.
    pub(crate) fn doubts(&self) -> bool {
        let refused = self.progress.as_ref().is_some_and(|last| last.refused);
        refused || self.alike.contains_key("record")
    }
}

fn twilio(error: &numbers::CallError) -> Failure {
    Failure {
        status: 503,
        outcome: "twilio_unavailable",
        cause: error.to_string(),
    }
}

/// Whether Okta would say this to any call of the kind.
fn is_general(error: &CallError) -> bool {
    matches!(
        error,
        CallError::RateLimited { .. } | CallError::Reserved { .. } | CallError::Unauthorized
    )
}

/// What it means that Okta's list cannot be had: at its limit, the next run's work.
fn unlisted(error: &CallError) -> Result<(), Failure> {
    match error {
        CallError::RateLimited { .. } | CallError::Reserved { .. } => Ok(()),
        error => Err(okta(error)),
    }
}

fn okta(error: &CallError) -> Failure {
    Failure {
        status: 503,
        outcome: "okta_unavailable",
        cause: error.to_string(),
    }
}
