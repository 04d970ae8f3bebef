//! The budgets of one-time codes: whole requests to sms-gateway, with different codes or with copies
//! of one code, which wait for each other.
//!
//! The function itself runs, from the bearer token to the answer, with one provider.

use std::cell::OnceCell;
use std::collections::BTreeSet;
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

/// The lease of a code, which ends after the instance's time: Auth0 waits 25 s.
const PATIENCE: u64 = 27;
const SETTINGS: [(&str, &str); 6] = [
    ("GATEWAY_SECRET", "gateway"),
    ("TWILIO_SECRET", "twilio"),
    ("TWILIO_URL", "https://twilio.invalid"),
    ("SMS_ROUTES", "*=twilio"),
    ("SMS_FROM", "twilio:+4520000000"),
    ("SMS_PER_RANGE_PER_HOUR", "5"),
];

thread_local! {
    /// All instances, by the limit: with one provider, a process keeps nothing but its secrets.
    static APPS: [OnceCell<Rc<App>>; 2] = const { [OnceCell::new(), OnceCell::new()] };
}

/// The promise about counts of codes that were not sent.
pub const GIVEN_BACK: &str = "a count is given back if nothing was sent";

/// The promise about the limit.
pub const NEVER_OVER: &str = "no more codes are sent than the budget allows";

/// The promises about the counter.
pub const COUNTER: &str = "the counter is never over the limit";
/// What was sent is counted.
pub const COUNTED: &str = "each code that was sent is counted";

/// The promise about delivery.
pub const SENT: &str = "a code is sent if nothing is lost";

/// Requests for codes.
#[derive(Debug)]
pub struct Budgets {
    /// How many requests come at the same time.
    pub requests: usize,
    /// They are copies of one code, with a budget of two. Otherwise they are codes for one number,
    /// with a budget of one.
    pub copies: bool,
    /// The budgets of the number and of its range have room at once and always: no step.
    pub total_only: bool,
    /// The seconds at which the clock may stand.
    pub seconds: &'static [u64],
    /// True: also a copy that gives up waiting leaves no count. This breaks a promise.
    pub is_strict: bool,
}

/// What Twilio has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    accepted: u8,
    /// What went wrong. Each may leave a count of which nobody knows.
    doubts: u8,
    /// The instances at work that are late.
    late: BTreeSet<usize>,
    /// A copy gave up waiting for the instance that was sending the code.
    has_given_up: bool,
}

/// The budgets of the total, of the number and of its range.
const COUNTERS: [&str; 3] = ["code#all", "code#+4520304050", "code-range#+452030"];

fn counts(items: &Items) -> [i64; 3] {
    COUNTERS.map(|what| {
        let item = items.find(&format!("rate#{what}"));
        let item = item.unwrap_or_default();
        let hits = item["hits"]["N"].as_str();
        hits.map_or(0, |hits| hits.parse().expect("a number"))
    })
}

fn event(number: usize) -> String {
    let body = json!({
        "recipient": "+4520304050",
        "body": format!("Your verification code is: 27182{number}"),
        "sender": "+4520000000",
    });
    events::post("/", &body)
}

impl Budgets {
    fn limit(&self) -> u8 {
        1 + u8::from(self.copies)
    }
}

impl Protocol for Budgets {
    type Seen = Seen;

    fn callers(&self) -> usize {
        self.requests
    }

    fn seconds(&self) -> Vec<u64> {
        self.seconds.to_vec()
    }

    fn patience(&self) -> u64 {
        PATIENCE
    }

    fn is_in_order(&self) -> bool {
        true
    }

    // Else a copy that woke before the memory of a code ended could claim the code after it, with the clock of before.
    fn is_ended_when_late(&self) -> bool {
        self.copies
    }

    fn may_begin(&self, caller: usize, world: &World<Self>) -> bool {
        world.is_next(caller)
    }

