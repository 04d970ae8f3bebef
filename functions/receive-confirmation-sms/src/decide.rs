//! Decides what to do with a message.

use std::time::SystemTime;

use shared::platform::table::Item;
use shared::platform::time::epoch;
use shared::rules::pending::{Request, confirmed};

use crate::DAY;
use crate::intent::Intent;
use crate::outcome::Silence;

/// In 24 hours a number gets this many answers to wrong replies. After this many wrong codes no
/// code counts.
pub(crate) const WRONG_PER_DAY: u64 = 5;

/// What the table says about the sender's number, besides its requests.
pub(crate) struct History {
    /// The wrong codes from the number in the last 24 hours.
    pub(crate) wrong_codes: u64,
    pub(crate) confirmed: Option<LastConfirmation>,
}

/// The number's last confirmation.
pub(crate) struct LastConfirmation {
    /// Epoch seconds.
    pub(crate) at: u64,
    pub(crate) code: Option<String>,
    /// True if Auth0's page did not say how it ended.
    pub(crate) is_submitted: bool,
    /// The language of the answer.
    pub(crate) language: Option<String>,
}

/// The number's requests.
#[derive(Clone, Copy)]
pub(crate) struct Requests<'a> {
    /// Oldest first, including expired ones.
    pub(crate) all: &'a [Request],
    /// How long a request is valid, even if it was stored for longer.
    pub(crate) valid_hours: u64,
    pub(crate) now: SystemTime,
}

/// What to do with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Send no answer, for this reason.
    Silence(Silence),
    /// Cancel all requests and send no answer.
    Cancel,
    /// Answer "try again", unless the number has had too many of these answers today.
    Wrong,
    /// Ask which request is meant: list all valid ones with their codes.
    List,
    /// Give the same answer again: the request was confirmed before.
    Repeat,
    /// Say that it is too late, and remove these requests.
    Expired(Vec<String>),
    /// Confirm this request, or send its link.
    Act(String),
}

impl LastConfirmation {
    pub(crate) fn from_item(item: &Item) -> Option<Self> {
        let (at, code) = confirmed::read(item)?;
        Some(Self {
            at,
            code,
            is_submitted: confirmed::was_submitted(item),
            language: item.text("language").map(str::to_owned),
        })
    }
}

impl<'a> Requests<'a> {
    fn end(&self, request: &Request) -> u64 {
        let end = request.created_at + self.valid_hours * 3600;
        request.expires_at.min(end)
    }

    /// The requests that a reply can still confirm.
    pub(crate) fn valid(&self) -> Vec<&'a Request> {
        let now = epoch(self.now);
        let all = self.all.iter();
        all.filter(|request| self.end(request) > now).collect()
    }
}

/// True if [`decide`] needs the last confirmation. Most replies do not.
pub(crate) fn needs_last_confirmation(intent: &Intent, requests: Requests<'_>) -> bool {
    matches!(intent, Intent::Confirm { code } if code.is_some() || requests.valid().is_empty())
}

/// Decides what to do with a message.
pub(crate) fn decide(intent: &Intent, requests: Requests<'_>, history: &History) -> Decision {
    let valid = requests.valid();
    match intent {
        Intent::OptOut if requests.all.is_empty() => Decision::Silence(Silence::OptedOut),
        Intent::OptOut => Decision::Cancel,
        Intent::Other if valid.is_empty() => Decision::Silence(Silence::NothingPending),
        Intent::Other => Decision::Wrong,
        // Four digits can be guessed. With so few attempts a guess is unlikely, and a person needs
        // no more.
        Intent::Confirm { code: Some(_) } if history.wrong_codes >= WRONG_PER_DAY => {
            Decision::Silence(Silence::WrongReplyIgnored)
        }
        Intent::Confirm {
            code: code @ Some(_),
        } => {
            let last = history.confirmed.as_ref();
            if let Some(request) = valid.iter().find(|request| request.code == *code) {
                Decision::Act(request.id.clone())
            } else if last.is_some_and(|last| last.code == *code) {
                Decision::Repeat
            } else if valid.is_empty() {
                match nothing_valid(requests, history) {
                    // Another request had this code. Its link may have been refused.
                    Decision::Repeat if last.is_some_and(|last| last.code.is_some()) => {
                        Decision::Silence(Silence::NothingPending)
                    }
                    other => other,
                }
            } else {
                Decision::Wrong
            }
        }
        Intent::Confirm { code: None } => match valid.as_slice() {
            [] => nothing_valid(requests, history),
            [request] => Decision::Act(request.id.clone()),
            _ => Decision::List,
        },
    }
}

/// No valid request is left. Tells the person the newer event of the last day: an expiry or a
/// success.
fn nothing_valid(requests: Requests<'_>, history: &History) -> Decision {
    let is_recent = |request: &&Request| requests.end(request) + DAY > epoch(requests.now);
    let expired = requests.all.iter().filter(is_recent);
    let last_expiry = expired.clone().map(|request| requests.end(request)).max();
    match (last_expiry, history.confirmed.as_ref()) {
        (Some(expiry), last) if last.is_none_or(|last| last.at < expiry) => {
            Decision::Expired(expired.map(|request| request.id.clone()).collect())
        }
        (_, Some(_)) => Decision::Repeat,
        _ => Decision::Silence(Silence::NothingPending),
    }
}

