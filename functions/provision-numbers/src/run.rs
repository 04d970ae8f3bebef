//! One run: keep others out, see what there is, go through the users, and say what was done.
//!
//! The users are gone through in this order: those in the queue (named by Okta's hook, or with an unfinished number), then Okta's
//! pages, from where the last run stopped. A run stops where Okta's limit or its own time ends, and remembers the page.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant, SystemTime};

use ring::digest;
use shared::okta::CallError;
use shared::okta::users::{NextPage, Page, Status, User};
use shared::phone::E164;
use shared::reply::Failure;
use shared::table::{Table, Unavailable, epoch, owner_id};
use shared::twilio::numbers::{self, Owned};

use crate::decide::{self, Failed, Holding, Number, Plan, Report, Skipped, World};
use crate::ledger::{Entry, Progress};
use crate::saga::Stock;
use crate::{App, Rules};

/// Users whose absence one run looks into.
const FAREWELLS: usize = 50;

/// Why a run goes no further.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Its time is up.
    Late,
    /// Okta takes no more calls, or none of ours.
    Okta(CallError),
    /// Nothing can be remembered, so nothing may be begun.
    Table(Unavailable),
}

impl From<Unavailable> for Stop {
    fn from(error: Unavailable) -> Self {
        Self::Table(error)
    }
}

/// A run under way.
pub(crate) struct Run<'a> {
    pub(crate) app: &'a App,
    pub(crate) report: Report,
    began: (Instant, SystemTime),
    /// Nothing new is taken on from then.
    soft: Instant,
    /// Ours, by the user whose they are.
    pub(crate) ours: HashMap<String, Owned>,
    /// How many are ours, those that nobody can be found for included.
    pub(crate) held: u64,
    /// Every number of the account.
    pub(crate) company: HashSet<E164>,
    pub(crate) stock: Stock,
    /// How many purchases may have been made.
    pub(crate) purchases: u64,
    /// Queued users, each with when it was queued.
    pub(crate) queued: HashMap<String, u64>,
    seen: HashSet<String>,
    page: Option<NextPage>,
    /// Where the last run stopped; `None`: not read.
    progress: Option<Progress>,
    /// The lists are there, and with them something to report.
    listed: bool,
}

