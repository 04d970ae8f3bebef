//! Delivery receipts: what `sms-gateway` leaves in the table, and whole invocations of
//! `delivery-status` by receipts, by runs and by the news that a code was used.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use delivery_status::App;
use serde_json::{Value, json};
use shared::platform::reply::Reply as Answer;
use shared::platform::request::Request;
use shared::platform::runtime::{Function as _, Scheduled as _};
use shared::rules::delivery::{self, Reference};
use shared::rules::kept::SHARDS;
use stateright::Property;

use crate::events;
use crate::mail::phone;
use crate::table::{Items, Reply};
use crate::tape::{Call, Code, Wire, at};
use crate::world::{Doubt, Explored, Protocol, World};

mod gateway;
mod reports;

pub use reports::{Provider, Said};

const PATIENCE: u64 = 9;
/// How long a code lives.
const LIFE: u64 = 180;
const SETTINGS: [(&str, &str); 6] = [
    ("CLICKATELL_SECRET", "clickatell"),
    ("CLICKATELL_URL", "https://clickatell.invalid"),
    ("GATEWAY_SECRET", "gateway"),
    ("SMS_ROUTES", "*=clickatell,aws"),
    ("KEEP_FOR_FAILOVER", "true"),
    (
        "FAILOVER_KEY_ARN",
        "arn:aws:kms:eu-central-1:123456789012:key/08303dfc-8073-4bbb-a8a9-fbf08657940e",
    ),
];
/// The code of all instances, and a newer one.
const CODE: &str = "code#AAAAAAAAAAAAAAAAAAAAAA";
const NEWER: &str = "code#BBBBBBBBBBBBBBBBBBBBBB";

thread_local! {
    /// All instances: a process keeps nothing but its secrets.
    static APP: OnceCell<Rc<App>> = const { OnceCell::new() };
}

/// The promise about providers.
pub const ONCE: &str = "each provider gets a code at most once";
/// The promise about what must end it.
pub const NEVER_AFTER: &str = "no provider gets a code after the table knows that it arrived, that \
    the person opted out, that it was used, or that the number has a newer one, nor after its life";
/// The promise about states.
pub const FIRST_STAYS: &str =
    "the first final state from each provider stays, and none is that of an earlier message";
/// The promise about the entry.
pub const FORWARD: &str =
    "an accepted code stays accepted, and its provider is never an earlier one again";
/// The promise about delivery.
pub const GOES_ON: &str = "a code that did not arrive reaches a provider that takes it, unless the \
    gateway could not store it or an attempt has an unknown outcome";

/// What a caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The gateway sends the code.
    Code,
    /// The gateway sends the same text again, once it has forgotten the first send.
    Again,
    /// The gateway notes a newer code for the number.
    Newer,
    /// A provider reports the state of its message with this number.
    Receipt(Provider, u8, Said),
    /// A run of the schedule.
    Run,
    /// The run that comes when nothing else happens any more.
    LastRun,
    /// The identity provider tells that the code was used.
    Used,
}

/// A code, its receipts, and what else happens.
#[derive(Debug)]
pub struct Receipts {
    /// Who comes. The first is [`Role::Code`].
    pub roles: &'static [Role],
    /// Whether the gateway has sent the code before anything else happens.
    pub is_sent: bool,
    /// The seconds at which the clock may stand.
    pub seconds: &'static [u64],
    /// True: the gateway goes on after a lost answer (`ON_UNKNOWN=failover`), and forgets that the
    /// first provider may have the code. This breaks a promise.
    pub forgets_unknown: bool,
}

/// What the providers have got, and what the table has held.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The messages that a provider accepted, by send and provider.
    accepted: BTreeMap<(String, Provider), u8>,
    /// A provider refused the code.
    is_refused: bool,
    /// A write of the gateway was lost, or the gateway ended in the middle.
    is_not_stored: bool,
    /// An instance ended in the middle, or a request to a provider had no answer.
    is_unknown: bool,
    /// Requests to the table that were lost, or their answers, apart from the gateway's.
    lost: u8,
    /// The entry of the code, as it was last.
    last: Known,
    /// The attempt that was claimed last.
    attempt: Attempt,
    broken: BTreeSet<&'static str>,
}

/// An attempt at the second provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Attempt {
    send: String,
    /// It was claimed when it must not be made any more.
    is_forbidden: bool,
}

/// What the table knows of the code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Known {
    /// The send: the owner of the gateway's claim.
    send: String,
    stage: String,
    provider: String,
    trying: String,
    tried: BTreeSet<String>,
    receipts: BTreeMap<String, String>,
    is_used: bool,
}

