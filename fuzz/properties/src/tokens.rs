//! Tokens: JSON Web Tokens with a shared key, and keys of a tenant.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use ring::{digest, hmac};
use serde_json::{Value, json};
use shared::rules::jwt::{Expected, Key, check_hs256, check_rs256, check_webhook, key_id};

use crate::claims::{NOW, Object, Verdict};
use crate::line;

const KEY: &[u8] = b"a-gateway-secret-of-32-bytes-and-more";
const AUDIENCE: &str = "urn:MySmsGateway";
const SUBJECT: &str = "urn:Auth0";
const ISSUER: &str = "https://acme.example/";
const API: &str = "https://api.acme.example/";
/// A longer token is not read.
const LIMIT: usize = 8 * 1024;

/// A tenant's key, and the same as a reader knows it.
struct Tenant {
    pair: RsaKeyPair,
    key: Key,
    pem: &'static str,
}

static TENANT: LazyLock<Tenant> =
    LazyLock::new(|| Tenant::read(include_str!("../../../sandbox/src/auth0/key-1.pem")));
static STRANGER: LazyLock<Tenant> =
    LazyLock::new(|| Tenant::read(include_str!("../../../sandbox/src/auth0/stranger.pem")));

impl Tenant {
    fn read(pem: &'static str) -> Self {
        let lines = pem
            .lines()
            .skip_while(|line| !line.contains("BEGIN PRIVATE"));
        let lines = lines.skip(1).take_while(|line| !line.starts_with('-'));
        let der = STANDARD.decode(lines.collect::<String>()).expect("base64");
        let pair = RsaKeyPair::from_pkcs8(&der).expect("a key");
        let public = PublicKeyComponents::<Vec<u8>>::from(pair.public());
        let (n, e) = (encode(&public.n), encode(&public.e));
        let jwk = json!({ "kty": "RSA", "kid": "a", "n": n, "e": e });
        let (_, key) = Key::from_jwk(&jwk).expect("a public key");
        Self { pair, key, pem }
    }

    /// A token of this header and these claims, whatever they are.
    fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let mut signature = vec![0; self.pair.public().modulus_len()];
        let random = SystemRandom::new();
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &random,
                signed.as_bytes(),
                &mut signature,
            )
            .expect("a signature");
        format!("{signed}.{}", encode(&signature))
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn keyed(key: &[u8], header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", encode(header), encode(claims));
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes());
    format!("{signed}.{}", encode(mac))
}

