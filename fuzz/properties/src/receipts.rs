//! Receipts of every provider.

mod words;
mod written;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use sandbox::{clickatell, plivo, twilio, vonage};
use serde_json::{Value, json};
use shared::rules::delivery::{DeliveryReceipt, Reference};
use shared::rules::voice::Channel;
use shared::vendors::twilio::webhook;
use shared::vendors::{self, end_user_messaging};

use crate::claims::NOW;
use crate::requests::decoded;
use crate::senders::{FORM, HOST, JSON, SENDERS, asked, now, posted};
use words::{PROVIDERS, chosen};
use written::Texts;

/// One post may report so many messages.
const UPDATE_LIMIT: usize = 100;
/// The reference in the address of a raw receipt.
const REFERENCE: &str = "code-AAAAAAAAAAAAAAAAAAAAAA";

type Pairs = Vec<(String, String)>;

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