impl Known {
    fn of(items: &Items) -> Self {
        let entry = items.get(&format!("sent#{CODE} / send"));
        let entry = entry.unwrap_or_default();
        let text = |name: &str| entry[name]["S"].as_str().unwrap_or_default().to_owned();
        let tried = entry["tried"]["SS"].as_array().into_iter().flatten();
        let receipts = entry["receipts"]["M"].as_object().into_iter().flatten();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            send: text("owner_id"),
            stage: text("stage"),
            provider: text("provider"),
            trying: text("trying"),
            tried: tried.map(word).collect(),
            receipts: receipts
                .map(|(name, state)| (name.clone(), word(&state["S"])))
                .collect(),
            is_used: !entry["used_at"].is_null(),
        }
    }

    fn says(&self, words: &[&str]) -> bool {
        let mut said = self.receipts.values();
        said.any(|said| words.contains(&said.as_str()))
    }
}

fn is_newest(items: &Items) -> bool {
    let road = items.find("road#").unwrap_or_default();
    road["newest"]["S"].as_str() == Some(Reference::of(CODE).as_str())
}

impl Receipts {
    fn may_still_be_sent(known: &Known, items: &Items) -> bool {
        !known.is_used && !known.says(&["delivered", "opted_out"]) && is_newest(items)
    }

    /// Whether the life of the first send is over.
    fn is_over(&self, world: &World<Self>) -> bool {
        let second = self.seconds.get(world.tick);
        second.is_some_and(|second| *second >= self.seconds[0] + LIFE)
    }

    fn is_gateway(&self, caller: usize) -> bool {
        matches!(self.roles[caller], Role::Code | Role::Again | Role::Newer)
    }
}

impl Protocol for Receipts {
    type Seen = Seen;

    fn callers(&self) -> usize {
        self.roles.len()
    }

    fn seconds(&self) -> Vec<u64> {
        self.seconds.to_vec()
    }

    fn patience(&self) -> u64 {
        PATIENCE
    }

    fn round(&self) -> u64 {
        25
    }

    fn first(&self) -> Option<usize> {
        self.is_sent.then_some(0)
    }

    fn may_begin(&self, caller: usize, world: &World<Self>) -> bool {
        let known = &world.seen.last;
        let is_new = world.callers[caller].attempts == 0;
        match self.roles[caller] {
            Role::Code => is_new,
            Role::Again => is_new && world.tick > 0 && known.stage == "sent",
            Role::Receipt(provider, number, _) => {
                let accepted = world.seen.accepted.iter();
                let accepted = accepted.filter(|((_, by), _)| *by == provider);
                accepted.map(|(_, count)| count).sum::<u8>() >= number
            }
            Role::LastRun => false,
            Role::Newer | Role::Run | Role::Used => true,
        }
    }

    fn repairs(&self, caller: usize) -> bool {
        matches!(self.roles[caller], Role::Run | Role::LastRun)
    }

    fn repeats(&self, answer: Option<&str>) -> bool {
        answer.is_none_or(|answer| answer.starts_with('5'))
    }

    fn is_read(&self, call: &Call) -> bool {
        matches!(call.target.as_str(), "GetItem" | "Query")
    }