/// A token counts if it has the right MAC or signature and claims that a second reader accepts, and
/// only then. After a change of one byte it does not. The first line of the input is a header or a
/// token, the rest the claims. They are tried as they are, and with what they lack to be good.
pub fn jwt(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (head, claims) = line(&text);
    let place = data.iter().map(|byte| usize::from(*byte)).sum();
    let checked = Checked {
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(NOW),
        place,
    };
    checked.sent(head);
    let read = Object::read(claims);
    let hash = hex::encode(digest::digest(&digest::SHA256, head.as_bytes()));
    let gateway = json!({ "aud": AUDIENCE, "sub": SUBJECT, "exp": NOW + 60 });
    let webhook = json!({ "payload_hash": hash, "iat": NOW });
    let access = json!({ "aud": [API, "b"], "iss": ISSUER, "exp": NOW + 60 });
    let tried = |defaults: &Value| [Some(claims.to_owned()), read.with(defaults)].into_iter();
    for claims in tried(&gateway).flatten() {
        checked.gateway(r#"{"alg":"HS256","typ":"JWT"}"#, &claims);
    }
    for claims in tried(&webhook).flatten() {
        checked.webhook(head, &hash, &claims);
    }
    for claims in tried(&access).flatten() {
        checked.access(r#"{"alg":"RS256","kid":"a","typ":"JWT"}"#, &claims);
    }
    checked.gateway(head, &gateway.to_string());
    checked.header(head, &access.to_string());
    let jwk = serde_json::from_str::<Value>(claims).ok();
    if let Some((_, key)) = jwk.and_then(|jwk| Key::from_jwk(&jwk)) {
        let token = TENANT.sign(r#"{"alg":"RS256"}"#, &access.to_string());
        for token in [head, &token] {
            assert!(check_rs256(token, &key, ISSUER, API, checked.now).is_err());
        }
    }
}

/// When the tokens are checked, and where they are changed.
struct Checked {
    now: SystemTime,
    place: usize,
}

impl Checked {
    /// A token as it was sent: nobody signs without a key.
    fn sent(&self, token: &str) {
        let _id = key_id(token);
        assert!(!self.is_gateway(token) || has_mac(token), "{token}");
        assert!(check_rs256(token, &TENANT.key, ISSUER, API, self.now).is_err());
    }

    fn is_gateway(&self, token: &str) -> bool {
        let expected = Expected {
            audience: AUDIENCE.to_owned(),
            subject: SUBJECT.to_owned(),
            life: 3_600,
            undated: false,
        };
        check_hs256(token, KEY, &expected, self.now).is_ok()
    }

    fn gateway(&self, header: &str, claims: &str) {
        let token = keyed(KEY, header, claims);
        let read = Object::read(claims).of_gateway(AUDIENCE, SUBJECT);
        let verdict = Object::read(header).of_header("HS256").and(read);
        let counts = self.is_gateway(&token);
        assert!(short(&token, verdict).allows(counts), "{header} {claims}");
        if counts {
            assert!(!self.is_gateway(&self.changed(&token)), "{header} {claims}");
            assert!(!self.is_gateway(&keyed(b"another", header, claims)));
        }
    }

    fn webhook(&self, body: &str, hash: &str, claims: &str) {
        let token = keyed(KEY, r#"{"typ":"JWT","alg":"HS256"}"#, claims);
        let check =
            |token: &str, body: &[u8]| check_webhook(token, KEY, body, 300, self.now).is_ok();
        let verdict = Object::read(claims).of_webhook(hash);
        let counts = check(&token, body.as_bytes());
        assert!(short(&token, verdict).allows(counts), "{body} {claims}");
        assert!(!check(&token, &[body.as_bytes(), b" "].concat()));
        assert!(!check(&self.changed(&token), body.as_bytes()));
    }

    fn access(&self, header: &str, claims: &str) {
        let token = TENANT.sign(header, claims);
        let read = Object::read(claims);
        let verdict = Object::read(header).of_header("RS256");
        let verdict = verdict.and(read.of_access(ISSUER, API));
        let check_with = |key, token: &str| check_rs256(token, key, ISSUER, API, self.now);
        let check = |token: &str| check_with(&TENANT.key, token);
        let checked = check(&token);
        assert!(
            short(&token, verdict).allows(checked.is_ok()),
            "{header} {claims}"
        );
        let Ok(checked) = checked else {
            return;
        };
        if verdict == Verdict::Counts {
            let scope = read
                .get("scope")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let scopes: Vec<&str> = scope.split(' ').filter(|scope| !scope.is_empty()).collect();
            assert_eq!(checked.scopes().collect::<Vec<_>>(), scopes);
        }
        assert!(check(&self.changed(&token)).is_err(), "{header} {claims}");
        assert!(check_with(&STRANGER.key, &token).is_err());
        let confused = keyed(TENANT.pem.as_bytes(), r#"{"alg":"HS256"}"#, claims);
        assert!(check(&confused).is_err());
    }

    /// The header of an access token, and the key that it names.
    fn header(&self, header: &str, claims: &str) {
        self.access(header, claims);
        let token = TENANT.sign(header, claims);
        let read = Object::read(header);
        let verdict = short(&token, read.of_header("RS256"));
        let typ = read.get("typ").and_then(Value::as_str).unwrap_or("JWT");
        let typ = typ.to_ascii_lowercase();
        let is_access = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"];
        let id = read.get("kid").and_then(Value::as_str);
        let id = id.filter(|_| is_access.contains(&typ.as_str()));
        match verdict {
            Verdict::Counts => assert_eq!(key_id(&token).as_deref(), id, "{header}"),
            // The critical extensions are checked with the signature.
            Verdict::Refused if read.get("crit").is_none() => assert_eq!(key_id(&token), None),
            _ => {}
        }
    }

    /// The token after a change of one byte.
    fn changed(&self, token: &str) -> String {
        let at = self.place % token.len();
        let other = if token[at..].starts_with('A') {
            "B"
        } else {
            "A"
        };
        format!("{}{other}{}", &token[..at], &token[at + 1..])
    }
}

/// A token that is too long is refused, whatever it says.
fn short(token: &str, verdict: Verdict) -> Verdict {
    if token.len() > LIMIT {
        Verdict::Refused
    } else {
        verdict
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
