//! The command line of `deploy`, and its steps.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::cli::quoted;

/// A step, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Step {
    /// Check the settings, as `check-config` does
    Check,
    /// `sam build`: compile and package the functions
    Build,
    /// `sam deploy`: create or update the stack
    Deploy,
    /// Fill the secrets that lack keys
    Secrets,
    /// Register the stack's URLs with the providers
    Connect,
    /// Check everything
    Doctor,
}

impl Step {
    const ALL: [Self; 6] = [
        Self::Check,
        Self::Build,
        Self::Deploy,
        Self::Secrets,
        Self::Connect,
        Self::Doctor,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Build => "build",
            Self::Deploy => "deploy",
            Self::Secrets => "secrets",
            Self::Connect => "connect",
            Self::Doctor => "doctor",
        }
    }
}

/// Check the settings, build, deploy, fill the secrets, connect and check a stack
#[derive(Debug, Clone, Default, Args)]
#[command(long_about = "\
Check the settings, build, deploy, fill the secrets, connect and check a stack.

The command reads the stack's name, its region and its parameters from a section of samconfig.toml, which `operator init` writes. Then it runs \
these steps:

check    is `operator check-config`. A mistake ends the run before anything is built or deployed.
build    runs `sam build`. The first build takes minutes.
deploy   runs `sam deploy`. It shows the changes and asks, unless you add --yes or there is no terminal.
secrets  fills the secrets that lack keys. It makes random values where any value will do. It asks for the others without echo, or reads \
variables such as TWILIO_AUTH_TOKEN with --from-env.
connect  is `operator connect`.
doctor   is `operator doctor`.

You can stop the command at any time. The next run continues: each step does only what is left to do. A step that fails says what to do, and \
which command continues.")]
#[command(after_help = "\
Examples:
  operator deploy
  operator deploy --config-env prod
  operator deploy --config-env prod --from connect
  operator deploy --config-env prod --only build
  operator deploy --config-env prod --dry-run          shows the commands and the changes at the providers
  TWILIO_ACCOUNT_SID=... TWILIO_AUTH_TOKEN=... operator --json deploy --config-env prod --from-env     in a pipeline")]
pub(crate) struct DeployArgs {
    /// The section of samconfig.toml, as for sam
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(super) config_env: String,
    /// The file with the section
    #[arg(long, value_name = "FILE", default_value = "samconfig.toml")]
    pub(super) samconfig: PathBuf,
    /// Only this step
    #[arg(long, value_enum, value_name = "STEP", conflicts_with = "from")]
    pub(super) only: Option<Step>,
    /// This step and those after it
    #[arg(long, value_enum, value_name = "STEP")]
    from: Option<Step>,
    /// Read the keys of secrets from environment variables, `SECRET_KEY` in capitals
    #[arg(long)]
    pub(super) from_env: bool,
    /// Deploy the changes without asking
    #[arg(long)]
    pub(super) yes: bool,
}

impl DeployArgs {
    /// All steps for an environment.
    pub(crate) fn of(config_env: &str, samconfig: &Path) -> Self {
        Self {
            config_env: config_env.to_owned(),
            samconfig: samconfig.to_owned(),
            ..Self::default()
        }
    }

    /// The same, with keys from environment variables.
    pub(crate) fn with_variables(self) -> Self {
        Self {
            from_env: true,
            ..self
        }
    }

    pub(super) fn steps(&self) -> Vec<Step> {
        let first = self.from.unwrap_or(Step::Check);
        let chosen = |step: &Step| self.only.map_or(*step >= first, |only| only == *step);
        let mut steps: Vec<Step> = Step::ALL.into_iter().filter(chosen).collect();
        // Nothing is built or deployed with settings that a function would refuse.
        if let Some(Step::Build | Step::Deploy) = steps.first() {
            steps.insert(0, Step::Check);
        }
        steps
    }

    /// The option that chooses these steps again, or this step alone or with those after it.
    pub(super) fn place(&self, step: Step) -> Option<String> {
        let (only, from) = match step {
            Step::Check => (self.only, self.from),
            step if self.only.is_some() => (Some(step), None),
            step => (None, Some(step)),
        };
        let only = only.map(|step| format!("--only {}", step.word()));
        only.or_else(|| from.map(|step| format!("--from {}", step.word())))
    }

    /// The command as a person types it, with these options in front of its own last one.
    pub(crate) fn command(&self, options: &[String]) -> String {
        // Cargo sets it for what it runs.
        let cargo = crate::environment("CARGO").map_or("", |_| "cargo ");
        let mut words = vec![format!("{cargo}operator deploy")];
        if self.config_env != "default" {
            words.push(format!("--config-env {}", quoted(&self.config_env)));
        }
        if self.samconfig.as_os_str() != "samconfig.toml" {
            let file = self.samconfig.to_string_lossy();
            words.push(format!("--samconfig {}", quoted(&file)));
        }
        words.extend(options.iter().map(|word| quoted(word)));
        let flags = [(self.from_env, "--from-env"), (self.yes, "--yes")];
        let flags = flags.iter().filter(|(is_set, _)| *is_set);
        words.extend(flags.map(|(_, flag)| (*flag).to_owned()));
        words.join(" ")
    }
}
