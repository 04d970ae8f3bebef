//! Clickatell: the One API of its platform and the legacy HTTP API of Developers' Central, on one
//! server.
//!
//! Imitates <https://docs.clickatell.com/channels/one-api/>, the codes of
//! <https://docs.rs/clickatell-api/0.3.0>, and the README of github
//! clickatell/clickatell-overview-http@4cd164a5. Clickatell does not document which codes refuse a
//! whole request, or with which status. Here the codes 1, 7, 18 to 22 and 43 do.
//!
//! The legacy API's `validity` follows
//! <https://docs.clickatell.com/archive/channels/advanced-message-send-archived/validity-period/>.
//! The default there is the maximum here.
//!
//! It is stricter than Clickatell: GET and credentials in a query get a complaint. Batches and
//! fields that our functions do not need get one too, if our functions send them.

pub(crate) mod receipt;

use std::{io, time::Duration};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    providers::Simulator,
    random,
    receipts::{Receipts, Repeats},
    segments,
    sms::{self, Account, Sent, Shared},
    wire::{Complaints, Server, lock},
};

/// The platform's first key. [`Clickatell::set_api_key`] replaces it.
pub const API_KEY: &str = "sandbox-clickatell-api-key==";
/// The end of the URL that the account calls with delivery receipts.
pub const CALLBACK_TOKEN: &str = "sandbox-clickatell-callback-token";
/// The user at Developers' Central.
pub const USER: &str = "sandbox-clickatell-user";
/// The user's password.
pub const PASSWORD: &str = "sandbox-clickatell-password";
/// The id of the user's HTTP API.
pub const API_ID: &str = "3300001";

/// The Clickatell simulator. Numbers are E.164.
pub struct Clickatell {
    server: Server,
    account: Shared,
}

impl Simulator for Clickatell {
    const NAME: &'static str = "Clickatell";
    const PORT: u16 = 13;
    const NEVER_WRITTEN: &'static [&'static str] = &[API_KEY, CALLBACK_TOKEN];

    fn secret() -> Value {
        json!({ "api_key": API_KEY, "callback_token": CALLBACK_TOKEN })
    }
}

impl Clickatell {
    /// Serves `https://platform.clickatell.com` and `https://api.clickatell.com` on this port or on
    /// a free one.
    pub async fn start(port: Option<u16>) -> io::Result<Self> {
        let account = Account::open(API_KEY);
        let routes = Router::new()
            .route("/v1/message", post(message))
            .route("/http/sendmsg", post(sendmsg));
        let server = Server::start_on(
            Self::NAME,
            port.unwrap_or(0),
            sms::router(Self::NAME, routes, &account, not_found),
        )
        .await?;
        Ok(Self { server, account })
    }

    /// The server, with its exchanges, faults and complaints.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// All accepted texts, in order.
    pub fn messages(&self) -> Vec<Sent> {
        lock(&self.account).sent.clone()
    }

    /// Refuses every later text to this number with this code of the One API (25, 26, 43...) or of
    /// the legacy API (105, 301...).
    pub fn reject(&self, number: &str, code: u32) {
        lock(&self.account).refusals.insert(number.to_owned(), code);
    }

    /// Cancels [`Clickatell::reject`].
    pub fn accept(&self, number: &str) {
        lock(&self.account).refusals.remove(number);
    }

    /// The delivery receipts of the platform's texts.
    pub fn receipts(&self) -> Receipts {
        lock(&self.account).receipts.clone()
    }

    /// Sets the URL for the receipts of all texts, as the portal does.
    pub fn set_callback(&self, url: &str) {
        lock(&self.account).receipt_url = Some(url.to_owned());
    }

    /// Replaces the platform's key.
    pub fn set_api_key(&self, key: &str) {
        key.clone_into(&mut lock(&self.account).secret);
    }
}

