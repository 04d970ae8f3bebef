//! What people must be told, and what must be confirmed, if nothing is broken.

use super::{Facts, Told};
use crate::soak::{
    plan::{About, Says},
    replies::{Event, Said, Talked},
};

/// Wrong replies that get an answer, and wrong codes that count, in a day.
const WRONG_PER_DAY: usize = 5;

/// What the table knows of a phone, as the documentation says.
#[derive(Default)]
struct Phone {
    waiting: Vec<About>,
    verified: Vec<About>,
    /// Those that a list has given a code.
    coded: Vec<About>,
    /// What was verified last, and whether it had a code.
    last: Option<(About, bool)>,
    wrong: usize,
    wrong_codes: usize,
    has_opted_out: bool,
}

impl Phone {
    /// A mail comes. Returns whether it becomes a text.
    fn mailed(&mut self, about: About) -> bool {
        if !self.has_opted_out {
            for all in [&mut self.waiting, &mut self.coded] {
                all.retain(|other| *other != about);
            }
            self.waiting.push(about);
        }
        !self.has_opted_out
    }

    /// A message comes, for the first time. Returns its answer.
    fn says(&mut self, says: Says) -> Told {
        match says {
            Says::Stop(_) => {
                self.waiting.clear();
                self.has_opted_out = true;
                Told::Nothing
            }
            Says::MarkedHelp => Told::Nothing,
            Says::Start(_) => {
                self.has_opted_out = false;
                self.other()
            }
            Says::Other(_) | Says::Picture => self.other(),
            Says::Yes(word) => {
                if word.eq_ignore_ascii_case("YES") {
                    self.has_opted_out = false;
                }
                match self.waiting[..] {
                    [] => self.before(),
                    [one] => self.confirm(one),
                    _ => {
                        self.coded.clone_from(&self.waiting);
                        Told::List(self.waiting.len())
                    }
                }
            }
            Says::Chosen(_) | Says::WrongCode if self.wrong_codes >= WRONG_PER_DAY => Told::Nothing,
            Says::Chosen(about) if self.waiting.contains(&about) => self.confirm(about),
            Says::Chosen(about) if self.last == Some((about, true)) => Told::Confirmed,
            Says::Chosen(_) | Says::WrongCode if self.waiting.is_empty() => match self.last {
                // It had no code: any is taken for its own.
                Some((_, false)) => Told::Confirmed,
                _ => Told::Nothing,
            },
            Says::Chosen(_) | Says::WrongCode => {
                self.wrong_codes += 1;
                self.other()
            }
        }
    }

    /// Nothing waits. The last confirmation is told again.
    fn before(&self) -> Told {
        self.last.map_or(Told::Nothing, |_| Told::Confirmed)
    }

    fn other(&mut self) -> Told {
        if self.waiting.is_empty() || self.wrong == WRONG_PER_DAY {
            return Told::Nothing;
        }
        self.wrong += 1;
        Told::Wrong
    }

    fn confirm(&mut self, about: About) -> Told {
        self.waiting.retain(|other| *other != about);
        if about == About::Password {
            return Told::Link;
        }
        self.last = Some((about, self.coded.contains(&about)));
        self.verified.push(about);
        Told::Confirmed
    }

    /// The answers to all copies of what was said, in no order.
    fn answers(&mut self, said: &Said) -> Vec<Told> {
        let mut answers = match said.says {
            // One message: the other copies get its answer.
            Says::Other(_) | Says::Picture | Says::MarkedHelp => {
                vec![self.says(said.says); said.answers.len()]
            }
            says => said.answers.iter().map(|_| self.says(says)).collect(),
        };
        answers.sort_unstable();
        answers
    }
}

/// Everybody is texted, gets the documented answers, and what was chosen is confirmed, and nothing else.
pub(super) fn judge(talked: &Talked, facts: &Facts, broken: &mut Vec<String>) {
    let mut phone = Phone::default();
    for (place, event) in talked.events.iter().enumerate() {
        match event {
            Event::Mailed(mailed) => {
                if phone.mailed(mailed.about) != mailed.is_done {
                    broken.push(format!(
                        "mail {place} ({:?}) was texted: {}, and nothing was broken",
                        mailed.about, mailed.is_done
                    ));
                }
            }
            Event::Said(said) => {
                let answers = said.answers.iter();
                let mut told: Vec<_> = answers.map(|answer| Told::of(answer, talked)).collect();
                told.sort_unstable();
                let is_answered = said.answers.iter().all(|answer| answer.status == 200);
                let expected = phone.answers(said);
                if told.is_empty() || !is_answered || told != expected {
                    broken.push(format!(
                        "reply {place} ({:?}) was answered with {told:?} in place of {expected:?}, and nothing was broken",
                        said.says
                    ));
                }
            }
        }
    }
    if facts.lost > 0 {
        broken.push(format!(
            "{} texts were not noted, and nothing was broken",
            facts.lost
        ));
    }
    let is_same = phone.verified.len() == facts.verified.len()
        && phone
            .verified
            .iter()
            .all(|about| facts.verified.contains(about));
    if !is_same {
        broken.push(format!(
            "{:?} are verified in place of {:?}, and nothing was broken",
            facts.verified, phone.verified
        ));
    }
}
