//! The words of the dialogue, each in one place: the steps, the phases of a call, and the answers.

/// A step of the dialogue. Twilio posts the entry to `/voice/` and the step's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The key of a language.
    Language,
    /// The account number.
    Account,
    /// The PIN.
    Pin,
    /// A key of the menu.
    Menu,
}

impl Step {
    /// The step whose path this is.
    pub(crate) fn at(path: &str) -> Option<Self> {
        let word = path.strip_prefix("/voice/")?;
        let mut steps = [Self::Language, Self::Account, Self::Pin, Self::Menu].into_iter();
        steps.find(|step| step.word() == word)
    }

    /// The word in the path and in the table.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Language => "language",
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
    /// The welcome, and the languages to choose among.
    Languages,
    /// The question for the account number, after the caller chose a language.
    AskedAccount,
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
    /// The words in the table. Calls go on while the function is replaced, so the words are fixed.
    /// The word of [`Said::Told`] is `told_` and the digit.
    const WORDS: [(Self, &str); 12] = [
        (Self::Languages, "languages"),
        (Self::AskedAccount, "account"),
        (Self::Welcome, "welcome"),
        (Self::AskedPin, "pin"),
        (Self::AskedAgain(Step::Language), "again_language"),
        (Self::AskedAgain(Step::Account), "again_account"),
        (Self::AskedAgain(Step::Pin), "again_pin"),
        (Self::AskedAgain(Step::Menu), "again_menu"),
        (Self::Refused, "refused"),
        (Self::RefusedLast, "refused_last"),
        (Self::Greeted, "greeted"),
        (Self::Goodbye, "goodbye"),
    ];

    /// The word in the table.
    pub(crate) fn word(&self) -> String {
        if let Self::Told(digit) = self {
            return format!("told_{digit}");
        }
        let mut words = Self::WORDS.iter();
        let word = words.find(|(said, _)| said == self).map(|(_, word)| *word);
        word.unwrap_or_default().to_owned()
    }

    /// The answer that a word in the table means.
    pub(crate) fn of(word: &str) -> Option<Self> {
        if let Some(digit) = word.strip_prefix("told_") {
            return Some(Self::Told(digit.to_owned()));
        }
        let mut words = Self::WORDS.into_iter();
        words
            .find(|(_, known)| *known == word)
            .map(|(said, _)| said)
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
    fn what_was_said_is_read_as_it_was_written() {
        let fixed = Said::WORDS.map(|(said, _)| said);
        for said in fixed.into_iter().chain([Said::Told("3".to_owned())]) {
            assert_eq!(Said::of(&said.word()), Some(said));
        }
        for word in ["", "again", "again_trying", "menu", "Welcome"] {
            assert_eq!(Said::of(word), None, "{word}");
        }
    }

    #[test]
    fn paths_and_the_words_in_the_table_stay_as_they_are() {
        for (word, step) in [
            ("language", Step::Language),
            ("account", Step::Account),
            ("pin", Step::Pin),
            ("menu", Step::Menu),
        ] {
            assert_eq!(Step::at(&format!("/voice/{word}")), Some(step));
            assert_eq!(Phase::Asked(step).word(), word);
        }
        assert_eq!(Phase::Trying.word(), "trying");
        assert_eq!(Phase::Over.word(), "over");
        for path in ["/voice/", "/voice/trying", "/pin", "/voice/pin/"] {
            assert_eq!(Step::at(path), None, "{path}");
        }
    }

    #[test]
    fn only_a_rejection_takes_its_time() {
        let rejections = [Said::Refused, Said::RefusedLast];
        assert!(rejections.iter().all(Said::is_refusal));
        let others = [Said::Greeted, Said::Goodbye, Said::AskedAgain(Step::Pin)];
        assert!(!others.iter().any(Said::is_refusal));
    }
}
