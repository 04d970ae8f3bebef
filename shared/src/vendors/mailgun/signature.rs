//! The signature of a post.

use std::time::SystemTime;

use ring::hmac;

use crate::platform::time::epoch;

/// How far Mailgun's clock may be ahead of ours, in seconds.
const CLOCK_SKEW: u64 = 60;

/// Timestamp, token and signature of a post.
#[derive(Debug, Clone, Copy)]
pub struct Triple<'a> {
    /// Epoch seconds, as text.
    pub timestamp: &'a str,
    /// 50 hexadecimal digits.
    pub token: &'a str,
    /// 64 lower-case hexadecimal digits.
    pub signature: &'a str,
}

impl Triple<'_> {
    /// Whether the values have Mailgun's shapes. The signed text has nothing between timestamp and
    /// token, so the signature still matches after a digit has moved from one to the other.
    fn is_well_formed(&self) -> bool {
        self.timestamp.len() == 10
            && self.timestamp.bytes().all(|byte| byte.is_ascii_digit())
            && self.token.len() == 50
            && self.token.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    /// Whether `signature` is `hex(HMAC-SHA256(key, timestamp + token))`
    /// (<https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks>),
    /// and the shapes are right.
    pub fn is_signed_with(&self, key: &str) -> bool {
        let Some(signature) = unhex(self.signature) else {
            return false;
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        self.is_well_formed()
            && hmac::verify(
                &key,
                format!("{}{}", self.timestamp, self.token).as_bytes(),
                &signature,
            )
            .is_ok()
    }

    /// Whether the timestamp is at most `max_age` seconds old, and not ahead of our clock by more
    /// than a minute.
    pub fn is_fresh(&self, max_age: u64, now: SystemTime) -> bool {
        let now = epoch(now);
        self.timestamp
            .parse::<u64>()
            .is_ok_and(|sent| sent <= now + CLOCK_SKEW && now.saturating_sub(sent) <= max_age)
    }
}

/// Decodes a signature. Mailgun writes signatures in lower case.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let lower = text.len() == 64 && !text.bytes().any(|byte| byte.is_ascii_uppercase());
    hex::decode(text).ok().filter(|_| lower)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn freshness() {
        let triple = Triple {
            timestamp: "1800000000",
            token: "",
            signature: "",
        };
        for (now, fresh) in [
            (1_800_000_000, true),
            (1_800_032_400, true),
            (1_800_032_401, false),
            (1_799_999_940, true),
            (1_799_999_939, false),
        ] {
            assert_eq!(
                triple.is_fresh(32_400, UNIX_EPOCH + Duration::from_secs(now)),
                fresh,
                "{now}"
            );
        }
    }

    #[test]
    fn a_signed_value_of_another_shape_is_refused() {
        let is_believed = |timestamp: &str, token: &str| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
            let mac = hmac::sign(&key, format!("{timestamp}{token}").as_bytes());
            let signature = &hex::encode(mac);
            let triple = Triple {
                timestamp,
                token,
                signature,
            };
            triple.is_signed_with("key")
        };
        let token = "0123456789".repeat(5);
        assert!(is_believed("1800000000", &token));
        for (timestamp, token) in [
            ("180000000", token.clone()),
            ("180000000a", token.clone()),
            ("1800000000", token[1..].to_owned()),
            ("1800000000", format!("{token}0")),
            ("1800000000", format!("{}g", &token[1..])),
        ] {
            assert!(!is_believed(timestamp, &token), "{timestamp} {token}");
        }
    }
}
