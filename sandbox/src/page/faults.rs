//! The switches that break the simulators, as each server offers them.

use std::{sync::Mutex, time::Duration};

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    App, Shared,
    feed::Feed,
    moment,
    problem::{Input, Path, Problem, number},
};
use crate::{
    receipts::{Fate, Receipts},
    wire::{Fault, Server, lock},
};

/// The most requests that a fault waits for.
const MOST: u32 = 1_000;
/// How long a slow server waits. It is longer than some functions wait, and shorter than others do.
const SLOW: Duration = Duration::from_secs(4);

/// One line of a menu.
struct Entry {
    id: &'static str,
    title: &'static str,
    means: &'static str,
    group: &'static str,
}

const fn entry(
    id: &'static str,
    title: &'static str,
    means: &'static str,
    group: &'static str,
) -> Entry {
    Entry {
        id,
        title,
        means,
        group,
    }
}

const NETWORK: [Entry; 12] = [
    entry("down", "Down", "Connections are refused.", "network"),
    entry(
        "slow",
        "Slow",
        "Each answer comes 4 seconds late.",
        "network",
    ),
    entry(
        "hang",
        "Silent",
        "Requests get no answer at all.",
        "network",
    ),
    entry(
        "lost_answer",
        "Lost answer",
        "The request takes effect, and the connection breaks before the answer.",
        "network",
    ),
    entry(
        "reset",
        "Broken connection",
        "The connection breaks before the request takes effect.",
        "network",
    ),
    entry(
        "truncate",
        "Half an answer",
        "The connection breaks in the middle of the answer.",
        "network",
    ),
    entry(
        "garbage",
        "Garbage",
        "The answer cannot be read.",
        "network",
    ),
    entry(
        "oversize",
        "Huge answer",
        "The answer has 16 MB.",
        "network",
    ),
    entry(
        "http_500",
        "Error 500",
        "Each answer is 500, and nothing takes effect.",
        "answers",
    ),
    entry(
        "http_503",
        "Error 503",
        "Each answer is 503, and nothing takes effect.",
        "answers",
    ),
    entry(
        "http_429",
        "Too many requests",
        "Each answer is 429, and nothing takes effect.",
        "answers",
    ),
    entry(
        "http_401",
        "Wrong credentials",
        "Each answer is 401, and nothing takes effect.",
        "answers",
    ),
];

const RECEIPTS: [Entry; 7] = [
    entry(
        "receipt_failed",
        "Texts fail",
        "The receipt says that the text did not arrive.",
        "receipts",
    ),
    entry(
        "receipt_expired",
        "Texts expire",
        "The receipt says that the text waited too long.",
        "receipts",
    ),
    entry(
        "receipt_never",
        "No receipts",
        "Nothing is heard of a text.",
        "receipts",
    ),
    entry(
        "receipt_twice",
        "Receipts twice",
        "The last receipt of a text arrives twice.",
        "receipts",
    ),
    entry(
        "receipt_out_of_order",
        "Receipts out of order",
        "The last receipt of a text arrives first.",
        "receipts",
    ),
    entry(
        "receipt_forged",
        "Forged receipts",
        "A stranger posts the receipts, without the provider's key.",
        "receipts",
    ),
    entry(
        "receipt_late",
        "Late receipts",
        "The receipts arrive when the switch is turned off.",
        "receipts",
    ),
];

const TABLE: [Entry; 2] = [
    entry(
        "throttled",
        "Throttled",
        "The table refuses every request: too many.",
        "table",
    ),
    entry(
        "conflict",
        "Conflicts",
        "The table refuses every request: another transaction holds the item.",
        "table",
    ),
];

const MAIL: [Entry; 1] = [entry(
    "duplicate",
    "Mails twice",
    "Mailgun delivers each mail of this page twice.",
    "texts",
)];

