//! The forms of a sender.

use crate::rules::phone::E164;

/// Whether `text` is a number, a short code, a SID, or an alphanumeric sender of at most 11
/// characters.
pub fn is_sender(text: &str) -> bool {
    let named = (1..=11).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b' ');
    text.parse::<E164>().is_ok() || named || is_messaging_service(text)
}

/// Twilio's Messaging Service may stand for a number
/// (<https://www.twilio.com/docs/glossary/what-is-a-sid>).
fn is_messaging_service(text: &str) -> bool {
    let is_hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.strip_prefix("MG")
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(is_hexadecimal))
}
