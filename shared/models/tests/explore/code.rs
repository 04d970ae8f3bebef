//! Explores one-time codes. `MODELS=deep` explores more.

use models::code::OneTimeCode;
use models::world::Explored;

use super::{bounds, breaks, holds, holds_deep};

fn code(copies: usize) -> OneTimeCode {
    OneTimeCode {
        copies,
        stops_when_unknown: true,
    }
}

#[test]
fn a_code_is_sent_once() {
    holds("code", Explored::new(code(2), bounds(2, 1, 1)));
    holds_deep("code", Explored::new(code(2), bounds(2, 2, 1)));
}

#[test]
fn a_code_is_sent_twice_if_the_conditions_are_ignored() {
    let explored = Explored::new(code(2), bounds(1, 0, 0)).without_conditions();
    breaks("a one-time code is sent once", explored);
}

#[test]
fn a_code_is_sent_twice_if_a_lost_answer_is_taken_for_a_failure() {
    let careless = OneTimeCode {
        copies: 1,
        stops_when_unknown: false,
    };
    breaks(
        "a one-time code is sent once",
        Explored::new(careless, bounds(1, 1, 0)),
    );
}
