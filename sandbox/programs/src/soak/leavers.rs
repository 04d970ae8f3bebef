//! How a round plays employees who leave, and some who come back.

use std::time::{Duration, Instant};

use sandbox::HOOK_TOKEN;
use serde_json::Value;

use super::world::World;

/// `RELEASE_AFTER_DAYS`.
pub(super) const RELEASE_AFTER: &str = "1";
/// How long ago an employee left whose number is released now: longer than that.
const LONG_AGO: Duration = Duration::from_hours(48);
/// How often a run is asked to buy a number for an employee who is going to leave.
const RUNS: usize = 6;
/// Another run may be in progress.
const PAUSE: Duration = Duration::from_millis(300);

/// What an employee who leaves does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) mobile: String,
    pub(super) customer: String,
    /// True if the employee left long ago, so that the number is released.
    pub(super) is_released: bool,
    /// True if a customer's text was forwarded to the employee before.
    pub(super) is_known: bool,
    pub(super) comes_back: bool,
}

/// An employee who has left.
#[derive(Clone, Debug)]
pub(super) struct Leaver {
    pub(super) id: String,
    pub(super) plan: Plan,
    /// The company number that the employee had. `None`: none was bought in time.
    pub(super) number: Option<String>,
    pub(super) left: Instant,
    /// The numbers at which a customer's call rang after that.
    pub(super) rang: Vec<String>,
    pub(super) came_back: Option<Instant>,
}

impl Plan {
    /// A text that a customer sent before the employee left.
    pub(super) fn early(&self) -> String {
        format!("Early question to {}!", self.name)
    }

    /// A text that a customer sent after the employee left.
    pub(super) fn late(&self) -> String {
        format!("Late question to {}!", self.name)
    }

    /// A text that the employee sent the customer through the company number after that.
    pub(super) fn farewell(&self) -> String {
        format!("Farewell of {}!", self.name)
    }
}

impl World {
    /// Somebody is hired, gets a number, and leaves.
    pub(super) async fn leave(&self, plan: &Plan) {
        let (okta, twilio) = (&self.sandbox.okta, &self.sandbox.twilio);
        let (mobile, customer) = (plan.mobile.as_str(), plan.customer.as_str());
        self.note(|asked| {
            let numbers = [mobile, customer].map(str::to_owned);
            asked.strangers.extend(numbers);
        });
        let id = okta.hire(&plan.name, mobile, "");
        self.tell_okta_event("user.lifecycle.activate", &id).await;
        let number = self.bought(&id).await;
        if let Some(number) = number.as_deref().filter(|_| plan.is_known) {
            twilio.text(customer, number, &plan.early()).await;
        }
        let left = Instant::now();
        okta.set_status(&id, "DEPROVISIONED");
        if plan.is_released {
            okta.set_status_changed(&id, sandbox::now().saturating_sub(LONG_AGO));
        }
        let at = self.note(|asked| {
            asked.leavers.push(Leaver {
                id: id.clone(),
                plan: plan.clone(),
                number: number.clone(),
                left,
                rang: vec![],
                came_back: None,
            });
            asked.leavers.len() - 1
        });
        self.tell_okta_event("user.lifecycle.deactivate", &id).await;
        if let Some(number) = &number {
            twilio.text(customer, number, &plan.late()).await;
            let farewell = format!("{customer}: {}", plan.farewell());
            twilio.text(mobile, number, &farewell).await;
            let call = twilio.caller(customer).call(number).await;
            let rang = call.dialled.into_iter().map(|dialled| dialled.number);
            self.note(|asked| asked.leavers[at].rang = rang.collect());
        }
        self.provision().await;
        if plan.comes_back {
            okta.set_status(&id, "ACTIVE");
            self.note(|asked| asked.leavers[at].came_back = Some(Instant::now()));
            self.tell_okta_event("user.lifecycle.activate", &id).await;
        }
    }

    /// Okta tells `provision-numbers` of an event about this employee.
    pub(super) async fn tell_okta_event(&self, event: &str, id: &str) {
        let url = format!("{}okta", self.url("provision-numbers"));
        let okta = &self.sandbox.okta;
        okta.deliver_event(&url, HOOK_TOKEN, event, id).await;
    }

    /// The number that runs buy for this employee; `None` if they do not in time.
    async fn bought(&self, id: &str) -> Option<String> {
        for _ in 0..RUNS {
            self.provision().await;
            let user = self.sandbox.okta.user(id)?;
            let number = user.profile.get("primaryPhone").and_then(Value::as_str);
            if let Some(number) = number {
                return Some(number.to_owned());
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }
}
