//! Texts: what phones sent and received, in segments and list prices.

use std::collections::VecDeque;

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    App, Shared,
    exchange::Record,
    journal::Journal,
    moment, prices,
    problem::{Input, Problem, Query, limited, number},
    world::{Watched, World},
};
use crate::{
    Sandbox, random,
    segments::{segments, septets},
    wire::lock,
};

/// The most receipts that wait for their texts.
const MOST_EARLY: usize = 256;

/// A text.
pub(super) struct Text {
    pub(super) id: String,
    pub(super) at: u64,
    world: World,
    incoming: bool,
    from: String,
    to: String,
    words: String,
    media: Vec<String>,
    provider: String,
    pub(super) state: &'static str,
    code: Option<u32>,
    function: Option<String>,
}

impl Text {
    pub(super) fn wire(&self) -> Value {
        let count = segments(&self.words).max(1);
        let plain = self.words.chars().all(|c| septets(c).is_some());
        json!({
            "id": self.id, "at": self.at, "world": self.world.name(), "direction": if self.incoming { "in" } else { "out" },
            "from": self.from, "to": self.to, "text": self.words, "media": self.media, "provider": self.provider,
            "segments": count, "encoding": if plain { "GSM-7" } else { "UCS-2" }, "characters": self.words.chars().count(),
            "price": prices::texts(count), "currency": prices::CURRENCY, "state": self.state, "code": self.code, "function": self.function,
        })
    }

    pub(super) fn provider(&self) -> &str {
        &self.provider
    }

    pub(super) fn is_outgoing(&self) -> bool {
        !self.incoming
    }

    pub(super) fn segments(&self) -> usize {
        segments(&self.words).max(1)
    }
}

/// Tells the texts that providers have accepted since the last look.
pub(super) fn look(app: &App, watched: &Watched, sandbox: &Sandbox) {
    let blank = |provider: &'static str| Text {
        id: String::new(),
        at: moment(),
        world: watched.world,
        incoming: false,
        from: String::new(),
        to: String::new(),
        words: String::new(),
        media: vec![],
        provider: provider.to_owned(),
        state: "accepted",
        code: None,
        function: None,
    };
    let twilio = sandbox.twilio.messages().into_iter().map(|message| Text {
        id: message.sid,
        from: message.from,
        to: message.to,
        words: message.body,
        media: message.media,
        ..blank("Twilio")
    });
    let mut sent: Vec<(&'static str, Vec<Text>)> = vec![("Twilio", twilio.collect())];
    for provider in sandbox.providers() {
        let texts = provider.messages.into_iter().map(|message| Text {
            id: message.id,
            from: message.from,
            to: message.to,
            words: message.text,
            ..blank(provider.name)
        });
        sent.push((provider.name, texts.collect()));
    }
    for (provider, texts) in sent {
        let known = {
            let mut seen = lock(&watched.seen);
            std::mem::replace(seen.texts.entry(provider).or_default(), texts.len())
        };
        for text in texts.into_iter().skip(known) {
            if watched.world == World::Main {
                app.faults.text_taken(&app.feed, provider);
            }
            app.add_text(text);
        }
    }
}

/// The text that a phone sent, if this request to a function is about one.
pub(super) fn incoming(record: &Record) -> Option<Text> {
    if record.from != "Twilio" || record.replay.is_some() {
        return None;
    }
    let form = record.request.form();
    let field = |name: &str| {
        form.iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    };
    if field("SmsStatus")? != "received" {
        return None;
    }
    Some(Text {
        id: field("MessageSid")?,
        at: record.at,
        world: record.world,
        incoming: true,
        from: field("From")?,
        to: field("To")?,
        words: field("Body")?,
        media: (0..10)
            .map_while(|n| field(&format!("MediaUrl{n}")))
            .collect(),
        provider: "Twilio".to_owned(),
        state: "received",
        code: None,
        function: Some(record.to.clone()),
    })
}

/// The function that had an outgoing text sent: by a request to the provider, or by its answer to
/// a text.
fn sender(journal: &Journal, text: &Text) -> Option<String> {
    let recent = || journal.records.iter().rev().take(100);
    let asked = recent().find(|record| {
        record.world == text.world
            && record.to == text.provider
            && String::from_utf8_lossy(&record.response.body).contains(&text.id)
    });
    if let Some(record) = asked {
        return Some(record.from.clone()).filter(|from| from != "somebody");
    }
    let is_reply = |record: &&Record| {
        let form = record.request.form();
        let has = |name: &str, value: &str| {
            form.iter()
                .any(|(known, found)| known == name && found == value)
        };
        record.world == text.world
            && record.from == "Twilio"
            && record.scheme.is_some()
            && (has("From", &text.to) || has("To", &text.from))
    };
    recent().find(is_reply).map(|record| record.to.clone())
}

