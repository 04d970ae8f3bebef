//! Sending a text: the message, the receipt, what can go wrong, and through whom.
//!
//! [`Name::ALL`] and [`Provider`](crate::services::providers::Provider) are the one list of SMS providers. A new one is its module
//! (copy `vendors/plivo.rs`), its name, its variant, which the compiler then asks for wherever it matters, and its simulator.

mod attempt;
mod name;
mod routes;
pub mod segments;

use std::fmt;
use std::time::Duration;

use crate::platform::http::NoAnswer;
use crate::rules::phone::E164;

pub(crate) use attempt::{ask, authorised, number_or_digits, plain_id};
pub use name::Name;
pub use routes::{Routes, Senders, is_sender};

/// A text to send.
#[derive(Debug)]
pub struct Outbound<'a> {
    /// The recipient.
    pub to: &'a E164,
    /// Who it comes from: a number, a name, a Messaging Service of Twilio; `None` for the provider's own default.
    pub from: Option<&'a str>,
    /// The text, at most 1,600 characters.
    pub body: &'a str,
    /// How long it is of use: what a provider has not passed on by then it drops, unbilled. `None`: as long as the provider tries.
    pub life: Option<Duration>,
    /// Whether it holds a one-time code, which a provider that can be asked to does not keep.
    pub holds_code: bool,
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

impl SendError {
    /// Refused for something of ours, without a code.
    pub(crate) const OURS: Self = Self::Refused {
        recipient: false,
        code: None,
    };
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused {
                recipient: true,
                code,
            } => write!(f, "recipient refused, code {}", code.unwrap_or_default()),
            Self::Refused {
                recipient: false,
                code,
            } => write!(f, "message refused, code {}", code.unwrap_or_default()),
            Self::RateLimited { .. } => f.write_str("rate limited"),
            Self::Unauthorized => f.write_str("credentials refused"),
            Self::Unavailable => f.write_str("not reached"),
            Self::Unknown => f.write_str("outcome unknown"),
        }
    }
}

impl From<NoAnswer> for SendError {
    fn from(error: NoAnswer) -> Self {
        match error {
            NoAnswer::NotSent(_) => Self::Unavailable,
            NoAnswer::Unknown(_) => Self::Unknown,
        }
    }
}
