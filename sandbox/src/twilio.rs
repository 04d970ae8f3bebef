//! Twilio: the Messages API, the account's numbers, the administrators' settings, and the phones. A
//! phone's texts and calls become webhooks.
//!
//! Imitates <https://www.twilio.com/docs/messaging/api/message-resource>,
//! `/docs/messaging/guides/webhook-request` (2026-03-09), `/docs/usage/webhooks/webhooks-security`,
//! `/docs/usage/webhooks/webhooks-connection-overrides`, `/docs/api/errors/*` and
//! twilio-oai@d50069b4 `twilio_api_v2010.json`.
//!
//! A message that asks for Message Redaction is refused at once if the account lacks this feature;
//! this is our reading of `/docs/api/errors/30029`. A request of our functions with a field that
//! they do not need gets a complaint. Twilio ignores such a field.

use std::{
    collections::{HashMap, HashSet},
    io,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{OriginalUri, Path, State as Axum},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    mail, random,
    segments::segments,
    sms::{self, e164},
    twiml,
    wire::{Complaints, Server, client, lock},
};

mod admin;
mod messages;
mod numbers;
mod phone;
mod voice;

pub use admin::Service;
use numbers::Numbers;
pub use numbers::{Owned, Stock};
pub use phone::Reply;
pub use voice::{APPLICATION_ERROR, Call, Caller, Dialled, Ended, Recording, Talk};

/// SID of the account.
pub const ACCOUNT_SID: &str = "AC00000000000000000000000000000001";
/// The account's first primary token. [`Twilio::set_auth_token`] replaces it.
pub const AUTH_TOKEN: &str = "0123456789abcdef-example-auth-token";
/// SID of the account's first API key.
pub const API_KEY_SID: &str = "SK00000000000000000000000000000009";
/// Secret of the account's first API key.
pub const API_KEY_SECRET: &str = "example-api-key-secret-of-twilio";
/// The account's first number. It is the number of Twilio's own test credentials.
pub const NUMBER: &str = "+15005550006";
/// A messaging service with [`NUMBER`] as its only sender. It leaves incoming texts to the number's
/// own webhook.
pub const MESSAGING_SERVICE: &str = "MG00000000000000000000000000000001";

/// Fields that would change the message or its time.
const NOT_SIMULATED: [&str; 5] = [
    "ContentSid",
    "ContentVariables",
    "ScheduleType",
    "SendAt",
    "SendAsMms",
];

/// A message that Twilio accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `SM` and 32 hexadecimal digits.
    pub sid: String,
    /// The recipient, E.164.
    pub to: String,
    /// The sender, E.164.
    pub from: String,
    /// The text.
    pub body: String,
    /// URLs of pictures and other media.
    pub media: Vec<String>,
    /// `outbound-api`, or `outbound-reply` for a reply by `TwiML`.
    pub direction: &'static str,
    /// Maximum time in Twilio's queue, if the request set one.
    pub validity: Option<Duration>,
    /// True if Twilio keeps the text in its records.
    pub keeps_body: bool,
    /// True if Twilio keeps the last digits of the recipient's number.
    pub keeps_to: bool,
}

struct State {
    auth_token: String,
    api_keys: HashMap<String, String>,
    numbers: Numbers,
    admin: admin::Settings,
    /// The behaviour of each dialled phone.
    callees: HashMap<String, voice::Callee>,
    messages: Vec<Message>,
    /// Further data of each message, by its SID.
    made: HashMap<String, messages::Made>,
    /// The calls that have ended.
    calls: Vec<messages::Ended>,
    inboxes: HashMap<String, Vec<String>>,
    refusals: HashMap<String, u32>,
    /// Pairs of phone and account number.
    opted_out: HashSet<(String, String)>,
    alerts: Vec<twiml::Error>,
    redacts: bool,
}

struct Shared {
    state: Mutex<State>,
    arrived: Notify,
}

/// The Twilio simulator. All numbers are E.164.
pub struct Twilio {
    server: Server,
    shared: Arc<Shared>,
    client: reqwest::Client,
}

