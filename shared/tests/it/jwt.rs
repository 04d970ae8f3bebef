//! Gateway tokens: published and composed vectors (sources and licences in the file), and what a forger would try.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use proptest::prelude::*;
use ring::hmac;
use serde_json::{Value, json};
use shared::rules::jwt::{Expected, Invalid, check_hs256};

const KEY: &[u8] = b"a-sufficiently-long-shared-secret-of-32+bytes!";
const AUDIENCE: &str = "urn:MySmsGateway";
const SUBJECT: &str = "urn:Auth0";
const NOW: u64 = 1_800_000_000;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn expected(audience: &str, subject: &str) -> Expected {
    Expected {
        audience: audience.to_owned(),
        subject: subject.to_owned(),
        life: 3_600,
        undated: true,
    }
}

fn check(token: &str) -> Result<(), Invalid> {
    check_hs256(token, KEY, &expected(AUDIENCE, SUBJECT), at(NOW))
}

fn signed_with(algorithm: hmac::Algorithm, key: &[u8], header: &Value, claims: &str) -> String {
    let signed = format!(
        "{}.{}",
        BASE64URL.encode(header.to_string()),
        BASE64URL.encode(claims)
    );
    let mac = hmac::sign(&hmac::Key::new(algorithm, key), signed.as_bytes());
    format!("{signed}.{}", BASE64URL.encode(mac))
}

/// Signed with the right key under this header.
fn headed(header: &Value) -> String {
    signed_with(
        hmac::HMAC_SHA256,
        KEY,
        header,
        &claims(&json!({})).to_string(),
    )
}

/// The usual claims with these changes; null takes one away.
fn claims(changes: &Value) -> Value {
    let mut all =
        json!({"iss": SUBJECT, "sub": SUBJECT, "aud": AUDIENCE, "iat": NOW - 1, "exp": NOW + 300});
    for (name, value) in changes.as_object().unwrap() {
        all[name] = value.clone();
    }
    all.as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    all
}

fn token(changes: &Value) -> String {
    raw(&claims(changes).to_string())
}

fn raw(claims: &str) -> String {
    signed_with(
        hmac::HMAC_SHA256,
        KEY,
        &json!({"alg": "HS256", "typ": "JWT"}),
        claims,
    )
}

