//! JSON Web Tokens (RFC 7519). We fix the algorithm; the token never chooses it. The cryptography
//! behind jsonwebtoken is ring's, which TLS has linked already.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey, Validation};
use ring::rand::SystemRandom;
use ring::{digest, hmac, signature as algorithms};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::platform::time::epoch;

/// Longer tokens are rejected unread.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// Clocks may differ by this many seconds.
const LEEWAY: u64 = 30;
/// An `exp` beyond the year 5138 is not a time in seconds.
const LATEST_EXPIRY: u64 = 100_000_000_000;

/// Why a token is rejected; the words are for logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// Not signed with this key, or signed with another algorithm, or not a token at all.
    Signature,
    /// Signed with this key, but the claims do not match, or the token is not valid now.
    Claims,
}

#[derive(Debug, Deserialize)]
struct Times {
    exp: Option<Value>,
    nbf: Option<Value>,
    iat: Option<Value>,
}

impl Times {
    /// Whether the times that are present fit `now`. Only whole seconds are accepted; texts,
    /// fractions, negative and huge numbers are rejected.
    fn are_current(&self, now: SystemTime) -> bool {
        let (latest, earliest) = (epoch(now) + LEEWAY, epoch(now).saturating_sub(LEEWAY));
        let holds = |claim: &Option<Value>, holds: &dyn Fn(u64) -> bool| {
            claim
                .as_ref()
                .is_none_or(|value| value.as_u64().is_some_and(holds))
        };
        holds(&self.exp, &|exp| exp > earliest && exp < LATEST_EXPIRY)
            && holds(&self.nbf, &|nbf| nbf <= latest)
            && holds(&self.iat, &|iat| iat <= latest)
    }

    /// Whether the token has an end that is still to come, or needs none.
    fn lasts(&self, expected: &Expected, now: SystemTime) -> bool {
        match (&self.exp, &self.iat) {
            (Some(_), _) => true,
            (None, Some(iat)) => iat.as_u64().is_some_and(|iat| {
                iat.saturating_add(expected.life) > epoch(now).saturating_sub(LEEWAY)
            }),
            (None, None) => expected.undated,
        }
    }
}

/// The claims that a token with a shared key must have.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Must be in `aud`.
    pub audience: String,
    /// Must be `sub`.
    pub subject: String,
    /// Seconds for which a token without `exp` is valid, counted from its `iat`.
    pub life: u64,
    /// Whether a token with neither `exp` nor `iat` is accepted. Such a token is valid as long as
    /// its key.
    pub undated: bool,
}

/// Checks an HS256 token: it has the `expected` claims, and `exp`, `nbf`, `iat` fit `now` where
/// they are present.
///
/// # Errors
/// [`Invalid`].
pub fn check_hs256(
    token: &str,
    key: &[u8],
    expected: &Expected,
    now: SystemTime,
) -> Result<(), Invalid> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_required_spec_claims(&["aud", "sub"]);
    validation.set_audience(&[&expected.audience]);
    validation.sub = Some(expected.subject.clone());
    let times: Times = decode(token, &DecodingKey::from_secret(key), validation)?;
    if times.are_current(now) && times.lasts(expected, now) {
        Ok(())
    } else {
        Err(Invalid::Claims)
    }
}

/// Checks the HS256 token of a webhook, which holds the SHA-256 hash of the `body` as `payload_hash`.
/// `iat` is at most `max_age` seconds ago.
///
/// # Errors
/// [`Invalid`].
pub fn check_webhook(
    token: &str,
    key: &[u8],
    body: &[u8],
    max_age: u64,
    now: SystemTime,
) -> Result<(), Invalid> {
    #[derive(Deserialize)]
    struct Hook {
        payload_hash: Option<String>,
        #[serde(flatten)]
        times: Times,
    }
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_required_spec_claims::<&str>(&[]);
    validation.validate_aud = false;
    let hook: Hook = decode(token, &DecodingKey::from_secret(key), validation)?;
    let hash = hex::encode(digest::digest(&digest::SHA256, body));
    let issued = hook.times.iat.as_ref().and_then(Value::as_u64);
    let is_fresh = issued.is_some_and(|iat| iat.saturating_add(max_age) > epoch(now));
    if is_fresh && hook.times.are_current(now) && hook.payload_hash == Some(hash) {
        Ok(())
    } else {
        Err(Invalid::Claims)
    }
}

fn decode<T: DeserializeOwned>(
    token: &str,
    key: &DecodingKey,
    mut validation: Validation,
) -> Result<T, Invalid> {
    if token.len() > MAX_TOKEN_BYTES || token.split('.').count() != 3 {
        return Err(Invalid::Signature);
    }
    // This fails if an earlier token has installed it already.
    let _ = RING.install_default();
    // The library's time checks use its own clock, so they are off. The times are checked
    // afterwards.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let header = jsonwebtoken::decode_header(token).map_err(|_| Invalid::Signature)?;
    // A reader must reject critical extensions that it does not understand (RFC 7515, section
    // 4.1.11). We understand none.
    if header.crit.is_some() {
        return Err(Invalid::Signature);
    }
    let decoded =
        jsonwebtoken::decode::<T>(token, key, &validation).map_err(|error| match error.kind() {
            // Json: the header could be read and the signature fits, so the claims have another
            // shape.
            ErrorKind::InvalidAudience
            | ErrorKind::InvalidIssuer
            | ErrorKind::InvalidSubject
            | ErrorKind::MissingRequiredClaim(_)
            | ErrorKind::Json(_) => Invalid::Claims,
            _ => Invalid::Signature,
        })?;
    Ok(decoded.claims)
}

