//! Feedback to a provider: whether the person used the code that it delivered. Providers prefer the
//! networks whose codes are used, and find pumping by it.

use std::fmt;
use std::time::Duration;

use crate::platform::http::{Answer, NoAnswer};
use crate::platform::secrets::SecretError;

/// The longest time for one feedback. Nobody waits longer for it.
pub const TIME: Duration = Duration::from_secs(2);
/// The answers to feedback are short.
pub const ANSWER_LIMIT: usize = 64 * 1024;

/// Why a provider did not take the feedback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotTaken {
    /// The account lacks this feature.
    NotEnabled,
    /// Any other reason. It names no secret and no number.
    Failed(String),
}

impl NotTaken {
    /// The provider's answer, with this status.
    ///
    /// # Errors
    /// If it is no 2xx.
    pub fn unless_taken(answer: &Answer) -> Result<(), Self> {
        match answer.status {
            200..=299 => Ok(()),
            status => Err(Self::Failed(format!("status {status}"))),
        }
    }
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEnabled => f.write_str("not enabled for the account"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl From<NoAnswer> for NotTaken {
    fn from(why: NoAnswer) -> Self {
        Self::Failed(why.to_string())
    }
}

impl From<SecretError> for NotTaken {
    fn from(why: SecretError) -> Self {
        Self::Failed(why.to_string())
    }
}
