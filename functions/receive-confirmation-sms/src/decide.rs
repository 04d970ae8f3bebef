//! Understands a message and decides what to do.

use std::time::SystemTime;

use shared::platform::config::Source;
use shared::platform::table::epoch;
use shared::rules::pending::Request;
use shared::vendors::twilio::webhook::STOP_WORDS;
use unicode_normalization::UnicodeNormalization as _;

use crate::outcome::Silence;

const DAY: u64 = 86_400;
/// In 24 hours a number gets this many answers to wrong replies. After this many wrong codes no
/// code counts.
pub(crate) const WRONG_PER_DAY: u64 = 5;
/// A confirmation is a word and a code. A longer message is not one.
const LONGEST: usize = 200;

/// The words that confirm.
#[derive(Debug)]
pub(crate) struct Words {
    normal: Vec<String>,
    /// The first word as configured, for texts that ask for it.
    pub(crate) shown: String,
}

impl Words {
    /// Reads `CORRECT_SMS_RESPONSE`: a comma list, `YES` by default.
    pub(crate) fn read(source: &mut Source<'_>) -> Self {
        let mut listed = source.list("CORRECT_SMS_RESPONSE");
        if listed.is_empty() {
            listed.push("YES".to_owned());
        }
        let normal: Vec<String> = listed.iter().map(|word| tokens(word).join(" ")).collect();
        if normal.iter().any(String::is_empty) {
            source.problem("CORRECT_SMS_RESPONSE holds an entry without a letter");
        }
        if normal
            .iter()
            .any(|word| STOP_WORDS.contains(&word.as_str()))
        {
            source.problem(
                "CORRECT_SMS_RESPONSE holds a word that opts out of all texts, such as STOP or END",
            );
        }
        Self {
            normal,
            shown: listed.swap_remove(0),
        }
    }
}

/// The meaning of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// The person wants no more SMS.
    Stop,
    /// A word that confirms, perhaps with a request's code.
    Word {
        /// Four digits.
        code: Option<String>,
    },
    /// Anything else.
    Other,
}

/// Understands a message. Only a configured word confirms, in any case, width and punctuation:
/// `yes!`, `"ＹＥＳ"`, but not `yes please`.
pub(crate) fn understand(text: &str, words: &Words) -> Said {
    if text.len() > LONGEST {
        return Said::Other;
    }
    let mut tokens = tokens(text);
    let is_word = |tokens: &[String]| words.normal.contains(&tokens.join(" "));
    // "Yes ❤️": an emoji at the end counts as punctuation, unless the configured word ends with it.
    while tokens.len() > 1
        && !is_word(&tokens)
        && tokens.last().is_some_and(|word| word.chars().all(is_emoji))
    {
        tokens.pop();
    }
    match tokens.as_slice() {
        [word] if STOP_WORDS.contains(&word.as_str()) => Said::Stop,
        all if is_word(all) => Said::Word { code: None },
        [word @ .., code]
            if is_word(word)
                && code.len() == 4
                && code.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            Said::Word {
                code: Some(code.clone()),
            }
        }
        _ => Said::Other,
    }
}

/// The words of a message, in one form: NFKC, no invisible characters, case folded, no punctuation
/// around a word.
fn tokens(text: &str) -> Vec<String> {
    let unified: String = text
        .nfkc()
        .filter(|c| !is_invisible(*c))
        .flat_map(char::to_lowercase)
        .collect();
    let words = unified
        .split_whitespace()
        .map(|word| word.trim_matches(is_punctuation));
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// True for zero-width characters, direction marks, variation selectors, skin tones, the byte order
/// mark, and controls that are not blanks.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{1f3fb}'..='\u{1f3ff}')
        || (c.is_control() && !c.is_whitespace())
}

/// True for pictures and symbols (<https://www.unicode.org/reports/tr51/>).
fn is_emoji(c: char) -> bool {
    matches!(c, '\u{203c}' | '\u{2049}' | '\u{20e3}' | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c, '\u{a1}' | '\u{ab}' | '\u{b4}' | '\u{b7}' | '\u{bb}' | '\u{bf}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{3000}'..='\u{3003}' | '\u{3008}'..='\u{3011}')
}

