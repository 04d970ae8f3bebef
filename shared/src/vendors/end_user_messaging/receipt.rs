//! A delivery event of AWS End User Messaging, as `EventBridge` hands it over
//! (<https://docs.aws.amazon.com/sms-voice/latest/userguide/monitor-event-bridge.html>).
//!
//! There is no signature. `EventBridge` invokes the function by a right that only the stack's rule
//! has. The reference is in the context that was sent with the text.

use serde::Deserialize;

use crate::rules::delivery::{DeliveryReceipt, Reason, Reference, State};
use crate::rules::voice::Channel;

/// The key of the reference in `Context`.
pub const CONTEXT_KEY: &str = "reference";
const SOURCE: &str = "aws.sms-voice";

#[derive(Deserialize)]
struct Event {
    source: String,
    detail: Detail,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    event_type: String,
    is_final: Option<bool>,
    message_id: Option<String>,
    context: Option<Context>,
}

#[derive(Deserialize)]
struct Context {
    reference: Option<String>,
}

/// Reads an event, of a text or of a call. `None`: it is about neither.
pub fn parse(event: &str) -> Option<(Channel, DeliveryReceipt)> {
    let Event { source, detail } = serde_json::from_str(event).ok()?;
    let (kind, word) = detail.event_type.split_once('_')?;
    let channel = match kind {
        // A pool may send the text by RCS.
        "TEXT" | "RCS" => Channel::Sms,
        "VOICE" => Channel::Voice,
        _ => return None,
    };
    if source != SOURCE {
        return None;
    }
    let reference = detail.context.and_then(|context| context.reference);
    let receipt = DeliveryReceipt {
        reference: reference.and_then(|text| Reference::parse(&text)),
        id: detail.message_id,
        state: match state(word) {
            State::Undelivered(_) if detail.is_final == Some(false) => State::OnItsWay,
            state => state,
        },
        code: None,
    };
    Some((channel, receipt))
}

