//! What the functions of a sandbox do, for a person at a terminal: one report for each request, with
//! the outcome in the function's log line.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::http::HeaderMap;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{
    Sandbox, now, sms,
    twiml::{self, Verb},
    wire::{Exchange, News, lock},
};

/// Maximum time that a log line comes after the answer. A request to a function that does not run
/// has no line.
const PATIENCE: Duration = Duration::from_millis(400);
/// The outcome of a `HEAD`, with which a function opens a connection before it needs it. It is not
/// reported.
const OPENING: &str = "warm_up";
/// The server for events without a request.
const INVOKE_API: &str = "Invoke API";

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// A request to a function, or another event, is over.
    Request(Request),
    /// A function wrote a line.
    Line {
        /// The function.
        function: String,
        /// The line as it was written.
        text: String,
        /// True if a [`Report::Request`] tells the same.
        told: bool,
    },
}

/// A request to a function that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// When it came, since the epoch.
    pub at: Duration,
    /// The function.
    pub function: String,
    /// Method and path, or `event`.
    pub what: String,
    /// The status of the answer; `None`: there was none.
    pub status: Option<u16>,
    /// How long the answer took.
    pub took: Duration,
    /// The outcome in the function's log line; `None`: it wrote no line.
    pub outcome: Option<String>,
    /// The texts that the answer asks Twilio to send, with their recipients. Empty if Twilio's
    /// simulator asked, because it sends them.
    pub texts: Vec<(String, String)>,
}

/// The reports of a sandbox, in the order in which the requests end.
pub struct Reports {
    coming: mpsc::UnboundedReceiver<Report>,
    desk: Arc<Mutex<Desk>>,
}

impl Reports {
    /// The next report. Waits until there is one.
    pub async fn next(&mut self) -> Report {
        loop {
            if let Ok(Some(report)) = tokio::time::timeout(PATIENCE / 4, self.coming.recv()).await {
                return report;
            }
            lock(&self.desk).give_up();
        }
    }
}

impl Sandbox {
    /// Reports what the functions do from now on.
    pub fn reports(&self) -> Reports {
        let (told, coming) = mpsc::unbounded_channel();
        let desk = Arc::new(Mutex::new(Desk {
            functions: (self.template().functions.iter())
                .map(|function| function.name.clone())
                .collect(),
            open: BTreeMap::new(),
            told,
        }));
        for tap in [&self.tap, &self.recorded] {
            let desk = Arc::clone(&desk);
            tap.open(move |news| lock(&desk).hear(news));
        }
        Reports { coming, desk }
    }
}

/// Where a request, its answer and its log line meet.
struct Desk {
    functions: Vec<String>,
    open: BTreeMap<u64, Open>,
    told: mpsc::UnboundedSender<Report>,
}

struct Open {
    request: Request,
    answered: Option<Instant>,
}

impl Desk {
    fn hear(&mut self, news: &News<'_>) {
        match *news {
            News::Request {
                id,
                server,
                exchange,
                ..
            } => self.asked(id, server, exchange),
            News::Answer {
                id,
                exchange,
                headers,
            } => self.answered(id, exchange, headers),
            News::Line {
                function,
                error,
                text,
                request,
            } => self.line(function, error, text, request),
            _ => {}
        }
    }

    fn asked(&mut self, id: u64, server: &str, exchange: &Exchange) {
        if exchange.method == "HEAD" {
            return;
        }
        let path = exchange.target.split('?').next().unwrap_or_default();
        let (function, what) = if server == INVOKE_API {
            let name = path
                .strip_prefix("/2015-03-31/functions/")
                .and_then(|rest| rest.strip_suffix("/invocations"));
            (name.unwrap_or_default(), of_event(&exchange.request))
        } else {
            (server, format!("{} {path}", exchange.method))
        };
        if !self.functions.iter().any(|known| known == function) {
            return;
        }
        let request = Request {
            at: now(),
            function: function.to_owned(),
            what,
            status: None,
            took: Duration::ZERO,
            outcome: None,
            texts: vec![],
        };
        let answered = None;
        self.open.insert(id, Open { request, answered });
    }

    fn answered(&mut self, id: u64, exchange: &Exchange, headers: &HeaderMap) {
        let Some(open) = self.open.get_mut(&id) else {
            return;
        };
        open.answered = Some(Instant::now());
        let (status, texts) = if exchange.target.starts_with("/2015-03-31/") {
            of_invocation(exchange)
        } else {
            let by_simulator = exchange
                .headers
                .iter()
                .any(|(name, _)| name == "i-twilio-idempotency-token");
            let kind = sms::header(headers, axum::http::header::CONTENT_TYPE);
            let texts = if by_simulator || !kind.contains("xml") {
                vec![]
            } else {
                texts(&exchange.response, &exchange.request)
            };
            (exchange.status, texts)
        };
        (open.request.status, open.request.took) = (status, exchange.took);
        open.request.texts = texts;
        self.end(id);
    }

