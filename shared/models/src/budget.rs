//! The budgets of one-time codes: whole requests to sms-gateway.
//!
//! The function itself runs, from the bearer token to the answer, with one provider.

use std::cell::OnceCell;
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

/// The time after which an instance begins no send: Auth0 waits 25 s.
const PATIENCE: u64 = 26;
const SETTINGS: [(&str, &str); 7] = [
    ("GATEWAY_SECRET", "gateway"),
    ("TWILIO_SECRET", "twilio"),
    ("TWILIO_URL", "https://twilio.invalid"),
    ("SMS_ROUTES", "*=twilio"),
    ("SMS_FROM", "twilio:+4520000000"),
    // So small that it has no reserve, and that networks and countries count nothing.
    ("SMS_PER_HOUR", "1"),
    ("SMS_PER_RANGE_PER_HOUR", "5"),
];

thread_local! {
    /// All instances: with one provider, a process keeps nothing but its secrets.
    static APP: OnceCell<Rc<App>> = const { OnceCell::new() };
}

/// The promise about the limit.
pub const NEVER_OVER: &str = "no more codes are sent than the budget allows";

/// Requests for codes, with a budget of one.
#[derive(Debug)]
pub struct Budgets {
    /// How many requests come at the same time.
    pub requests: usize,
    /// They are copies of one code, or codes for one number.
    pub copies: bool,
}

/// What Twilio has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    accepted: u8,
    /// What went wrong. Each may leave a count of which nobody knows.
    doubts: u8,
}

fn counted(items: &Items) -> i64 {
    let item = items.get("rate#code#all / hour").unwrap_or_default();
    let hits = item["hits"]["N"].as_str();
    hits.map_or(0, |hits| hits.parse().expect("a number"))
}

fn event(number: usize) -> String {
    let body = json!({
        "recipient": "+4520304050",
        "body": format!("Your verification code is: 27182{number}"),
        "sender": "+4520000000",
    });
    events::post("/", &body)
}

impl Protocol for Budgets {
    type Seen = Seen;

    fn callers(&self) -> usize {
        self.requests
    }

    fn seconds(&self) -> Vec<u64> {
        // During a lease; after it, and after the memory of a code.
        vec![1_000, 1_100]
    }

    fn patience(&self) -> u64 {
        PATIENCE
    }

    fn is_in_order(&self) -> bool {
        true
    }

    fn code(&self, caller: usize, _: u8, now: u64, _: Wire) -> Code {
        let event = event(if self.copies { 0 } else { caller });
        let app = || Rc::new(Wire::function(&SETTINGS, App::read));
        let app = APP.with(|made| Rc::clone(made.get_or_init(app)));
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

    fn in_doubt(&self, seen: &mut Seen, _: Doubt, _: usize) {
        seen.doubts += 1;
    }

    fn is_achieved(&self, world: &World<Self>) -> bool {
        world.seen.accepted > 0 || world.seen.doubts > 0
    }

    fn promises() -> Vec<Property<Explored<Self>>> {
        vec![
            Property::always(NEVER_OVER, |_, world: &World<Self>| {
                world.seen.accepted <= 1
            }),
            Property::always(
                "the counter is never over the limit",
                |_, world: &World<Self>| counted(&world.items) <= 1,
            ),
            Property::always(
                "each code that was sent is counted",
                |_, world: &World<Self>| counted(&world.items) >= i64::from(world.seen.accepted),
            ),
            Property::always(
                "a count is given back if nothing was sent",
                |_, world: &World<Self>| {
                    let seen = &world.seen;
                    !world.is_quiet()
                        || counted(&world.items) <= i64::from(seen.accepted + seen.doubts)
                },
            ),
            Property::always("a code is sent if nothing is lost", Explored::ends_well),
            Property::sometimes(
                "a request is refused by the budget",
                |_, world: &World<Self>| {
                    let answers = world.callers.iter().map(|caller| caller.answer.as_deref());
                    answers.flatten().any(|answer| answer == "429")
                },
            ),
        ]
    }
}
