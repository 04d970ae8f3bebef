//! The token of a webhook, which is for one body and a few minutes.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use ring::{digest, hmac};
use serde_json::{Value, json};
use shared::rules::jwt::{Invalid, check_webhook};

const KEY: &[u8] = b"a-sufficiently-long-shared-secret-of-32+bytes!";
const BODY: &[u8] = b"{\"status\":\"answered\"}";
const NOW: u64 = 1_800_000_000;
const MAX_AGE: u64 = 300;

fn hash(body: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, body))
}

fn verdict(key: &[u8], claims: &Value) -> Result<(), Invalid> {
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let encode = |part: &Value| BASE64URL.encode(part.to_string());
    let signed = format!("{}.{}", encode(&header), encode(claims));
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes());
    let token = format!("{signed}.{}", BASE64URL.encode(mac));
    let now = UNIX_EPOCH + Duration::from_secs(NOW);
    check_webhook(&token, KEY, BODY, MAX_AGE, now)
}

#[test]
fn a_fresh_token_fits_its_own_body_only() {
    let fresh = |hash: String| json!({ "iat": NOW, "payload_hash": hash });
    assert_eq!(verdict(KEY, &fresh(hash(BODY))), Ok(()));
    for claims in [
        fresh(hash(b"{\"status\":\"failed\"}")),
        fresh(hash(BODY).to_ascii_uppercase()),
        fresh(String::new()),
        json!({ "iat": NOW }),
    ] {
        assert_eq!(verdict(KEY, &claims), Err(Invalid::Claims), "{claims}");
    }
    let forged = verdict(b"another key", &fresh(hash(BODY)));
    assert_eq!(forged, Err(Invalid::Signature));
}

#[test]
fn a_recorded_token_is_refused_after_its_time() {
    let issued = |iat: Value| verdict(KEY, &json!({ "iat": iat, "payload_hash": hash(BODY) }));
    for good in [NOW - MAX_AGE + 1, NOW, NOW + 30] {
        assert_eq!(issued(good.into()), Ok(()), "{good}");
    }
    for bad in [
        json!(NOW - MAX_AGE),
        json!(0),
        json!(NOW + 31),
        json!(u64::MAX),
        json!(NOW.to_string()),
        json!(null),
    ] {
        assert_eq!(issued(bad.clone()), Err(Invalid::Claims), "{bad}");
    }
}

#[test]
fn a_webhooks_own_times_count_too() {
    for (name, time, good) in [
        ("exp", NOW + 1, true),
        ("exp", NOW - 30, false),
        ("nbf", NOW, true),
        ("nbf", NOW + 31, false),
    ] {
        let mut claims = json!({ "iat": NOW, "payload_hash": hash(BODY) });
        claims[name] = time.into();
        assert_eq!(verdict(KEY, &claims).is_ok(), good, "{claims}");
    }
}
