//! Vonage's delivery receipt
//! (<https://developer.vonage.com/messaging/sms/building-blocks/receive-a-delivery-receipt>), as a
//! query, a form or JSON, whichever the account's settings say.
//!
//! A receipt is authentic if the account signs its webhooks and `signature_secret` is in the secret
//! (<https://developer.vonage.com/en/getting-started/concepts/signing-messages>): `sig` is a MAC
//! over `&name=value` of all other parameters, sorted by name, with `&` and `=` in values turned
//! into `_`. The account chooses the algorithm. `timestamp` must be of the last days, because
//! Vonage repeats a receipt for 24 hours.

use std::time::SystemTime;

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use ring::hmac as ring_hmac;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::platform::reply::{Failure, Reply};
use crate::platform::request::Request;
use crate::platform::secrets::{self, Content, Keys, Secret};
use crate::platform::time::epoch;
use crate::rules::delivery::{DeliveryReceipt, Reason, Reference, State};
use crate::rules::verified::Verified;

const PARAMETER_LIMIT: usize = 100;
/// Vonage repeats an unanswered receipt for a day. One more hour is for clocks that differ.
const MAX_AGE: u64 = 25 * 3_600;

/// The `vonage` secret, as far as it signs receipts.
#[derive(Debug)]
pub struct SigningKey {
    /// Without it no receipt is authentic.
    pub(super) signature_secret: Option<SecretString>,
    /// `md5hash`, `md5`, `sha1`, `sha256` or `sha512`; any of them if the secret does not say.
    signature_method: Option<SecretString>,
}

impl Content for SigningKey {
    const NAME: &'static str = "vonage";

    fn take(keys: &mut Keys) -> Option<Self> {
        let signature_method = keys.optional("signature_method");
        let is_known = |method: &SecretString| {
            ALGORITHMS
                .iter()
                .any(|(name, _)| *name == method.expose_secret())
        };
        if signature_method
            .as_ref()
            .is_some_and(|method| !is_known(method))
        {
            keys.reject("signature_method as md5hash, md5, sha1, sha256 or sha512");
            return None;
        }
        Some(Self {
            signature_secret: keys.optional("signature_secret"),
            signature_method,
        })
    }
}

/// The parameters of a signed receipt.
#[derive(Debug)]
pub struct Dlr(Vec<(String, String)>);

impl Dlr {
    fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(key, _)| key == name);
        pair.map(|(_, value)| value.as_str())
    }
}

/// Reads the parameters and checks their signature. If it does not match, the secret is fetched
/// again once.
///
/// # Errors
/// The reply: 403 for a missing, wrong or old signature, or if the secret has no
/// `signature_secret`; 503 if the secret cannot be fetched.
pub async fn authenticate(
    request: &Request,
    secret: &Secret<SigningKey>,
    now: SystemTime,
) -> Result<Verified<Dlr>, Reply> {
    let dlr = parameters(request).ok_or_else(|| Reply::refused(403, "unreadable"))?;
    let Some(signature) = dlr.get("sig").filter(|sig| !sig.is_empty()) else {
        return Err(Reply::refused(403, "signature_missing"));
    };
    let is_fresh = dlr
        .get("timestamp")
        .and_then(|time| time.parse::<u64>().ok())
        .is_some_and(|time| epoch(now).abs_diff(time) <= MAX_AGE);
    if !is_fresh {
        return Err(Reply::refused(403, "stale"));
    }
    let text = signed_text(&dlr.0);
    let fits = |keys: &SigningKey| {
        let Some(key) = &keys.signature_secret else {
            return false;
        };
        let wanted = keys
            .signature_method
            .as_ref()
            .map(ExposeSecret::expose_secret);
        ALGORITHMS
            .iter()
            .filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name))
            .any(|(_, made)| {
                let made = made(key.expose_secret(), &text);
                secrets::same(&made, &signature.to_ascii_lowercase())
            })
    };
    let fitting = secret.fitting(now, fits).await.map_err(Failure::from)?;
    fitting.ok_or_else(|| Reply::refused(403, "bad_signature"))?;
    Ok(Verified::new(dlr))
}

/// The parameters, each once. `None` if they cannot be read, one comes twice, or a name holds a
/// separator.
fn parameters(request: &Request) -> Option<Dlr> {
    let mut pairs: Vec<(String, String)> = if request.method() == "GET" {
        read_form(request.query().as_bytes())
    } else if request.media_type() == "application/json" {
        let members: Map<String, Value> = serde_json::from_slice(request.body()).ok()?;
        let texts = members.into_iter().take(PARAMETER_LIMIT + 1);
        let pairs: Option<Vec<_>> = texts
            // A form cannot hold `null`.
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| match value {
                Value::String(text) => Some((name, text)),
                Value::Number(number) => Some((name, number.to_string())),
                Value::Bool(is_true) => Some((name, is_true.to_string())),
                _ => None,
            })
            .collect();
        pairs?
    } else {
        read_form(request.body())
    };
    if pairs.len() > PARAMETER_LIMIT {
        return None;
    }
    pairs.sort();
    let repeats = pairs.windows(2).any(|pair| pair[0].0 == pair[1].0);
    // Only values are signed without separators: such a name could hold another parameter.
    let glued = pairs.iter().any(|(name, _)| name.contains(['&', '=']));
    (!repeats && !glued).then_some(Dlr(pairs))
}