/// What the table says about the sender's number.
pub(crate) struct Known<'a> {
    /// The number's requests, oldest first, including expired ones.
    pub(crate) requests: &'a [Request],
    /// The wrong codes from the number in the last 24 hours.
    pub(crate) wrong_codes: u64,
    /// The number's last confirmation: its time (epoch seconds) and its code.
    pub(crate) confirmed: Option<(u64, Option<String>)>,
    /// How long a request is valid, even if it was stored for longer.
    pub(crate) valid_hours: u64,
}

/// What to do with a message.
#[derive(Debug, PartialEq, Eq)]
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

impl Known<'_> {
    fn end(&self, request: &Request) -> u64 {
        request
            .expires_at
            .min(request.created_at + self.valid_hours * 3600)
    }

    /// The requests that a reply can still confirm.
    pub(crate) fn valid(&self, now: SystemTime) -> impl Iterator<Item = &Request> {
        self.requests
            .iter()
            .filter(move |request| self.end(request) > epoch(now))
    }
}

/// True if [`decide`] needs the last confirmation. Most replies do not.
pub(crate) fn needs_the_past(
    said: &Said,
    requests: &[Request],
    valid_hours: u64,
    now: SystemTime,
) -> bool {
    let known = Known {
        requests,
        wrong_codes: 0,
        confirmed: None,
        valid_hours,
    };
    matches!(said, Said::Word { code } if code.is_some() || known.valid(now).next().is_none())
}

/// Decides what to do with a message.
pub(crate) fn decide(said: &Said, known: &Known<'_>, now: SystemTime) -> Decision {
    let valid: Vec<&Request> = known.valid(now).collect();
    match said {
        Said::Stop if known.requests.is_empty() => Decision::Silence(Silence::OptedOut),
        Said::Stop => Decision::Cancel,
        Said::Other if valid.is_empty() => Decision::Silence(Silence::NothingPending),
        Said::Other => Decision::Wrong,
        // Four digits can be guessed. With so few attempts a guess is unlikely, and a person needs
        // no more.
        Said::Word { code: Some(_) } if known.wrong_codes >= WRONG_PER_DAY => {
            Decision::Silence(Silence::WrongReplyIgnored)
        }
        Said::Word { code: Some(code) } => {
            if let Some(request) = valid
                .iter()
                .find(|request| request.code.as_ref() == Some(code))
            {
                Decision::Act(request.id.clone())
            } else if known
                .confirmed
                .as_ref()
                .is_some_and(|(_, used)| used.as_ref() == Some(code))
            {
                Decision::Repeat
            } else if valid.is_empty() {
                nothing_valid(known, now)
            } else {
                Decision::Wrong
            }
        }
        Said::Word { code: None } => match valid.as_slice() {
            [] => nothing_valid(known, now),
            [request] => Decision::Act(request.id.clone()),
            _ => Decision::List,
        },
    }
}

