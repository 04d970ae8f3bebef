//! Vonage: the SMS API, and the Conversion API (`conversions`).
//!
//! Imitates `sms.yml` 1.0.10 of github Nexmo/api-specification@ad042003. Every answer has status
//! 200; the errors are in its elements. It is stricter with our functions than Vonage: fields that
//! they do not need, credentials outside the fields, and a `type` that does not fit the text's
//! alphabet get a complaint.

mod conversions;
pub(crate) mod receipt;

pub use receipt::{ReceiptsBy, sign};

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, header},
    routing::post,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::{
    providers::Simulator,
    random,
    receipts::{Receipts, Repeats},
    segments,
    sms::{self, Account, Sent, Shared},
    wire::{Complaints, Server, lock},
};

use conversions::Told;

/// The key of the account.
pub const API_KEY: &str = "abcd1234";
/// The account's first secret. [`Vonage::set_api_secret`] replaces it.
pub const API_SECRET: &str = "sandbox-vonage-api-secret";

/// The account's signature secret. Its signature method is HMAC with SHA-256.
pub const SIGNATURE_SECRET: &str = "sandbox-vonage-signature-secret";
/// The fields that our functions send.
const OURS: [&str; 9] = [
    "api_key",
    "api_secret",
    "from",
    "to",
    "text",
    "type",
    "ttl",
    "callback",
    "client-ref",
];
/// The longest `client-ref`.
const REFERENCE_LIMIT: usize = 40;

/// The Vonage simulator. Numbers are E.164.
pub struct Vonage {
    server: Server,
    account: Shared,
    receipts_by: Setting,
    told: Told,
}

/// How the account gets its receipts.
type Setting = Arc<Mutex<ReceiptsBy>>;

impl Simulator for Vonage {
    const NAME: &'static str = "Vonage";
    const PORT: u16 = 15;
    const NEVER_WRITTEN: &'static [&'static str] = &[API_KEY, API_SECRET, SIGNATURE_SECRET];

    fn secret() -> Value {
        json!({
            "api_key": API_KEY, "api_secret": API_SECRET,
            "signature_secret": SIGNATURE_SECRET, "signature_method": "sha256",
        })
    }
}

