//! The names of the providers.

use std::fmt;
use std::str::FromStr;

/// A provider's name in settings, answers and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Name {
    /// Twilio's Messages resource.
    Twilio,
    /// Clickatell.
    Clickatell,
    /// Plivo.
    Plivo,
    /// Vonage's SMS API.
    Vonage,
    /// No provider: the masked text goes to the log, for trials.
    Log,
}

impl Name {
    /// All providers.
    pub const ALL: [Self; 5] = [
        Self::Twilio,
        Self::Clickatell,
        Self::Plivo,
        Self::Vonage,
        Self::Log,
    ];

    /// The name as written in settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::Clickatell => "clickatell",
            Self::Plivo => "plivo",
            Self::Vonage => "vonage",
            Self::Log => "log",
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Name {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|name| name.word() == text)
            .ok_or(())
    }
}
