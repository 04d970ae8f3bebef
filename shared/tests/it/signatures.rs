//! Twilio's and Mailgun's signatures: published vectors (sources and licences in the files), and any flipped byte is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::Value;
use shared::vendors::mailgun::Triple;
use shared::vendors::twilio::signature::{candidates, fits, fits_body};
use std::time::{Duration, UNIX_EPOCH};
use url::Url;

fn cases(file: &str) -> Vec<Value> {
    serde_json::from_str::<Value>(file).unwrap()["cases"]
        .as_array()
        .unwrap()
        .clone()
}

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap_or_default()
}

/// Address, path, query as the receiving server has them: no fragment.
fn split(url: &str) -> (Url, String, String) {
    let url = url.split('#').next().unwrap();
    let (before, query) = url.split_once('?').unwrap_or((url, ""));
    let path_at = before[8..].find('/').map_or(before.len(), |at| at + 8);
    (
        before[..path_at].parse().unwrap(),
        before[path_at..].to_owned(),
        query.to_owned(),
    )
}

#[test]
fn twilio_vectors() {
    let mut checked = 0;
    for case in cases(include_str!("../vectors/twilio.json")) {
        let (base, path, query) = split(text(&case, "url"));
        let urls = candidates(&base, &path, &query);
        let empty = vec![];
        let params = case["params"].as_array().unwrap_or(&empty).iter();
        let params: Vec<(String, String)> = params
            .map(|pair| {
                (
                    pair[0].as_str().unwrap().to_owned(),
                    pair[1].as_str().unwrap_or_default().to_owned(),
                )
            })
            .collect();
        let mut verdict = fits(
            text(&case, "auth_token"),
            &urls,
            &params,
            text(&case, "signature"),
        );
        if let Some(body) = case["raw_json_body"].as_str() {
            verdict &= fits_body(&query, body.as_bytes());
        }
        assert_eq!(
            verdict,
            case["valid"].as_bool().unwrap(),
            "{}",
            text(&case, "id")
        );
        checked += 1;
    }
    assert_eq!(checked, 27);
}

#[test]
fn twilio_root_without_slash_and_both_ports() {
    let base: Url = "https://hooks.example.com/in".parse().unwrap();
    assert_eq!(
        candidates(&base, "/", "a=1"),
        [
            "https://hooks.example.com/in/?a=1",
            "https://hooks.example.com/in?a=1",
            "https://hooks.example.com:443/in/?a=1",
            "https://hooks.example.com:443/in?a=1"
        ]
    );
}

/// AWS escapes characters that stand as themselves in the URL that was registered, which is what Twilio signs.
#[test]
fn twilio_queries_count_as_they_were_registered() {
    let base: Url = "https://hooks.example.com".parse().unwrap();
    let params = vec![("Body".to_owned(), "YES".to_owned())];
    let signed = |query: &str| {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"token");
        STANDARD.encode(ring::hmac::sign(
            &key,
            format!("https://hooks.example.com/?{query}BodyYES").as_bytes(),
        ))
    };
    for (registered, arrived) in [
        ("office=O'Hare", "office=O%27Hare"),
        ("office=O%27Hare", "office=O%27Hare"),
        ("office=O%27Hare", "office=O'Hare"),
        ("a=!'()*~", "a=%21%27%28%29%2A%7E"),
        ("a=!'()*~", "a=%21%27%28%29%2a%7e"),
        ("a=!'()*~", "a=!%27()*~"),
        ("a=%21%27%28%29%2A%7E", "a=%21%27%28%29%2A%7E"),
        (
            "to=https%3A%2F%2Fx&office=O'Hare",
            "to=https%3A%2F%2Fx&office=O%27Hare",
        ),
        (
            "to=https://x/?y=z@1,2;3:4",
            "to=https%3A%2F%2Fx%2F%3Fy%3Dz%401%2C2%3B3%3A4",
        ),
        ("b=%7E&office=O'Hare", "b=%7E&office=O%27Hare"),
        ("list[]=a|b", "list%5B%5D=a%7Cb"),
        ("token=abc==", "token=abc%3D%3D"),
        ("broken=%&%2&%zz&%å'", "broken=%&%2&%zz&%å%27"),
    ] {
        let urls = candidates(&base, "/", arrived);
        assert!(urls.len() <= 36, "{arrived}: {}", urls.len());
        assert!(
            fits("token", &urls, &params, &signed(registered)),
            "{registered} as {arrived}"
        );
    }
    for (registered, arrived) in [
        ("office=O'Hare", "office=OHare"),
        ("office=a%26b", "office=a&b"),
        ("office=a&b", "office=a%26b"),
        ("office=a#b", "office=a%23b"),
        ("office=a%b", "office=a%25b"),
        ("office=b", "office=%62"),
    ] {
        assert!(
            !fits(
                "token",
                &candidates(&base, "/", arrived),
                &params,
                &signed(registered)
            ),
            "{registered} as {arrived}"
        );
    }
    let hostile = (0..=255)
        .map(|byte| format!("%{byte:02x}"))
        .collect::<Vec<_>>()
        .concat()
        .repeat(20);
    assert!(candidates(&base, "/", &hostile).len() <= 36);
}