/// The refusals of each provider: code, title.
fn refusals(server: &str) -> &'static [(u32, &'static str, &'static str)] {
    match server {
        "Twilio" => &[
            (
                21_211,
                "refuse_21211",
                "Refuse a number: it is invalid (21211)",
            ),
            (
                21_408,
                "refuse_21408",
                "Refuse a number: its country is not allowed (21408)",
            ),
            (
                21_610,
                "refuse_21610",
                "Refuse a number: it has opted out (21610)",
            ),
            (
                21_614,
                "refuse_21614",
                "Refuse a number: it is no mobile (21614)",
            ),
            (
                20_429,
                "refuse_20429",
                "Refuse a number: too many requests (20429)",
            ),
        ],
        "Plivo" => &[
            (400, "refuse_400", "Refuse a number: bad request (400)"),
            (
                429,
                "refuse_429",
                "Refuse a number: too many requests (429)",
            ),
            (500, "refuse_500", "Refuse a number: server error (500)"),
        ],
        "Vonage" => &[
            (1, "refuse_1", "Refuse a number: throttled (1)"),
            (6, "refuse_6", "Refuse a number: invalid message (6)"),
            (9, "refuse_9", "Refuse a number: quota exceeded (9)"),
        ],
        _ => &[],
    }
}

/// An active fault.
#[derive(Clone)]
struct Active {
    server: String,
    id: &'static str,
    title: &'static str,
    left: Option<u32>,
    met: u32,
    since: u64,
    number: Option<String>,
}

impl Active {
    fn wire(&self) -> Value {
        json!({
            "server": self.server, "id": self.id, "title": self.title, "left": self.left, "met": self.met,
            "since": self.since, "number": self.number, "world": "main",
        })
    }
}

/// The active faults.
#[derive(Default)]
pub(super) struct Faults(Mutex<Vec<Active>>);

impl Faults {
    pub(super) fn active(&self) -> Vec<Value> {
        lock(&self.0).iter().map(Active::wire).collect()
    }

    fn tell(&self, feed: &Feed) {
        let active = json!({ "at": moment(), "world": "main", "active": self.active() });
        feed.push("faults", &active);
    }

    /// One request less. Returns the id of the first fault that `meets`.
    fn meet(&self, feed: &Feed, meets: impl Fn(&Active) -> bool) -> Option<&'static str> {
        let mut active = lock(&self.0);
        let at = active.iter().position(meets)?;
        let fault = &mut active[at];
        fault.met += 1;
        fault.left = fault.left.map(|left| left.saturating_sub(1));
        let id = fault.id;
        if fault.left == Some(0) {
            active.remove(at);
        }
        drop(active);
        self.tell(feed);
        Some(id)
    }

    /// A request to this server met a fault with this name. Returns the id of the switch.
    pub(super) fn met(&self, feed: &Feed, server: &str, name: &str) -> Option<&'static str> {
        self.meet(feed, |fault| {
            let answers =
                fault.id.starts_with("http_") || ["throttled", "conflict"].contains(&fault.id);
            fault.server == server && (fault.id == name || answers && name == "answer")
        })
    }

    /// A provider has taken a text, whose receipts follow the plan.
    pub(super) fn text_taken(&self, feed: &Feed, provider: &str) {
        self.meet(feed, |fault| {
            fault.server == provider && fault.id.starts_with("receipt_")
        });
    }

    /// True if Mailgun delivers this mail twice.
    pub(super) fn duplicates(&self, feed: &Feed) -> bool {
        self.meet(feed, |fault| fault.id == "duplicate").is_some()
    }
}

fn answer(status: u16, kind: Option<&str>) -> Fault {
    let headers = vec![(
        "content-type".to_owned(),
        if kind.is_some() {
            "application/x-amz-json-1.0"
        } else {
            "text/plain"
        }
        .to_owned(),
    )];
    let body = kind.map_or(String::new(), |kind| {
        json!({
            "__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"),
            "message": "The sandbox's page switched this on.",
        })
        .to_string()
    });
    Fault::Answer {
        status,
        headers,
        body,
    }
}

