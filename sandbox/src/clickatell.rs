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

mod legacy;
mod one_api;
pub(crate) mod receipt;

use std::io;

use axum::{
    Router,
    routing::{get, post},
};
use serde_json::{Value, json};

use crate::{
    providers::Simulator,
    receipts::Receipts,
    sms::{self, Account, Sent, Shared},
    wire::{Server, lock},
};

use legacy::sendmsg;
use one_api::{balance, message};

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
            .route("/v1/balance", get(balance))
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

/// The body of an answer to a request that is not simulated.
fn not_found(what: &str) -> Value {
    json!({"messages": [], "error": {"code": 21, "description": what}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::client;
    use std::time::Duration;

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
