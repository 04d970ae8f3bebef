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
        (&["--help"][..], "bench-load"),
        (&["demo", "--help"], "whole story"),
        (&["sandbox", "--help"], "--samconfig"),
        (&["sandbox", "text", "--help"], "--port"),
        (&["sandbox", "call", "--help"], "--keys"),
        (&["load-accounts", "--help"], "--endpoint"),
        (&["bench-functions", "--help"], "--rtt-ms"),
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
fn the_usage_is_what_a_person_types() {
    for (arguments, usage) in [
        (&["--help"][..], "cargo <COMMAND>"),
        (&["demo", "--help"], "cargo demo [OPTIONS]"),
        (&["sandbox", "--help"], "cargo sandbox [OPTIONS] [COMMAND]"),
        (
            &["sandbox", "text", "--help"],
            "cargo sandbox text [OPTIONS] <FROM> <TO> <BODY>...",
        ),
        (
            &["load-accounts", "--help"],
            "cargo load-accounts [OPTIONS] <FILE>",
        ),
        (
            &["bench-functions", "--help"],
            "cargo bench-functions [OPTIONS]",
        ),
        (&["soak", "--help"], "cargo soak [OPTIONS]"),
    ] {
        let out = String::from_utf8(sandbox(arguments).stdout).unwrap();
        let usage = format!("Usage: {usage}\n");
        assert!(out.contains(&usage), "{arguments:?}: {out}");
    }
}

#[test]
fn the_ports_may_be_given_before_and_after_the_command() {
    for arguments in [
        &[
            "sandbox",
            "--port",
            "64900",
            "text",
            "+4512345678",
            "+4512345679",
            "Hi",
        ][..],
        &[
            "sandbox",
            "text",
            "--port",
            "64900",
            "+4512345678",
            "+4512345679",
            "Hi",
        ],
        &[
            "sandbox",
            "text",
            "+4512345678",
            "+4512345679",
            "Hi",
            "--port",
            "64900",
        ],
        &[
            "sandbox",
            "--port",
            "64900",
            "call",
            "+4512345678",
            "+4512345679",
        ],
        &[
            "sandbox",
            "call",
            "+4512345678",
            "+4512345679",
            "--port",
            "64900",
        ],
    ] {
        let output = sandbox(arguments);
        let err = String::from_utf8(output.stderr).unwrap();
        let told = "port 64925";
        assert!(
            output.status.code() == Some(1) && err.contains(told),
            "{arguments:?}: {err}"
        );
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (arguments, words) in [
        (&["demo", "--fast"][..], "--fast"),
        (&["sandbox", "--port", "80"], "80"),
        (&["sandbox", "--prot", "4800"], "--prot"),
        (&["sandbox", "--log", "xml"], "xml"),
        (&["sandbox", "text", "+4512345678"], "<TO>"),
        (
            &["sandbox", "--log", "json", "text", "1", "2", "3"],
            "--log is for a sandbox that starts",
        ),
        (&["bench-functions", "--peer", "python"], "python"),
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
        .arg("load-accounts")
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
