//! One user's way to a number: planned, bought, wired, recorded.
//!
//! The ledger stores each step, before or after it is done. The process may end at any point. What
//! the next run then does:
//!
//! * After "planned" no number at Twilio has the user's name. The run buys the planned number.
//!   Twilio does not sell a number twice.
//! * After the purchase, answered or not, it finds the number by the user's name, or by its SID in
//!   the ledger. It continues with that number.
//! * If the purchase had no answer and no list shows the number yet, the planned number cannot be
//!   bought. Ten minutes after the last purchase that may have been made, a run plans another.
//! * After "bought" or "wired" it finds the number in the same way. It checks the webhooks and
//!   records the number. Both may be done twice.
//! * After the change of the profile, answered or not, the number is in the profile. Nothing is
//!   left to do.

use std::fmt::Display;

use shared::platform::time::epoch;
use shared::rules::phone::E164;
use shared::vendors::okta::CallError as Okta;
use shared::vendors::okta::user::{Attribute, User};
use shared::vendors::twilio::number::Owned;
use shared::vendors::twilio::numbers::CallError;

use crate::company_numbers::{name_of, owner};
use crate::ledger::{Entry, Stage};
use crate::plan::{Number, primary_number};
use crate::report::{Assigned, Person};
use crate::run::{Run, Stop};

/// How many numbers to try if other customers buy them first. After that the user waits for the
/// next run.
const CANDIDATES: usize = 5;
/// Seconds until Twilio's lists surely show a purchase.
const LAG: u64 = 600;
/// The number is not available: it does not exist, it is sold, or there is none in the area.
const GONE: [u32; 3] = [21421, 21422, 21452];
/// Twilio requires an address, a bundle of documents, or both.
const PAPERS: [u32; 4] = [21615, 21631, 21649, 21651];

