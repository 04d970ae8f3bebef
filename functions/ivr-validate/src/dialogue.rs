//! The state of each call. A step is possible only after the step before it, and only once.
//!
//! Each request is one conditional write that moves the call on. So no step is skipped, and no step
//! is taken by two requests. Each answer has a number. It is part of the URL to which Twilio posts
//! next, and Twilio signs that URL. The next request must bring the number of the last answer.
//!
//! A repeated request brings the number of an earlier answer. Within [`RETRIED`] it is Twilio's
//! retry after a lost answer, and gets the same answer. A later one is a replay and is rejected.
//!
//! Numbers begin with the day. So after a call's item has expired, an old request cannot fit a call
//! with the same id.

use std::time::{Duration, Instant, SystemTime};

use shared::platform::random::owner_id;
use shared::platform::table::{Item, Key, Table, Unavailable, Update, Write};
use shared::platform::time::epoch;
use shared::rules::account::AccountNumber;
use shared::vendors::twilio::webhook::Form;
use words::Language;

use crate::Arrival;
use crate::step::{Phase, Said, Step};

/// The longest dialogue, and the longest menu after it, in seconds. A call is open for at most both
/// together.
const LIFE: u64 = 15 * 60;
/// Keep the call's item for seven days, so that a replayed request cannot start the dialogue again.
const REMEMBERED: u64 = 7 * 86_400;
/// How many answer numbers a day has: more than a call has answers.
const NUMBERS: u64 = 1_000;
/// Twilio retries within this many seconds after an answer.
const RETRIED: u64 = 15;
/// How long a repeated request waits for the result of a PIN that is being tried.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);
/// How often the waiting request reads the table.
pub(crate) const LOOK: Duration = Duration::from_millis(200);
/// The limit of tries for one entry, and of wrong pairs of account number and PIN, in a call.
pub(crate) const TRIES: u64 = 3;
/// The limit of keys pressed in the menu of a call.
const TURNS: u64 = 50;

/// Which answer a request follows, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follows {
    /// The request has no number. It may fit the state, if no request of this call had a number
    /// before.
    Unnumbered,
    /// It follows the answer with this number.
    Answer(u64),
    /// It has a number that is not one of ours.
    Nothing,
}

impl Follows {
    /// Reads the number from a signed query.
    pub(crate) fn of(query: &str) -> Self {
        let Some(form) = Form::parse(query.as_bytes()) else {
            return Self::Nothing;
        };
        let number = |text: &str| {
            text.parse()
                .ok()
                .filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
        };
        match form.get("step") {
            None => Self::Unnumbered,
            Some(_) if form.repeats() => Self::Nothing,
            Some(text) => number(text).map_or(Self::Nothing, Self::Answer),
        }
    }
}

/// A call's state in the table.
pub(crate) struct Dialogue<'a> {
    table: &'a Table,
    key: Key,
    follows: Follows,
    arrival: Arrival,
    owner: String,
}

/// The result of a request.
pub(crate) enum Move {
    /// The request moved the call to this place.
    Made(Place),
    /// The request has moved the call to this place before, and is the last that did. It gets the
    /// same answer.
    Repeated(Place),
    /// The request does not fit the call's state.
    OutOfOrder,
}

/// The state of a call after a move.
pub(crate) struct Place(Item);

impl Place {
    /// The account number that the caller entered.
    pub(crate) fn account(&self) -> Option<AccountNumber> {
        self.0.text("account")?.parse().ok()
    }

    /// The call's language, if it is still one of the catalogue's.
    pub(crate) fn language(&self) -> Option<Language> {
        self.0.text("language")?.parse().ok()
    }

    /// The number of the last answer.
    pub(crate) fn answer(&self) -> u64 {
        self.0.number("answers").unwrap_or_default()
    }

    /// What the last answer says, if this version knows its word.
    pub(crate) fn said(&self) -> Option<Said> {
        Said::of(self.0.text("said")?)
    }

    /// True if the call is over.
    pub(crate) fn is_over(&self) -> bool {
        stands(&self.0, Phase::Over)
    }

    /// True if the next wrong pair is the last of this call.
    pub(crate) fn is_last_pair(&self) -> bool {
        self.0
            .number("pairs")
            .is_some_and(|pairs| pairs + 1 >= TRIES)
    }
}

impl<'a> Dialogue<'a> {
    /// The state of the call `sid` for a request.
    pub(crate) fn new(table: &'a Table, sid: &str, follows: Follows, arrival: Arrival) -> Self {
        Self {
            table,
            key: Key::new(format!("call#{sid}"), "state"),
            follows,
            arrival,
            owner: owner_id(),
        }
    }

