//! Explores the shared access token, the circuit breaker and the budgets. `MODELS=deep` explores more.

use models::breaker::{Breaker, ONE_PROBE};
use models::budget::{Budgets, NEVER_OVER};
use models::token::{ASKED_ONCE, NEVER_BACK, SharedToken};
use models::world::Explored;

use super::{bounds, breaks, holds, holds_deep};

fn token(instances: usize, rejects: usize) -> SharedToken {
    SharedToken { instances, rejects }
}

#[test]
fn a_token_is_fetched_once_for_all_instances() {
    holds("token", Explored::new(token(2, 1), bounds(1, 0, 0)));
    holds_deep("token", Explored::new(token(2, 1), bounds(1, 1, 1)));
}

#[test]
fn a_token_is_fetched_twice_if_the_conditions_are_ignored() {
    let explored = Explored::new(token(2, 0), bounds(1, 0, 0)).without_conditions();
    breaks(ASKED_ONCE, explored);
}

#[test]
fn a_late_writer_replaces_a_newer_token_if_the_conditions_are_ignored() {
    let explored = Explored::new(token(2, 0), bounds(1, 0, 0)).without_conditions();
    breaks(NEVER_BACK, explored);
}

#[test]
fn a_broken_provider_is_left_alone_tried_by_one_and_used_again() {
    let breaker = || Breaker { instances: 2 };
    holds("breaker", Explored::new(breaker(), bounds(3, 0, 0)));
    holds_deep("breaker", Explored::new(breaker(), bounds(4, 1, 1)));
}

#[test]
fn two_instances_probe_at_once_if_the_conditions_are_ignored() {
    let breaker = Breaker { instances: 2 };
    let explored = Explored::new(breaker, bounds(3, 0, 0)).without_conditions();
    breaks(ONE_PROBE, explored);
}

fn budgets(requests: usize, copies: bool) -> Budgets {
    Budgets { requests, copies }
}

#[test]
fn no_more_codes_are_sent_than_the_budget_allows_and_counts_are_given_back() {
    holds("budget", Explored::new(budgets(2, false), bounds(1, 0, 0)));
    holds_deep("budget", Explored::new(budgets(2, false), bounds(1, 1, 0)));
}

#[test]
fn more_codes_are_sent_than_the_budget_allows_if_the_conditions_are_ignored() {
    let explored = Explored::new(budgets(2, false), bounds(1, 0, 0)).without_conditions();
    breaks(NEVER_OVER, explored);
}
