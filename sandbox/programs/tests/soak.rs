//! A round of the soak, from its seed.

use std::process::Command;

/// The summary of the round with this seed, in which every promise was kept.
fn summary(seed: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sandbox"))
        .args(["soak", "--seed", seed, "--rounds", "1"])
        .output()
        .expect("the program runs");
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
        " 0 codes",
        " 0 hired",
        " 0 calls",
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
        " 0 codes",
        " 0 hired",
        " 0 faults",
    ] {
        assert!(!summary.contains(nothing), "{summary}");
    }
}
