//! Receipts of every provider.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use sandbox::{clickatell, plivo, twilio, vonage};
use serde_json::{Value, json};
use shared::rules::delivery::{DeliveryReceipt, Reason, Reference, State};
use shared::rules::voice::Channel;
use shared::vendors::twilio::webhook;
use shared::vendors::{self, end_user_messaging};
use url::form_urlencoded;

use crate::claims::NOW;
use crate::requests::decoded;
use crate::senders::{FORM, HOST, JSON, SENDERS, asked, now, posted};

/// One post may report so many messages.
const UPDATE_LIMIT: usize = 100;
/// The reference in the address of a raw receipt.
const REFERENCE: &str = "code-AAAAAAAAAAAAAAAAAAAAAA";
/// Who ends a call so early has not heard the code.
const HEARD_SECONDS: u64 = 5;

type Pairs = Vec<(String, String)>;

/// What a provider's words mean, read a second time from its documentation.
struct Provider {
    letter: u8,
    /// The words of a text that arrived, or of a call that was heard.
    arrived: &'static [&'static str],
    /// The words of what did not arrive for the reason of the error code.
    failed: &'static [&'static str],
    codes: &'static [(u64, Reason)],
    /// The words of what did not arrive for one reason.
    fixed: &'static [(&'static str, Reason)],
    /// The number beside the word is how long a call lasted.
    is_call: bool,
}

const VONAGE: Provider = Provider {
    letter: b'v',
    arrived: &["delivered"],
    failed: &["failed", "rejected"],
    codes: &[
        (2, Reason::Unreachable),
        (5, Reason::Unreachable),
        (7, Reason::Unreachable),
        (8, Reason::Unreachable),
        (11, Reason::Unreachable),
        (12, Reason::Unreachable),
        (4, Reason::Blocked),
        (13, Reason::Blocked),
        (14, Reason::Blocked),
        (3, Reason::Landline),
        (9, Reason::Landline),
        (6, Reason::Filtered),
        (50, Reason::Filtered),
        (1, Reason::Unknown),
    ],
    fixed: &[("expired", Reason::Expired)],
    is_call: false,
};

const PROVIDERS: [Provider; 8] = [
    Provider {
        letter: b't',
        arrived: &["delivered", "read"],
        failed: &["undelivered", "failed", "canceled"],
        codes: &[
            (30003, Reason::Unreachable),
            (30002, Reason::Blocked),
            (30004, Reason::Blocked),
            (30034, Reason::Blocked),
            (30005, Reason::Landline),
            (30006, Reason::Landline),
            (21614, Reason::Landline),
            (21635, Reason::Landline),
            (21610, Reason::OptedOut),
            (30007, Reason::Filtered),
            (30036, Reason::Expired),
            (30008, Reason::Unknown),
        ],
        fixed: &[],
        is_call: false,
    },
    Provider {
        letter: b'T',
        arrived: &["completed"],
        failed: &["failed", "canceled"],
        codes: &[],
        fixed: &[
            ("busy", Reason::NotAnswered),
            ("no-answer", Reason::NotAnswered),
        ],
        is_call: true,
    },
    Provider {
        letter: b'p',
        arrived: &["delivered", "read"],
        failed: &["failed", "undelivered", "rejected"],
        codes: &[
            (80, Reason::Unreachable),
            (90, Reason::Unreachable),
            (50, Reason::Landline),
            (70, Reason::Landline),
            (100, Reason::Blocked),
            (450, Reason::Blocked),
            (30, Reason::Filtered),
            (200, Reason::OptedOut),
            (420, Reason::Expired),
            (1000, Reason::Unknown),
        ],
        fixed: &[],
        is_call: false,
    },
    VONAGE,
    Provider {
        letter: b'q',
        ..VONAGE
    },
    Provider {
        letter: b'j',
        ..VONAGE
    },
    Provider {
        letter: b'e',
        arrived: &["completed"],
        failed: &["failed"],
        codes: &[],
        fixed: &[
            ("busy", Reason::NotAnswered),
            ("timeout", Reason::NotAnswered),
            ("unanswered", Reason::NotAnswered),
            ("rejected", Reason::NotAnswered),
            ("cancelled", Reason::NotAnswered),
            ("machine", Reason::NotAnswered),
        ],
        is_call: true,
    },
    Provider {
        letter: b'a',
        arrived: &["DELIVERED", "READ", "COMPLETED"],
        failed: &["INVALID_MESSAGE", "UNKNOWN", "FAILED"],
        codes: &[],
        fixed: &[
            ("BUSY", Reason::NotAnswered),
            ("NO_ANSWER", Reason::NotAnswered),
            ("INVALID", Reason::Landline),
            ("UNREACHABLE", Reason::Unreachable),
            ("CARRIER_UNREACHABLE", Reason::Unreachable),
            ("BLOCKED", Reason::Blocked),
            ("CARRIER_BLOCKED", Reason::Blocked),
            ("PROTECT_BLOCKED", Reason::Blocked),
            ("SPAM", Reason::Filtered),
            ("TTL_EXPIRED", Reason::Expired),
        ],
        is_call: false,
    },
];