    /// A call came in. `offers`: the caller may choose another language than this. If Twilio repeats
    /// the request before something was entered, ask again; the time limit keeps running.
    pub(crate) async fn begin(
        &self,
        language: Language,
        offers: bool,
    ) -> Result<Move, Unavailable> {
        let now = epoch(self.arrival.time);
        let (step, said) = if offers {
            (Step::Language, Said::Languages)
        } else {
            (Step::Account, Said::Welcome)
        };
        let update = self
            .update(Phase::Asked(step), &said, self.arrival.now())
            .set("language", language.tag())
            .set("tries", 0)
            .set("pairs", 0)
            .set("turns", 0)
            .set("answers", now / 86_400 * NUMBERS + 1)
            .set("open_until", now + LIFE)
            .set("expires_at", now + REMEMBERED)
            .remove("account")
            .remove("numbered")
            .only_if("attribute_not_exists(pk) OR expires_at <= :now")
            .bind(":now", now);
        Ok(match self.table.update(update).await? {
            Write::Done(item) => Move::Made(Place(item)),
            Write::Refused(seen)
                if matches!(
                    seen.text("said").and_then(Said::of),
                    Some(Said::Welcome | Said::Languages)
                ) && self.is_open(&seen)
                    && self.is_recent(&seen) =>
            {
                Move::Repeated(Place(seen))
            }
            Write::Refused(_) => Move::OutOfOrder,
        })
    }

    /// The caller chose a language, or presses no key. Then the call's language stays.
    pub(crate) async fn language(&self, chosen: Option<Language>) -> Result<Move, Unavailable> {
        let update = self
            .answer(Phase::Asked(Step::Account), &Said::AskedAccount)
            .set("tries", 0);
        let update = match chosen {
            Some(language) => update.set("language", language.tag()),
            None => update,
        };
        self.advance(Phase::Asked(Step::Language), update).await
    }

    /// The language of the call as the table has it, before this request moves the call.
    pub(crate) async fn spoken(&self) -> Result<Option<Language>, Unavailable> {
        let seen = self.table.get(self.key.clone(), self.arrival.time).await?;
        Ok(seen.and_then(|seen| Place(seen).language()))
    }

    /// The caller entered an account number.
    pub(crate) async fn account(&self, account: &AccountNumber) -> Result<Move, Unavailable> {
        let update = self
            .answer(Phase::Asked(Step::Pin), &Said::AskedPin)
            .set("tries", 0)
            .set("account", account.as_str());
        self.advance(Phase::Asked(Step::Account), update).await
    }

    /// The caller entered a PIN, which is being tried. [`Dialogue::right`] and [`Dialogue::wrong`]
    /// store the result.
    pub(crate) async fn pin(&self) -> Result<Move, Unavailable> {
        let update = Update::new(self.key.clone())
            .set("step", Phase::Trying.word())
            .set("owner_id", self.owner.as_str())
            .set("tries", 0);
        match self.write(Phase::Asked(Step::Pin), update, "").await? {
            // Our own write, whose answer was lost.
            Write::Refused(seen) if self.is_trying(&seen) => Ok(Move::Made(Place(seen))),
            Write::Refused(seen) if self.is_being_tried(&seen) => self.outcome().await,
            write => Ok(self.moved(write)),
        }
    }

    /// The PIN was right.
    pub(crate) async fn right(&self) -> Result<Move, Unavailable> {
        let update = self
            .answer(Phase::Asked(Step::Menu), &Said::Greeted)
            .set("open_until", epoch(self.arrival.time) + LIFE);
        self.settle(update).await
    }

    /// The PIN was wrong; the answer goes out at `then`. `is_last`: the call has no more tries.
    pub(crate) async fn wrong(&self, is_last: bool, then: Instant) -> Result<Move, Unavailable> {
        let (phase, said) = if is_last {
            (Phase::Over, Said::RefusedLast)
        } else {
            (Phase::Asked(Step::Account), Said::Refused)
        };
        let Arrival { instant, time } = self.arrival;
        let then = time + then.saturating_duration_since(instant);
        let update = self
            .update(phase, &said, then)
            .add("answers", 1)
            .add("pairs", 1)
            .remove("account");
        self.settle(update).await
    }

    /// Stores the result of the PIN that this request tries. No other request does that. So what has
    /// moved on was moved by our own write, whose answer was lost.
    async fn settle(&self, update: Update) -> Result<Move, Unavailable> {
        match self.write(Phase::Trying, update, "").await? {
            Write::Refused(seen) if self.is_trying(&seen) && !stands(&seen, Phase::Trying) => {
                Ok(Move::Made(Place(seen)))
            }
            write => Ok(self.moved(write)),
        }
    }

    /// The entry at `step` is not valid. After the last try the call is over.
    pub(crate) async fn again(&self, step: Step) -> Result<Move, Unavailable> {
        let phase = Phase::Asked(step);
        let update = self
            .answer(phase, &Said::AskedAgain(step))
            .add("tries", 1)
            .bind(":last", TRIES - 1);
        match self.write(phase, update, " AND tries < :last").await? {
            Write::Refused(seen) if self.fits(&seen, phase) => self.end(step).await,
            write => Ok(self.moved(write)),
        }
    }

