//! The phones of the page, and what they do when they are called.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    App, Shared, moment,
    problem::{Input, Path, Problem, limited, number},
};
use crate::{EMPLOYEE_MOBILE, wire::lock};

/// The most phones.
const MOST: usize = 24;
/// The seconds of talk of a phone that answers by itself.
const TALK: u32 = 42;

/// A phone.
#[derive(Clone)]
pub(super) struct Phone {
    number: String,
    name: String,
    behaviour: Behaviour,
    to: Option<String>,
    at: u64,
}

/// What a phone does when it is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Behaviour {
    /// A person at the page decides.
    #[default]
    Held,
    Answers,
    Busy,
    RingsOut,
    Unreachable,
    Forwards,
}

impl Behaviour {
    fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Answers => "answers",
            Self::Busy => "busy",
            Self::RingsOut => "rings_out",
            Self::Unreachable => "unreachable",
            Self::Forwards => "forwards",
        }
    }
}

impl Phone {
    fn new(number: &str, name: &str) -> Self {
        Self {
            number: number.to_owned(),
            name: name.to_owned(),
            behaviour: Behaviour::Held,
            to: None,
            at: moment(),
        }
    }

    /// The phones at the start: a customer's, and the employee's. Nobody holds them during a demo.
    pub(super) fn first(demo: bool) -> Vec<Self> {
        let mut phones = vec![
            Self::new("+4512345678", "Anna"),
            Self::new(EMPLOYEE_MOBILE, "Ann's mobile"),
        ];
        if demo {
            for phone in &mut phones {
                phone.behaviour = Behaviour::Answers;
            }
        }
        phones
    }

    pub(super) fn wire(&self) -> Value {
        json!({
            "number": self.number, "name": self.name, "behaviour": self.behaviour.name(), "to": self.to,
            "at": self.at, "world": "main",
        })
    }
}

impl App {
    /// Tells Twilio what this phone does.
    pub(super) fn plug_in(&self, phone: &Phone) {
        let (twilio, number) = (&self.sandbox.twilio, phone.number.as_str());
        match (phone.behaviour, &phone.to) {
            (Behaviour::Held, _) => twilio.phone_held(number, self.lines()),
            (Behaviour::Forwards, Some(to)) => twilio.phone_forwards(number, to),
            (Behaviour::Answers, _) => twilio.phone_answers(number, TALK),
            (Behaviour::Busy | Behaviour::Forwards, _) => twilio.phone_busy(number),
            (Behaviour::RingsOut, _) => twilio.phone_rings_out(number),
            (Behaviour::Unreachable, _) => twilio.phone_unreachable(number),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPhone {
    number: Option<String>,
    #[serde(default)]
    name: String,
}

/// `POST /api/phones`: one phone more.
pub(super) async fn add(
    State(app): Shared,
    Input(new): Input<NewPhone>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    limited("The name", &new.name, 100)?;
    let mut phones = lock(&app.phones);
    if phones.len() >= MOST {
        return Err(Problem::conflict(format!(
            "{MOST} phones are the most. Remove one first."
        )));
    }
    let taken = |wanted: &str| phones.iter().any(|phone| phone.number == wanted);
    let wanted = match &new.number {
        Some(wanted) => number(wanted)?,
        None => (1..=MOST + 1)
            .map(|n| format!("+4520111{n:03}"))
            .find(|free| !taken(free))
            .unwrap_or_default(),
    };
    if taken(&wanted) {
        return Err(Problem::conflict("This phone is there already."));
    }
    if app
        .sandbox
        .twilio
        .owned()
        .iter()
        .any(|owned| owned.number == wanted)
    {
        return Err(Problem::conflict(
            "This number is the company's own. A phone needs another one.",
        ));
    }
    let name = if new.name.trim().is_empty() {
        "Phone"
    } else {
        new.name.trim()
    };
    let phone = Phone::new(&wanted, name);
    app.plug_in(&phone);
    let wire = phone.wire();
    phones.push(phone);
    drop(phones);
    app.feed.push("phone", &wire);
    Ok((StatusCode::CREATED, Json(wire)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    name: Option<String>,
    behaviour: Option<Behaviour>,
    to: Option<String>,
}

/// `PATCH /api/phones/{number}`.
pub(super) async fn change(
    State(app): Shared,
    Path(wanted): Path<String>,
    Input(change): Input<Change>,
) -> Result<Json<Value>, Problem> {
    if let Some(name) = &change.name {
        limited("The name", name, 100)?;
    }
    let to = change.to.as_deref().map(number).transpose()?;
    let mut phones = lock(&app.phones);
    let Some(phone) = phones.iter_mut().find(|phone| phone.number == wanted) else {
        return Err(Problem::unknown("There is no such phone."));
    };
    let behaviour = change.behaviour.unwrap_or(phone.behaviour);
    let to = to.or_else(|| phone.to.clone());
    if behaviour == Behaviour::Forwards && to.as_ref().is_none_or(|to| *to == wanted) {
        return Err(Problem::bad(
            "A phone that forwards needs another number in `to`.",
        ));
    }
    phone.behaviour = behaviour;
    phone.to = to.filter(|_| behaviour == Behaviour::Forwards);
    if let Some(name) = change.name {
        phone.name = name;
    }
    app.plug_in(phone);
    let wire = phone.wire();
    drop(phones);
    app.feed.push("phone", &wire);
    Ok(Json(wire))
}

/// `DELETE /api/phones/{number}`. The number then answers by itself.
pub(super) async fn remove(
    State(app): Shared,
    Path(wanted): Path<String>,
) -> Result<StatusCode, Problem> {
    let mut phones = lock(&app.phones);
    let Some(at) = phones.iter().position(|phone| phone.number == wanted) else {
        return Err(Problem::unknown("There is no such phone."));
    };
    let phone = phones.remove(at);
    drop(phones);
    app.sandbox.twilio.phone_answers(&phone.number, TALK);
    let mut wire = phone.wire();
    wire["gone"] = true.into();
    app.feed.push("phone", &wire);
    Ok(StatusCode::NO_CONTENT)
}
