//! What a run knows while it is active, and how it calls Okta.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use shared::platform::table::Unavailable;
use shared::platform::time::epoch;
use shared::vendors::okta::CallError;
use shared::vendors::okta::user::User;
use shared::vendors::okta::users::{NextPage, Users};

use crate::App;
use crate::company_numbers::CompanyNumbers;
use crate::ledger::{Entry, Ledger, QUEUE};
use crate::plan::{self, NumberState, Plan, Rules};
use crate::progress::Progress;
use crate::report::Report;
use crate::settings::Settings;
use crate::stock::Stock;

/// How many users in a row may fail at the same step with the same error. After that the run stops:
/// the others would fail too.
const ALIKE: usize = 5;

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
pub(crate) enum Scope {
    /// All users.
    All,
    /// The users from where the last run stopped.
    Rest,
    /// The users who have changed.
    Changed,
    /// The queued users: Okta's rate limit withholds the list of those who have changed.
    Queue,
}

/// The time, from the invocation on.
pub(crate) struct Clock {
    pub(crate) started: Instant,
    /// The time of day at `started`.
    pub(crate) started_at: SystemTime,
}

impl Clock {
    /// In milliseconds since 1970, because a run may begin in the second in which the last one ended.
    fn began(&self) -> u64 {
        let since = self.started_at.duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.started_at + self.started.elapsed()
    }
}

/// An active run.
pub(crate) struct Run<'a> {
    pub(crate) app: &'a App,
    pub(crate) settings: &'a Settings,
    pub(crate) report: Report,
    pub(crate) clock: Clock,
    pub(crate) no_new_work_after: Instant,
    pub(crate) company_numbers: CompanyNumbers,
    pub(crate) stock: Stock,
    /// The queued users, and when each was queued.
    pub(crate) queued: HashMap<String, u64>,
    /// The users whose numbers need other webhooks.
    pub(crate) misdirected: VecDeque<String>,
    /// True if some of those were not tried.
    pub(crate) misdirected_left: bool,
    /// The queued users who are still to come, the users who come last, and the rest of the current
    /// page.
    pub(crate) first: VecDeque<String>,
    pub(crate) last: VecDeque<String>,
    pub(crate) rest: VecDeque<User>,
    pub(crate) seen: HashSet<String>,
    pub(crate) page: Option<NextPage>,
    pub(crate) scope: Scope,
    /// With whom a step failed alike, one after the other, since it last ended a walk.
    alike: HashMap<&'static str, (CallError, Vec<String>)>,
    /// Whom Okta refuses, and who is not tried again before all others: nothing is left to do for
    /// them now.
    pub(crate) set_aside: HashSet<String>,
    /// Where the last run stopped; `None`: not read yet.
    pub(crate) progress: Option<Progress>,
    /// Okta had an answer that was of use, so there is something to report.
    pub(crate) answered: bool,
}

impl<'a> Run<'a> {
    /// Begins no new work after this much time.
    pub(crate) fn new(app: &'a App, clock: Clock, soft: Duration) -> Self {
        Self {
            app,
            settings: &app.settings,
            report: Report {
                dry_run: app.settings.dry_run,
                ..Report::default()
            },
            no_new_work_after: clock.started + soft,
            clock,
            company_numbers: CompanyNumbers::default(),
            stock: Stock::new(&app.settings),
            queued: HashMap::new(),
            misdirected: VecDeque::new(),
            misdirected_left: false,
            first: VecDeque::new(),
            last: VecDeque::new(),
            rest: VecDeque::new(),
            seen: HashSet::new(),
            page: None,
            scope: Scope::Rest,
            alike: HashMap::new(),
            set_aside: HashSet::new(),
            progress: None,
            answered: false,
        }
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    pub(crate) fn ledger(&self) -> Ledger<'a> {
        Ledger {
            table: &self.app.table,
            now: self.now(),
            run: self.clock.began(),
            dry_run: self.settings.dry_run,
        }
    }

    pub(crate) fn progress_mut(&mut self) -> &mut Progress {
        self.progress.get_or_insert_default()
    }

