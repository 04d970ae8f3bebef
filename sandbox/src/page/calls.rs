//! Calls: who calls whom, what is heard, and what the people at the page's phones do.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    App, Shared,
    lines::Deed,
    moment, prices,
    problem::{Input, Path, Problem, limited, number},
    world::World,
};
use crate::{
    random,
    twilio::{Call, Ended, Happening},
    wire::lock,
};

/// The most calls at the same time that a page may make.
const MOST_CALLS: usize = 16;
/// The most steps of a call that are kept.
const MOST_STEPS: usize = 400;

/// A call as the page shows it.
pub(super) struct Shown {
    pub(super) id: String,
    at: u64,
    world: World,
    from: String,
    to: String,
    live: bool,
    state: &'static str,
    ended: Option<&'static str>,
    parent: Option<String>,
    hops: usize,
    forwarded_from: Option<String>,
    ms: Option<f64>,
    price: f64,
    waiting: Value,
    steps: Vec<Value>,
    /// What the caller typed after the beep.
    typed: Option<String>,
}

/// The beginning of a call.
pub(super) struct Begun<'a> {
    pub(super) id: &'a str,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) live: bool,
    pub(super) parent: Option<&'a str>,
    pub(super) hops: usize,
    pub(super) forwarded_from: Option<&'a str>,
}

impl Shown {
    fn new(begun: &Begun<'_>, world: World) -> Self {
        Self {
            id: begun.id.to_owned(),
            at: moment(),
            world,
            from: begun.from.to_owned(),
            to: begun.to.to_owned(),
            live: begun.live,
            state: "ringing",
            ended: None,
            parent: begun.parent.map(str::to_owned),
            hops: begun.hops,
            forwarded_from: begun.forwarded_from.map(str::to_owned),
            ms: None,
            price: 0.0,
            waiting: Value::Null,
            steps: vec![],
            typed: None,
        }
    }

    fn wire(&self) -> Value {
        json!({
            "id": self.id, "at": self.at, "world": self.world.name(), "from": self.from, "to": self.to, "live": self.live,
            "state": self.state, "ended": self.ended, "parent": self.parent, "hops": self.hops,
            "forwarded_from": self.forwarded_from, "ms": self.ms, "price": self.price, "currency": prices::CURRENCY,
            "waiting": self.waiting,
        })
    }

    pub(super) fn full(&self) -> Value {
        let mut shown = self.wire();
        shown["steps"] = json!(self.steps);
        shown
    }
}

impl App {
    /// Changes a call and tells it.
    fn with_call(&self, id: &str, change: impl FnOnce(&mut Shown)) {
        let mut journal = lock(&self.journal);
        let Some(call) = journal.calls.iter_mut().rfind(|call| call.id == id) else {
            return;
        };
        change(call);
        let event = call.wire();
        drop(journal);
        self.feed.push("call", &event);
    }

    pub(super) fn call_waits(&self, id: &str, waiting: Value) {
        self.with_call(id, |call| call.waiting = waiting);
    }

    pub(super) fn call_talks(&self, id: &str) {
        self.with_call(id, |call| call.state = "talking");
    }

    pub(super) fn call_began(&self, begun: &Begun<'_>, world: World) {
        let call = Shown::new(begun, world);
        let event = call.wire();
        let mut journal = lock(&self.journal);
        journal.calls.push_back(call);
        if journal.calls.len() > 200 {
            journal.calls.pop_front();
        }
        drop(journal);
        self.feed.push("call", &event);
    }

    pub(super) fn call_step(&self, id: &str, answered: bool, step: &Happening) {
        let mut journal = lock(&self.journal);
        let Some(call) = journal.calls.iter_mut().rfind(|call| call.id == id) else {
            return;
        };
        let n = call.steps.len();
        if n >= MOST_STEPS {
            return;
        }
        let mut shown = serde_json::to_value(step).unwrap_or_default();
        shown["n"] = json!(n);
        shown["at"] = json!(moment());
        if matches!(step, Happening::Message { .. }) {
            shown["text"] = json!(call.typed.take().unwrap_or_default());
        }
        call.steps.push(shown.clone());
        let (world, live) = (call.world, call.live);
        let picks_up = answered && call.state == "ringing";
        let changed = picks_up.then(|| {
            call.state = "talking";
            call.wire()
        });
        drop(journal);
        if let (true, Happening::Say { text, .. }) = (live, step) {
            self.lines().says(id, n, text);
        }
        if let Some(changed) = changed {
            self.feed.push("call", &changed);
        }
        let event = json!({ "at": moment(), "world": world.name(), "call": id, "step": shown });
        self.feed.push("step", &event);
    }

