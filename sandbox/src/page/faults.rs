//! The switches that break the simulators, as each server offers them.

use std::sync::Mutex;

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    App, Shared,
    fault_menu::{Entry, MAIL, NETWORK, RECEIPTS, TABLE, counts, fate, refusals, wired},
    feed::Feed,
    moment,
    problem::{Input, Path, Problem, number},
};
use crate::{
    receipts::{Fate, Receipts},
    wire::{Server, lock},
};

/// The most requests that a fault waits for.
const MOST: u32 = 1_000;

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
