//! Replies to a request that waits: whole messages to receive-confirmation-sms.
//!
//! The function itself runs, from Twilio's signature to the TwiML. The tenant's answers are made
//! here.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use receive_confirmation_sms::App;
use serde_json::{Value, json};
use shared::platform::request::Request;
use shared::platform::runtime::Function as _;
use shared::rules::link::Kind;
use shared::rules::pending;
use stateright::Property;

use crate::events;
use crate::mail::phone;
use crate::table::{Items, Reply};
use crate::tape::{Call, Code, Wire, at};
use crate::world::{Doubt, Explored, Protocol, World};

/// How long the function works on a message. Its leases end a second later.
const PATIENCE: u64 = 12;
const NUMBER: &str = "+4520000000";
/// The texts that tell how a message ended are one word each.
const SETTINGS: [(&str, &str); 7] = [
    ("TWILIO_SECRET", "twilio"),
    ("LINK_HOSTS", "tenant.invalid"),
    ("CONFIRMED_SMS_MESSAGE", "confirmed"),
    ("RETRY_SMS_MESSAGE", "unclear"),
    ("EXPIRED_SMS_MESSAGE", "expired"),
    ("WRONG_SMS_MESSAGE", "wrong"),
    ("RESET_VALID_HOURS", "8"),
];

thread_local! {
    /// All instances: a process keeps nothing but its secrets.
    static APP: OnceCell<Rc<App>> = const { OnceCell::new() };
}

/// The promise about two replies.
pub const ONE_REPLY: &str = "a request is confirmed once, unless the answer is lost";
/// The promise about one message.
pub const ONE_REQUEST: &str = "one message confirms one request";
/// The promise about what a person has not seen yet.
pub const NOT_LATER: &str =
    "a message confirms no request of a later second than that in which it was noted";

/// The promise about answers.
pub const TRUE: &str = "who reads that the account is confirmed is right";
/// The promise about the end.
pub const NOT_HELD: &str = "no request is held for ever: a reply confirms it in the end";

/// A message: its number, and its text. Callers with the same number deliver copies of it.
pub type Message = (u8, &'static str);

/// Caller 0 is a mail that has added a request, and after that a newer mail. The other callers
/// deliver messages.
#[derive(Debug)]
pub struct Replies {
    /// What is delivered.
    pub messages: &'static [Message],
    /// How often each caller delivers its message at most.
    pub deliveries: u8,
    /// The newer mail is for another account. So both requests may wait.
    pub is_for_another: bool,
    /// The seconds at which the clock may stand.
    pub seconds: &'static [u64],
}

/// What the tenant has seen, and what the table has held.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// How often the link of each mail was followed with success.
    confirmed: BTreeMap<String, u8>,
    /// How often that was not stored: the answer was lost, the instance ended, or the release was
    /// lost or late.
    unrecorded: BTreeMap<String, u8>,
    /// The mail whose link the instance of a caller has followed.
    open: BTreeMap<usize, String>,
    /// The callers whose instance has lost a write since.
    lost: BTreeSet<usize>,
    /// The mails that each message has confirmed.
    by: BTreeMap<u8, BTreeSet<String>>,
    /// The mails whose requests wait.
    waiting: BTreeSet<String>,
    /// When each mail was stored, and when each message came.
    stored_at: BTreeMap<String, u64>,
    came_at: BTreeMap<u8, u64>,
    /// A promise that was broken.
    is_later: bool,
}

fn mail(number: u8) -> String {
    format!("mail{number}")
}

/// Twilio's request. A message has one id, whoever delivers it.
fn event((number, text): Message, again: u64) -> String {
    let (account, from) = (format!("AC{:032}", 0), phone());
    let sid = format!("SM{:032}", u64::from(number) + 10 * again);
    let params = [
        ("AccountSid", account.as_str()),
        ("Body", text),
        ("From", from.reveal()),
        ("MessageSid", &sid),
        ("To", NUMBER),
    ];
    let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let url = "https://x.lambda-url.eu-west-1.on.aws/";
    let signature = sandbox::twilio::signature("secret", url, &params);
    let mut event: Value =
        serde_json::from_str(&events::post("/", &Value::Null)).expect("an event");
    event["headers"] = json!({
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": signature,
    });
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(params)
        .finish();
    event["body"] = form.into();
    event.to_string()
}

