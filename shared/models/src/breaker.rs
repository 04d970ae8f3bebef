//! The circuit breaker that all instances of the gateway share: whole requests to sms-gateway.
//!
//! The function itself runs, from the bearer token to the answer, with two providers. The second one
//! always works. Each request has a code of its own, and the budgets have room: other models have
//! these. So the claim, the counts and the closing writes are no steps.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::json;
use shared::platform::request::Request;
use shared::platform::runtime::Function as _;
use sms_gateway::App;
use stateright::Property;

use crate::events;
use crate::table::{Items, Reply};
use crate::tape::{Call, Code, Wire, at};
use crate::world::{Doubt, Explored, Protocol, World};

/// The longest attempt.
const PATIENCE: u64 = 8;
/// A probe without a result ends after this time.
const PROBE: u64 = 12;
/// This many failures in a row break a provider.
const FAILURES: u8 = 3;
/// A result is written at most so often.
const WRITES: u8 = 3;
const HEALTH: &str = "rate#code-provider#health";
const SETTINGS: [(&str, &str); 7] = [
    ("GATEWAY_SECRET", "gateway"),
    ("TWILIO_SECRET", "twilio"),
    ("TWILIO_URL", "https://twilio.invalid"),
    ("CLICKATELL_SECRET", "clickatell"),
    ("CLICKATELL_URL", "https://clickatell.invalid"),
    ("SMS_ROUTES", "*=twilio,clickatell"),
    ("SMS_FROM", "twilio:+4520000000"),
];

/// The promise about probes.
pub const ONE_PROBE: &str = "one request at a time tries a broken provider";

/// The promise about failures.
pub const BREAKS: &str = "three failures in a row break the provider, whoever had them";

/// The promise about a probe.
pub const HEALS: &str = "a probe that succeeds heals it";

/// The promise about the end.
pub const USED_AGAIN: &str = "a provider that works again is used again";

/// Instances with codes to send, and a provider that works or fails as it likes.
#[derive(Debug)]
pub struct Breaker {
    /// How many instances there are.
    pub instances: usize,
    /// The provider's state before, as the table has it; empty: nothing is known.
    pub before: &'static str,
    /// The seconds at which the clock may stand.
    pub seconds: &'static [u64],
}

/// What the provider and the instances have seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// When each instance that tries the broken provider began that.
    probing: BTreeMap<usize, u64>,
    probed_twice: bool,
    /// The results that the instances at work have.
    results: BTreeMap<usize, Outcome>,
    /// Instances whose time was over before their result was noted.
    late: BTreeSet<usize>,
    /// Failures in a row that were surely noted.
    failures: u8,
    /// The last result was surely noted, and it was a probe's success.
    healed: bool,
}

/// What an instance knows of the provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Outcome {
    works: bool,
    is_probe: bool,
    /// How often its write was refused, because others wrote in between.
    refused: u8,
}

/// The second until which the provider counts as broken; 0 if it does not.
fn broken_until(items: &Items) -> u64 {
    let item = items.find(HEALTH).unwrap_or_default();
    let state = item["p_twilio"]["S"].as_str().unwrap_or_default();
    let until = state.split(' ').nth(2);
    until.map_or(0, |until| until.parse().expect("a number"))
}

impl Breaker {
    fn last(&self) -> u64 {
        self.seconds[self.seconds.len() - 1]
    }
}

impl Protocol for Breaker {
    type Seen = Seen;

    fn callers(&self) -> usize {
        self.instances
    }

    fn seconds(&self) -> Vec<u64> {
        self.seconds.to_vec()
    }

    fn patience(&self) -> u64 {
        PATIENCE
    }

    fn beginning(&self) -> Seen {
        let failures = self.before.matches('f').count();
        Seen {
            failures: u8::try_from(failures).expect("five attempts at most"),
            ..Seen::default()
        }
    }

    fn stored_before(&self) -> Items {
        if self.before.is_empty() {
            return Items::default();
        }
        let attributes = json!({
            "p_twilio": { "S": self.before },
            "expires_at": { "N": "87000" },
        });
        Items::default().with(HEALTH, "state", &attributes)
    }

    fn may_begin(&self, caller: usize, world: &World<Self>) -> bool {
        world.is_next(caller)
    }

    fn is_read(&self, call: &Call) -> bool {
        call.target == "GetItem"
    }

