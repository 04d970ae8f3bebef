//! The command line of `deploy`, and its steps.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

/// A step, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Step {
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
    const ALL: [Self; 5] = [
        Self::Build,
        Self::Deploy,
        Self::Secrets,
        Self::Connect,
        Self::Doctor,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Deploy => "deploy",
            Self::Secrets => "secrets",
            Self::Connect => "connect",
            Self::Doctor => "doctor",
        }
    }
}

/// Build, deploy, fill the secrets, connect and check a stack
#[derive(Debug, Clone, Args)]
#[command(long_about = "\
Build, deploy, fill the secrets, connect and check a stack.

The command reads the stack's name, its region and its parameters from a section of samconfig.toml, which `operator init` writes. Then it runs \
these steps:

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
    pub(super) fn steps(&self) -> Vec<Step> {
        let first = self.from.unwrap_or(Step::Build);
        let chosen = |step: &Step| self.only.map_or(*step >= first, |only| only == *step);
        Step::ALL.into_iter().filter(chosen).collect()
    }
}