/// The meaning of the type after its channel
/// (<https://docs.aws.amazon.com/sms-voice/latest/userguide/configuration-sets-event-types.html>).
/// `SUCCESSFUL` is the carrier's word, not the phone's.
fn state(word: &str) -> State {
    match word {
        "DELIVERED" | "READ" | "COMPLETED" => State::Delivered,
        "BUSY" | "NO_ANSWER" => State::Undelivered(Reason::NotAnswered),
        "INVALID" => State::Undelivered(Reason::Landline),
        "UNREACHABLE" | "CARRIER_UNREACHABLE" => State::Undelivered(Reason::Unreachable),
        "BLOCKED" | "CARRIER_BLOCKED" | "PROTECT_BLOCKED" => State::Undelivered(Reason::Blocked),
        "SPAM" => State::Undelivered(Reason::Filtered),
        "TTL_EXPIRED" => State::Undelivered(Reason::Expired),
        "INVALID_MESSAGE" | "UNKNOWN" | "FAILED" => State::Undelivered(Reason::Unknown),
        _ => State::OnItsWay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const REFERENCE: &str = "code-AAAAAAAAAAAAAAAAAAAAAA";

    /// The event in the user guide, with a context.
    fn event(kind: &str, is_final: bool) -> Value {
        json!({
            "version": "0", "id": "5c0fa4f8-e4ba-ed02-6101-c795472fccd0",
            "detail-type": "Text Message Delivery Status Updated", "source": "aws.sms-voice",
            "account": "111122223333", "time": "2025-10-01T18:20:41Z", "region": "us-east-1", "resources": [],
            "detail": {
                "eventType": kind, "eventVersion": "1.0", "eventTimestamp": 1_759_342_841_377_u64, "isFinal": is_final,
                "originationPhoneNumber": "ACME", "isoCountryCode": "ES", "messageId": "ed23196c-75ce-4727-93ee-7bf72b64998f",
                "context": { "reference": REFERENCE }, "totalMessageParts": 1, "totalMessagePrice": 0.06087,
            },
        })
    }

    fn read(event: &Value) -> Option<DeliveryReceipt> {
        parse(&event.to_string()).map(|(_, receipt)| receipt)
    }

    #[test]
    fn every_type_has_its_meaning() {
        use Reason::{Blocked, Expired, Filtered, Landline, NotAnswered, Unknown, Unreachable};
        use State::{Delivered, OnItsWay, Undelivered};
        for (kind, state) in [
            ("TEXT_QUEUED", OnItsWay),
            ("TEXT_PENDING", OnItsWay),
            ("TEXT_SENT", OnItsWay),
            ("TEXT_SUCCESSFUL", OnItsWay),
            ("TEXT_DELIVERED", Delivered),
            ("TEXT_INVALID", Undelivered(Landline)),
            ("TEXT_INVALID_MESSAGE", Undelivered(Unknown)),
            ("TEXT_UNREACHABLE", Undelivered(Unreachable)),
            ("TEXT_CARRIER_UNREACHABLE", Undelivered(Unreachable)),
            ("TEXT_BLOCKED", Undelivered(Blocked)),
            ("TEXT_CARRIER_BLOCKED", Undelivered(Blocked)),
            ("TEXT_PROTECT_BLOCKED", Undelivered(Blocked)),
            ("TEXT_SPAM", Undelivered(Filtered)),
            ("TEXT_UNKNOWN", Undelivered(Unknown)),
            ("TEXT_TTL_EXPIRED", Undelivered(Expired)),
            ("TEXT_WHATEVER_COMES", OnItsWay),
            ("RCS_SENT", OnItsWay),
            ("RCS_FALLEN_BACK_TO_SMS", OnItsWay),
            ("RCS_DELIVERED", Delivered),
            ("RCS_READ", Delivered),
            ("RCS_FAILED", Undelivered(Unknown)),
            ("VOICE_RINGING", OnItsWay),
            ("VOICE_ANSWERED", OnItsWay),
            ("VOICE_COMPLETED", Delivered),
            ("VOICE_BUSY", Undelivered(NotAnswered)),
            ("VOICE_NO_ANSWER", Undelivered(NotAnswered)),
            ("VOICE_FAILED", Undelivered(Unknown)),
            ("VOICE_TTL_EXPIRED", Undelivered(Expired)),
        ] {
            let receipt = read(&event(kind, true)).unwrap();
            let expected = DeliveryReceipt {
                reference: Reference::parse(REFERENCE),
                id: Some("ed23196c-75ce-4727-93ee-7bf72b64998f".to_owned()),
                state,
                code: None,
            };
            assert_eq!(receipt, expected, "{kind}");
        }
    }

    #[test]
    fn what_is_not_final_is_on_its_way() {
        let state = |kind| read(&event(kind, false)).unwrap().state;
        assert_eq!(state("TEXT_UNREACHABLE"), State::OnItsWay);
        assert_eq!(state("TEXT_DELIVERED"), State::Delivered);
    }

    #[test]
    fn a_text_of_another_application_has_no_reference() {
        for context in [json!(null), json!({}), json!({ "reference": "../x" })] {
            let mut event = event("TEXT_DELIVERED", true);
            event["detail"]["context"] = context;
            assert_eq!(read(&event).unwrap().reference, None);
        }
    }

    #[test]
    fn other_events_are_not_receipts() {
        let mut other = event("VOICE_COMPLETED", true);
        let channel = parse(&other.to_string()).map(|(channel, _)| channel);
        assert_eq!(channel, Some(Channel::Voice));
        other["detail"] = json!({ "registrationStatus": "COMPLETE" });
        assert_eq!(read(&other), None);
        let mut foreign = event("TEXT_DELIVERED", true);
        foreign["source"] = json!("acme.shop");
        assert_eq!(read(&foreign), None);
        for text in ["", "{}", "[]", "null", "{\"source\":\"aws.sms-voice\"}"] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
