//! An exchange as the page shows it: who asked whom, what was said, and what became of it.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    body::{self, Masks},
    world::World,
};
use crate::wire::Exchange;

/// The longest body that is kept.
const LONGEST: usize = 64 * 1024;
/// The header with the number of a replay.
pub(super) const REPLAY: &str = "x-sandbox-replay";

/// An exchange.
pub(super) struct Record {
    pub(super) id: u64,
    pub(super) at: u64,
    pub(super) world: World,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) status: Option<u16>,
    pub(super) ms: Option<f64>,
    pub(super) done: bool,
    pub(super) parent: Option<u64>,
    pub(super) fault: Option<String>,
    /// The scheme of the signature; `None` if the callee is no function.
    pub(super) scheme: Option<&'static str>,
    pub(super) outcome: Option<String>,
    pub(super) log: Option<Value>,
    /// The number of the replay that made it.
    pub(super) replay: Option<String>,
    pub(super) request: Message,
    pub(super) response: Message,
}

/// Headers and body of a request or an answer.
#[derive(Default)]
pub(super) struct Message {
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    /// The size before it was cut.
    pub(super) bytes: usize,
}

impl Message {
    pub(super) fn new(headers: Vec<(String, String)>, body: &Bytes) -> Self {
        Self {
            headers,
            bytes: body.len(),
            body: if body.len() > LONGEST {
                Bytes::copy_from_slice(&body[..LONGEST])
            } else {
                body.clone()
            },
        }
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value)
    }

    /// The fields of a form.
    pub(super) fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    fn is_form(&self) -> bool {
        self.header("content-type")
            .starts_with("application/x-www-form-urlencoded")
    }

    fn wire(&self, masks: &Masks) -> Value {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| [name.clone(), masks.header(name, value)])
            .collect();
        let kind = self.header("content-type");
        json!({ "headers": headers, "body": body::shown(kind, &self.body, self.bytes, masks) })
    }
}

/// The headers of an answer, as an exchange has them.
pub(super) fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
        .collect()
}

impl Record {
    /// A request that has no answer yet. `function` is true if the callee is a function.
    pub(super) fn new(
        id: u64,
        world: World,
        (from, to): (String, &str),
        function: bool,
        exchange: &Exchange,
    ) -> Self {
        let request = Message::new(exchange.headers.clone(), &exchange.request);
        let replay = request.header(REPLAY).to_owned();
        Self {
            id,
            at: super::moment(),
            world,
            from,
            to: to.to_owned(),
            method: exchange.method.clone(),
            target: exchange.target.clone(),
            status: None,
            ms: None,
            done: false,
            parent: None,
            fault: None,
            scheme: function.then(|| scheme(&request, &exchange.target)),
            outcome: None,
            log: None,
            replay: (!replay.is_empty()).then_some(replay),
            request,
            response: Message::default(),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.request.body.len() + self.response.body.len()
    }

    /// The operation of AWS, or method and path.
    pub(super) fn operation(&self) -> String {
        match self.request.header("x-amz-target").split_once('.') {
            Some((_, operation)) => operation.to_owned(),
            None => format!(
                "{} {}",
                self.method,
                self.target.split('?').next().unwrap_or_default()
            ),
        }
    }

    /// How the request can be sent again.
    pub(super) fn replays(&self) -> Vec<&'static str> {
        // A scene's sandbox is gone when it ends.
        let gone = self.world == World::Scene;
        if gone || self.scheme.is_none() || self.request.bytes > LONGEST {
            return vec![];
        }
        let mut ways = vec!["same", "one_byte", "twice"];
        if matches!(self.scheme, Some("Mailgun" | "Standard Webhooks")) && self.request.is_form()
            || self.scheme == Some("Standard Webhooks")
        {
            ways.push("stale");
        }
        ways
    }