/// What a switch puts into the server.
fn wired(id: &str) -> Option<Fault> {
    Some(match id {
        "slow" => Fault::Delay(SLOW),
        "hang" => Fault::Hang,
        "lost_answer" => Fault::ResetAfter,
        "reset" => Fault::ResetBefore,
        "truncate" => Fault::Truncate,
        "garbage" => Fault::Garbage,
        "oversize" => Fault::Oversize(16 * 1024 * 1024),
        "http_500" => answer(500, None),
        "http_503" => answer(503, None),
        "http_429" => answer(429, None),
        "http_401" => answer(401, None),
        "throttled" => answer(400, Some("ProvisionedThroughputExceededException")),
        "conflict" => answer(400, Some("TransactionConflictException")),
        _ => return None,
    })
}

/// True if a fault can end after a number of requests.
fn counts(id: &str) -> bool {
    id != "down" && !id.starts_with("refuse_")
}

fn fate(id: &str) -> Option<Fate> {
    Some(match id {
        "receipt_failed" => Fate::failed(30_003),
        "receipt_expired" => Fate::expired(),
        "receipt_never" => Fate::never(),
        "receipt_twice" => Fate::delivered().twice(),
        "receipt_out_of_order" => Fate::delivered().out_of_order(),
        "receipt_forged" => Fate::delivered().forged(),
        "receipt_late" => Fate::delivered().late(),
        _ => return None,
    })
}

impl App {
    fn server(&self, name: &str) -> Result<&Server, Problem> {
        let mut servers = self.sandbox.servers().into_iter();
        let found = servers.find(|(known, _)| *known == name);
        found
            .map(|(_, server)| server)
            .ok_or_else(|| Problem::unknown("There is no such server. GET /api/faults lists them."))
    }

    fn receipts_of(&self, name: &str) -> Option<Receipts> {
        if name == "Twilio" {
            return Some(self.sandbox.twilio.receipts().clone());
        }
        let mut providers = self.sandbox.providers().into_iter();
        providers
            .find(|provider| provider.name == name && name != "AWS")
            .map(|provider| provider.receipts)
    }

    fn menu(&self, name: &str) -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
        let mut menu: Vec<&Entry> = vec![];
        let mut functions = self.sandbox.template().functions.iter();
        if functions.all(|function| function.name != name) {
            menu.extend(&NETWORK);
        }
        if self.receipts_of(name).is_some() {
            menu.extend(&RECEIPTS);
        }
        match name {
            "DynamoDB" => menu.extend(&TABLE),
            "Mailgun" => menu.extend(&MAIL),
            _ => {}
        }
        let lines = menu
            .into_iter()
            .map(|entry| (entry.id, entry.title, entry.means, entry.group));
        let refusals = refusals(name).iter();
        let refusals = refusals
            .map(|(_, id, title)| (*id, *title, "Texts to this number are refused.", "texts"));
        lines.chain(refusals).collect()
    }

    fn refuse(&self, server: &str, number: &str, code: Option<u32>) {
        let sandbox = &self.sandbox;
        match (server, code) {
            ("Twilio", Some(code)) => sandbox.twilio.reject(number, code),
            ("Twilio", None) => sandbox.twilio.accept(number),
            ("Plivo", Some(code)) => {
                sandbox
                    .plivo
                    .reject(number, u16::try_from(code).unwrap_or(500));
            }
            ("Plivo", None) => sandbox.plivo.accept(number),
            ("Vonage", Some(code)) => sandbox.vonage.reject(number, code),
            ("Vonage", None) => sandbox.vonage.accept(number),
            _ => {}
        }
    }

    /// Takes a fault out of the simulators.
    async fn mend(&self, fault: &Active) {
        if let Some(number) = &fault.number {
            self.refuse(&fault.server, number, None);
        } else if fault.id.starts_with("receipt_") {
            if let Some(receipts) = self.receipts_of(&fault.server) {
                receipts.usually(Fate::delivered());
                receipts.forget_next();
                if fault.id == "receipt_late" {
                    receipts.release().await;
                }
            }
        } else if fault.id != "duplicate"
            && let Ok(server) = self.server(&fault.server)
        {
            server.faults().clear();
        }
    }
}

