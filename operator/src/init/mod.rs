//! `init`: asks what a stack shall do, and only what that needs; checks each answer at once; writes
//! the section of `samconfig.toml`, so that `sam deploy` asks nothing. Secrets go into the stack, if
//! there is one, and never into a file.

mod ask;
mod cost;
mod dialogue;
mod fill;
mod given;
mod lookups;
mod outcome;
mod questions;

pub(crate) use outcome::Outcome;

use std::path::PathBuf;

use secrecy::SecretString;

use self::ask::{Asker, Draft, tell};
use self::dialogue::Dialogue;
use self::lookups::Lookups;
use self::questions::{Look, Question};
use crate::calls::Calls;
use crate::cli::Cli;
use crate::problem::Problem;
use crate::report::Console;
use crate::settings::{self, Section, Values};

/// Ask what a new stack needs, and write its section of samconfig.toml
#[derive(clap::Args)]
#[command(long_about = "\
Ask what a new stack needs, and write its section of samconfig.toml. Then `operator deploy` does the rest.

The command asks what the stack shall do, and only what that needs. It checks each answer at once: by the template's limits, by the functions' \
own readers, and at the provider (the Auth0 tenant answers, the number is yours, the domain's MX records lead to Mailgun). With keys of Twilio \
and Mailgun it offers your numbers and domains. It reads no key from samconfig.toml and writes none there. If the stack exists, it puts \
Twilio's keys and generated tokens into the stack's secrets.

Each answer is kept in a file until the section is written. After an interruption, run the same command again.

With --answers or --set nobody is asked; all that is missing or wrong is listed at once. Keys may also be in TWILIO_ACCOUNT_SID, \
TWILIO_AUTH_TOKEN and MAILGUN_API_KEY.")]
#[command(after_help = "\
Examples:
  operator init
  operator init --config-env prod --samconfig samconfig.toml
  operator init --set Integrations=gateway --set SmsFrom=twilio:+15005550006
  operator init --config-env prod --answers prod.json --replace        {\"Integrations\": \"verification\", \"Auth0Url\": \"https://...\", ...}")]
pub(crate) struct Args {
    /// The environment; the default is that of `sam deploy` without --config-env
    #[arg(long, value_name = "NAME", default_value = "default")]
    config_env: String,
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "samconfig.toml")]
    samconfig: PathBuf,
    /// A JSON object or a TOML file of names and answers; `-` reads JSON from standard input
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// An answer, or any other parameter of the template; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = crate::cli::pair)]
    set: Vec<(String, String)>,
    /// Change a section that exists already
    #[arg(long)]
    replace: bool,
    /// Ask neither the providers nor AWS
    #[arg(long)]
    offline: bool,
}

/// Keys that were given. Has no `Debug`.
#[derive(Default)]
pub(crate) struct Keys {
    /// The Account SID and the Auth Token.
    pub(crate) twilio: Option<(String, SecretString)>,
}

/// Runs the command.
pub(crate) async fn run(
    cli: &Cli,
    args: &Args,
    console: &Console,
    calls: Calls,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Outcome, Problem> {
    let name = &args.config_env;
    if !is_name(name) {
        return Err(Problem::Usage(format!(
            "--config-env {name} is not a name of letters, digits, _ and -"
        )));
    }
    let known = settings::read(&args.samconfig, name)?;
    let is_known = known.is_some();
    let before = known.unwrap_or_default();
    let answers = given::answers(args)?;
    let draft = args
        .samconfig
        .with_file_name(format!(".operator-init-{name}.json"));
    let asker = match answers {
        Some(answers) => Asker::Given {
            answers,
            problems: Vec::new(),
        },
        None => Asker::Person(Draft::open(draft)),
    };
    let mut dialogue = Dialogue {
        asker,
        lookups: Lookups::new(calls.clone(), cli.urls.clone(), args.offline),
        keys: Keys::default(),
        before: &before,
        values: Values::new(),
        environment,
    };
    if let Asker::Person(draft) = &dialogue.asker {
        tell(
            "Enter takes the answer in brackets; - stands for no answer. An interruption loses nothing.",
        );
        if !draft.answers.is_empty() {
            tell("The answers of an interrupted run are in brackets.");
        }
    }
    let (integrations, stack, region) = dialogue.questions(console).await?;
    let section = dialogue.section(&integrations, stack.clone(), region.clone());
    dialogue.finish(&section)?;
    let differences = differences(&before, &section);
    let may_write = match (
        &mut dialogue.asker,
        is_known && !args.replace && !differences.is_empty(),
    ) {
        (_, false) => true,
        (Asker::Given { .. }, true) => {
            let why = format!(
                "the section [{name}.deploy.parameters] exists, and would change; --replace changes it:\n  {}",
                differences.join("\n  ")
            );
            return Err(Problem::Usage(why));
        }
        (asker @ Asker::Person(_), true) => {
            tell(&format!(
                "\n[{name}.deploy.parameters] exists. These are the changes:\n  {}\nWrite them, y or n?",
                differences.join("\n  ")
            ));
            matches!(
                asker.answer(&CHANGE, CHANGE.default)?.as_str(),
                "y" | "Y" | "yes"
            )
        }
    };
    let written = may_write && !cli.dry_run && (!is_known || !differences.is_empty());
    if written {
        settings::write(&args.samconfig, name, &section)?;
    }
    let mut outcome = Outcome {
        file: args.samconfig.display().to_string(),
        environment: name.clone(),
        stack,
        written,
        parameters: section.parameters.keys().cloned().collect(),
        monthly: dialogue.monthly(&integrations, &section.parameters).await,
        filled: Vec::new(),
        unseen: None,
        next: Vec::new(),
    };
    let left = fill::fill(
        cli,
        args.offline,
        &calls,
        &section,
        &dialogue.keys,
        &mut outcome,
    )
    .await?;
    outcome.next = next(name, &outcome.stack, &left);
    if let (Asker::Person(draft), true) = (&dialogue.asker, !cli.dry_run) {
        draft.remove();
    }
    Ok(outcome)
}

const CHANGE: Question = Question {
    name: "Change",
    what: "Write them",
    place: "",
    example: "y or n",
    default: Some("y"),
    look: Look::Nothing,
    is_secret: false,
};

fn differences(before: &Section, after: &Section) -> Vec<String> {
    let all = |section: &Section| {
        let of = |name: &str, value: &Option<String>| {
            (name.to_owned(), value.clone().unwrap_or_default())
        };
        let mut all = section.parameters.clone();
        all.extend([
            of("stack_name", &section.stack_name),
            of("region", &section.region),
        ]);
        all
    };
    let (old, new) = (all(before), all(after));
    let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed = keys
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name));
    let show = |value: Option<&String>| {
        value.map_or_else(
            || "(not set)".to_owned(),
            |value| crate::report::plain(value),
        )
    };
    changed
        .map(|name| format!("{name}: {} -> {}", show(old.get(name)), show(new.get(name))))
        .collect()
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// The commands that lead from here to a working stack.
fn next(environment: &str, stack: &str, left: &[&str]) -> Vec<String> {
    let environment = if environment == "default" {
        String::new()
    } else {
        format!(" --config-env {environment}")
    };
    let mut commands = vec![
        format!("cargo operator deploy{environment}"),
        format!("export SWITCHBOARD_STACK={stack}"),
    ];
    // `deploy` asks for the keys that are still missing. Where nobody can be asked, these set them.
    commands.extend(left.iter().map(|name| fill::command(name)));
    commands.push("cargo operator doctor".to_owned());
    commands
}