#[test]
fn a_body_hash_must_come_exactly_once() {
    let hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert!(fits_body(&format!("x=1&bodySHA256={hash}"), b"{}"));
    assert!(!fits_body(
        &format!("bodySHA256={hash}&bodySHA256={hash}"),
        b"{}"
    ));
    assert!(!fits_body("", b"{}"));
}

#[test]
fn mailgun_vectors() {
    let mut checked = 0;
    for case in cases(include_str!("../vectors/mailgun.json")) {
        let Some(key) = case["signing_key"].as_str() else {
            continue;
        };
        let triple = Triple {
            timestamp: text(&case, "timestamp"),
            token: text(&case, "token"),
            signature: text(&case, "signature"),
        };
        let now = case["now"].as_u64().unwrap_or(1_800_000_003);
        let verdict = triple.is_signed_with(key)
            && triple.is_fresh(32_400, UNIX_EPOCH + Duration::from_secs(now));
        let expected = case["expected_by_strict_validator"]
            .as_bool()
            .unwrap_or(case["valid"].as_bool().unwrap());
        assert_eq!(verdict, expected, "{}", text(&case, "id"));
        checked += 1;
    }
    assert_eq!(checked, 8);
}

const TOKEN: &str = "12345";
const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
const SIGNATURE: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";

fn signed() -> Vec<(String, String)> {
    [
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

proptest! {
    #[test]
    fn twilio_any_flipped_byte_is_refused(place in 0usize..5, at in any::<prop::sample::Index>(), with in "[ -~]") {
        let mut params = signed();
        let value = &mut params[place].1;
        let at = at.index(value.len());
        prop_assume!(value[at..=at] != with);
        value.replace_range(at..=at, &with);
        prop_assert!(!fits(TOKEN, &[URL.to_owned()], &params, SIGNATURE));
    }

    #[test]
    fn twilio_any_flipped_url_or_signature_byte_is_refused(at in any::<prop::sample::Index>(), with in "[ -~]") {
        let mut url = URL.to_owned();
        let place = at.index(url.len());
        prop_assume!(url[place..=place] != with);
        url.replace_range(place..=place, &with);
        prop_assert!(!fits(TOKEN, &[url], &signed(), SIGNATURE));
        let mut signature = SIGNATURE.to_owned();
        // The last digit before the padding holds two bits that say nothing; base64 decoders refuse other values there.
        let place = at.index(signature.len());
        prop_assume!(signature[place..=place] != with);
        signature.replace_range(place..=place, &with);
        prop_assert!(!fits(TOKEN, &[URL.to_owned()], &signed(), &signature));
    }

    #[test]
    fn twilio_order_does_not_matter(params in Just(signed()).prop_shuffle()) {
        prop_assert!(fits(TOKEN, &[URL.to_owned()], &params, SIGNATURE));
    }

    #[test]
    fn mailgun_any_flipped_byte_is_refused(field in 0usize..3, at in any::<prop::sample::Index>(), with in "[0-9a-fA-F]") {
        let mut triple = [
            "1800000000".to_owned(),
            "0000000000abcdef1234567890abcdef1234567890deadbeef".to_owned(),
            "d7a359e341354dd3e46f489e1d33142be15dfe716c6271c7ca2bd360582cc636".to_owned(),
        ];
        let place = at.index(triple[field].len());
        prop_assume!(triple[field][place..=place] != with);
        triple[field].replace_range(place..=place, &with);
        let [timestamp, token, signature] = &triple;
        let triple = Triple { timestamp, token, signature };
        prop_assert!(!triple.is_signed_with("example-http-webhook-signing-key"));
    }
}
