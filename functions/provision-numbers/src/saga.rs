//! The stages of a number: planned, bought, wired, recorded, and later releasing, released.
//!
//! The ledger stores each step, before or after it is done. The process may end at any point. What
//! the next run then does:
//!
//! * After "planned" no number at Twilio has the user's name. The run buys the planned number.
//!   Twilio does not sell a number twice.
//! * After the purchase, answered or not, it finds the number by the user's name, or by its SID in
//!   the ledger. It continues with that number.
//! * If the purchase had no answer and no list shows the number yet, the planned number cannot be
//!   bought. The run waits ten minutes before it plans another.
//! * After "bought" or "wired" it finds the number in the same way. It checks the webhooks and
//!   records the number. Both may be done twice.
//! * After the change of the profile, answered or not, the number is in the profile. Nothing is
//!   left to do.
//! * After "releasing" or its `DELETE` it finds the number or not. It decides again, or writes that
//!   the number is released.

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

/// How many numbers to try if other customers buy them first. After that the user waits for the
/// next run.
const CANDIDATES: usize = 5;
/// How many numbers to request in addition to those already shown.
const MORE: usize = 20;
/// How many numbers get new webhooks at the same time.
const AT_ONCE: usize = 10;
/// Seconds until Twilio's lists surely show a purchase.
const LAG: u64 = 600;
/// The number is not available: it does not exist, it is sold, or there is none in the area.
const GONE: [u32; 3] = [21421, 21422, 21452];
/// Twilio requires an address, a bundle of documents, or both.
const PAPERS: [u32; 4] = [21615, 21631, 21649, 21651];

/// The numbers for sale, searched area by area when needed.
pub(crate) struct Stock {
    areas: VecDeque<String>,
    found: VecDeque<E164>,
    /// The numbers found so far in the first area. A later search may find bought numbers again,
    /// and may find more.
    shown: HashSet<E164>,
    /// True if numbers were left out because they require an address.
    needs_address: bool,
    /// True if this run buys no more: the next user would get the same error.
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
    /// True if the limits allow a purchase. Purchases without an answer count as made.
    pub(crate) fn may_buy(&self) -> bool {
        let rules = self.rules();
        !self.stock.closed
            && self.purchases < rules.max_purchases
            && self.held + self.purchases < rules.max_numbers
    }

    /// Sets the webhooks of at most `most` of our numbers that do not point to the other functions.
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
                        // The other numbers would fail too.
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

    /// Gives a user a number, continuing from the current stage. Returns true if nothing is left to
    /// do.
    pub(crate) async fn provide(
        &mut self,
        user: &User,
        clean: Option<&E164>,
        entry: &Entry,
    ) -> Result<bool, Stop> {
        let (app, rules, id) = (self.app, self.rules(), user.id.as_str());
        let Some((owned, new)) = self.acquire(user, entry).await? else {
            // A dry run buys nothing. In a real run the mobile number is rewritten now: it need not
            // wait for the purchase.
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
            // During the purchase an administrator may have given the user a number by hand.
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

    /// The user's number, and true if it is new. `None` if there is none.
    async fn acquire(&mut self, user: &User, entry: &Entry) -> Result<Option<(Owned, bool)>, Stop> {
        let (app, id) = (self.app, user.id.as_str());
        let known = match (self.ours.get(id), &entry.sid) {
            (Some(owned), _) => Some(owned.clone()),
            // Twilio's lists may lag behind.
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

    /// Continues with a number that exists. If its purchase had no answer, it is reported now.
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
        // The first purchase may have succeeded although no answer came. Buying the same number
        // again is safe: Twilio rejects it.
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
                    // `bought` counts it among our numbers, so it leaves `purchases`.
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
                // The next user would get the same answer.
                self.stock.closed = true;
                let demand = if papers {
                    " (an address or a bundle of documents is required)"
                } else {
                    ""
                };
                self.failed(id, "buy", format!("{error}{demand}"));
                return Ok(None);
            }
            // The error is about this number. Another one may be available.
            last = Some(error);
        }
        let gone = matches!(last, Some(CallError::Refused(code)) if GONE.contains(&code));
        let reason = last.filter(|_| !gone).map_or(
            "others were quicker to buy the numbers found".to_owned(),
            |error| error.to_string(),
        );
        // If Twilio rejects five numbers for another reason, it would reject the next.
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

    /// Writes the number into the profile, and then the mobile number.
    async fn record(
        &mut self,
        id: &str,
        owned: &Owned,
        clean: Option<&E164>,
    ) -> Result<bool, Stop> {
        let app = self.app;
        // In its own call: a mobile number from another directory cannot be written, and must not
        // prevent this change.
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

    /// Rewrites a mobile number in E.164. Returns true if nothing is left to do.
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

    /// Changes a profile. If no answer comes, reads the profile to see whether the change was made.
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

    /// Corrects the record of a user who needs nothing: an earlier run ended too soon, or the user
    /// came back in time.
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

    /// Handles a user who has left (`None`: Okta has no user with this id). Returns true if nothing
    /// is left to do.
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
        // A release cannot be undone, so read the number again.
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

/// True if the profile of another user, who has not left, contains the number.
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
