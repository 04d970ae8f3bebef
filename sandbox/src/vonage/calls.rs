//! The Voice API: `POST /v1/calls`.
//!
//! Imitates <https://developer.vonage.com/en/api/voice> and
//! <https://developer.vonage.com/en/voice/voice-api/ncco-reference>. Only an NCCO in the request is
//! simulated, and of it only `talk`.

use std::sync::{Arc, Mutex};

use axum::{
    Extension, Json,
    body::Bytes,
    extract::State as Axum,
    http::{HeaderMap, StatusCode, header},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::{
    rsa,
    signature::{RSA_PKCS1_2048_8192_SHA256, RsaKeyPair},
};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{API_KEY, SIGNATURE_SECRET, Vonage};
use crate::{
    calls::{Called, spoken},
    moment, random,
    receipts::{Post, Repeats, State},
    sms::{self, Shared, is_number},
    wire::{Complaints, client, lock},
};

/// Id of the application that makes calls.
pub const APPLICATION_ID: &str = "78d335fa-323d-0114-9c3d-d6f0d48968cf";
/// The application's key, PKCS#8. It is a test key and is used nowhere else.
pub const PRIVATE_KEY: &str = include_str!("test-key.pem");
/// A line that speaks already, as a code of [`State::Failed`].
pub const BUSY: u32 = 486;
/// An answering machine.
pub const MACHINE: u32 = 1;
/// The members that our functions send.
const OURS: [&str; 8] = [
    "to",
    "from",
    "ncco",
    "machine_detection",
    "ringing_timer",
    "length_timer",
    "event_url",
    "event_method",
];

/// The accepted calls.
pub(super) type Made = Arc<Mutex<Vec<Called>>>;

impl Vonage {
    /// All calls that the account has made, in order.
    pub fn made_calls(&self) -> Vec<Called> {
        lock(&self.made).clone()
    }

    /// Posts an event of this call now. Returns the status of the answer.
    pub async fn report_call(&self, call: &Called, post: Post) -> u16 {
        match event(call, post) {
            Some(request) => self.receipts().post(request, Repeats::USUAL).await,
            None => 0,
        }
    }
}

type Answer = (StatusCode, Json<Value>);

fn refuse(status: u16, title: &str, what: &str) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or_default();
    let kind = title.to_ascii_uppercase().replace(' ', "_");
    let body = json!({ "type": kind, "error_title": title, "detail": what });
    (status, Json(body))
}

pub(super) async fn create(
    Axum(account): Axum<Shared>,
    Extension(made): Extension<Made>,
    Extension(complaints): Extension<Complaints>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let complain = |what: &str| {
        complaints.add(format!("Vonage Voice: {what}"));
        refuse(400, "Bad Request", what)
    };
    let authorization = sms::header(&headers, header::AUTHORIZATION);
    let token = authorization.strip_prefix("Bearer ").unwrap_or_default();
    if !is_valid(token) {
        return refuse(
            401,
            "Unauthorized",
            "You did not provide correct credentials.",
        );
    }
    if sms::header(&headers, header::CONTENT_TYPE) != "application/json" {
        return complain("content type");
    }
    let Ok(request) = serde_json::from_slice::<Map<String, Value>>(&body) else {
        return complain("no JSON object");
    };
    for name in request.keys().filter(|name| !OURS.contains(&name.as_str())) {
        complaints.add_for_ours(format!("Vonage Voice: member {name}"));
    }
    match read(&request) {
        Err(what) => complain(&what),
        Ok(call) => {
            let account = lock(&account);
            if let Some(code) = account.refusals.get(&call.to).copied() {
                let status = if code == 1 { 429 } else { 400 };
                // A careless client would log this.
                return refuse(
                    status,
                    "Bad Request",
                    &format!("{}: {:?}", call.to, call.says),
                );
            }
            let answer = json!({
                "uuid": call.id, "status": "started", "direction": "outbound",
                "conversation_uuid": format!("CON-{}", random::uuid()),
            });
            let told = |post| event(&call, post).into_iter().collect();
            account.receipts.tell(&call.to, Repeats::USUAL, told);
            lock(&made).push(call);
            (StatusCode::CREATED, Json(answer))
        }
    }
}