    fn code(&self, caller: usize, attempt: u8, now: u64, wire: Wire) -> Code {
        let role = self.roles[caller];
        let forgets = self.forgets_unknown;
        let app = || Rc::new(Wire::function(&SETTINGS, App::read));
        let app = APP.with(|made| Rc::clone(made.get_or_init(app)));
        let owner = format!("{role:?}, instance {attempt}");
        // No decision here depends on the scoreboard, nor on the order of the next code's providers.
        let nothing = || Reply::word(r#"{"Count":0,"Items":[]}"#);
        wire.at_once("\"score#", nothing());
        wire.at_once("\"failed_", nothing());
        let reference = Reference::of(CODE);
        let shard = reference.as_str().bytes().map(u64::from).sum::<u64>() % SHARDS;
        for other in (0..SHARDS).filter(|other| *other != shard) {
            wire.at_once(format!("\"kept#{other}\""), nothing());
        }
        Box::pin(async move {
            let deadline = Instant::now() + Duration::from_secs(30);
            let posted = |path: &str, body: Value| {
                let event = events::post(path, &body);
                Request::from_event(&event, "id", deadline).expect("a request")
            };
            let ended: Result<Answer, Answer> = match role {
                Role::Code | Role::Again => return gateway::send(&wire, owner, now, forgets).await,
                Role::Newer => {
                    let number = delivery::number_hash(&phone());
                    let newer = Reference::of(NEWER);
                    let _ = delivery::note_newest(&number, &newer, &wire.table(), at(now)).await;
                    return "noted".to_owned();
                }
                Role::Receipt(Provider::Clickatell, number, said) => {
                    let receipt = reports::clickatell(number, said);
                    app.flow(&posted("/clickatell/token", receipt), at(now))
                        .await
                }
                Role::Receipt(Provider::Aws, number, said) => {
                    let event = reports::aws(number, said).to_string();
                    let taken = app.direct(&event, deadline, at(now)).await;
                    taken.expect("an event of AWS")
                }
                Role::Run | Role::LastRun => {
                    let ran = app.run(deadline, at(now)).await;
                    ran.map_err(Answer::from)
                }
                Role::Used => {
                    let body = json!({ "recipient": phone().reveal() });
                    app.flow(&posted("/used", body), at(now)).await
                }
            };
            let reply = ended.unwrap_or_else(|refusal| refusal);
            reply.into_response().status().as_u16().to_string()
        })
    }

    fn results(&self, call: &Call, caller: usize, world: &World<Self>) -> Vec<(Reply, Seen)> {
        let provider = Provider::of(call);
        let mut sent = world.seen.clone();
        let known = Known::of(&world.items);
        let mut owner = known.send;
        if !self.is_gateway(caller) {
            let is_claimed = !known.trying.is_empty() && known.tried.contains(provider.word());
            // The same text was claimed anew in between. The attempt belongs to the send before.
            let is_of_before = owner != sent.attempt.send;
            let is_unclaimed = !is_claimed && !is_of_before;
            if sent.attempt.is_forbidden || is_unclaimed || self.is_over(world) {
                sent.broken.insert(NEVER_AFTER);
            }
            owner.clone_from(&sent.attempt.send);
        }
        let all = sent.accepted.iter().filter(|((_, by), _)| *by == provider);
        let number = 1 + all.map(|(_, count)| count).sum::<u8>();
        *sent.accepted.entry((owner, provider)).or_default() += 1;
        let id = provider.id(number);
        if self.is_gateway(caller) {
            return vec![(Reply::word(&id), sent)];
        }
        let accepted = match provider {
            Provider::Aws => json!({ "MessageId": id }),
            Provider::Clickatell => {
                json!({ "messages": [{ "apiMessageId": id, "accepted": true }] })
            }
        };
        let reply = |status, body: Value| Reply {
            status,
            body: body.to_string(),
        };
        let mut not_sent = world.seen.clone();
        not_sent.is_refused = true;
        let kind = json!({ "__type": "ThrottlingException" });
        vec![(reply(200, accepted), sent), (reply(429, kind), not_sent)]
    }

    fn in_doubt(&self, seen: &mut Seen, what: Doubt, caller: usize) {
        match (what, self.is_gateway(caller)) {
            (Doubt::Write | Doubt::Crash, true) => seen.is_not_stored = true,
            (Doubt::Answer | Doubt::Crash, false) => seen.is_unknown = true,
            (Doubt::Write, false) => seen.lost += 1,
            // What comes late is stored all the same.
            (Doubt::Late, _) | (Doubt::Answer, true) => {}
        }
    }

    fn stored(&self, seen: &mut Seen, items: &Items) {
        let known = Known::of(items);
        if known == seen.last {
            return;
        }
        let last = std::mem::replace(&mut seen.last, known.clone());
        if !known.trying.is_empty() && known.trying != last.trying {
            seen.attempt = Attempt {
                send: known.send.clone(),
                is_forbidden: !Self::may_still_be_sent(&known, items),
            };
        }
        let is_new_send = known.send != last.send;
        let stays = |(name, state)| known.receipts.get(name) == Some(state);
        // In the models only the first message expires.
        let is_earlier = known.send.starts_with("Again") && known.says(&["expired"]);
        if is_earlier || (!is_new_send && !last.receipts.iter().all(stays)) {
            seen.broken.insert(FIRST_STAYS);
        }
        let went_back = last.stage == "sent" && known.stage != "sent"
            || last.provider == "aws" && known.provider != "aws";
        if went_back && !is_new_send {
            seen.broken.insert(FORWARD);
        }
    }

    fn is_achieved(&self, world: &World<Self>) -> bool {
        let (known, seen) = (Known::of(&world.items), &world.seen);
        let second = (known.send.clone(), Provider::Aws);
        // One lost answer to a claim is given back.
        let is_unknown = !known.trying.is_empty() && (seen.is_unknown || seen.lost > 1);
        known.stage != "sent"
            || seen.is_not_stored
            || seen.is_refused
            || is_unknown
            || self.is_over(world)
            || !Self::may_still_be_sent(&known, &world.items)
            || seen.accepted.contains_key(&second)
    }

    fn promises() -> Vec<Property<Explored<Self>>> {
        vec![
            Property::always(ONCE, |_, world: &World<Self>| {
                world.seen.accepted.values().all(|count| *count <= 1)
            }),
            Property::always(NEVER_AFTER, |_, world: &World<Self>| {
                !world.seen.broken.contains(NEVER_AFTER)
            }),
            Property::always(FIRST_STAYS, |_, world: &World<Self>| {
                !world.seen.broken.contains(FIRST_STAYS)
            }),
            Property::always(FORWARD, |_, world: &World<Self>| {
                !world.seen.broken.contains(FORWARD)
            }),
            Property::always(GOES_ON, Explored::ends_well),
            Property::sometimes(
                "the second provider has the code",
                |_, world: &World<Self>| {
                    let mut accepted = world.seen.accepted.keys();
                    accepted.any(|(_, provider)| *provider == Provider::Aws)
                },
            ),
        ]
    }
}
