//! Why an invocation fails.

use std::fmt;

/// Maximum size of an event and of an answer, bytes.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

/// Why an invocation has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvokeError {
    /// The function reported an error.
    Function {
        /// `errorType`.
        kind: String,
        /// `errorMessage`.
        message: String,
    },
    /// The function exceeded its timeout; the process was killed.
    Timeout,
    /// The process ended during the invocation.
    Exited(String),
    /// No process started. Contains the init error.
    Init(String),
    /// The event or the answer exceeds [`PAYLOAD_LIMIT`].
    TooLarge,
    /// The answer is not JSON.
    NotJson(String),
}

impl fmt::Display for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function { kind, message } => write!(f, "{kind}: {message}"),
            Self::Timeout => f.write_str("timed out"),
            Self::Exited(status) => write!(f, "the process ended: {status}"),
            Self::Init(reason) => write!(f, "not started: {reason}"),
            Self::TooLarge => f.write_str("more than 6 MB"),
            Self::NotJson(reason) => write!(f, "the answer is not JSON: {reason}"),
        }
    }
}

impl std::error::Error for InvokeError {}
