//! A mail that becomes one SMS: whole posts to send-verification-sms.
//!
//! The function itself runs, from Mailgun's signature to the answer, with a recorded post. Its budgets
//! always have room.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use send_verification_sms::App;
use serde_json::json;
use shared::platform::request::Request as Post;
use shared::platform::runtime::Function as _;
use shared::rules::link::Kind;
use shared::rules::pending::Request;
use shared::rules::phone::E164;
use stateright::Property;

use crate::table::{Items, Reply};
use crate::tape::{Call, Code, Wire, at};
use crate::world::{Doubt, Explored, Protocol, World};

/// The function's time limit.
const PATIENCE: u64 = 30;
/// What Mailgun posts, as `cargo record` has recorded it.
const POST: &str = include_str!("../../../events/send-verification-sms.json");
/// When Mailgun signed it.
pub const SIGNED_AT: u64 = 1_795_176_000;
const SETTINGS: [(&str, &str); 8] = [
    ("MAILGUN_SECRET", "mailgun"),
    ("TWILIO_SECRET", "twilio"),
    ("TWILIO_URL", "https://twilio.invalid"),
    ("TWILIO_NUMBER", "+4520000000"),
    ("RECIPIENT_PREFIX", "acme"),
    ("RECIPIENT_DOMAIN", "sms.example.com"),
    ("MAIL_SENDERS", "no-reply@acme.example"),
    // The tenant of the mail's link.
    ("AUTH0_URL", "http://host.docker.internal:4712"),
];
/// `MAX_MAIL_AGE_SECONDS`: its default, longer than Mailgun repeats a post.
const OLDEST: u64 = 32_400;

thread_local! {
    /// All instances: a process keeps nothing but its secrets.
    static APP: OnceCell<Rc<App>> = const { OnceCell::new() };
}

/// The README's first promise about mails.
pub const ONE_SMS: &str = "one mail becomes one SMS, unless Twilio's answer is lost";

/// The promise about lost mails.
pub const DELIVERED: &str = "a mail that a working provider can deliver is delivered";

/// The promise about answers.
pub const TRUE: &str = "a post is answered with 200 only if the SMS was accepted";

/// The promise about requests.
pub const WAITS: &str = "after a text that Twilio accepted, the request waits";

/// One mail, posted by several callers at the same time and again.
#[derive(Debug)]
pub struct Mail {
    /// How many callers post the mail.
    pub posts: usize,
    /// The seconds at which the clock may stand.
    pub seconds: &'static [u64],
    /// True: Lambda ends an instance at its time limit. False: its writes may come at any time later.
    pub is_ended_when_late: bool,
}

/// What Twilio and the callers have seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// SMS that Twilio accepted.
    pub accepted: u8,
    /// Accepted SMS of which the table does not know: Twilio's answer was lost, the instance ended
    /// before it stored it, or the closing write was lost or late.
    pub unrecorded: u8,
    /// The callers whose instance has an accepted SMS and has not ended.
    open: BTreeSet<usize>,
}

/// The request of a mail.
pub fn request(mail: &str, slot: &str, owner: &str, mailed_at: u64, now: u64) -> Request {
    Request {
        id: mail.to_owned(),
        slot: slot.to_owned(),
        kind: Kind::Verification,
        link: "https://tenant.invalid/ticket".to_owned(),
        email: "a@b.invalid".to_owned(),
        mailed_at,
        created_at: now,
        expires_at: now + 50_000,
        code: None,
        language: None,
        added_by: owner.to_owned(),
    }
}

/// The number of all models.
pub fn phone() -> E164 {
    "+4520123456".parse().expect("a number")
}

impl Mail {
    /// Whether Mailgun's signature is too old. By then Mailgun has long stopped.
    fn is_stale(&self, world: &World<Self>) -> bool {
        let second = self.seconds[world.tick.min(self.seconds.len() - 1)];
        second > SIGNED_AT + OLDEST
    }
}

/// Whether a request waits for the reply.
fn waits(items: &Items) -> bool {
    let item = items.get("pending#+4520123456 / pending");
    let names = item.iter().filter_map(|item| item.as_object());
    names
        .flat_map(|item| item.keys())
        .any(|name| name.starts_with("r_"))
}

fn is_done(answer: Option<&str>) -> bool {
    matches!(answer, Some("200" | "406"))
}

impl Protocol for Mail {
    type Seen = Seen;

    fn callers(&self) -> usize {
        self.posts
    }

    fn seconds(&self) -> Vec<u64> {
        self.seconds.to_vec()
    }

    fn patience(&self) -> u64 {
        PATIENCE
    }

    fn is_ended_when_late(&self) -> bool {
        self.is_ended_when_late
    }

    fn may_begin(&self, caller: usize, world: &World<Self>) -> bool {
        world.is_next(caller)
    }

    fn is_read(&self, call: &Call) -> bool {
        call.target == "GetItem"
    }

    fn code(&self, _: usize, _: u8, now: u64, wire: Wire) -> Code {
        let app = || Rc::new(Wire::function(&SETTINGS, App::read));
        let app = APP.with(|made| Rc::clone(made.get_or_init(app)));
        wire.at_once("\"rate#sms#", Reply::word("{}"));
        Box::pin(async move {
            let deadline = Instant::now() + Duration::from_secs(PATIENCE);
            let post = Post::from_event(POST, "id", deadline).expect("a request");
            let reply = app.flow(&post, at(now)).await;
            let reply = reply.unwrap_or_else(|refusal| refusal);
            reply.into_response().status().as_u16().to_string()
        })
    }

    fn results(&self, _: &Call, caller: usize, world: &World<Self>) -> Vec<(Reply, Seen)> {
        let mut sent = world.seen.clone();
        sent.accepted += 1;
        sent.open.insert(caller);
        let message = json!({ "sid": format!("SM{:032}", 0), "status": "queued" });
        let accepted = Reply {
            status: 201,
            body: message.to_string(),
        };
        let unavailable = Reply {
            status: 503,
            body: String::new(),
        };
        vec![(accepted, sent), (unavailable, world.seen.clone())]
    }

    fn in_doubt(&self, seen: &mut Seen, _: Doubt, caller: usize) {
        seen.unrecorded += u8::from(seen.open.remove(&caller));
    }

    fn answered(&self, seen: &mut Seen, caller: usize, _: &str) {
        seen.open.remove(&caller);
    }

    fn repeats(&self, answer: Option<&str>) -> bool {
        // Mailgun repeats until 200 or 406.
        !is_done(answer)
    }

    fn is_achieved(&self, world: &World<Self>) -> bool {
        world.seen.accepted > 0 || self.is_stale(world)
    }

    fn promises() -> Vec<Property<Explored<Self>>> {
        vec![
            Property::always(ONE_SMS, |_, world: &World<Self>| {
                world.seen.accepted <= 1 + world.seen.unrecorded
            }),
            Property::always(TRUE, |_, world: &World<Self>| {
                let mut answers = world.callers.iter().map(|caller| caller.answer.as_deref());
                !answers.any(is_done) || world.seen.accepted > 0
            }),
            Property::always(WAITS, |explored, world: &World<Self>| {
                let is_over = explored.protocol.is_stale(world);
                world.seen.accepted == 0 || !world.is_quiet() || is_over || waits(&world.items)
            }),
            Property::always(DELIVERED, Explored::ends_well),
            Property::sometimes(
                "a lost answer becomes a second SMS",
                |_, world: &World<Self>| world.seen.accepted > 1,
            ),
        ]
    }
}
