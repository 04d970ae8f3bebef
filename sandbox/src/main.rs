//! `cargo sandbox` and `cargo demo`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people to read"
)]

mod serve;

use std::process::ExitCode;

const USAGE: &str = "\
cargo sandbox [--port BASE]   the local cloud on fixed ports (from 4700), until Ctrl-C";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["serve"] => serve::run(serve::BASE).await,
        ["serve", "--port", base] => match base.parse() {
            Ok(base @ 1024..=65_000) => serve::run(base).await,
            _ => Err(format!(
                "--port {base}: a number from 1024 to 65000 is needed"
            )),
        },
        _ => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}
