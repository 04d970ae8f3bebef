//! Why a command ends without its result, and the exit code for it.

use std::fmt;

/// Each text is a whole sentence for the person at the terminal, and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// A provider refused, or something is still to be done: exit code 1.
    Failed(String),
    /// The command line, or what it leaves out: exit code 2.
    Usage(String),
    /// AWS could not be reached, or refused: exit code 3.
    Aws(String),
}

impl Problem {
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Aws(_) => 3,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Failed(text) | Self::Usage(text) | Self::Aws(text)) = self;
        f.write_str(text)
    }
}
