//! Tokens: JSON Web Tokens with a shared key, and keys of a tenant.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{digest, hmac};
use serde_json::Value;
use serde_json::value::RawValue;
use shared::rules::jwt::{Expected, Key, check_hs256, check_rs256, check_webhook, key_id};

use crate::line;

const KEY: &[u8] = b"a-gateway-secret-of-32-bytes-and-more";
const NOW: u64 = 1_795_780_800;
/// The clocks of two machines differ by no more.
const LEEWAY: u64 = 30;

/// A token counts only with the right MAC and the right claims, as a second reader sees them. The
/// first line of the input is a header or a token, the rest the claims.
pub fn jwt(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (head, claims) = line(&text);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    let expected = Expected {
        audience: "urn:MySmsGateway".to_owned(),
        subject: "urn:Auth0".to_owned(),
        life: 3_600,
        undated: false,
    };
    let _id = key_id(head);
    let sent = check_hs256(head, KEY, &expected, now);
    assert!(sent.is_err() || has_mac(head), "{head}");
    let header = match serde_json::from_str::<Value>(head) {
        Ok(header) if header.is_object() => head,
        _ => r#"{"alg":"HS256","typ":"JWT"}"#,
    };
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let signed = format!("{}.{}", encode(header), encode(claims));
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, KEY), signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac));
    let _id = key_id(&token);
    let counts = check_hs256(&token, KEY, &expected, now).is_ok();
    assert!(!counts || serde_json::from_str::<&RawValue>(claims).is_ok());
    let Ok(read) = serde_json::from_str::<Value>(claims) else {
        // The claims are no JSON, or one that does not count is a number too large to be read.
        return;
    };
    if counts {
        let audience = &read["aud"];
        let audiences = audience.as_array().cloned();
        let audiences = audiences.unwrap_or_else(|| vec![audience.clone()]);
        assert!(audiences.contains(&"urn:MySmsGateway".into()), "{claims}");
        assert_eq!(read["sub"], "urn:Auth0");
        let end = read["exp"].as_u64();
        let end = end.or_else(|| read["iat"].as_u64().map(|iat| iat.saturating_add(3_600)));
        assert!(end.is_some_and(|end| end > NOW - LEEWAY), "{claims}");
        let begins = |name: &str| read[name].as_u64().unwrap_or_default();
        assert!(begins("nbf") <= NOW + LEEWAY && begins("iat") <= NOW + LEEWAY);
        let header: Value = serde_json::from_str(header).expect("a header of JSON");
        assert_eq!(header["alg"], "HS256");
    }
    let body = head.as_bytes();
    if check_webhook(&token, KEY, body, 300, now).is_ok() {
        let hash = hex::encode(digest::digest(&digest::SHA256, body));
        assert_eq!(read["payload_hash"], hash);
        assert!(read["iat"].as_u64().is_some_and(|iat| iat + 300 > NOW));
    }
    if let Some((_, key)) = Key::from_jwk(&read) {
        assert!(check_rs256(head, &key, "https://acme.example/", "a", now).is_err());
        assert!(check_rs256(&token, &key, "https://acme.example/", "a", now).is_err());
    }
}

fn has_mac(token: &str) -> bool {
    let Some((signed, mac)) = token.rsplit_once('.') else {
        return false;
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, KEY);
    let mac = URL_SAFE_NO_PAD.decode(mac).unwrap_or_default();
    hmac::verify(&key, signed.as_bytes(), &mac).is_ok()
}
