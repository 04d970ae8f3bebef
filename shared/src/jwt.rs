//! JSON Web Tokens (RFC 7519) with the algorithm fixed by us, never by the token. The cryptography behind jsonwebtoken is ring's,
//! which TLS has linked already.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use ring::rand::SystemRandom;
use ring::{hmac, signature as algorithms};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::table::epoch;

/// Longer tokens are refused unread.
const LONGEST: usize = 8 * 1024;
/// Clocks may differ by this many seconds.
const LEEWAY: u64 = 30;
/// An `exp` beyond the year 5138 is not a time in seconds.
const LATEST_EXPIRY: u64 = 100_000_000_000;

/// Why a token is refused; the words are for logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// Not signed with this key, or with another algorithm, or not a token at all.
    Signature,
    /// Signed, but for someone else, or not now.
    Claims,
}

#[derive(Deserialize)]
struct Times {
    exp: Option<Value>,
    nbf: Option<Value>,
    iat: Option<Value>,
}

/// Checks an HS256 token: `aud` holds `audience`, `sub` is `subject`, and `exp`, `nbf`, `iat` fit `now` where they are present.
///
/// # Errors
/// [`Invalid`].
pub fn check_hs256(token: &str, key: &[u8], audience: &str, subject: &str, now: SystemTime) -> Result<(), Invalid> {
    if token.len() > LONGEST || token.split('.').count() != 3 {
        return Err(Invalid::Signature);
    }
    // Already installed: by an earlier token.
    let _installed = RING.install_default();
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_required_spec_claims(&["aud", "sub"]);
    validation.set_audience(&[audience]);
    validation.sub = Some(subject.to_owned());
    // Its own clock is not ours; the times are checked below.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    jsonwebtoken::decode_header(token).map_err(|_| Invalid::Signature)?;
    let times = jsonwebtoken::decode::<Times>(token, &DecodingKey::from_secret(key), &validation)
        .map_err(|error| match error.kind() {
            // Json: claims of another shape under a signature that fits, for the header has been read.
            ErrorKind::InvalidAudience | ErrorKind::InvalidSubject | ErrorKind::MissingRequiredClaim(_) | ErrorKind::Json(_) => {
                Invalid::Claims
            }
            _ => Invalid::Signature,
        })?
        .claims;
    let now = epoch(now);
    // Whole seconds only: strings, fractions, negative and huge numbers are refused.
    let holds = |claim: Option<Value>, holds: &dyn Fn(u64) -> bool| claim.is_none_or(|value| value.as_u64().is_some_and(holds));
    let (latest, earliest) = (now + LEEWAY, now.saturating_sub(LEEWAY));
    let fits = holds(times.exp, &|exp| exp > earliest && exp < LATEST_EXPIRY)
        && holds(times.nbf, &|nbf| nbf <= latest)
        && holds(times.iat, &|iat| iat <= latest);
    if fits { Ok(()) } else { Err(Invalid::Claims) }
}

/// An RS256 token (RFC 7518, section 3.3) of `claims`, made with the RSA key in `pem` (PKCS#8 or PKCS#1, 2048 bits and more) that
/// the other side knows as `key_id`. `None` when `pem` is not such a key.
pub fn sign_rs256(claims: &Value, key_id: &str, pem: &str) -> Option<String> {
    let key = match PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()? {
        PrivateKeyDer::Pkcs8(key) => algorithms::RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(key) => algorithms::RsaKeyPair::from_der(key.secret_pkcs1_der()),
        _ => return None,
    };
    let key = key.ok()?;
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", encode(&json!({ "alg": "RS256", "typ": "JWT", "kid": key_id })), encode(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&algorithms::RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
    Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

static RING: CryptoProvider = CryptoProvider {
    signer_factory: |_: &Algorithm, _: &EncodingKey| -> Result<Box<dyn JwtSigner>, Error> {
        Err(ErrorKind::InvalidAlgorithm.into())
    },
    verifier_factory: |algorithm: &Algorithm, key: &DecodingKey| -> Result<Box<dyn JwtVerifier>, Error> {
        match algorithm {
            Algorithm::HS256 => Ok(Box::new(Hs256(hmac::Key::new(hmac::HMAC_SHA256, key.try_get_as_bytes()?)))),
            _ => Err(ErrorKind::InvalidAlgorithm.into()),
        }
    },
    key_utils: KeyUtils::new_unimplemented(),
};

struct Hs256(hmac::Key);

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        hmac::verify(&self.0, message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}