impl Twilio {
    /// Serves `https://api.twilio.com` on this port or on a free one.
    pub async fn start(port: Option<u16>) -> io::Result<Self> {
        let state = State {
            auth_token: AUTH_TOKEN.to_owned(),
            api_keys: HashMap::from([(API_KEY_SID.to_owned(), API_KEY_SECRET.to_owned())]),
            numbers: Numbers::new(),
            admin: admin::Settings::new(),
            callees: HashMap::new(),
            messages: vec![],
            made: HashMap::new(),
            calls: vec![],
            inboxes: HashMap::new(),
            refusals: HashMap::new(),
            opted_out: HashSet::new(),
            alerts: vec![],
            redacts: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            arrived: Notify::new(),
        });
        let server =
            Server::start_on("Twilio", port.unwrap_or(0), router(Arc::clone(&shared))).await?;
        Ok(Self {
            server,
            shared,
            client: client(),
        })
    }

    /// The server, with its exchanges, faults and complaints.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Promotes another token to primary. The old token no longer signs webhooks or authenticates
    /// requests.
    pub fn set_auth_token(&self, token: &str) {
        token.clone_into(&mut lock(&self.shared.state).auth_token);
    }

    /// Adds an API key (`SK...`) that may use the Messages API.
    pub fn add_api_key(&self, sid: &str, secret: &str) {
        lock(&self.shared.state)
            .api_keys
            .insert(sid.to_owned(), secret.to_owned());
    }

    /// Revokes all API keys.
    pub fn revoke_api_keys(&self) {
        lock(&self.shared.state).api_keys.clear();
    }

    /// Gives the number to the account and sets the URL for incoming messages. The URL may contain
    /// connection overrides (`#rc=3&rp=5xx,ct,rt`).
    pub fn set_sms_url(&self, number: &str, url: &str) {
        lock(&self.shared.state).numbers.set(number, "SmsUrl", url);
    }

    /// Gives the number to the account and sets the URL for incoming calls.
    pub fn set_voice_url(&self, number: &str, url: &str) {
        lock(&self.shared.state)
            .numbers
            .set(number, "VoiceUrl", url);
    }

    /// Gives the number to the account and sets the URL that is told when a call has ended. An
    /// empty text removes it.
    pub fn set_status_callback(&self, number: &str, url: &str) {
        lock(&self.shared.state)
            .numbers
            .set(number, "StatusCallback", url);
    }

    /// Gives the account the feature Message Redaction, which `ContentRetention` and
    /// `AddressRetention` need.
    pub fn add_message_redaction(&self) {
        lock(&self.shared.state).redacts = true;
    }

    /// Refuses every later message to this phone with this error code (21211, 21408, 21610, 21614,
    /// 21635, 20429...).
    pub fn reject(&self, number: &str, code: u32) {
        lock(&self.shared.state)
            .refusals
            .insert(number.to_owned(), code);
    }

    /// Cancels [`Twilio::reject`].
    pub fn accept(&self, number: &str) {
        lock(&self.shared.state).refusals.remove(number);
    }

    /// All accepted messages, in order.
    pub fn messages(&self) -> Vec<Message> {
        lock(&self.shared.state).messages.clone()
    }

    /// The messages that a phone received from the account's numbers, in order, with sender and
    /// media.
    pub fn texts(&self, number: &str) -> Vec<Message> {
        lock(&self.shared.state)
            .messages
            .iter()
            .filter(|message| message.to == number)
            .cloned()
            .collect()
    }

    /// The texts that a phone received, in order. They include Twilio's own replies to STOP and
    /// similar words.
    pub fn inbox(&self, number: &str) -> Vec<String> {
        lock(&self.shared.state)
            .inboxes
            .get(number)
            .cloned()
            .unwrap_or_default()
    }

    /// The inbox as soon as it holds `n` texts. After `timeout` it may hold fewer.
    pub async fn wait_inbox(&self, number: &str, n: usize, timeout: Duration) -> Vec<String> {
        let enough = async {
            loop {
                let arrived = self.shared.arrived.notified(); // before the look: misses no text
                if self.inbox(number).len() >= n {
                    return;
                }
                arrived.await;
            }
        };
        let _ = tokio::time::timeout(timeout, enough).await;
        self.inbox(number)
    }

    /// True if the phone has opted out of texts from this account number.
    pub fn opted_out(&self, phone: &str, number: &str) -> bool {
        lock(&self.shared.state)
            .opted_out
            .contains(&(phone.to_owned(), number.to_owned()))
    }

    /// The entries of Twilio's debugger: failed webhooks (11200, 11205) and replies that could not
    /// be sent (14101, 21610...). Reading removes them.
    pub fn alerts(&self) -> Vec<twiml::Error> {
        std::mem::take(&mut lock(&self.shared.state).alerts)
    }
}

