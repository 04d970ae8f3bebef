//! AWS End User Messaging: `SendTextMessage` and `SendVoiceMessage`.
//!
//! Imitates the model `pinpoint-sms-voice-v2/2022-03-31` of botocore 1.44.8 and
//! <https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html>.
//! A function has the rights of its role, and its signature is checked. It is stricter with our
//! functions than AWS: members that they do not need get a complaint.

mod calls;
mod events;
mod model;
mod signature;

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use axum::{
    Extension, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};

pub use events::{BLOCKED, LANDLINE, UNREACHABLE};

use crate::{
    SECRET_ACCESS_KEY, asked,
    calls::Called,
    providers::Simulator,
    random,
    receipts::Receipts,
    rights::Principals,
    sms::{self, Sent},
    wire::{Complaints, Server, lock},
};

/// The pool of the account.
pub const POOL_ARN: &str =
    "arn:aws:sms-voice:eu-west-1:000000000000:pool/pool-5a6dbc0100004000800000000c06e000";
/// The senders of the account: numbers, names, and the pool by its id and its ARN.
pub const IDENTITIES: [&str; 4] = [
    "+15005550006",
    "ACME",
    "pool-5a6dbc0100004000800000000c06e000",
    POOL_ARN,
];
/// The configuration set of the account.
pub const CONFIGURATION_SET: &str = "codes";
/// The members that our functions send.
const OURS: [&str; 8] = [
    "DestinationPhoneNumber",
    "OriginationIdentity",
    "MessageBody",
    "MessageType",
    "ConfigurationSetName",
    "MaxPrice",
    "TimeToLive",
    "Context",
];
/// The members that AWS knows as well.
const OTHERS: [&str; 5] = [
    "DryRun",
    "Keyword",
    "DestinationCountryParameters",
    "ProtectConfigurationId",
    "MessageFeedbackEnabled",
];

/// An error: exception, reason, and the member that it is about; each may be empty.
type Refusal = (&'static str, &'static str, &'static str);

#[derive(Default)]
struct Messages {
    sent: Vec<Sent>,
    /// The members of each accepted request.
    requests: Vec<Value>,
    /// The members of each request that was only tried, accepted or not.
    tried: Vec<Value>,
    refusals: HashMap<String, Refusal>,
    calls: Vec<Called>,
}

#[derive(Clone, Default)]
struct Shared {
    messages: Arc<Mutex<Messages>>,
    principals: Arc<OnceLock<Principals>>,
    receipts: Arc<OnceLock<Receipts>>,
    rule: Arc<OnceLock<events::Rule>>,
}

impl Shared {
    fn receipts(&self) -> Receipts {
        // A new one makes a client, which takes time.
        self.receipts.get_or_init(Receipts::new).clone()
    }
}

/// The simulator. Numbers are E.164.
pub struct EndUserMessaging {
    server: Server,
    shared: Shared,
}

impl Simulator for EndUserMessaging {
    const NAME: &'static str = "AWS";
    const PORT: u16 = 18;
    const NEVER_WRITTEN: &'static [&'static str] = &[SECRET_ACCESS_KEY];
    const VARIABLE: Option<&'static str> = Some("AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2");

    /// The function's role opens the account.
    fn secret() -> Value {
        Value::Null
    }

    fn know(&self, principals: Principals) {
        let _ = self.shared.principals.set(principals);
    }
}

impl EndUserMessaging {
    /// Serves `https://sms-voice.eu-west-1.amazonaws.com` on this port or on a free one.
    pub async fn start(port: Option<u16>) -> io::Result<Self> {
        let shared = Shared::default();
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let server = Server::start_on(Self::NAME, port.unwrap_or(0), router).await?;
        Ok(Self { server, shared })
    }

    /// None before [`crate::Sandbox::send_events_to_delivery_status`]: AWS tells what became of a text
    /// by events, and a rule says who gets them.
    pub fn receipts(&self) -> Receipts {
        self.shared.receipts()
    }

    /// The server, with its exchanges, faults and complaints.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// All accepted texts, in order.
    pub fn messages(&self) -> Vec<Sent> {
        lock(&self.shared.messages).sent.clone()
    }

    /// The members of all accepted requests, in order.
    pub fn requests(&self) -> Vec<Value> {
        lock(&self.shared.messages).requests.clone()
    }

    /// The members of all requests with `DryRun`, in order. Nothing was sent.
    pub fn tried(&self) -> Vec<Value> {
        lock(&self.shared.messages).tried.clone()
    }

