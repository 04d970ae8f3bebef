//! The recorded delivery receipts, of one code that every provider delivers.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    AT, PHONE,
    payload::{DOMAIN, event, form, pairs, set, webhook},
};
use crate::{
    Sandbox, auth0,
    calls::Called,
    clickatell, plivo,
    receipts::State,
    sms::Sent,
    twilio::{self, Message},
    vonage,
};

/// The reference of the code.
const REFERENCE: &str = "code-AAAAAAAAAAAAAAAAAAAAAA";
/// A random value of a signature.
const NONCE: &str = "00000000-0000-4000-8000-000000000001";

/// The files, by name.
pub(super) fn files(sandbox: &Sandbox) -> [(&'static str, Value); 7] {
    let sent = sent();
    let path = format!("/twilio/{REFERENCE}");
    let params = of_twilio(State::Delivered);
    let signature = |params: &[(String, String)]| {
        sandbox
            .twilio
            .sign(&format!("https://{DOMAIN}{path}"), params)
    };
    let twilio = webhook(&path, &signature(&params), &form(&params));
    let failed = of_twilio(State::Failed(30_003));
    let forged = webhook(&path, &signature(&params), &form(&failed));
    let clickatell = clickatell::receipt::body(&sent, State::Delivered, Duration::from_secs(AT));
    let clickatell = event(
        &format!("/clickatell/{}", clickatell::CALLBACK_TOKEN),
        "application/json",
        "Clickatell",
        &[],
        &clickatell.to_string(),
    );
    let bearer = format!("Bearer {}", auth0::GATEWAY_BEARER_TOKEN);
    let used = event(
        "/used",
        "application/json",
        "node",
        &[("authorization", &bearer)],
        &json!({ "recipient": PHONE }).to_string(),
    );
    let vonage = event(
        "/vonage",
        "application/json",
        "Nexmo/MessagingHUB",
        &[],
        &of_vonage(AT),
    );
    [
        ("delivery-status.json", twilio),
        ("delivery-status-forged.json", forged),
        ("delivery-status-plivo.json", of_plivo(&sent)),
        ("delivery-status-vonage.json", vonage),
        ("delivery-status-clickatell.json", clickatell),
        ("delivery-status-call.json", of_call(sandbox)),
        ("delivery-status-used.json", used),
    ]
}

fn sent() -> Sent {
    Sent {
        to: PHONE.to_owned(),
        from: "ACME".to_owned(),
        text: "Your verification code is: 271828".to_owned(),
        id: "00000000-0000-4000-8000-000000000004".to_owned(),
        validity: None,
        receipt_url: None,
        reference: Some(REFERENCE.to_owned()),
    }
}

fn of_twilio(state: State) -> Vec<(String, String)> {
    let message = Message {
        sid: format!("SM{:032x}", 6),
        to: PHONE.to_owned(),
        from: twilio::NUMBER.to_owned(),
        body: String::new(),
        media: vec![],
        direction: "outbound-api",
        validity: None,
        keeps_body: true,
        keeps_to: true,
        receipt_url: None,
    };
    let mut params = twilio::status_params(&message, state);
    set(&mut params, "RawDlrDoneDate", |date| {
        "2611201200".clone_into(date);
    });
    params
}

/// Twilio's status callback of a call that somebody listened to.
fn of_call(sandbox: &Sandbox) -> Value {
    let call = Called {
        to: PHONE.to_owned(),
        from: twilio::NUMBER.to_owned(),
        says: vec![],
        language: String::new(),
        id: format!("CA{:032x}", 7),
        rings: 20,
        longest: 90,
        receipt_url: None,
        reference: None,
    };
    let path = format!("/twilio/{REFERENCE}");
    let params = twilio::call_status_params(&call, State::Delivered).unwrap_or_default();
    let signature = sandbox
        .twilio
        .sign(&format!("https://{DOMAIN}{path}"), &params);
    webhook(&path, &signature, &form(&params))
}

fn of_plivo(sent: &Sent) -> Value {
    let path = format!("/plivo/{REFERENCE}");
    let mut params = plivo::receipt::params(sent, State::Delivered);
    for name in ["QueuedTime", "SentTime", "DeliveryReportTime"] {
        set(&mut params, name, |time| {
            "2026-11-20 12:00:00.000000".clone_into(time);
        });
    }
    let url = format!("https://{DOMAIN}{path}");
    let signature = plivo::receipt::signature(plivo::AUTH_TOKEN, &url, &params, NONCE);
    event(
        &path,
        "application/x-www-form-urlencoded",
        "Plivo",
        &[
            ("x-plivo-signature-v3", &signature),
            ("x-plivo-signature-v3-nonce", NONCE),
        ],
        &form(&params),
    )
}

/// The body of Vonage's receipt, signed at this time.
fn of_vonage(at: u64) -> String {
    let sent = sent();
    let mut params = vonage::receipt::params(&sent, "0A0000000123ABCD", State::Delivered);
    for (name, fixed) in [
        ("scts", "2611201200".to_owned()),
        ("message-timestamp", "2026-11-20 12:00:00".to_owned()),
        ("timestamp", at.to_string()),
        ("nonce", NONCE.to_owned()),
    ] {
        set(&mut params, name, |value| *value = fixed);
    }
    let sig = vonage::sign(vonage::SIGNATURE_SECRET, &params);
    params.extend(pairs(&[("sig", &sig)]));
    vonage::receipt::json(&params).to_string()
}

/// Signs Vonage's recorded receipt anew in an event, because its signature counts for a day. Other
/// events do not change.
pub(super) fn renew(event: &str, now: Duration) -> String {
    let escaped = |body: String| Value::from(body).to_string();
    event.replace(&escaped(of_vonage(AT)), &escaped(of_vonage(now.as_secs())))
}
