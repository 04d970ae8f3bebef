//! The tenant's signing keys and their signatures, and the key of a stranger.

use std::sync::LazyLock;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL},
};
use ring::{hmac, rand::SystemRandom, rsa, signature};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

/// The id of the first key. The next is `sandbox-auth0-key-2`, and so on.
pub const KEY_ID: &str = "sandbox-auth0-key-1";

/// The signer of [`Auth0::mint`](super::Auth0::mint). If the signer allows several algorithms, the header's `alg`
/// chooses digest and padding.
#[derive(Clone, Copy, Debug)]
pub enum Signer<'a> {
    /// The current signing key.
    Current,
    /// The previous signing key, published or not. It exists after the first rotation.
    Old,
    /// An RSA key that is not the tenant's.
    Stranger,
    /// The public half of the current key. Its PEM text is used as an HMAC secret.
    PublicKey,
    /// This HMAC secret.
    Secret(&'a [u8]),
    /// No signer: the signature is empty.
    Nobody,
}

pub(super) struct Key {
    pem: &'static str,
    pair: signature::RsaKeyPair,
}

/// Fixed keys with their certificates, used in turn. Generating keys at every start takes too long.
static TENANT: LazyLock<[Key; 2]> =
    LazyLock::new(|| [include_str!("key-1.pem"), include_str!("key-2.pem")].map(Key::read));

pub(super) static STRANGER: LazyLock<Key> =
    LazyLock::new(|| Key::read(include_str!("stranger.pem")));

impl Key {
    fn read(pem: &'static str) -> Self {
        let der = BASE64
            .decode(base64(pem, "PRIVATE KEY").expect("a private key"))
            .expect("the test key's base64");
        Self {
            pem,
            pair: signature::RsaKeyPair::from_pkcs8(&der).expect("the test key"),
        }
    }

    fn sign(&self, alg: &str, text: &str) -> Vec<u8> {
        let encoding: &dyn signature::RsaEncoding = match alg {
            "RS384" => &signature::RSA_PKCS1_SHA384,
            "RS512" => &signature::RSA_PKCS1_SHA512,
            "PS256" => &signature::RSA_PSS_SHA256,
            _ => &signature::RSA_PKCS1_SHA256,
        };
        let mut signed = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(encoding, &SystemRandom::new(), text.as_bytes(), &mut signed)
            .expect("a signature of the key's length");
        signed
    }

    pub(super) fn jwk(&self, id: &str) -> Value {
        let public = rsa::PublicKeyComponents::<Vec<u8>>::from(self.pair.public());
        let mut jwk = json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": id, "n": BASE64URL.encode(public.n), "e": BASE64URL.encode(public.e),
        });
        if let Some(certificate) = base64(self.pem, "CERTIFICATE") {
            let der = BASE64
                .decode(&certificate)
                .expect("the certificate's base64");
            jwk["x5t"] = BASE64URL.encode(Sha1::digest(der)).into();
            jwk["x5c"] = json!([certificate]);
        }
        jwk
    }
}

/// A block of a PEM file, with its first and last line.
fn block<'a>(pem: &'a str, label: &str) -> Option<&'a str> {
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    let from = pem.find(&begin)?;
    let to = pem.find(&end)? + end.len();
    pem.get(from..to)
}

fn base64(pem: &str, label: &str) -> Option<String> {
    Some(
        block(pem, label)?
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect(),
    )
}

/// The signing key and the published keys.
pub(super) struct Keys {
    /// Number of the current key, from 0.
    pub(super) current: usize,
    /// True while the previous key is still published.
    pub(super) old: bool,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self {
            current: 0,
            old: false,
        }
    }

    /// The id and the key with this number.
    pub(super) fn key(number: usize) -> (String, &'static Key) {
        (
            format!("sandbox-auth0-key-{}", number + 1),
            &TENANT[number % 2],
        )
    }

    /// Signs an access token or an ID token, as the tenant does.
    pub(super) fn sign(&self, typ: &str, claims: &Value) -> String {
        let (id, _) = Self::key(self.current);
        self.make(
            &json!({ "alg": "RS256", "typ": typ, "kid": id }),
            claims,
            Signer::Current,
        )
    }

    pub(super) fn make(&self, header: &Value, claims: &Value, signer: Signer<'_>) -> String {
        let text = [header, claims]
            .map(|part| BASE64URL.encode(part.to_string()))
            .join(".");
        let alg = header["alg"].as_str().unwrap_or_default();
        let (_, current) = Self::key(self.current);
        let hash = |secret: &[u8]| {
            let algorithm = match alg {
                "HS384" => hmac::HMAC_SHA384,
                "HS512" => hmac::HMAC_SHA512,
                _ => hmac::HMAC_SHA256,
            };
            hmac::sign(&hmac::Key::new(algorithm, secret), text.as_bytes())
                .as_ref()
                .to_vec()
        };
        let signature = match signer {
            Signer::Current => current.sign(alg, &text),
            Signer::Old => Self::key(self.before()).1.sign(alg, &text),
            Signer::Stranger => STRANGER.sign(alg, &text),
            Signer::PublicKey => hash(public_pem(current).as_bytes()),
            Signer::Secret(secret) => hash(secret),
            Signer::Nobody => vec![],
        };
        format!("{text}.{}", BASE64URL.encode(signature))
    }

    pub(super) fn before(&self) -> usize {
        self.current.checked_sub(1).expect("no key was rotated out")
    }
}

pub(super) fn public_pem(key: &Key) -> String {
    block(key.pem, "PUBLIC KEY")
        .map(|block| format!("{block}\n"))
        .expect("the test key's public half")
}
