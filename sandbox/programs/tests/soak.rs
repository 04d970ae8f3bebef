//! A round of the soak, from its seed.

use std::process::{Command, Output};

fn soak(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_sandbox");
    let output = Command::new(program).arg("soak").args(arguments).output();
    output.expect("the program runs")
}

/// The summary of the round with this seed, in which every promise was kept.
fn summary(seed: &str) -> String {
    let output = soak(&["--seed", seed, "--rounds", "1"]);
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    let named = format!("seed {seed}");
    assert!(
        said.contains("1 rounds in") && said.contains(&named),
        "{said}"
    );
    let summary = said.lines().find(|line| line.contains("is true"));
    summary.expect("a summary").to_owned()
}

#[test]
fn in_a_calm_round_everybody_is_served() {
    let summary = summary("3");
    assert!(summary.contains("; 0 faults and 0 kills"), "{summary}");
    for nothing in [
        " 0 sign-ups",
        "(0 verified)",
        " 0 other replies",
        " 0 codes",
        " 0 hired",
        " 0 left",
        " 0 answered",
        " 0 calls",
        "(0 by phone",
        " 0 attempts",
        " 0 runs",
    ] {
        assert!(!summary.contains(nothing), "{summary}");
    }
}

#[test]
fn a_round_keeps_every_promise() {
    let summary = summary("2");
    // A round in which nothing happens shows nothing.
    for nothing in [
        " 0 sign-ups",
        "(0 verified)",
        " 0 other replies",
        " 0 codes",
        " 0 hired",
        " 0 faults",
        "(0 by phone",
        " 0 attempts",
        " 0 runs",
    ] {
        assert!(!summary.contains(nothing), "{summary}");
    }
}

/// The last line of a round in which this promise is broken. It names the seed and the plan.
fn planted(seed: &str, promise: &str, noticed: &str) -> String {
    let planted = ["--steps", "3", "--plant", promise];
    let output = soak(&[&["--seed", seed, "--rounds", "1"], &planted[..]].concat());
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}{errors}");
    assert!(said.contains(noticed), "{said}");
    // Whoever looks for the cause has the requests, without codes.
    let folder = said
        .lines()
        .find_map(|line| line.strip_prefix("Requests, answers and lines: "));
    let folder = std::path::Path::new(folder.expect("a folder"));
    let wire = std::fs::read_to_string(folder.join("wire.txt")).expect("the requests");
    // The code of the last person, which is read out in a call.
    assert!(
        !wire.contains("9.+7.+9") && !wire.contains("979323"),
        "{wire}"
    );
    assert!(
        wire.contains("Twilio POST") || wire.contains("Plivo POST"),
        "{wire}"
    );
    let last = errors.lines().last().expect("the reason").to_owned();
    let again = format!("`cargo soak --seed {seed} --rounds 1`");
    let is_named = last.starts_with(&format!("seed {seed} (plan ")) && last.contains(&again);
    assert!(is_named, "{last}");
    last
}

#[test]
fn a_broken_promise_ends_the_soak_with_its_seed_which_makes_the_same_plan_again() {
    let second_text = |seed| planted(seed, "second-text", "went out through plivo twice");
    let plan = |last: &str| {
        let (_, plan) = last.split_once("(plan ").expect("a plan");
        plan.split(')').next().map(str::to_owned)
    };
    let (first, other) = (plan(&second_text("3")), plan(&second_text("7")));
    planted("3", "guesses", "wrong PINs of one account reached Auth0");
    planted("3", "second-forward", "was forwarded to");
    planted("3", "used-request", "has used waits for a YES");
    planted("3", "plain-number", "shows the number");
    planted("3", "released-number", "was released, who still works here");
    let again = planted("3", "kept-text", "is there after its life");
    assert_eq!(plan(&again), first);
    assert_ne!(other, first);
}
