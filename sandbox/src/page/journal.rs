//! What happened so far, bounded, and how each piece of news changes it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    App,
    calls::{self, Begun},
    exchange::{Message, Record, caller, pairs},
    mails, moment,
    numbers::Figures,
    table,
    texts::{self, Text},
    world::{Watched, World},
};
use crate::{
    template,
    wire::{Exchange, News, lock},
};

/// The most exchanges, and the most bytes of their bodies, that are kept.
const MOST: usize = 4_000;
const BYTES: usize = 64 * 1024 * 1024;
/// The longest log line that is kept.
const LINE: usize = 16 * 1024;

/// What happened so far.
#[derive(Default)]
pub(super) struct Journal {
    pub(super) records: VecDeque<Record>,
    bytes: usize,
    pub(super) texts: VecDeque<Text>,
    /// The receipts of texts that the page has not seen yet: id, state, code.
    pub(super) early: VecDeque<(String, &'static str, Option<u32>)>,
    pub(super) calls: VecDeque<calls::Shown>,
    pub(super) mails: VecDeque<mails::Shown>,
    pub(super) complaints: VecDeque<Value>,
    pub(super) functions: BTreeMap<(&'static str, String), Function>,
    pub(super) figures: Figures,
    /// The requests to functions that are not answered: number, function, world.
    inside: Vec<(u64, String, World)>,
}

/// The processes of a function.
#[derive(Clone, Default)]
pub(super) struct Function {
    processes: usize,
    starts: u32,
    ready: bool,
    started_ms: Option<f64>,
    at: u64,
}

impl Function {
    pub(super) fn wire(&self, world: &str, function: &template::Function, url: &str) -> Value {
        let state = match (self.ready, self.processes) {
            (_, 0) => "gone",
            (true, _) => "ready",
            (false, _) => "starting",
        };
        json!({
            "name": function.name, "condition": function.condition, "url": url, "state": state, "processes": self.processes,
            "starts": self.starts, "started_ms": self.started_ms, "at": self.at, "world": world,
        })
    }
}

impl Journal {
    fn push(&mut self, record: Record) {
        self.bytes += record.size();
        self.records.push_back(record);
        while self.records.len() > MOST || self.bytes > BYTES && self.records.len() > 1 {
            if let Some(old) = self.records.pop_front() {
                self.bytes = self.bytes.saturating_sub(old.size());
            }
        }
    }

    pub(super) fn record(&self, id: u64) -> Option<&Record> {
        let at = self.records.binary_search_by_key(&id, |record| record.id);
        at.ok()
            .map(|at| &self.records[at])
            .or_else(|| self.records.iter().rfind(|record| record.id == id))
    }

    fn record_mut(&mut self, id: u64) -> Option<&mut Record> {
        self.records.iter_mut().rfind(|record| record.id == id)
    }

    pub(super) fn children(&self, id: u64) -> Vec<u64> {
        let children = self
            .records
            .iter()
            .filter(|record| record.parent == Some(id));
        children.map(|record| record.id).collect()
    }
}

impl App {
    /// Something happened in a watched sandbox.
    pub(super) fn hear(&self, watched: &Arc<Watched>, news: &News<'_>) {
        match *news {
            News::Request {
                id,
                server,
                exchange,
                fault,
            } => self.asked(watched, id, server, exchange, fault),
            News::Answer {
                id,
                exchange,
                headers,
            } => {
                self.answered(watched, id, exchange, pairs(headers));
                watched.changed.notify_one();
            }
            News::Complaint(text) => {
                let event = json!({ "at": moment(), "world": watched.world.name(), "text": watched.masks.text(text) });
                self.feed.push("complaint", &event);
                let complaints = &mut lock(&self.journal).complaints;
                complaints.push_back(event);
                if complaints.len() > 100 {
                    complaints.pop_front();
                }
            }
            News::Line {
                function,
                error,
                text,
                request,
            } => self.line(watched, function, error, text, request),
            News::Process {
                function,
                alive,
                started,
                ready,
            } => self.process(watched, function, alive, started, ready),
            News::Mail { id, mail, urls } => {
                self.mail_came(mails::Shown::new(id, watched, mail, urls));
            }
            News::MailPosted { id, status, took } => self.mail_posted(id, status, took),
            News::MailDone { id, done } => self.mail_done(id, done),
            News::CallBegan {
                call,
                from,
                to,
                forwarded_from,
                parent,
                hops,
                live,
            } => {
                let begun = Begun {
                    id: call,
                    from,
                    to,
                    live,
                    parent,
                    hops,
                    forwarded_from,
                };
                self.call_began(&begun, watched.world);
            }
            News::CallStep {
                call,
                answered,
                step,
            } => self.call_step(call, answered, step),
            News::CallEnded { call } => self.call_ended(call),
        }
    }

    fn asked(
        &self,
        watched: &Watched,
        id: u64,
        server: &str,
        exchange: &Exchange,
        fault: Option<&'static str>,
    ) {
        let is_function = watched.functions.contains(server);
        let fault = fault.map(|name| {
            let switch = match watched.world {
                World::Main => self.faults.met(&self.feed, server, name),
                World::Scene => None,
            };
            switch.unwrap_or(name).to_owned()
        });
        let mut journal = lock(&self.journal);
        let inside: Vec<_> = journal
            .inside
            .iter()
            .filter(|(.., world)| *world == watched.world)
            .map(|(id, function, _)| (*id, function.clone()))
            .collect();
        let (from, parent) = caller(exchange, server, is_function, &watched.keys, &inside);
        if is_function {
            journal.inside.push((id, server.to_owned(), watched.world));
            if journal.inside.len() > 256 {
                journal.inside.remove(0);
            }
        }
        let mut record = Record::new(id, watched.world, (from, server), is_function, exchange);
        (record.parent, record.fault) = (parent, fault);
        let event = record.short(&watched.masks);
        let text = if is_function {
            texts::incoming(&record)
        } else {
            None
        };
        journal.push(record);
        drop(journal);
        self.feed.push("exchange", &event);
        if let Some(text) = text {
            self.add_text(text);
        }
    }

    fn answered(
        &self,
        watched: &Watched,
        id: u64,
        exchange: &Exchange,
        headers: Vec<(String, String)>,
    ) {
        let mut journal = lock(&self.journal);
        journal.inside.retain(|(inside, ..)| *inside != id);
        let Some(record) = journal.record_mut(id) else {
            return;
        };
        record.status = exchange.status;
        record.ms = exchange
            .status
            .map(|_| exchange.took.as_secs_f64() * 1_000.0);
        record.done = true;
        record.response = Message::new(headers, &exchange.response);
        let size = record.response.body.len();
        let accepted = record.status.is_some_and(|status| status < 300);
        let receipt = (accepted && record.to == "delivery-status")
            .then(|| texts::receipt(record))
            .flatten();
        let event = record.short(&watched.masks);
        let (to, status, ms, at) = (record.to.clone(), record.status, record.ms, record.at);
        let operation = record.operation();
        let is_function = record.scheme.is_some();
        let written = if to == "DynamoDB" && accepted {
            written(&record.request.body)
        } else {
            vec![]
        };
        journal.bytes += size;
        // A 502 of a function that is not ready yet is the look whether it is.
        let known = journal.functions.get(&(watched.world.name(), to.clone()));
        let starting = status == Some(502) && known.is_none_or(|function| !function.ready);
        if is_function && !starting {
            journal.figures.request(&to, at, ms, status);
        } else if to == "DynamoDB" {
            journal.figures.table(&operation);
        }
        drop(journal);
        self.feed.push("exchange", &event);
        if let Some((id, state, code)) = receipt {
            self.receipt(&id, state, code);
        }
        if !written.is_empty() {
            let prefixes = written
                .iter()
                .map(|pk| table::prefix(pk, &self.owners).to_owned());
            lock(&watched.seen).written.extend(prefixes);
        }
    }

    fn line(
        &self,
        watched: &Watched,
        function: &str,
        error: bool,
        text: &str,
        request: Option<u64>,
    ) {
        let text: String = text.chars().take(LINE).collect();
        let line: Value = serde_json::from_str(&text).unwrap_or_default();
        let outcome = line["outcome"].as_str().map(str::to_owned);
        if outcome.is_none() && !error && !line["level"].is_string() {
            return; // figures for CloudWatch
        }
        let text = watched.masks.text(&text);
        let level = line["level"]
            .as_str()
            .unwrap_or(if error { "ERROR" } else { "INFO" });
        let log = json!({
            "at": moment(), "world": watched.world.name(), "function": function, "level": level, "outcome": outcome,
            "exchange": request, "line": if line.is_object() { watched.masks.json(line.clone()) } else { Value::Null }, "text": text,
        });
        self.feed.push("log", &log);
        let mut journal = lock(&self.journal);
        let event = request.and_then(|id| journal.record_mut(id)).map(|record| {
            record.outcome = outcome;
            record.log = Some(log);
            record.short(&watched.masks)
        });
        drop(journal);
        if let Some(event) = event {
            self.feed.push("exchange", &event);
        }
    }

    fn process(
        &self,
        watched: &Watched,
        name: &str,
        alive: usize,
        started: bool,
        ready: Option<Duration>,
    ) {
        let mut journal = lock(&self.journal);
        let key = (watched.world.name(), name.to_owned());
        let function = journal.functions.entry(key).or_default();
        function.processes = alive;
        function.at = moment();
        function.starts += u32::from(started);
        function.ready = !started && (function.ready || ready.is_some());
        let ms = ready.map(|ready| ready.as_secs_f64() * 1_000.0);
        function.started_ms = ms.or(function.started_ms);
        let event = watched.sandbox.upgrade().and_then(|sandbox| {
            let mut known = sandbox.template().functions.iter();
            let known = known.find(|function| function.name == name)?;
            let url = format!("{}/", sandbox.door(name).url());
            Some(function.wire(watched.world.name(), known, &url))
        });
        if let Some(ms) = ms {
            journal.figures.start(name, ms);
        }
        drop(journal);
        if let Some(event) = event {
            self.feed.push("function", &event);
        }
    }
}

/// The partition keys that a request to the table writes.
fn written(body: &[u8]) -> Vec<String> {
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return vec![];
    };
    let parts = request["TransactItems"].as_array().into_iter().flatten();
    let parts = parts.filter_map(Value::as_object).flatten();
    let parts = parts.filter(|(name, _)| *name != "ConditionCheck");
    let single = [
        !request["Item"].is_null(),
        !request["UpdateExpression"].is_null(),
    ];
    let deletes = request["Key"].is_object() && request["ProjectionExpression"].is_null();
    let alone = (single.contains(&true) || deletes).then_some(&request);
    parts
        .map(|(_, part)| part)
        .chain(alone)
        .filter_map(|part| {
            let keys = [&part["Key"]["pk"]["S"], &part["Item"]["pk"]["S"]];
            keys.into_iter().find_map(Value::as_str).map(str::to_owned)
        })
        .collect()
}
