//! What must be true of the company numbers of employees who leave.

use std::time::{Duration, Instant};

use sandbox::{twilio::Owned, wire::Exchange};
use serde_json::Value;

use super::company;
use crate::soak::{
    leavers::Leaver,
    world::{Asked, World},
};

/// A run may have read the user before it released the number, and then waited for the table.
const PREPARES: Duration = Duration::from_secs(10);
const GONE: &str = "DEPROVISIONED";

pub(super) fn judge(world: &World, asked: &Asked, broken: &mut Vec<String>) {
    let (owned, released) = (
        world.sandbox.twilio.owned(),
        world.sandbox.twilio.released(),
    );
    let wire = Wire {
        twilio: world.sandbox.twilio.server().exchanges(),
        okta: world.sandbox.okta.server().exchanges(),
    };
    let named = |numbers: &[Owned], id: &str| -> Vec<Owned> {
        let name = format!("switchboard:{id}");
        let numbers = numbers.iter();
        numbers
            .filter(|number| number.field("FriendlyName") == name)
            .cloned()
            .collect()
    };
    for leaver in &asked.leavers {
        let released = named(&released, &leaver.id);
        let kept = named(&owned, &leaver.id).len();
        broken.extend(numbers(leaver, kept, released.len(), world.is_calm));
        let known = |at| wire.status(&leaver.id, at);
        for number in &released {
            broken.extend(release(leaver, wire.release(&number.sid), known));
        }
        for bought in wire.purchases(&leaver.id) {
            broken.extend(purchase(leaver, known(bought).as_deref()));
        }
        texts(world, leaver, broken);
    }
    // These work here to the end.
    for id in &asked.hired {
        if !named(&released, id).is_empty() {
            broken.push(format!(
                "the number of {id} was released, who still works here"
            ));
        }
    }
}

/// A text was under way while the number of somebody who left was released: Twilio takes none from it then.
pub(super) fn was_under_way(complaint: &str, leavers: &[Leaver]) -> bool {
    let released = leavers.iter().filter(|leaver| leaver.plan.is_released);
    let mut numbers = released.filter_map(|leaver| leaver.number.as_deref());
    complaint.starts_with("21606 ") && numbers.any(|number| complaint.contains(number))
}

/// The most numbers that may be bought for these people.
pub(super) fn most(leavers: &[Leaver]) -> usize {
    leavers
        .iter()
        .map(|leaver| 1 + usize::from(leaver.came_back.is_some()))
        .sum()
}

/// What went over the wire about numbers and users.
struct Wire {
    twilio: Vec<Exchange>,
    okta: Vec<Exchange>,
}

impl Wire {
    /// When the first request to release this number began.
    fn release(&self, sid: &str) -> Option<Instant> {
        let path = format!("/{sid}.json");
        let mut all = self.twilio.iter();
        let found = all.find(|one| one.method == "DELETE" && one.target.ends_with(&path));
        found.map(|one| one.started)
    }

    /// When each purchase for this user began.
    fn purchases(&self, id: &str) -> impl Iterator<Item = Instant> {
        let name = format!("switchboard%3A{id}");
        let is_one = move |one: &&Exchange| {
            one.method == "POST"
                && one.target.ends_with("/IncomingPhoneNumbers.json")
                && String::from_utf8_lossy(&one.request).contains(&name)
        };
        self.twilio.iter().filter(is_one).map(|one| one.started)
    }

    /// The status of the user in the last answer before this moment.
    fn status(&self, id: &str, before: Instant) -> Option<String> {
        let path = format!("/api/v1/users/{id}");
        let reads = self.okta.iter().filter(|one| {
            one.method == "GET" && one.target == path && one.started + one.took <= before
        });
        let answers = reads.filter_map(|one| {
            let user: Value = serde_json::from_slice(&one.response).ok()?;
            Some((one.started + one.took, user["status"].as_str()?.to_owned()))
        });
        answers.max_by_key(|(at, _)| *at).map(|(_, status)| status)
    }
}

/// An employee has one number at most. That of somebody who left long ago is released once, and no
/// other one is. If nothing is broken, it is, and who is back has one.
fn numbers(leaver: &Leaver, kept: usize, released: usize, is_calm: bool) -> Option<String> {
    let is_back = leaver.came_back.is_some();
    let most = usize::from(leaver.plan.is_released);
    let is_right = kept <= 1
        && released <= most
        && kept + released <= 1 + usize::from(is_back && leaver.plan.is_released)
        && !(is_calm && kept != usize::from(is_back || !leaver.plan.is_released))
        && !(is_calm && leaver.number.is_none());
    let id = &leaver.id;
    (!is_right)
        .then(|| format!("{id} has {kept} numbers, and {released} were released: {leaver:?}"))
}

/// A number is released only if Okta has just said that its employee is gone. `begun`: when the
/// request to release it began. `known`: what Okta's last answer before a moment said.
fn release(
    leaver: &Leaver,
    begun: Option<Instant>,
    known: impl Fn(Instant) -> Option<String>,
) -> Option<String> {
    let begun = begun?;
    let is_known = known(begun).as_deref() == Some(GONE);
    let is_old = leaver.came_back.is_some_and(|back| back + PREPARES < begun);
    let id = &leaver.id;
    (begun < leaver.left || !is_known || is_old).then(|| {
        format!("the number of {id} was released, and Okta had not just said that {id} is gone")
    })
}

/// A number is bought only for somebody whom Okta has called active. `known`: what Okta's last
/// answer before that said.
fn purchase(leaver: &Leaver, known: Option<&str>) -> Option<String> {
    let id = &leaver.id;
    (known != Some("ACTIVE")).then(|| format!("a number was bought for {id}, who is {known:?}"))
}

/// The number of somebody who left reaches nobody, and nobody texts from it. If a text was forwarded
/// before, an instance may remember the employee for a minute, and the table has a copy for outages of
/// Okta.
fn texts(world: &World, leaver: &Leaver, broken: &mut Vec<String>) {
    let plan = &leaver.plan;
    let messages = world.sandbox.twilio.messages();
    let reached = |body: &str| -> Vec<String> {
        let texts = messages.iter().filter(|text| text.body.contains(body));
        texts.map(|text| text.to.clone()).collect()
    };
    let must_arrive = world.is_calm && plan.is_known && leaver.number.is_some();
    forwarded(
        &plan.early(),
        &reached(&plan.early()),
        &plan.mobile,
        must_arrive,
        broken,
    );
    for (body, to) in [
        (plan.late(), &plan.mobile),
        (plan.farewell(), &plan.customer),
    ] {
        after(&body, &reached(&body), to, plan.is_known, broken);
    }
    let call = format!("a call to {}", plan.name);
    after(&call, &leaver.rang, &plan.mobile, plan.is_known, broken);
}

fn forwarded(
    body: &str,
    reached: &[String],
    to: &str,
    must_arrive: bool,
    broken: &mut Vec<String>,
) {
    let reached: Vec<_> = reached.iter().map(String::as_str).collect();
    company::text(body, &reached, to, must_arrive, broken);
}

/// A text or a call after the employee left.
fn after(body: &str, reached: &[String], to: &str, is_known: bool, broken: &mut Vec<String>) {
    if is_known {
        forwarded(body, reached, to, false, broken);
    } else if !reached.is_empty() {
        broken.push(format!(
            "{body:?} reached {reached:?} after the employee had left"
        ));
    }
}

#[cfg(test)]
mod tests;