    fn is_read(&self, call: &Call) -> bool {
        call.target == "GetItem"
    }

    fn code(&self, caller: usize, _: u8, now: u64, wire: Wire) -> Code {
        let event = event(if self.copies { 0 } else { caller });
        let is_two = self.copies;
        let app = || {
            // So small that it has no reserve, and that networks and countries count nothing.
            let limit = ("SMS_PER_HOUR", if is_two { "2" } else { "1" });
            let settings: Vec<_> = SETTINGS.into_iter().chain([limit]).collect();
            Rc::new(Wire::function(&settings, App::read))
        };
        let app = APPS.with(|made| Rc::clone(made[usize::from(is_two)].get_or_init(app)));
        if self.total_only {
            for what in &COUNTERS[1..] {
                wire.at_once(format!("\"rate#{what}"), Reply::word("{}"));
            }
        }
        Box::pin(async move {
            let deadline = Instant::now() + Duration::from_secs(30);
            let request = Request::from_event(&event, "id", deadline).expect("a request");
            let reply = app.flow(&request, at(now)).await;
            let reply = reply.unwrap_or_else(|refusal| refusal);
            reply.into_response().status().as_u16().to_string()
        })
    }

    fn results(&self, _: &Call, _: usize, world: &World<Self>) -> Vec<(Reply, Seen)> {
        let mut sent = world.seen.clone();
        sent.accepted += 1;
        let message = json!({ "sid": format!("SM{:032}", 0), "status": "queued" });
        let reply = |status, body: String| Reply { status, body };
        vec![
            (reply(201, message.to_string()), sent),
            (
                reply(429, json!({ "code": 20429 }).to_string()),
                world.seen.clone(),
            ),
        ]
    }

    fn in_doubt(&self, seen: &mut Seen, what: Doubt, caller: usize) {
        let is_new = match what {
            Doubt::Late => seen.late.insert(caller),
            Doubt::Crash => !seen.late.remove(&caller),
            Doubt::Answer | Doubt::Write => !seen.late.contains(&caller),
        };
        seen.doubts += u8::from(is_new);
    }

    fn answered(&self, seen: &mut Seen, caller: usize, answer: &str) {
        seen.late.remove(&caller);
        seen.has_given_up |= self.copies && answer == "504";
    }

    fn is_achieved(&self, world: &World<Self>) -> bool {
        world.seen.accepted > 0 || world.seen.doubts > 0
    }

    fn promises() -> Vec<Property<Explored<Self>>> {
        vec![
            Property::always(NEVER_OVER, |model: &Explored<Self>, world: &World<Self>| {
                world.seen.accepted <= model.protocol.limit()
            }),
            Property::always(COUNTER, |model: &Explored<Self>, world: &World<Self>| {
                counts(&world.items)[0] <= i64::from(model.protocol.limit())
            }),
            Property::always(COUNTED, |_, world: &World<Self>| {
                counts(&world.items)[0] >= i64::from(world.seen.accepted)
            }),
            Property::always(GIVEN_BACK, |model: &Explored<Self>, world: &World<Self>| {
                let seen = &world.seen;
                let known = seen.accepted + seen.doubts;
                let is_left = seen.has_given_up && !model.protocol.is_strict;
                let known = i64::from(known.max(u8::from(is_left)));
                !world.is_quiet() || counts(&world.items).iter().all(|count| *count <= known)
            }),
            Property::always(SENT, Explored::ends_well),
            Property::sometimes(
                "the budget refuses a request, or two copies have one answer",
                |model: &Explored<Self>, world: &World<Self>| {
                    let answers = world.callers.iter().map(|caller| caller.answer.as_deref());
                    let mut answers = answers.flatten();
                    if model.protocol.copies {
                        return world.seen.accepted == 1
                            && answers.filter(|answer| *answer == "200").count() > 1;
                    }
                    answers.any(|answer| answer == "429")
                },
            ),
        ]
    }
}
