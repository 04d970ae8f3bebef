//! The forms of a sender.

use crate::rules::phone::E164;

/// Whether `text` is a number, a short code, a SID, a pool of AWS, or an alphanumeric sender of at
/// most 11 characters.
pub fn is_sender(text: &str) -> bool {
    let named = (1..=11).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b' ');
    text.parse::<E164>().is_ok() || named || is_messaging_service(text) || is_pool(text)
}

/// Twilio's Messaging Service may stand for a number
/// (<https://www.twilio.com/docs/glossary/what-is-a-sid>).
fn is_messaging_service(text: &str) -> bool {
    text.strip_prefix("MG").is_some_and(is_id)
}

/// A pool of AWS may stand for a number
/// (<https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_PoolInformation.html>).
fn is_pool(text: &str) -> bool {
    text.strip_prefix("pool-").is_some_and(is_id)
}

fn is_id(text: &str) -> bool {
    text.len() == 32
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
