//! A number for an employee: whole runs of provision-numbers, against Twilio and Okta.
//!
//! The function itself runs, with its own order of calls. Twilio's and Okta's answers are made here.
//! Each run finds other numbers for sale, so two runs never want the same one by luck. Okta's list
//! shows the employee as before any run, because it may lag: each run visits the employee.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use provision_numbers::App;
use reqwest::Url;
use serde_json::{Value, json};
use shared::platform::runtime::{Function as _, Scheduled as _};
use stateright::Property;

use crate::table::Reply;
use crate::tape::{Call, Code, Wire, at};
use crate::world::{Doubt, Explored, Protocol, World};

/// Lambda's time limit for a run.
const PATIENCE: u64 = 60;
const ID: &str = "00u1";
const MOBILE: &str = "+13024829229";
/// The number that the employee has at first, if the employee may leave.
const FIRST: &str = "+14155550999";
/// What the function adds to its webhooks.
const OVERRIDES: &str = "#rc=3&rp=5xx,ct,rt";
const SETTINGS: [(&str, &str); 10] = [
    ("HOOK_SECRET", "hook"),
    ("TWILIO_SECRET", "twilio"),
    ("TWILIO_URL", "https://twilio.invalid"),
    ("OKTA_SECRET", "okta"),
    ("OKTA_URL", "https://okta.invalid"),
    ("NUMBER_COUNTRY", "US"),
    ("AREA_PREFIXES", "415"),
    ("CALL_FORWARD_URL", "https://call.invalid/"),
    ("SMS_FORWARD_URL", "https://sms.invalid/"),
    ("ALLOWED_COUNTRIES", "US"),
];

thread_local! {
    /// All runs: a process keeps nothing from one run to the next but its secrets.
    static APP: OnceCell<Rc<App>> = const { OnceCell::new() };
}

/// The promise about purchases.
pub const BOUGHT_ONCE: &str = "an employee never has two numbers at Twilio";

/// The promise about the ledger.
pub const KNOWN: &str = "until Twilio's lists show a number, the ledger knows it";

/// The promise about releases.
pub const NOT_TAKEN_AWAY: &str =
    "a run releases a number only if it has read that its owner left and that nobody else has it";

/// The promise about profiles.
pub const NAMED: &str = "a profile names a number that the account has, unless its person left";

/// The promise about the end.
pub const SERVED: &str =
    "an employee has a number in the end, and no number stays without a person";

/// Two schedules start runs, for one employee.
#[derive(Debug)]
pub struct Purchase {
    /// How many numbers other customers buy in the moment in which a run wants them.
    pub rivals: usize,
    /// How many seconds Twilio's lists may lag behind a purchase. The function waits 600.
    pub lag: u64,
    /// The seconds at which the clock may stand.
    pub seconds: &'static [u64],
    /// The employee has a number. The employee may leave and come back, and a colleague may enter the
    /// number.
    pub leaves: bool,
}

/// What Twilio and Okta know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The account's numbers.
    owned: Vec<Owned>,
    /// The numbers that other customers bought.
    gone: BTreeSet<String>,
    /// `primaryPhone` of the employee.
    profile: Option<String>,
    /// The employee has left.
    is_away: bool,
    /// How often the employee has left or come back.
    moves: u8,
    /// A colleague's profile has this number.
    colleague: Option<String>,
    /// What each caller's run has read last: the employee is away; no colleague has the number.
    read: [(bool, bool); 2],
    /// A number was released that a person had.
    taken_away: bool,
    /// A number was released.
    released: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Owned {
    number: String,
    /// What the purchase named: name and webhooks.
    form: BTreeMap<String, String>,
    /// When it was bought.
    at: u64,
}

