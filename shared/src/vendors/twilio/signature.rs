//! `X-Twilio-Signature` (<https://www.twilio.com/docs/usage/webhooks/webhooks-security>).
//!
//! `base64(HMAC-SHA1(AuthToken, url + name1 + value1 + …))`, parameters sorted by name, values
//! untrimmed. The scheme has no separators, so one signature fits several requests. It has no time
//! either. So callers check shapes and remember SIDs themselves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};
use url::Url;

/// Characters that a URL usually holds unescaped: `encodeURIComponent` leaves them alone.
const PLAIN: &[u8] = b"'!()*~";
/// Further characters that may stand unescaped in a query parameter, or at least do so in practice.
const TOLERATED: &[u8] = b",:;@/?$=[]{}|^`";
/// Up to this many escaped characters are told apart. Each of them doubles the number of addresses.
const MOST_TOLD_APART: usize = 3;

/// The addresses that Twilio may have signed for a request to `base` + `path` + `query`.
///
/// Addresses with and without port are tried, because Twilio's own back end is not consistent there
/// (comments in all official SDKs). For the root, the address without its slash is tried too,
/// because a webhook URL may be registered that way. Twilio signs the query as it was registered,
/// but AWS passes `O'Hare` on as `O%27Hare`. So escaped characters are tried both escaped and as
/// themselves. At most 36 addresses.
pub fn candidates(base: &Url, path: &str, query: &str) -> Vec<String> {
    let user = match (base.username(), base.password()) {
        ("", None) => String::new(),
        (user, None) => format!("{user}@"),
        (user, Some(password)) => format!("{user}:{password}@"),
    };
    let origin = format!(
        "{}://{user}{}",
        base.scheme(),
        base.host_str().unwrap_or_default()
    );
    let ported = format!("{origin}:{}", base.port_or_known_default().unwrap_or(443));
    let prefix = base.path().trim_end_matches('/');
    let queries: Vec<String> = if query.is_empty() {
        vec![String::new()]
    } else {
        as_registered(query)
            .into_iter()
            .map(|query| format!("?{query}"))
            .collect()
    };
    let mut urls = Vec::new();
    for query in queries {
        for base in [&origin, &ported] {
            urls.push(format!("{base}{prefix}{path}{query}"));
            if path == "/" {
                urls.push(format!("{base}{prefix}{query}"));
            }
        }
    }
    urls
}

/// The forms that a query may have had before AWS escaped it: first as it came, then with each
/// choice of its escaped characters as themselves.
fn as_registered(query: &str) -> Vec<String> {
    let escaped: Vec<u8> = [PLAIN, TOLERATED]
        .concat()
        .into_iter()
        .filter(|byte| unescape(query, &[*byte]).len() < query.len())
        .collect();
    let choices: Vec<Vec<u8>> = if escaped.len() <= MOST_TOLD_APART {
        let chosen = |choice: usize| {
            (0..escaped.len())
                .filter(|place| choice >> place & 1 == 1)
                .map(|place| escaped[place])
                .collect()
        };
        (0..1 << escaped.len()).map(chosen).collect()
    } else {
        vec![vec![], PLAIN.to_vec(), [PLAIN, TOLERATED].concat()]
    };
    let mut queries: Vec<String> = choices
        .iter()
        .map(|choice| unescape(query, choice))
        .collect();
    // The URL standard escapes an apostrophe, and so does Twilio's own library for Node.
    if query.contains('\'') {
        queries.push(query.replace('\'', "%27"));
    }
    queries
}

/// The query with `characters` as themselves where they are escaped.
fn unescape(query: &str, characters: &[u8]) -> String {
    let mut parts = query.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(byte) = byte.filter(|byte| characters.contains(byte)) {
            text.push(char::from(byte));
            text.push_str(&part[2..]);
        } else {
            text.push('%');
            text.push_str(part);
        }
    }
    text
}

/// Whether `signature` (the header's value) was made with `token` over one of `urls` and the form's
/// parameters. The secret-dependent part takes constant time.
pub fn fits(token: &str, urls: &[String], params: &[(String, String)], signature: &str) -> bool {
    let Ok(signature) = STANDARD.decode(signature) else {
        return false;
    };
    let mut sorted: Vec<&(String, String)> = params.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    let parameters: String = sorted
        .into_iter()
        .flat_map(|(name, value)| [name.as_str(), value.as_str()])
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    urls.iter()
        .any(|url| hmac::verify(&key, format!("{url}{parameters}").as_bytes(), &signature).is_ok())
}

/// Whether the signed query of a JSON webhook names the SHA-256 of its body, exactly once, as
/// `bodySHA256`.
pub fn fits_body(query: &str, body: &[u8]) -> bool {
    let named = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "bodySHA256");
    let named: Vec<String> = named.map(|(_, value)| value.to_ascii_lowercase()).collect();
    let actual = hex::encode(digest::digest(&digest::SHA256, body));
    named == [actual]
}