/// `GET /api/faults`: what can be broken, and what is.
pub(super) async fn list(State(app): Shared) -> Json<Value> {
    let servers: Vec<_> = app
        .sandbox
        .servers_by_kind()
        .iter()
        .filter_map(|(kind, name, _)| {
            let menu: Vec<_> = app
                .menu(name)
                .into_iter()
                .map(|(id, title, means, group)| {
                    json!({
                        "id": id, "title": title, "means": means, "group": group,
                        "counts": counts(id), "number": id.starts_with("refuse_"),
                    })
                })
                .collect();
            (!menu.is_empty()).then(|| json!({ "name": name, "kind": kind, "menu": menu }))
        })
        .collect();
    Json(json!({ "servers": servers, "active": app.faults.active() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    left: Option<u32>,
    number: Option<String>,
}

/// `PUT /api/faults/{server}/{id}`: breaks something.
pub(super) async fn set(
    State(app): Shared,
    Path((name, id)): Path<(String, String)>,
    Input(switch): Input<Switch>,
) -> Result<Json<Value>, Problem> {
    let server = app.server(&name)?;
    let menu = app.menu(&name);
    let Some((id, title, ..)) = menu.into_iter().find(|(known, ..)| *known == id) else {
        return Err(Problem::unknown(
            "This server has no such fault. GET /api/faults lists them.",
        ));
    };
    let left = switch.left;
    if left.is_some() && !counts(id) {
        return Err(Problem::bad("This fault is not counted. Leave `left` out."));
    }
    if left.is_some_and(|left| left == 0 || left > MOST) {
        return Err(Problem::bad(format!("`left` is 1 to {MOST}, or null.")));
    }
    let refused = refusals(&name).iter().find(|(_, known, _)| *known == id);
    let wanted = match (&switch.number, refused) {
        (Some(wanted), Some(_)) => Some(number(wanted)?),
        (None, Some(_)) => return Err(Problem::bad("This fault needs a `number`.")),
        (Some(_), None) => {
            return Err(Problem::bad(
                "This fault has no `number`. It meets every request.",
            ));
        }
        (None, None) => None,
    };
    // What it replaces: the same switch, or another one in the same place.
    let place = |id: &str| match id {
        _ if id.starts_with("receipt_") => 1,
        _ if id.starts_with("refuse_") => 2,
        "duplicate" => 3,
        _ => 0,
    };
    let replaced: Vec<Active> = {
        let mut active = lock(&app.faults.0);
        let (out, kept) = active.drain(..).partition(|fault| {
            fault.server == name && place(fault.id) == place(id) && fault.number == wanted
        });
        *active = kept;
        out
    };
    for fault in &replaced {
        app.mend(fault).await;
    }
    let fault = Active {
        server: name.clone(),
        id,
        title,
        left,
        met: 0,
        since: moment(),
        number: wanted.clone(),
    };
    let wire = fault.wire();
    lock(&app.faults.0).push(fault);
    if let (Some(number), Some((code, ..))) = (&wanted, refused) {
        app.refuse(&name, number, Some(*code));
    } else if let (Some(fate), Some(receipts)) = (fate(id), app.receipts_of(&name)) {
        match left {
            Some(left) => (0..left).for_each(|_| receipts.next(fate.clone())),
            None => receipts.usually(fate),
        }
    } else if id == "down" {
        server.faults().refuse(true);
    } else if let Some(fault) = wired(id) {
        match left {
            Some(left) => server.faults().times(left as usize, || fault.clone()),
            None => server.faults().always(Some(fault)),
        }
    }
    app.faults.tell(&app.feed);
    Ok(Json(wire))
}

/// `DELETE /api/faults/{server}/{id}`: mends it.
pub(super) async fn unset(
    State(app): Shared,
    Path((name, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    app.server(&name)?;
    mend_where(&app, |fault| fault.server == name && fault.id == id).await;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /api/faults`: mends everything.
pub(super) async fn unset_all(State(app): Shared) -> StatusCode {
    mend_where(&app, |_| true).await;
    StatusCode::NO_CONTENT
}

async fn mend_where(app: &App, meant: impl Fn(&Active) -> bool) {
    let out: Vec<Active> = {
        let mut active = lock(&app.faults.0);
        let (out, kept) = active.drain(..).partition(meant);
        *active = kept;
        out
    };
    for fault in &out {
        app.mend(fault).await;
    }
    app.faults.tell(&app.feed);
}
