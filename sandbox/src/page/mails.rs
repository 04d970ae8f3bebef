//! The mailbox: mails to the company's domain, and the route that took each.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    App, Shared, moment,
    problem::{Input, Path, Problem, limited},
    world::{Watched, World},
};
use crate::{
    mail::{Mail, plain_text},
    mailgun::DOMAIN,
    wire::lock,
};

/// The longest shown text and HTML of a mail.
const LONGEST: usize = 64 * 1024;

/// A mail.
pub(super) struct Shown {
    pub(super) id: u64,
    at: u64,
    world: World,
    to: String,
    from: String,
    subject: String,
    html: String,
    route: Option<String>,
    function: Option<String>,
    state: &'static str,
    attempts: Vec<(u16, f64)>,
}

impl Shown {
    pub(super) fn new(id: u64, watched: &Watched, mail: &Mail, urls: &[String]) -> Self {
        let route = urls.first().cloned();
        let function = watched.sandbox.upgrade().and_then(|sandbox| {
            let named = |name: &&String| {
                let url = sandbox.door(name).url();
                route.as_ref().is_some_and(|route| route.starts_with(&url))
            };
            watched.functions.iter().find(named).cloned()
        });
        Self {
            id,
            at: moment(),
            world: watched.world,
            to: mail.to.clone(),
            from: mail.from.clone(),
            subject: mail.subject.clone(),
            html: mail.html.chars().take(LONGEST).collect(),
            state: if urls.is_empty() {
                "no_route"
            } else {
                "sending"
            },
            route,
            function,
            attempts: vec![],
        }
    }

    pub(super) fn wire(&self) -> Value {
        let mut links = self.html.split("href=\"").skip(1).filter_map(|rest| {
            let (link, _) = rest.split_once('"')?;
            Some(link.replace("&amp;", "&"))
        });
        let first = links.clone().next();
        let link = links.find(|link| link.contains("ticket=")).or(first);
        let kind = match self.subject.as_str() {
            "Verify your email" => "verification",
            "Reset your password" => "password",
            _ => "other",
        };
        let attempts: Vec<_> = self
            .attempts
            .iter()
            .map(|(status, ms)| json!({ "status": status, "ms": ms }))
            .collect();
        json!({
            "id": format!("m{}", self.id), "at": self.at, "world": self.world.name(), "to": self.to, "from": self.from,
            "subject": self.subject, "text": plain_text(&self.html), "has_html": !self.html.is_empty(), "link": link,
            "kind": kind, "route": self.route, "function": self.function, "state": self.state, "attempts": attempts,
        })
    }
}

impl App {
    pub(super) fn mail_came(&self, mail: Shown) {
        let event = mail.wire();
        let mut journal = lock(&self.journal);
        journal.mails.push_back(mail);
        if journal.mails.len() > 200 {
            journal.mails.pop_front();
        }
        drop(journal);
        self.feed.push("mail", &event);
    }

    fn with_mail(&self, id: u64, change: impl FnOnce(&mut Shown)) {
        let mut journal = lock(&self.journal);
        if let Some(mail) = journal.mails.iter_mut().rfind(|mail| mail.id == id) {
            change(mail);
            let event = mail.wire();
            drop(journal);
            self.feed.push("mail", &event);
        }
    }

    pub(super) fn mail_posted(&self, id: u64, status: u16, took: Duration) {
        self.with_mail(id, |mail| {
            mail.attempts.push((status, took.as_secs_f64() * 1_000.0));
        });
    }

    pub(super) fn mail_done(&self, id: u64, done: bool) {
        self.with_mail(id, |mail| {
            mail.state = match mail.attempts.last() {
                None => "no_route",
                _ if done => "delivered",
                Some((406, _)) => "refused",
                Some(_) => "given_up",
            };
        });
    }

    /// Mailgun gets a mail, once or, with the fault `duplicate`, twice. Returns the mail.
    pub(super) async fn deliver(&self, mail: &Mail) -> Value {
        let times = 1 + usize::from(self.faults.duplicates(&self.feed));
        let since = lock(&self.journal).mails.back().map_or(0, |mail| mail.id);
        for _ in 0..times {
            self.sandbox.mailgun.receive(mail).await;
        }
        self.nudge();
        let journal = lock(&self.journal);
        let mut later = journal.mails.iter().filter(|shown| shown.id > since);
        later
            .find(|shown| shown.to == mail.to && shown.subject == mail.subject)
            .map(Shown::wire)
            .unwrap_or_default()
    }
}

fn with<T>(app: &App, id: &str, look: impl FnOnce(&Shown) -> T) -> Result<T, Problem> {
    let number = id.strip_prefix('m').and_then(|id| id.parse::<u64>().ok());
    let journal = lock(&app.journal);
    let found = journal.mails.iter().rfind(|mail| Some(mail.id) == number);
    found
        .map(look)
        .ok_or_else(|| Problem::unknown("There is no such mail, or it is too long ago."))
}

/// `GET /api/mails/{id}`.
pub(super) async fn read(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    with(&app, &id, |mail| {
        let mut shown = mail.wire();
        shown["html"] = json!(mail.html);
        Json(shown)
    })
}

/// `GET /api/mails/{id}/page`: the mail's HTML for a frame. No script runs in it, and nothing
/// leaves.
pub(super) async fn page(State(app): Shared, Path(id): Path<String>) -> Result<Response, Problem> {
    let html = with(&app, &id, |mail| mail.html.clone())?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
        ),
        (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
    ];
    Ok((headers, html).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    to: String,
    subject: String,
    #[serde(default)]
    text: String,
}

/// `POST /api/mails`: anybody mails the company's domain.
pub(super) async fn write(
    State(app): Shared,
    Input(written): Input<Written>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    limited("The recipient", &written.to, 200)?;
    limited("The subject", &written.subject, 200)?;
    limited("The text", &written.text, 10_000)?;
    let domain = format!("@{DOMAIN}");
    if !written.to.ends_with(&domain) || written.to.contains(char::is_whitespace) {
        return Err(Problem::bad(format!(
            "The recipient must end with {domain}."
        )));
    }
    let escaped = quick_xml::escape::escape(&written.text);
    let html = format!("<html><body><p>{escaped}</p></body></html>");
    let mail = Mail::new(&written.to, &written.subject, &html);
    Ok((StatusCode::CREATED, Json(app.deliver(&mail).await)))
}