impl Owned {
    /// The number that the employee has at first.
    fn first() -> Self {
        let form = [
            ("FriendlyName", name()),
            ("VoiceUrl", format!("https://call.invalid/{OVERRIDES}")),
            ("VoiceMethod", "POST".to_owned()),
            (
                "StatusCallback",
                format!("https://call.invalid/status{OVERRIDES}"),
            ),
            ("StatusCallbackMethod", "POST".to_owned()),
            ("SmsUrl", format!("https://sms.invalid/{OVERRIDES}")),
            ("SmsMethod", "POST".to_owned()),
        ];
        let form = form.map(|(name, value)| (name.to_owned(), value));
        Self {
            number: FIRST.to_owned(),
            form: BTreeMap::from(form),
            at: 0,
        }
    }

    fn sid(&self) -> String {
        format!("PN{:0>32}", self.number.trim_start_matches('+'))
    }

    fn field(&self, name: &str) -> &str {
        self.form.get(name).map_or("", String::as_str)
    }

    fn resource(&self) -> Value {
        json!({
            "sid": self.sid(),
            "phone_number": self.number,
            "friendly_name": self.field("FriendlyName"),
            "voice_url": self.field("VoiceUrl"),
            "voice_method": self.field("VoiceMethod"),
            "sms_url": self.field("SmsUrl"),
            "sms_method": self.field("SmsMethod"),
            "status_callback": self.field("StatusCallback"),
            "status_callback_method": self.field("StatusCallbackMethod"),
        })
    }
}

fn name() -> String {
    format!("switchboard:{ID}")
}

fn fields(text: &str) -> BTreeMap<String, String> {
    form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}

fn answer(status: u16, body: &Value) -> Reply {
    Reply {
        status,
        body: body.to_string(),
    }
}

/// The numbers that one instance finds for sale.
fn for_sale(caller: usize, attempt: u8) -> Reply {
    let numbers = (0..2).map(|place| format!("+14155550{caller}{attempt}{place}"));
    let numbers = numbers.map(|number| json!({ "phone_number": number }));
    let numbers: Vec<Value> = numbers.collect();
    answer(200, &json!({ "available_phone_numbers": numbers }))
}

fn user(primary: Option<&String>) -> Value {
    let profile = json!({ "mobilePhone": MOBILE, "primaryPhone": primary });
    json!({ "id": ID, "status": "ACTIVE", "profile": profile })
}

impl Seen {
    fn user(&self) -> Value {
        let mut user = user(self.profile.as_ref());
        if self.is_away {
            user["status"] = json!("DEPROVISIONED");
            user["statusChanged"] = json!("1970-01-01T00:00:01.000Z");
        }
        user
    }

    fn list<'a>(owned: impl Iterator<Item = &'a Owned>, name: Option<&String>) -> Reply {
        let is_named = |owned: &&Owned| name.is_none_or(|name| owned.field("FriendlyName") == name);
        let numbers: Vec<Value> = owned.filter(is_named).map(Owned::resource).collect();
        answer(200, &json!({ "incoming_phone_numbers": numbers }))
    }

    fn is_for_sale(&self, number: &str) -> bool {
        let is_owned = self.owned.iter().any(|owned| owned.number == number);
        !is_owned && !self.gone.contains(number)
    }
}

impl Purchase {
    fn clock(&self, world: &World<Self>) -> u64 {
        self.seconds[world.tick.min(self.seconds.len() - 1)]
    }

