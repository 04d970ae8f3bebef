//! Signatures of Twilio and Mailgun, computed a second time.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};
use shared::vendors::mailgun::Triple;
use shared::vendors::twilio::signature::{candidates, fits, fits_body};
use url::Url;

use crate::line;
use crate::requests::decoded;

const KEY: &str = "0123456789abcdef-example-auth-token";
/// The most addresses that one request may be tried with.
const CANDIDATES: usize = 36;

/// A signature over an address that Twilio may have signed fits, with the parameters that came. No
/// other does. The lines of the input are the base, the path, the query, and the form.
pub fn signature(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (base, rest) = line(&text);
    let (path, rest) = line(rest);
    let (query, form) = line(rest);
    mailgun(base, path, query);
    json_body(query, form.as_bytes());
    let base = Url::parse(base)
        .ok()
        .filter(|url| ["http", "https"].contains(&url.scheme()));
    let base = base.unwrap_or_else(|| Url::parse("https://hooks.example.com").expect("a URL"));
    let path = format!("/{}", path.trim_start_matches('/'));
    let urls = candidates(&base, &path, query);
    assert!((1..=CANDIDATES).contains(&urls.len()), "{}", urls.len());
    let expected = addresses(base.as_str(), &path, query);
    let found: BTreeSet<String> = urls.iter().cloned().collect();
    assert_eq!(found, expected);

    let pairs = decoded(form.as_bytes());
    let sent = joined(&pairs);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, KEY.as_bytes());
    let sign = |text: &str| STANDARD.encode(hmac::sign(&key, text.as_bytes()));
    // The scheme has no separators: another address with other parameters may be the same text.
    let signed: BTreeSet<String> = expected.iter().map(|url| format!("{url}{sent}")).collect();
    let judge = |text: &str| {
        let counts = fits(KEY, &urls, &pairs, &sign(text));
        assert_eq!(counts, signed.contains(text), "{text}");
    };
    for url in &expected {
        judge(&format!("{url}{sent}"));
    }
    for url in expected.iter().take(2) {
        let (scheme, rest) = url.split_once("://").expect("a scheme");
        let (authority, _) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let after = &rest[authority.len()..];
        for foreign in [
            format!("{scheme}://evil.example{after}"),
            format!("{scheme}://{authority}.evil.example{after}"),
            format!("{scheme}://{authority}:4711{after}"),
            format!("{scheme}://evil.example@{authority}{after}"),
            format!("{scheme}://{authority}/other{after}"),
            format!("ftp://{authority}{after}"),
            format!("{url}#"),
            format!("{url}&a=b"),
        ] {
            judge(&format!("{foreign}{sent}"));
        }
        let mut changed = pairs.clone();
        changed.push(("Added".to_owned(), "later".to_owned()));
        judge(&format!("{url}{}", joined(&changed)));
        changed.pop();
        if let Some((_, value)) = changed.first_mut() {
            value.push('0');
            judge(&format!("{url}{}", joined(&changed)));
            changed.remove(0);
            judge(&format!("{url}{}", joined(&changed)));
        }
    }
    let first = expected.first().expect("an address");
    assert!(!fits(
        "another",
        &urls,
        &pairs,
        &sign(&format!("{first}{sent}"))
    ));
    assert!(!fits(KEY, &urls, &pairs, form));
}

/// The parameters as they are signed: sorted, each pair once, and without separators.
fn joined(pairs: &[(String, String)]) -> String {
    let sorted: BTreeSet<&(String, String)> = pairs.iter().collect();
    let texts = sorted
        .into_iter()
        .map(|(name, value)| format!("{name}{value}"));
    texts.collect()
}

/// The addresses that count: with the port and without it, the root with its slash and without it
/// (<https://www.twilio.com/docs/usage/webhooks/webhooks-security>), and the query as it came or as
/// it was before AWS escaped it.
fn addresses(base: &str, path: &str, query: &str) -> BTreeSet<String> {
    let (scheme, rest) = base.split_once("://").expect("a scheme");
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at(end);
    let end = after.find(['?', '#']).unwrap_or(after.len());
    let folder = after[..end].trim_end_matches('/');
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
        _ => (authority, if scheme == "http" { "80" } else { "443" }),
    };
    let mut addresses = BTreeSet::new();
    for query in before_aws(query) {
        let query = if query.is_empty() {
            query
        } else {
            format!("?{query}")
        };
        for authority in [host.to_owned(), format!("{host}:{port}")] {
            addresses.insert(format!("{scheme}://{authority}{folder}{path}{query}"));
            if path == "/" {
                addresses.insert(format!("{scheme}://{authority}{folder}{query}"));
            }
        }
    }
    addresses
}

/// What `encodeURIComponent` leaves alone, and what else is seen unescaped in a query.
const USUAL: &str = "'!()*~";
const SEEN: &str = ",:;@/?$=[]{}|^`";

/// The query as it came, and with each choice of up to three escaped characters as themselves. Of
/// more characters, none, the usual ones or all were themselves. An apostrophe may have been escaped.
fn before_aws(query: &str) -> BTreeSet<String> {
    let all = format!("{USUAL}{SEEN}");
    let escape = |c: char| {
        [
            format!("%{:02X}", u32::from(c)),
            format!("%{:02x}", u32::from(c)),
        ]
    };
    let escaped: Vec<char> = all
        .chars()
        .filter(|c| escape(*c).iter().any(|escaped| query.contains(escaped)))
        .collect();
    let mut choices = vec![String::new()];
    if escaped.len() <= 3 {
        for c in escaped {
            let more: Vec<String> = choices
                .iter()
                .map(|choice| format!("{choice}{c}"))
                .collect();
            choices.extend(more);
        }
    } else {
        choices.extend([USUAL.to_owned(), all]);
    }
    // One pass for all: an escape never begins with a character that another one leaves.
    let mut queries: BTreeSet<String> = choices
        .into_iter()
        .map(|choice| {
            let mut query = query.to_owned();
            for c in choice.chars() {
                for escaped in escape(c) {
                    query = query.replace(&escaped, &c.to_string());
                }
            }
            query
        })
        .collect();
    if query.contains('\'') {
        queries.insert(query.replace('\'', "%27"));
    }
    queries
}

/// A JSON webhook counts if its signed query names the hash of the body, once.
fn json_body(query: &str, body: &[u8]) {
    let hash = hex::encode(digest::digest(&digest::SHA256, body));
    let named = decoded(query.as_bytes());
    let named: Vec<String> = named
        .into_iter()
        .filter(|(name, _)| name == "bodySHA256")
        .map(|(_, value)| value.to_ascii_lowercase())
        .collect();
    assert_eq!(fits_body(query, body), named == [hash.clone()], "{query}");
    let once = format!("{query}&bodySHA256={hash}");
    assert_eq!(fits_body(&once, body), named.is_empty(), "{query}");
    assert!(!fits_body(&once, &[body, b" "].concat()));
    assert!(!fits_body(&format!("{once}&bodySHA256={hash}"), body));
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
