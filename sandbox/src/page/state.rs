//! The whole state of a page at once.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::{App, Shared, calls, mails, scenes::Played, texts::Text};
use crate::wire::lock;

/// The last elements of a list.
fn last<T>(
    all: &std::collections::VecDeque<T>,
    most: usize,
    shown: impl Fn(&T) -> Value,
) -> Vec<Value> {
    let skipped = all.len().saturating_sub(most);
    all.iter().skip(skipped).map(shown).collect()
}

/// The company's own numbers.
fn numbers(app: &App) -> Vec<Value> {
    let function = |url: &str| {
        let named = |name: &&str| {
            let door = app.sandbox.door(name).url();
            url.strip_prefix(&door)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        let functions = &app.sandbox.template().functions;
        let mut known = functions.iter().map(|function| function.name.as_str());
        known.find(named)
    };
    let owned = app.sandbox.twilio.owned();
    owned
        .iter()
        .map(|owned| {
            let (voice, sms) = (owned.field("VoiceUrl"), owned.field("SmsUrl"));
            let function = function(voice).or(function(sms));
            let name = match function {
                Some("receive-confirmation-sms") => "Verification",
                Some("ivr-validate") => "Phone menu",
                Some(_) => "Company phone",
                None => "Unused",
            };
            json!({
                "number": owned.number, "name": name, "friendly_name": owned.field("FriendlyName"),
                "texts": !sms.is_empty(), "calls": !voice.is_empty(), "function": function,
            })
        })
        .collect()
}

/// `GET /api/state`.
pub(super) async fn read(State(app): Shared) -> Json<Value> {
    // The id first: an event that comes meanwhile is sent again, and changes nothing.
    let event = app.feed.newest();
    let servers: Vec<_> = app
        .sandbox
        .servers_by_kind()
        .iter()
        .map(|(kind, name, server)| {
            json!({ "name": name, "kind": kind, "url": server.url(), "port": server.port() })
        })
        .collect();
    let phones: Vec<_> = lock(&app.phones)
        .iter()
        .map(super::phones::Phone::wire)
        .collect();
    let (scenes, run, told) = {
        let theatre = lock(&app.theatre);
        let run = theatre.played.as_ref().map(Played::wire);
        (theatre.list(), run, theatre.told.clone())
    };
    let numbers = numbers(&app);
    let journal = lock(&app.journal);
    let functions: Vec<_> = app
        .sandbox
        .template()
        .functions
        .iter()
        .map(|function| {
            let name = function.name.as_str();
            let known = journal.functions.get(&("main", name.to_owned())).cloned();
            let url = format!("{}/", app.sandbox.door(name).url());
            known.unwrap_or_default().wire("main", function, &url)
        })
        .collect();
    Json(json!({
        "event": event, "started": app.started, "version": env!("CARGO_PKG_VERSION"),
        "mode": if app.demo { "demo" } else { "sandbox" },
        "numbers": numbers, "phones": phones,
        "texts": last(&journal.texts, 500, Text::wire),
        "calls": last(&journal.calls, 100, calls::Shown::full),
        "mails": last(&journal.mails, 100, mails::Shown::wire),
        "functions": functions, "servers": servers, "faults": app.faults.active(),
        "complaints": journal.complaints, "scenes": scenes, "run": run, "told": told,
        "links": { "openapi": "/api/openapi.json" },
    }))
}
