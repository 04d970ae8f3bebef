//! The words of each provider.

use shared::rules::delivery::{Reason, State};

/// Who ends a call so early has not heard the code.
const HEARD_SECONDS: u64 = 5;

/// What a provider's words mean, read a second time from its documentation.
pub(super) struct Provider {
    pub(super) letter: u8,
    /// The words of a text that arrived, or of a call that was heard.
    arrived: &'static [&'static str],
    /// The words of what did not arrive for the reason of the error code.
    failed: &'static [&'static str],
    codes: &'static [(u64, Reason)],
    /// The words of what did not arrive for one reason.
    fixed: &'static [(&'static str, Reason)],
    /// The number beside the word is how long a call lasted.
    is_call: bool,
}

const VONAGE: Provider = Provider {
    letter: b'v',
    arrived: &["delivered"],
    failed: &["failed", "rejected"],
    codes: &[
        (2, Reason::Unreachable),
        (5, Reason::Unreachable),
        (7, Reason::Unreachable),
        (8, Reason::Unreachable),
        (11, Reason::Unreachable),
        (12, Reason::Unreachable),
        (4, Reason::Blocked),
        (13, Reason::Blocked),
        (14, Reason::Blocked),
        (3, Reason::Landline),
        (9, Reason::Landline),
        (6, Reason::Filtered),
        (50, Reason::Filtered),
        (1, Reason::Unknown),
    ],
    fixed: &[("expired", Reason::Expired)],
    is_call: false,
};

pub(super) const PROVIDERS: [Provider; 8] = [
    Provider {
        letter: b't',
        arrived: &["delivered", "read"],
        failed: &["undelivered", "failed", "canceled"],
        codes: &[
            (30003, Reason::Unreachable),
            (30002, Reason::Blocked),
            (30004, Reason::Blocked),
            (30034, Reason::Blocked),
            (30005, Reason::Landline),
            (30006, Reason::Landline),
            (21614, Reason::Landline),
            (21635, Reason::Landline),
            (21610, Reason::OptedOut),
            (30007, Reason::Filtered),
            (30036, Reason::Expired),
            (30008, Reason::Unknown),
        ],
        fixed: &[],
        is_call: false,
    },
    Provider {
        letter: b'T',
        arrived: &["completed"],
        failed: &["failed", "canceled"],
        codes: &[],
        fixed: &[
            ("busy", Reason::NotAnswered),
            ("no-answer", Reason::NotAnswered),
        ],
        is_call: true,
    },
    Provider {
        letter: b'p',
        arrived: &["delivered", "read"],
        failed: &["failed", "undelivered", "rejected"],
        codes: &[
            (80, Reason::Unreachable),
            (90, Reason::Unreachable),
            (50, Reason::Landline),
            (70, Reason::Landline),
            (100, Reason::Blocked),
            (450, Reason::Blocked),
            (30, Reason::Filtered),
            (200, Reason::OptedOut),
            (420, Reason::Expired),
            (1000, Reason::Unknown),
        ],
        fixed: &[],
        is_call: false,
    },
    VONAGE,
    Provider {
        letter: b'q',
        ..VONAGE
    },
    Provider {
        letter: b'j',
        ..VONAGE
    },
    Provider {
        letter: b'e',
        arrived: &["completed"],
        failed: &["failed"],
        codes: &[],
        fixed: &[
            ("busy", Reason::NotAnswered),
            ("timeout", Reason::NotAnswered),
            ("unanswered", Reason::NotAnswered),
            ("rejected", Reason::NotAnswered),
            ("cancelled", Reason::NotAnswered),
            ("machine", Reason::NotAnswered),
        ],
        is_call: true,
    },
    Provider {
        letter: b'a',
        arrived: &["DELIVERED", "READ", "COMPLETED"],
        failed: &["INVALID_MESSAGE", "UNKNOWN", "FAILED"],
        codes: &[],
        fixed: &[
            ("BUSY", Reason::NotAnswered),
            ("NO_ANSWER", Reason::NotAnswered),
            ("INVALID", Reason::Landline),
            ("UNREACHABLE", Reason::Unreachable),
            ("CARRIER_UNREACHABLE", Reason::Unreachable),
            ("BLOCKED", Reason::Blocked),
            ("CARRIER_BLOCKED", Reason::Blocked),
            ("PROTECT_BLOCKED", Reason::Blocked),
            ("SPAM", Reason::Filtered),
            ("TTL_EXPIRED", Reason::Expired),
        ],
        is_call: false,
    },
];

/// Clickatell has numbers only. Any other number says nothing about the phone.
const CLICKATELL: [(u64, State); 13] = [
    (5, State::Delivered),
    (6, State::Delivered),
    (20, State::Undelivered(Reason::Expired)),
    (21, State::Undelivered(Reason::OptedOut)),
    (22, State::Undelivered(Reason::Blocked)),
    (25, State::Undelivered(Reason::Blocked)),
    (26, State::Undelivered(Reason::Blocked)),
    (27, State::Undelivered(Reason::Blocked)),
    (28, State::Undelivered(Reason::Blocked)),
    (29, State::Undelivered(Reason::Landline)),
    (100, State::Undelivered(Reason::Unreachable)),
    (23, State::Undelivered(Reason::Unknown)),
    (4, State::OnItsWay),
];

/// A word, its number and their state, by a choice.
pub(super) fn chosen(
    provider: Option<&Provider>,
    choice: u8,
    number: u64,
) -> (&'static str, u64, State) {
    let choice = usize::from(choice);
    let Some(provider) = provider else {
        let known = CLICKATELL.get(choice % (CLICKATELL.len() + 1));
        let number = known.map_or(number, |(number, _)| *number);
        return ("", number, clickatell_state(number));
    };
    let mut words = vec!["queued"];
    words.extend(provider.arrived);
    words.extend(provider.failed);
    words.extend(provider.fixed.iter().map(|(word, _)| word));
    let word = words[choice % words.len()];
    let known = provider.codes.get(choice / words.len());
    let number = known.map_or(number, |(code, _)| *code);
    let number = if provider.is_call {
        number % 12
    } else {
        number
    };
    (word, number, provider.state(word, Some(number)))
}

fn clickatell_state(number: u64) -> State {
    let known = CLICKATELL.iter().find(|(known, _)| *known == number);
    known.map_or(State::OnItsWay, |(_, state)| *state)
}

impl Provider {
    pub(super) fn state(&self, word: &str, number: Option<u64>) -> State {
        let fixed = self.fixed.iter().find(|(known, _)| *known == word);
        if let Some((_, reason)) = fixed {
            State::Undelivered(*reason)
        } else if self.failed.contains(&word) {
            let known = self.codes.iter().find(|(code, _)| number == Some(*code));
            State::Undelivered(known.map_or(Reason::Unknown, |(_, reason)| *reason))
        } else if !self.arrived.contains(&word) {
            State::OnItsWay
        } else if self.is_call && number.is_some_and(|seconds| seconds <= HEARD_SECONDS) {
            State::Undelivered(Reason::NotAnswered)
        } else {
            State::Delivered
        }
    }
}