    pub(super) fn call_ended(&self, ended: &Call) {
        let dialled: u32 = ended.dialled.iter().map(|dialled| dialled.seconds).sum();
        let millis = ended.took.as_secs_f64() * 1_000.0;
        self.with_call(&ended.sid, |call| {
            call.state = "ended";
            call.waiting = Value::Null;
            call.ended = Some(match ended.ended {
                Ended::HungUpByUs => "us",
                Ended::CallerHungUp => "caller",
                Ended::Rejected if ended.requests == 0 => "nobody",
                Ended::Rejected => "rejected",
                Ended::ApplicationError => "error",
            });
            call.ms = Some(millis);
            let seconds = u32::try_from(ended.took.as_secs()).unwrap_or(u32::MAX);
            call.price = if ended.answered {
                prices::call(seconds.max(dialled).max(1), dialled)
            } else {
                0.0
            };
        });
        let mut journal = lock(&self.journal);
        if let Some(call) = journal.calls.iter().rfind(|call| call.id == ended.sid) {
            let price = call.price;
            journal.count_call(
                dialled.max(u32::try_from(ended.took.as_secs()).unwrap_or(0)),
                price,
            );
        }
        drop(journal);
        self.lines().end(&ended.sid);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dialling {
    from: String,
    to: String,
    #[serde(default)]
    pace: Pace,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Pace {
    #[default]
    Spoken,
    Fast,
}

/// `POST /api/calls`: a phone calls a number.
pub(super) async fn dial(
    State(app): Shared,
    Input(dialling): Input<Dialling>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let (from, to) = (number(&dialling.from)?, number(&dialling.to)?);
    if app.lines().count() >= MOST_CALLS {
        return Err(Problem::conflict(format!(
            "{MOST_CALLS} calls are in progress. End one first."
        )));
    }
    let sid = format!("CA{}", random::hex(16));
    app.lines().begin(&sid, dialling.pace == Pace::Fast);
    let lines = app.lines();
    let (sandbox, id) = (Arc::clone(&app.sandbox), sid.clone());
    tokio::spawn(async move {
        sandbox
            .twilio
            .caller(&from)
            .sid(&id)
            .led_by(lines)
            .call(&to)
            .await
    });
    // The call tells its beginning before its first request.
    for _ in 0..200 {
        if let Some(call) = find(&app, &sid) {
            return Ok((StatusCode::ACCEPTED, Json(call)));
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    Err(Problem::conflict("The call did not begin."))
}

fn find(app: &App, id: &str) -> Option<Value> {
    let journal = lock(&app.journal);
    let call = journal.calls.iter().rfind(|call| call.id == id);
    call.map(Shown::full)
}

/// `GET /api/calls/{id}`.
pub(super) async fn read(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let found = find(&app, &id);
    found
        .map(Json)
        .ok_or_else(|| Problem::unknown("There is no such call, or it is too long ago."))
}

/// What a person does in a call.
fn did(app: &App, call: &str, deed: Deed) -> Result<StatusCode, Problem> {
    app.lines().act(call, deed).map_err(Problem::conflict)?;
    Ok(StatusCode::NO_CONTENT)
}

fn is_key(key: char) -> bool {
    "0123456789*#".contains(key)
}

fn no_key() -> Problem {
    Problem::bad("A phone has the keys 0 to 9, * and #.")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spoken {
    step: usize,
}

/// `POST /api/calls/{id}/spoken`: the caller has heard everything up to this step.
pub(super) async fn spoken(
    State(app): Shared,
    Path(id): Path<String>,
    Input(Spoken { step }): Input<Spoken>,
) -> Result<StatusCode, Problem> {
    did(&app, &id, Deed::Heard(step))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    digits: String,
}

/// `POST /api/calls/{id}/keys`: the caller presses keys.
pub(super) async fn keys(
    State(app): Shared,
    Path(id): Path<String>,
    Input(Keys { digits }): Input<Keys>,
) -> Result<StatusCode, Problem> {
    if digits.is_empty() || !digits.chars().all(is_key) {
        return Err(no_key());
    }
    did(&app, &id, Deed::Keys(digits))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Message {
    text: String,
    #[serde(default)]
    key: Option<char>,
}

/// `POST /api/calls/{id}/message`: what the caller says after the tone, and the key at its end.
pub(super) async fn message(
    State(app): Shared,
    Path(id): Path<String>,
    Input(Message { text, key }): Input<Message>,
) -> Result<StatusCode, Problem> {
    limited("The message", &text, 1_600)?;
    if text.trim().is_empty() {
        return Err(Problem::bad(
            "A message needs words. To say nothing, hang up.",
        ));
    }
    if key.is_some_and(|key| !is_key(key)) {
        return Err(no_key());
    }
    let mut journal = lock(&app.journal);
    if let Some(call) = journal.calls.iter_mut().rfind(|call| call.id == id) {
        call.typed = Some(text.clone());
    }
    drop(journal);
    did(&app, &id, Deed::Message(text, key))
}

/// `POST /api/calls/{id}/answer`: the phone that rings answers.
pub(super) async fn answer(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    did(&app, &id, Deed::Answer(true))
}

/// `POST /api/calls/{id}/reject`: the phone that rings rejects the call.
pub(super) async fn reject(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    did(&app, &id, Deed::Answer(false))
}

#[derive(Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    #[default]
    Caller,
    Callee,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HangUp {
    #[serde(default)]
    by: Side,
}

/// `POST /api/calls/{id}/hangup`: one side hangs up.
pub(super) async fn hang_up(
    State(app): Shared,
    Path(id): Path<String>,
    Input(HangUp { by }): Input<HangUp>,
) -> Result<StatusCode, Problem> {
    did(
        &app,
        &id,
        match by {
            Side::Caller => Deed::HangUp,
            Side::Callee => Deed::CalleeHangsUp,
        },
    )
}
