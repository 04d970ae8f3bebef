//! The command line of the sandbox's program.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Command, Output, Stdio},
};

fn sandbox(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sandbox"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn help_is_printed_on_standard_output() {
    for (arguments, words) in [
        (&["--help"][..], "cargo demo"),
        (&["demo", "--help"], "whole story"),
        (&["serve", "--help"], "--samconfig"),
        (&["serve", "text", "--help"], "--port"),
        (&["serve", "call", "--help"], "--keys"),
        (&["load", "--help"], "--endpoint"),
        (&["bench", "--help"], "--rtt-ms"),
        (&["bench-load", "--help"], "--transaction-ms"),
    ] {
        let output = sandbox(arguments);
        let out = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(
            out.contains(words) && output.stderr.is_empty(),
            "{arguments:?}: {out}"
        );
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (arguments, words) in [
        (&["demo", "--fast"][..], "--fast"),
        (&["serve", "--port", "80"], "80"),
        (&["serve", "--prot", "4800"], "--prot"),
        (&["serve", "--log", "xml"], "xml"),
        (&["serve", "text", "+4512345678"], "<TO>"),
        (&["serve", "--log", "json", "text", "1", "2", "3"], "text"),
        (&["bench", "--peer", "python"], "python"),
        (&["bench-load", "--rate"], "--rate"),
        (&["play"], "play"),
    ] {
        let output = sandbox(arguments);
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            err.contains(words) && output.stdout.is_empty(),
            "{arguments:?}: {err}"
        );
    }
}

#[test]
fn a_pipe_that_nobody_reads_ends_the_program_quietly() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    // more than a pipe holds, so that it cannot end before its reader
    let accounts = std::env::temp_dir().join(format!("accounts-{}.json", std::process::id()));
    let one = std::fs::read_to_string(format!("{root}/accounts.json")).unwrap();
    let mut all: Vec<serde_json::Value> = serde_json::from_str(&one).unwrap();
    let first = all.remove(0);
    let many: Vec<_> = (0..5_000)
        .map(|number| {
            let mut account = first.clone();
            account["account_number"] = format!("{}", 100_000 + number).into();
            account.as_object_mut().unwrap().remove("phone");
            account
        })
        .collect();
    std::fs::write(&accounts, serde_json::to_string(&many).unwrap()).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_sandbox"))
        .arg("load")
        .arg(&accounts)
        .arg("--print")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let mut err = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    let status = child.wait().unwrap();
    std::fs::remove_file(&accounts).unwrap();
    assert!(line.starts_with('{'), "{line}");
    assert_eq!((status.code(), err.as_str()), (Some(0), ""));
}