impl State {
    /// Accepts and delivers a message. The error is Twilio's code and text.
    fn send(&mut self, message: Message) -> Result<Message, (u32, String)> {
        let Message { to, from, .. } = &message;
        let is_agent = from.starts_with("rcs:");
        let refused = match to.as_str() {
            _ if !e164(to) => Some(21211),
            _ if !e164(from) && !is_agent => Some(21212),
            // Twilio's magic numbers, www.twilio.com/docs/iam/test-credentials
            "+15005550001" => Some(21211),
            "+15005550002" => Some(21612),
            "+15005550003" => Some(21408),
            "+15005550004" => Some(21610),
            "+15005550009" => Some(21614),
            _ if self.numbers.get(from).is_none() && !is_agent => Some(21606),
            _ if to == from => Some(21266),
            _ if !self.admin.texts_to(phone::country(to)) => Some(21408),
            _ if message.body.chars().count() > 1600 => Some(21617),
            _ if message.media.len() > 10 => Some(21623),
            _ if self.opted_out.contains(&(to.clone(), from.clone())) => Some(21610),
            _ => self.refusals.get(to).copied(),
        };
        if let Some(code) = refused {
            return Err((code, explain(code, to, from)));
        }
        self.inboxes
            .entry(to.clone())
            .or_default()
            .push(message.body.clone());
        self.made
            .insert(message.sid.clone(), messages::Made::now(None));
        self.messages.push(message.clone());
        Ok(message)
    }
}

fn explain(code: u32, to: &str, from: &str) -> String {
    match code {
        20003 => "Authenticate".to_owned(),
        20429 => "Too Many Requests".to_owned(),
        21211 => format!("The 'To' number {to} is not a valid phone number."),
        21212 => format!(
            "The 'From' number {from} is not a valid phone number, shortcode, or alphanumeric sender ID."
        ),
        21266 => "'To' and 'From' number cannot be the same".to_owned(),
        21408 => format!(
            "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {to}."
        ),
        21602 => "Message body is required.".to_owned(),
        21603 => "A 'From' phone number is required.".to_owned(),
        21604 => "A 'To' phone number is required.".to_owned(),
        21606 => format!(
            "The From phone number {from} is not a valid, SMS-capable inbound phone number or short code for your account."
        ),
        21610 => "Attempt to send to unsubscribed recipient".to_owned(),
        21612 => {
            format!(
                "The 'To' phone number: {to}, is not currently reachable using the 'From' phone number: {from} via SMS."
            )
        }
        21614 => format!("'To' number: {to}, is not a valid mobile number"),
        21617 => "The concatenated message body exceeds the 1600 character limit.".to_owned(),
        21623 => "Number of media files exceeds allowed limit".to_owned(),
        21635 => format!("'To' number {to} cannot be a landline"),
        21703 => {
            "The Messaging Service does not have a phone number or short code associated with it."
                .to_owned()
        }
        21701 => "The Messaging Service does not exist.".to_owned(),
        _ => format!("Error {code}"),
    }
}

fn new_sid() -> String {
    format!("SM{}", random::hex(16))
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(
            "/2010-04-01/Accounts/{account}/Messages.json",
            post(create).get(messages::list),
        )
        .merge(messages::routes())
        .merge(numbers::routes())
        .merge(admin::routes())
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(shared)
}

async fn unknown(
    Extension(complaints): Extension<Complaints>,
    method: Method,
    OriginalUri(uri): OriginalUri,
) -> Response {
    complaints.add(format!("Twilio: {method} {uri} is not simulated"));
    not_simulated(&sms::not_simulated(&method, &uri))
}

/// The answer to a request that is not simulated, in the form of Twilio's "not found".
fn not_simulated(what: &str) -> Response {
    let body = json!({"code": 20404, "message": what, "more_info": "https://www.twilio.com/docs/errors/20404", "status": 501});
    (StatusCode::NOT_IMPLEMENTED, Json(body)).into_response()
}

fn refuse(code: u32, message: &str) -> Response {
    let status = match code {
        20003 => 401,
        20404 => 404,
        20429 => 429,
        20500 => 500,
        20503 => 503,
        _ => 400,
    };
    let body = json!({"code": code, "message": message, "more_info": format!("https://www.twilio.com/docs/errors/{code}"), "status": status});
    (StatusCode::from_u16(status).unwrap_or_default(), Json(body)).into_response()
}

