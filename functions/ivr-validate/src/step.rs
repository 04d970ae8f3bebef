//! The words of the dialogue, each in one place: what the function serves, where a call stands, and what an answer says.

/// What is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// The check of a number and a PIN, for an IVR of any make.
    Validate,
    /// A call that comes in.
    Call,
    /// A step further in the call.
    Step(Step),
}

impl Route {
    /// What is served at this path, if anything.
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path {
            "/validate" => Some(Self::Validate),
            "/voice" => Some(Self::Call),
            path => Step::of(path).map(Self::Step),
        }
    }
}

/// A step of the dialogue: what is keyed is posted to its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The account number.
    Account,
    /// The PIN.
    Pin,
    /// A key of the menu.
    Menu,
}

impl Step {
    const ALL: [Self; 3] = [Self::Account, Self::Pin, Self::Menu];

    fn of(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.path() == path)
    }

    /// Where Twilio posts what was keyed.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Account => "/voice/account",
            Self::Pin => "/voice/pin",
            Self::Menu => "/voice/menu",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Pin => "pin",
            Self::Menu => "menu",
        }
    }
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// This step is next.
    Asked(Step),
    /// A PIN is being tried.
    Trying,
    /// Nothing more is to come.
    Over,
}

impl Phase {
    /// The word in the table.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Asked(step) => step.word(),
            Self::Trying => "trying",
            Self::Over => "over",
        }
    }
}

/// What an answer says. The table has it, so that the same answer can be given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// The welcome, and the question for the account number.
    Welcome,
    /// The question for the PIN.
    AskedPin,
    /// A question once more, since what was keyed is no entry.
    AskedAgain(Step),
    /// The pair was wrong; another may be keyed.
    Refused,
    /// The pair was wrong, and was the last of the call.
    RefusedLast,
    /// The caller's name, and the menu.
    Greeted,
    /// What the menu's entry with this digit tells.
    Told(String),
    /// The last word.
    Goodbye,
}

impl Said {
    /// The word in the table.
    pub(crate) fn word(&self) -> String {
        match self {
            Self::Welcome => "welcome".to_owned(),
            Self::AskedPin => "pin".to_owned(),
            Self::AskedAgain(step) => format!("again_{}", step.word()),
            Self::Refused => "refused".to_owned(),
            Self::RefusedLast => "refused_last".to_owned(),
            Self::Greeted => "greeted".to_owned(),
            Self::Told(digit) => format!("told_{digit}"),
            Self::Goodbye => "goodbye".to_owned(),
        }
    }

    /// What a word in the table means.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "welcome" => Self::Welcome,
            "pin" => Self::AskedPin,
            "refused" => Self::Refused,
            "refused_last" => Self::RefusedLast,
            "greeted" => Self::Greeted,
            "goodbye" => Self::Goodbye,
            word => match word.split_once('_')? {
                ("told", digit) => Self::Told(digit.to_owned()),
                ("again", step) => {
                    Self::AskedAgain(Step::ALL.into_iter().find(|known| known.word() == step)?)
                }
                _ => return None,
            },
        })
    }

    /// Whether it is a refusal, which takes its time.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused | Self::RefusedLast)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_is_one_step() {
        for (path, route) in [
            ("/validate", Some(Route::Validate)),
            ("/voice", Some(Route::Call)),
            ("/voice/account", Some(Route::Step(Step::Account))),
            ("/voice/pin", Some(Route::Step(Step::Pin))),
            ("/voice/menu", Some(Route::Step(Step::Menu))),
            ("", None),
            ("/", None),
            ("/voice/", None),
            ("/voice/trying", None),
            ("voice", None),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }

    /// Calls go on while the function is replaced: the words in the table are fixed.
    #[test]
    fn what_was_said_is_read_as_it_was_written() {
        for (said, word) in [
            (Said::Welcome, "welcome"),
            (Said::AskedPin, "pin"),
            (Said::AskedAgain(Step::Account), "again_account"),
            (Said::AskedAgain(Step::Pin), "again_pin"),
            (Said::AskedAgain(Step::Menu), "again_menu"),
            (Said::Refused, "refused"),
            (Said::RefusedLast, "refused_last"),
            (Said::Greeted, "greeted"),
            (Said::Told("3".to_owned()), "told_3"),
            (Said::Goodbye, "goodbye"),
        ] {
            assert_eq!(said.word(), word);
            assert_eq!(Said::of(word), Some(said));
        }
        for word in ["", "again", "again_trying", "menu", "Welcome"] {
            assert_eq!(Said::of(word), None, "{word}");
        }
    }
}
