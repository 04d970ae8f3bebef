//! Explores delivery receipts. `MODELS=deep` explores more.

use models::fault::Fault::{Lost, Unconditional};
use models::receipts::Provider::{Aws, Clickatell};
use models::receipts::Role::{Again, Code, LastRun, Newer, Receipt, Run, Used};
use models::receipts::Said::{Blocked, Delivered, Expired, OnItsWay, OptedOut};
use models::receipts::{FIRST_STAYS, FORWARD, GOES_ON, NEVER_AFTER, ONCE, Receipts, Role};
use models::world::Explored;

use super::{bounds, breaks, holds, holds_deep};

/// Before a code counts as silent; after it.
const SOON: &[u64] = &[1_000, 1_025];

fn receipts(roles: &'static [Role], seconds: &'static [u64]) -> Receipts {
    Receipts {
        roles,
        is_sent: true,
        seconds,
        forgets_unknown: false,
    }
}

/// These come before the gateway has stored the send.
const EARLY_RECEIPT: &[Role] = &[Code, Receipt(Clickatell, 1, Blocked), LastRun];
const EARLY_RUN: &[Role] = &[Code, Run];
const CONTRADICTIONS: &[Role] = &[
    Code,
    Receipt(Clickatell, 1, Blocked),
    Receipt(Clickatell, 1, Delivered),
    Receipt(Clickatell, 1, OnItsWay),
    LastRun,
];
const COPIES: &[Role] = &[
    Code,
    Receipt(Clickatell, 1, Blocked),
    Receipt(Clickatell, 1, Blocked),
    Receipt(Aws, 1, Delivered),
    LastRun,
];
const RUN: &[Role] = &[Code, Receipt(Clickatell, 1, Blocked), Run];
const RUNS: &[Role] = &[Code, Run, Run];
/// Before and after the end of the code's life.
const LIFE: &[u64] = &[1_000, 1_200];

fn early(roles: &'static [Role]) -> Receipts {
    Receipts {
        is_sent: false,
        ..receipts(roles, SOON)
    }
}

#[test]
fn a_code_goes_on_once_whatever_the_order_of_receipts_and_runs() {
    for (name, with) in [
        ("a receipt before the send is stored", early(EARLY_RECEIPT)),
        ("a run before the send is stored", early(EARLY_RUN)),
        (
            "receipts that contradict",
            receipts(CONTRADICTIONS, &[1_000]),
        ),
        ("copies of receipts", receipts(COPIES, &[1_000])),
        ("a receipt and a run", receipts(RUN, SOON)),
        ("the end of a code's life", receipts(RUN, LIFE)),
        ("two runs", receipts(RUNS, SOON)),
    ] {
        holds(name, Explored::new(with, bounds(1, 1, 1)));
    }
    for (name, with) in [
        ("a receipt before the send is stored", early(EARLY_RECEIPT)),
        ("a run before the send is stored", early(EARLY_RUN)),
        ("copies of receipts", receipts(COPIES, SOON)),
    ] {
        holds_deep(name, Explored::new(with, bounds(2, 2, 1)));
    }
}

const OPTED_OUT: &[Role] = &[Code, Receipt(Clickatell, 1, OptedOut), Run];
const USED: &[Role] = &[Code, Used, Run];
const NEWER: &[Role] = &[Code, Newer, Run];

#[test]
fn a_code_does_not_go_on_after_an_opt_out_after_its_use_or_after_a_newer_one() {
    for (name, roles) in [
        ("an opt-out and a run", OPTED_OUT),
        ("a used code and a run", USED),
        ("a newer code and a run", NEWER),
    ] {
        holds(name, Explored::new(receipts(roles, SOON), bounds(1, 1, 1)));
        holds_deep(name, Explored::new(receipts(roles, SOON), bounds(2, 2, 1)));
    }
}

/// While the code lives; when the gateway has forgotten the send.
const LATER: &[u64] = &[1_000, 1_070];
const AGAIN: &[Role] = &[
    Code,
    Receipt(Clickatell, 1, Blocked),
    Again,
    Receipt(Clickatell, 1, Expired),
    LastRun,
];

#[test]
fn a_receipt_of_an_earlier_message_says_nothing_about_a_later_one() {
    let again = || receipts(AGAIN, LATER);
    holds(
        "the same text again",
        Explored::new(again(), bounds(1, 0, 0)),
    );
    holds_deep(
        "the same text again",
        Explored::new(again(), bounds(1, 1, 0)),
    );
}

fn without_conditions(roles: &'static [Role]) -> Explored<Receipts> {
    Explored::new(receipts(roles, &[1_000]), bounds(1, 0, 0)).with(Unconditional(""))
}

#[test]
fn a_provider_gets_a_code_twice_if_the_conditions_are_ignored() {
    breaks(&[ONCE, NEVER_AFTER], without_conditions(COPIES));
}

#[test]
fn a_final_state_is_replaced_and_a_code_goes_on_after_it_arrived_if_the_conditions_are_ignored() {
    breaks(
        &[NEVER_AFTER, FIRST_STAYS, GOES_ON],
        without_conditions(CONTRADICTIONS),
    );
}

#[test]
fn a_provider_gets_a_code_twice_if_the_gateway_forgets_a_lost_answer() {
    const ROLES: &[Role] = &[Code, Receipt(Aws, 1, Blocked), LastRun];
    let careless = Receipts {
        is_sent: false,
        forgets_unknown: true,
        ..receipts(ROLES, &[1_000])
    };
    breaks(&[ONCE, FORWARD], Explored::new(careless, bounds(1, 1, 0)));
}

/// An attempt for the first send ends after the gateway has claimed the same text anew.
#[test]
fn a_code_goes_back_to_an_earlier_provider_if_a_late_attempt_is_stored_all_the_same() {
    let late = Unconditional("trying = :owner");
    let explored = Explored::new(receipts(AGAIN, LATER), bounds(1, 0, 0));
    breaks(&[FORWARD, GOES_ON], explored.with(late));
}

#[test]
fn a_code_does_not_go_on_if_its_text_is_lost() {
    let explored = Explored::new(receipts(RUN, SOON), bounds(1, 0, 0));
    breaks(&[GOES_ON], explored.with(Lost("ciphertext")));
}
