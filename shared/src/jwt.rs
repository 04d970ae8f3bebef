//! JSON Web Tokens (RFC 7519) with the algorithm fixed by us, never by the token. The cryptography behind jsonwebtoken is ring's,
//! which TLS has linked already.

use std::time::SystemTime;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use ring::hmac;
use serde::Deserialize;
use serde_json::Value;

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
