//! `cargo sandbox`, `cargo demo`, the recorder of `events/`, the loader of accounts, the clock of refusals, and the benchmarks.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people to read"
)]

mod bench;
mod demo;
mod refusals;
mod serve;

use std::{path::Path, process::ExitCode};

use sandbox::{Ports, accounts, aws::TABLE_NAME, record};

const USAGE: &str = "\
cargo demo                           the whole story against the real functions, checked, in seconds
cargo sandbox [--port BASE]          the local cloud on 22 fixed ports from BASE (4700) on, until Ctrl-C
cargo load-accounts FILE             writes accounts into the table of `cargo sandbox`
    [--endpoint URL] [--table NAME]  ... into this table, behind an endpoint that asks for no credentials
    [--print]                        ... nowhere: prints batches for `aws dynamodb batch-write-item`
cargo bench-refusals                 how long ivr-validate takes to refuse, by what was wrong
cargo bench-functions                how fast the functions start and answer, and what they weigh, in a release build
    [--starts 50] [--warm 2000]      ... so many cold starts and warm invocations of each
    [--rtt-ms 0] [--service-ms 0]    ... with upstreams so far away, and so slow
    [--memory MB]                    ... with the CPU share that Lambda gives for so much memory
    [--function NAME]                ... of this function only (repeatable)
    [--peer node] [--json]           ... beside the same in Node.js; for a program to read
    [--html FILE]                    ... and as a page with plots
cargo bench-load                     how many requests at once the functions serve, how fast, and what gives way first, in a release build
    [--instances 5,10,20,50,100,200] ... with so many processes, one load after the other
    [--rounds 3] [--seconds 4]       ... so many bursts of each, and so long for every other load
    [--open 50] [--rate R]           ... arrivals for so many processes, R a second (repeatable)
    [--arrivals poisson|even]        ... at random, or evenly
    [--dynamodb-ms 5] [--transaction-ms 7] [--provider-ms 150]
    [--function NAME] [--json]       ... of this function only (repeatable); for a program to read
    [--svg FILE] [--html FILE]       ... and as plots, or as a page with them
    [--provision 10000]              ... nothing of that: what provision-numbers takes and costs for so many employees
cargo run -p sandbox -- record       writes events/*.json anew";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["demo"] => demo::run().await,
        ["record"] => record::write()
            .await
            .map(|written| {
                for path in &written {
                    println!("{}", path.display());
                }
            })
            .map_err(|error| format!("events: {error}")),
        ["serve"] => serve::run(Ports::USUAL).await,
        ["serve", "--port", base] => match base.parse() {
            Ok(base @ 1024..=65_000) => serve::run(Ports { base }).await,
            _ => Err(format!(
                "--port {base}: a number from 1024 to 65000 is needed"
            )),
        },
        ["bench", ref options @ ..] => bench::run(options).await,
        ["bench-load", ref options @ ..] => bench::load::run(options).await,
        ["refusals"] => refusals::run().await,
        ["load", file, ref options @ ..] => load(Path::new(file), options).await,
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

async fn load(file: &Path, options: &[&str]) -> Result<(), String> {
    let usual = format!("http://127.0.0.1:{}/", Ports::USUAL.dynamodb());
    let (mut endpoint, mut table, mut print) = (usual.as_str(), TABLE_NAME, false);
    let mut options = options.iter().copied();
    while let Some(option) = options.next() {
        let value =
            |value: Option<_>| value.ok_or_else(|| format!("{option} needs a value\n{USAGE}"));
        match option {
            "--endpoint" => endpoint = value(options.next())?,
            "--table" => table = value(options.next())?,
            "--print" => print = true,
            _ => return Err(USAGE.into()),
        }
    }
    let read = accounts::read(file)?;
    if print {
        for batch in accounts::batches(&read, table) {
            println!("{batch}");
        }
        return Ok(());
    }
    accounts::load(&read, endpoint, table).await?;
    println!("{} accounts are in {table}", read.len());
    Ok(())
}
