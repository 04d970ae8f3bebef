//! The command line: names, defaults, and the help that explains them.

mod connect;
mod programs;
mod secrets;
mod values;
mod words;

pub(crate) use self::connect::ConnectArgs;
pub(crate) use self::programs::{Programs, quoted};
pub(crate) use self::secrets::Secrets;
pub(crate) use self::values::{e164, pair};
pub(crate) use self::words::Words;

use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory as _, Parser, Subcommand};
use shared::rules::phone::E164;

use self::values::account;
use crate::context::Urls;
use crate::deploy::DeployArgs;
use crate::doctor::DoctorArgs;
use crate::logs::LogsArgs;
use crate::problem::Problem;
use crate::trace::TraceArgs;

const EXAMPLES: &str = "\
A new stack, from questions to a checked stack:
  operator init
  operator deploy

The last steps of deploy, each alone:
  operator --stack switchboard secrets set twilio     (also mailgun, gateway, okta, if they are deployed)
  operator --stack switchboard connect
  operator --stack switchboard doctor

If you may not describe stacks in CloudFormation:
  aws cloudformation describe-stacks --stack-name switchboard > stack.json
  operator --outputs stack.json doctor

In a pipeline:
  MAILGUN_API_KEY=... operator --stack switchboard --json connect --dry-run
  operator --stack switchboard --json doctor | jq '.findings[] | select(.severity == \"fault\")'

Exit codes: 0 nothing is left to do, 1 something is left to do, 2 wrong usage, 3 AWS is unreachable or rejected a request.";

/// Builds and deploys a Switchboard stack, connects it with its providers, checks it, and manages its secrets and data.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES, max_term_width = 110, propagate_version = true, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Name of the CloudFormation stack; the CLI reads its outputs and parameters
    #[arg(
        long,
        env = "SWITCHBOARD_STACK",
        value_name = "NAME",
        global = true,
        help_heading = "Where the stack is"
    )]
    pub(crate) stack: Option<String>,
    /// Read a file instead of asking CloudFormation: the output of `aws cloudformation describe-stacks`, of `sam list
    /// stack-outputs --output json`, or an object of names and values; `-` reads standard input
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        help_heading = "Where the stack is"
    )]
    pub(crate) outputs: Option<PathBuf>,
    /// Set or replace one of the stack's outputs or parameters; may be repeated
    #[arg(long, value_name = "NAME=VALUE", global = true, help_heading = "Where the stack is", value_parser = pair)]
    pub(crate) parameter: Vec<(String, String)>,
    /// Profile of ~/.aws/config, as for the AWS CLI
    #[arg(long, value_name = "NAME", global = true, help_heading = "AWS")]
    pub(crate) profile: Option<String>,
    /// AWS region, as for the AWS CLI
    #[arg(long, value_name = "REGION", global = true, help_heading = "AWS")]
    pub(crate) region: Option<String>,
    /// Write one JSON document to standard output
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// Show what would change, and change nothing
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) urls: Urls,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Init(crate::init::Args),
    CheckConfig(crate::settings::Args),
    Deploy(DeployArgs),
    Connect(ConnectArgs),
    Doctor(DoctorArgs),
    /// Read and write the stack's secrets
    #[command(subcommand)]
    Secrets(Secrets),
    /// List who got an SMS and has not replied yet
    #[command(long_about = "\
List who got an SMS and has not replied yet: masked number, kind and age of each pending request.

The command reads the items `pending#...` of the table. It shows no links and no codes. It changes nothing.")]
    #[command(after_help = "\
Examples:
  operator --stack switchboard pending
  operator --stack switchboard pending --number +4512345678")]
    Pending {
        /// Only this number, in E.164
        #[arg(long, value_name = "NUMBER", value_parser = e164)]
        number: Option<E164>,
    },
    /// Let a caller of the phone menu try again
    #[command(long_about = "\
Let a caller of the phone menu try again.

The command deletes the counts of wrong PINs of an account (`lock#<account>` in the table). With --caller, it also deletes the count of that \
caller's attempts in this hour (`rate#pin#...`). Without --caller, somebody who guessed at several accounts waits up to an hour.

If Auth0 itself has blocked the user, unblock the user in Auth0: User Management, the user, Unblock.")]
    #[command(after_help = "\
