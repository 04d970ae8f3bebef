//! Explores each protocol. `MODELS=deep` explores more instances, losses and crashes.

mod code;
mod mail;
mod numbers;
mod receipts;

use models::breaker::{Breaker, ONE_PROBE};
use models::budget::{Budgets, NEVER_OVER};
use models::reply::{ONE_REPLY, Reply};
use models::token::{ASKED_ONCE, NEVER_BACK, SharedToken};
use models::world::{Bounds, Explored, Protocol};

fn bounds(attempts: u8, losses: u8, crashes: u8) -> Bounds {
    Bounds {
        attempts,
        losses,
        crashes,
    }
}

/// Only by hand.
fn holds_deep<P: Protocol>(name: &str, explored: Explored<P>) {
    if std::env::var_os("MODELS").is_some_and(|word| word == "deep") {
        holds(&format!("{name}, deep"), explored.deep());
    }
}

#[expect(clippy::print_stdout, reason = "the figures are for the docs")]
fn holds<P: Protocol>(name: &str, explored: Explored<P>) {
    let (found, figures) = explored.explore();
    let promises = P::promises();
    for (promise, path) in &found {
        let is_failure = promises
            .iter()
            .any(|known| known.name == *promise && known.expectation.discovery_is_failure());
        assert!(!is_failure, "{name}: {promise}: {path}");
    }
    for promise in promises {
        let is_reached = found.iter().any(|(reached, _)| *reached == promise.name);
        assert!(
            promise.expectation.discovery_is_failure() || is_reached,
            "{name} never reaches: {}",
            promise.name
        );
    }
    println!(
        "{name}: {} states, {} steps, depth {}, {:.1} s",
        figures.states,
        figures.steps,
        figures.depth,
        figures.time.as_secs_f64()
    );
}

fn breaks<P: Protocol>(promise: &str, explored: Explored<P>) {
    let (found, _) = explored.explore();
    assert!(
        found.iter().any(|(broken, _)| *broken == promise),
        "the model does not notice that this breaks: {promise}"
    );
}

#[test]
fn a_request_is_confirmed_by_one_reply() {
    holds(
        "reply",
        Explored::new(Reply { replies: 2 }, bounds(2, 1, 1)),
    );
    holds_deep(
        "reply",
        Explored::new(Reply { replies: 2 }, bounds(2, 2, 1)),
    );
}

#[test]
fn a_request_is_confirmed_by_two_replies_if_the_conditions_are_ignored() {
    let explored = Explored::new(Reply { replies: 2 }, bounds(1, 0, 0)).without_conditions();
    breaks(ONE_REPLY, explored);
}

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