/// What a receipt says of a text: its id, its state, and the provider's code.
pub(super) fn receipt(record: &Record) -> Option<(String, &'static str, Option<u32>)> {
    let mut fields = record.request.form();
    if let Some((_, query)) = record.target.split_once('?') {
        fields.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
    }
    if let Ok(body) = serde_json::from_slice::<Value>(&record.request.body) {
        let update = body
            .pointer("/event/messageStatusUpdate/0")
            .unwrap_or(&body);
        let members = update.as_object().into_iter().flatten();
        fields.extend(members.map(|(name, value)| {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            (name.clone(), text)
        }));
    }
    let field = |names: &[&str]| {
        fields
            .iter()
            .find(|(known, _)| names.contains(&known.as_str()))
            .map(|(_, value)| value.clone())
    };
    let id = field(&["MessageSid", "MessageUUID", "messageId", "message_uuid"])?;
    let status = field(&["MessageStatus", "Status", "status"])?.to_ascii_lowercase();
    let code = field(&["ErrorCode", "err-code", "statusCode"]).and_then(|code| code.parse().ok());
    let state = match status.as_str() {
        "delivered" | "device_ack" => "delivered",
        "undelivered" => "undelivered",
        "failed" | "rejected" | "delivery_failure" => "failed",
        "expired" => "expired",
        "sent" | "accepted" | "sent_to_supplier" | "queued" => "sent",
        _ => return None,
    };
    let failed = ["undelivered", "failed", "expired"].contains(&state);
    Some((id, state, code.filter(|_| failed)))
}

impl App {
    /// Adds a text, unless it is known.
    pub(super) fn add_text(&self, text: Text) {
        let id = text.id.clone();
        let (event, early) = {
            let mut journal = lock(&self.journal);
            if journal.texts.iter().any(|known| known.id == id) {
                return;
            }
            let mut text = text;
            if text.function.is_none() {
                text.function = sender(&journal, &text);
            }
            let event = text.wire();
            journal.count_text(&text);
            journal.texts.push_back(text);
            if journal.texts.len() > 2_000 {
                journal.texts.pop_front();
            }
            let (early, others): (VecDeque<_>, _) =
                journal.early.drain(..).partition(|early| early.0 == id);
            journal.early = others;
            (event, early)
        };
        self.feed.push("text", &event);
        for (id, state, code) in early {
            self.receipt(&id, state, code);
        }
    }

    /// A receipt arrived and was accepted.
    pub(super) fn receipt(&self, id: &str, state: &'static str, code: Option<u32>) {
        let mut journal = lock(&self.journal);
        // A long text has one id for each part; the first is the text's.
        let Some(text) = journal.texts.iter_mut().find(|text| text.id == id) else {
            // The page looks for new texts a moment later.
            journal.early.push_back((id.to_owned(), state, code));
            if journal.early.len() > MOST_EARLY {
                journal.early.pop_front();
            }
            return;
        };
        if !["accepted", "sent"].contains(&text.state) && state == "sent" {
            return; // an older receipt comes later
        }
        let before = std::mem::replace(&mut text.state, state);
        text.code = code;
        let (event, provider) = (text.wire(), text.provider.clone());
        journal.count_receipt(&provider, before, state);
        drop(journal);
        self.feed.push("text", &event);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outgoing {
    from: String,
    to: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    media: Vec<String>,
}

/// `POST /api/texts`: a phone texts a number.
pub(super) async fn send(
    State(app): Shared,
    Input(text): Input<Outgoing>,
) -> Result<Json<Value>, Problem> {
    let (from, to) = (number(&text.from)?, number(&text.to)?);
    limited("The text", &text.text, 1_600)?;
    if text.text.is_empty() && text.media.is_empty() {
        return Err(Problem::bad("A text needs words or a picture."));
    }
    let web = |url: &String| {
        url.len() <= 2_000
            && url::Url::parse(url).is_ok_and(|url| ["http", "https"].contains(&url.scheme()))
    };
    if text.media.len() > 10 || !text.media.iter().all(web) {
        return Err(Problem::bad(
            "A picture is an http or https URL; a text has at most ten.",
        ));
    }
    let media: Vec<_> = text.media.iter().map(String::as_str).collect();
    let before = lock(&app.journal).texts.len();
    let reply = app
        .sandbox
        .twilio
        .picture(&from, &to, &text.text, &media)
        .await;
    let found = {
        let journal = lock(&app.journal);
        let later = journal.texts.iter().skip(before.min(journal.texts.len()));
        let mut later = later.rev();
        later
            .find(|known| known.incoming && known.from == from && known.to == to)
            .map(Text::wire)
    };
    let wire = found.unwrap_or_else(|| {
        // Nobody takes texts at this number, so no function was asked.
        let lost = Text {
            id: format!("SM{}", random::hex(16)),
            at: moment(),
            world: World::Main,
            incoming: true,
            from,
            to,
            words: text.text,
            media: text.media,
            provider: "Twilio".to_owned(),
            state: "received",
            code: None,
            function: None,
        };
        let wire = lost.wire();
        app.add_text(lost);
        wire
    });
    app.nudge();
    let ms = reply.took.as_secs_f64() * 1_000.0;
    Ok(Json(json!({
        "text": wire, "status": reply.status, "replies": reply.messages, "attempts": reply.attempts, "ms": ms,
    })))
}

#[derive(Deserialize)]
pub(super) struct Older {
    before: Option<u64>,
    limit: Option<usize>,
}

/// `GET /api/texts`: the texts, newest first.
pub(super) async fn list(State(app): Shared, Query(older): Query<Older>) -> Json<Value> {
    let before = older.before.unwrap_or(u64::MAX);
    let journal = lock(&app.journal);
    let texts: Vec<_> = journal
        .texts
        .iter()
        .rev()
        .filter(|text| text.at < before)
        .take(older.limit.unwrap_or(200).min(1_000))
        .map(Text::wire)
        .collect();
    Json(json!({ "texts": texts }))
}
