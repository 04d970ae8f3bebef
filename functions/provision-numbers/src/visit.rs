//! One user: read, and given what is missing.

use shared::vendors::okta::CallError;
use shared::vendors::okta::user::{Status, User};

use crate::ledger::{Entry, Stage};
use crate::plan::{self, Number, Plan};
use crate::run::{Run, Stop};

impl Run<'_> {
    /// Handles a user from Okta's list.
    pub(crate) async fn visit(&mut self, listed: &User) -> Result<(), Stop> {
        let id = listed.id.as_str();
        let mut entry = Entry::default();
        let mut plan = self.plan(listed, &entry);
        // Okta keeps primaryPhone of a deactivated user. If the user returns, it may name a number
        // that we have released.
        let is_foreign = |number| !self.company_numbers.account_numbers.contains(&number);
        let returned = plan.number == Number::Nothing
            && listed.status == Status::Active
            && plan::primary_number(listed).is_some_and(is_foreign)
            && self.settings.release_after_days.is_some();
        let needed = plan.number == Number::Needed && !self.is_deferred(id, &plan, &entry);
        if needed || returned || plan.changes_mobile() {
            entry = self.ledger().entry(id).await?;
            plan = self.plan(listed, &entry);
        }
        let deferred = self.is_deferred(id, &plan, &entry);
        if !plan.changes_mobile() && (deferred || plan.number != Number::Needed) {
            self.report(id, &plan, deferred);
            return Ok(());
        }
        match self.user(id).await {
            Ok(user) => {
                self.succeeded("read");
                if self.bring_up_to_date(&user, &entry).await? {
                    self.dequeue(id).await?;
                }
                Ok(())
            }
            Err(CallError::NotFound) => Ok(()),
            Err(error) => self.okta_failed(id, "read", error).await.map(drop),
        }
    }

    /// Handles a queued user.
    pub(crate) async fn visit_queued(&mut self, id: &str) -> Result<(), Stop> {
        let entry = self.ledger().entry(id).await?;
        let user = match self.user(id).await {
            Ok(user) => Some(user),
            Err(CallError::NotFound) => None,
            Err(error) => return self.okta_failed(id, "read", error).await.map(drop),
        };
        self.succeeded("read");
        let done = match user {
            Some(user) if user.status != Status::Deprovisioned => {
                self.bring_up_to_date(&user, &entry).await?
            }
            gone => self.release_if_departed(id, gone.as_ref(), &entry).await?,
        };
        if done {
            self.dequeue(id).await?;
        }
        Ok(())
    }

    /// Does what a user needs who has just been read. Returns true if nothing is left to do.
    async fn bring_up_to_date(&mut self, user: &User, entry: &Entry) -> Result<bool, Stop> {
        let id = user.id.as_str();
        let plan = self.plan(user, entry);
        let deferred = self.is_deferred(id, &plan, entry);
        self.report(id, &plan, deferred);
        if let (Some(mobile), Some(written)) = (&plan.national, &user.mobile_phone) {
            self.ledger().note_mobile(id, mobile, written).await?;
        }
        if plan.number == Number::Needed && !deferred {
            return self.provide(user, plan.clean.as_ref(), entry).await;
        }
        self.settle(user, entry).await?;
        Ok(self.clean(id, plan.clean.as_ref()).await? && !deferred)
    }

    /// Corrects the record of a user who needs nothing: an earlier run ended too soon, the user came
    /// back in time, or somebody handed the number over at Twilio and in Okta.
    async fn settle(&mut self, user: &User, entry: &Entry) -> Result<(), Stop> {
        let Some(owned) = self.company_numbers.assigned.get(&user.id) else {
            return Ok(());
        };
        let recorded = user.primary_phone.as_deref() == Some(owned.number.reveal());
        let stage = if recorded {
            Stage::Recorded
        } else {
            Stage::Wired
        };
        let open = entry.stage != Some(stage) || entry.gone_since.is_some();
        if open {
            self.ledger().hold(&user.id, owned, stage).await?;
        }
        Ok(())
    }

    /// True if a user who needs a number must wait for another run: no number waits for this user,
    /// and no more may be bought.
    fn is_deferred(&self, id: &str, plan: &Plan, entry: &Entry) -> bool {
        plan.number == Number::Needed
            && !self.company_numbers.assigned.contains_key(id)
            && entry.sid.is_none()
            && !self.may_buy()
    }

    fn report(&mut self, id: &str, plan: &Plan, deferred: bool) {
        self.report.remaining += u64::from(deferred);
        if let Number::Skipped(reason) = plan.number {
            self.report.skip(id, reason);
        }
    }
}