/// A valid request as a call. The error says what is wrong.
fn read(request: &Map<String, Value>) -> Result<Called, String> {
    let number = |endpoint: &Value| {
        let number = endpoint["number"].as_str().filter(|text| is_number(text));
        let is_phone = endpoint["type"] == "phone";
        number
            .filter(|_| is_phone)
            .map(|number| format!("+{number}"))
    };
    let member = |name: &str| request.get(name).unwrap_or(&Value::Null);
    let seconds = |name: &str, most| match member(name) {
        Value::Null => Ok(0),
        value => {
            let seconds = value
                .as_u64()
                .filter(|seconds| (1..=most).contains(seconds));
            seconds.ok_or(format!("{name} is 1 to {most}"))
        }
    };
    let to = member("to").as_array().filter(|to| to.len() == 1);
    let to = to.and_then(|to| number(&to[0]));
    let actions = member("ncco").as_array().filter(|ncco| !ncco.is_empty());
    let (mut says, mut language) = (vec![], String::new());
    for action in actions.ok_or("ncco is a list of actions")? {
        if action["action"] != "talk" {
            return Err("only talk is simulated by this sandbox".to_owned());
        }
        let text = action["text"].as_str().unwrap_or_default();
        if text.is_empty() || text.chars().count() > 1_500 {
            return Err("text has 1 to 1500 characters".to_owned());
        }
        says.extend(if text.starts_with("<speak>") {
            spoken(text)?
        } else {
            vec![text.to_owned()]
        });
        action["language"]
            .as_str()
            .unwrap_or("en-US")
            .clone_into(&mut language);
    }
    let machine = member("machine_detection");
    if !machine.is_null() && machine != "continue" && machine != "hangup" {
        return Err("machine_detection is continue or hangup".to_owned());
    }
    let url = member("event_url");
    let receipt_url = match (url, url[0].as_str()) {
        (Value::Null, _) => None,
        (_, Some(text)) if url::Url::parse(text).is_ok() => Some(text.to_owned()),
        _ => return Err("event_url is a list with a URL".to_owned()),
    };
    Ok(Called {
        to: to.ok_or("to is a list with one phone")?,
        from: number(member("from")).ok_or("from is a phone")?,
        says,
        language,
        id: random::uuid(),
        rings: seconds("ringing_timer", 120)?,
        longest: seconds("length_timer", 7_200)?,
        receipt_url,
        reference: None,
    })
}

/// True if the application's key has signed the token, and its claims are good now.
fn is_valid(token: &str) -> bool {
    let part = |text: &str| -> Option<Value> {
        serde_json::from_slice(&BASE64URL.decode(text).ok()?).ok()
    };
    let Some((signed, signature)) = token.rsplit_once('.') else {
        return false;
    };
    let (Some((head, claims)), Ok(signature)) =
        (signed.split_once('.'), BASE64URL.decode(signature))
    else {
        return false;
    };
    let (head, claims) = (
        part(head).unwrap_or_default(),
        part(claims).unwrap_or_default(),
    );
    let lines = PRIVATE_KEY
        .lines()
        .skip_while(|line| !line.starts_with("-----"));
    let base64: String = lines.filter(|line| !line.starts_with("-----")).collect();
    let key = BASE64.decode(base64).expect("the test key's base64");
    let key = RsaKeyPair::from_pkcs8(&key).expect("the test key");
    let public = rsa::PublicKeyComponents::<Vec<u8>>::from(key.public());
    let signature = public.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature);
    let now = crate::now().as_secs();
    head == json!({ "alg": "RS256", "typ": "JWT" })
        && signature.is_ok()
        && claims["application_id"] == APPLICATION_ID
        && claims["jti"].as_str().is_some_and(|jti| !jti.is_empty())
        && claims["iat"]
            .as_u64()
            .is_some_and(|iat| iat.abs_diff(now) < 300)
        && claims["exp"].as_u64().is_some_and(|exp| exp > now)
}

/// A token of the account's webhooks, for this body.
pub fn webhook_token(key: &str, body: &[u8], iat: u64) -> String {
    let part = |value: Value| BASE64URL.encode(value.to_string());
    let claims = json!({
        "iss": "Vonage", "iat": iat, "jti": random::uuid(), "api_key": API_KEY, "application_id": APPLICATION_ID,
        "payload_hash": hex::encode(Sha256::digest(body)),
    });
    let signed = format!(
        "{}.{}",
        part(json!({ "alg": "HS256", "typ": "JWT" })),
        part(claims)
    );
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes any key");
    let mac = mac.chain_update(&signed).finalize().into_bytes();
    format!("{signed}.{}", BASE64URL.encode(mac))
}

/// The event of a call.
pub fn event_body(call: &Called, state: State) -> Value {
    let mut body = json!({
        "from": call.from.trim_start_matches('+'), "to": call.to.trim_start_matches('+'), "uuid": call.id,
        "conversation_uuid": format!("CON-{}", random::uuid()), "direction": "outbound",
        "timestamp": moment::iso(crate::now()),
        "status": match state {
            State::OnItsWay => "ringing",
            State::Delivered => "completed",
            State::Failed(BUSY) => "busy",
            State::Failed(MACHINE) => "machine",
            State::Failed(_) => "failed",
            State::Expired => "timeout",
        },
    });
    if state == State::Delivered {
        body["duration"] = "21".into();
        body["price"] = "0.00450000".into();
    }
    body
}

fn event(call: &Called, post: Post) -> Option<reqwest::Request> {
    let url = call.receipt_url.as_ref()?;
    let body = event_body(call, post.state).to_string();
    let key = if post.forged {
        "guessed"
    } else {
        SIGNATURE_SECRET
    };
    let token = webhook_token(key, body.as_bytes(), crate::now().as_secs());
    let request = client().post(url).bearer_auth(token);
    let request = request
        .header("content-type", "application/json")
        .body(body);
    request.build().ok()
}