Examples:
  operator --stack switchboard unlock --account 10042
  operator --stack switchboard unlock --account 10042 --caller +4512345678")]
    Unlock {
        /// Account number, digits only
        #[arg(long, value_name = "NUMBER", value_parser = account)]
        account: String,
        /// Also delete the count of this caller's attempts; the number in E.164
        #[arg(long, value_name = "NUMBER", value_parser = e164)]
        caller: Option<E164>,
    },
    /// Delete everything that the table holds about a phone number
    #[command(long_about = "\
Delete everything that the table holds about a phone number: requests, counters, copies of the directory, conversations. The command finds \
them by the number and by its hash.

The command scans the whole table. It lists what it deletes, with masked numbers. It also lists what it cannot reach: the providers' logs, \
CloudWatch, backups. It keeps and names business data (an account and its lock, the state record of a company number) and unknown items.")]
    #[command(after_help = "\
Examples:
  operator --stack switchboard erase --number +4512345678 --dry-run
  operator --stack switchboard erase --number +4512345678 --yes")]
    Erase {
        /// The number, in E.164
        #[arg(long, value_name = "NUMBER", value_parser = e164)]
        number: E164,
        /// Delete without asking
        #[arg(long)]
        yes: bool,
    },
    /// List the numbers, their owners and their cost
    #[command(long_about = "\
List the numbers, their owners and their monthly cost, and the numbers without an owner.

The command reads Twilio (numbers, prices), Okta (owners, if the stack has a company phone) and the state records in the table. It changes nothing.")]
    #[command(after_help = "\
Example:
  operator --stack switchboard numbers")]
    Numbers,
    /// Show what became of the texts, by provider, country and sender
    #[command(long_about = "\
Show what became of the texts, by provider, country and sender: sent, delivered, failed by reason, time to delivery, used codes. One table is \
for this hour and the one before, one for the last day.

With --phone, show what became of the newest code of a number, masked, and which providers its next code avoids.

The command reads the items `score#...`, or `road#...` and `sent#code#...`, of the table. It changes nothing.")]
    #[command(after_help = "\
Examples:
  operator --stack switchboard deliveries
  operator --stack switchboard --json deliveries
  operator --stack switchboard deliveries --phone +4512345678")]
    Deliveries {
        /// Only the newest code of this number, in E.164
        #[arg(long, value_name = "NUMBER", value_parser = e164)]
        phone: Option<E164>,
    },
    Logs(LogsArgs),
    Trace(TraceArgs),
    /// Show the texts that people get, and store texts of your own
    #[command(subcommand)]
    Words(Words),
}

impl Cli {
    /// Reads the command line. Wrong usage ends the program.
    pub(crate) fn read() -> Self {
        Self::try_parse().unwrap_or_else(|mut error| {
            if let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) {
                let usage = ContextValue::StyledStr(usage_of(&usage.to_string()));
                error.insert(ContextKind::Usage, usage);
            }
            error.exit()
        })
    }

    /// The file of `--outputs`.
    pub(crate) fn read_outputs(&self) -> Result<Option<String>, Problem> {
        let Some(path) = &self.outputs else {
            return Ok(None);
        };
        let read = if path.as_os_str() == "-" {
            std::io::read_to_string(std::io::stdin())
        } else {
            std::fs::read_to_string(path)
        };
        read.map(Some)
            .map_err(|error| Problem::Usage(format!("--outputs {}: {error}", path.display())))
    }
}

/// The usage of the command that a usage of clap is about. Clap's has the options of this run, also
/// those of the environment, as if they were required.
fn usage_of(told: &str) -> clap::builder::StyledStr {
    let mut line = Cli::command();
    line.build();
    let mut words = told.split_whitespace().skip(2); // Usage: operator
    let command = words.try_fold(&line, |command, word| {
        command.find_subcommand(word).ok_or(command)
    });
    let (Ok(command) | Err(command)) = command;
    command.clone().render_usage()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_reads_and_gives_an_example() {
        let command = Cli::command();
        for command in command
            .get_subcommands()
            .filter(|command| !command.has_subcommands())
        {
            let after = command.get_after_help().unwrap_or_default().to_string();
            assert!(after.contains("Example"), "{}", command.get_name());
            assert!(command.get_long_about().is_some(), "{}", command.get_name());
        }
    }
}
