//! Runs `sam`: its output passes through, and its last lines are kept.

use std::cell::RefCell;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use crate::cli::quoted;
use crate::problem::Problem;
use crate::report::plain;
use crate::secrets::{SECRETS, variable_name};

/// The lines of an error.
const LINES: usize = 12;
/// What is kept of the output, in bytes.
const TAIL: usize = 16 * 1024;

/// What usually helps, by a part of the output.
const HINTS: [(&str, &str); 7] = [
    (
        "ExpiredToken",
        "The login has expired: log in again (`aws sso login`).",
    ),
    (
        "Token has expired",
        "The login has expired: log in again (`aws sso login`).",
    ),
    (
        "Unable to locate credentials",
        "There is no login: `aws sts get-caller-identity` shows it when there is one.",
    ),
    (
        "UnreservedConcurrentExecution",
        "The account's limit of concurrent executions is too small to reserve any: add \"ReservedConcurrency=-1\" to parameter_overrides.",
    ),
    (
        "missing Tags and/or Outputs",
        "sam was stopped while it made its own bucket: run `aws cloudformation delete-stack --stack-name aws-sam-cli-managed-default`.",
    ),
    (
        "ManagedStackSource tag is missing",
        "sam was stopped while it made its own bucket: run `aws cloudformation delete-stack --stack-name aws-sam-cli-managed-default`.",
    ),
    (
        "Requires capabilities",
        "Add capabilities = \"CAPABILITY_IAM\" to the section.",
    ),
];

/// Runs `sam` and gives the end of its output. The error has its last lines.
pub(super) async fn run(program: &Path, arguments: &[String]) -> Result<String, Problem> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("PYTHONUNBUFFERED", "1") // its lines come when they are written, though it writes to no terminal
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // `cargo operator` sets variables about this program. Build scripts of the functions would take
    // them for a change and run again.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
        {
            command.env_remove(&*name);
        }
    }
    // The build scripts of all dependencies run below sam, and no key is theirs to read.
    for name in secret_variables() {
        command.env_remove(name);
    }
    let shown = shown(arguments);
    let failed = |why: String| Problem::Failed(format!("`{shown}` {why}"));
    let mut child = command
        .spawn()
        .map_err(|error| failed(format!("does not start: {error}")))?;
    let tail = RefCell::new(Vec::new());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    tokio::join!(pass(out, &tail), pass(err, &tail));
    let status = child
        .wait()
        .await
        .map_err(|error| failed(format!("was lost: {error}")))?;
    let said = String::from_utf8_lossy(&tail.into_inner()).into_owned();
    if status.success() {
        return Ok(said);
    }
    let lines: Vec<String> = said
        .split(['\n', '\r'])
        .filter(|line| !line.trim().is_empty())
        .map(|line| format!("  | {}", plain(line.trim_end())))
        .collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    let last = last.join("\n");
    Err(failed(format!("ended with {status}:\n{last}")))
}

/// The names of all variables with keys that this program reads. AWS's are sam's, too.
fn secret_variables() -> impl Iterator<Item = String> {
    let keys = SECRETS.iter().flat_map(|spec| {
        let keys = spec.layout.keys.iter();
        keys.map(|key| variable_name(spec, key.name))
    });
    keys.chain(["MAILGUN_API_KEY", "AUTH0_MANAGEMENT_TOKEN"].map(str::to_owned))
}

/// What usually helps against a failure with these words.
pub(super) fn hint(why: &str) -> Option<&'static str> {
    let known = HINTS.iter().find(|(part, _)| why.contains(part));
    known.map(|(_, hint)| *hint)
}

/// Copies output to standard error, as standard output is for results.
async fn pass(from: Option<impl AsyncRead + Unpin>, tail: &RefCell<Vec<u8>>) {
    let Some(mut from) = from else { return };
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let piece = &buffer[..count];
        // It is no error if the reader has gone away.
        let _unseen = std::io::stderr().write_all(piece);
        let mut tail = tail.borrow_mut();
        tail.extend_from_slice(piece);
        let excess = tail.len().saturating_sub(TAIL);
        tail.drain(..excess);
    }
}

/// The command as a person would type it.
pub(super) fn shown(arguments: &[String]) -> String {
    let words = arguments.iter().map(|argument| quoted(argument));
    let words: Vec<String> = words.collect();
    format!("sam {}", words.join(" "))
}