    fn twilio(
        &self,
        (method, url): (&str, &Url),
        form: BTreeMap<String, String>,
        caller: usize,
        world: &World<Self>,
    ) -> Vec<(Reply, Seen)> {
        let (seen, now, path) = (&world.seen, self.clock(world), url.path());
        let same = |reply| vec![(reply, seen.clone())];
        if path.ends_with("/IncomingPhoneNumbers.json") && method == "GET" {
            let query = fields(url.query().unwrap_or_default());
            let name = query.get("FriendlyName");
            let current = Seen::list(seen.owned.iter(), name);
            let shown = seen.owned.iter().filter(|one| one.at + self.lag <= now);
            let mut lists = same(current);
            if shown.clone().count() < seen.owned.len() {
                lists.push((Seen::list(shown, name), seen.clone()));
            }
            return lists;
        }
        if path.ends_with("/IncomingPhoneNumbers.json") {
            let number = form.get("PhoneNumber").expect("a number").clone();
            let refused = || answer(400, &json!({ "code": 21422 }));
            if !seen.is_for_sale(&number) {
                return same(refused());
            }
            let (mut bought, mut snatched) = (seen.clone(), seen.clone());
            snatched.gone.insert(number.clone());
            let owned = Owned {
                number,
                form,
                at: now,
            };
            let resource = answer(201, &owned.resource());
            bought.owned.push(owned);
            let mut results = vec![(resource, bought)];
            if snatched.gone.len() <= self.rivals {
                results.push((refused(), snatched));
            }
            return results;
        }
        let mut seen = seen.clone();
        let is_meant = |owned: &Owned| path.contains(&owned.sid());
        let Some(place) = seen.owned.iter().position(is_meant) else {
            return same(answer(404, &json!({ "code": 20404 })));
        };
        let reply = match method {
            "GET" => answer(200, &seen.owned[place].resource()),
            "POST" => {
                seen.owned[place].form.extend(form);
                answer(200, &seen.owned[place].resource())
            }
            "DELETE" => {
                seen.owned.remove(place);
                seen.released = true;
                seen.taken_away |= seen.read[caller] != (true, true);
                answer(204, &json!({}))
            }
            other => panic!("this run has no reason to {other} a number"),
        };
        vec![(reply, seen)]
    }

    fn okta(
        (method, url): (&str, &Url),
        body: &str,
        caller: usize,
        seen: &Seen,
    ) -> Vec<(Reply, Seen)> {
        let mut seen = seen.clone();
        let users = if url.path() == format!("/api/v1/users/{ID}") {
            if method == "POST" {
                let change: Value = serde_json::from_str(body).expect("JSON");
                seen.profile = change["profile"]["primaryPhone"]
                    .as_str()
                    .map(str::to_owned);
            } else {
                seen.read[caller].0 = seen.is_away;
            }
            seen.user()
        } else {
            let mut users = vec![seen.user()];
            users.retain(|_| !seen.is_away);
            if url.query().is_some_and(|query| query.contains("search=")) {
                users.retain(|_| seen.profile.is_some());
                seen.read[caller].1 = seen.colleague.is_none();
                let colleague = seen.colleague.as_ref().map(|number| {
                    let mut other = user(Some(number));
                    other["id"] = json!("00u2");
                    other
                });
                users.extend(colleague);
            }
            json!(users)
        };
        vec![(answer(200, &users), seen)]
    }
}

impl Protocol for Purchase {
    type Seen = Seen;

    fn callers(&self) -> usize {
        2
    }

    fn seconds(&self) -> Vec<u64> {
        self.seconds.to_vec()
    }

    fn patience(&self) -> u64 {
        PATIENCE
    }

    fn round(&self) -> u64 {
        // A run may wait until Twilio's lists surely show a purchase.
        self.lag + 100
    }

    fn is_in_order(&self) -> bool {
        true
    }

    fn is_read(&self, call: &Call) -> bool {
        call.target == "GetItem" || call.target.starts_with("GET ")
    }

    fn is_ended_when_late(&self) -> bool {
        true
    }

    fn may_begin(&self, caller: usize, world: &World<Self>) -> bool {
        world.is_next(caller)
    }

    fn beginning(&self) -> Seen {
        let mut seen = Seen::default();
        if self.leaves {
            seen.owned.push(Owned::first());
            seen.profile = Some(FIRST.to_owned());
        }
        seen
    }

    fn happenings(&self, world: &World<Self>) -> Vec<Seen> {
        let mut happenings = Vec::new();
        if self.leaves && world.seen.moves < 2 {
            let mut moved = world.seen.clone();
            moved.is_away = !moved.is_away;
            moved.moves += 1;
            happenings.push(moved);
        }
        if self.leaves && world.seen.colleague.is_none() && world.seen.profile.is_some() {
            let mut entered = world.seen.clone();
            entered.colleague.clone_from(&entered.profile);
            happenings.push(entered);
        }
        happenings
    }