/// One run; Lambda ends it at `deadline`.
pub(crate) async fn run(app: &App, deadline: Instant, now: SystemTime) -> Result<Report, Failure> {
    let began = Instant::now();
    let left = deadline.saturating_duration_since(began);
    let (soft, hard) = decide::stops(left);
    let dry_run = app.rules.dry_run;
    let owner = owner_id();
    // Whoever comes after the end of the lease comes after the end of this process.
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
        held: 0,
        company: HashSet::new(),
        stock: Stock::new(&app.rules),
        purchases: 0,
        queued: HashMap::new(),
        seen: HashSet::new(),
        page: None,
        progress: None,
        listed: false,
    };
    // What is cut off is as if the process had died there, and is finished by the next run.
    let worked = tokio::time::timeout(hard.saturating_sub(began.elapsed()), run.work()).await;
    let worked = worked.unwrap_or_else(|_| {
        let late = || Failure {
            status: 503,
            outcome: "late",
            cause: "the lists did not come in time".to_owned(),
        };
        tracing::error!("the run's time ended in the middle of a step");
        run.listed.then_some(()).ok_or_else(late)
    });
    if !dry_run {
        let progress = run.progress.take().map(|last| run.tell_skipped(last));
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

    async fn work(&mut self) -> Result<(), Failure> {
        let app = self.app;
        let owned = app
            .numbers
            .list(None, self.now())
            .await
            .map_err(|error| twilio(&error))?;
        self.take_stock_of(owned);
        let (queue, progress) = tokio::try_join!(
            app.ledger.queue(self.now()),
            app.ledger.progress(self.now())
        )?;
        let next = progress.next.clone();
        self.progress = Some(progress);
        let first = match self.first_page(next.as_deref()).await {
            Ok(first) => first,
            Err(error @ CallError::RateLimited { .. }) => {
                tracing::warn!(%error, "the run stops");
                return Ok(());
            }
            Err(error) => return Err(okta(&error)),
        };
        self.listed = true;
        match self.go_through(queue, first).await {
            Ok(()) => self.report.complete = true,
            Err(Stop::Late) => {}
            Err(Stop::Okta(error)) => tracing::warn!(%error, "the run stops"),
            Err(Stop::Table(error)) => return Err(error.into()),
        }
        Ok(())
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
                self.ours.insert(id, owned);
            }
        }
    }

    /// A page where the last run stopped, if Okta still knows it; else the first.
    async fn first_page(&mut self, cursor: Option<&str>) -> Result<Page, CallError> {
        let users = &self.app.users;
        self.page = cursor.and_then(|cursor| users.next_page(cursor));
        match users.page(self.page.as_ref(), self.now()).await {
            Err(CallError::Refused(_) | CallError::NotFound) if self.page.is_some() => {
                self.page = None;
                self.progress_mut().next = None;
                users.page(None, self.now()).await
            }
            result => result,
        }
    }

    async fn go_through(&mut self, queue: Vec<(String, u64)>, first: Page) -> Result<(), Stop> {
        self.mend_wiring().await?;
        self.queued.extend(queue.iter().cloned());
        for (id, _) in queue {
            self.check_time()?;
            self.seen.insert(id.clone());
            if self.revisit(&id).await? {
                self.dequeue(&id).await?;
            }
        }
        let mut page = first;
        loop {
            for user in &page.users {
                // Changes between two pages may bring a user twice.
                if decide::is_id(&user.id) && self.seen.insert(user.id.clone()) {
                    self.check_time()?;
                    self.visit(user).await?;
                }
            }
            let Some(next) = page.next else { break };
            self.progress_mut().next = Some(next.as_str().to_owned());
            self.page = Some(next);
            self.check_time()?;
            page = self
                .app
                .users
                .page(self.page.as_ref(), self.now())
                .await
                .map_err(Stop::Okta)?;
        }
        // From here on the next run begins anew.
        self.page = None;
        self.progress_mut().next = None;
        self.see_off().await
    }

    fn progress_mut(&mut self) -> &mut Progress {
        self.progress.get_or_insert_default()
    }

    /// Logs who is skipped and why, when that is not what the last run had to say: nobody reads a schedule's report.
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

    /// A user as the list shows it.
    async fn visit(&mut self, listed: &User) -> Result<(), Stop> {
        let nothing_known = Entry::default();
        let plan = self.plan(listed, &nothing_known);
        let deferred = self.is_deferred(&listed.id, &plan, &nothing_known);
        // Okta does not let go of what stands in a departed user's profile: it may be a number that was given back.
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
        match self.app.users.get(&listed.id, self.now()).await {
            Ok(user) => {
                if self.act(&user, &entry).await? {
                    self.dequeue(&user.id).await?;
                }
                Ok(())
            }
            Err(CallError::NotFound) => Ok(()),
            Err(error) => self.okta_failed(&listed.id, "read", error),
        }
    }

    /// A user of the queue; whether nothing is left to be done.
    async fn revisit(&mut self, id: &str) -> Result<bool, Stop> {
        let entry = self.app.ledger.entry(id, self.now()).await?;
        let user = match self.app.users.get(id, self.now()).await {
            Ok(user) => Some(user),
            Err(CallError::NotFound) => None,
            Err(error) => return self.okta_failed(id, "read", error).map(|()| false),
        };
        match user {
            Some(user) if user.status != Status::Deprovisioned => self.act(&user, &entry).await,
            gone => self.farewell(id, gone.as_ref(), &entry).await,
        }
    }

    /// Does what is to be done for a user just read; whether nothing is left.
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

    /// Gives back the numbers of those who left: of those whom the walk did not meet, some in each run, one after the other.
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
            let user = match self.app.users.get(&id, self.now()).await {
                Ok(user) if user.status != Status::Deprovisioned => continue,
                Ok(user) => Some(user),
                Err(CallError::NotFound) => None,
                Err(error) => {
                    self.okta_failed(&id, "read", error)?;
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
        let is_given = |owned: &Owned| given == Some(owned.number.reveal());
        let usurped = given.is_some()
            && self
                .ours
                .iter()
                .any(|(id, owned)| *id != user.id && is_given(owned));
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

    /// Takes a user with whom all is done off the queue, unless the hook queued it anew.
    async fn dequeue(&mut self, id: &str) -> Result<(), Stop> {
        match self.queued.remove(id) {
            Some(at) if !self.rules().dry_run => Ok(self.app.ledger.dequeue(id, at).await?),
            _ => Ok(()),
        }
    }

    /// Whether a user who needs a number has to wait for another run: nothing is there for this one, and no more may be bought.
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

    /// Notes that Okta failed for one user; where it would for the others too, the run stops.
    pub(crate) fn okta_failed(
        &mut self,
        id: &str,
        step: &'static str,
        error: CallError,
    ) -> Result<(), Stop> {
        let limited = matches!(error, CallError::RateLimited { .. });
        // Nothing is wrong with a user whose turn comes in the next run; a number without a user is worth a word.
        if !limited || step == "record" {
            self.failed(id, step, error.to_string());
        }
        if limited || error == CallError::Unauthorized {
            Err(Stop::Okta(error))
        } else {
            Ok(())
        }
    }
}

fn twilio(error: &numbers::CallError) -> Failure {
    Failure {
        status: 503,
        outcome: "twilio_unavailable",
        cause: error.to_string(),
    }
}

fn okta(error: &CallError) -> Failure {
    Failure {
        status: 503,
        outcome: "okta_unavailable",
        cause: error.to_string(),
    }
}
