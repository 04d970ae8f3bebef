//! Explores each protocol. `MODELS=deep` explores more instances, losses and crashes.

mod code;
mod gates;
mod mail;
mod numbers;
mod receipts;
mod reply;

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

/// Exactly these promises break.
fn breaks<P: Protocol>(promises: &[&str], explored: Explored<P>) {
    let (found, _) = explored.explore();
    let mut all = P::promises();
    all.retain(|promise| promise.expectation.discovery_is_failure());
    let is_broken = |name: &&str| found.iter().any(|(broken, _)| broken == name);
    let names = all.iter().map(|promise| promise.name);
    let broken: Vec<&str> = names.filter(is_broken).collect();
    assert_eq!(broken, promises, "{found:#?}");
}
