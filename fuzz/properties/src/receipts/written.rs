//! Receipts as their providers write them.

use sandbox::{twilio, vonage};
use serde_json::{Value, json};
use shared::rules::delivery::{DeliveryReceipt, Reference, State};
use url::form_urlencoded;

use super::{Pairs, receipts, signed_json};
use crate::claims::NOW;

/// The texts of a receipt that is written.
pub(super) struct Texts {
    id: String,
    reference: String,
}

impl Texts {
    /// The hash is what the text has of letters, digits, hyphens and underscores, and the id is its
    /// end; Twilio's has 32 digits.
    pub(super) fn of(text: &str, letter: u8) -> Self {
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let hash: String = text.chars().filter(plain).take(64).collect();
        let kind = ["code", "mail", "voicemail", "missed"][text.len() % 4];
        let digits: Vec<u8> = text.bytes().rev().take(16).collect();
        let digits = hex::encode(digits);
        let id = match letter {
            b't' => format!("SM{digits:0>32}"),
            b'T' => format!("CA{digits:0>32}"),
            _ => text.chars().rev().take(40).collect(),
        };
        Self {
            id,
            reference: format!("{kind}-{hash:_<8}"),
        }
    }

    pub(super) fn are_read(&self, letter: u8, word: &str, number: u64, state: State) {
        let body = self.written(letter, word, number);
        let found = receipts(letter, &body, &self.reference);
        let code = match letter {
            b'T' => Some(486),
            b'e' | b'a' => None,
            b'v' | b'q' | b'j' if number == 0 => None,
            _ => u32::try_from(number).ok(),
        };
        let expected = DeliveryReceipt {
            reference: Some(Reference::parse(&self.reference).expect("a reference")),
            id: Some(self.id.clone()),
            state,
            code,
        };
        assert_eq!(found, Some(vec![expected]));
    }

    /// The body of a receipt, as its provider writes it.
    fn written(&self, letter: u8, word: &str, number: u64) -> Vec<u8> {
        let Self { id, reference } = self;
        let number = number.to_string();
        let mut pairs: Vec<(&str, &str)> = match letter {
            b't' => vec![
                ("MessageSid", id),
                ("MessageStatus", word),
                ("ErrorCode", &number),
            ],
            b'T' => vec![
                ("CallSid", id),
                ("CallStatus", word),
                ("CallDuration", &number),
                ("Duration", "1"),
                ("SipResponseCode", "486"),
            ],
            b'p' => vec![
                ("MessageUUID", id),
                ("Status", word),
                ("ErrorCode", &number),
            ],
            _ => vec![
                ("messageId", id),
                ("status", word),
                ("err-code", &number),
                ("client-ref", reference),
            ],
        };
        let account = ("AccountSid", twilio::ACCOUNT_SID);
        let value = match letter {
            b'e' => json!({ "uuid": id, "status": word, "duration": number }),
            b'c' => {
                let code: u64 = number.parse().expect("a number");
                let other = json!({ "messageId": [], "statusCode": code });
                let update = json!({
                    "messageId": id, "clientMessageId": reference, "statusCode": code,
                    "status": "DEVICE_ACK",
                });
                json!({ "event": { "messageStatusUpdate": [other, update] } })
            }
            b'a' => json!({
                "source": "aws.sms-voice",
                "detail": {
                    "eventType": format!("TEXT_{word}"), "isFinal": true, "messageId": id,
                    "context": { "reference": reference },
                },
            }),
            b'j' => {
                let members = pairs
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), json!(value)));
                let members: Value = members.collect::<serde_json::Map<_, _>>().into();
                return signed_json(&members.to_string().into_bytes()).expect("an object");
            }
            b't' | b'T' => {
                pairs.push(account);
                return encoded(&pairs);
            }
            b'p' => return encoded(&pairs),
            _ => {
                let time = NOW.to_string();
                pairs.push(("timestamp", &time));
                let owned =
                    |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
                let all: Pairs = pairs.iter().map(owned).collect();
                let signature = vonage::sign(vonage::SIGNATURE_SECRET, &all);
                pairs.push(("sig", &signature));
                return encoded(&pairs);
            }
        };
        value.to_string().into_bytes()
    }
}

fn encoded(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(pairs).finish().into_bytes()
}
