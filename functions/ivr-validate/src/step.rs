//! The words of the dialogue, each in one place: the routes, the phases of a call, and the answers.

/// What the function serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// The check of an account number and a PIN, for any IVR.
    Validate,
    /// A call that comes in.
    Call,
    /// A step of the call.
    Step(Step),
}

impl Route {
    /// The route at this path, if there is one.
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path {
            "/validate" => Some(Self::Validate),
            "/voice" => Some(Self::Call),
            path => Step::of(path).map(Self::Step),
        }
    }
}

/// A step of the dialogue. Twilio posts the entry to its path.
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

    /// The path to which Twilio posts the entry.
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

/// The phase of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// This step is next.
    Asked(Step),
    /// A PIN is being tried.
    Trying,
    /// The call is over.
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

/// What an answer says. Stored in the table, so that the same answer can be given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// The welcome, and the question for the account number.
    Welcome,
    /// The question for the PIN.
    AskedPin,
    /// The same question again, because the entry was not valid.
    AskedAgain(Step),
    /// The pair was wrong. The caller may enter another.
    Refused,
    /// The pair was wrong and was the last of the call.
    RefusedLast,
    /// The caller's name, and the menu.
    Greeted,
    /// What the menu's entry with this digit tells.
    Told(String),
    /// The goodbye.
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

    /// The answer that a word in the table means.
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

    /// True for a rejection, which must take its time.
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
