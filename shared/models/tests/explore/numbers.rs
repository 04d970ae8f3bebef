//! Explores the purchase and the release of numbers. `MODELS=deep` explores more.

use models::fault::Fault::{Lie, Lost, Misread, Refused, Unconditional};
use models::purchase::{BOUGHT_ONCE, KNOWN, NAMED, NOT_TAKEN_AWAY, Purchase, SERVED};
use models::world::Explored;

use super::{bounds, breaks, holds, holds_deep};

/// During a lease; after it, but within Twilio's lag; after the lag of the first purchases.
const SECONDS: [u64; 3] = [1_000, 1_070, 1_700];

fn purchase() -> Purchase {
    Purchase {
        rivals: 0,
        lag: 600,
        seconds: &SECONDS,
        leaves: false,
    }
}

fn at_once() -> Purchase {
    Purchase {
        seconds: &SECONDS[..1],
        ..purchase()
    }
}

fn release() -> Purchase {
    Purchase {
        leaves: true,
        ..purchase()
    }
}

#[test]
fn a_number_is_bought_once_and_never_forgotten() {
    holds("purchase", Explored::new(purchase(), bounds(1, 1, 1)));
    holds_deep("purchase", Explored::new(purchase(), bounds(1, 2, 1)));
}

#[test]
fn a_number_is_bought_once_although_ttl_deletes_items() {
    let late = Purchase {
        seconds: &[1_000, 200_000_000],
        ..purchase()
    };
    holds("purchase, TTL", Explored::new(late, bounds(1, 1, 0)));
}

#[test]
fn two_numbers_are_bought_if_the_conditions_are_ignored() {
    let explored = Explored::new(at_once(), bounds(1, 0, 0)).with(Unconditional(""));
    breaks(&[BOUGHT_ONCE, KNOWN, SERVED], explored);
}

#[test]
fn the_ledger_does_not_know_a_number_if_it_is_bought_before_the_plan_is_written() {
    let plans = Lost(r#"{"S":"planned"}"#);
    breaks(
        &[KNOWN],
        Explored::new(at_once(), bounds(1, 0, 0)).with(plans),
    );
}

#[test]
fn two_numbers_are_bought_if_the_lists_lag_longer_than_a_run_waits() {
    let slow = Purchase {
        lag: 5_000,
        seconds: &[1_000, 1_700],
        ..purchase()
    };
    breaks(
        &[BOUGHT_ONCE, KNOWN, SERVED],
        Explored::new(slow, bounds(1, 1, 0)),
    );
}

#[test]
fn a_number_is_released_only_if_nobody_has_it() {
    holds("release", Explored::new(release(), bounds(1, 0, 1)));
    holds_deep("release", Explored::new(release(), bounds(1, 1, 1)));
}

#[test]
fn an_employee_has_no_number_if_every_lock_is_refused() {
    let explored = Explored::new(at_once(), bounds(1, 0, 0));
    breaks(&[SERVED], explored.with(Refused("owner_id = :me")));
}

#[test]
fn a_profile_names_a_number_that_another_customer_has_if_twilio_says_that_it_was_bought() {
    let rivals = Purchase {
        rivals: 1,
        ..at_once()
    };
    breaks(
        &[NAMED, SERVED],
        Explored::new(rivals, bounds(1, 0, 0)).with(Lie),
    );
}

#[test]
fn a_number_is_taken_away_if_okta_does_not_show_that_a_colleague_has_it() {
    let hidden = Misread("00u2", "00u1");
    let released = Purchase {
        seconds: &SECONDS[..1],
        ..release()
    };
    let explored = Explored::new(released, bounds(1, 0, 0)).with(hidden);
    breaks(&[NOT_TAKEN_AWAY], explored);
}
