//! RS256: the access tokens that we check, the keys that a tenant publishes, and the assertions that we sign.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64URL};
use ring::signature::{KeyPair as _, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use shared::rules::jwt::{Claims, Invalid, Key, check_rs256, key_id, sign_rs256};

const PEM: &str = include_str!("../../../sandbox/src/okta/test-key.pem");
const ISSUER: &str = "https://acme.example/";
const AUDIENCE: &str = "https://api.acme.example";
const NOW: u64 = 1_800_000_000;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

/// The PKCS#1 form of the key, without PEM.
fn pkcs1() -> Vec<u8> {
    let pkcs8 = PrivateKeyDer::from_pem_slice(PEM.as_bytes()).unwrap();
    // PKCS#8 wraps PKCS#1 in 26 bytes for a key of this size.
    pkcs8.secret_der()[26..].to_vec()
}

/// The public half as a tenant publishes it, with these changes.
fn published(changes: &Value) -> Value {
    let pair = RsaKeyPair::from_der(&pkcs1()).unwrap();
    // A sequence of 4 bytes, the modulus of 256 bytes after 5 bytes, and the exponent.
    let der = pair.public_key().as_ref();
    let (n, e) = (&der[9..9 + 256], &der[der.len() - 3..]);
    let mut jwk = json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "k1", "n": BASE64URL.encode(n), "e": BASE64URL.encode(e) });
    for (name, value) in changes.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk.as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    jwk
}

fn accepted(changes: &Value) -> Option<String> {
    Key::from_jwk(&published(changes)).map(|(id, _)| id)
}

fn token(changes: &Value) -> String {
    let mut claims = json!({ "iss": ISSUER, "aud": AUDIENCE, "iat": NOW, "exp": NOW + 300, "scope": "read:x  write:x" });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    sign_rs256(&claims, Some("k1"), PEM).unwrap()
}

fn check(token: &str) -> Result<Claims, Invalid> {
    let (_, key) = Key::from_jwk(&published(&json!({}))).unwrap();
    check_rs256(token, &key, ISSUER, AUDIENCE, now())
}

#[test]
fn what_the_key_signed_is_accepted_with_its_scopes() {
    let claims = check(&token(&json!({}))).unwrap();
    assert_eq!(claims.scopes().collect::<Vec<_>>(), ["read:x", "write:x"]);
    let none = check(&token(&json!({ "scope": null }))).unwrap();
    assert_eq!(none.scopes().count(), 0);
}

#[test]
fn an_expired_token_or_one_for_others_is_refused() {
    for changes in [
        json!({ "exp": NOW - 30 }),
        json!({ "exp": null }),
        json!({ "exp": "later" }),
        json!({ "nbf": NOW + 31 }),
        json!({ "iat": NOW + 31 }),
        json!({ "iss": "https://evil.example/" }),
        json!({ "aud": "https://other.acme.example" }),
    ] {
        let verdict = check(&token(&changes)).map(|_| ());
        assert_eq!(verdict, Err(Invalid::Claims), "{changes}");
    }
}

#[test]
fn a_changed_token_is_refused() {
    let good = token(&json!({}));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let other = token(&json!({ "scope": "admin" }));
    let claims = other.split('.').nth(1).unwrap();
    for forged in [
        format!("{header}.{claims}.{signature}"),
        format!("{signed}.{}", BASE64URL.encode([0; 256])),
        format!("{signed}."),
    ] {
        let verdict = check(&forged).map(|_| ());
        assert_eq!(verdict, Err(Invalid::Signature), "{forged}");
    }
}

#[test]
fn both_forms_of_an_rsa_key_sign_and_other_keys_do_not() {
    let pem = |name: &str, der: &[u8]| {
        let text = BASE64_STANDARD.encode(der);
        format!("-----BEGIN {name}-----\n{text}\n-----END {name}-----\n")
    };
    let sign = |pem: &str| sign_rs256(&json!({ "iss": "me" }), None, pem);
    let signed = sign(PEM).unwrap();
    assert_eq!(sign(&pem("RSA PRIVATE KEY", &pkcs1())), Some(signed));
    for other in [
        pem("EC PRIVATE KEY", &pkcs1()),
        pem("PRIVATE KEY", &pkcs1()),
        pem("RSA PRIVATE KEY", &pkcs1()[..200]),
        String::new(),
    ] {
        assert_eq!(sign(&other), None);
    }
}

#[test]
fn only_an_rs256_signature_key_is_taken() {
    for changes in [
        json!({}),
        json!({ "use": null }),
        json!({ "alg": null }),
        json!({ "e": "AAAAAAAAAAAAAQAB" }),
    ] {
        assert_eq!(accepted(&changes).as_deref(), Some("k1"), "{changes}");
    }
    for changes in [
        json!({ "kty": "EC" }),
        json!({ "kty": null }),
        json!({ "use": "enc" }),
        json!({ "alg": "RS512" }),
        json!({ "kid": null }),
        json!({ "n": null }),
        json!({ "e": null }),
        json!({ "e": "AAAAAAAAAAAAAAAAAQAB" }),
        json!({ "n": "" }),
        json!({ "n": "not base64!" }),
    ] {
        assert_eq!(accepted(&changes), None, "{changes}");
    }
}

#[test]
fn a_key_has_2048_to_8192_bits() {
    let of = |first: u8, bytes: usize| {
        let mut modulus = vec![0xff; bytes];
        modulus[0] = first;
        accepted(&json!({ "n": BASE64URL.encode(modulus) })).is_some()
    };
    assert!(!of(0x7f, 256), "2047 bits");
    assert!(of(0x80, 256), "2048 bits");
    assert!(of(0xff, 1024), "8192 bits");
    assert!(!of(0x01, 1025), "8193 bits");
    assert!(!of(0xff, 7_000), "a key that takes long to use");
}

#[test]
fn the_key_is_named_by_access_tokens_and_by_tokens_of_no_type() {
    let headed = |header: &Value| format!("{}.e30.c2ln", BASE64URL.encode(header.to_string()));
    let of = |typ: Value| key_id(&headed(&json!({ "alg": "RS256", "kid": "k1", "typ": typ })));
    for typ in [
        json!(null),
        json!("JWT"),
        json!("at+jwt"),
        json!("application/at+JWT"),
    ] {
        assert_eq!(of(typ.clone()).as_deref(), Some("k1"), "{typ}");
    }
    assert_eq!(key_id(&token(&json!({}))).as_deref(), Some("k1"));
    for typ in [json!("id+jwt"), json!("logout+jwt"), json!("")] {
        assert_eq!(of(typ.clone()), None, "{typ}");
    }
    for header in [
        json!({ "alg": "HS256", "kid": "k1" }),
        json!({ "alg": "none", "kid": "k1" }),
        json!({ "alg": "RS256" }),
    ] {
        assert_eq!(key_id(&headed(&header)), None, "{header}");
    }
    let good = headed(&json!({ "alg": "RS256", "kid": "k1" }));
    assert_eq!(key_id(&format!("{good}.x")), None);
    let filled = |bytes: usize| format!("{good}{}", "A".repeat(bytes - good.len()));
    assert_eq!(key_id(&filled(8 * 1024)).as_deref(), Some("k1"));
    assert_eq!(key_id(&filled(8 * 1024 + 1)), None);
}
