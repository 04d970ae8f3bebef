//! `X-Twilio-Signature` (<https://www.twilio.com/docs/usage/webhooks/webhooks-security>).
//!
//! `base64(HMAC-SHA1(AuthToken, url + name1 + value1 + …))`, parameters sorted by name, values untrimmed. The scheme has no separators,
//! so one signature fits several requests, and it has no time: callers check shapes and remember SIDs themselves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};
use url::Url;

/// The addresses that Twilio may have signed for a request to `base` + `path` + `query`.
///
/// With and without port, since Twilio's own back end is not consistent there (comments in all official SDKs), and for the root
/// also without its slash, because a webhook URL may be registered that way.
pub fn candidates(base: &Url, path: &str, query: &str) -> Vec<String> {
    let user = match (base.username(), base.password()) {
        ("", None) => String::new(),
        (user, None) => format!("{user}@"),
        (user, Some(password)) => format!("{user}:{password}@"),
    };
    let origin = format!("{}://{user}{}", base.scheme(), base.host_str().unwrap_or_default());
    let ported = format!("{origin}:{}", base.port_or_known_default().unwrap_or(443));
    let prefix = base.path().trim_end_matches('/');
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    let mut urls = Vec::new();
    for base in [origin, ported] {
        urls.push(format!("{base}{prefix}{path}{query}"));
        if path == "/" {
            urls.push(format!("{base}{prefix}{query}"));
        }
    }
    urls
}

/// Whether `signature` (the header's value) was made with `token` over one of `urls` and the form's parameters. Constant time in
/// the secret-dependent part.
pub fn fits(token: &str, urls: &[String], params: &[(String, String)], signature: &str) -> bool {
    let Ok(signature) = STANDARD.decode(signature) else { return false };
    let mut sorted: Vec<&(String, String)> = params.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    let parameters: String = sorted.into_iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    urls.iter().any(|url| hmac::verify(&key, format!("{url}{parameters}").as_bytes(), &signature).is_ok())
}

/// Whether a JSON webhook's body is the one whose SHA-256 its signed query names, exactly once, as `bodySHA256`.
pub fn fits_body(query: &str, body: &[u8]) -> bool {
    let named = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "bodySHA256");
    let named: Vec<String> = named.map(|(_, value)| value.to_ascii_lowercase()).collect();
    let actual = hex::encode(digest::digest(&digest::SHA256, body));
    named == [actual]
}