/// Gives each of `requests` without a code a new one. No two codes are equal. `random` returns a
/// number from 0 to its argument - 1.
pub(crate) fn codes(requests: &[&Request], mut random: impl FnMut(u64) -> u64) -> Vec<Request> {
    let mut taken: Vec<String> = Vec::new();
    let mut coded = Vec::new();
    for request in requests {
        let kept = request.code.clone().filter(|code| !taken.contains(code));
        let code = kept.unwrap_or_else(|| {
            // No code starts with 0, because some phones drop leading zeros.
            let start = 1000 + random(9000);
            let is_used = |code: &String| {
                let mut others = requests.iter();
                taken.contains(code) || others.any(|other| other.code.as_ref() == Some(code))
            };
            (0..9000)
                .map(|step| (1000 + (start - 1000 + step) % 9000).to_string())
                .find(|code| !is_used(code))
                .unwrap_or_default()
        });
        taken.push(code.clone());
        coded.push(Request {
            code: Some(code),
            ..(*request).clone()
        });
    }
    coded
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::rules::link::Kind;
    use std::time::{Duration, UNIX_EPOCH};

    const NOW: u64 = 1_000_000;
    const HOUR: u64 = 3_600;

    fn request(id: &str, age: u64, code: Option<&str>) -> Request {
        let created_at = NOW - age;
        Request {
            id: id.to_owned(),
            slot: id.to_owned(),
            kind: Kind::Verification,
            link: String::new(),
            email: String::new(),
            mailed_at: created_at,
            created_at,
            expires_at: created_at + 8 * HOUR,
            code: code.map(str::to_owned),
            language: None,
            added_by: String::new(),
        }
    }

    /// The requests are named in one text. A confirmation is its age and its code.
    fn decided(
        intent: &Intent,
        names: &str,
        wrong_codes: u64,
        confirmed: Option<(u64, &str)>,
    ) -> Decision {
        let made = |name: &str| match name {
            "valid" => request(name, HOUR, None),
            "late" => request(name, 9 * HOUR, None),
            "lost" => request(name, 33 * HOUR, None),
            code => request(code, 60, Some(code)),
        };
        let all: Vec<Request> = names.split_whitespace().map(made).collect();
        let confirmed = confirmed.map(|(age, code)| LastConfirmation {
            at: NOW - age,
            code: Some(code.to_owned()).filter(|code| !code.is_empty()),
            is_submitted: false,
            language: None,
        });
        let history = History {
            wrong_codes,
            confirmed,
        };
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        let requests = Requests {
            all: &all,
            valid_hours: 8,
            now,
        };
        decide(intent, requests, &history)
    }

    #[test]
    fn decisions() {
        let code = |code: &str| Intent::Confirm {
            code: Some(code.to_owned()),
        };
        let (yes, stop, other) = (
            Intent::Confirm { code: None },
            Intent::OptOut,
            Intent::Other,
        );
        let act = |id: &str| Decision::Act(id.to_owned());
        let (wrong, repeat) = (Decision::Wrong, Decision::Repeat);
        let late = Decision::Expired(vec!["late".to_owned()]);
        let ignored = Decision::Silence(Silence::WrongReplyIgnored);
        let nothing = Decision::Silence(Silence::NothingPending);
        for (intent, requests, wrong_codes, confirmed, expected) in [
            (&yes, "valid", 0, None, act("valid")),
            (&yes, "late valid", 0, Some((5, "")), act("valid")),
            (&yes, "1111 2222", 0, None, Decision::List),
            (&code("2222"), "1111 2222", 0, None, act("2222")),
            (&code("2222"), "1111 2222", 4, None, act("2222")),
            (&code("2222"), "1111 2222", 5, None, ignored.clone()),
            (&code("3333"), "1111 2222", 0, None, wrong.clone()),
            (&code("3333"), "1111 2222", 5, None, ignored),
            (&code("3333"), "2222", 0, Some((5, "3333")), repeat.clone()),
            (&code("1111"), "valid", 0, None, wrong.clone()),
            (&code("1111"), "", 0, Some((5, "1111")), repeat.clone()),
            (&code("9999"), "", 0, Some((5, "1111")), nothing.clone()),
            (&code("9999"), "", 0, Some((5, "")), repeat.clone()),
            (&code("9999"), "late", 0, Some((2 * HOUR, "")), late.clone()),
            (&yes, "", 0, None, nothing.clone()),
            (&yes, "", 0, Some((5, "")), repeat.clone()),
            (&yes, "late", 0, None, late.clone()),
            (&yes, "lost late", 0, Some((2 * HOUR, "")), late),
            (&yes, "late", 0, Some((5, "")), repeat),
            (&yes, "lost", 0, None, nothing.clone()),
            (&other, "valid", 4, None, wrong.clone()),
            (&other, "valid", 5, None, wrong),
            (&other, "late", 0, None, nothing),
            (&stop, "valid", 0, None, Decision::Cancel),
            (&stop, "late", 0, None, Decision::Cancel),
            (&stop, "", 0, None, Decision::Silence(Silence::OptedOut)),
        ] {
            let decision = decided(intent, requests, wrong_codes, confirmed);
            assert_eq!(
                decision, expected,
                "{intent:?} {requests} {wrong_codes} {confirmed:?}"
            );
        }
    }

    #[test]
    fn a_request_ends_with_its_item_or_after_the_hours_of_the_setting() {
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        for (age, valid_hours, is_valid) in [
            (2 * HOUR - 1, 2, true),
            (2 * HOUR, 2, false),
            (8 * HOUR - 1, 24, true),
            (8 * HOUR, 24, false),
        ] {
            let all = [request("one", age, None)];
            let requests = Requests {
                all: &all,
                valid_hours,
                now,
            };
            assert_eq!(requests.valid().len() == 1, is_valid, "{age} {valid_hours}");
        }
    }

    #[test]
    fn an_expiry_is_told_for_a_day() {
        let yes = Intent::Confirm { code: None };
        let told = |age: u64| {
            let all = [request("one", age, None)];
            let requests = Requests {
                all: &all,
                valid_hours: 8,
                now: UNIX_EPOCH + Duration::from_secs(NOW),
            };
            let history = History {
                wrong_codes: 0,
                confirmed: None,
            };
            decide(&yes, requests, &history) == Decision::Expired(vec!["one".to_owned()])
        };
        assert!(told(32 * HOUR - 1));
        assert!(!told(32 * HOUR));
    }

    #[test]
    fn of_an_expiry_and_a_success_the_newer_is_told() {
        let yes = Intent::Confirm { code: None };
        // The request of the name expired an hour ago.
        for (age, decision) in [
            (HOUR + 1, Decision::Expired(vec!["late".to_owned()])),
            (HOUR, Decision::Repeat),
            (HOUR - 1, Decision::Repeat),
        ] {
            assert_eq!(decided(&yes, "late", 0, Some((age, ""))), decision, "{age}");
        }
    }

    #[test]
    fn the_last_confirmation_matters_to_codes_and_where_nothing_is_valid() {
        let needs = |intent: &Intent, all: &[Request]| {
            let requests = Requests {
                all,
                valid_hours: 8,
                now: UNIX_EPOCH + Duration::from_secs(NOW),
            };
            needs_last_confirmation(intent, requests)
        };
        let (valid, late) = ([request("a", 0, None)], [request("b", 9 * HOUR, None)]);
        let code = Intent::Confirm {
            code: Some("1234".to_owned()),
        };
        let yes = Intent::Confirm { code: None };
        assert!(needs(&code, &valid) && needs(&code, &late));
        assert!(needs(&yes, &late) && !needs(&yes, &valid));
        for other in [Intent::OptOut, Intent::Other] {
            assert!(!needs(&other, &late) && !needs(&other, &valid));
        }
    }

    #[test]
    fn the_last_confirmation_is_read_from_the_numbers_item() {
        let item = Item::from_iter([
            ("confirmed_at", 5.into()),
            ("code", "1234".into()),
            ("submitted", 1.into()),
            ("language", "da".into()),
        ]);
        let last = LastConfirmation::from_item(&item).unwrap();
        let code = last.code.as_deref();
        assert_eq!((last.at, code, last.is_submitted), (5, Some("1234"), true));
        assert_eq!(last.language.as_deref(), Some("da"));
        let item = Item::from_iter([("confirmed_at", 5.into())]);
        assert!(!LastConfirmation::from_item(&item).unwrap().is_submitted);
        assert!(LastConfirmation::from_item(&Item::default()).is_none());
    }

    #[test]
    fn codes_have_four_digits_and_the_first_is_not_zero() {
        let given = |random: u64| {
            let coded = codes(&[&request("a", 0, None)], |most| random.min(most - 1));
            coded[0].code.clone().unwrap()
        };
        assert_eq!(
            [given(0), given(234), given(8_999)],
            ["1000", "1234", "9999"]
        );
        // After the last code comes the first.
        let both = [&request("a", 0, Some("9999")), &request("b", 0, None)];
        assert_eq!(codes(&both, |_| 8_999)[1].code.as_deref(), Some("1000"));
    }

    #[test]
    fn codes_are_kept_and_never_alike() {
        let (a, c) = (request("a", 0, Some("1000")), request("c", 0, Some("1000")));
        let coded = codes(&[&request("b", 0, None), &a, &c], |_| 0);
        let given: Vec<_> = coded
            .iter()
            .filter_map(|request| request.code.as_deref())
            .collect();
        assert_eq!(given, ["1001", "1000", "1002"]);
    }
}
