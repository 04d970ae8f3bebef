//! Checks a Standard Webhook's signature
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_STANDARD;
use ring::hmac;
use secrecy::ExposeSecret as _;
use shared::platform::request::Request;
use shared::platform::secrets::{Content, Keys, Secret, SecretError};

use crate::posted::signed_at;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The `webhook` secret: the keys with which the sender may sign.
pub(crate) struct Secrets(Vec<hmac::Key>);

impl Content for Secrets {
    const NAME: &'static str = "webhook";

    fn take(keys: &mut Keys) -> Option<Self> {
        let text = keys.required("secrets")?;
        let secrets = hmac_keys(text.expose_secret());
        if secrets.is_none() {
            keys.reject("secrets of the form v1,whsec_ and base64, with blanks or | between them");
        }
        secrets.map(Self)
    }
}

/// One key or more, with blanks or `|` between them.
fn hmac_keys(text: &str) -> Option<Vec<hmac::Key>> {
    let secrets = text.split(|c: char| c.is_whitespace() || c == '|');
    let keys: Option<Vec<_>> = secrets
        .filter(|secret| !secret.is_empty())
        .map(key)
        .collect();
    keys.filter(|keys| !keys.is_empty())
}

fn key(secret: &str) -> Option<hmac::Key> {
    let secret = secret.strip_prefix("v1,").unwrap_or(secret);
    let bytes = BASE64.decode(secret.strip_prefix("whsec_")?).ok()?;
    // With an empty key everyone could sign.
    (!bytes.is_empty()).then(|| hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

/// Why a request is not answered.
pub(super) enum Refused {
    /// It is not the sender's, or too old. Holds the outcome for the log.
    Signature(&'static str),
    /// The secret could not be fetched.
    Unavailable(SecretError),
    /// The secret was not there in time.
    Late,
}

/// Checks the signature. If it does not match, the secret is fetched again once. Returns when the
/// request was signed, in seconds.
pub(super) async fn check(
    request: &Request,
    secrets: &Secret<Secrets>,
    max_age: u64,
    now: SystemTime,
) -> Result<u64, Refused> {
    let [id, timestamp, signatures] =
        signed_headers(request).ok_or(Refused::Signature("signature_missing"))?;
    let signed_at = signed_at(timestamp, max_age, now);
    let signed_at = signed_at.ok_or(Refused::Signature("stale_signature"))?;
    let content = [
        id.as_bytes(),
        b".",
        timestamp.as_bytes(),
        b".",
        request.body(),
    ]
    .concat();
    let macs: Vec<Vec<u8>> = macs(signatures).collect();
    let fits = |Secrets(keys): &Secrets| {
        keys.iter().any(|key| {
            macs.iter()
                .any(|mac| hmac::verify(key, &content, mac).is_ok())
        })
    };
    let fitting = secrets.fitting(now, fits).await;
    match fitting.map_err(Refused::Unavailable)? {
        Some(_) => Ok(signed_at),
        None => Err(Refused::Signature("bad_signature")),
    }
}

/// Id, time and signatures. Svix, from which the standard comes, has its own names for them.
fn signed_headers(request: &Request) -> Option<[&str; 3]> {
    let all = |names: [&str; 3]| {
        let headers = names.map(|name| request.header(name).filter(|value| !value.is_empty()));
        let [id, timestamp, signatures] = headers;
        Some([id?, timestamp?, signatures?])
    };
    all(["webhook-id", "webhook-timestamp", "webhook-signature"])
        .or_else(|| all(["svix-id", "svix-timestamp", "svix-signature"]))
}

/// The signatures of version 1. Supabase joins them with a comma and a blank instead of a blank.
/// A sender signs with each secret that is in use, so there are few.
fn macs(signatures: &str) -> impl Iterator<Item = Vec<u8>> {
    signatures
        .split_ascii_whitespace()
        .filter_map(|signature| signature.trim_end_matches(',').strip_prefix("v1,"))
        .filter_map(|mac| BASE64_STANDARD.decode(mac).ok())
        .filter(|mac| mac.len() == 32)
        .take(8)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serde_json::{Value, json};

    use super::*;

    /// The vector in the test suites of the reference libraries, such as
    /// `libraries/rust/src/lib.rs` of github.com/standard-webhooks/standard-webhooks (MIT).
    #[test]
    fn the_published_vector() {
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let content = br#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#;
        let mac = macs("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
            .next()
            .unwrap();
        assert!(hmac::verify(&key, content, &mac).is_ok());
        assert!(hmac::verify(&key, &content[1..], &mac).is_err());
    }

    /// Two secrets and a comma between their signatures, made by running Supabase's Go code:
    /// `generateSignatures` and the header of `internal/hooks/hookshttp/hookshttp.go` in
    /// github.com/supabase/auth@bc32168 (MIT), with the library of its `go.mod`, `libraries/go` in
    /// github.com/standard-webhooks/standard-webhooks@e0e82ad (MIT).
    #[test]
    fn the_signatures_of_supabase_s_go_code() {
        let body = r#"{"metadata":{"uuid":"8a2f4d6e-0b1c-4d3e-9f5a-6b7c8d9e0f1a","time":"2026-11-27T12:00:00Z","name":"send-sms","ip_address":"203.0.113.7"},"user":{"id":"6481a5c1-3d37-4a56-9f6a-bee08c554965","phone":"4520304050"},"sms":{"otp":"271828","phone":"+4520304050"}}"#;
        let content = format!("0b5d7c2e-58a4-4a53-8a0b-2f3f4c1d9e77.1795780800.{body}");
        let header = "v1,R5aQ+NcbK1CzAy7onHsuFkIGjUeQQHofDlawremS6ws=, v1,DcvLbwhIPNatxZ3BuX9U4NgsJxxnX7p88DAaa5KHOlI=";
        let secrets = [
            "v1,whsec_b2xkLXN1cGFiYXNlLWhvb2stc2VjcmV0LTMyLWJ5dGVz",
            "v1,whsec_bmV3LXN1cGFiYXNlLWhvb2stc2VjcmV0LTMyLWJ5dGVz",
        ];
        let macs: Vec<_> = macs(header).collect();
        assert_eq!(macs.len(), secrets.len());
        for (secret, mac) in secrets.into_iter().zip(macs) {
            let key = key(secret).unwrap();
            assert!(
                hmac::verify(&key, content.as_bytes(), &mac).is_ok(),
                "{secret}"
            );
        }
    }

    #[test]
    fn a_key_is_base64_behind_its_prefix() {
        for secret in ["v1,whsec_AAAA", "whsec_AAAA", "v1,whsec_AAA=", "whsec_AAA"] {
            assert!(key(secret).is_some(), "{secret}");
        }
        for secret in [
            "v1,whsec_",
            "whsec_",
            "AAAA",
            "v1,AAAA",
            "whsec_!",
            "v1a,whsec_AAAA",
        ] {
            assert!(key(secret).is_none(), "{secret}");
        }
    }

    #[test]
    fn several_keys_have_blanks_or_bars_between_them() {
        for (text, count) in [
            ("v1,whsec_AAAA", Some(1)),
            (" v1,whsec_AAAA\n", Some(1)),
            ("v1,whsec_AAAA|v1,whsec_AAAB", Some(2)),
            ("v1,whsec_AAAA | whsec_AAAB whsec_AAAC", Some(3)),
            ("v1,whsec_AAAA;v1,whsec_AAAB", None),
            ("v1,whsec_AAAA|!", None),
            (" | ", None),
            ("", None),
        ] {
            assert_eq!(hmac_keys(text).map(|keys| keys.len()), count, "{text:?}");
        }
    }

    #[test]
    fn the_headers_have_either_of_two_names_and_all_are_there() {
        let read = |headers: Value| {
            let event = json!({
                "version": "2.0",
                "headers": headers,
                "rawPath": "/",
                "requestContext": { "http": { "method": "POST", "path": "/" } }
            });
            let request = Request::from_event(&event.to_string(), "id", Instant::now()).unwrap();
            signed_headers(&request).map(|headers| headers.join(" "))
        };
        let complete =
            json!({ "webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": "v1,x" });
        assert_eq!(read(complete.clone()).as_deref(), Some("a 1 v1,x"));
        let svix = json!({ "svix-id": "a", "svix-timestamp": "1", "svix-signature": "v1,x" });
        assert_eq!(read(svix).as_deref(), Some("a 1 v1,x"));
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            let mut headers = complete.clone();
            headers[name] = "".into();
            assert_eq!(read(headers.clone()), None, "{name}");
            headers.as_object_mut().unwrap().remove(name);
            assert_eq!(read(headers), None, "{name}");
        }
    }

    #[test]
    fn signatures_with_blanks_and_commas_between_them() {
        let mac = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        for (signatures, count) in [
            (format!("v1,{mac}"), 1),
            (format!("v1,{mac} v1,{mac}"), 2),
            (format!("v1,{mac}, v1,{mac}"), 2),
            (format!("v1a,{mac} v2,{mac} {mac} v1,AAAA v1,"), 0),
            (format!("v1,{mac},v1,{mac}"), 0),
            (format!("v1,{mac} ").repeat(1_000), 8),
        ] {
            assert_eq!(macs(&signatures).count(), count, "{signatures}");
        }
    }
}
