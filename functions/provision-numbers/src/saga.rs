//! A number's way to a user: planned, bought, wired, recorded; and back: releasing, released.
//!
//! Each step is written to the ledger before or after it, and may end here:
//!
//! | ended after … | the next run finds | and |
//! | --- | --- | --- |
//! | planned | nothing at Twilio by the user's name | buys the planned number, which nobody can buy twice |
//! | the purchase, answered or not | the number by the user's name, or by its SID in the ledger | goes on with it |
//! | the purchase, unanswered, and no list shows it yet | that the planned number cannot be bought | waits ten minutes before it plans another |
//! | bought, wired | the same | makes sure of the webhooks and records it; both may be done twice |
//! | the change of the profile, answered or not | the number in the profile | has nothing to do |
//! | releasing, or its `DELETE` | the number there, or not | decides anew, or writes that it is gone |

use std::collections::{HashSet, VecDeque};
use std::time::SystemTime;

use futures_util::future::join_all;
use shared::platform::table::epoch;
use shared::rules::phone::E164;
use shared::vendors::okta::CallError as Okta;
use shared::vendors::okta::users::{Attribute, Found, Status, User};
use shared::vendors::twilio::numbers::{CallError, Numbers, Owned};

use crate::Rules;
use crate::decide::{self, Assigned, Farewell, Number, Person};
use crate::ledger::{Entry, Stage};
use crate::run::{Run, Stop};

/// Numbers asked for that others were quicker to buy, before a user has to wait for the next run.
const CANDIDATES: usize = 5;
/// How many more numbers than were shown before are asked for.
const MORE: usize = 20;
/// Numbers pointed elsewhere at the same time.
const AT_ONCE: usize = 10;
/// Seconds until Twilio's lists certainly show what was bought.
const LAG: u64 = 600;
/// Not to be had: no such number, no longer available, none in the area.
const GONE: [u32; 3] = [21421, 21422, 21452];
/// An address, a bundle of documents, or both are demanded.
const PAPERS: [u32; 4] = [21615, 21631, 21649, 21651];

/// Numbers to buy, searched for when needed, area after area.
pub(crate) struct Stock {
    areas: VecDeque<String>,
    found: VecDeque<E164>,
    /// What was found in the first of the areas so far: what is bought may be found again, and what is left may be more.
    shown: HashSet<E164>,
    /// Numbers were passed over because they need papers.
    needs_address: bool,
    /// Nothing more is bought in this run: it would fail alike for the next user.
    closed: bool,
}

impl Stock {
    pub(crate) fn new(rules: &Rules) -> Self {
        Self {
            areas: rules.prefixes.iter().cloned().collect(),
            found: VecDeque::new(),
            shown: HashSet::new(),
            needs_address: false,
            closed: false,
        }
    }

    /// Searches the first of the areas once for numbers that can be bought without papers.
    async fn look(
        &mut self,
        area: &str,
        numbers: &Numbers,
        country: &str,
        now: SystemTime,
    ) -> Result<(), CallError> {
        let most = self.shown.len() + MORE;
        let mut found = numbers.search(country, area, most, now).await?;
        found.retain(|available| self.shown.insert(available.number.clone()));
        self.needs_address |= found.iter().any(|available| available.needs_address);
        self.found = found
            .into_iter()
            .filter(|available| !available.needs_address)
            .map(|available| available.number)
            .collect();
        // Where all that is new needs papers, so does the rest.
        if self.found.is_empty() {
            self.areas.pop_front();
            self.shown.clear();
        }
        Ok(())
    }
}