/// The account's state, if the request authenticates as the account.
#[expect(clippy::result_large_err, reason = "it is the answer")]
fn authenticate<'a>(
    shared: &'a Shared,
    complaints: &Complaints,
    account: &str,
    headers: &HeaderMap,
) -> Result<MutexGuard<'a, State>, Response> {
    let credentials = sms::header(headers, header::AUTHORIZATION).strip_prefix("Basic ");
    let credentials = credentials.and_then(|encoded| BASE64.decode(encoded).ok());
    let Some((user, password)) = credentials
        .as_deref()
        .and_then(|decoded| str::from_utf8(decoded).ok())
        .and_then(|pair| pair.split_once(':'))
    else {
        complaints.add("Twilio: no Basic credentials");
        return Err(refuse(20003, "Authenticate"));
    };
    let state = lock(&shared.state);
    if !(user == ACCOUNT_SID && password == state.auth_token
        || state
            .api_keys
            .get(user)
            .is_some_and(|secret| secret == password))
    {
        return Err(refuse(20003, "Authenticate"));
    }
    if account != ACCOUNT_SID {
        let what = format!("The requested resource of account {account} was not found");
        complaints.add(format!("Twilio: {what}"));
        return Err(refuse(20404, &what));
    }
    Ok(state)
}

async fn create(
    Axum(shared): Axum<Arc<Shared>>,
    Extension(complaints): Extension<Complaints>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let complain = |code, what: String| {
        complaints.add(format!("Twilio Messages: {what}"));
        refuse(code, &what)
    };
    let mut state = match authenticate(&shared, &complaints, &account, &headers) {
        Ok(state) => state,
        Err(refusal) => return refusal,
    };
    let content_type = sms::header(&headers, header::CONTENT_TYPE);
    if content_type.split(';').next() != Some("application/x-www-form-urlencoded") {
        return complain(21604, format!("content type {content_type:?}"));
    }
    let (mut fields, mut media) = (HashMap::new(), Vec::new());
    for (name, value) in form_urlencoded::parse(&body).into_owned() {
        match name.as_str() {
            "MediaUrl" => media.push(value),
            "To"
            | "From"
            | "MessagingServiceSid"
            | "Body"
            | "ValidityPeriod"
            | "ContentRetention"
            | "AddressRetention"
            | "RiskCheck"
                if !fields.contains_key(&name) =>
            {
                fields.insert(name, value);
            }
            _ if NOT_SIMULATED.contains(&name.as_str()) => {
                complaints.add(format!("Twilio Messages: {name}"));
                return not_simulated(&format!(
                    "the field {name} is not simulated by this sandbox"
                ));
            }
            _ if fields.contains_key(&name) => {
                return complain(20001, format!("repeated field {name}"));
            }
            // Twilio ignores unknown fields.
            _ => {
                complaints.add_for_ours(format!("Twilio Messages: field {name}"));
                fields.insert(name, value);
            }
        }
    }
    let take = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let (to, service) = (take("To"), fields.get("MessagingServiceSid"));
    let from = match service {
        Some(sid) if take("From").is_empty() => state
            .admin
            .service(sid)
            .and_then(|service| service.numbers.first().cloned())
            .unwrap_or_default(),
        _ => take("From"),
    };
    let missing = match () {
        () if to.is_empty() => Some(21604),
        () if service.is_some_and(|sid| state.admin.service(sid).is_none()) => Some(21701),
        () if service.is_some() && from.is_empty() => Some(21703),
        () if from.is_empty() => Some(21603),
        () if take("Body").is_empty() && media.is_empty() => Some(21602),
        () => None,
    };
    if let Some(code) = missing {
        return complain(code, explain(code, &to, &from));
    }
    let validity = match sms::number(&fields, "ValidityPeriod", 1..=36_000) {
        Ok(seconds) => seconds.map(Duration::from_secs),
        Err(wrong) => return complain(21624, wrong),
    };
    let mut kept = [true; 2];
    for ((name, other, code), kept) in [
        ("ContentRetention", "discard", 30029),
        ("AddressRetention", "obfuscate", 30030),
    ]
    .into_iter()
    .zip(&mut kept)
    {
        let Some(value) = fields.get(name) else {
            continue;
        };
        if value != "retain" && value != other {
            return complain(code, format!("{name} is retain or {other}"));
        }
        if !state.redacts {
            return refuse(code, &format!("Invalid {name}"));
        }
        *kept = value == "retain";
    }
    let [keeps_body, keeps_to] = kept;
    let (sid, body, direction) = (new_sid(), take("Body"), "outbound-api");
    let sent = state.send(Message {
        sid,
        to,
        from,
        body,
        media,
        direction,
        validity,
        keeps_body,
        keeps_to,
    });
    if let Ok(message) = &sent {
        state
            .made
            .insert(message.sid.clone(), messages::Made::now(service.cloned()));
        if let Some(url) = fields.get("StatusCallback").filter(|url| !url.is_empty()) {
            messages::tell(url.clone(), state.auth_token.clone(), message.clone());
        }
    }
    drop(state);
    shared.arrived.notify_waiters();
    match sent {
        Ok(message) => (StatusCode::CREATED, Json(resource(&message, service))).into_response(),
        Err((code, text)) => refuse(code, &text),
    }
}

