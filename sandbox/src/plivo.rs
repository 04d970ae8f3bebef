//! Plivo: the Message API.
//!
//! Imitates <https://www.plivo.com/docs/messaging/api/message/> and github
//! plivo/plivo-python@a0cd3237 (`plivo/resources/messages.py`, `plivo/rest/client.py`), and
//! <https://support.plivo.com/hc/en-us/articles/14814454609561-Message-Expiry>. It is stricter with
//! our functions than Plivo: fields that they do not need, several recipients, and texts that
//! Plivo's log would keep get a complaint.

pub(crate) mod receipt;

pub use receipt::sign;

use std::{collections::HashMap, io, sync::MutexGuard, time::Duration};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Map, Value, json};

use crate::{
    moment,
    providers::Simulator,
    random,
    receipts::{Receipts, Repeats},
    segments,
    sms::{self, Account, Sent, Shared},
    wire::{Complaints, Server, lock},
};

/// The id of the account.
pub const AUTH_ID: &str = "MASANDBOXSANDBOX0000";
/// The fields that our functions send.
const OURS: [&str; 8] = [
    "src",
    "dst",
    "text",
    "type",
    "log",
    "message_expiry",
    "url",
    "method",
];
/// The account's first token. [`Plivo::set_auth_token`] replaces it.
pub const AUTH_TOKEN: &str = "sandbox-plivo-auth-token";

/// The Plivo simulator. Numbers are E.164.
pub struct Plivo {
    server: Server,
    account: Shared,
}

impl Simulator for Plivo {
    const NAME: &'static str = "Plivo";
    const PORT: u16 = 14;
    const NEVER_WRITTEN: &'static [&'static str] = &[AUTH_TOKEN];

    fn secret() -> Value {
        json!({ "auth_id": AUTH_ID, "auth_token": AUTH_TOKEN })
    }
}

impl Plivo {
    /// Serves `https://api.plivo.com` on this port or on a free one.
    pub async fn start(port: Option<u16>) -> io::Result<Self> {
        let account = Account::open(AUTH_TOKEN);
        let routes = Router::new()
            .route("/v1/Account/{auth_id}/Message/", post(create).get(list))
            .route("/v1/Account/{auth_id}/Message/{id}/", get(read));
        let server = Server::start_on(
            Self::NAME,
            port.unwrap_or(0),
            sms::router(Self::NAME, routes, &account, problem),
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

    /// Refuses every later text to this number with this HTTP status (400, 403, 422, 429, 500...).
    /// With 202 the answer lists the number in `invalid_number`.
    pub fn reject(&self, number: &str, status: u16) {
        lock(&self.account)
            .refusals
            .insert(number.to_owned(), status.into());
    }

    /// Cancels [`Plivo::reject`].
    pub fn accept(&self, number: &str) {
        lock(&self.account).refusals.remove(number);
    }

    /// The delivery receipts of the account's texts.
    pub fn receipts(&self) -> Receipts {
        lock(&self.account).receipts.clone()
    }

    /// Replaces the account's token.
    pub fn set_auth_token(&self, token: &str) {
        token.clone_into(&mut lock(&self.account).secret);
    }
}

fn refuse(status: u16, error: &str) -> Response {
    (
        StatusCode::from_u16(status).unwrap_or_default(),
        Json(problem(error)),
    )
        .into_response()
}

fn problem(error: &str) -> Value {
    json!({"api_id": random::uuid(), "error": error})
}

/// The account's state, if the request authenticates as the account.
#[expect(clippy::result_large_err, reason = "it is the answer")]
fn authenticate<'a>(
    account: &'a Shared,
    complaints: &Complaints,
    auth_id: &str,
    headers: &HeaderMap,
) -> Result<MutexGuard<'a, Account>, Response> {
    let Some((user, password)) = sms::basic(headers) else {
        complaints.add("Plivo Message: no Basic credentials");
        return Err(refuse(401, "no Basic credentials"));
    };
    let account = lock(account);
    if user != AUTH_ID || password != account.secret {
        return Err(refuse(401, "authentication failed"));
    }
    if auth_id != AUTH_ID {
        complaints.add("Plivo Message: the path names another account");
        return Err(refuse(404, "the path names another account"));
    }
    Ok(account)
}

/// A boolean, as JSON or as a text.
fn flag(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_str()?.parse().ok())
}

