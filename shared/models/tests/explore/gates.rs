//! Explores the shared access token, the circuit breaker and the budgets. `MODELS=deep` explores more.

use models::breaker::{BREAKS, Breaker, HEALS, ONE_PROBE, USED_AGAIN};
use models::budget::{Budgets, COUNTED, COUNTER, GIVEN_BACK, NEVER_OVER, SENT};
use models::fault::Fault::{Lost, Refused, Unconditional};
use models::token::{ASKED_ONCE, NEVER_BACK, SERVED, SharedToken};
use models::world::Explored;

use super::{bounds, breaks, holds, holds_deep};

fn token(instances: usize, rejects: usize) -> SharedToken {
    SharedToken { instances, rejects }
}

#[test]
fn a_token_is_fetched_once_for_all_instances() {
    holds(
        "a token that is rejected",
        Explored::new(token(2, 1), bounds(1, 0, 0)),
    );
    holds("token", Explored::new(token(2, 0), bounds(1, 1, 1)));
    holds_deep(
        "a token that is rejected",
        Explored::new(token(2, 1), bounds(1, 1, 1)),
    );
}

#[test]
fn a_token_is_fetched_twice_and_a_late_writer_replaces_it_if_the_conditions_are_ignored() {
    let explored = Explored::new(token(2, 0), bounds(1, 0, 0)).with(Unconditional(""));
    breaks(&[ASKED_ONCE, NEVER_BACK], explored);
}

#[test]
fn an_instance_gets_no_token_if_every_lease_is_refused() {
    let explored = Explored::new(token(1, 0), bounds(1, 0, 0)).with(Refused("lease_until"));
    breaks(&[SERVED], explored);
}

/// While it fails; when the pause is over; when a lost probe is over.
const PAUSES: &[u64] = &[1_000, 1_031, 1_045];

fn breaker(instances: usize, before: &'static str, seconds: &'static [u64]) -> Breaker {
    Breaker {
        instances,
        before,
        seconds,
    }
}

const ONE_MORE: &str = "ff 990 0 0";
const BROKEN: &str = "fff 971 1001 0";
/// TTL may delete the item after a day.
const A_DAY: &[u64] = &[1_000, 90_000];

#[test]
fn a_broken_provider_is_left_alone_tried_by_one_and_used_again() {
    for (name, before, seconds, bounds) in [
        ("two attempts of each", ONE_MORE, PAUSES, bounds(2, 0, 0)),
        ("a day later", ONE_MORE, A_DAY, bounds(2, 0, 0)),
        ("one failure more", ONE_MORE, PAUSES, bounds(1, 1, 1)),
        ("broken", BROKEN, PAUSES, bounds(1, 1, 1)),
    ] {
        let name = format!("breaker, {name}");
        holds(&name, Explored::new(breaker(2, before, seconds), bounds));
    }
    for (name, before) in [("one failure more", ONE_MORE), ("broken", BROKEN)] {
        let name = format!("breaker, {name}");
        let explored = Explored::new(breaker(2, before, PAUSES), bounds(2, 1, 1));
        holds_deep(&name, explored);
    }
}

#[test]
fn two_instances_probe_at_once_if_the_conditions_are_ignored() {
    let broken = breaker(2, BROKEN, PAUSES);
    breaks(
        &[ONE_PROBE, HEALS],
        Explored::new(broken, bounds(1, 0, 0)).with(Unconditional("")),
    );
}

/// The writes of results and of probes.
const HEALTH: &str = r#""p_twilio"#;

#[test]
fn a_provider_does_not_break_if_failures_are_lost() {
    let explored = Explored::new(breaker(1, ONE_MORE, PAUSES), bounds(1, 0, 0));
    breaks(&[BREAKS], explored.with(Lost(HEALTH)));
}

#[test]
fn a_provider_does_not_heal_if_successes_are_lost() {
    let explored = Explored::new(breaker(1, BROKEN, PAUSES), bounds(1, 0, 0));
    breaks(&[HEALS, USED_AGAIN], explored.with(Lost(HEALTH)));
}

#[test]
fn a_provider_that_works_again_is_not_used_if_every_probe_is_refused() {
    let explored = Explored::new(breaker(1, BROKEN, PAUSES), bounds(1, 0, 0));
    breaks(&[USED_AGAIN], explored.with(Refused(HEALTH)));
}

/// During a lease; after it, and after the memory of a code.
const LEASE: &[u64] = &[1_000, 1_100];

fn codes(total_only: bool) -> Budgets {
    Budgets {
        requests: 2,
        copies: false,
        total_only,
        seconds: LEASE,
        is_strict: false,
    }
}

/// While a copy waits; when it gives up; after the memory of the code.
const WAITING: &[u64] = &[1_020, 1_022, 1_046, 1_120];
/// Before the end of a cooldown; after it, while a copy waits; when it gives up.
const COOLDOWNS: &[u64] = &[1_019, 1_021, 1_045];

fn copies(seconds: &'static [u64]) -> Budgets {
    Budgets {
        copies: true,
        seconds,
        ..codes(true)
    }
}

#[test]
fn no_more_codes_are_sent_than_the_budget_allows_and_counts_are_given_back() {
    holds("budget, all", Explored::new(codes(false), bounds(1, 0, 0)));
    holds("budget", Explored::new(codes(true), bounds(1, 1, 1)));
    holds_deep("budget, all", Explored::new(codes(false), bounds(1, 1, 0)));
}

#[test]
fn copies_of_a_code_count_once() {
    holds("copies", Explored::new(copies(WAITING), bounds(1, 1, 1)));
}

#[test]
fn a_copy_that_waits_over_the_end_of_a_cooldown_counts_once() {
    let cooldowns = Explored::new(copies(COOLDOWNS), bounds(1, 1, 1));
    holds("copies, two cooldowns", cooldowns);
}

/// Between the moment in which the sender gave its own count back and that in which it stored the
/// failure, the copy counted the code.
#[test]
fn a_copy_that_gives_up_waiting_may_leave_a_count() {
    let strict = Budgets {
        is_strict: true,
        ..copies(WAITING)
    };
    breaks(&[GIVEN_BACK], Explored::new(strict, bounds(1, 0, 0)));
}

#[test]
fn more_codes_are_sent_than_the_budget_allows_if_the_conditions_are_ignored() {
    let explored = Explored::new(codes(true), bounds(1, 0, 0)).with(Unconditional(""));
    breaks(&[NEVER_OVER, COUNTER], explored);
}

fn one_code() -> Budgets {
    Budgets {
        requests: 1,
        ..codes(true)
    }
}

#[test]
fn a_code_that_was_sent_is_not_counted_if_counts_are_lost() {
    let explored = Explored::new(one_code(), bounds(1, 0, 0));
    breaks(&[COUNTED], explored.with(Lost("rate#code#all")));
}

#[test]
fn a_count_stays_and_no_code_is_sent_if_what_gives_it_back_is_lost() {
    let explored = Explored::new(one_code(), bounds(1, 0, 0));
    breaks(&[GIVEN_BACK, SENT], explored.with(Lost(r#"{"N":"-1"}"#)));
}

#[test]
fn no_code_is_sent_if_every_count_is_refused() {
    let explored = Explored::new(one_code(), bounds(1, 0, 0));
    breaks(&[SENT], explored.with(Refused("rate#code#all")));
}