impl Run<'_> {
    /// Whether the limits allow a purchase, whatever became of those that had no answer.
    pub(crate) fn may_buy(&self) -> bool {
        let rules = self.rules();
        !self.stock.closed
            && self.purchases < rules.max_purchases
            && self.held + self.purchases < rules.max_numbers
    }

    /// Points so many of our numbers that do not lead to the other functions (any more) to them.
    pub(crate) async fn straighten(&mut self, most: usize) -> Result<(), Stop> {
        let (app, rules) = (self.app, self.rules());
        let mut left = most;
        while left > 0 && !self.crooked.is_empty() {
            self.check_time()?;
            let ids = self.crooked.iter().take(AT_ONCE.min(left));
            let crooked = ids.filter_map(|id| {
                let owned = self.ours.get(id)?;
                (!owned.is_wired(&rules.wiring)).then(|| (id.clone(), owned.clone()))
            });
            let (crooked, now): (Vec<_>, _) = (crooked.collect(), self.now());
            let wiring = crooked.iter().map(async |(_, owned)| {
                if rules.dry_run {
                    return Ok(owned.clone());
                }
                app.numbers.wire(owned, &rules.wiring, now).await
            });
            let wired = join_all(wiring).await;
            let tried = AT_ONCE.min(left).min(self.crooked.len());
            self.crooked.drain(..tried);
            left -= tried;
            for ((id, _), wired) in crooked.into_iter().zip(wired) {
                match wired {
                    Ok(wired) => self.rewired(&id, wired),
                    Err(error) => {
                        self.failed(&id, "rewire", error.to_string());
                        // It would be for the others too.
                        if matches!(error, CallError::Unauthorized | CallError::RateLimited) {
                            self.crooked_left |= !self.crooked.is_empty();
                            self.crooked.clear();
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn rewired(&mut self, id: &str, wired: Owned) {
        self.report.rewired.push(assigned(id, &wired.number));
        if !self.rules().dry_run {
            tracing::info!(
                "Pointed the company number ({}) of {id} to its webhooks.",
                wired.number
            );
            self.ours.insert(id.to_owned(), wired);
        }
    }

    /// Brings a user to a number, from wherever that stands; whether nothing is left to be done.
    pub(crate) async fn provide(
        &mut self,
        user: &User,
        clean: Option<&E164>,
        entry: &Entry,
    ) -> Result<bool, Stop> {
        let (app, rules, id) = (self.app, self.rules(), user.id.as_str());
        let Some((owned, new)) = self.acquire(user, entry).await? else {
            // A dry run buys nothing; otherwise the mobile does not wait for the number.
            if let Some(mobile) = clean {
                self.clean(id, mobile).await?;
            }
            return Ok(false);
        };
        if rules.dry_run {
            self.report.cleaned.extend(clean.map(|_| person(id)));
            return Ok(true);
        }
        if !owned.is_wired(&rules.wiring) {
            match app.numbers.wire(&owned, &rules.wiring, self.now()).await {
                Ok(wired) if wired.is_wired(&rules.wiring) => {
                    if self.crooked.contains(&user.id) {
                        self.rewired(id, wired);
                    }
                }
                Ok(_) => return Ok(self.unfinished(id, "wire", "Twilio keeps other webhooks")),
                Err(error) => return Ok(self.unfinished(id, "wire", error.to_string())),
            }
        }
        app.ledger.advance(id, Stage::Wired, self.now()).await?;
        if new {
            // While it was bought, somebody may have given the user a number by hand.
            let user = match self.user(id).await {
                Ok(user) => user,
                Err(error) => return self.okta_failed(id, "record", error).await.map(|()| false),
            };
            if self.plan(&user, entry).number != Number::Needed {
                return Ok(self.unfinished(
                    id,
                    "record",
                    "the user no longer needs the number just bought",
                ));
            }
        }
        self.record(id, &owned, clean).await
    }

    /// The user's number and whether it is new, or nothing if none was to be had.
    async fn acquire(&mut self, user: &User, entry: &Entry) -> Result<Option<(Owned, bool)>, Stop> {
        let (app, id) = (self.app, user.id.as_str());
        let known = match (self.ours.get(id), &entry.sid) {
            (Some(owned), _) => Some(owned.clone()),
            // Lists may lag behind.
            (None, Some(sid)) => match app.numbers.get(sid, self.now()).await {
                Ok(owned) => Some(owned).filter(|owned| decide::owner(&owned.name) == Some(id)),
                Err(CallError::NotFound) => None,
                Err(error) => {
                    self.failed(id, "buy", error.to_string());
                    return Ok(None);
                }
            },
            (None, None) => None,
        };
        match known {
            Some(owned) => self
                .adopt(id, owned, entry)
                .await
                .map(|owned| Some((owned, false))),
            None => self.buy(user, entry).await,
        }
    }

    /// Goes on with a number that is there; if its purchase had no answer, it is reported now.
    async fn adopt(&mut self, id: &str, owned: Owned, entry: &Entry) -> Result<Owned, Stop> {
        if entry.stage == Some(Stage::Planned) {
            self.bought(id, &owned).await?;
        } else if !self.rules().dry_run {
            self.app
                .ledger
                .hold(id, &owned.sid, &owned.number, Stage::Bought, self.now())
                .await?;
        }
        Ok(owned)
    }

    async fn bought(&mut self, id: &str, owned: &Owned) -> Result<(), Stop> {
        self.report.purchased.push(assigned(id, &owned.number));
        self.company.insert(owned.number.clone());
        self.owners.insert(owned.number.clone(), id.to_owned());
        self.ours.insert(id.to_owned(), owned.clone());
        if self.rules().dry_run {
            return Ok(());
        }
        tracing::info!(
            "Purchased a new company number ({}) for {id}.",
            owned.number
        );
        Ok(self
            .app
            .ledger
            .hold(id, &owned.sid, &owned.number, Stage::Bought, self.now())
            .await?)
    }

    async fn buy(&mut self, user: &User, entry: &Entry) -> Result<Option<(Owned, bool)>, Stop> {
        let (app, rules, id) = (self.app, self.rules(), user.id.as_str());
        let name = decide::name_of(id);
        if !self.may_buy() {
            self.report.remaining += 1;
            return Ok(None);
        }
        // After a number that could not be recorded, whether the next one could be is tried before it is paid for: by writing what
        // stands there. Okta might refuse a change of nothing, whoever it is for.
        if self.doubts() && !rules.dry_run {
            let standing: Option<E164> = user
                .primary_phone
                .as_deref()
                .and_then(|standing| standing.parse().ok());
            let same = [(Attribute::PrimaryPhone, standing.as_ref())];
            let tried = self.okta(async |users, now| users.update(id, &same, now).await);
            if let Err(error) = tried.await {
                return self.okta_failed(id, "record", error).await.map(|()| None);
            }
            self.succeeded("record");
        }
        // Its purchase may have happened unanswered: then nobody can buy it again, we included.
        let mut planned = entry
            .number
            .clone()
            .filter(|_| entry.stage == Some(Stage::Planned));
        let mut last = None;
        for _ in 0..CANDIDATES {
            let again = planned.is_some();
            let number = match planned.take() {
                Some(number) => number,
                None => match self.search(id).await? {
                    Some(number) => number,
                    None => return Ok(None),
                },
            };
            if rules.dry_run {
                self.purchases += 1;
                self.company.insert(number.clone());
                self.report.purchased.push(assigned(id, &number));
                return Ok(None);
            }
            if !again {
                let now = self.now();
                app.ledger.plan(id, &number, now).await?;
                self.queued.insert(id.to_owned(), epoch(now));
            }
            match app.numbers.list(Some(&name), self.now()).await {
                Ok(found) => {
                    if let Some(owned) = found.into_iter().next() {
                        self.bought(id, &owned).await?;
                        return Ok(Some((owned, true)));
                    }
                }
                Err(error) => {
                    self.stock.closed = true;
                    self.failed(id, "buy", error.to_string());
                    return Ok(None);
                }
            }
            self.purchases += 1;
            let error = match app
                .numbers
                .buy(&number, &name, &rules.wiring, self.now())
                .await
            {
                Ok(owned) => {
                    // Counted among ours from now on.
                    self.bought(id, &owned).await?;
                    return Ok(Some((owned, true)));
                }
                Err(error) => error,
            };
            if let CallError::Unknown(_) = error {
                self.failed(id, "buy", error.to_string());
                return Ok(None);
            }
            self.purchases -= 1;
            let refused = matches!(error, CallError::Refused(_) | CallError::NotFound);
            if again && refused && epoch(self.now()) < entry.planned_at + LAG {
                self.failed(
                    id,
                    "buy",
                    "it is not known yet whether the last purchase was made",
                );
                return Ok(None);
            }
            if refused || !again {
                app.ledger.forget(id, self.now()).await?;
            }
            let papers = matches!(error, CallError::Refused(code) if PAPERS.contains(&code));
            if !refused || papers && !again {
                // The same would be said to the next user.
                self.stock.closed = true;
                let demand = if papers {
                    " (an address or a bundle of documents is required)"
                } else {
                    ""
                };
                self.failed(id, "buy", format!("{error}{demand}"));
                return Ok(None);
            }
            // It is about this number; another one may be had.
            last = Some(error);
        }
        let gone = matches!(last, Some(CallError::Refused(code)) if GONE.contains(&code));
        let reason = last.filter(|_| !gone).map_or(
            "others were quicker to buy the numbers found".to_owned(),
            |error| error.to_string(),
        );
        // Whatever Twilio has against five numbers, it has against the next.
        self.stock.closed = !gone;
        self.failed(id, "buy", reason);
        Ok(None)
    }

    async fn search(&mut self, id: &str) -> Result<Option<E164>, Stop> {
        let app = self.app;
        let reason = loop {
            if let Some(number) = self.stock.found.pop_front() {
                return Ok(Some(number));
            }
            let Some(area) = self.stock.areas.front().cloned() else {
                break if self.stock.needs_address {
                    "all numbers found require an address".to_owned()
                } else {
                    "no number is available in AREA_PREFIXES".to_owned()
                };
            };
            self.check_time()?;
            let now = self.now();
            let looked = self
                .stock
                .look(&area, &app.numbers, &app.rules.country, now);
            if let Err(error) = looked.await {
                break error.to_string();
            }
        };
        self.stock.closed = true;
        self.failed(id, "search", reason);
        Ok(None)
    }

    /// Writes the number, and the mobile, into the profile.
    async fn record(
        &mut self,
        id: &str,
        owned: &Owned,
        clean: Option<&E164>,
    ) -> Result<bool, Stop> {
        let app = self.app;
        // Alone: a mobile that comes from another directory, and cannot be written, must not keep the number out.
        let user = match self
            .change(id, &[(Attribute::PrimaryPhone, Some(&owned.number))])
            .await
        {
            Ok(user) => user,
            Err(error) => return self.okta_failed(id, "record", error).await.map(|()| false),
        };
        self.succeeded("record");
        if user.primary_phone.as_deref() != Some(owned.number.reveal()) {
            return Ok(self.unfinished(id, "record", "Okta keeps another number"));
        }
        app.ledger.advance(id, Stage::Recorded, self.now()).await?;
        match clean {
            Some(mobile) => self.clean(id, mobile).await,
            None => Ok(true),
        }
    }

    /// Rewrites a mobile in E.164; whether that was done.
    pub(crate) async fn clean(&mut self, id: &str, mobile: &E164) -> Result<bool, Stop> {
        if self.rules().dry_run {
            self.report.cleaned.push(person(id));
            return Ok(true);
        }
        match self
            .change(id, &[(Attribute::MobilePhone, Some(mobile))])
            .await
        {
            Ok(user) if user.mobile_phone.as_deref() == Some(mobile.reveal()) => {
                self.succeeded("clean");
                self.cleaned(id, mobile);
                Ok(true)
            }
            Ok(_) => Ok(self.unfinished(id, "clean", "Okta keeps another number")),
            Err(error @ Okta::Refused(_)) => {
                self.app.ledger.note_unwritable(id, self.now()).await?;
                self.okta_failed(id, "clean", error).await.map(|()| true)
            }
            Err(error) => self.okta_failed(id, "clean", error).await.map(|()| false),
        }
    }

    fn cleaned(&mut self, id: &str, mobile: &E164) {
        tracing::info!("Cleaned up the formatting of a phone number ({mobile}) for {id}.");
        self.report.cleaned.push(person(id));
    }

    /// Changes a profile; without an answer, what it is now tells.
    async fn change(&self, id: &str, changes: &[(Attribute, Option<&E164>)]) -> Result<User, Okta> {
        let change = self.okta(async |users, now| users.update(id, changes, now).await);
        match change.await {
            Err(error @ Okta::Unavailable(_)) => {
                let user = self.user(id).await.map_err(|_| error.clone())?;
                let made = changes.iter().all(|(attribute, number)| {
                    let now = match attribute {
                        Attribute::PrimaryPhone => &user.primary_phone,
                        Attribute::MobilePhone => &user.mobile_phone,
                    };
                    now.as_deref() == number.map(E164::reveal)
                });
                if made { Ok(user) } else { Err(error) }
            }
            result => result,
        }
    }

    /// Puts the entry right of a user who needs nothing: an earlier run ended before it could, or the user came back in time.
    pub(crate) async fn settle(&mut self, user: &User, entry: &Entry) -> Result<(), Stop> {
        let Some(owned) = self.ours.get(&user.id).filter(|_| !self.rules().dry_run) else {
            return Ok(());
        };
        let recorded = user.primary_phone.as_deref() == Some(owned.number.reveal());
        let stage = if recorded {
            Stage::Recorded
        } else {
            Stage::Wired
        };
        let open = entry.stage.is_some_and(|known| known != stage) || entry.gone_since.is_some();
        if open {
            self.app
                .ledger
                .hold(&user.id, &owned.sid, &owned.number, stage, self.now())
                .await?;
        }
        Ok(())
    }

    /// A user who is gone (`None`: Okta has nobody with this id); whether nothing is left to be done.
    pub(crate) async fn farewell(
        &mut self,
        id: &str,
        user: Option<&User>,
        entry: &Entry,
    ) -> Result<bool, Stop> {
        let (app, rules) = (self.app, self.rules());
        let Some(days) = rules.release_after_days else {
            return Ok(true);
        };
        let sid = match (self.ours.get(id), &entry.sid, entry.stage) {
            (Some(owned), ..) => owned.sid.clone(),
            (None, Some(sid), Some(Stage::Releasing)) => sid.clone(),
            _ => return Ok(true),
        };
        match decide::farewell(user, entry.gone_since, days, self.now()) {
            Farewell::Keep => return Ok(true),
            Farewell::Wait(since) => {
                let told = user.is_some_and(|user| user.status_changed.is_some());
                if !told && entry.gone_since.is_none() && !rules.dry_run {
                    let now = self.now();
                    app.ledger.note_absence(id, since, now).await?;
                    self.queued.insert(id.to_owned(), epoch(now));
                }
                return Ok(told);
            }
            Farewell::Release => {}
        }
        // There is no undoing it: the number is looked at again.
        let owned = match app.numbers.get(&sid, self.now()).await {
            Ok(owned) if decide::owner(&owned.name) == Some(id) => Some(owned),
            Ok(_) => return Ok(true),
            Err(CallError::NotFound) => None,
            Err(error) => return Ok(self.unfinished(id, "release", error.to_string())),
        };
        let Some(number) = owned
            .as_ref()
            .map(|owned| owned.number.clone())
            .or_else(|| entry.number.clone())
        else {
            return Ok(true);
        };
        let found = self
            .okta(async |users, now| users.by_phone(Attribute::PrimaryPhone, &number, now).await);
        match found.await {
            Ok(found) if is_used_by_another(&found, id) => {
                self.skip(id, "number_in_use_by_another");
                return Ok(true);
            }
            Ok(_) => {}
            Err(error) => return self.okta_failed(id, "release", error).await.map(|()| false),
        }
        if !rules.dry_run {
            if owned.is_some() {
                let now = self.now();
                app.ledger.release(id, &sid, &number, now).await?;
                self.queued.insert(id.to_owned(), epoch(now));
                match app.numbers.release(&sid, self.now()).await {
                    Ok(()) | Err(CallError::NotFound) => {}
                    Err(error) => return Ok(self.unfinished(id, "release", error.to_string())),
                }
            }
            app.ledger.released(id, &number, self.now()).await?;
            tracing::info!("Released the company number ({number}) of {id}.");
        }
        self.ours.remove(id);
        self.owners.remove(&number);
        self.report.released.push(assigned(id, &number));
        Ok(true)
    }

    fn unfinished(&mut self, id: &str, step: &'static str, reason: impl Into<String>) -> bool {
        self.failed(id, step, reason);
        false
    }
}

/// Whether somebody else who has not left has the number in the profile.
fn is_used_by_another(found: &Found, id: &str) -> bool {
    let other = |user: &User| user.id != id && user.status != Status::Deprovisioned;
    match found {
        Found::Nobody => false,
        Found::One(user) => other(user),
        Found::Several(users) => users.iter().any(other),
    }
}

fn assigned(id: &str, number: &E164) -> Assigned {
    Assigned {
        user: id.to_owned(),
        number: number.reveal().to_owned(),
    }
}

fn person(id: &str) -> Person {
    Person {
        user: id.to_owned(),
    }
}