#[test]
fn vectors() {
    let file: Value = serde_json::from_str(include_str!("../vectors/jwt.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    for case in cases {
        let text = |name: &str| case[name].as_str().unwrap_or_default();
        let key = match (case["secret_base64url"].as_str(), case["jwk"]["k"].as_str()) {
            (Some(encoded), _) | (_, Some(encoded)) => BASE64URL.decode(encoded).unwrap(),
            _ => text("secret_utf8").as_bytes().to_vec(),
        };
        let (audience, subject) = (
            case["expect_audience"].as_str().unwrap_or(AUDIENCE),
            case["expect_subject"].as_str().unwrap_or(SUBJECT),
        );
        let verdict = check_hs256(
            text("jws"),
            &key,
            &expected(audience, subject),
            at(case["now"].as_u64().unwrap_or(NOW)),
        );
        let valid = case["valid"].as_bool().unwrap();
        // Of others' tokens only the signature can fit.
        if text("check").starts_with("signature only") {
            let expected = if valid {
                Invalid::Claims
            } else {
                Invalid::Signature
            };
            assert_eq!(verdict, Err(expected), "{}", text("id"));
        } else {
            assert_eq!(verdict.is_ok(), valid, "{}", text("id"));
        }
    }
    assert_eq!(cases.len(), 13);
}

#[test]
fn the_algorithm_is_not_the_tokens_choice() {
    for algorithm in [
        "none", "NoNe", "NONE", "hs256", "HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "",
        "HS256 ",
    ] {
        assert_eq!(
            check(&headed(&json!({"alg": algorithm, "typ": "JWT"}))),
            Err(Invalid::Signature),
            "{algorithm}"
        );
    }
    for (algorithm, name) in [
        (hmac::HMAC_SHA384, "HS384"),
        (hmac::HMAC_SHA512, "HS512"),
        (hmac::HMAC_SHA512, "HS256"),
    ] {
        let token = signed_with(
            algorithm,
            KEY,
            &json!({"alg": name}),
            &claims(&json!({})).to_string(),
        );
        assert_eq!(check(&token), Err(Invalid::Signature), "{name}");
    }
    for header in [
        json!({}),
        json!({"typ": "JWT"}),
        json!({"alg": null}),
        json!({"alg": ["HS256"]}),
        json!([]),
        json!("HS256"),
    ] {
        assert_eq!(check(&headed(&header)), Err(Invalid::Signature), "{header}");
    }
    for critical in [json!([]), json!(["exp"]), json!(["b64"])] {
        let header = json!({"alg": "HS256", "crit": critical, "b64": false});
        assert_eq!(check(&headed(&header)), Err(Invalid::Signature), "{header}");
    }
}

#[test]
fn nor_is_the_key() {
    let own = b"the forger's own key, long enough for anyone";
    let jwk = json!({"kty": "oct", "k": BASE64URL.encode(own), "alg": "HS256"});
    for header in [
        json!({"alg": "HS256", "kid": "../../../../dev/null"}),
        json!({"alg": "HS256", "kid": "x' UNION SELECT 'key'; --"}),
        json!({"alg": "HS256", "jku": "https://evil.example/jwks.json"}),
        json!({"alg": "HS256", "x5u": "https://evil.example/cert.pem"}),
        json!({"alg": "HS256", "jwk": jwk}),
    ] {
        for key in [&own[..], b"", b"\0"] {
            let forged = signed_with(
                hmac::HMAC_SHA256,
                key,
                &header,
                &claims(&json!({})).to_string(),
            );
            assert_eq!(check(&forged), Err(Invalid::Signature), "{header}");
        }
        assert_eq!(
            check(&headed(&header)),
            Ok(()),
            "signed with ours, whatever else the header says: {header}"
        );
    }
}

#[test]
fn the_form_is_exact() {
    let good = token(&json!({}));
    assert_eq!(check(&good), Ok(()));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, body) = signed.split_once('.').unwrap();
    let other = BASE64URL.encode(claims(&json!({"exp": NOW + 301})).to_string());
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        signed.to_owned(),
        format!("{signed}."),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!("{header}.{other}.{signature}"),
        format!("{header}..{signature}"),
        format!(".{body}.{signature}"),
        format!("{good}="),
        format!("{good}A"),
        format!(" {good}"),
        format!("{good}\n"),
        good[..good.len() - 1].to_owned(),
        token(&json!({"pad": "a".repeat(8 * 1024)})),
        raw("null"),
        raw("[]"),
        raw("{"),
        raw(&format!(
            r#"{{"aud":"{AUDIENCE}","sub":"{SUBJECT}","exp":1,"exp":{}}}"#,
            NOW + 300
        )),
    ] {
        assert!(check(&bad).is_err(), "{bad}");
    }
    // A token has at most 8 KiB.
    let padded = (5_900..6_000).map(|bytes| token(&json!({"pad": "a".repeat(bytes)})));
    let (fits, too_long): (Vec<_>, Vec<_>) = padded.partition(|token| token.len() <= 8 * 1024);
    assert_eq!(fits.last().unwrap().len(), 8 * 1024);
    assert!(fits.iter().all(|token| check(token) == Ok(())));
    assert!(!too_long.is_empty() && too_long.iter().all(|token| check(token).is_err()));
}

#[test]
fn audience_and_subject_are_required_and_compared() {
    for changes in [
        json!({"aud": null}),
        json!({"aud": ""}),
        json!({"aud": "urn:Other"}),
        json!({"aud": "urn:mysmsgateway"}),
        json!({"aud": "urn:MySmsGateway/"}),
        json!({"aud": []}),
        json!({"aud": ["urn:Other"]}),
        json!({"aud": 1}),
        json!({"aud": {"urn:MySmsGateway": true}}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"sub": "urn:Else"}),
        json!({"sub": [SUBJECT]}),
        json!({"sub": 1}),
        json!({"aud": null, "sub": null}),
    ] {
        assert!(check(&token(&changes)).is_err(), "{changes}");
    }
    assert_eq!(
        check(&token(&json!({"aud": ["urn:Other", AUDIENCE]}))),
        Ok(())
    );
    for name in ["aud", "sub"] {
        let mut explicit = claims(&json!({}));
        explicit[name] = Value::Null;
        assert!(check(&raw(&explicit.to_string())).is_err(), "{name} null");
    }
}

