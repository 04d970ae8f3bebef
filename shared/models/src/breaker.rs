//! The circuit breaker that all instances of the gateway share.

use std::collections::{BTreeMap, BTreeSet};

use shared::services::providers::Name;
use sms_gateway::health::{Health, Trial, Untold};
use stateright::Property;

use crate::table::{Items, Reply};
use crate::tape::{Call, Code, Wire, at};
use crate::world::{Doubt, Explored, Protocol, World};

/// The longest attempt.
const PATIENCE: u64 = 8;
/// A probe without a result ends after this time.
const PROBE: u64 = 12;
/// This many failures in a row break a provider.
const FAILURES: u8 = 3;

/// The promise about probes.
pub const ONE_PROBE: &str = "one request at a time tries a broken provider";

/// Instances with codes to send, and a provider that works or fails as it likes.
#[derive(Debug)]
pub struct Breaker {
    /// How many instances there are.
    pub instances: usize,
}

/// What the provider and the instances have seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// When each instance that tries the broken provider began that.
    probing: BTreeMap<usize, u64>,
    probed_twice: bool,
    /// Instances whose time was over before their result was noted.
    late: BTreeSet<usize>,
    /// Failures in a row that were surely noted.
    failures: u8,
    /// The last result was surely noted, and it was a probe's success.
    healed: bool,
}

/// The second until which the provider counts as broken; 0 if it does not.
fn broken_until(items: &Items) -> u64 {
    let item = items.find("rate#code-provider#health").unwrap_or_default();
    let state = item["p_twilio"]["S"].as_str().unwrap_or_default();
    let until = state.split(' ').nth(2);
    until.map_or(0, |until| until.parse().expect("a number"))
}

impl Protocol for Breaker {
    type Seen = Seen;

    fn callers(&self) -> usize {
        self.instances
    }

    fn seconds(&self) -> Vec<u64> {
        // While it fails; when the pause is over; when a lost probe is over.
        vec![1_000, 1_031, 1_045]
    }

    fn patience(&self) -> u64 {
        PATIENCE
    }

    fn code(&self, _: usize, _: u8, now: u64, wire: Wire) -> Code {
        Box::pin(async move { send(&wire, now).await.to_owned() })
    }

    fn results(&self, call: &Call, caller: usize, world: &World<Self>) -> Vec<(Reply, Seen)> {
        let mut seen = world.seen.clone();
        if call.target == "the probe begins" {
            let seconds = self.seconds();
            let now = seconds[world.tick.min(seconds.len() - 1)];
            seen.probed_twice |= seen.probing.values().any(|began| began + PROBE > now);
            seen.probing.insert(caller, now);
            return vec![(Reply::word("yes"), seen)];
        }
        seen.probing.remove(&caller);
        let accepted = (Reply::word("accepted"), seen.clone());
        vec![accepted, (Reply::word("unavailable"), seen)]
    }

    fn in_doubt(&self, seen: &mut Seen, what: Doubt, caller: usize) {
        // What is noted now is not known.
        (seen.failures, seen.healed) = (0, false);
        seen.probing.remove(&caller);
        match what {
            Doubt::Late => seen.late.insert(caller),
            Doubt::Crash => seen.late.remove(&caller),
            Doubt::Answer | Doubt::Write => false,
        };
    }

    fn answered(&self, seen: &mut Seen, caller: usize, answer: &str) {
        if seen.late.remove(&caller) {
            // A newer result counts more.
            (seen.failures, seen.healed) = (0, false);
            return;
        }
        match answer {
            "failed" => (seen.failures, seen.healed) = (seen.failures + 1, false),
            "worked" => (seen.failures, seen.healed) = (0, false),
            "healed" => (seen.failures, seen.healed) = (0, true),
            _ => {}
        }
    }

    fn is_achieved(&self, world: &World<Self>) -> bool {
        broken_until(&world.items) == 0
    }

    fn promises() -> Vec<Property<Explored<Self>>> {
        vec![
            Property::always(ONE_PROBE, |_, world: &World<Self>| !world.seen.probed_twice),
            Property::always(
                "three failures in a row break the provider, whoever had them",
                |_, world: &World<Self>| {
                    world.seen.failures < FAILURES || broken_until(&world.items) > 0
                },
            ),
            Property::always(
                "a probe that succeeds heals it",
                |_, world: &World<Self>| !world.seen.healed || broken_until(&world.items) == 0,
            ),
            Property::always(
                "a provider that works again is used again",
                Explored::ends_well,
            ),
            Property::sometimes("a probe fails", |_, world: &World<Self>| {
                broken_until(&world.items) > 1_031 + PROBE
            }),
        ]
    }
}

async fn send(wire: &Wire, now: u64) -> &'static str {
    let (table, untold) = (wire.table(), Untold::default());
    let health = Health::read(&table, at(now)).await;
    let order = health.order(&[Name::Twilio, Name::Vonage], &[], at(now));
    let Some((Name::Twilio, trial)) = order.first() else {
        return "sent by another";
    };
    if *trial == Trial::Probe {
        if !health.probe(Name::Twilio, &table, at(now)).await {
            return "sent by another";
        }
        wire.effect("the probe begins").await;
    }
    let works = wire.effect("twilio").await.as_deref() == Some("accepted");
    let noted = health.record(Name::Twilio, works, &untold, &table, at(now));
    match (noted.await, works) {
        (Err(_) | Ok(false), _) => "not noted",
        (Ok(true), false) => "failed",
        (Ok(true), true) if *trial == Trial::Probe => "healed",
        // An attempt that began before the provider broke says nothing of the time after that.
        (Ok(true), true) => "worked",
    }
}
