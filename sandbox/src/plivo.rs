//! Plivo: the Message API.
//!
//! Imitates <https://www.plivo.com/docs/messaging/api/message/> and github plivo/plivo-python@a0cd3237 (`plivo/resources/messages.py`,
//! `plivo/rest/client.py`), and <https://support.plivo.com/hc/en-us/articles/14814454609561-Message-Expiry>. Stricter than Plivo: fields that are not simulated, several recipients, and texts that its log would keep are
//! complained about.

use std::{io, time::Duration};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::Deserialize;
use serde_json::json;

use crate::{
    random,
    sms::{self, Account, Sent, Shared},
    wire::{Complaints, Server, lock},
};

/// The account.
pub const AUTH_ID: &str = "MASANDBOXSANDBOX0000";
/// Its token, until [`Plivo::set_auth_token`].
pub const AUTH_TOKEN: &str = "sandbox-plivo-auth-token";

/// The simulator. Numbers are E.164.
pub struct Plivo {
    server: Server,
    account: Shared,
}

impl Plivo {
    /// Serves `https://api.plivo.com` on this port, or a free one.
    pub async fn start(port: Option<u16>) -> io::Result<Self> {
        let account = Account::open(AUTH_TOKEN);
        let routes = Router::new().route("/v1/Account/{auth_id}/Message/", post(create));
        let server = Server::start_on("Plivo", port.unwrap_or(0), sms::router("Plivo", routes, &account)).await?;
        Ok(Self { server, account })
    }

    /// What passed over the wire, faults, complaints.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Every text taken, in order.
    pub fn messages(&self) -> Vec<Sent> {
        lock(&self.account).sent.clone()
    }

    /// From now on every text to this number is refused with this HTTP status (400, 403, 422, 429, 500...); with 202 the answer lists it as
    /// `invalid_number`.
    pub fn reject(&self, number: &str, status: u16) {
        lock(&self.account).refusals.insert(number.to_owned(), status.into());
    }

    /// Takes [`Plivo::reject`] back.
    pub fn accept(&self, number: &str) {
        lock(&self.account).refusals.remove(number);
    }

