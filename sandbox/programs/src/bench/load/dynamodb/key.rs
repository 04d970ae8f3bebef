//! The keys of items, and what is told of them.

use serde_json::Value;

/// Partition key and sort key.
pub(super) type Key = (String, String);

/// The kind of a partition key: `sent#…` for every message.
pub(super) fn kind(pk: &str) -> String {
    let is_word =
        |part: &str| part.len() < 16 && !part.contains(|c: char| c.is_ascii_digit() || c == '+');
    pk.split('#')
        .map(|part| if is_word(part) { part } else { "…" })
        .collect::<Vec<_>>()
        .join("#")
}

pub(super) fn key(key: &Value) -> Key {
    let part = |name: &str| key[name]["S"].as_str().unwrap_or_default().to_owned();
    (part("pk"), part("sk"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_tell_nobodys_number() {
        assert_eq!(kind("rate#sms#all"), "rate#sms#all");
        assert_eq!(kind("rate#code-country#DK"), "rate#code-country#DK");
        assert_eq!(kind("thread#+15005550010"), "thread#…");
        assert_eq!(kind("sent#ATRvbHqCFL5UiZkqxxxxx"), "sent#…");
    }
}