#[test]
fn times_count_where_they_are_present() {
    for changes in [
        json!({"exp": (NOW + 300).to_string()}),
        json!({"exp": 1_800_000_300.5}),
        json!({"exp": -1}),
        json!({"exp": 0}),
        json!({"exp": 1e30}),
        json!({"exp": u64::MAX}),
        json!({"exp": (NOW + 300) * 1000}),
        json!({"exp": 100_000_000_000_u64}),
        json!({"exp": NOW - 30}),
        json!({"exp": true}),
        json!({"exp": [NOW + 300]}),
        json!({"nbf": NOW + 31}),
        json!({"nbf": (NOW - 1).to_string()}),
        json!({"nbf": -1}),
        json!({"iat": NOW + 31}),
        json!({"iat": "now"}),
    ] {
        assert_eq!(check(&token(&changes)), Err(Invalid::Claims), "{changes}");
    }
    for changes in [
        json!({"exp": null, "iat": null, "iss": null}),
        json!({"exp": NOW - 29}),
        json!({"exp": 99_999_999_999_u64}),
        json!({"nbf": NOW + 30}),
        json!({"iat": NOW + 30}),
        json!({"nbf": NOW, "iat": 0}),
    ] {
        assert_eq!(check(&token(&changes)), Ok(()), "{changes}");
    }
}

#[test]
fn a_token_without_exp_is_as_old_as_its_iat() {
    let check = |changes: &Value, life, undated| {
        check_hs256(
            &token(changes),
            KEY,
            &Expected {
                life,
                undated,
                ..expected(AUDIENCE, SUBJECT)
            },
            at(NOW),
        )
    };
    for (changes, life, undated, good) in [
        (json!({"exp": null, "iat": NOW}), 3_600, false, true),
        (json!({"exp": null, "iat": NOW + 30}), 60, false, true),
        (json!({"exp": null, "iat": NOW + 31}), 3_600, true, false),
        (
            json!({"exp": null, "iat": NOW - 3_600 - 29}),
            3_600,
            false,
            true,
        ),
        (
            json!({"exp": null, "iat": NOW - 3_600 - 30}),
            3_600,
            false,
            false,
        ),
        (
            json!({"exp": null, "iat": NOW - 3_600 - 30}),
            3_601,
            false,
            true,
        ),
        (
            json!({"exp": null, "iat": NOW - 3_600 - 30}),
            3_600,
            true,
            false,
        ),
        (json!({"exp": null, "iat": 0}), 3_600, true, false),
        (
            json!({"exp": null, "iat": NOW.to_string()}),
            3_600,
            true,
            false,
        ),
        (json!({"exp": null, "iat": -1}), 3_600, true, false),
        (json!({"exp": null, "iat": u64::MAX}), 3_600, true, false),
        (json!({"exp": null, "iat": null}), 3_600, true, true),
        (json!({"exp": null, "iat": null}), 3_600, false, false),
        (
            json!({"exp": null, "iat": null, "nbf": NOW}),
            3_600,
            false,
            false,
        ),
        (json!({"exp": NOW + 1, "iat": null}), 60, false, true),
        (json!({"exp": NOW + 1, "iat": 0}), 60, false, true),
    ] {
        assert_eq!(
            check(&changes, life, undated).is_ok(),
            good,
            "{changes} {life} {undated}"
        );
    }
}

proptest! {
    #[test]
    fn any_changed_character_is_refused(at in any::<prop::sample::Index>(), with in "[A-Za-z0-9_-]") {
        let mut changed = token(&json!({}));
        let at = at.index(changed.len());
        prop_assume!(changed[at..=at] != with);
        changed.replace_range(at..=at, &with);
        prop_assert!(check(&changed).is_err());
    }

    #[test]
    fn anything_at_all_is_answered(text in ".{0,200}") {
        prop_assert!(check(&text).is_err());
    }
}