    fn code(&self, caller: usize, attempt: u8, now: u64, wire: Wire) -> Code {
        for part in ["\"rate#code#", "\"rate#code-range#", "\"sent#code#"] {
            wire.at_once(part, Reply::word("{}"));
        }
        let accepted = json!({ "messages": [{ "apiMessageId": "id", "accepted": true }] });
        let accepted = Reply {
            status: 202,
            body: accepted.to_string(),
        };
        wire.at_once("//clickatell.invalid", accepted);
        let body = json!({
            "recipient": "+4520304050",
            "body": format!("Your verification code is: 2718{caller}{attempt}"),
            "sender": "+4520000000",
        });
        // A process remembers what it has seen of its providers.
        let app = Rc::new(Wire::function(&SETTINGS, App::read));
        Box::pin(async move {
            let deadline = Instant::now() + Duration::from_secs(30);
            let event = events::post("/", &body);
            let request = Request::from_event(&event, "id", deadline).expect("a request");
            let reply = app.flow(&request, at(now)).await;
            let reply = reply.unwrap_or_else(|refusal| refusal);
            reply.into_response().status().as_u16().to_string()
        })
    }

    fn results(&self, _: &Call, caller: usize, world: &World<Self>) -> Vec<(Reply, Seen)> {
        let ended = |works| {
            let mut seen = world.seen.clone();
            let is_probe = seen.probing.remove(&caller).is_some();
            let result = Outcome {
                works,
                is_probe,
                refused: 0,
            };
            seen.results.insert(caller, result);
            seen
        };
        let message = json!({ "sid": format!("SM{:032}", 0), "status": "queued" });
        let reply = |status, body: String| Reply { status, body };
        vec![
            (reply(201, message.to_string()), ended(true)),
            (reply(503, String::new()), ended(false)),
        ]
    }

    fn replied(&self, seen: &mut Seen, call: &Call, reply: &Reply, caller: usize, now: u64) {
        if call.target != "UpdateItem" {
            return;
        }
        let is_done = reply.status == 200;
        if let Some(result) = seen.results.get_mut(&caller) {
            result.refused += u8::from(!is_done);
        } else if is_done && !seen.late.contains(&caller) {
            seen.probed_twice |= seen.probing.values().any(|began| began + PROBE > now);
            seen.probing.insert(caller, now);
        }
    }

    fn in_doubt(&self, seen: &mut Seen, what: Doubt, caller: usize) {
        // What is noted now is not known.
        (seen.failures, seen.healed) = (0, false);
        seen.probing.remove(&caller);
        match what {
            Doubt::Late => {
                seen.late.insert(caller);
            }
            Doubt::Crash => {
                seen.late.remove(&caller);
                seen.results.remove(&caller);
            }
            // No answer counts as a failure.
            Doubt::Answer => {
                seen.results.insert(caller, Outcome::default());
            }
            Doubt::Write => {
                if let Some(result) = seen.results.get_mut(&caller) {
                    result.refused = WRITES;
                }
            }
        }
    }

    fn deleted(&self, seen: &mut Seen, _: &str) {
        (seen.failures, seen.healed) = (0, false);
    }

    fn answered(&self, seen: &mut Seen, caller: usize, _: &str) {
        let result = seen.results.remove(&caller);
        if seen.late.remove(&caller) {
            // A newer result counts more.
            (seen.failures, seen.healed) = (0, false);
            return;
        }
        match result {
            Some(Outcome { refused, .. }) if refused >= WRITES => {}
            Some(Outcome { works: false, .. }) => {
                (seen.failures, seen.healed) = (seen.failures + 1, false);
            }
            Some(Outcome { is_probe, .. }) => (seen.failures, seen.healed) = (0, is_probe),
            None => {}
        }
    }

    fn is_achieved(&self, world: &World<Self>) -> bool {
        // What is over does not count, also if TTL has not deleted it.
        let item = world.items.find(HEALTH).unwrap_or_default();
        let end = item["expires_at"]["N"].as_str();
        let is_over = end.is_none_or(|end| end.parse::<u64>().expect("a number") <= self.last());
        let is_last = world.tick + 1 >= self.seconds.len();
        broken_until(&world.items) == 0 || is_over && is_last
    }

    fn promises() -> Vec<Property<Explored<Self>>> {
        vec![
            Property::always(ONE_PROBE, |_, world: &World<Self>| !world.seen.probed_twice),
            Property::always(BREAKS, |_, world: &World<Self>| {
                world.seen.failures < FAILURES || broken_until(&world.items) > 0
            }),
            Property::always(HEALS, |_, world: &World<Self>| {
                !world.seen.healed || broken_until(&world.items) == 0
            }),
            Property::always(USED_AGAIN, Explored::ends_well),
            Property::sometimes("a provider breaks", |_, world: &World<Self>| {
                broken_until(&world.items) > 0
            }),
        ]
    }
}