/// Clickatell has numbers only. Any other number says nothing about the phone.
const CLICKATELL: [(u64, State); 13] = [
    (5, State::Delivered),
    (6, State::Delivered),
    (20, State::Undelivered(Reason::Expired)),
    (21, State::Undelivered(Reason::OptedOut)),
    (22, State::Undelivered(Reason::Blocked)),
    (25, State::Undelivered(Reason::Blocked)),
    (26, State::Undelivered(Reason::Blocked)),
    (27, State::Undelivered(Reason::Blocked)),
    (28, State::Undelivered(Reason::Blocked)),
    (29, State::Undelivered(Reason::Landline)),
    (100, State::Undelivered(Reason::Unreachable)),
    (23, State::Undelivered(Reason::Unknown)),
    (4, State::OnItsWay),
];

/// A form's receipt is what a second reader finds. A receipt that was written so is read as exactly
/// that, and after another state was written it has the other state. A reference was sent as it is.
///
/// The first byte chooses the provider. The rest is the body, and again two states, a number of two
/// bytes and the texts of a receipt that is written.
pub fn receipt(data: &[u8]) {
    let Some((letter, rest)) = data.split_first() else {
        return;
    };
    let provider = PROVIDERS.iter().find(|provider| provider.letter == *letter);
    if provider.is_none() && *letter != b'c' {
        return;
    }
    raw(*letter, rest);
    let Some(([one, other, high, low], text)) = rest.split_first_chunk() else {
        return;
    };
    let number = u64::from(u16::from_be_bytes([*high, *low]));
    let texts = Texts::of(&String::from_utf8_lossy(text), *letter);
    let (word, number, expected) = chosen(provider, *one, number);
    texts.are_read(*letter, word, number, expected);
    let (word, number, expected) = chosen(provider, *other, number);
    texts.are_read(*letter, word, number, expected);
}

/// A word, its number and their state, by a choice.
fn chosen(provider: Option<&Provider>, choice: u8, number: u64) -> (&'static str, u64, State) {
    let choice = usize::from(choice);
    let Some(provider) = provider else {
        let known = CLICKATELL.get(choice % (CLICKATELL.len() + 1));
        let number = known.map_or(number, |(number, _)| *number);
        return ("", number, clickatell_state(number));
    };
    let mut words = vec!["queued"];
    words.extend(provider.arrived);
    words.extend(provider.failed);
    words.extend(provider.fixed.iter().map(|(word, _)| word));
    let word = words[choice % words.len()];
    let known = provider.codes.get(choice / words.len());
    let number = known.map_or(number, |(code, _)| *code);
    let number = if provider.is_call {
        number % 12
    } else {
        number
    };
    (word, number, provider.state(word, Some(number)))
}

fn clickatell_state(number: u64) -> State {
    let known = CLICKATELL.iter().find(|(known, _)| *known == number);
    known.map_or(State::OnItsWay, |(_, state)| *state)
}

impl Provider {
    fn state(&self, word: &str, number: Option<u64>) -> State {
        let fixed = self.fixed.iter().find(|(known, _)| *known == word);
        if let Some((_, reason)) = fixed {
            State::Undelivered(*reason)
        } else if self.failed.contains(&word) {
            let known = self.codes.iter().find(|(code, _)| number == Some(*code));
            State::Undelivered(known.map_or(Reason::Unknown, |(_, reason)| *reason))
        } else if !self.arrived.contains(&word) {
            State::OnItsWay
        } else if self.is_call && number.is_some_and(|seconds| seconds <= HEARD_SECONDS) {
            State::Undelivered(Reason::NotAnswered)
        } else {
            State::Delivered
        }
    }
}