fn read_form(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text)
        .into_owned()
        .take(PARAMETER_LIMIT + 1)
        .collect()
}

/// The text that Vonage signs, from sorted parameters.
fn signed_text(pairs: &[(String, String)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs.iter().filter(|(name, _)| name != "sig") {
        text.push('&');
        text.push_str(name);
        text.push('=');
        text.push_str(&value.replace(['&', '='], "_"));
    }
    text
}

/// The algorithm's name in the `vonage` secret, and the signature in hexadecimal of a key and a
/// text.
type Algorithm = (&'static str, fn(&str, &str) -> String);

/// The algorithms that an account can choose. `md5hash` is not an HMAC; Vonage's accounts have it
/// by default.
pub(super) const ALGORITHMS: [Algorithm; 5] = [
    ("md5hash", |key, text| {
        hex::encode(Md5::new().chain_update(text).chain_update(key).finalize())
    }),
    ("md5", |key, text| {
        // HMAC takes a key of any length.
        Hmac::<Md5>::new_from_slice(key.as_bytes())
            .map(|mac| hex::encode(mac.chain_update(text).finalize().into_bytes()))
            .unwrap_or_default()
    }),
    ("sha1", |key, text| {
        with_ring(ring_hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key, text)
    }),
    ("sha256", |key, text| {
        with_ring(ring_hmac::HMAC_SHA256, key, text)
    }),
    ("sha512", |key, text| {
        with_ring(ring_hmac::HMAC_SHA512, key, text)
    }),
];

fn with_ring(algorithm: ring_hmac::Algorithm, key: &str, text: &str) -> String {
    let key = ring_hmac::Key::new(algorithm, key.as_bytes());
    hex::encode(ring_hmac::sign(&key, text.as_bytes()))
}

/// Reads a verified receipt. `client-ref` is the reference that we sent. `None`: Vonage signed
/// something that is no receipt.
pub fn parse(dlr: &Verified<Dlr>) -> Option<DeliveryReceipt> {
    let id = dlr.get("messageId").or(dlr.get("message-id"))?;
    let status = dlr.get("status")?;
    let code: Option<u32> = dlr.get("err-code").and_then(|code| code.parse().ok());
    let state = match status {
        "delivered" => State::Delivered,
        "expired" => State::Undelivered(Reason::Expired),
        "failed" | "rejected" => State::Undelivered(reason(code)),
        _ => State::OnItsWay,
    };
    Some(DeliveryReceipt {
        reference: dlr.get("client-ref").and_then(Reference::parse),
        id: Some(id.to_owned()),
        state,
        code: code.filter(|code| *code != 0),
    })
}

/// The codes of `err-code`
/// (<https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts#dlr-error-codes>).
fn reason(code: Option<u32>) -> Reason {
    match code {
        Some(2 | 5 | 7 | 8 | 11 | 12) => Reason::Unreachable,
        Some(4 | 13 | 14) => Reason::Blocked,
        Some(3 | 9) => Reason::Landline,
        Some(6 | 50) => Reason::Filtered,
        _ => Reason::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vonage's own vectors: github Vonage/vonage-python-sdk@b308cb1e
    /// `http_client/tests/test_auth.py`, Apache-2.0.
    #[test]
    fn the_signatures_of_vonages_own_tests() {
        for (algorithm, params, sig) in [
            (
                "sha256",
                [
                    ("param1", "value1"),
                    ("param2", "value2"),
                    ("timestamp", "1234567890"),
                ]
                .as_slice(),
                "280c4320703dbc98bfa22db676655ed2acfbfe8792b062ff7622e67f1183c287",
            ),
            (
                "md5",
                &[
                    ("param1", "value1"),
                    ("param2", "value2"),
                    ("timestamp", "1234567890"),
                ],
                "724c2bf6ca423c36e20631b11d1c5753",
            ),
            (
                "md5",
                &[
                    ("param1", "value&1"),
                    ("param2", "value=2"),
                    ("timestamp", "1234567890"),
                ],
                "2bbf0abafb2c55e5af6231513896a2ac",
            ),
            (
                "md5",
                &[("param", "value"), ("timestamp", "1234567890")],
                "655a4d0b7f064dff438defc52b012cf5",
            ),
        ] {
            let pairs: Vec<(String, String)> = params
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            let (_, made) = ALGORITHMS
                .iter()
                .find(|(name, _)| *name == algorithm)
                .unwrap();
            assert_eq!(
                made("signature_secret", &signed_text(&pairs)),
                sig,
                "{algorithm}"
            );
        }
    }
}
