//! A one-time code: the gateway's journal with failover between two providers.

use shared::platform::table::{Item, Table, Write};
use shared::rules::journal::{Entry, Stage};
use shared::rules::met::{Met, Repeat};
use stateright::Property;

use crate::table::Reply;
use crate::tape::{Call, Code, Wire, at};
use crate::world::{Explored, Protocol, World};

/// The time of one instance, and how long a code is remembered after that.
const PATIENCE: u64 = 10;
const LEASE: u64 = PATIENCE + 2;
const REMEMBERED: u64 = 300;

/// Copies of one code, each with its own caller.
#[derive(Debug)]
pub struct OneTimeCode {
    /// How many copies come.
    pub copies: usize,
    /// False: the answer to a provider's lost answer is the next provider. This breaks the promise.
    pub stops_when_unknown: bool,
}

/// When a provider has accepted the code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    accepted: Vec<u64>,
}

impl Protocol for OneTimeCode {
    type Seen = Seen;

    fn callers(&self) -> usize {
        self.copies
    }

    fn seconds(&self) -> Vec<u64> {
        // During a lease; after it; after the memory of the first send.
        vec![1_000, 1_020, 1_020 + LEASE + REMEMBERED]
    }

    fn patience(&self) -> u64 {
        PATIENCE
    }

    fn code(&self, caller: usize, attempt: u8, now: u64, wire: Wire) -> Code {
        let owner = format!("copy {caller}, instance {attempt}");
        let stops = self.stops_when_unknown;
        Box::pin(async move {
            let lease = now + LEASE;
            let entry = Entry::new("code#one", owner, lease, lease + REMEMBERED);
            deliver(&entry, &wire.table(), &wire, now, stops).await
        })
    }

    fn results(&self, _: &Call, _: usize, world: &World<Self>) -> Vec<(Reply, Seen)> {
        let mut sent = world.seen.clone();
        sent.accepted.push(self.seconds()[world.tick.min(2)]);
        vec![
            (Reply::word("accepted"), sent),
            (Reply::word("rejected"), world.seen.clone()),
        ]
    }

    fn is_achieved(&self, world: &World<Self>) -> bool {
        // Otherwise the code is in doubt: then it must not be sent again.
        !world.seen.accepted.is_empty() || world.callers[0].answer.as_deref() == Some("unknown")
    }

    fn promises() -> Vec<Property<Explored<Self>>> {
        vec![
            Property::always("a one-time code is sent once", |_, world: &World<Self>| {
                let sent = &world.seen.accepted;
                sent.windows(2).all(|two| two[1] >= two[0] + REMEMBERED)
            }),
            Property::always(
                "an instance that says that the code was sent is right",
                |_, world: &World<Self>| {
                    let says = |answer: &Option<String>| answer.as_deref() == Some("sent");
                    let is_said = world.callers.iter().any(|caller| says(&caller.answer));
                    !is_said || !world.seen.accepted.is_empty()
                },
            ),
            Property::always(
                "a code that a working provider can deliver is delivered, or it may have been",
                Explored::ends_well,
            ),
            Property::sometimes("a code is sent", |_, world: &World<Self>| {
                !world.seen.accepted.is_empty()
            }),
        ]
    }
}

async fn deliver(entry: &Entry, table: &Table, wire: &Wire, now: u64, stops: bool) -> String {
    let mut again: Option<Item> = None;
    for _ in 0..3 {
        let claim = again
            .as_ref()
            .map_or_else(|| entry.claim(at(now)), |seen| entry.claim_again(seen));
        let seen = match table.update(claim).await {
            Ok(Write::Done(_)) => return send(entry, table, wire, stops).await,
            Ok(Write::Refused(seen)) => seen,
            Err(_) => {
                // As the gateway's `undo`.
                let seen = entry.read(table, at(now)).await.ok().flatten();
                if seen.is_some_and(|seen| entry.stage(&seen, at(now)).is_none()) {
                    let _ = entry.settle(table, &Stage::Failed).await;
                }
                return "unavailable".to_owned();
            }
        };
        match entry.met(&seen, at(now), Repeat::AfterFailure) {
            Met::Ours => return send(entry, table, wire, stops).await,
            Met::Ended(Stage::Sent { .. }) => return "sent".to_owned(),
            // A copy waits. Here the wait is the time until the next instance.
            Met::Wait | Met::Ended(_) => return "unknown".to_owned(),
            Met::Again(_) => again = Some(seen),
        }
    }
    "unavailable".to_owned()
}

async fn send(entry: &Entry, table: &Table, wire: &Wire, stops: bool) -> String {
    let mut stage = Stage::Failed;
    for provider in ["one", "other"] {
        match wire.effect(provider).await.as_deref() {
            Some("accepted") => {
                stage = Stage::Sent {
                    sid: Some("id".to_owned()),
                    provider: Some(provider.to_owned()),
                    sender: None,
                };
                break;
            }
            None => {
                stage = Stage::Unknown;
                if stops {
                    break;
                }
            }
            Some(_) => {}
        }
    }
    let _ = entry.settle(table, &stage).await;
    let word = match stage {
        Stage::Sent { .. } => "sent",
        Stage::Failed => "failed",
        _ => "unknown",
    };
    word.to_owned()
}