/// No valid request is left. Tells the person the newer event of the last day: an expiry or a
/// success.
fn nothing_valid(known: &Known<'_>, now: SystemTime) -> Decision {
    let now = epoch(now);
    let expired = known
        .requests
        .iter()
        .filter(|request| known.end(request) + DAY > now);
    let last_expiry = expired.clone().map(|request| known.end(request)).max();
    match (last_expiry, known.confirmed.as_ref().map(|(at, _)| *at)) {
        (Some(expiry), confirmed) if confirmed.is_none_or(|confirmed| confirmed < expiry) => {
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
            let free = |code: &String| {
                !taken.contains(code)
                    && !requests
                        .iter()
                        .any(|other| other.code.as_ref() == Some(code))
            };
            (0..9000)
                .map(|step| (1000 + (start - 1000 + step) % 9000).to_string())
                .find(free)
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
    use proptest::prelude::*;
    use shared::rules::link::Kind;
    use std::time::{Duration, UNIX_EPOCH};

    fn words(list: &str) -> Words {
        let lookup = |name: &str| (name == "CORRECT_SMS_RESPONSE").then(|| list.to_owned());
        shared::platform::config::read(&lookup, Words::read).unwrap()
    }

    #[test]
    fn grammar() {
        let words = words("YES, Sí, ja tak, 👍");
        let plain = Said::Word { code: None };
        for text in [
            "yes",
            "YES ",
            "Yes.",
            "\"yes\"",
            "yes!!",
            "YES\n",
            "ＹＥＳ",
            "\u{a0}yes\u{a0}",
            "y\u{200d}es",
            "\u{feff}yes",
            "¡sí!",
            "si\u{301}",
            "Ja   tak",
            "👍\u{fe0f}",
            "«YES»",
            "‘yes’",
            "\u{202e}yes",
            "👍🏽",
            "Yes ❤️",
            "yes! 🎉🎉 👍🏿",
        ] {
            assert_eq!(understand(text, &words), plain, "{text:?}");
        }
        for text in ["YES 4821", "yes, 4821.", "ja tak 4821", "ＹＥＳ ４８２１"] {
            assert_eq!(
                understand(text, &words),
                Said::Word {
                    code: Some("4821".to_owned())
                },
                "{text:?}"
            );
        }
        for text in ["STOP", "stop.", " Unsubscribe", "ＥＮＤ", "Quit!", "arret"] {
            assert_eq!(understand(text, &words), Said::Stop, "{text:?}");
        }
        for text in [
            "",
            " ",
            "yes please",
            "yes no",
            "no yes",
            "yesterday",
            "y e s",
            "I said YES yesterday",
            "oui",
            "ja",
            "YES 482",
            "YES 48211",
            "YES 48 21",
            "4821",
            "YES4821",
            "stop it",
            "yes\0no",
            "YES ٤٨٢١",
            "!!!",
            "❤️",
            "❤️ yes",
        ] {
            assert_eq!(understand(text, &words), Said::Other, "{text:?}");
        }
        assert_eq!(understand(&"yes ".repeat(500), &words), Said::Other);
    }

    proptest! {
        #[test]
        fn only_the_words_confirm(text in "\\PC{0,40}") {
            let words = words("YES");
            if let Said::Word { .. } = understand(&text, &words) {
                let letters: String = text.nfkc().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
                prop_assert!(letters.strip_prefix("yes").is_some_and(|rest| rest.is_empty() || rest.len() == 4), "{text:?}");
            }
        }

        #[test]
        fn any_text_is_understood(text in any::<String>()) {
            understand(&text, &words("YES"));
        }
    }

    #[test]
    fn words_that_opt_out_cannot_confirm() {
        let problems = |list: &str| {
            let lookup = |_: &str| Some(list.to_owned());
            shared::platform::config::read(&lookup, Words::read)
                .unwrap_err()
                .0
                .len()
        };
        assert_eq!(problems("END"), 1);
        assert_eq!(problems("yes,!"), 1);
    }

    const NOW: u64 = 1_000_000;

    fn request(id: &str, created: u64, code: Option<&str>) -> Request {
        Request {
            id: id.to_owned(),
            slot: id.to_owned(),
            kind: Kind::Verification,
            link: String::new(),
            email: String::new(),
            mailed_at: created,
            created_at: created,
            expires_at: created + 8 * 3600,
            code: code.map(str::to_owned),
            added_by: String::new(),
        }
    }

    fn decided(
        said: &Said,
        requests: &[Request],
        wrong_codes: u64,
        confirmed: Option<(u64, Option<&str>)>,
    ) -> Decision {
        let confirmed = confirmed.map(|(at, code)| (at, code.map(str::to_owned)));
        decide(
            said,
            &Known {
                requests,
                wrong_codes,
                confirmed,
                valid_hours: 8,
            },
            UNIX_EPOCH + Duration::from_secs(NOW),
        )
    }

    #[test]
    fn decisions() {
        let (yes, hour) = (Said::Word { code: None }, 3600);
        let coded = |code: &str| Said::Word {
            code: Some(code.to_owned()),
        };
        let valid = request("v", NOW - hour, None);
        let late = request("late", NOW - 9 * hour, None);
        let lost = request("lost", NOW - 33 * hour, None);
        let (a, b) = (
            request("a", NOW - 60, Some("1111")),
            request("b", NOW - 50, Some("2222")),
        );
        let act = |id: &str| Decision::Act(id.to_owned());
        let one = std::slice::from_ref(&valid);
        for (said, requests, wrong_codes, confirmed, expected) in [
            (&yes, one, 0, None, act("v")),
            (
                &yes,
                &[late.clone(), valid.clone()][..],
                0,
                Some((NOW - 5, None)),
                act("v"),
            ),
            (&yes, &[a.clone(), b.clone()], 0, None, Decision::List),
            (&coded("2222"), &[a.clone(), b.clone()], 0, None, act("b")),
            (
                &coded("3333"),
                &[a.clone(), b.clone()],
                0,
                None,
                Decision::Wrong,
            ),
            (
                &coded("3333"),
                &[a.clone(), b.clone()],
                5,
                None,
                Decision::Silence(Silence::WrongReplyIgnored),
            ),
            (
                &coded("3333"),
                std::slice::from_ref(&b),
                0,
                Some((NOW - 5, Some("3333"))),
                Decision::Repeat,
            ),
            (
                &coded("2222"),
                &[a.clone(), b.clone()],
                5,
                None,
                Decision::Silence(Silence::WrongReplyIgnored),
            ),
            (&coded("2222"), &[a.clone(), b.clone()], 4, None, act("b")),
            (&coded("1111"), one, 0, None, Decision::Wrong),
            (
                &yes,
                &[],
                0,
                None,
                Decision::Silence(Silence::NothingPending),
            ),
            (&yes, &[], 0, Some((NOW - 5, None)), Decision::Repeat),
            (
                &coded("9999"),
                &[],
                0,
                Some((NOW - 5, Some("1111"))),
                Decision::Repeat,
            ),
            (
                &yes,
                std::slice::from_ref(&late),
                0,
                None,
                Decision::Expired(vec!["late".to_owned()]),
            ),
            (
                &yes,
                &[lost.clone(), late.clone()],
                0,
                Some((NOW - 2 * hour, None)),
                Decision::Expired(vec!["late".to_owned()]),
            ),
            (
                &yes,
                std::slice::from_ref(&late),
                0,
                Some((NOW - 5, None)),
                Decision::Repeat,
            ),
            (
                &yes,
                std::slice::from_ref(&lost),
                0,
                None,
                Decision::Silence(Silence::NothingPending),
            ),
            (&Said::Other, one, 4, None, Decision::Wrong),
            (&Said::Other, one, 5, None, Decision::Wrong),
            (
                &Said::Other,
                std::slice::from_ref(&late),
                0,
                None,
                Decision::Silence(Silence::NothingPending),
            ),
            (&Said::Stop, one, 0, None, Decision::Cancel),
            (
                &Said::Stop,
                std::slice::from_ref(&late),
                0,
                None,
                Decision::Cancel,
            ),
            (
                &Said::Stop,
                &[],
                0,
                None,
                Decision::Silence(Silence::OptedOut),
            ),
        ] {
            assert_eq!(
                decided(said, requests, wrong_codes, confirmed),
                expected,
                "{said:?} {wrong_codes} {confirmed:?}"
            );
        }
    }

    #[test]
    fn codes_are_kept_and_never_alike() {
        let (a, b, c) = (
            request("a", 0, Some("1000")),
            request("b", 0, None),
            request("c", 0, Some("1000")),
        );
        let coded = codes(&[&b, &a, &c], |_| 0);
        let given: Vec<&str> = coded
            .iter()
            .map(|request| request.code.as_deref().unwrap())
            .collect();
        assert_eq!(given, ["1001", "1000", "1002"]);
    }
}