impl Vonage {
    /// Serves `https://rest.nexmo.com` and `https://api.nexmo.com` on this port or on a free one.
    pub async fn start(port: Option<u16>) -> io::Result<Self> {
        let account = Account::open(API_SECRET);
        let (receipts_by, told) = (Setting::default(), Told::default());
        let routes = Router::new()
            .route("/sms/json", post(send))
            .layer(Extension(Arc::clone(&receipts_by)))
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

fn refuse(status: u32, text: &str) -> Json<Value> {
    Json(problem(status, text))
}

fn problem(status: u32, text: &str) -> Value {
    json!({"message-count": "1", "messages": [{"status": status.to_string(), "error-text": text}]})
}

/// The fields of a form or of a JSON object, without nulls. The error says what is wrong.
fn fields(headers: &HeaderMap, body: &[u8]) -> Result<HashMap<String, String>, String> {
    match sms::header(headers, header::CONTENT_TYPE).split(';').next() {
        Some("application/x-www-form-urlencoded") => {
            let mut fields = HashMap::new();
            for (name, value) in form_urlencoded::parse(body).into_owned() {
                if fields.insert(name.clone(), value).is_some() {
                    return Err(format!("repeated field {name}"));
                }
            }
            Ok(fields)
        }
        Some("application/json") => {
            let object = serde_json::from_slice::<Map<String, Value>>(body)
                .map_err(|error| error.to_string())?;
            let given = object.into_iter().filter(|(_, value)| !value.is_null());
            Ok(given
                .map(|(name, value)| {
                    (
                        name,
                        value
                            .as_str()
                            .map_or_else(|| value.to_string(), str::to_owned),
                    )
                })
                .collect())
        }
        _ => Err("content type".to_owned()),
    }
}

/// True if `sig` is the HMAC with SHA-256 of all other fields. This account uses that method
/// (<https://developer.vonage.com/en/getting-started/concepts/signing-messages>).
fn is_signed(fields: &HashMap<String, String>) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(SIGNATURE_SECRET.as_bytes())
        .expect("HMAC takes keys of any length");
    let mut sorted = fields
        .iter()
        .filter(|(name, _)| *name != "sig")
        .collect::<Vec<_>>();
    sorted.sort();
    for (name, value) in sorted {
        mac.update(format!("&{name}={}", value.replace(['&', '='], "_")).as_bytes());
    }
    let recent = |time: &String| {
        time.parse()
            .is_ok_and(|time: u64| time.abs_diff(crate::now().as_secs()) <= 300)
    };
    let given = fields
        .get("sig")
        .and_then(|sig| hex::decode(sig).ok())
        .unwrap_or_default();
    fields.get("timestamp").is_some_and(recent) && mac.verify_slice(&given).is_ok()
}

async fn send(
    State(account): State<Shared>,
    Extension(complaints): Extension<Complaints>,
    Extension(receipts_by): Extension<Setting>,
    headers: HeaderMap,
    body: Bytes,
) -> Json<Value> {
    let complain = |status, what: &str| {
        complaints.add(format!("Vonage SMS: {what}"));
        refuse(status, what)
    };
    if !sms::header(&headers, header::CONTENT_TYPE).starts_with("application/x-www-form-urlencoded")
    {
        complaints.add_for_ours("Vonage SMS: content type");
    }
    let fields = match fields(&headers, &body) {
        Ok(fields) => fields,
        Err(wrong) => return complain(2, &wrong),
    };
    for name in fields.keys().filter(|name| !OURS.contains(&name.as_str())) {
        complaints.add_for_ours(format!("Vonage SMS: field {name}"));
    }
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    let basic = sms::basic(&headers);
    let signed = !field("sig").is_empty();
    let needed: &[&str] = match (&basic, signed) {
        (Some(_), _) => &["from", "to", "text"],
        (None, true) => &["api_key", "timestamp", "from", "to", "text"],
        (None, false) => &["api_key", "api_secret", "from", "to", "text"],
    };
    if basic.is_some() {
        complaints.add_for_ours("Vonage SMS: Basic credentials");
    }
    if field("type") == "binary" {
        return complain(3, "type=binary is not simulated by this sandbox");
    }
    if let Some(missing) = needed.iter().find(|name| field(name).is_empty()) {
        return complain(2, &format!("Missing {missing} param"));
    }
    let mut account = lock(&account);
    let (key, secret) =
        basic.unwrap_or_else(|| (field("api_key").to_owned(), field("api_secret").to_owned()));
    if signed && secret.is_empty() {
        if key != API_KEY || !is_signed(&fields) {
            return refuse(14, "Invalid Signature");
        }
    } else if key != API_KEY || secret != account.secret {
        return refuse(4, "Bad Credentials");
    }
    let (to, from, text) = (field("to"), field("from"), field("text"));
    if !sms::is_number(to) {
        return complain(3, "to is digits with the country code");
    }
    if !sms::is_sender(from) {
        return complain(3, "from is digits or a name");
    }
    let kind = fields.get("type").map_or("text", String::as_str);
    let plain = text.chars().all(|c| segments::septets(c).is_some());
    if !["text", "unicode"].contains(&kind) {
        return complain(3, "type is text, unicode or binary");
    }
    if plain != (kind == "text") {
        complaints.add_for_ours(format!(
            "Vonage SMS: type is {} for this text",
            if plain { "text" } else { "unicode" }
        ));
    }
    // A character that the type's alphabet lacks arrives as a question mark.
    let arriving: String = text
        .chars()
        .map(|c| {
            if kind == "text" && segments::septets(c).is_none() {
                '?'
            } else {
                c
            }
        })
        .collect();
    let parts = if kind == "text" {
        segments::segments(&arriving)
    } else {
        segments::ucs2_segments(&arriving)
    };
    let ttl = match sms::number(&fields, "ttl", 20_000..=604_800_000) {
        Ok(ttl) => ttl.map(Duration::from_millis),
        Err(wrong) => return complain(3, &wrong),
    };
    let given = |name: &str| fields.get(name).filter(|value| !value.is_empty()).cloned();
    let (receipt_url, reference) = (given("callback"), given("client-ref"));
    if receipt_url
        .as_deref()
        .is_some_and(|url| url::Url::parse(url).is_err())
    {
        return complain(23, "callback is a URL");
    }
    if reference
        .as_ref()
        .is_some_and(|reference| reference.len() > REFERENCE_LIMIT)
    {
        return complain(3, "client-ref has at most 40 characters");
    }
    if let Some(status) = account.refusal(to) {
        return refuse(status, "refused");
    }
    let ids = (0..parts)
        .map(|_| random::hex(8).to_uppercase())
        .collect::<Vec<_>>();
    let sent = Sent {
        to: format!("+{to}"),
        from: from.to_owned(),
        text: arriving,
        id: ids[0].clone(),
        validity: ttl,
        receipt_url,
        reference,
    };
    let by = *lock(&receipts_by);
    account.receipts.tell(&sent.to, Repeats::USUAL, |post| {
        let parts = ids.iter().map(|id| receipt::request(by, &sent, id, post));
        parts.flatten().collect()
    });
    account.take(sent);
    let part = |id| {
        let mut part = json!({"to": to, "message-id": id, "status": "0", "remaining-balance": "3.14", "message-price": "0.03", "network": "23801"});
        if let Some(reference) = fields.get("client-ref") {
            part["client-ref"] = reference.as_str().into();
        }
        part
    };
    Json(
        json!({"message-count": ids.len().to_string(), "messages": ids.iter().map(part).collect::<Vec<_>>()}),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::client;

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
