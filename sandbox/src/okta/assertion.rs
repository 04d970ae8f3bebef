//! A service app's `client_assertion` (RFC 7523), signed with the test key.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL},
};
use ring::{
    rsa,
    signature::{RSA_PKCS1_2048_8192_SHA256, RsaKeyPair},
};
use serde_json::Value;

use super::service_app::{CLIENT_ID, KEY_ID, PRIVATE_KEY};

fn key() -> RsaKeyPair {
    let base64 = PRIVATE_KEY
        .lines()
        .skip_while(|line| !line.starts_with("-----"))
        .filter(|line| !line.starts_with("-----"));
    let der = BASE64
        .decode(base64.collect::<String>())
        .expect("the test key's base64");
    RsaKeyPair::from_pkcs8(&der).expect("the test key")
}

fn part(text: &str) -> Option<Value> {
    serde_json::from_slice(&BASE64URL.decode(text).ok()?).ok()
}

/// True if the header names RS256 and the key's id, and the key's signature is good.
pub(super) fn is_signed(assertion: &str) -> bool {
    let Some((signed, signature)) = assertion.rsplit_once('.') else {
        return false;
    };
    let (Some(head), Ok(signature)) = (
        signed.split_once('.').and_then(|(head, _)| part(head)),
        BASE64URL.decode(signature),
    ) else {
        return false;
    };
    let public = rsa::PublicKeyComponents::<Vec<u8>>::from(key().public());
    head["alg"] == "RS256"
        && head["kid"] == KEY_ID
        && public
            .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
            .is_ok()
}

/// Checks a signed assertion: it must be from this app, for this endpoint, and valid now. Returns
/// its `jti`, if any. The caller must accept each `jti` only once.
pub(super) fn check(
    assertion: &str,
    audience: &str,
    now: u64,
) -> Result<Option<String>, &'static str> {
    let claims = assertion
        .split('.')
        .nth(1)
        .and_then(part)
        .ok_or("the claims are not JSON")?;
    let (expires, issued) = (
        claims["exp"].as_u64().ok_or("exp is a number")?,
        claims["iat"].as_u64().ok_or("iat is a number")?,
    );
    let rules = [
        (
            claims["iss"] == CLIENT_ID && claims["sub"] == CLIENT_ID,
            "iss and sub are the client id",
        ),
        (claims["aud"] == audience, "aud is the token endpoint"),
        (expires > now, "The client_assertion token is expired."),
        (expires <= now + 3600, "exp is more than an hour ahead"),
        (issued <= now + 60, "iat is in the future"),
    ];
    let broken = rules.into_iter().find(|(holds, _)| !holds);
    broken.map_or_else(
        || Ok(claims["jti"].as_str().map(str::to_owned)),
        |(_, broken)| Err(broken),
    )
}

/// As a correct client would.
#[cfg(test)]
pub(super) fn sign(claims: &Value) -> String {
    let head = serde_json::json!({ "alg": "RS256", "kid": KEY_ID });
    let signed = [&head, claims]
        .map(|part| BASE64URL.encode(part.to_string()))
        .join(".");
    let (key, random) = (key(), ring::rand::SystemRandom::new());
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &ring::signature::RSA_PKCS1_SHA256,
        &random,
        signed.as_bytes(),
        &mut signature,
    )
    .unwrap();
    format!("{signed}.{}", BASE64URL.encode(signature))
}