impl Seen {
    /// The instance of a caller has ended, or what it still writes comes late.
    fn close(&mut self, caller: usize, is_doubtful: bool) {
        if let Some(mail) = self.open.remove(&caller)
            && is_doubtful
            && self.waiting.contains(&mail)
        {
            *self.unrecorded.entry(mail).or_default() += 1;
        }
        self.lost.remove(&caller);
    }
}

impl Replies {
    fn message(&self, caller: usize) -> Message {
        self.messages[caller - 1]
    }

    async fn add(&self, attempt: u8, now: u64, wire: &Wire) -> String {
        let id = mail(attempt);
        let is_other = self.is_for_another && attempt > 1;
        let request = pending::Request {
            slot: if is_other { "other" } else { "slot" }.to_owned(),
            kind: Kind::Verification,
            link: format!("https://tenant.invalid/u/email-verification?ticket={id}"),
            email: "a@b.invalid".to_owned(),
            mailed_at: 900 + u64::from(attempt),
            created_at: now,
            expires_at: now + 8 * 3600,
            code: None,
            language: None,
            added_by: format!("instance {attempt}"),
            id,
        };
        match wire.table().update(pending::add(&phone(), &request)).await {
            Ok(_) => "added".to_owned(),
            Err(_) => "unavailable".to_owned(),
        }
    }
}

impl Protocol for Replies {
    type Seen = Seen;