/// A public key of RS256 (RFC 7518, section 3.3).
#[derive(Clone)]
pub struct Key(DecodingKey);

impl Key {
    /// A key of a JSON Web Key Set with its `kid`; `None` if it is not an RS256 signature key of
    /// 2048 to 8192 bits.
    pub fn from_jwk(jwk: &Value) -> Option<(String, Self)> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let suits = |name: &str, value: &str| text(name).is_none_or(|text| text == value);
        let (n, e) = (text("n")?, text("e")?);
        if text("kty") != Some("RSA")
            || !suits("use", "sig")
            || !suits("alg", "RS256")
            || e.len() > 16
        {
            return None;
        }
        let modulus = URL_SAFE_NO_PAD.decode(n).ok()?;
        let bits = modulus.len() * 8 - usize::try_from(modulus.first()?.leading_zeros()).ok()?;
        if !(2048..=8192).contains(&bits) {
            return None;
        }
        Some((
            text("kid")?.to_owned(),
            Self(DecodingKey::from_rsa_components(n, e).ok()?),
        ))
    }
}

/// The claims of an access token that [`check_rs256`] leaves to the caller.
#[derive(Debug, Deserialize)]
pub struct Claims {
    #[serde(default)]
    scope: Option<String>,
    #[serde(flatten)]
    times: Times,
}

impl Claims {
    /// The scopes granted.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scope
            .as_deref()
            .unwrap_or_default()
            .split(' ')
            .filter(|scope| !scope.is_empty())
    }
}

/// The `kid` of a token whose header names RS256 and either the type of access tokens or no
/// particular type. It proves nothing yet.
pub fn key_id(token: &str) -> Option<String> {
    if token.len() > MAX_TOKEN_BYTES || token.split('.').count() != 3 {
        return None;
    }
    let header = jsonwebtoken::decode_header(token).ok()?;
    let typ = header.typ.as_deref().unwrap_or("JWT").to_ascii_lowercase();
    let fits = header.alg == Algorithm::RS256
        && matches!(
            typ.strip_prefix("application/").unwrap_or(&typ),
            "jwt" | "at+jwt"
        );
    header.kid.filter(|_| fits)
}

/// Checks an RS256 access token: `iss` is `issuer`, `aud` holds `audience`, `exp` is there, and all
/// times fit `now`.
///
/// # Errors
/// [`Invalid`].
pub fn check_rs256(
    token: &str,
    key: &Key,
    issuer: &str,
    audience: &str,
    now: SystemTime,
) -> Result<Claims, Invalid> {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_required_spec_claims(&["exp", "aud", "iss"]);
    validation.set_audience(&[audience]);
    validation.set_issuer(&[issuer]);
    let claims: Claims = decode(token, &key.0, validation)?;
    if claims.times.exp.is_some() && claims.times.are_current(now) {
        Ok(claims)
    } else {
        Err(Invalid::Claims)
    }
}

/// Signs `claims` as an RS256 token (RFC 7518, section 3.3) with the RSA key in `pem` (PKCS#8 or
/// PKCS#1, 2048 bits and more). The other side knows the key as `key_id`, if it knows several.
/// `None` if `pem` is not such a key.
pub fn sign_rs256(claims: &Value, key_id: Option<&str>, pem: &str) -> Option<String> {
    let key = match PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()? {
        PrivateKeyDer::Pkcs8(key) => algorithms::RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(key) => algorithms::RsaKeyPair::from_der(key.secret_pkcs1_der()),
        _ => return None,
    };
    let key = key.ok()?;
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let mut header = json!({ "alg": "RS256", "typ": "JWT" });
    if let Some(key_id) = key_id {
        header["kid"] = key_id.into();
    }
    let signed = format!("{}.{}", encode(&header), encode(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &algorithms::RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        signed.as_bytes(),
        &mut signature,
    )
    .ok()?;
    Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

static RING: CryptoProvider = CryptoProvider {
    signer_factory: |_: &Algorithm, _: &EncodingKey| -> Result<Box<dyn JwtSigner>, Error> {
        Err(ErrorKind::InvalidAlgorithm.into())
    },
    verifier_factory: |algorithm: &Algorithm,
                       key: &DecodingKey|
     -> Result<Box<dyn JwtVerifier>, Error> {
        match algorithm {
            Algorithm::HS256 => Ok(Box::new(Hs256(hmac::Key::new(
                hmac::HMAC_SHA256,
                key.try_get_as_bytes()?,
            )))),
            Algorithm::RS256 => Ok(Box::new(Rs256(key.clone()))),
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

struct Rs256(DecodingKey);

impl Verifier<Vec<u8>> for Rs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let DecodingKeyKind::RsaModulusExponent { n, e } = self.0.kind() else {
            return Err(signature::Error::new());
        };
        let key = algorithms::RsaPublicKeyComponents { n, e };
        key.verify(&algorithms::RSA_PKCS1_2048_8192_SHA256, message, signature)
            .map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Rs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }
}
