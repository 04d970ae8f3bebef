//! Vonage: the SMS API (`send`), the Voice API (`calls`) and the Conversion API (`conversions`).
//!
//! Imitates `sms.yml` 1.0.10 of github Nexmo/api-specification@ad042003. Every answer has status
//! 200; the errors are in its elements. It is stricter with our functions than Vonage: fields that
//! they do not need, credentials outside the fields, and a `type` that does not fit the text's
//! alphabet get a complaint.

mod calls;
mod conversions;
pub(crate) mod receipt;
mod send;

pub use calls::{APPLICATION_ID, BUSY, MACHINE, PRIVATE_KEY, event_body, webhook_token};
pub use receipt::{ReceiptsBy, sign};

use std::{
    io,
    sync::{Arc, Mutex},
};

use axum::{
    Extension, Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use crate::{
    providers::Simulator,
    receipts::Receipts,
    sms::{self, Account, Sent, Shared},
    wire::{Server, lock},
};

use calls::Made;
use conversions::Told;
use send::send;

/// The key of the account.
pub const API_KEY: &str = "abcd1234";
/// The account's first secret. [`Vonage::set_api_secret`] replaces it.
pub const API_SECRET: &str = "sandbox-vonage-api-secret";

/// The account's signature secret. Its signature method is HMAC with SHA-256.
pub const SIGNATURE_SECRET: &str = "sandbox-vonage-signature-secret";

/// The Vonage simulator. Numbers are E.164.
pub struct Vonage {
    server: Server,
    account: Shared,
    receipts_by: Setting,
    told: Told,
    made: Made,
}

/// How the account gets its receipts.
type Setting = Arc<Mutex<ReceiptsBy>>;

/// The balance, by the Account API 1.0.4.
async fn balance(State(account): State<Shared>, headers: HeaderMap) -> Response {
    let secret = lock(&account).secret.clone();
    if sms::basic(&headers) == Some((API_KEY.to_owned(), secret)) {
        Json(json!({ "value": 10.28, "autoReload": false })).into_response()
    } else {
        let words = json!({ "error-code": "401", "error-code-label": "authentication failed" });
        (StatusCode::UNAUTHORIZED, Json(words)).into_response()
    }
}

impl Simulator for Vonage {
    const NAME: &'static str = "Vonage";
    const PORT: u16 = 15;
    const NEVER_WRITTEN: &'static [&'static str] = &[API_KEY, API_SECRET, SIGNATURE_SECRET];

    fn secret() -> Value {
        json!({
            "api_key": API_KEY, "api_secret": API_SECRET,
            "signature_secret": SIGNATURE_SECRET, "signature_method": "sha256",
            "application_id": APPLICATION_ID, "private_key": PRIVATE_KEY,
        })
    }
}

impl Vonage {
    /// Serves `https://rest.nexmo.com` and `https://api.nexmo.com` on this port or on a free one.
    pub async fn start(port: Option<u16>) -> io::Result<Self> {
        let account = Account::open(API_SECRET);
        let (receipts_by, told, made) = (Setting::default(), Told::default(), Made::default());
        let routes = Router::new()
            .route("/sms/json", post(send))
            .layer(Extension(Arc::clone(&receipts_by)))
            .route("/v1/calls", post(calls::create))
            .layer(Extension(Arc::clone(&made)))
            .route("/account/get-balance", get(balance))
            .route("/conversions/sms", conversions::route(&account, &told));
        let server = Server::start_on(
            Self::NAME,
            port.unwrap_or(0),
            sms::router(Self::NAME, routes, &account, |what| problem(5, what)),
        )
        .await?;
        Ok(Self {
            server,
            account,
            receipts_by,
            told,
            made,
        })
    }

    /// The server, with its exchanges, faults and complaints.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// All accepted texts, in order. A text of several parts is one entry with the first part's id.
    pub fn messages(&self) -> Vec<Sent> {
        lock(&self.account).sent.clone()
    }

    /// Refuses every later text to this number with this status (1, 5, 6, 7, 9, 15, 33...).
    pub fn reject(&self, number: &str, status: u32) {
        lock(&self.account)
            .refusals
            .insert(number.to_owned(), status);
    }

    /// Cancels [`Vonage::reject`].
    pub fn accept(&self, number: &str) {
        lock(&self.account).refusals.remove(number);
    }

    /// The delivery receipts of the account's texts.
    pub fn receipts(&self) -> Receipts {
        lock(&self.account).receipts.clone()
    }

    /// Sets how the account gets its receipts.
    pub fn set_receipts_by(&self, by: ReceiptsBy) {
        *lock(&self.receipts_by) = by;
    }

    /// Replaces the account's secret.
    pub fn set_api_secret(&self, secret: &str) {
        secret.clone_into(&mut lock(&self.account).secret);
    }
}