    fn callers(&self) -> usize {
        1 + self.messages.len()
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

    fn is_read(&self, call: &Call) -> bool {
        call.target == "GetItem"
    }

    fn first(&self) -> Option<usize> {
        Some(0)
    }

    fn may_begin(&self, caller: usize, world: &World<Self>) -> bool {
        // Messages that are alike come in their order.
        let is_next = caller < 2 || world.callers[caller - 1].attempts > 0;
        caller == 0 || is_next && world.callers[caller].attempts < self.deliveries
    }

    fn repairs(&self, caller: usize) -> bool {
        caller > 0
    }

    fn code(&self, caller: usize, attempt: u8, now: u64, wire: Wire) -> Code {
        if caller == 0 {
            let cast = Self { ..*self };
            return Box::pin(async move { cast.add(attempt, now, &wire).await });
        }
        // In the end, the person answers anew.
        let last = self.seconds.last().copied().unwrap_or_default();
        let (number, text) = self.message(caller);
        let event = if now > last {
            event((number, "YES"), now)
        } else {
            event((number, text), 0)
        };
        let app = || Rc::new(Wire::function(&SETTINGS, App::read));
        let app = APP.with(|made| Rc::clone(made.get_or_init(app)));
        Box::pin(async move {
            let deadline = Instant::now() + Duration::from_secs(30);
            let request = Request::from_event(&event, "id", deadline).expect("a request");
            let reply = app.flow(&request, at(now)).await;
            let response = reply.unwrap_or_else(|refusal| refusal).into_response();
            let body = String::from_utf8_lossy(response.body()).into_owned();
            let text = body.split_once("<Message>");
            let text = text.and_then(|(_, text)| Some(text.split_once("</Message>")?.0));
            format!(
                "{} {}",
                response.status().as_u16(),
                text.unwrap_or_default()
            )
        })
    }

    fn results(&self, call: &Call, caller: usize, world: &World<Self>) -> Vec<(Reply, Seen)> {
        let (_, ticket) = call.target.split_once("ticket=").expect("a link");
        let mail = ticket.trim().to_owned();
        let mut seen = world.seen.clone();
        let (number, _) = self.message(caller);
        let times = seen.confirmed.entry(mail.clone()).or_default();
        *times += 1;
        // A ticket works once.
        let success = if *times == 1 { "true" } else { "false" };
        seen.open.insert(caller, mail.clone());
        seen.is_later |= seen.stored_at.get(&mail) > seen.came_at.get(&number);
        seen.by.entry(number).or_default().insert(mail);
        let reply = |status, body: String| Reply { status, body };
        vec![
            (
                reply(302, format!("https://app.invalid/?success={success}")),
                seen,
            ),
            (reply(503, String::new()), world.seen.clone()),
        ]
    }

    fn in_doubt(&self, seen: &mut Seen, what: Doubt, caller: usize) {
        match what {
            Doubt::Write if seen.open.contains_key(&caller) => {
                seen.lost.insert(caller);
            }
            Doubt::Write => {}
            Doubt::Answer | Doubt::Crash | Doubt::Late => seen.close(caller, true),
        }
    }

    fn stored(&self, seen: &mut Seen, items: &Items) {
        let item = items
            .get("pending#+4520123456 / pending")
            .unwrap_or_default();
        let number = |value: &Value| value["N"].as_str().and_then(|text| text.parse().ok());
        let requests = item.as_object().into_iter().flatten();
        let requests = requests.filter(|(name, _)| name.starts_with("r_"));
        let requests = requests.map(|(_, request)| &request["M"]);
        seen.waiting.clear();
        for request in requests {
            let mail = request["mail"]["S"].as_str().unwrap_or_default();
            seen.waiting.insert(mail.to_owned());
            let created_at = number(&request["created_at"]).unwrap_or_default();
            seen.stored_at.entry(mail.to_owned()).or_insert(created_at);
        }
        for (message, _) in self.messages {
            let noted = format!("seen#twilio-confirmation#SM{message:032} / first");
            if let Some(came_at) = items.get(&noted).and_then(|item| number(&item["first"])) {
                seen.came_at.entry(*message).or_insert(came_at);
            }
        }
    }

    fn answered(&self, seen: &mut Seen, caller: usize, _: &str) {
        let is_lost = seen.lost.contains(&caller);
        seen.close(caller, is_lost);
    }

    fn is_achieved(&self, world: &World<Self>) -> bool {
        let item = world
            .items
            .get("pending#+4520123456 / pending")
            .unwrap_or_default();
        let requests = item.as_object().into_iter().flatten();
        let mut requests = requests.filter(|(name, _)| name.starts_with("r_"));
        // Who is asked which one knows the codes.
        let is_asked = self.is_for_another
            && world.seen.waiting.len() > 1
            && requests.all(|(_, request)| !request["M"]["code"].is_null());
        !world.seen.confirmed.is_empty() || is_asked
    }

    fn promises() -> Vec<Property<Explored<Self>>> {
        vec![
            Property::always(ONE_REPLY, |_, world: &World<Self>| {
                let doubts = |mail| world.seen.unrecorded.get(mail).copied().unwrap_or_default();
                let mut all = world.seen.confirmed.iter();
                all.all(|(mail, times)| *times <= 1 + doubts(mail))
            }),
            Property::always(ONE_REQUEST, |_, world: &World<Self>| {
                world.seen.by.values().all(|mails| mails.len() <= 1)
            }),
            Property::always(NOT_LATER, |_, world: &World<Self>| !world.seen.is_later),
            Property::always(TRUE, |_, world: &World<Self>| {
                let says = |answer: &Option<String>| answer.as_deref() == Some("200 confirmed");
                let is_said = world.callers.iter().any(|caller| says(&caller.answer));
                !is_said || !world.seen.confirmed.is_empty()
            }),
            Property::always(NOT_HELD, Explored::ends_well),
            Property::sometimes("a request is confirmed", |_, world: &World<Self>| {
                !world.seen.confirmed.is_empty()
            }),
        ]
    }
}