/// The Message resource just after its creation. A messaging service has not chosen the sender yet.
fn resource(message: &Message, service: Option<&String>) -> Value {
    let Message {
        sid,
        to,
        from,
        body,
        media,
        direction,
        ..
    } = message;
    let (uri, now) = (
        format!("/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/{sid}"),
        mail::date(crate::now().as_secs()),
    );
    json!({
        "account_sid": ACCOUNT_SID, "api_version": "2010-04-01", "body": body, "date_created": now, "date_sent": null, "date_updated": now,
        "direction": direction, "error_code": null, "error_message": null, "from": service.is_none().then_some(from),
        "messaging_service_sid": service, "num_media": media.len().to_string(), "num_segments": segments(body).to_string(), "price": null,
        "price_unit": "USD", "sid": sid, "status": if service.is_some() { "accepted" } else { "queued" },
        "subresource_uris": {"media": format!("{uri}/Media.json")}, "to": to, "uri": format!("{uri}.json"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn create(twilio: &Twilio, form: &[(&str, &str)]) -> (u16, Value) {
        let url = format!(
            "{}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json",
            twilio.server().url()
        );
        let answer = client()
            .post(url)
            .basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN))
            .form(form)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    #[tokio::test]
    async fn an_accepted_message_is_on_the_phone() {
        let twilio = Twilio::start(None).await.unwrap();
        let (status, message) = create(
            &twilio,
            &[
                ("To", "+4512345678"),
                ("From", NUMBER),
                ("Body", "Reply YES"),
            ],
        )
        .await;
        assert_eq!(
            (
                status,
                &message["status"],
                &message["num_segments"],
                &message["from"]
            ),
            (201, &json!("queued"), &json!("1"), &json!(NUMBER))
        );
        assert_eq!(message["sid"].as_str().unwrap().len(), 34);
        let (status, message) = create(
            &twilio,
            &[
                ("To", "+4512345678"),
                ("MessagingServiceSid", MESSAGING_SERVICE),
                ("Body", "Æ + œ"),
            ],
        )
        .await;
        assert_eq!(
            (status, &message["status"], &message["from"]),
            (201, &json!("accepted"), &Value::Null)
        );
        assert_eq!(
            twilio
                .wait_inbox("+4512345678", 2, Duration::from_secs(9))
                .await,
            ["Reply YES", "Æ + œ"]
        );
        assert_eq!(twilio.messages()[1].from, NUMBER);
        assert_eq!(twilio.server().complaints(), [""; 0]);
    }

    #[tokio::test]
    async fn how_long_a_message_waits_and_what_is_kept_of_it() {
        let twilio = Twilio::start(None).await.unwrap();
        let create = async |fields: &[(&str, &str)]| {
            let form = [
                &[("To", "+4512345678"), ("From", NUMBER), ("Body", "x")],
                fields,
            ]
            .concat();
            let (status, body) = create(&twilio, &form).await;
            (
                status,
                body["code"].as_u64(),
                twilio.server().complaints().len(),
            )
        };
        let both = [
            ("ContentRetention", "discard"),
            ("AddressRetention", "obfuscate"),
        ];
        for (fields, code, complaints) in [
            (&both[..1], 30029, 0),
            (&both[1..], 30030, 0),
            (&[("ContentRetention", "obfuscate")], 30029, 1),
            (&[("AddressRetention", "discard")], 30030, 1),
            (&[("ValidityPeriod", "0")], 21624, 1),
            (&[("ValidityPeriod", "36001")], 21624, 1),
            (&[("ValidityPeriod", "3m")], 21624, 1),
        ] {
            assert_eq!(
                create(fields).await,
                (400, Some(code), complaints),
                "{fields:?}"
            );
        }
        assert_eq!(create(&[("ValidityPeriod", "36000")]).await, (201, None, 0));
        twilio.add_message_redaction();
        assert_eq!(create(&both).await, (201, None, 0));
        assert_eq!(
            create(&[("ContentRetention", "retain"), both[1]]).await,
            (201, None, 0)
        );
        let kept: Vec<_> = twilio
            .messages()
            .iter()
            .map(|sent| (sent.validity, sent.keeps_body, sent.keeps_to))
            .collect();
        let ten_hours = Some(Duration::from_hours(10));
        assert_eq!(
            kept,
            [
                (ten_hours, true, true),
                (None, false, false),
                (None, true, false)
            ]
        );
    }

    #[tokio::test]
    async fn refusals_have_twilios_codes() {
        let twilio = Twilio::start(None).await.unwrap();
        twilio.reject("+4511111111", 21635);
        twilio.reject("+4522222222", 20429);
        let long = "a".repeat(1601);
        for (form, status, code, complaints) in [
            (
                vec![("To", "+45"), ("From", NUMBER), ("Body", "x")],
                400,
                21211,
                0,
            ),
            (
                vec![("To", "+4511111111"), ("From", NUMBER), ("Body", "x")],
                400,
                21635,
                0,
            ),
            (
                vec![("To", "+4522222222"), ("From", NUMBER), ("Body", "x")],
                429,
                20429,
                0,
            ),
            (
                vec![
                    ("To", "+4512345678"),
                    ("From", "+15005550007"),
                    ("Body", "x"),
                ],
                400,
                21606,
                0,
            ),
            (
                vec![("To", "+15005550004"), ("From", NUMBER), ("Body", "x")],
                400,
                21610,
                0,
            ),
            (
                vec![("To", "+4512345678"), ("From", NUMBER), ("Body", &long)],
                400,
                21617,
                0,
            ),
            (vec![("To", "+4512345678"), ("From", NUMBER)], 400, 21602, 1),
            (vec![("To", "+4512345678"), ("Body", "x")], 400, 21603, 1),
            (
                vec![
                    ("To", "+4512345678"),
                    ("From", NUMBER),
                    ("Body", "x"),
                    ("Body", "y"),
                ],
                400,
                20001,
                1,
            ),
        ] {
            let (answered, body) = create(&twilio, &form).await;
            assert_eq!(
                (answered, &body["code"], &body["status"]),
                (status, &json!(code), &json!(status)),
                "{form:?}"
            );
            assert_eq!(twilio.server().complaints().len(), complaints, "{form:?}");
        }
        assert!(twilio.messages().is_empty());
        let odd = [
            ("To", "+4512345678"),
            ("From", NUMBER),
            ("Body", "x"),
            ("body", "y"),
        ];
        assert_eq!(
            (
                create(&twilio, &odd).await.0,
                twilio.server().complaints().len()
            ),
            (201, 1),
            "not what our functions send"
        );
        let url = format!(
            "{}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json",
            twilio.server().url()
        );
        let ask = |user: &'static str, password: &'static str| {
            client()
                .post(&url)
                .basic_auth(user, Some(password))
                .form(&[("To", "+4512345678"), ("From", NUMBER), ("Body", "x")])
                .send()
        };
        twilio.set_auth_token("new");
        twilio.add_api_key("SK1", "secret");
        assert_eq!(ask(ACCOUNT_SID, AUTH_TOKEN).await.unwrap().status(), 401);
        assert_eq!(ask("SK1", "secret").await.unwrap().status(), 201);
        assert_eq!(ask(ACCOUNT_SID, "new").await.unwrap().status(), 201);
        assert!(twilio.server().complaints().is_empty());
        assert_eq!(client().post(&url).send().await.unwrap().status(), 401);
        assert_eq!(client().delete(&url).send().await.unwrap().status(), 501);
        assert_eq!(
            client()
                .get(twilio.server().url() + "/x")
                .send()
                .await
                .unwrap()
                .status(),
            501
        );
        assert_eq!(twilio.server().complaints().len(), 3);
    }
}
