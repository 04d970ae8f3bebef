//! One-time codes: whole requests to sms-gateway, with failover between two providers.
//!
//! The function itself runs, from the bearer token to the answer. Its budgets always have room, and
//! no provider counts as broken: other models have these.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shared::platform::request::Request;
use shared::platform::runtime::Function as _;
use sms_gateway::App;
use stateright::Property;

use crate::events;
use crate::table::Reply;
use crate::tape::{Call, Code, Wire, at};
use crate::world::{Doubt, Explored, Protocol, World};

/// The time after which an instance begins no send: Auth0 waits 25 s.
const PATIENCE: u64 = 26;
/// How long a code is remembered after its send.
const REMEMBERED: u64 = 30;
const SETTINGS: [(&str, &str); 8] = [
    ("GATEWAY_SECRET", "gateway"),
    ("TWILIO_SECRET", "twilio"),
    ("TWILIO_URL", "https://twilio.invalid"),
    ("CLICKATELL_SECRET", "clickatell"),
    ("CLICKATELL_URL", "https://clickatell.invalid"),
    ("SMS_ROUTES", "*=twilio,clickatell"),
    ("SMS_FROM", "twilio:+4520000000"),
    ("RESEND_COOLDOWN_SECONDS", "30"),
];

thread_local! {
    /// All instances, without and with failover after an unknown outcome. A process keeps its secrets,
    /// and the health of the providers, which is not looked at.
    static APPS: [OnceCell<Rc<App>>; 2] = const { [OnceCell::new(), OnceCell::new()] };
}

/// The promise about copies.
pub const ONCE: &str = "a one-time code is sent once";

/// The promise about answers.
pub const TRUE: &str = "an instance that says that the code was sent, or that it was not, is right";

/// The promise about delivery.
pub const DELIVERED: &str =
    "a code that a working provider can deliver is delivered, or it may have been";

/// Copies of one code, each with its own caller.
#[derive(Debug)]
pub struct OneTimeCode {
    /// How many copies come.
    pub copies: usize,
    /// The seconds at which the clock may stand.
    pub seconds: &'static [u64],
    /// `ON_UNKNOWN=failover`: after a lost answer the next provider gets the code. This breaks a
    /// promise.
    pub goes_on_after_unknown: bool,
}

/// What the providers have accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// When a provider accepted the code.
    accepted: Vec<u64>,
    /// The callers whose instance at work has sent it.
    senders: BTreeSet<usize>,
    /// An instance said that it sent nothing, and a provider had accepted the code.
    is_denied: bool,
    /// Something went wrong. So a provider may have the code, and nobody knows it.
    is_in_doubt: bool,
}

fn event() -> String {
    let body = json!({
        "recipient": "+4520304050",
        "body": "Your verification code is: 271828",
        "sender": "+4520000000",
    });
    events::post("/", &body)
}

impl Protocol for OneTimeCode {
    type Seen = Seen;

    fn callers(&self) -> usize {
        self.copies
    }

    fn seconds(&self) -> Vec<u64> {
        self.seconds.to_vec()
    }

    fn patience(&self) -> u64 {
        PATIENCE
    }

    fn may_begin(&self, caller: usize, world: &World<Self>) -> bool {
        world.is_next(caller)
    }

    fn is_read(&self, call: &Call) -> bool {
        call.target == "GetItem"
    }

    fn code(&self, _: usize, _: u8, now: u64, wire: Wire) -> Code {
        let go_on = self.goes_on_after_unknown;
        let app = || {
            let go_on = go_on.then_some(("ON_UNKNOWN", "failover"));
            let settings: Vec<_> = SETTINGS.into_iter().chain(go_on).collect();
            Rc::new(Wire::function(&settings, App::read))
        };
        let app = APPS.with(|made| Rc::clone(made[usize::from(go_on)].get_or_init(app)));
        wire.at_once("\"rate#code", Reply::word("{}"));
        Box::pin(async move {
            let deadline = Instant::now() + Duration::from_secs(30);
            let request = Request::from_event(&event(), "id", deadline).expect("a request");
            let reply = app.flow(&request, at(now)).await;
            let reply = reply.unwrap_or_else(|refusal| refusal);
            reply.into_response().status().as_u16().to_string()
        })
    }

    fn results(&self, call: &Call, caller: usize, world: &World<Self>) -> Vec<(Reply, Seen)> {
        let mut sent = world.seen.clone();
        let last = self.seconds.len() - 1;
        sent.accepted.push(self.seconds[world.tick.min(last)]);
        sent.senders.insert(caller);
        let reply = |status, body: Value| Reply {
            status,
            body: body.to_string(),
        };
        let accepted = if call.target.contains("//twilio.") {
            reply(
                201,
                json!({ "sid": format!("SM{:032}", 0), "status": "queued" }),
            )
        } else {
            let message = json!({ "apiMessageId": "id", "accepted": true });
            reply(202, json!({ "messages": [message] }))
        };
        let rejected = reply(429, json!({ "code": 20429 }));
        vec![(accepted, sent), (rejected, world.seen.clone())]
    }

    fn in_doubt(&self, seen: &mut Seen, what: Doubt, caller: usize) {
        seen.is_in_doubt = true;
        if what == Doubt::Crash {
            seen.senders.remove(&caller);
        }
    }

    fn answered(&self, seen: &mut Seen, caller: usize, answer: &str) {
        let has_sent = seen.senders.remove(&caller);
        seen.is_denied |= has_sent && !matches!(answer, "200" | "504");
    }

    fn is_achieved(&self, world: &World<Self>) -> bool {
        let seen = &world.seen;
        // A code that is in doubt must not be sent again.
        let mut answers = world.callers.iter().map(|caller| caller.answer.as_deref());
        let may_have_been = seen.is_in_doubt && answers.all(|answer| answer == Some("504"));
        !seen.accepted.is_empty() || may_have_been
    }

    fn promises() -> Vec<Property<Explored<Self>>> {
        vec![
            Property::always(ONCE, |_, world: &World<Self>| {
                let sent = &world.seen.accepted;
                sent.windows(2).all(|two| two[1] >= two[0] + REMEMBERED)
            }),
            Property::always(TRUE, |_, world: &World<Self>| {
                let says = |answer: &Option<String>| answer.as_deref() == Some("200");
                let is_said = world.callers.iter().any(|caller| says(&caller.answer));
                let seen = &world.seen;
                !seen.is_denied && (!is_said || !seen.accepted.is_empty())
            }),
            Property::always(DELIVERED, Explored::ends_well),
            Property::sometimes("a code is sent", |_, world: &World<Self>| {
                !world.seen.accepted.is_empty()
            }),
            Property::sometimes("no provider takes a code", |_, world: &World<Self>| {
                world
                    .callers
                    .iter()
                    .any(|caller| caller.answer.as_deref() == Some("502"))
            }),
        ]
    }
}