async fn create(
    State(account): State<Shared>,
    Extension(complaints): Extension<Complaints>,
    Path(auth_id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut account = match authenticate(&account, &complaints, &auth_id, &headers) {
        Ok(account) => account,
        Err(refusal) => return refusal,
    };
    let complain = |status, what: &str| {
        complaints.add(format!("Plivo Message: {what}"));
        refuse(status, what)
    };
    if sms::header(&headers, header::CONTENT_TYPE)
        .split(';')
        .next()
        != Some("application/json")
    {
        return complain(400, "content type");
    }
    let mut message = match serde_json::from_slice::<Map<String, Value>>(&body) {
        Ok(message) => message,
        Err(error) => return complain(400, &error.to_string()),
    };
    message.retain(|_, value| !value.is_null());
    for name in message.keys().filter(|name| !OURS.contains(&name.as_str())) {
        complaints.add_for_ours(format!("Plivo Message: field {name}"));
    }
    if message.get("log").and_then(Value::as_str) != Some("false") {
        complaints.add_for_ours("Plivo Message: log is \"false\": a one-time code stays out of it");
    }
    for name in [
        "powerpack_uuid",
        "media_urls",
        "media_ids",
        "template",
        "interactive",
        "location",
    ] {
        if message.get(name).is_some_and(|value| *value != json!([])) {
            return complain(501, &format!("{name} is not simulated by this sandbox"));
        }
    }
    let field = |name: &str| {
        message
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (src, text) = (field("src"), field("text"));
    // Several recipients are joined by `<`.
    let recipients = field("dst")
        .split('<')
        .map(|to| to.strip_prefix('+').unwrap_or(to))
        .collect::<Vec<_>>();
    let expiry = message
        .get("message_expiry")
        .map(|expiry| expiry.as_u64().or_else(|| expiry.as_str()?.parse().ok()));
    let wrong = match () {
        () if recipients.iter().any(|to| !sms::is_number(to)) => {
            "dst is a number with the country code"
        }
        () if !sms::is_sender(src.strip_prefix('+').unwrap_or(src)) => "src is a number or a name",
        () if text.is_empty() => "text is empty",
        () if message.get("type").is_some_and(|kind| kind != "sms") => {
            "a type other than sms is not simulated by this sandbox"
        }
        () if ["log", "trackable"].iter().any(|name| {
            message
                .get(*name)
                .is_some_and(|value| flag(value).is_none())
        }) =>
        {
            "log and trackable are true or false"
        }
        () if expiry.is_some_and(|expiry| {
            !expiry.is_some_and(|seconds| (5..=10_799).contains(&seconds))
        }) =>
        {
            "message_expiry is 5 to 10799 seconds"
        }
        () if !field("url").is_empty() && url::Url::parse(field("url")).is_err() => "url is a URL",
        () if !["", "POST", "GET"].contains(&field("method")) => "method is POST or GET",
        () if field("method") == "GET" => "receipts by GET are not simulated by this sandbox",
        () => "",
    };
    if !wrong.is_empty() {
        return complain(400, wrong);
    }
    if recipients.len() > 1 || message.get("message_expiry").is_some_and(Value::is_string) {
        complaints
            .add_for_ours("Plivo Message: several recipients, or a message_expiry that is a text");
    }
    if recipients
        .iter()
        .any(|to| src.trim_start_matches('+') == *to)
    {
        return refuse(400, "src and dst cannot be same");
    }
    let mut answer = json!({"api_id": random::uuid(), "message": "message(s) queued"});
    let (mut ids, mut invalid) = (vec![], vec![]);
    for to in recipients {
        match account.refusal(to) {
            Some(202) => invalid.push(to.to_owned()),
            Some(status) => return refuse(u16::try_from(status).unwrap_or(400), "refused"),
            None => {
                let id = random::uuid();
                let sent = Sent {
                    to: format!("+{to}"),
                    from: src.to_owned(),
                    text: text.to_owned(),
                    id: id.clone(),
                    validity: expiry.flatten().map(Duration::from_secs),
                    receipt_url: Some(field("url").to_owned()).filter(|url| !url.is_empty()),
                    reference: None,
                };
                account.receipts.tell(&sent.to, Repeats::USUAL, |post| {
                    receipt::requests(&account.secret, &sent, post)
                });
                account.take(sent);
                ids.push(id);
            }
        }
    }
    answer["message_uuid"] = json!(ids);
    if !invalid.is_empty() {
        answer["invalid_number"] = json!(invalid);
    }
    (StatusCode::ACCEPTED, Json(answer)).into_response()
}

/// The Message resource. Texts arrive at once.
fn resource(sent: &Sent, taken: u64) -> Value {
    let time = moment::iso(Duration::from_secs(taken))
        .replace('T', " ")
        .replace(".000Z", "+00:00");
    json!({
        "error_code": "000", "from_number": sent.from, "message_direction": "outbound", "message_expiry": sent.validity.map(|time| time.as_secs()),
        "message_state": "delivered", "message_time": time, "message_type": "sms", "message_uuid": sent.id, "powerpack_id": null,
        "resource_uri": format!("/v1/Account/{AUTH_ID}/Message/{}/", sent.id), "to_number": sent.to.trim_start_matches('+'),
        "total_amount": "0.00500", "total_rate": "0.00500", "units": segments::segments(&sent.text),
    })
}

/// The list of messages, newest first.
async fn list(
    State(account): State<Shared>,
    Extension(complaints): Extension<Complaints>,
    Path(auth_id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let account = match authenticate(&account, &complaints, &auth_id, &headers) {
        Ok(account) => account,
        Err(refusal) => return refusal,
    };
    let known = ["limit", "offset", "message_direction", "message_state"];
    if let Some(name) = query.keys().find(|name| !known.contains(&name.as_str())) {
        complaints.add(format!("Plivo Message: the filter {name} is not simulated"));
        return refuse(
            501,
            &format!("the filter {name} is not simulated by this sandbox"),
        );
    }
    let number = |name: &str, usual: usize| {
        query
            .get(name)
            .map_or(Some(usual), |text| text.parse().ok())
    };
    let (Some(limit), Some(offset)) = (
        number("limit", 20).filter(|limit| (1..=20).contains(limit)),
        number("offset", 0),
    ) else {
        return refuse(400, "limit is 1 to 20, offset a number");
    };
    let asked = |name: &str, value: &str| query.get(name).is_none_or(|asked| asked == value);
    let fits = asked("message_direction", "outbound") && asked("message_state", "delivered");
    let found = account
        .sent
        .iter()
        .zip(&account.taken)
        .rev()
        .filter(|_| fits)
        .collect::<Vec<_>>();
    let page = found
        .iter()
        .skip(offset)
        .take(limit)
        .map(|(sent, taken)| resource(sent, **taken))
        .collect::<Vec<_>>();
    let address =
        |offset: usize| format!("/v1/Account/{AUTH_ID}/Message/?limit={limit}&offset={offset}");
    Json(json!({
        "api_id": random::uuid(), "objects": page,
        "meta": {
            "limit": limit, "offset": offset, "total_count": found.len(), "next": (offset + limit < found.len()).then(|| address(offset + limit)),
            "previous": (offset > 0).then(|| address(offset.saturating_sub(limit))),
        },
    }))
    .into_response()
}

async fn read(
    State(account): State<Shared>,
    Extension(complaints): Extension<Complaints>,
    Path((auth_id, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let account = match authenticate(&account, &complaints, &auth_id, &headers) {
        Ok(account) => account,
        Err(refusal) => return refusal,
    };
    let found = account
        .sent
        .iter()
        .zip(&account.taken)
        .find(|(sent, _)| sent.id == id);
    found.map_or_else(
        || refuse(404, "not found"),
        |(sent, taken)| {
            let mut message = resource(sent, *taken);
            message["api_id"] = random::uuid().into();
            Json(message).into_response()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::client;

    #[tokio::test]
    async fn queued_or_refused() {
        let plivo = Plivo::start(None).await.unwrap();
        let url = format!("{}/v1/Account/{AUTH_ID}/Message/", plivo.server().url());
        let post = async |token: &str, changes: Value| {
            let mut body =
                json!({"src": "15005550006", "dst": "4512345678", "text": "Hi", "log": "false"});
            for (name, value) in changes.as_object().unwrap() {
                body[name] = value.clone();
            }
            let answer = client()
                .post(&url)
                .basic_auth(AUTH_ID, Some(token))
                .json(&body)
                .send()
                .await
                .unwrap();
            (
                answer.status().as_u16(),
                answer.json::<Value>().await.unwrap(),
            )
        };
        let (status, answer) = post(
            AUTH_TOKEN,
            json!({"message_expiry": 10_799, "url": "https://acme.example/x", "method": "POST"}),
        )
        .await;
        let Sent {
            to,
            from,
            text,
            id,
            validity,
            receipt_url,
            ..
        } = plivo.messages().remove(0);
        assert_eq!((status, &answer["message_uuid"]), (202, &json!([id])));
        assert_eq!(
            (to.as_str(), from.as_str(), text.as_str()),
            ("+4512345678", "15005550006", "Hi")
        );
        assert_eq!(validity, Some(Duration::from_secs(10_799)));
        assert_eq!(receipt_url.as_deref(), Some("https://acme.example/x"));
        plivo.reject("+4512345678", 202);
        let (status, answer) = post(AUTH_TOKEN, json!({})).await;
        assert_eq!(
            (status, &answer["message_uuid"], &answer["invalid_number"]),
            (202, &json!([]), &json!(["4512345678"]))
        );
        plivo.reject("+4512345678", 429);
        let (status, answer) = post(AUTH_TOKEN, json!({})).await;
        assert!(status == 429 && answer["error"].is_string() && answer["api_id"].is_string());
        plivo.accept("+4512345678");
        plivo.set_auth_token("new");
        assert_eq!(post(AUTH_TOKEN, json!({})).await.0, 401);
        assert_eq!(post("new", json!({"src": "4512345678"})).await.0, 400);
        assert_eq!(plivo.server().complaints(), [""; 0]);
        for wrong in [
            json!({"dst": "4512345678;4587654321"}),
            json!({"text": ""}),
            json!({"message_expiry": 4}),
            json!({"message_expiry": 10_800}),
            json!({"url": "acme"}),
        ] {
            assert_eq!(
                (
                    post("new", wrong.clone()).await.0,
                    plivo.server().complaints().len()
                ),
                (400, 1),
                "{wrong}"
            );
        }
        assert_eq!(
            (
                post("new", json!({"media_urls": ["x"]})).await.0,
                plivo.server().complaints().len()
            ),
            (501, 2)
        );
        assert_eq!(plivo.messages().len(), 1);
        // not what our functions send, but what Plivo takes
        let unusual = [
            json!({"log": false}),
            json!({"log": null}),
            json!({"log": "true"}),
            json!({"dst": "4512345678<4587654321"}),
            json!({"media_urls": []}),
            json!({"message_expiry": "180"}),
            json!({"trackable": false}),
            json!({"trackable": true}),
        ];
        for unusual in unusual {
            assert_eq!(post("new", unusual.clone()).await.0, 202, "{unusual}");
            assert!(!plivo.server().complaints().is_empty(), "{unusual}");
        }
        let body = json!({"src": "15005550006", "dst": "4512345678<4587654321", "text": "Hi"});
        let request = client()
            .post(&url)
            .header("user-agent", "acme")
            .basic_auth(AUTH_ID, Some("new"))
            .json(&body);
        let answer = request.send().await.unwrap().json::<Value>().await.unwrap();
        assert_eq!(
            (
                answer["message_uuid"].as_array().unwrap().len(),
                plivo.server().complaints()
            ),
            (2, vec![])
        );
        let get = async |path: &str| {
            let answer = client()
                .get(format!("{url}{path}"))
                .basic_auth(AUTH_ID, Some("new"))
                .send()
                .await
                .unwrap();
            (
                answer.status().as_u16(),
                answer.json::<Value>().await.unwrap(),
            )
        };
        let id = answer["message_uuid"][1].as_str().unwrap();
        let (_, listed) = get("?limit=2").await;
        let (_, read) = get(&format!("{id}/")).await;
        assert_eq!(
            (
                &listed["objects"][0]["message_uuid"],
                &listed["meta"]["next"]
            ),
            (
                &json!(id),
                &json!(format!("/v1/Account/{AUTH_ID}/Message/?limit=2&offset=2"))
            )
        );
        assert_eq!(
            (
                &read["to_number"],
                &read["message_state"],
                get("none/").await.0
            ),
            (&json!("4587654321"), &json!("delivered"), 404)
        );
        assert_eq!(
            (
                client().post(&url).send().await.unwrap().status().as_u16(),
                plivo.server().complaints().len()
            ),
            (401, 1)
        );
        let unknown = client()
            .post(url.trim_end_matches('/'))
            .send()
            .await
            .unwrap();
        assert_eq!(
            (unknown.status().as_u16(), plivo.server().complaints().len()),
            (501, 1)
        );
        assert!(
            unknown.json::<Value>().await.unwrap()["error"]
                .as_str()
                .unwrap()
                .contains("/Message is not simulated by this sandbox")
        );
    }
}
