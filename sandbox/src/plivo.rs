//! Plivo: the Message API.
//!
//! Imitates <https://www.plivo.com/docs/messaging/api/message/> and github
//! plivo/plivo-python@a0cd3237 (`plivo/resources/messages.py`, `plivo/rest/client.py`), and
//! <https://support.plivo.com/hc/en-us/articles/14814454609561-Message-Expiry>. It is stricter with
//! our functions than Plivo: fields that they do not need, several recipients, and texts that
//! Plivo's log would keep get a complaint.

mod create;
mod list;
pub(crate) mod receipt;

pub use receipt::sign;

use std::{io, sync::MutexGuard};

use axum::{
    Extension, Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use crate::{
    providers::Simulator,
    random,
    receipts::Receipts,
    sms::{self, Account, Sent, Shared},
    wire::{Complaints, Server, lock},
};

use create::create;
use list::{list, read};

/// The id of the account.
pub const AUTH_ID: &str = "MASANDBOXSANDBOX0000";
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
            .route("/v1/Account/{auth_id}/Message/{id}/", get(read))
            .route("/v1/Account/{auth_id}/", get(details));
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

/// The account itself (`plivo/resources/accounts.py`).
async fn details(
    State(account): State<Shared>,
    Extension(complaints): Extension<Complaints>,
    Path(auth_id): Path<String>,
    headers: HeaderMap,
) -> Response {
    match authenticate(&account, &complaints, &auth_id, &headers) {
        Ok(_) => Json(json!({
            "account_type": "standard", "api_id": random::uuid(), "auth_id": AUTH_ID, "auto_recharge": false, "billing_mode": "prepaid",
            "cash_credits": "10.00000", "name": "Acme", "resource_uri": format!("/v1/Account/{AUTH_ID}/"), "timezone": "UTC",
        }))
        .into_response(),
        Err(refusal) => refusal,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::client;
    use std::time::Duration;

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
