//! `cargo sandbox`, `cargo demo`, the recorder of `events/`, the loader of accounts, the timing of
//! refusals, and the benchmarks.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people to read"
)]

mod bench;
mod browser;
mod demo;
mod phone;
mod port;
mod refusals;
mod serve;
mod soak;

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook, take_hook},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use phone::Deed;
use port::Port;
use sandbox::{Ports, accounts, aws::TABLE_NAME, record};

/// A local cloud for the functions: simulators of AWS and the providers on 127.0.0.1.
#[derive(Parser)]
#[command(
    name = "sandbox",
    // Its commands are the aliases of .cargo/config.toml.
    bin_name = "cargo",
    version,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Plays the whole story against the real functions and checks it, in seconds
    Demo(Demo),
    /// Runs the local cloud and its page on fixed ports until Ctrl-C; or texts and calls at a running
    /// one
    Sandbox(Box<Serve>),
    /// Writes accounts into the table of `cargo sandbox`
    LoadAccounts(Load),
    /// Measures how long ivr-validate takes to refuse, for each reason
    BenchRefusals,
    /// Measures start time, answer time, CPU, memory and size of the
    /// functions in a release build
    BenchFunctions(Box<bench::Options>),
    /// Measures how many requests at once the functions serve, how fast, and
    /// what limits them first, in a release build
    BenchLoad(Box<bench::load::Options>),
    /// Plays every flow with faults, crashes and duplicates, and checks the promises
    Soak(soak::Options),
    /// Writes the files events/*.json again
    Record,
}

#[derive(Args)]
struct Serve {
    #[command(subcommand)]
    deed: Option<Deed>,
    #[command(flatten)]
    port: Port,
    #[command(flatten)]
    options: serve::Options,
}

#[derive(Args)]
struct Demo {
    /// Play the story on a page in the browser, which stays until Ctrl-C
    #[arg(long)]
    page: bool,
    #[command(flatten)]
    options: PageOptions,
}

/// How the page is shown.
#[derive(Args)]
struct PageOptions {
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
    /// Folder of the page's files, to work on them without compiling
    #[arg(long, value_name = "DIR", hide = true)]
    page_files: Option<PathBuf>,
}

#[derive(Args)]
struct Load {
    /// File with accounts, in the form of accounts.json
    file: PathBuf,
    /// Endpoint of the table, by default `cargo sandbox`'s; it must not ask for credentials
    #[arg(long, value_name = "URL", default_value_t = format!("http://127.0.0.1:{}/", Ports::USUAL.dynamodb()))]
    endpoint: String,
    /// Name of the table
    #[arg(long, value_name = "NAME", default_value = TABLE_NAME)]
    table: String,
    /// Write nothing; print batches for `aws dynamodb batch-write-item`
    #[arg(long)]
    print: bool,
}

/// Reads the command line. Wrong usage ends the program.
fn command() -> Command {
    let mut line = Cli::command();
    let matches = line.get_matches_mut();
    if let Some(error) = misplaced(&mut line, &matches) {
        error.exit();
    }
    Cli::from_arg_matches(&matches).map_or_else(|error| error.exit(), |Cli { command }| command)
}

/// An option of `cargo sandbox` in front of one of its commands, which need the ports only.
fn misplaced(line: &mut clap::Command, matches: &ArgMatches) -> Option<clap::Error> {
    let (name, of_sandbox) = matches.subcommand()?;
    of_sandbox.subcommand()?;
    let sandbox = line.find_subcommand_mut(name)?;
    let option = sandbox.get_arguments().find(|option| {
        let source = of_sandbox.value_source(option.get_id().as_str());
        source == Some(ValueSource::CommandLine) && !option.is_global_set()
    })?;
    let told = format!(
        "--{} is for a sandbox that starts, not for a running one",
        option.get_long().unwrap_or_default()
    );
    Some(sandbox.error(ErrorKind::ArgumentConflict, told))
}

fn main() -> ExitCode {
    let command = command();
    hush();
    match catch_unwind(AssertUnwindSafe(|| run(command))) {
        Ok(code) => code,
        Err(panic) if nobody_reads(&*panic) => ExitCode::SUCCESS,
        Err(panic) => resume_unwind(panic),
    }
}

/// True if `println!` panicked because the other end of the pipe is closed, for example by
/// `| head`.
fn nobody_reads(panic: &(dyn Any + Send)) -> bool {
    panic
        .downcast_ref::<String>()
        .is_some_and(|text| text.contains("failed printing to std") && text.contains("Broken pipe"))
}

/// Prints nothing when a closed pipe ends the program.
fn hush() {
    let usual = take_hook();
    set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or_default().to_owned();
        if !nobody_reads(&text) {
            usual(panic);
        }
    }));
}

#[tokio::main]
async fn run(command: Command) -> ExitCode {
    let done = match command {
        Command::Demo(demo) => demo::run(demo.page.then_some(demo.options)).await,
        Command::Soak(options) => soak::run(options).await,
        Command::Record => match record::write().await {
            Ok(written) => {
                for path in written {
                    println!("{}", path.display());
                }
                Ok(())
            }
            Err(error) => Err(format!("events: {error}")),
        },
        Command::Sandbox(serve) => match serve.deed {
            Some(deed) => phone::run(deed, serve.port.ports()).await,
            None => serve::run(serve.options, serve.port.ports()).await,
        },
        Command::BenchFunctions(options) => bench::run(*options).await,
        Command::BenchLoad(options) => bench::load::run(*options).await,
        Command::BenchRefusals => refusals::run().await,
        Command::LoadAccounts(options) => load(&options).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn load(options: &Load) -> Result<(), String> {
    let (file, table): (&Path, &str) = (&options.file, &options.table);
    let read = accounts::read(file)?;
    if options.print {
        for batch in accounts::batches(&read, table) {
            println!("{batch}");
        }
        return Ok(());
    }
    accounts::load(&read, &options.endpoint, table).await?;
    println!("{} accounts are in {table}", read.len());
    Ok(())
}