/// The receipts of a body behind the proof of its provider. `reference` is the end of the address.
/// `None`: it is refused.
fn receipts(letter: u8, body: &[u8], reference: &str) -> Option<Vec<DeliveryReceipt>> {
    let (senders, reference) = (&*SENDERS, Reference::parse(reference)?);
    let path = format!("/{}/{reference}", char::from(letter));
    match letter {
        b't' | b'T' => {
            let key = hmac::Key::new(
                hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                twilio::AUTH_TOKEN.as_bytes(),
            );
            let mut pairs = decoded(body);
            pairs.sort();
            pairs.dedup();
            let mut text = format!("https://{HOST}{path}");
            for (name, value) in pairs {
                text += &name;
                text += &value;
            }
            let signature = STANDARD.encode(hmac::sign(&key, text.as_bytes()));
            let headers = json!({ "x-twilio-signature": signature });
            let request = posted(&path, FORM, &headers, body);
            let form = webhook::authenticate(&request, None, &senders.twilio, now());
            let form = senders.wait(form).ok()?;
            let receipt = if vendors::twilio::call_receipt::is_call(&form) {
                vendors::twilio::call_receipt::parse(&form, Some(reference))
            } else {
                vendors::twilio::receipt::parse(&form, Some(reference))
            };
            receipt.ok().map(|receipt| vec![receipt])
        }
        b'p' => {
            let base = format!("https://{HOST}");
            let (nonce, signature) =
                plivo::sign(plivo::AUTH_TOKEN, &format!("{base}{path}"), &decoded(body));
            let headers = json!({
                "x-plivo-signature-v3": signature, "x-plivo-signature-v3-nonce": nonce,
            });
            let (request, base) = (posted(&path, FORM, &headers, body), base.parse().ok()?);
            let report =
                vendors::plivo::receipt::authenticate(&request, &base, &senders.plivo, now());
            let report = senders.wait(report).ok()?;
            let receipt = vendors::plivo::receipt::parse(&report, Some(reference));
            receipt.ok().map(|receipt| vec![receipt])
        }
        b'v' | b'q' | b'j' => {
            let request = match letter {
                b'v' => posted("/vonage", FORM, &json!({}), body),
                b'q' => asked("/vonage", str::from_utf8(body).ok()?)?,
                _ => posted("/vonage", JSON, &json!({}), body),
            };
            let dlr = vendors::vonage::receipt::authenticate(&request, &senders.vonage, now());
            let dlr = senders.wait(dlr).ok()?;
            Some(vendors::vonage::receipt::parse(&dlr).into_iter().collect())
        }
        b'e' => {
            let token = vonage::webhook_token(vonage::SIGNATURE_SECRET, body, NOW);
            let headers = json!({ "authorization": format!("Bearer {token}") });
            let request = posted(&path, JSON, &headers, body);
            let event = vendors::vonage::call_event::authenticate(&request, &senders.vonage, now());
            let event = senders.wait(event).expect("a body with its token");
            let receipt = vendors::vonage::call_event::parse(&event, Some(reference));
            Some(receipt.into_iter().collect())
        }
        b'c' => {
            let token = clickatell::CALLBACK_TOKEN;
            let updates =
                vendors::clickatell::receipt::authenticate(token, body, &senders.clickatell, now());
            let updates = senders.wait(updates).expect("a body with its token");
            Some(vendors::clickatell::receipt::parse(&updates))
        }
        _ => {
            let (channel, receipt) =
                end_user_messaging::receipt::parse(str::from_utf8(body).ok()?)?;
            assert!([Channel::Sms, Channel::Voice].contains(&channel));
            Some(vec![receipt])
        }
    }
}

/// What a stranger could send, if he had the proof.
fn raw(letter: u8, sent: &[u8]) {
    let mut body = sent.to_vec();
    match letter {
        b't' | b'T' => body.extend(format!("&AccountSid={}", twilio::ACCOUNT_SID).into_bytes()),
        b'v' | b'q' => {
            body.extend(format!("&timestamp={NOW}").into_bytes());
            let signature = vonage::sign(vonage::SIGNATURE_SECRET, &decoded(&body));
            body.extend(format!("&sig={signature}").into_bytes());
        }
        b'j' => body = signed_json(&body).unwrap_or(body),
        _ => {}
    }
    let found = receipts(letter, &body, REFERENCE);
    if let (b't' | b'T' | b'p' | b'v', found) = (letter, &found) {
        let expected = second(letter, &decoded(&body));
        assert_eq!(*found, expected);
    }
    let found = found.unwrap_or_default();
    assert!(found.len() <= UPDATE_LIMIT);
    let is_plain = !body.iter().any(|byte| b"\\%+".contains(byte));
    let text = String::from_utf8_lossy(&body).into_owned() + REFERENCE;
    for receipt in found.iter().filter(|_| is_plain) {
        let reference = receipt.reference.as_ref().map(Reference::as_str);
        for told in [reference, receipt.id.as_deref()].into_iter().flatten() {
            // A number is a text in another spelling.
            assert!(text.contains(told) || letter == b'j', "{told}");
        }
    }
}