    /// All accepted calls, in order.
    pub fn made_calls(&self) -> Vec<Called> {
        lock(&self.shared.messages).calls.clone()
    }

    /// Refuses every later text and call to this number with this exception and reason. `member` is the
    /// member that the exception names, or empty.
    pub fn reject(
        &self,
        number: &str,
        exception: &'static str,
        reason: &'static str,
        member: &'static str,
    ) {
        lock(&self.shared.messages)
            .refusals
            .insert(number.to_owned(), (exception, reason, member));
    }

    /// Cancels [`EndUserMessaging::reject`].
    pub fn accept(&self, number: &str) {
        lock(&self.shared.messages).refusals.remove(number);
    }
}

/// An exception. Its message repeats what a careless client would log.
fn refuse((exception, reason, member): Refusal, message: &str) -> Response {
    let mut body = json!({
        "__type": format!("com.amazonaws.pinpointsmsvoicev2#{exception}"), "Message": message, "message": message,
    });
    if !reason.is_empty() {
        body["Reason"] = reason.into();
    }
    if !member.is_empty() {
        body["Fields"] = json!([{ "Name": member, "Message": message }]);
    }
    let status = match exception {
        "InternalServerException" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    respond(status, &body)
}

fn respond(status: StatusCode, body: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
    (status, headers, body.to_string()).into_response()
}

async fn answer(
    State(shared): State<Shared>,
    Extension(complaints): Extension<Complaints>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = sms::header(&headers, HeaderName::from_static("x-amz-target")).to_owned();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let complain = |exception: &'static str, reason, member, what: &str| {
        complaints.add(format!("AWS {operation}: {what}"));
        refuse((exception, reason, member), what)
    };
    let text = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let principal = shared
        .principals
        .get()
        .and_then(|principals| principals.of(&headers));
    let authorization = text("authorization");
    if !authorization.contains("/eu-west-1/sms-voice/aws4_request, ")
        || text("x-amz-date").is_empty()
    {
        let kind = "MissingAuthenticationTokenException";
        return complain(kind, "", "", "a request without a signature");
    }
    if principal.is_some() && !signature::is_signed(&authorization, text, &body) {
        return complain("InvalidSignatureException", "", "", "a wrong signature");
    }
    if let Some((function, rights)) = principal {
        let action = format!("sms-voice:{operation}");
        let allowed = rights.may_call(&action);
        let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
        let about = json!({ "identity": asked["OriginationIdentity"] });
        asked::write(function, &action, allowed, about);
        if !allowed {
            let what = format!("the role of {function} does not allow {operation}");
            return complain("AccessDeniedException", "", "", &what);
        }
    }
    let is_call = target == "PinpointSMSVoiceV2.SendVoiceMessage";
    if !is_call && target != "PinpointSMSVoiceV2.SendTextMessage" {
        let what = format!("{target} is not simulated by this sandbox");
        return complain("UnknownOperationException", "", "", &what);
    }
    if text("content-type") != "application/x-amz-json-1.0" {
        return complain("SerializationException", "", "", "the content type");
    }
    let request: Map<String, Value> = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return complain("SerializationException", "", "", &error.to_string()),
    };
    if is_call {
        return calls::take(&shared, &complaints, &request);
    }
    for name in request.keys().map(String::as_str) {
        // The CLI tries a text. A function sends it.
        if OTHERS.contains(&name) && (name != "DryRun" || principal.is_some()) {
            complaints.add_for_ours(format!("AWS SendTextMessage: the member {name}"));
        } else if !OURS.contains(&name) && !OTHERS.contains(&name) {
            complaints.add(format!("AWS SendTextMessage: the unknown member {name}"));
        }
    }
    if let Some(member) = model::wrong(&request) {
        let what = format!("1 validation error: {member}");
        return complain(
            "ValidationException",
            "FIELD_VALIDATION_FAILED",
            member,
            &what,
        );
    }
    take(&shared, request)
}