    pub(crate) fn check_time(&self) -> Result<(), Stop> {
        if Instant::now() < self.no_new_work_after {
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
                    if Instant::now() + wait >= self.no_new_work_after {
                        return Err(CallError::Reserved { until });
                    }
                    tokio::time::sleep(wait).await;
                }
                result => return result,
            }
        }
    }

    /// Reads a user from Okta.
    pub(crate) async fn user(&self, id: &str) -> Result<User, CallError> {
        self.okta(async |users, now| users.get(id, now).await).await
    }

    pub(crate) fn plan(&self, user: &User, entry: &Entry) -> Plan {
        let given = plan::primary_number(user);
        let owner = given.and_then(|given| self.company_numbers.owners.get(&given));
        let assigned = self.company_numbers.assigned.get(&user.id);
        let state = NumberState {
            number: assigned.map(|owned| &owned.number),
            released: entry.released(),
            claims_anothers_number: owner.is_some_and(|owner| *owner != user.id),
        };
        let rules = Rules {
            national_numbers: &self.app.national_numbers,
            countries: self.settings.countries.as_ref(),
            clean: self.settings.clean,
            account_numbers: &self.company_numbers.account_numbers,
        };
        let plan = plan::plan(user, state, &rules);
        let writable = entry.unwritable_until <= epoch(self.now());
        let noted = entry.written == user.mobile_phone;
        Plan {
            clean: plan.clean.filter(|_| writable),
            national: plan.national.filter(|_| !noted),
            ..plan
        }
    }

    /// Removes a finished user from the queue, unless the hook has queued the user again.
    pub(crate) async fn dequeue(&mut self, id: &str) -> Result<(), Stop> {
        if let Some(at) = self.queued.remove(id) {
            self.ledger().dequeue(id, at).await?;
        }
        Ok(())
    }

    /// Notes that this run has written the user into the queue.
    pub(crate) fn note_queued(&mut self, id: &str, ledger: &Ledger<'_>) {
        self.queued.insert(id.to_owned(), epoch(ledger.now));
    }

    /// Reports Okta's failure with one user. If the same would happen with the others, stops the
    /// run. Returns `false`: something is left to do for the user.
    pub(crate) async fn okta_failed(
        &mut self,
        id: &str,
        step: &'static str,
        error: CallError,
    ) -> Result<bool, Stop> {
        // A rate limit is not the user's fault, so it is not reported, except when a bought number
        // stays unrecorded.
        if !is_limit(&error) || step == "record" {
            self.report.fail(id, step, &error);
        }
        if is_general(&error) {
            return Err(Stop::Okta(error));
        }
        let forbidden = error == CallError::Forbidden;
        // No next run would serve the others first, so a dry run goes on.
        if forbidden && self.settings.dry_run
            || !forbidden && !matches!(error, CallError::Unavailable(_))
        {
            return Ok(false);
        }
        if forbidden && self.set_aside(id).await? {
            self.set_aside.insert(id.to_owned());
        }
        let (same, alike) = self
            .alike
            .entry(step)
            .or_insert((error.clone(), Vec::new()));
        if *same != error {
            *same = error.clone();
            alike.clear();
        }
        // That Okta refuses a user again says nothing of other users.
        if !(forbidden && self.last.iter().any(|last| last == id)) {
            alike.push(id.to_owned());
        }
        if alike.len() < ALIKE {
            return Ok(false);
        }
        let alike = std::mem::take(alike);
        // They may just stand together: the next run begins behind them. If Okta answered for no
        // user, the failure is not about these users.
        if !forbidden && self.answered {
            for id in alike {
                self.set_aside(&id).await?;
            }
        }
        Err(Stop::Alike(error))
    }

    /// Queues a user behind all others. `false`: there is no room for it.
    async fn set_aside(&mut self, id: &str) -> Result<bool, Stop> {
        let room = self.queued.contains_key(id) || self.queued.len() < QUEUE;
        if room {
            let ledger = self.ledger();
            ledger.set_aside(id).await?;
            self.note_queued(id, &ledger);
        }
        Ok(room)
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
        refused || self.has_failed("record")
    }

    /// True if a step has failed since it last succeeded.
    pub(crate) fn has_failed(&self, step: &'static str) -> bool {
        self.alike.contains_key(step)
    }
}

/// Whether Okta's rate limit is the reason.
pub(crate) fn is_limit(error: &CallError) -> bool {
    matches!(
        error,
        CallError::RateLimited { .. } | CallError::Reserved { .. }
    )
}

/// Whether Okta would say this to any call of the kind.
pub(crate) fn is_general(error: &CallError) -> bool {
    is_limit(error) || *error == CallError::Unauthorized
}
