//! Explores each protocol. `MODELS=deep` explores more instances, losses and crashes.

mod numbers;
mod receipts;
mod reply;

use models::breaker::{Breaker, ONE_PROBE};
use models::budget::{Budgets, NEVER_OVER};
use models::code::OneTimeCode;
use models::mail::{DELIVERED, Mail, ONE_SMS};
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

fn code(copies: usize) -> OneTimeCode {
    OneTimeCode {
        copies,
        stops_when_unknown: true,
    }
}

fn mail(posts: usize) -> Mail {
    Mail {
        posts,
        withdraws_at_once: false,
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

#[test]
fn a_mail_becomes_one_sms() {
    holds("mail", Explored::new(mail(2), bounds(2, 1, 1)));
    holds_deep("mail", Explored::new(mail(2), bounds(2, 2, 1)));
}

#[test]
fn a_mail_becomes_two_sms_if_the_conditions_are_ignored() {
    let explored = Explored::new(mail(2), bounds(1, 0, 0)).without_conditions();
    breaks(ONE_SMS, explored);
}

#[test]
fn a_mail_is_lost_if_its_request_is_withdrawn_before_the_failure_is_stored() {
    let careless = Mail {
        posts: 1,
        withdraws_at_once: true,
    };
    breaks(DELIVERED, Explored::new(careless, bounds(2, 1, 0)));
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