fn problem(status: u32, text: &str) -> Value {
    json!({"message-count": "1", "messages": [{"status": status.to_string(), "error-text": text}]})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::client;
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use sha2::Sha256;
    use std::time::Duration;

    #[tokio::test]
    async fn one_element_per_part_and_always_200() {
        let vonage = Vonage::start(None).await.unwrap();
        let url = format!("{}/sms/json", vonage.server().url());
        let post = async |changes: &[(&str, &str)]| {
            let mut form = vec![
                ("api_key", API_KEY),
                ("api_secret", API_SECRET),
                ("from", "ACME"),
                ("to", "4512345678"),
                ("text", "Hi"),
            ];
            form.retain(|(name, _)| !changes.iter().any(|(other, _)| other == name));
            form.extend(changes);
            let answer = client().post(&url).form(&form).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            answer.json::<Value>().await.unwrap()
        };
        let long = "œ".repeat(71);
        let answer = post(&[
            ("text", &long),
            ("type", "unicode"),
            ("ttl", "20000"),
            ("callback", "https://acme.example/x"),
            ("client-ref", "mine"),
        ])
        .await;
        let Sent {
            to,
            from,
            text,
            id,
            validity,
            receipt_url,
            reference,
        } = vonage.messages().remove(0);
        assert_eq!(
            (
                &answer["message-count"],
                &answer["messages"][0]["message-id"]
            ),
            (&json!("2"), &json!(id))
        );
        assert_eq!(
            (
                &answer["messages"][1]["status"],
                answer["messages"].as_array().unwrap().len()
            ),
            (&json!("0"), 2)
        );
        assert_eq!(
            (to.as_str(), from.as_str(), text),
            ("+4512345678", "ACME", long)
        );
        assert_eq!(validity, Some(Duration::from_secs(20)));
        assert_eq!(
            (receipt_url.as_deref(), reference.as_deref()),
            (Some("https://acme.example/x"), Some("mine"))
        );
        vonage.reject("+4512345678", 33);
        assert_eq!(post(&[]).await["messages"][0]["status"], "33");
        vonage.set_api_secret("new");
        assert_eq!(post(&[]).await["messages"][0]["status"], "4");
        vonage.set_api_secret(API_SECRET);
        vonage.accept("+4512345678");
        assert_eq!(vonage.server().complaints(), [""; 0]);
        for (change, status) in [
            (("to", "+4512345678"), "3"),
            (("from", "+15005550006"), "3"),
            (("type", "vcard"), "3"),
            (("ttl", "19999"), "3"),
            (("ttl", "604800001"), "3"),
            (("ttl", "20s"), "3"),
            (("text", ""), "2"),
            (("callback", "acme"), "23"),
            (("client-ref", &"x".repeat(41)), "3"),
        ] {
            assert_eq!(
                (
                    post(&[change]).await["messages"][0]["status"].as_str(),
                    vonage.server().complaints().len()
                ),
                (Some(status), 1)
            );
        }
        assert_eq!(vonage.messages().len(), 1);
        // not what our functions send, but what Vonage takes
        for unusual in [
            ("text", "œ"),
            ("type", "unicode"),
            ("protocol-id", "0"),
            ("status-report-req", "true"),
        ] {
            let answer = post(&[unusual]).await;
            assert_eq!(
                (
                    answer["messages"][0]["status"].as_str(),
                    vonage.server().complaints().len()
                ),
                (Some("0"), 1),
                "{unusual:?}"
            );
        }
        assert_eq!(vonage.messages()[1].text, "?");
        assert_eq!(
            (
                client().get(&url).send().await.unwrap().status().as_u16(),
                vonage.server().complaints().len()
            ),
            (501, 1)
        );
    }

    #[tokio::test]
    async fn others_may_sign_or_use_basic_credentials_and_json() {
        let vonage = Vonage::start(None).await.unwrap();
        let url = format!("{}/sms/json", vonage.server().url());
        let request = || client().post(&url).header("user-agent", "acme");
        let status = async |request: reqwest::RequestBuilder| {
            let answer = request.send().await.unwrap().json::<Value>().await.unwrap();
            answer["messages"][0]["status"].as_str().unwrap().to_owned()
        };
        let text = json!({"from": "ACME", "to": "4512345678", "text": "Hi", "callback": null, "ttl": 20_000});
        assert_eq!(
            status(request().basic_auth(API_KEY, Some(API_SECRET)).json(&text)).await,
            "0"
        );
        assert_eq!(
            status(request().basic_auth(API_KEY, Some("x")).json(&text)).await,
            "4"
        );
        let timestamp = crate::now().as_secs();
        let signed = |timestamp: u64, body: &str| {
            let mut mac = Hmac::<Sha256>::new_from_slice(SIGNATURE_SECRET.as_bytes()).unwrap();
            mac.update(
                format!(
                    "&api_key={API_KEY}&from=ACME&text=1_2_3&timestamp={timestamp}&to=4512345678"
                )
                .as_bytes(),
            );
            let (timestamp, sig) = (
                timestamp.to_string(),
                hex::encode(mac.finalize().into_bytes()),
            );
            let form = [
                ("api_key", API_KEY),
                ("from", "ACME"),
                ("text", body),
                ("timestamp", &timestamp),
                ("to", "4512345678"),
                ("sig", &sig),
            ];
            request().form(&form)
        };
        assert_eq!(status(signed(timestamp, "1&2=3")).await, "0");
        assert_eq!(status(signed(timestamp, "other")).await, "14");
        assert_eq!(status(signed(timestamp - 900, "1&2=3")).await, "14");
        assert_eq!(
            (vonage.server().complaints(), vonage.messages().len()),
            (vec![], 2)
        );
    }
}
