//! `init`: asks what a stack shall do, and only what that needs; checks each answer at once; writes
//! the section of `samconfig.toml`, so that `sam deploy` asks nothing. Keys never go into a file. They
//! stay in memory and reach the stack's secrets if `deploy` follows in the same run.

mod accounts;
mod ask;
mod cost;
mod dialogue;
mod given;
mod lookups;
mod outcome;
mod questions;

pub(crate) use outcome::Outcome;

use std::path::{Path, PathBuf};

use self::ask::{Asker, Draft, tell};
use self::dialogue::Dialogue;
use self::lookups::Lookups;
use self::questions::{CHANGE, DEPLOY, yes};
use crate::calls::Calls;
use crate::cli::Cli;
use crate::deploy::{DeployArgs, Keys};
use crate::problem::Problem;
use crate::report::Console;
use crate::settings::{self, Section, Values};

/// Ask what a new stack needs, and write its section of samconfig.toml
#[derive(clap::Args)]
#[command(long_about = "\
Ask what a new stack needs, and write its section of samconfig.toml. Then `operator deploy` does the rest.

The command asks what the stack shall do, and only what that needs. It checks each answer at once: by the template's limits, by the functions' \
own readers, and at the provider (the Auth0 tenant answers, the number is yours, the domain's MX records lead to Mailgun). With keys of Twilio, \
Mailgun and Auth0 it offers your numbers, domains, APIs, connections and applications.

No key is written to any file. At the end, the command offers to run `operator deploy`. Then the keys that you gave go into the stack's secrets. \
If you run `operator deploy` later, it asks for them again, or reads them from variables with --from-env.

Each answer is kept in a file until the section is written. After an interruption, run the same command again.

With --answers or --set nobody is asked; all that is missing or wrong is listed at once. The answer Deploy=y deploys at the end. Keys may also be \
in TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, MAILGUN_API_KEY and AUTH0_MANAGEMENT_TOKEN.")]
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
    /// Do not ask the providers
    #[arg(long)]
    offline: bool,
}

/// What may follow: the deployment. Has no `Debug`: it has keys.
pub(crate) struct Next {
    pub(crate) args: DeployArgs,
    pub(crate) keys: Keys,
    asker: Asker,
    /// The answer of a program. `None`: a person is asked.
    wish: Option<bool>,
}

impl Next {
    /// True if the deployment shall follow now.
    pub(crate) fn is_wanted(&mut self) -> bool {
        if let Some(wish) = self.wish {
            return wish;
        }
        self.asker.show(&DEPLOY, &[]);
        loop {
            // The section is written. Who has gone away loses nothing.
            let Ok(answer) = self.asker.answer(&DEPLOY, DEPLOY.default) else {
                return false;
            };
            match yes(&answer) {
                Err(why) if self.asker.reject(&DEPLOY, &why) => {}
                read => return read.unwrap_or_default(),
            }
        }
    }
}

/// Runs the command.
pub(crate) async fn run(
    cli: &Cli,
    args: &Args,
    console: &Console,
    calls: Calls,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<(Outcome, Next), Problem> {
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
    // Nobody is asked where the output is one document, and nothing follows a dry run.
    let mut wish = (cli.json || cli.dry_run).then_some(false);
    let asker = match answers {
        Some(mut answers) => {
            let mut problems = Vec::new();
            let wanted = answers.remove(DEPLOY.name);
            match wanted.as_deref().map(yes).transpose() {
                Ok(Some(true)) if cli.json => problems.push(
                    "Deploy: --json writes one document; leave out Deploy, and run `operator --json deploy` then"
                        .to_owned(),
                ),
                Ok(wanted) => wish = wish.or(Some(wanted.unwrap_or_default())),
                Err(why) => problems.push(format!("Deploy: {why}. Example: {}", DEPLOY.example)),
            }
            Asker::Given { answers, problems }
        }
        None => Asker::Person(Draft::open(draft)),
    };
    let mut dialogue = Dialogue {
        asker,
        lookups: Lookups::new(calls.clone(), cli.urls.clone(), args.offline),
        keys: Keys::default(),
        is_in_environment: false,
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
            yes(&asker.answer(&CHANGE, CHANGE.default)?).unwrap_or_default()
        }
    };
    let written = may_write && !cli.dry_run && (!is_known || !differences.is_empty());
    if written {
        settings::write(&args.samconfig, name, &section)?;
    }
    let mut deploy = DeployArgs::of(name, &args.samconfig);
    if dialogue.is_in_environment {
        deploy = deploy.with_variables();
    }
    let missing = (!Path::new("template.yaml").exists()).then(|| {
        "this folder is not the repository's: it has no template.yaml and no functions. Run that command in the repository's folder, with this file there"
            .to_owned()
    });
    if missing.is_some() || !may_write {
        wish = Some(false);
    }
    let outcome = Outcome {
        file: args.samconfig.display().to_string(),
        environment: name.clone(),
        stack,
        written,
        parameters: section.parameters.keys().cloned().collect(),
        monthly: dialogue.monthly(&integrations, &section.parameters).await,
        missing,
        next: vec![deploy.command(&[])],
    };
    // Without the section, the answers are still wanted.
    if let (Asker::Person(draft), true) = (&dialogue.asker, may_write && !cli.dry_run) {
        draft.remove();
    }
    let Dialogue { asker, keys, .. } = dialogue;
    let next = Next {
        args: deploy,
        keys,
        asker,
        wish,
    };
    Ok((outcome, next))
}

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
