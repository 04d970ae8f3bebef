//! Replies to a request that waits: hold, confirm or list, release.

use std::collections::BTreeMap;

use shared::rules::pending::{self, Hold};
use stateright::Property;

use crate::mail::{phone, request};
use crate::table::Reply as Said;
use crate::tape::{Call, Code, Wire, at};
use crate::world::{Doubt, Explored, Protocol, World};

const PATIENCE: u64 = 12;
const LEASE: u64 = PATIENCE + 2;

/// The promise about two replies.
pub const ONE_REPLY: &str = "a request is confirmed once, unless the answer is lost";

/// Caller 0 is a mail that adds a request, and after that a newer mail for the same account. The
/// other callers are replies.
#[derive(Debug)]
pub struct Reply {
    /// How many replies come.
    pub replies: usize,
}

/// What the tenant has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// How often the link of each mail was followed with success.
    confirmed: BTreeMap<String, u8>,
    /// How often that was not stored: the answer was lost, the instance ended, or the release was
    /// lost or late.
    unrecorded: BTreeMap<String, u8>,
    /// The mail whose link the instance of a caller has followed.
    open: BTreeMap<usize, String>,
}

impl Protocol for Reply {
    type Seen = Seen;

    fn callers(&self) -> usize {
        1 + self.replies
    }

    fn seconds(&self) -> Vec<u64> {
        vec![1_000, 1_000 + LEASE + 6]
    }

    fn patience(&self) -> u64 {
        PATIENCE
    }

    fn code(&self, caller: usize, attempt: u8, now: u64, wire: Wire) -> Code {
        let owner = format!("caller {caller}, instance {attempt}");
        if caller == 0 {
            return Box::pin(async move {
                let mail = format!("mail {attempt}");
                let request = request(&mail, "slot", &owner, 900 + u64::from(attempt), now);
                let table = wire.table();
                match table.update(pending::add(&phone(), &request)).await {
                    Ok(_) => "added".to_owned(),
                    Err(_) => "unavailable".to_owned(),
                }
            });
        }
        Box::pin(async move { answer(&owner, &wire, now).await })
    }

    fn results(&self, call: &Call, caller: usize, world: &World<Self>) -> Vec<(Said, Seen)> {
        let mut confirmed = world.seen.clone();
        *confirmed.confirmed.entry(call.target.clone()).or_default() += 1;
        confirmed.open.insert(caller, call.target.clone());
        vec![
            (Said::word("confirmed"), confirmed),
            (Said::word("unclear"), world.seen.clone()),
        ]
    }

    fn in_doubt(&self, seen: &mut Seen, _: Doubt, caller: usize) {
        if let Some(mail) = seen.open.remove(&caller) {
            *seen.unrecorded.entry(mail).or_default() += 1;
        }
    }

    fn answered(&self, seen: &mut Seen, caller: usize, _: &str) {
        seen.open.remove(&caller);
    }

    fn is_achieved(&self, world: &World<Self>) -> bool {
        !world.seen.confirmed.is_empty()
    }

    fn promises() -> Vec<Property<Explored<Self>>> {
        vec![
            Property::always(ONE_REPLY, |_, world: &World<Self>| {
                let doubts = |mail| world.seen.unrecorded.get(mail).copied().unwrap_or_default();
                let mut all = world.seen.confirmed.iter();
                all.all(|(mail, times)| *times <= 1 + doubts(mail))
            }),
            Property::always(
                "who reads that the account is confirmed is right",
                |_, world: &World<Self>| {
                    let says = |answer: &Option<String>| answer.as_deref() == Some("confirmed");
                    let is_said = world.callers.iter().any(|caller| says(&caller.answer));
                    !is_said || !world.seen.confirmed.is_empty()
                },
            ),
            Property::always(
                "no request is held for ever: a reply confirms it in the end",
                Explored::ends_well,
            ),
            Property::sometimes("both mails are confirmed", |_, world: &World<Self>| {
                world.seen.confirmed.len() > 1
            }),
        ]
    }
}

async fn answer(owner: &str, wire: &Wire, now: u64) -> String {
    let (table, phone) = (wire.table(), phone());
    let held = pending::hold(&table, &phone, owner, now + LEASE, at(now)).await;
    let mut held = match held {
        Ok(Hold::Held(held)) => held,
        Ok(Hold::Nothing) => return "nothing".to_owned(),
        Ok(Hold::Busy) => return "busy".to_owned(),
        Err(_) => return "unavailable".to_owned(),
    };
    let Some(id) = held.requests.first().map(|request| request.id.clone()) else {
        return "nothing".to_owned();
    };
    let said = match wire.effect(&id).await.as_deref() {
        Some("confirmed") => {
            held.remove(&id);
            "confirmed"
        }
        _ => "unclear",
    };
    let _ = held.release(&table).await;
    said.to_owned()
}
