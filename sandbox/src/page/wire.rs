//! The wire: every exchange in full, as a command, and once more.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{Method, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    App, Shared,
    body::Masks,
    exchange::{REPLAY, Record},
    problem::{Input, Path, Problem, Query},
    world::World,
};
use crate::{
    random, supabase,
    wire::{client, lock},
};

/// How old a stale request is, seconds.
const STALE: u64 = 3 * 24 * 3600;

#[derive(Deserialize)]
pub(super) struct Filter {
    before: Option<u64>,
    limit: Option<usize>,
    from: Option<String>,
    to: Option<String>,
    status: Option<String>,
    text: Option<String>,
}

impl Filter {
    fn takes(&self, record: &Record) -> bool {
        let is = |wanted: &Option<String>, value: &str| {
            wanted
                .as_deref()
                .is_none_or(|wanted| wanted.is_empty() || wanted == value)
        };
        let status = record
            .status
            .map_or("none".to_owned(), |status| status.to_string());
        let text = self.text.as_deref().unwrap_or_default().to_lowercase();
        let contains = |value: &str| value.to_lowercase().contains(&text);
        is(&self.from, &record.from)
            && is(&self.to, &record.to)
            && self
                .status
                .as_deref()
                .is_none_or(|wanted| status.starts_with(wanted))
            && (text.is_empty()
                || contains(&record.target)
                || contains(&record.operation())
                || contains(record.outcome.as_deref().unwrap_or_default())
                || contains(&String::from_utf8_lossy(&record.request.body)))
    }
}

/// `GET /api/wire`: the exchanges, newest first.
pub(super) async fn list(State(app): Shared, Query(filter): Query<Filter>) -> Json<Value> {
    let masks = Masks::of(&app.sandbox);
    let journal = lock(&app.journal);
    let before = filter.before.unwrap_or(u64::MAX);
    let exchanges: Vec<_> = journal
        .records
        .iter()
        .rev()
        .filter(|record| record.id < before && filter.takes(record))
        .take(filter.limit.unwrap_or(200).min(1_000))
        .map(|record| record.short(&masks))
        .collect();
    let oldest = journal.records.front().map_or(0, |record| record.id);
    Json(json!({ "exchanges": exchanges, "oldest": oldest }))
}

fn with<T>(app: &App, id: u64, look: impl FnOnce(&Record) -> T) -> Result<T, Problem> {
    let journal = lock(&app.journal);
    let found = journal.record(id).map(look);
    found.ok_or_else(|| Problem::unknown("There is no such exchange, or it is too long ago."))
}

/// `GET /api/wire/{id}`.
pub(super) async fn read(State(app): Shared, Path(id): Path<u64>) -> Result<Json<Value>, Problem> {
    let masks = Masks::of(&app.sandbox);
    let children = lock(&app.journal).children(id);
    with(&app, id, |record| Json(record.full(&masks, &children)))
}

/// Headers that a client sets itself, or that are only for the page.
fn is_own(name: &str) -> bool {
    [
        "host",
        "content-length",
        "connection",
        "transfer-encoding",
        REPLAY,
    ]
    .contains(&name)
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `GET /api/wire/{id}/curl`: the request as a command. The credentials are the sandbox's own,
/// which are public.
pub(super) async fn curl(State(app): Shared, Path(id): Path<u64>) -> Result<Response, Problem> {
    let (to, command) = with(&app, id, |record| {
        let mut words = vec!["curl".to_owned(), "-i".to_owned()];
        if record.method != "GET" && record.method != "POST" {
            words.extend(["-X".to_owned(), quoted(&record.method)]);
        }
        for (name, value) in &record.request.headers {
            if !is_own(name) {
                words.extend(["-H".to_owned(), quoted(&format!("{name}: {value}"))]);
            }
        }
        if !record.request.body.is_empty() {
            let body = String::from_utf8_lossy(&record.request.body);
            words.extend(["--data-binary".to_owned(), quoted(&body)]);
        } else if record.method == "POST" {
            words.extend(["--data".to_owned(), quoted("")]);
        }
        (record.to.clone(), (words.join(" "), record.target.clone()))
    })?;
    let url = app.url_of(&to)?;
    let text = format!("{} {}\n", command.0, quoted(&format!("{url}{}", command.1)));
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Again {
    r#as: Way,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    Same,
    OneByte,
    Stale,
    Twice,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::OneByte => "one_byte",
            Self::Stale => "stale",
            Self::Twice => "twice",
        }
    }
}

