//! Sending a text: the message, the receipt, and what can go wrong, in terms of what the caller does next.

use std::fmt;
use std::time::Duration;

use crate::phone::E164;

/// A text to send.
#[derive(Debug)]
pub struct Outbound<'a> {
    /// The recipient.
    pub to: &'a E164,
    /// The text, at most 1,600 characters.
    pub body: &'a str,
}

/// The provider took the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The provider's id; `None` when it accepted with an answer that could not be read.
    pub id: Option<String>,
    /// Segments billed, if told.
    pub segments: Option<u64>,
}

/// Why a message was not (certainly) taken. `code` is the provider's own error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// Refused before acceptance. `recipient`: this number can never be reached (impossible, landline, opted out), so trying
    /// again or elsewhere is pointless; otherwise something of ours is wrong (sender, permissions, account).
    Refused {
        /// Whether it is about the recipient.
        recipient: bool,
        /// The provider's code.
        code: Option<u32>,
    },
    /// Too many requests; not processed.
    RateLimited {
        /// When to try again, if told.
        after: Option<Duration>,
    },
    /// Our credentials are wrong.
    Unauthorized,
    /// Not reached, or out of service before it took the message.
    Unavailable,
    /// The connection was lost, or a server error came, after the message may have been taken.
    Unknown,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { recipient: true, code } => write!(f, "recipient refused, code {}", code.unwrap_or_default()),
            Self::Refused { recipient: false, code } => write!(f, "message refused, code {}", code.unwrap_or_default()),
            Self::RateLimited { .. } => f.write_str("rate limited"),
            Self::Unauthorized => f.write_str("credentials refused"),
            Self::Unavailable => f.write_str("not reached"),
            Self::Unknown => f.write_str("outcome unknown"),
        }
    }
}