/// A valid request: the account's own refusals, and the text.
fn take(shared: &Shared, request: Map<String, Value>) -> Response {
    let messages = &mut *lock(&shared.messages);
    let member = |name: &str| request.get(name).and_then(Value::as_str);
    let number = member("DestinationPhoneNumber").unwrap_or_default();
    let to = format!("+{}", number.trim_start_matches('+'));
    let from = member("OriginationIdentity").unwrap_or_default().to_owned();
    let text = member("MessageBody").unwrap_or_default().to_owned();
    let is_tried = request.get("DryRun").and_then(Value::as_bool) == Some(true);
    if is_tried {
        messages.tried.push(request.clone().into());
    }
    if let Some(refusal) = messages.refusals.get(&to) {
        return refuse(*refusal, &format!("{to}: {text}"));
    }
    if !from.is_empty() && !IDENTITIES.contains(&from.as_str()) {
        let unknown = ("ResourceNotFoundException", "", "");
        return refuse(unknown, &format!("{from} was not found"));
    }
    let set = member("ConfigurationSetName").unwrap_or(CONFIGURATION_SET);
    if set != CONFIGURATION_SET {
        let unknown = ("ResourceNotFoundException", "", "");
        return refuse(unknown, &format!("{set} was not found"));
    }
    let id = random::uuid();
    if !is_tried {
        let life = request.get("TimeToLive").and_then(Value::as_u64);
        let reference = request
            .get("Context")
            .and_then(|context| context["reference"].as_str());
        let reference = reference.map(str::to_owned);
        let accepted = Sent {
            to,
            from,
            text,
            id: id.clone(),
            validity: life.map(Duration::from_secs),
            receipt_url: None,
            reference,
        };
        events::tell(shared, &accepted);
        messages.sent.push(accepted);
        messages.requests.push(request.into());
    }
    respond(StatusCode::OK, &json!({ "MessageId": id }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::client;

    async fn post(aws: &EndUserMessaging, changes: Value) -> (u16, Value) {
        let mut body = json!({ "DestinationPhoneNumber": "+4512345678", "MessageBody": "Hi" });
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        let credential = "AKIATEST/20261127/eu-west-1/sms-voice/aws4_request";
        let request = client()
            .post(aws.server().url())
            .header(
                "authorization",
                format!(
                    "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"
                ),
            )
            .header("x-amz-date", "20261127T120000Z")
            .header("x-amz-target", "PinpointSMSVoiceV2.SendTextMessage")
            .header("content-type", "application/x-amz-json-1.0")
            .body(body.to_string());
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (
            status,
            serde_json::from_str(&answer.text().await.unwrap()).unwrap(),
        )
    }

    #[tokio::test]
    async fn taken_or_refused() {
        let aws = EndUserMessaging::start(None).await.unwrap();
        let (status, answer) = post(
            &aws,
            json!({ "TimeToLive": 180, "OriginationIdentity": "ACME" }),
        )
        .await;
        let sent = aws.messages().remove(0);
        assert_eq!((status, &answer["MessageId"]), (200, &json!(sent.id)));
        assert_eq!(
            (sent.to.as_str(), sent.from.as_str()),
            ("+4512345678", "ACME")
        );
        assert_eq!(sent.validity, Some(Duration::from_mins(3)));
        let (status, answer) = post(&aws, json!({ "OriginationIdentity": "+15005550099" })).await;
        let kind = "com.amazonaws.pinpointsmsvoicev2#ResourceNotFoundException";
        assert_eq!((status, &answer["__type"]), (400, &json!(kind)));
        let reason = "DESTINATION_PHONE_NUMBER_OPTED_OUT";
        aws.reject("+4512345678", "ConflictException", reason, "");
        let (status, answer) = post(&aws, json!({})).await;
        assert_eq!((status, &answer["Reason"]), (400, &json!(reason)));
        aws.accept("+4512345678");
        let (status, _) = post(&aws, json!({ "DryRun": true })).await;
        assert_eq!((status, aws.messages().len()), (200, 1));
        assert_eq!(aws.tried().len(), 1);
    }

    #[tokio::test]
    async fn what_the_model_does_not_allow_is_refused() {
        let aws = EndUserMessaging::start(None).await.unwrap();
        for (member, value) in [
            ("DestinationPhoneNumber", json!("0451234")),
            ("MessageBody", json!(" \n")),
            ("MessageBody", json!("a".repeat(1601))),
            ("MessageType", json!("CODE")),
            ("MaxPrice", json!("1")),
            ("TimeToLive", json!(4)),
            ("TimeToLive", json!(259_201)),
            ("Context", json!({ "reference": " x" })),
            ("OriginationIdentity", json!("A CME")),
        ] {
            let mut changes = json!({});
            changes[member] = value;
            let (status, answer) = post(&aws, changes.clone()).await;
            assert_eq!(
                (status, &answer["Fields"][0]["Name"]),
                (400, &json!(member)),
                "{changes}"
            );
            assert_eq!(aws.server().complaints().len(), 1, "{changes}");
        }
        assert_eq!(aws.messages(), []);
    }
}