impl Run<'_> {
    /// True if the limits allow a purchase. Purchases without an answer count as made.
    pub(crate) fn may_buy(&self) -> bool {
        let (stock, settings) = (&self.stock, self.settings);
        !stock.closed
            && stock.purchases < settings.max_purchases
            && self.company_numbers.owned_count + stock.purchases < settings.max_numbers
    }

    /// Gives a user a number, continuing from the current stage. Returns true if nothing is left to
    /// do.
    pub(crate) async fn provide(
        &mut self,
        user: &User,
        clean: Option<&E164>,
        entry: &Entry,
    ) -> Result<bool, Stop> {
        let (webhooks, id) = (&self.settings.webhooks, user.id.as_str());
        let Some(owned) = self.acquire(user, entry).await? else {
            // A dry run buys nothing. In a real run the mobile number is rewritten now: it need not
            // wait for the purchase.
            self.clean(id, clean).await?;
            return Ok(false);
        };
        if self.settings.dry_run {
            return self.clean(id, clean).await;
        }
        if !owned.has_webhooks(webhooks) {
            let set = self.app.numbers.set_webhooks(&owned, webhooks, self.now());
            match set.await {
                Ok(owned) if !owned.has_webhooks(webhooks) => {
                    return Ok(self.report.fail(id, "wire", "Twilio keeps other webhooks"));
                }
                Ok(owned) if self.misdirected.contains(&user.id) => self.rewired(id, owned),
                Ok(_) => {}
                Err(error) => return Ok(self.report.fail(id, "wire", error)),
            }
        }
        self.ledger().advance(id, Stage::Wired).await?;
        self.record(id, &owned.number, clean, entry).await
    }

    /// The user's number. `None` if there is none.
    async fn acquire(&mut self, user: &User, entry: &Entry) -> Result<Option<Owned>, Stop> {
        let id = user.id.as_str();
        let known = match (self.company_numbers.assigned.get(id), &entry.sid) {
            (Some(owned), _) => Some(owned.clone()),
            // Twilio's lists may lag behind.
            (None, Some(sid)) => match self.app.numbers.get(sid, self.now()).await {
                Ok(owned) => Some(owned).filter(|owned| owner(&owned.name) == Some(id)),
                Err(CallError::NotFound) => None,
                Err(error) => {
                    self.report.fail(id, "buy", error);
                    return Ok(None);
                }
            },
            (None, None) => None,
        };
        let Some(owned) = known else {
            return self.buy(user, entry).await;
        };
        // A purchase that had no answer is reported now.
        if entry.stage == Some(Stage::Planned) {
            return self.bought(id, owned).await.map(Some);
        }
        self.ledger().hold(id, &owned, Stage::Bought).await?;
        Ok(Some(owned))
    }

    async fn bought(&mut self, id: &str, owned: Owned) -> Result<Owned, Stop> {
        let number = &owned.number;
        self.report.purchased.push(Assigned::new(id, number));
        self.company_numbers.add(id, owned.clone());
        if !self.settings.dry_run {
            tracing::info!("Purchased a new company number ({number}) for {id}.");
        }
        self.ledger().hold(id, &owned, Stage::Bought).await?;
        Ok(owned)
    }

    /// Reports an error that the next user would get, too.
    fn stop_buying(&mut self, id: &str, step: &'static str, reason: impl Display) {
        self.stock.closed = true;
        self.report.fail(id, step, reason);
    }

    /// Buys a number, the planned one first.
    async fn buy(&mut self, user: &User, entry: &Entry) -> Result<Option<Owned>, Stop> {
        let (app, settings, id) = (self.app, self.settings, user.id.as_str());
        if !self.may_buy() {
            self.report.remaining += 1;
            return Ok(None);
        }
        if self.doubts() && !settings.dry_run && !self.okta_takes_numbers(id, entry).await? {
            return Ok(None);
        }
        // The first purchase may have succeeded although no answer came. Buying the same number
        // again is safe: Twilio rejects it.
        let is_planned = entry.stage == Some(Stage::Planned);
        let mut planned = entry.number.clone().filter(|_| is_planned);
        let mut last = None;
        for _ in 0..CANDIDATES {
            let again = planned.is_some();
            let Some(number) = self.candidate(id, planned.take()).await? else {
                return Ok(None);
            };
            if settings.dry_run {
                self.stock.purchases += 1;
                self.company_numbers.account_numbers.insert(number.clone());
                self.report.purchased.push(Assigned::new(id, &number));
                return Ok(None);
            }
            match self.already_bought(id).await {
                Ok(None) => {}
                Ok(Some(owned)) => return self.bought(id, owned).await.map(Some),
                Err(error) => {
                    self.stop_buying(id, "buy", error);
                    return Ok(None);
                }
            }
            self.stock.purchases += 1;
            let (name, webhooks) = (name_of(id), &settings.webhooks);
            let bought = app.numbers.buy(&number, &name, webhooks, self.now()).await;
            let error = match bought {
                Ok(owned) => return self.bought(id, owned).await.map(Some),
                Err(error) => error,
            };
            if !self.after_refusal(id, entry, again, &error).await? {
                return Ok(None);
            }
            last = Some(error);
        }
        match last {
            // If Twilio rejects five numbers for another reason, it would reject the next.
            Some(error) if !matches!(error, CallError::Refused(code) if GONE.contains(&code)) => {
                self.stop_buying(id, "buy", error);
            }
            _ => {
                let reason = "others were quicker to buy the numbers found";
                self.report.fail(id, "buy", reason);
            }
        }
        Ok(None)
    }

    /// After a number that could not be recorded: tries whether the next one could be, before it is
    /// paid for, by writing what stands there. Okta might refuse a change of nothing, whoever it is
    /// for.
    async fn okta_takes_numbers(&mut self, id: &str, entry: &Entry) -> Result<bool, Stop> {
        match self.write_primary_phone(id, None, entry).await {
            Ok(Some(_)) => {
                self.succeeded("record");
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(error) => self.okta_failed(id, "record", error).await,
        }
    }

    /// The number to buy: the planned one, or another one. It is planned now: its purchase may be
    /// made at any time from here on.
    async fn candidate(&mut self, id: &str, planned: Option<E164>) -> Result<Option<E164>, Stop> {
        let found = match planned {
            Some(number) => Some(number),
            None => self.search(id).await?,
        };
        if let Some(number) = &found {
            let now = epoch(self.now());
            self.plan_purchase(id, number, now).await?;
        }
        Ok(found)
    }

    async fn plan_purchase(&mut self, id: &str, number: &E164, at: u64) -> Result<(), Stop> {
        let ledger = self.ledger();
        ledger.plan(id, number, at).await?;
        self.note_queued(id, &ledger);
        Ok(())
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
            let (country, now) = (&self.settings.country, self.now());
            let looked = self.stock.look(&area, &app.numbers, country, now).await;
            if let Err(error) = looked {
                break error.to_string();
            }
        };
        self.stop_buying(id, "search", reason);
        Ok(None)
    }

    /// The number that a purchase without an answer may have bought.
    async fn already_bought(&self, id: &str) -> Result<Option<Owned>, CallError> {
        let name = name_of(id);
        let found = self.app.numbers.list(Some(&name), self.now()).await?;
        Ok(found.into_iter().next())
    }

    /// Handles the error of a purchase. Returns true if it is about this number, so that another
    /// one may be available.
    async fn after_refusal(
        &mut self,
        id: &str,
        entry: &Entry,
        again: bool,
        error: &CallError,
    ) -> Result<bool, Stop> {
        if let CallError::Unknown(_) = error {
            return Ok(self.report.fail(id, "buy", error));
        }
        self.stock.purchases -= 1;
        let refused = matches!(error, CallError::Refused(_) | CallError::NotFound);
        if again && refused && epoch(self.now()) < entry.planned_at + LAG {
            // This purchase was not made. An earlier one may have been.
            if let Some(number) = &entry.number {
                self.plan_purchase(id, number, entry.planned_at).await?;
            }
            let reason = "it is not known yet whether the last purchase was made";
            return Ok(self.report.fail(id, "buy", reason));
        }
        if refused || !again {
            self.ledger().forget(id).await?;
        }
        let papers = matches!(error, CallError::Refused(code) if PAPERS.contains(code));
        if refused && (again || !papers) {
            return Ok(true);
        }
        if papers {
            let demand = "an address or a bundle of documents is required";
            self.stop_buying(id, "buy", format!("{error} ({demand})"));
        } else {
            self.stop_buying(id, "buy", error);
        }
        Ok(false)
    }

    /// Writes the number into the profile, and then the mobile number.
    async fn record(
        &mut self,
        id: &str,
        number: &E164,
        clean: Option<&E164>,
        entry: &Entry,
    ) -> Result<bool, Stop> {
        // In its own call: a mobile number from another directory cannot be written, and must not
        // prevent this change.
        let written = self.write_primary_phone(id, Some(number), entry).await;
        let Some(written) = written.transpose() else {
            let reason = "the user no longer needs the number just bought";
            return Ok(self.report.fail(id, "record", reason));
        };
        let attribute = Attribute::PrimaryPhone;
        match self.confirmed(id, attribute, number, written).await {
            Err(error) => self.okta_failed(id, "record", error).await,
            Ok(user) => {
                self.succeeded("record");
                if !is_written(&user, attribute, number) {
                    return Ok(self.report.fail(id, "record", "Okta keeps another number"));
                }
                self.ledger().advance(id, Stage::Recorded).await?;
                self.clean(id, clean).await
            }
        }
    }

    /// Writes a number (`None`: what stands there) into the profile of a user who still needs one.
    /// The profile is read right before, and again after a wait for Okta's limit: an administrator
    /// may enter a number by hand meanwhile. Returns `None` if nothing was written.
    async fn write_primary_phone(
        &self,
        id: &str,
        number: Option<&E164>,
        entry: &Entry,
    ) -> Result<Option<User>, Okta> {
        let write = self.okta(async |users, now| {
            let current = users.get(id, now).await?;
            if self.plan(&current, entry).number != Number::Needed {
                return Ok(None);
            }
            let standing = primary_number(&current);
            let change = [(Attribute::PrimaryPhone, number.or(standing.as_ref()))];
            users.update(id, &change, now).await.map(Some)
        });
        write.await
    }

    /// Rewrites a mobile number in E.164. Returns true if nothing is left to do.
    pub(crate) async fn clean(&mut self, id: &str, mobile: Option<&E164>) -> Result<bool, Stop> {
        let Some(mobile) = mobile else {
            return Ok(true);
        };
        if !self.settings.dry_run {
            let attribute = Attribute::MobilePhone;
            let change = [(attribute, Some(mobile))];
            let changed = self.okta(async |users, now| users.update(id, &change, now).await);
            match self.confirmed(id, attribute, mobile, changed.await).await {
                Ok(user) if is_written(&user, attribute, mobile) => {
                    self.succeeded("clean");
                    tracing::info!(
                        "Cleaned up the formatting of a phone number ({mobile}) for {id}."
                    );
                }
                Ok(_) => return Ok(self.report.fail(id, "clean", "Okta keeps another number")),
                Err(error) => {
                    let refused = matches!(error, Okta::Refused(_));
                    if refused {
                        self.ledger().note_unwritable(id).await?;
                    }
                    self.okta_failed(id, "clean", error).await?;
                    return Ok(refused);
                }
            }
        }
        let user = id.to_owned();
        self.report.cleaned.push(Person { user });
        Ok(true)
    }

    /// The result of a change. If no answer came, reads the profile to see whether the change was
    /// made.
    async fn confirmed(
        &self,
        id: &str,
        attribute: Attribute,
        number: &E164,
        result: Result<User, Okta>,
    ) -> Result<User, Okta> {
        match result {
            Err(error @ Okta::Unavailable(_)) => match self.user(id).await {
                Ok(user) if is_written(&user, attribute, number) => Ok(user),
                _ => Err(error),
            },
            result => result,
        }
    }
}

fn is_written(user: &User, attribute: Attribute, number: &E164) -> bool {
    let text = match attribute {
        Attribute::PrimaryPhone => &user.primary_phone,
        Attribute::MobilePhone => &user.mobile_phone,
    };
    text.as_deref() == Some(number.reveal())
}
