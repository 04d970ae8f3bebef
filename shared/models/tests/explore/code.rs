//! Explores one-time codes. `MODELS=deep` explores more.

use models::code::{DELIVERED, ONCE, OneTimeCode, TRUE};
use models::fault::Fault::{Misread, Refused, Unconditional};
use models::world::Explored;

use super::{bounds, breaks, holds, holds_deep};

/// During a lease; after it; after the memory of the first send.
const SECONDS: &[u64] = &[1_000, 1_028, 1_100];
/// Also while a copy waits.
const WAITING: &[u64] = &[1_000, 1_005, 1_028, 1_100];

fn code(copies: usize) -> OneTimeCode {
    OneTimeCode {
        copies,
        seconds: SECONDS,
        goes_on_after_unknown: false,
    }
}

#[test]
fn a_code_is_sent_once() {
    holds("code", Explored::new(code(2), bounds(2, 0, 1)));
    holds_deep("code", Explored::new(code(2), bounds(2, 1, 1)));
}

#[test]
fn a_code_is_sent_once_although_answers_are_lost_and_a_copy_waits() {
    let waiting = OneTimeCode {
        seconds: WAITING,
        ..code(2)
    };
    holds(
        "code, a copy waits",
        Explored::new(waiting, bounds(1, 1, 1)),
    );
}

#[test]
fn a_code_is_sent_twice_if_the_conditions_are_ignored() {
    let explored = Explored::new(code(2), bounds(1, 0, 0)).with(Unconditional(""));
    breaks(&[ONCE], explored);
}

#[test]
fn a_code_is_sent_twice_if_a_lost_answer_is_taken_for_a_failure() {
    let careless = OneTimeCode {
        goes_on_after_unknown: true,
        ..code(1)
    };
    breaks(&[ONCE], Explored::new(careless, bounds(1, 1, 0)));
}

#[test]
fn a_copy_says_too_early_that_a_code_was_sent_if_it_reads_so() {
    let early = Misread(r#"{"S":"sending"}"#, r#"{"S":"sent"}"#);
    breaks(&[TRUE], Explored::new(code(2), bounds(1, 0, 0)).with(early));
}

#[test]
fn a_code_is_not_delivered_if_every_claim_is_refused() {
    let refused = Refused("attribute_not_exists(pk)");
    let explored = Explored::new(code(1), bounds(1, 0, 0)).with(refused);
    breaks(&[DELIVERED], explored);
}
