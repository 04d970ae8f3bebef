//! Why a command ends without a result, and its exit code.

use std::fmt;

/// Each text is a whole sentence for the person at the terminal. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// A provider rejected a request, or work is left to do: exit code 1.
    Failed(String),
    /// Something is missing that a person must make: exit code 1.
    Missing {
        what: String,
        /// What to do. Commands are in backquotes.
        remedy: String,
    },
    /// The command line is wrong or incomplete: exit code 2.
    Usage(String),
    /// AWS was not reached, or rejected a request: exit code 3.
    Aws(String),
}

impl Problem {
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Failed(_) | Self::Missing { .. } => 1,
            Self::Usage(_) => 2,
            Self::Aws(_) => 3,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(text) | Self::Usage(text) | Self::Aws(text) => f.write_str(text),
            Self::Missing { what, remedy } => write!(f, "{what}: {remedy}"),
        }
    }
}