    pub(super) fn short(&self, masks: &Masks) -> Value {
        let verdict = match (self.scheme, self.status) {
            (None, _) => Value::Null,
            (Some("none"), _) => json!({ "scheme": "none", "verdict": "none" }),
            (Some(scheme), Some(401 | 403)) => json!({ "scheme": scheme, "verdict": "refused" }),
            (Some(scheme), Some(_)) => json!({ "scheme": scheme, "verdict": "accepted" }),
            (Some(scheme), None) => json!({ "scheme": scheme, "verdict": "none" }),
        };
        json!({
            "id": self.id, "at": self.at, "world": self.world.name(), "from": self.from, "to": self.to,
            "method": self.method, "target": masks.text(&self.target), "operation": masks.text(&self.operation()),
            "status": self.status, "ms": self.ms, "done": self.done, "parent": self.parent, "fault": self.fault,
            "signature": verdict, "outcome": self.outcome,
            "bytes": [self.request.bytes, self.response.bytes], "replays": self.replays(),
        })
    }

    pub(super) fn full(&self, masks: &Masks, children: &[u64]) -> Value {
        let mut shown = self.short(masks);
        shown["request"] = self.request.wire(masks);
        shown["response"] = self.response.wire(masks);
        shown["log"] = self.log.clone().unwrap_or_default();
        shown["children"] = json!(children);
        shown
    }
}

/// How a request to a function is signed.
fn scheme(request: &Message, target: &str) -> &'static str {
    let has = |name: &str| !request.header(name).is_empty();
    let authorization = request.header("authorization");
    let form =
        |name: &str| request.is_form() && request.form().iter().any(|(known, _)| known == name);
    match () {
        () if has("x-twilio-signature") => "Twilio",
        () if has("x-plivo-signature-v3") => "Plivo",
        () if has("webhook-signature") => "Standard Webhooks",
        () if has("x-signature") || has("x-switchboard-signature") => "HMAC",
        () if form("signature") && form("token")
            || request.header("user-agent") == "mailgun/treq" =>
        {
            "Mailgun"
        }
        () if form("sig") || target.contains("sig=") => "Vonage",
        () if target.starts_with("/clickatell/") => "Clickatell's token in the URL",
        () if authorization.starts_with("Basic ") => "Basic",
        () if authorization.starts_with("Bearer ") => "Bearer",
        () if !authorization.is_empty() => "Authorization",
        () => "none",
    }
}

/// Who made a request. `inside` are the functions that are at work, the latest last.
pub(super) fn caller(
    exchange: &Exchange,
    callee: &str,
    is_function: bool,
    keys: &BTreeMap<String, String>,
    inside: &[(u64, String)],
) -> (String, Option<u64>) {
    let header = |name: &str| {
        exchange
            .headers
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value.as_str())
    };
    let named = |name: &str| (name.to_owned(), None);
    let agent = header("user-agent");
    if !header(REPLAY).is_empty() {
        return named("page");
    }
    let signer = header("authorization")
        .split_once("Credential=")
        .and_then(|(_, rest)| keys.get(rest.split('/').next()?));
    if let Some(function) = signer {
        let parent = inside.iter().rfind(|(_, name)| name == function);
        return (function.clone(), parent.map(|(id, _)| *id));
    }
    if agent.starts_with("Switchboard/") {
        let others = inside.iter().rfind(|(_, name)| name != callee);
        return others.map_or_else(|| named("somebody"), |(id, name)| (name.clone(), Some(*id)));
    }
    if !is_function {
        return named("somebody");
    }
    let path = exchange.target.as_str();
    named(match callee {
        _ if !header("x-twilio-signature").is_empty() => "Twilio",
        _ if agent == "mailgun/treq" => "Mailgun",
        _ if agent.starts_with("Okta") => "Okta",
        _ if !header("webhook-id").is_empty() => "Supabase",
        _ if path.starts_with("/plivo") => "Plivo",
        _ if path.starts_with("/clickatell") => "Clickatell",
        _ if path.starts_with("/vonage") => "Vonage",
        "sms-gateway" => "Auth0",
        "delivery-status" if path.starts_with("/used") => "Auth0",
        "api-call" => "Studio",
        _ => "somebody",
    })
}
