//! `cargo sandbox`, `cargo demo`, and the recorder of `events/`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people to read")]

mod demo;
mod serve;

use std::process::ExitCode;

use sandbox::{Ports, record};

const USAGE: &str = "\
cargo demo                           the whole story against the real functions, checked, in seconds
cargo sandbox [--port BASE]          the local cloud on 22 fixed ports from BASE (4700) on, until Ctrl-C
cargo run -p sandbox -- record       writes events/*.json anew";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["demo"] => demo::run().await,
        ["record"] => record::write()
            .await
            .map(|written| written.iter().for_each(|path| println!("{}", path.display())))
            .map_err(|error| format!("events: {error}")),
        ["serve"] => serve::run(Ports::USUAL).await,
        ["serve", "--port", base] => match base.parse() {
            Ok(base @ 1024..=65_000) => serve::run(Ports { base }).await,
            _ => Err(format!("--port {base}: a number from 1024 to 65000 is needed")),
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
