//! Signatures of Twilio and Mailgun, computed a second time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use shared::vendors::mailgun::Triple;
use shared::vendors::twilio::signature::{candidates, fits, fits_body};
use url::Url;

use crate::line;
use crate::requests::decoded;

const KEY: &str = "0123456789abcdef-example-auth-token";
/// The most addresses that one request may be tried with.
const CANDIDATES: usize = 36;

/// A signature over the address as it was registered fits. No other does. The lines of the input
/// are the base, the path, the query, and the form.
pub fn signature(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (base, rest) = line(&text);
    let (path, rest) = line(rest);
    let (query, form) = line(rest);
    mailgun(base, path, query);
    let _hash = fits_body(query, form.as_bytes());
    let base = Url::parse(base).ok().filter(Url::has_host);
    let base = base.unwrap_or_else(|| Url::parse("https://hooks.example.com").expect("a URL"));
    let path = format!("/{}", path.trim_start_matches('/'));
    let urls = candidates(&base, &path, query);
    assert!((1..=CANDIDATES).contains(&urls.len()), "{}", urls.len());

    let mut pairs = decoded(form.as_bytes());
    let mut sorted = pairs.clone();
    sorted.sort();
    sorted.dedup();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, KEY.as_bytes());
    let signed = |url: &str| {
        let mut text = url.to_owned();
        for (name, value) in &sorted {
            text += name;
            text += value;
        }
        STANDARD.encode(hmac::sign(&key, text.as_bytes()))
    };
    for url in &urls {
        assert!(fits(KEY, &urls, &pairs, &signed(url)), "{url}");
    }
    let first = urls.first().expect("an address");
    let sound = signed(first);
    assert!(!fits("another", &urls, &pairs, &sound));
    assert!(!fits(KEY, &urls, &pairs, form));
    let foreign = format!("{first}#");
    if !urls.contains(&foreign) && sorted.is_empty() {
        assert!(!fits(KEY, &urls, &pairs, &signed(&foreign)));
    }
    pairs.push(("Added".to_owned(), "later".to_owned()));
    if !sorted.contains(&pairs[pairs.len() - 1]) {
        assert!(!fits(KEY, &urls, &pairs, &sound));
    }
}

/// Mailgun's triple fits if it has its shapes and the right MAC, and only then.
fn mailgun(timestamp: &str, token: &str, signature: &str) {
    let key = hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes());
    let made = hex::encode(hmac::sign(&key, format!("{timestamp}{token}").as_bytes()));
    let is_shaped = timestamp.len() == 10
        && timestamp.bytes().all(|byte| byte.is_ascii_digit())
        && token.len() == 50
        && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut triple = Triple {
        timestamp,
        token,
        signature: &made,
    };
    assert_eq!(triple.is_signed_with(KEY), is_shaped);
    triple.signature = signature;
    let is_good = is_shaped && signature == made;
    assert_eq!(triple.is_signed_with(KEY), is_good);
}
