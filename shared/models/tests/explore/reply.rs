//! Explores replies. `MODELS=deep` explores more.

use models::fault::Fault;
use models::fault::Fault::{Lie, Misread, Refused, Unconditional};
use models::reply::{Message, NOT_HELD, NOT_LATER, ONE_REPLY, ONE_REQUEST, Replies, TRUE};
use models::world::Explored;

use super::{bounds, breaks, holds, holds_deep};

/// During a lease; after it.
const SECONDS: &[u64] = &[1_000, 1_020];
/// While an instance may still act.
const SOON: &[u64] = &[1_000, 1_005];

const ONE: &[Message] = &[(1, "YES")];
const TWO: &[Message] = &[(1, "YES"), (2, "YES")];
const COPIES: &[Message] = &[(1, "YES"), (1, "YES")];

fn replies(messages: &'static [Message]) -> Replies {
    Replies {
        messages,
        deliveries: 1,
        is_for_another: false,
        seconds: SECONDS,
    }
}

/// A message, and Twilio's retry of it.
fn retry() -> Replies {
    Replies {
        deliveries: 2,
        ..replies(ONE)
    }
}

fn another(cast: &Replies) -> Replies {
    Replies {
        is_for_another: true,
        ..*cast
    }
}

/// A second message waits for the first one, and the newer mail comes meanwhile.
fn meanwhile() -> Replies {
    Replies {
        seconds: SOON,
        ..another(&replies(TWO))
    }
}

#[test]
fn a_message_confirms_one_request() {
    holds("reply: a retry", Explored::new(retry(), bounds(2, 1, 1)));
    let two_accounts = Explored::new(another(&retry()), bounds(2, 1, 0));
    holds("reply: a retry, two accounts", two_accounts);
    holds_deep("reply: a retry", Explored::new(retry(), bounds(2, 2, 1)));
}

#[test]
fn a_request_is_confirmed_by_one_of_two_messages() {
    let two = || replies(TWO);
    holds("reply: two messages", Explored::new(two(), bounds(2, 1, 0)));
    holds(
        "reply: a message waits",
        Explored::new(meanwhile(), bounds(2, 0, 0)),
    );
    holds_deep("reply: two messages", Explored::new(two(), bounds(2, 1, 1)));
}

#[test]
fn a_request_is_confirmed_by_one_of_two_copies_of_a_message() {
    let copies = replies(COPIES);
    holds("reply: two copies", Explored::new(copies, bounds(2, 0, 1)));
}

#[test]
fn a_request_is_confirmed_by_two_replies_if_the_conditions_are_ignored() {
    let explored = Explored::new(replies(TWO), bounds(1, 0, 0)).with(Unconditional(""));
    breaks(&[ONE_REPLY], explored);
}

/// What the function does not read in the item of a message.
const REQUEST: Fault = Misread(r#""request":"#, r#""other":"#);
const FIRST: Fault = Misread(r#""first":"#, r#""other":"#);

#[test]
fn a_message_confirms_two_requests_if_the_function_forgets_which_one_it_was_for() {
    let explored = Explored::new(another(&retry()), bounds(2, 1, 0));
    breaks(&[ONE_REQUEST], explored.with(REQUEST));
}

#[test]
fn a_message_confirms_a_later_request_if_the_function_forgets_when_it_came() {
    let explored = Explored::new(another(&retry()), bounds(2, 1, 0));
    breaks(
        &[ONE_REQUEST, NOT_LATER],
        explored.with(FIRST).with(REQUEST),
    );
}

#[test]
fn a_person_reads_too_early_that_the_account_is_confirmed_if_the_tenant_says_so() {
    let explored = Explored::new(replies(ONE), bounds(1, 0, 0));
    breaks(&[TRUE, NOT_HELD], explored.with(Lie));
}

#[test]
fn a_request_is_held_for_ever_if_every_hold_is_refused() {
    let explored = Explored::new(replies(ONE), bounds(1, 0, 0));
    breaks(&[NOT_HELD], explored.with(Refused("held_until")));
}
