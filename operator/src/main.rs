//! The operator's CLI. It builds and deploys a stack (`deploy`), connects it with its providers
//! (`connect`), checks it (`doctor`), and manages its secrets (`secrets`) and its data (`pending`,
//! `unlock`, `erase`, `numbers`, `deliveries`, `trace`), its logs (`logs`), and a company's own
//! texts (`words`).
//!
//! It uses the functions' library for formats and protocols. The outputs and parameters of
//! `template.yaml` say what is deployed. Each command runs once, for a person or a pipeline. The
//! CLI has no daemon and no state.

mod aws;
mod calls;
mod cli;
mod connect;
mod context;
mod deliveries;
mod deploy;
mod doctor;
mod init;
mod logs;
mod numbers;
mod problem;
mod report;
mod secrets;
mod settings;
mod stack;
mod table;
mod trace;
mod words;

use std::cell::OnceCell;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::SystemTime;

use secrecy::SecretString;
use shared::platform::http;

use crate::aws::Aws;
use crate::calls::Calls;
use crate::cli::{Cli, Command, Secrets, Words};
use crate::context::{Context, OwnCredentials};
use crate::problem::Problem;
use crate::report::Console;
use crate::secrets::{Given, Spec, Wishes};
use crate::stack::Stack;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::read();
    let console = Console::new(cli.json);
    if let Command::Deploy(args) = &cli.command {
        let args = args.clone();
        let keys = deploy::Keys::default();
        return deploy::run(cli, &args, &console, keys).await.into();
    }
    if let Command::Doctor(args) = &cli.command
        && let Some(pause) = args.pause()
    {
        if cli.json {
            let why = "--watch is for a person: leave out --json, or leave out --watch";
            return console.fail(&Problem::Usage(why.to_owned())).into();
        }
        let read = async || open(&cli, Console::new(false)).await;
        return doctor::watch(read, args, pause).await.into();
    }
    // These need no stack.
    if let Command::CheckConfig(args) = &cli.command {
        return match settings::run(args) {
            Ok(checked) => console.show(&checked).into(),
            Err(problem) => console.fail(&problem).into(),
        };
    }
    if let Command::Init(args) = &cli.command {
        let (outcome, mut next) = match begin(&cli, args, &console).await {
            Ok(begun) => begun,
            Err(problem) => return console.fail(&problem).into(),
        };
        let code = console.show(&outcome);
        if !next.is_wanted() {
            return code.into();
        }
        let init::Next { args, keys, .. } = next;
        return deploy::run(cli, &args, &console, keys).await.into();
    }
    match open(&cli, console).await {
        Ok(context) => match run(&context, cli.command).await {
            Ok(code) => code.into(),
            Err(problem) => context.console.fail(&problem).into(),
        },
        Err(problem) => Console::new(cli.json).fail(&problem).into(),
    }
}

/// Starts `init`, which needs no stack.
async fn begin(
    cli: &Cli,
    args: &init::Args,
    console: &Console,
) -> Result<(init::Outcome, init::Next), Problem> {
    let calls = Calls::new(client()?, now());
    init::run(cli, args, console, calls, &environment).await
}

/// The HTTP client of this program.
fn client() -> Result<http::Client, Problem> {
    let http = shared::platform::config::read(&environment, http::Settings::read);
    let http = http.map_err(|problems| Problem::Usage(problems.to_string()))?;
    http::Client::new(http).map_err(Problem::Usage)
}

async fn open(cli: &Cli, console: Console) -> Result<Context, Problem> {
    let http = client()?;
    let outputs = cli.read_outputs()?;
    if cli.stack.is_none() && outputs.is_none() {
        return Err(Problem::Usage(
            "which stack? Give --stack NAME, or --outputs FILE".to_owned(),
        ));
    }
    console.progress("reading the stack");
    let aws = Aws::connect(cli.profile.as_deref(), cli.region.as_deref(), &http).await?;
    let mut stack = match (&outputs, &cli.stack) {
        (Some(text), _) => Stack::read(text)?,
        (None, Some(name)) => aws.stack(name).await?,
        (None, None) => Stack::default(),
    };
    stack.extend(cli.parameter.iter().cloned());
    stack.check()?;
    let own = |name: &str| {
        environment(name)
            .filter(|value| !value.trim().is_empty())
            .map(SecretString::from)
    };
    Ok(Context {
        stack,
        aws,
        calls: Calls::new(http, now()),
        console,
        urls: cli.urls.clone(),
        own: OwnCredentials {
            mailgun_api_key: own("MAILGUN_API_KEY").map_or_else(OnceCell::new, OnceCell::from),
            auth0_token: own("AUTH0_MANAGEMENT_TOKEN"),
            okta_api_token: own("OKTA_API_TOKEN"),
        },
        dry_run: cli.dry_run,
        // Cargo names itself to the programs that it runs.
        programs: cli.programs(environment("CARGO").is_some()),
    })
}

async fn run(context: &Context, command: Command) -> Result<u8, Problem> {
    let console = &context.console;
    Ok(match command {
        Command::CheckConfig(_) | Command::Init(_) | Command::Deploy(_) => {
            return Err(Problem::Usage("this command is about no stack".to_owned()));
        }
        Command::Connect(args) => {
            console.show(&connect::connect(context, &args.targets, &args.extras()).await?)
        }
        Command::Doctor(args) => console.show(&doctor::examine(context, &args).await?),
        Command::Secrets(Secrets::List) => console.show(&secrets::list(&context.vault()).await?),
        Command::Secrets(Secrets::Set {
            name,
            from_env,
            stdin,
            generate,
            remove,
            rotate,
            replace,
        }) => {
            let is_complete = !stdin && (!generate.is_empty() || !remove.is_empty());
            let given = if from_env {
                Given::Environment(&environment)
            } else if !stdin && std::io::stdin().is_terminal() {
                console.end_progress();
                Given::Terminal
            } else if is_complete {
                // In a pipeline, standard input may never end.
                Given::Nothing
            } else {
                let text = std::io::read_to_string(std::io::stdin());
                Given::Text(
                    text.map_err(|error| Problem::Usage(format!("standard input: {error}")))?,
                )
            };
            let wishes = Wishes {
                generate,
                remove,
                rotate,
                replace,
                dry_run: context.dry_run,
            };
            console.show(&secrets::set(&context.vault(), Spec::of(&name), given, &wishes).await?)
        }
        Command::Pending { number } => {
            console.show(&table::pending(context, number.as_ref()).await?)
        }
        Command::Unlock { account, caller } => {
            console.show(&table::unlock(context, &account, caller.as_ref()).await?)
        }
        Command::Erase { number, yes } => console.show(&table::erase(context, &number, yes).await?),
        Command::Deliveries { phone: None } => console.show(&deliveries::list(context).await?),
        Command::Deliveries { phone: Some(phone) } => {
            console.show(&deliveries::of_number(context, &phone).await?)
        }
        Command::Words(Words::List { language }) => {
            console.show(&words::list(context, language).await?)
        }
        Command::Words(Words::Set { language, file }) => {
            console.show(&words::set(context, language, &file).await?)
        }
        Command::Words(Words::Clear { language }) => {
            console.show(&words::clear(context, language).await?)
        }
        Command::Logs(args) => match logs::logs(context, &args).await? {
            Some(logged) => console.show(&logged),
            None => 0,
        },
        Command::Trace(args) => console.show(&trace::trace(context, &args).await?),
        Command::Numbers => console.show(&numbers::list(context).await?),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is where the program reads the environment"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is where the program reads the clock"
)]
fn now() -> SystemTime {
    SystemTime::now()
}