    /// Replaces the account's token.
    pub fn set_auth_token(&self, token: &str) {
        token.clone_into(&mut lock(&self.account).secret);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    src: String,
    dst: String,
    text: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    /// A string, `"true"` unless given.
    log: Option<String>,
    /// Seconds.
    #[serde(rename = "message_expiry")]
    expiry: Option<u64>,
}

fn refuse(status: u16, error: &str) -> Response {
    (StatusCode::from_u16(status).unwrap_or_default(), Json(json!({"api_id": random::uuid(), "error": error}))).into_response()
}

async fn create(
    State(account): State<Shared>,
    Extension(complaints): Extension<Complaints>,
    Path(auth_id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let complain = |status, what: &str| {
        complaints.add(format!("Plivo Message: {what}"));
        refuse(status, what)
    };
    let credentials =
        sms::header(&headers, header::AUTHORIZATION).strip_prefix("Basic ").and_then(|text| BASE64.decode(text).ok());
    let credentials = credentials.and_then(|bytes| String::from_utf8(bytes).ok());
    let Some((user, password)) = credentials.as_deref().and_then(|pair| pair.split_once(':')) else {
        return complain(401, "no Basic credentials");
    };
    let mut account = lock(&account);
    if user != AUTH_ID || password != account.secret {
        return refuse(401, "authentication failed");
    }
    if auth_id != AUTH_ID {
        return complain(404, "the path names another account");
    }
    if sms::header(&headers, header::CONTENT_TYPE) != "application/json" {
        return complain(400, "content type");
    }
    let Message { src, dst, text, kind, log, expiry } = match serde_json::from_slice(&body) {
        Ok(message) => message,
        Err(error) => return complain(400, &error.to_string()),
    };
    let to = dst.strip_prefix('+').unwrap_or(&dst);
    let wrong = match () {
        () if !sms::is_number(to) => "dst is one number with the country code",
        () if !sms::is_sender(src.strip_prefix('+').unwrap_or(&src)) => "src is a number or a name",
        () if text.is_empty() => "text is empty",
        () if kind.as_deref().is_some_and(|kind| kind != "sms") => "type is sms",
        () if log.as_deref() != Some("false") => "log is \"false\": a one-time code stays out of it",
        () if expiry.is_some_and(|seconds| !(5..=10_799).contains(&seconds)) => "message_expiry is 5 to 10799 seconds",
        () => "",
    };
    if !wrong.is_empty() {
        return complain(400, wrong);
    }
    if src.trim_start_matches('+') == to {
        return refuse(400, "src and dst cannot be same");
    }
    let mut answer = json!({"api_id": random::uuid(), "message": "message(s) queued", "message_uuid": []});
    match account.refusal(to) {
        Some(202) => answer["invalid_number"] = json!([dst]),
        Some(status) => return refuse(u16::try_from(status).unwrap_or(400), "refused"),
        None => {
            let id = random::uuid();
            account.take(to, &src, &text, &id, expiry.map(Duration::from_secs));
            answer["message_uuid"] = json!([id]);
        }
    }
    (StatusCode::ACCEPTED, Json(answer)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::client;
    use serde_json::Value;

    #[tokio::test]
    async fn queued_or_refused() {
        let plivo = Plivo::start(None).await.unwrap();
        let url = format!("{}/v1/Account/{AUTH_ID}/Message/", plivo.server().url());
        let post = async |token: &str, changes: Value| {
            let mut body = json!({"src": "15005550006", "dst": "4512345678", "text": "Hi", "log": "false"});
            for (name, value) in changes.as_object().unwrap() {
                body[name] = value.clone();
            }
            let answer = client().post(&url).basic_auth(AUTH_ID, Some(token)).json(&body).send().await.unwrap();
            (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
        };
        let (status, answer) = post(AUTH_TOKEN, json!({"message_expiry": 10_799})).await;
        let Sent { to, from, text, id, validity } = plivo.messages().remove(0);
        assert_eq!((status, &answer["message_uuid"]), (202, &json!([id])));
        assert_eq!((to.as_str(), from.as_str(), text.as_str()), ("+4512345678", "15005550006", "Hi"));
        assert_eq!(validity, Some(Duration::from_secs(10_799)));
        plivo.reject("+4512345678", 202);
        let (status, answer) = post(AUTH_TOKEN, json!({})).await;
        assert_eq!((status, &answer["message_uuid"], &answer["invalid_number"]), (202, &json!([]), &json!(["4512345678"])));
        plivo.reject("+4512345678", 429);
        let (status, answer) = post(AUTH_TOKEN, json!({})).await;
        assert!(status == 429 && answer["error"].is_string() && answer["api_id"].is_string());
        plivo.accept("+4512345678");
        plivo.set_auth_token("new");
        assert_eq!(post(AUTH_TOKEN, json!({})).await.0, 401);
        assert_eq!(post("new", json!({"src": "4512345678"})).await.0, 400);
        assert_eq!(plivo.server().complaints(), [""; 0]);
        for wrong in [
            json!({"log": false}),
            json!({"log": null}),
            json!({"log": "true"}),
            json!({"dst": "4512345678<4587654321"}),
            json!({"text": ""}),
            json!({"media_urls": []}),
            json!({"message_expiry": 4}),
            json!({"message_expiry": 10_800}),
            json!({"message_expiry": "180"}),
        ] {
            assert_eq!((post("new", wrong.clone()).await.0, plivo.server().complaints().len()), (400, 1), "{wrong}");
        }
        assert_eq!(plivo.messages().len(), 1);
        assert_eq!((client().post(&url).send().await.unwrap().status().as_u16(), plivo.server().complaints().len()), (401, 1));
        let without_slash = url.trim_end_matches('/');
        assert_eq!(
            (client().post(without_slash).send().await.unwrap().status().as_u16(), plivo.server().complaints().len()),
            (501, 1)
        );
    }
}
