//! A round of the soak, from its seed.

use std::process::Command;

#[test]
fn a_round_keeps_every_promise() {
    let output = Command::new(env!("CARGO_BIN_EXE_sandbox"))
        .args(["soak", "--seed", "2", "--rounds", "1"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    assert!(
        said.contains("1 rounds in") && said.contains("seed 2"),
        "{said}"
    );
    // A round in which nothing happens shows nothing.
    let summary = said.lines().find(|line| line.contains("is true")).unwrap();
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