#[derive(Deserialize)]
struct Batch {
    messages: Vec<Message>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[derive(Deserialize)]
struct Message {
    channel: String,
    to: String,
    content: String,
    from: Option<String>,
    #[serde(rename = "clientMessageId")]
    client_message_id: Option<String>,
    /// Fields that our functions do not need.
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// Refuses a whole request.
fn refuse(code: u32, description: &str) -> Response {
    let status = match code {
        1 => 401,
        7 => 403,
        18 | 19 => 503,
        20 => 402,
        43 => 429,
        _ => 400,
    };
    let body = json!({"messages": [], "error": {"code": code, "description": description}});
    (StatusCode::from_u16(status).unwrap_or_default(), Json(body)).into_response()
}

/// The body of an answer to a request that is not simulated.
fn not_found(what: &str) -> Value {
    json!({"messages": [], "error": {"code": 21, "description": what}})
}

/// Answers a request to the One API.
async fn message(
    State(account): State<Shared>,
    Extension(complaints): Extension<Complaints>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let complain = |code, what: &str| {
        complaints.add(format!("Clickatell One API: {what}"));
        refuse(code, what)
    };
    let header = |name| sms::header(&headers, name);
    let key = header(header::AUTHORIZATION);
    if key.is_empty() || key.contains(' ') {
        return complain(1, "Authorization holds the bare key, without Bearer");
    }
    let mut account = lock(&account);
    if key != account.secret {
        return refuse(1, "Invalid or missing integration API Key");
    }
    if header(header::CONTENT_TYPE).split(';').next() != Some("application/json") {
        return complain(21, "Content-Type is application/json");
    }
    if header(header::ACCEPT) != "application/json" {
        complaints.add_for_ours("Clickatell One API: Accept is application/json");
    }
    let batch = match serde_json::from_slice::<Batch>(&body) {
        Ok(batch) if !batch.messages.is_empty() => batch,
        Ok(_) => return complain(21, "no messages"),
        Err(error) => return complain(21, &error.to_string()),
    };
    if batch.messages.len() > 1 {
        complaints.add_for_ours("Clickatell One API: several messages");
    }
    for name in batch.more.keys().chain(
        batch
            .messages
            .iter()
            .flat_map(|message| message.more.keys()),
    ) {
        complaints.add_for_ours(format!("Clickatell One API: field {name}"));
    }
    for Message {
        channel,
        to,
        content,
        from,
        ..
    } in &batch.messages
    {
        if channel != "sms" {
            return complain(
                23,
                &format!("channel {channel} is not simulated by this sandbox"),
            );
        }
        if content.is_empty() {
            return complain(23, "content is empty");
        }
        if !sms::is_number(to) {
            return complain(25, "to is digits with the country code");
        }
        if from.as_deref().is_some_and(|from| from.starts_with('+')) {
            return complain(23, "from is digits");
        }
    }
    let mut answers = vec![];
    for Message {
        to,
        content,
        from,
        client_message_id,
        ..
    } in batch.messages
    {
        let from = from.unwrap_or_default();
        let refusal = match account.refusal(&to) {
            None if !from.is_empty() && !sms::is_number(&from) => Some(23), // only two-way numbers can be senders
            refusal => refusal,
        };
        let (id, error) = match refusal {
            Some(code @ (1 | 7 | 18..=22 | 43)) => return refuse(code, explain(code)),
            Some(code) => (
                None,
                Some(json!({"code": code, "description": explain(code)})),
            ),
            None => {
                let id = random::hex(16);
                let sent = Sent {
                    to: format!("+{to}"),
                    from,
                    text: content,
                    id: id.clone(),
                    validity: None,
                    receipt_url: None,
                    reference: client_message_id,
                };
                let url = account.receipt_url.as_deref();
                account.receipts.tell(&sent.to, Repeats::USUAL, |post| {
                    receipt::requests(url, &sent, post)
                });
                account.take(sent);
                (Some(id), None)
            }
        };
        answers
            .push(json!({"apiMessageId": id, "accepted": id.is_some(), "to": to, "error": error}));
    }
    (
        StatusCode::ACCEPTED,
        Json(json!({"messages": answers, "error": null})),
    )
        .into_response()
}

fn explain(code: u32) -> &'static str {
    match code {
        7 => "IP address is not allowed",
        18 | 19 => "Temporary error, try again",
        20 => "Insufficient balance",
        25 => "Invalid recipient",
        26 => "Recipient has opted out",
        43 => "Rate limit reached",
        100 => "Too many message parts",
        110 => "Texts to the USA need a two-way number",
        _ => "Invalid request",
    }
}

/// Answers a request to the legacy API. The status is always 200.
async fn sendmsg(
    State(account): State<Shared>,
    Extension(complaints): Extension<Complaints>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> String {
    const KNOWN: [&str; 10] = [
        "user", "password", "api_id", "to", "text", "from", "mo", "concat", "unicode", "validity",
    ];
    let complain = |code: u32, what: &str| {
        complaints.add(format!("Clickatell sendmsg: {what}"));
        format!("ERR: {code:03}, {what}")
    };
    if uri.query().is_some() {
        return complain(101, "parameters in the query, where they are logged");
    }
    if sms::header(&headers, header::CONTENT_TYPE) != "application/x-www-form-urlencoded" {
        return complain(101, "content type");
    }
    let fields = match sms::form(&body, &KNOWN) {
        Ok(fields) => fields,
        Err(wrong) => return complain(101, &wrong),
    };
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    if ["user", "password", "api_id"]
        .iter()
        .any(|name| field(name).is_empty())
    {
        return complain(1, "no credentials");
    }
    if field("user") != USER || field("password") != PASSWORD {
        return "ERR: 001, Authentication failed".to_owned();
    }
    if field("api_id") != API_ID {
        return "ERR: 108, Invalid or missing API ID".to_owned();
    }
    let (to, from) = (field("to"), field("from"));
    if !sms::is_number(to) {
        return complain(105, "to is digits with the country code");
    }
    if !from.is_empty() && !sms::is_sender(from) {
        return complain(106, "from is digits or a name");
    }
    let text = match field("unicode") {
        "1" => hex_ucs2(field("text")).map(|text| (segments::ucs2_segments(&text), text)),
        "" | "0" => Some(field("text"))
            .filter(|text| text.is_ascii())
            .map(|text| (segments::segments(text), text.to_owned())),
        _ => None,
    };
    let Some((parts, text)) = text else {
        return complain(116, "text is ASCII, or hexadecimal UCS-2 with unicode=1");
    };
    if text.is_empty() {
        return complain(107, "text is empty");
    }
    let Some(allowed) = Some(field("concat")).filter(|concat| ["", "1", "2", "3"].contains(concat))
    else {
        return complain(101, "concat is 1 to 3");
    };
    let validity = match sms::number(&fields, "validity", 1..=1_440) {
        Ok(minutes) => minutes.map(Duration::from_mins),
        Err(wrong) => return complain(101, &wrong),
    };
    if parts > allowed.parse().unwrap_or(1) {
        return "ERR: 113, Maximum message parts exceeded".to_owned();
    }
    let mut account = lock(&account);
    if let Some(code) = account.refusal(to) {
        return format!("ERR: {code:03}, refused");
    }
    let id = random::hex(16);
    account.take(Sent {
        to: format!("+{to}"),
        from: from.to_owned(),
        text,
        id: id.clone(),
        validity,
        receipt_url: None,
        reference: None,
    });
    format!("ID: {id}")
}

fn hex_ucs2(text: &str) -> Option<String> {
    let bytes = hex::decode(text).ok()?;
    let units: Vec<u16> = bytes
        .chunks(2)
        .map(|pair| pair.try_into().ok().map(u16::from_be_bytes))
        .collect::<Option<_>>()?;
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::client;

    async fn platform(clickatell: &Clickatell, key: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}/v1/message", clickatell.server().url());
        let request = client()
            .post(url)
            .header("authorization", key)
            .header("accept", "application/json")
            .json(body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    #[tokio::test]
    async fn the_platform_accepts_or_says_why_not() {
        let clickatell = Clickatell::start(None).await.unwrap();
        let body = |message: Value| json!({"messages": [message]});
        let good = body(json!({"channel": "sms", "to": "4512345678", "content": "Grüße"}));
        let (status, answer) = platform(&clickatell, API_KEY, &good).await;
        let message = &answer["messages"][0];
        assert_eq!(
            (status, &message["accepted"], &answer["error"]),
            (202, &json!(true), &Value::Null)
        );
        let Sent {
            to,
            from,
            text,
            id,
            validity,
            ..
        } = clickatell.messages().remove(0);
        assert_eq!(
            (to.as_str(), from.as_str(), text.as_str(), json!(id)),
            ("+4512345678", "", "Grüße", message["apiMessageId"].clone())
        );
        assert_eq!(validity, None);
        for (code, status) in [
            (25, 202),
            (26, 202),
            (1, 401),
            (7, 403),
            (20, 402),
            (43, 429),
            (18, 503),
        ] {
            clickatell.reject("+4512345678", code);
            let (answered, answer) = platform(&clickatell, API_KEY, &good).await;
            let error = if status == 202 {
                &answer["messages"][0]["error"]
            } else {
                &answer["error"]
            };
            assert_eq!(
                (
                    answered,
                    &error["code"],
                    &answer["messages"][0]["accepted"] == true
                ),
                (status, &json!(code), false)
            );
        }
        clickatell.accept("+4512345678");
        clickatell.set_api_key("new");
        assert_eq!(platform(&clickatell, API_KEY, &good).await.0, 401);
        assert_eq!(clickatell.server().complaints(), [""; 0]);
        for (key, body, code) in [
            ("Bearer new", good, 1),
            (
                "new",
                body(json!({"channel": "sms", "to": "+4512345678", "content": "x"})),
                25,
            ),
            ("new", json!({"messages": []}), 21),
        ] {
            let (_, answer) = platform(&clickatell, key, &body).await;
            assert_eq!(
                (
                    &answer["error"]["code"],
                    clickatell.server().complaints().len()
                ),
                (&json!(code), 1),
                "{body}"
            );
        }
        assert_eq!(clickatell.messages().len(), 1);
        // not what our functions send, but what Clickatell takes
        let one = json!({"channel": "sms", "to": "4512345678", "content": "x", "clientMessageId": "mine"});
        let (status, answer) = platform(&clickatell, "new", &json!({"messages": [one, one]})).await;
        assert_eq!(
            (
                status,
                answer["messages"].as_array().unwrap().len(),
                clickatell.messages().len()
            ),
            (202, 2, 3)
        );
        assert_eq!(clickatell.messages()[1].reference.as_deref(), Some("mine"));
        assert_eq!(clickatell.server().complaints().len(), 1);
    }

    #[tokio::test]
    async fn the_legacy_api_answers_200_to_everything() {
        let clickatell = Clickatell::start(None).await.unwrap();
        let url = format!("{}/http/sendmsg", clickatell.server().url());
        let post = async |changes: &[(&str, &str)]| {
            let mut form = vec![
                ("user", USER),
                ("password", PASSWORD),
                ("api_id", API_ID),
                ("to", "4512345678"),
                ("text", "Hi"),
            ];
            form.retain(|(name, _)| !changes.iter().any(|(other, _)| other == name));
            form.extend(changes);
            let answer = client().post(&url).form(&form).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            answer.text().await.unwrap()
        };
        let answer = post(&[
            ("text", "00e60020d83dde18"),
            ("unicode", "1"),
            ("from", "ACME"),
            ("validity", "1440"),
        ])
        .await;
        assert_eq!(answer, format!("ID: {}", clickatell.messages()[0].id));
        assert_eq!(
            (
                clickatell.messages()[0].text.as_str(),
                clickatell.messages()[0].from.as_str()
            ),
            ("æ 😘", "ACME")
        );
        assert_eq!(
            clickatell.messages()[0].validity,
            Some(Duration::from_hours(24))
        );
        let long = "a".repeat(161);
        assert_eq!(
            post(&[("text", &long)]).await,
            "ERR: 113, Maximum message parts exceeded"
        );
        assert!(
            post(&[("text", &long), ("concat", "2")])
                .await
                .starts_with("ID: ")
        );
        assert!(
            post(&[("text", &"0061".repeat(71)), ("unicode", "1")])
                .await
                .starts_with("ERR: 113")
        );
        assert_eq!(
            post(&[("password", "x")]).await,
            "ERR: 001, Authentication failed"
        );
        clickatell.reject("+4512345678", 301);
        assert_eq!(post(&[]).await, "ERR: 301, refused");
        assert_eq!(clickatell.server().complaints(), [""; 0]);
        for (change, code) in [
            (("to", "+4512345678"), 105),
            (("text", "æ"), 116),
            (("text", ""), 107),
            (("user", ""), 1),
            (("concat", "4"), 101),
            (("validity", "0"), 101),
            (("validity", "1441"), 101),
            (("udh", "00"), 101),
        ] {
            let answer = post(&[change]).await;
            assert_eq!(
                (
                    answer.starts_with(&format!("ERR: {code:03}, ")),
                    clickatell.server().complaints().len()
                ),
                (true, 1),
                "{answer}"
            );
        }
        let answer = client()
            .post(format!("{url}?user={USER}&password={PASSWORD}"))
            .send()
            .await
            .unwrap();
        assert!(
            answer.text().await.unwrap().starts_with("ERR: 101")
                && clickatell.server().complaints().len() == 1
        );
        assert_eq!(
            (
                client().get(&url).send().await.unwrap().status().as_u16(),
                clickatell.server().complaints().len()
            ),
            (501, 1)
        );
    }
}
