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

/// Whether `text` has digits only and is no short code, which has 3 to 6 of them: a number without
/// its plus sign.
pub fn lacks_plus(text: &str) -> bool {
    let is_code = (3..=6).contains(&text.len()) && !text.contains(' ');
    let has_digits_only = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b' ');
    has_digits_only && !is_code
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

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn numbers_codes_names_services_and_pools_are_senders() {
        let service = format!("MG{ID}");
        let pool = format!("pool-{ID}");
        for text in ["+4512345678", "12345", "A", "ACME Shop 1", &service, &pool] {
            assert!(is_sender(text), "{text}");
        }
    }

    #[test]
    fn digits_that_are_no_short_code_lack_their_plus() {
        for text in ["5005550006", "15005550006", "1234567", "12", "500 55"] {
            assert!(lacks_plus(text), "{text}");
        }
        for text in ["123", "123456", "+15005550006", "ACME", "1ACME", "2 Go"] {
            assert!(!lacks_plus(text), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_senders() {
        for text in [
            "",
            "+45",
            "ACME Shop 12",
            "Acme-Shop",
            "Acm\u{e9}",
            "Acme\n",
            ID,
            &format!("SM{ID}"),
            &format!("MG{}", &ID[1..]),
            &format!("MG{ID}0"),
            &format!("MG{}", ID.to_ascii_uppercase()),
            &format!("MG{}g", &ID[1..]),
            &format!("pool{ID}"),
            &format!("pool-{}", &ID[1..]),
            &format!("pool-{ID}0"),
        ] {
            assert!(!is_sender(text), "{text}");
        }
    }
}