    fn code(&self, caller: usize, attempt: u8, now: u64, wire: Wire) -> Code {
        let mut settings = SETTINGS.to_vec();
        if self.leaves {
            settings.push(("RELEASE_AFTER_DAYS", "0"));
        } else {
            let list = json!([user(None)]);
            wire.at_once("/api/v1/users?limit=200", answer(200, &list));
        }
        wire.at_once("/AvailablePhoneNumbers/", for_sale(caller, attempt));
        let app = || Rc::new(Wire::function(&settings, App::read));
        let app = APP.with(|made| Rc::clone(made.get_or_init(app)));
        Box::pin(async move {
            let deadline = Instant::now() + Duration::from_secs(PATIENCE);
            let run = app.run(deadline, at(now)).await;
            run.map_or("failed", |_| "ran").to_owned()
        })
    }

    fn results(&self, call: &Call, caller: usize, world: &World<Self>) -> Vec<(Reply, Seen)> {
        let mut parts = call.target.splitn(3, ' ');
        let mut part = || parts.next().unwrap_or_default();
        let (method, url, body) = (part(), part(), part());
        let url = Url::parse(url).expect("a URL");
        if url.host_str() == Some("okta.invalid") {
            return Self::okta((method, &url), body, caller, &world.seen);
        }
        self.twilio((method, &url), fields(body), caller, world)
    }

    fn in_doubt(&self, seen: &mut Seen, what: Doubt, caller: usize) {
        if matches!(what, Doubt::Crash | Doubt::Late) {
            seen.read[caller] = (false, false);
        }
    }

    fn answered(&self, seen: &mut Seen, caller: usize, _: &str) {
        seen.read[caller] = (false, false);
    }

    fn is_achieved(&self, world: &World<Self>) -> bool {
        let seen = &world.seen;
        let numbers: Vec<&String> = seen.owned.iter().map(|owned| &owned.number).collect();
        if seen.is_away {
            let is_due = |number: &&String| seen.colleague.as_ref() != Some(*number);
            return !numbers.iter().any(is_due);
        }
        numbers.len() == 1 && seen.profile.as_ref() == Some(numbers[0])
    }

    fn promises() -> Vec<Property<Explored<Self>>> {
        vec![
            Property::always(BOUGHT_ONCE, |_, world: &World<Self>| {
                world.seen.owned.len() <= 1
            }),
            Property::always(KNOWN, |model: &Explored<Self>, world: &World<Self>| {
                let record = world.items.get(&format!("number#{ID} / number"));
                let known =
                    record.and_then(|record| Some(record["number"]["S"].as_str()?.to_owned()));
                let is_hidden = |owned: &&Owned| owned.at + model.protocol.lag > model.now(world);
                let mut hidden = world.seen.owned.iter().filter(is_hidden);
                hidden.all(|owned| Some(&owned.number) == known.as_ref())
            }),
            Property::always(NOT_TAKEN_AWAY, |_, world: &World<Self>| {
                !world.seen.taken_away
            }),
            Property::always(NAMED, |_, world: &World<Self>| {
                let seen = &world.seen;
                let mut owned = seen.owned.iter();
                let is_owned = |number: &String| owned.any(|owned| owned.number == *number);
                seen.moves > 0 || seen.profile.as_ref().is_none_or(is_owned)
            }),
            Property::always(SERVED, Explored::ends_well),
            Property::sometimes(
                "a number is bought, and the run that bought it does not know; or one is released",
                |_, world: &World<Self>| {
                    let seen = &world.seen;
                    seen.released
                        || !seen.owned.is_empty() && world.is_quiet() && seen.profile.is_none()
                },
            ),
        ]
    }
}