/// A request that is sent again.
#[derive(Clone)]
struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// `POST /api/wire/{id}/replay`: the request once more, as it was or changed.
pub(super) async fn replay(
    State(app): Shared,
    Path(id): Path<u64>,
    Input(again): Input<Again>,
) -> Result<Json<Value>, Problem> {
    let way = again.r#as;
    let (to, world, scheme, ways, mut request) = with(&app, id, |record| {
        let request = Request {
            method: record.method.clone(),
            target: record.target.clone(),
            headers: record.request.headers.clone(),
            body: record.request.body.to_vec(),
        };
        let to = record.to.clone();
        (to, record.world, record.scheme, record.replays(), request)
    })?;
    if world == World::Scene {
        return Err(Problem::conflict(
            "The sandbox of this scene is gone. Requests of the page's own sandbox can be sent again.",
        ));
    }
    if !ways.contains(&way.name()) {
        return Err(Problem::conflict(match way {
            Way::Stale => "This request has no timestamp that is signed.",
            _ => "Only requests to functions can be sent again.",
        }));
    }
    let mut changed = None;
    match way {
        Way::OneByte => changed = Some(alter(&mut request)),
        Way::Stale => changed = Some(age(&app, &mut request, scheme)),
        Way::Same | Way::Twice => {}
    }
    let url = app.url_of(&to)?;
    let results = if way == Way::Twice {
        let (first, second) =
            tokio::join!(send(&app, &url, request.clone()), send(&app, &url, request));
        vec![first?, second?]
    } else {
        vec![send(&app, &url, request).await?]
    };
    app.nudge();
    let message = match way {
        Way::Same => "The request was sent once more.",
        Way::OneByte => "The request was sent with one byte changed.",
        Way::Stale => "The request was sent with an old timestamp, signed anew.",
        Way::Twice => "The request was sent twice at the same time.",
    };
    Ok(Json(
        json!({ "results": results, "changed": changed, "message": message }),
    ))
}

async fn send(app: &Arc<App>, url: &str, request: Request) -> Result<Value, Problem> {
    let token = random::hex(8);
    let method = Method::try_from(request.method.as_str())
        .map_err(|_| Problem::bad("The method cannot be sent."))?;
    let mut call = client()
        .request(method, format!("{url}{}", request.target))
        .timeout(std::time::Duration::from_secs(35))
        .header(REPLAY, &token);
    for (name, value) in &request.headers {
        if !is_own(name) {
            call = call.header(name, value);
        }
    }
    let begun = std::time::Instant::now();
    let answer = call.body(request.body).send().await;
    let status = answer.map_or(0, |answer| answer.status().as_u16());
    let journal = lock(&app.journal);
    let made = journal
        .records
        .iter()
        .rfind(|record| record.replay.as_ref() == Some(&token));
    Ok(json!({
        "exchange": made.map(|record| record.id), "status": status, "ms": begun.elapsed().as_secs_f64() * 1_000.0,
    }))
}

/// Changes one byte of the last value of the body, or of the path. Returns what was changed.
fn alter(request: &mut Request) -> String {
    let last = request.body.iter().rposition(u8::is_ascii_alphanumeric);
    let other = |byte: u8| match byte {
        b'z' | b'Z' | b'9' => byte - 1,
        byte => byte + 1,
    };
    if let Some(at) = last {
        let before = request.body[at];
        request.body[at] = other(before);
        return format!(
            "Byte {} of the body: {} became {}.",
            at + 1,
            char::from(before),
            char::from(request.body[at])
        );
    }
    let more = if request.target.contains('?') {
        "&x=1"
    } else {
        "?x=1"
    };
    request.target.push_str(more);
    format!("The URL got {more}.")
}

/// Gives a request an old timestamp and signs it anew.
fn age(app: &App, request: &mut Request, scheme: Option<&str>) -> String {
    let old = crate::now().as_secs().saturating_sub(STALE);
    let stamp = old.to_string();
    if scheme == Some("Standard Webhooks") {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let header = |name: &str| {
            let mut headers = request.headers.iter();
            headers
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
                .unwrap_or_default()
        };
        let signature = supabase::sign(supabase::SECRET, &header("webhook-id"), old, &body);
        for (name, value) in &mut request.headers {
            match name.as_str() {
                "webhook-timestamp" => value.clone_from(&stamp),
                "webhook-signature" => value.clone_from(&signature),
                _ => {}
            }
        }
    } else {
        let mut fields: Vec<(String, String)> =
            form_urlencoded::parse(&request.body).into_owned().collect();
        let token = random::hex(25);
        let signature = app.sandbox.mailgun.sign(&stamp, &token);
        for (name, value) in &mut fields {
            match name.as_str() {
                "timestamp" => value.clone_from(&stamp),
                "token" => value.clone_from(&token),
                "signature" => value.clone_from(&signature),
                _ => {}
            }
        }
        let mut form = form_urlencoded::Serializer::new(String::new());
        request.body = form.extend_pairs(&fields).finish().into_bytes();
    }
    format!("The timestamp is now {stamp}, three days ago.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_changes() {
        let mut request = Request {
            method: "POST".to_owned(),
            target: "/".to_owned(),
            headers: vec![],
            body: b"Body=YES%21".to_vec(),
        };
        assert_eq!(alter(&mut request), "Byte 11 of the body: 1 became 2.");
        assert_eq!(request.body, b"Body=YES%22");
        request.body.clear();
        assert_eq!(alter(&mut request), "The URL got ?x=1.");
        assert_eq!(alter(&mut request), "The URL got &x=1.");
    }

    #[test]
    fn a_text_is_one_word_of_a_shell() {
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    }
}
