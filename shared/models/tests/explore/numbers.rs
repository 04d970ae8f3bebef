//! Explores the purchase and the release of numbers. `MODELS=deep` explores more.

use models::purchase::{BOUGHT_ONCE, KNOWN, Purchase};
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
        forgets_plans: false,
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
    let at_once = Purchase {
        seconds: &SECONDS[..1],
        ..purchase()
    };
    let explored = Explored::new(at_once, bounds(1, 0, 0)).without_conditions();
    breaks(BOUGHT_ONCE, explored);
}

#[test]
fn the_ledger_does_not_know_a_number_if_it_is_bought_before_the_plan_is_written() {
    let careless = Purchase {
        forgets_plans: true,
        seconds: &SECONDS[..1],
        ..purchase()
    };
    breaks(KNOWN, Explored::new(careless, bounds(1, 0, 0)));
}

#[test]
fn two_numbers_are_bought_if_the_lists_lag_longer_than_a_run_waits() {
    let slow = Purchase {
        lag: 5_000,
        seconds: &[1_000, 1_700],
        ..purchase()
    };
    breaks(BOUGHT_ONCE, Explored::new(slow, bounds(1, 1, 0)));
}

#[test]
fn a_number_is_released_only_if_nobody_has_it() {
    holds("release", Explored::new(release(), bounds(1, 0, 1)));
    holds_deep("release", Explored::new(release(), bounds(1, 1, 1)));
}