/// JSON with Vonage's time and signature.
fn signed_json(body: &[u8]) -> Option<Vec<u8>> {
    let mut members: serde_json::Map<String, Value> = serde_json::from_slice(body).ok()?;
    members.insert("timestamp".to_owned(), NOW.to_string().into());
    let pairs: Pairs = members
        .iter()
        .filter(|(name, _)| *name != "sig")
        .filter_map(|(name, value)| match value {
            Value::String(text) => Some((name.clone(), text.clone())),
            Value::Null => None,
            other => Some((name.clone(), other.to_string())),
        })
        .collect();
    let signature = vonage::sign(vonage::SIGNATURE_SECRET, &pairs);
    members.insert("sig".to_owned(), signature.into());
    Some(Value::Object(members).to_string().into_bytes())
}

/// A second reader of forms.
fn second(letter: u8, pairs: &Pairs) -> Option<Vec<DeliveryReceipt>> {
    let get = |wanted: &str| {
        let mut named = pairs.iter().filter(|(name, _)| name == wanted);
        named.next().map(|(_, value)| value.as_str())
    };
    let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return None;
    }
    let is_call = get("CallSid").is_some() && get("MessageSid").is_none();
    let (letter, limit) = match letter {
        b't' | b'T' => (if is_call { b'T' } else { b't' }, 500),
        b'p' => (b'p', 200),
        _ => (b'v', 100),
    };
    let is_glued = letter == b'v' && names.iter().any(|name| name.contains(['&', '=']));
    if names.len() > limit || is_glued {
        return None;
    }
    let provider = PROVIDERS
        .iter()
        .find(|provider| provider.letter == letter)?;
    let sid =
        |name, prefixes: &[&str]| get(name).filter(|sid| vendors::twilio::is_sid(sid, prefixes));
    let (id, word, code) = match letter {
        b't' => {
            let word = get("MessageStatus").or(get("SmsStatus"));
            (sid("MessageSid", &["SM", "MM"]), word, "ErrorCode")
        }
        b'T' => (
            sid("CallSid", &["CA"]),
            get("CallStatus"),
            "SipResponseCode",
        ),
        b'p' => (get("MessageUUID"), get("Status"), "ErrorCode"),
        _ => (
            get("messageId").or(get("message-id")),
            get("status"),
            "err-code",
        ),
    };
    let (Some(id), Some(word)) = (id, word) else {
        // Vonage signs other things too.
        return (letter == b'v').then(Vec::new);
    };
    let code: Option<u32> = get(code).and_then(|code| code.parse().ok());
    let seconds = get("CallDuration").or(get("Duration"));
    let number = if letter == b'T' {
        seconds.and_then(|seconds| seconds.parse().ok())
    } else {
        code.map(u64::from)
    };
    let reference = if letter == b'v' {
        get("client-ref").unwrap_or_default()
    } else {
        REFERENCE
    };
    Some(vec![DeliveryReceipt {
        reference: Reference::parse(reference),
        id: Some(id.to_owned()),
        state: provider.state(word, number),
        code: code.filter(|code| letter != b'v' || *code != 0),
    }])
}

/// The texts of a receipt that is written.
struct Texts {
    id: String,
    reference: String,
}

impl Texts {
    /// The hash is what the text has of letters, digits, hyphens and underscores, and the id is its
    /// end; Twilio's has 32 digits.
    fn of(text: &str, letter: u8) -> Self {
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let hash: String = text.chars().filter(plain).take(64).collect();
        let kind = ["code", "mail", "voicemail", "missed"][text.len() % 4];
        let digits: String = text
            .bytes()
            .rev()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
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

    fn are_read(&self, letter: u8, word: &str, number: u64, state: State) {
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
