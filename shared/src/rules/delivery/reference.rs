//! The name of a text that its provider hands back with a receipt.

use std::fmt;

use crate::platform::table::Key;

/// The kinds of texts that ask for receipts. What another sender of the same account calls
/// `order-12345678` is no reference.
const KINDS: [&str; 4] = ["code", "mail", "voicemail", "missed"];

/// The name of a text that a provider hands back: `<kind>-<hash>`, at most 40 characters, which is
/// Vonage's limit for `client-ref`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(String);

impl Reference {
    /// The reference of the journal's entry `id` (`<kind>#<hash>`).
    pub fn of(id: &str) -> Self {
        Self(id.replacen('#', "-", 1))
    }

    /// Reads what a provider handed back. `None` if it is not a reference.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, hash) = text.split_once('-')?;
        let is_hash = (8..=64).contains(&hash.len())
            && hash
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        (KINDS.contains(&kind) && is_hash).then(|| Self(text.to_owned()))
    }

    /// As the provider gets it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The kind of text, such as `code` or `mail`.
    pub fn kind(&self) -> &str {
        self.0.split_once('-').map_or("", |(kind, _)| kind)
    }

    /// The journal's entry.
    pub fn key(&self) -> Key {
        Key::new(format!("sent#{}", self.0.replacen('-', "#", 1)), "send")
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_back_and_nothing_else_is_one() {
        let reference = Reference::of("code#AbC_-123456789012345678");
        assert_eq!(reference.as_str(), "code-AbC_-123456789012345678");
        assert_eq!(
            Reference::parse(reference.as_str()),
            Some(reference.clone())
        );
        assert_eq!(reference.kind(), "code");
        for text in [
            "",
            "code",
            "code-",
            "-AbC12345678",
            "code#AbC12345678",
            "Code-AbC12345678",
            "code-short",
            "order-12345678",
            "code-Ab C12345678",
            &format!("code-{}", "a".repeat(65)),
        ] {
            let parsed = Reference::parse(text);
            assert!(parsed.is_none(), "{text}");
        }
    }
}