    fn line(&mut self, function: &str, error: bool, text: &str, request: Option<u64>) {
        let line: Value = serde_json::from_str(text).unwrap_or_default();
        let outcome = line["outcome"].as_str().map(str::to_owned);
        let id = request.filter(|id| self.open.contains_key(id));
        // A line on standard error is about the process.
        let told = outcome.is_some() && (id.is_some() || !error);
        let _ = self.told.send(Report::Line {
            function: function.to_owned(),
            text: text.to_owned(),
            told,
        });
        if let Some(id) = id {
            if let Some(open) = self.open.get_mut(&id) {
                open.request.outcome = outcome;
            }
            self.end(id);
        } else if told && outcome.as_deref() != Some(OPENING) {
            // The run of a schedule, or a line long after its answer.
            let took = line["duration_ms"].as_f64().unwrap_or_default() / 1_000.0;
            let took = Duration::try_from_secs_f64(took).unwrap_or_default();
            let _ = self.told.send(Report::Request(Request {
                at: now().saturating_sub(took),
                function: function.to_owned(),
                what: "event".to_owned(),
                status: line["status"]
                    .as_u64()
                    .and_then(|status| status.try_into().ok()),
                took,
                outcome,
                texts: vec![],
            }));
        }
    }

    /// Reports the request if nothing of it is missing.
    fn end(&mut self, id: u64) {
        let whole = |open: &Open| open.answered.is_some() && open.request.outcome.is_some();
        if self.open.get(&id).is_some_and(whole)
            && let Some(open) = self.open.remove(&id)
        {
            let _ = self.told.send(Report::Request(open.request));
        }
    }

    /// Reports the requests whose answers came without a line.
    fn give_up(&mut self) {
        let late = |open: &Open| open.answered.is_some_and(|at| at.elapsed() >= PATIENCE);
        let ids: Vec<_> = self.open.iter().filter(|(_, open)| late(open)).collect();
        let ids: Vec<u64> = ids.into_iter().map(|(id, _)| *id).collect();
        for open in ids
            .iter()
            .filter_map(|id| self.open.remove(id))
            .collect::<Vec<_>>()
        {
            let _ = self.told.send(Report::Request(open.request));
        }
    }
}

/// What an event of the Invoke API is about.
fn of_event(event: &[u8]) -> String {
    let event: Value = serde_json::from_slice(event).unwrap_or_default();
    let method = event["requestContext"]["http"]["method"].as_str();
    match (method, event["rawPath"].as_str()) {
        (Some(method), Some(path)) => format!("{method} {path} (event)"),
        _ => "event".to_owned(),
    }
}

/// The status and the texts of an answer to the Invoke API.
fn of_invocation(exchange: &Exchange) -> (Option<u16>, Vec<(String, String)>) {
    let answer: Value = serde_json::from_slice(&exchange.response).unwrap_or_default();
    let event: Value = serde_json::from_slice(&exchange.request).unwrap_or_default();
    let content = |of: &Value| {
        let text = of["body"].as_str().unwrap_or_default();
        match of["isBase64Encoded"].as_bool() {
            Some(true) => BASE64_STANDARD.decode(text).unwrap_or_default(),
            _ => text.as_bytes().to_vec(),
        }
    };
    let kind = answer["headers"]["content-type"].as_str();
    let texts = match kind {
        Some(kind) if kind.contains("xml") => texts(&content(&answer), &content(&event)),
        _ => vec![],
    };
    let status = answer["statusCode"].as_u64();
    let status = status.and_then(|status| status.try_into().ok());
    (status.or(exchange.status), texts)
}

/// The texts in a `TwiML` document that answers this form.
fn texts(document: &[u8], form: &[u8]) -> Vec<(String, String)> {
    let mut fields = form_urlencoded::parse(form);
    let from = fields.find(|(name, _)| name == "From");
    let from = from.map(|(_, from)| from.into_owned()).unwrap_or_default();
    let document = String::from_utf8_lossy(document);
    let verbs = twiml::messaging(&document).unwrap_or_default();
    let message = |verb| match verb {
        Verb::Message { to, body, .. } => Some((to.unwrap_or_else(|| from.clone()), body)),
        Verb::Redirect { .. } => None,
    };
    verbs.into_iter().filter_map(message).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_an_answer_go_to_the_sender_unless_it_names_another() {
        let document =
            b"<Response><Message>one</Message><Message to='+4511111111'>two</Message></Response>";
        let texts = texts(document, b"Body=YES&From=%2B4512345678&To=%2B15005550006");
        let expected = [("+4512345678", "one"), ("+4511111111", "two")];
        assert_eq!(
            texts,
            expected.map(|(to, body)| (to.to_owned(), body.to_owned()))
        );
        assert_eq!(super::texts(b"<Response><Say>x</Say></Response>", b""), []);
    }
}