    /// The caller pressed `digit`, which is a key of the menu.
    pub(crate) async fn turn(&self, digit: &str) -> Result<Move, Unavailable> {
        let update = self
            .answer(Phase::Asked(Step::Menu), &Said::Told(digit.to_owned()))
            .set("tries", 0)
            .add("turns", 1)
            .bind(":last", TURNS);
        let moved = self.write(Phase::Asked(Step::Menu), update, " AND turns < :last");
        Ok(self.moved(moved.await?))
    }

    /// The call is over.
    pub(crate) async fn end(&self, from: Step) -> Result<Move, Unavailable> {
        let update = self.answer(Phase::Over, &Said::Goodbye).remove("account");
        self.advance(Phase::Asked(from), update).await
    }

    fn update(&self, phase: Phase, said: &Said, then: SystemTime) -> Update {
        Update::new(self.key.clone())
            .set("step", phase.word())
            .set("said", said.word())
            .set("answered", epoch(then))
    }

    /// The update for the call's next answer.
    fn answer(&self, phase: Phase, said: &Said) -> Update {
        self.update(phase, said, self.arrival.now())
            .add("answers", 1)
    }

    /// Moves the call on from `from`, if this request is the next.
    async fn advance(&self, from: Phase, update: Update) -> Result<Move, Unavailable> {
        Ok(self.moved(self.write(from, update, "").await?))
    }

    /// [`Dialogue::advance`] under one more condition.
    async fn write(&self, from: Phase, update: Update, also: &str) -> Result<Write, Unavailable> {
        let (update, order) = match self.follows {
            Follows::Answer(number) => (
                update.set("numbered", 1).bind(":answers", number),
                "answers = :answers",
            ),
            Follows::Unnumbered => (update, "attribute_not_exists(numbered)"),
            Follows::Nothing => return Ok(Write::Refused(Item::default())),
        };
        let condition = format!("step = :from AND open_until > :now AND {order}{also}");
        let update = update
            .only_if(condition)
            .bind(":from", from.word())
            .bind(":now", epoch(self.arrival.time));
        self.table.update(update).await
    }

    fn moved(&self, write: Write) -> Move {
        match write {
            Write::Done(item) => Move::Made(Place(item)),
            Write::Refused(seen) if self.is_repetition(&seen) => Move::Repeated(Place(seen)),
            Write::Refused(_) => Move::OutOfOrder,
        }
    }

    /// The same request is being answered elsewhere. Waits for its result and gives the same
    /// answer.
    async fn outcome(&self) -> Result<Move, Unavailable> {
        let waiting = Instant::now();
        while waiting.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK).await;
            let Some(seen) = self.table.get(self.key.clone(), self.arrival.time).await? else {
                break;
            };
            if !self.is_being_tried(&seen) {
                return Ok(self.moved(Write::Refused(seen)));
            }
        }
        Ok(Move::OutOfOrder)
    }

    /// True if this request, and no copy of it, tries the PIN or has tried it.
    fn is_trying(&self, seen: &Item) -> bool {
        seen.text("owner_id") == Some(&self.owner)
    }

    /// True if this request, or a copy of it, has begun to try a PIN.
    fn is_being_tried(&self, seen: &Item) -> bool {
        matches!(self.follows, Follows::Answer(_)) && self.fits(seen, Phase::Trying)
    }

    /// True if the last answer was the answer to this request.
    fn is_repetition(&self, seen: &Item) -> bool {
        let before = seen.number("answers").and_then(|last| last.checked_sub(1));
        let follows = before.map(Follows::Answer);
        follows == Some(self.follows) && self.is_recent(seen)
    }

    fn is_recent(&self, seen: &Item) -> bool {
        seen.number("answered")
            .is_some_and(|at| epoch(self.arrival.now()) <= at + RETRIED)
    }

    /// True if this request can be the next.
    fn fits(&self, seen: &Item, from: Phase) -> bool {
        let in_order = match self.follows {
            Follows::Answer(number) => seen.number("answers") == Some(number),
            Follows::Unnumbered => seen.number("numbered").is_none(),
            Follows::Nothing => false,
        };
        in_order && stands(seen, from) && self.is_open(seen)
    }

    fn is_open(&self, seen: &Item) -> bool {
        seen.number("open_until")
            .is_some_and(|end| end > epoch(self.arrival.time))
    }
}

fn stands(item: &Item, phase: Phase) -> bool {
    item.text("step") == Some(phase.word())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_one_answer_or_none() {
        for (queries, follows) in [
            (&["", "a=1"][..], Follows::Unnumbered),
            (&["step=4"], Follows::Answer(4)),
            (
                &["a=1&step=18446744073709551615"],
                Follows::Answer(u64::MAX),
            ),
            (
                &["step=", "step", "step=+4", "step=%2B4", "step=-4"],
                Follows::Nothing,
            ),
            (
                &["step=4x", "step=%D9%A4", "step=4&step=4"],
                Follows::Nothing,
            ),
            (&["step=18446744073709551616"], Follows::Nothing),
        ] {
            for query in queries {
                assert_eq!(Follows::of(query), follows, "{query}");
            }
        }
    }
}
