//! Account numbers, by which callers name their account.

use std::str::FromStr;

/// An account number as keyed in: 1 to 10 ASCII digits, so it holds no query syntax.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountNumber(String);

impl FromStr for AccountNumber {
    type Err = NotAnAccountNumber;

    fn from_str(text: &str) -> Result<Self, NotAnAccountNumber> {
        let right =
            (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if right {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAnAccountNumber)
        }
    }
}

impl AccountNumber {
    /// The digits: for the wire and for keys, never for a log.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not 1 to 10 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnAccountNumber;
