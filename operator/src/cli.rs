//! The command line: names, defaults, and the help that explains them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use shared::rules::phone::E164;
use words::Language;

use crate::connect::{Extras, Target};
use crate::context::Urls;
use crate::deploy::DeployArgs;
use crate::doctor::DoctorArgs;
use crate::logs::LogsArgs;
use crate::problem::Problem;
use crate::trace::TraceArgs;

const EXAMPLES: &str = "\
From a section of samconfig.toml to a checked stack:
  operator deploy

Its last steps, each alone:
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

/// Connects a deployed Switchboard stack with its providers, checks it, and manages its secrets and data.
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

/// Register the stack's URLs with the providers
#[derive(Args)]
#[command(long_about = "\
Register the stack's URLs with the providers. The command changes only what is different. A second run changes nothing and says so.

twilio   reads numbers and the messaging service. It sets webhook URLs and methods of TwilioNumber or TwilioMessagingService, of numbers \
named `switchboard:...`, of --company-number and of --menu-number.
mailgun  reads routes. It creates or updates the route for the proxy e-mail addresses, with stop(), before any route that would stop the mail.
auth0    reads Actions and the phone provider. It creates or updates, builds and deploys the Action with its secrets, and makes it the phone \
provider. With --legacy-gateway, or if the secret gateway has only a jwt_secret, it sets the gateway of a passwordless connection instead.
okta     reads event hooks. It creates or updates the hook for provision-numbers and lets Okta verify it.
okta-telephony reads inline hooks. It creates or updates the telephony hook for sms-gateway and activates it. From then on Okta's codes go \
through the gateway.
cognito  reads the user pools of CognitoPools. It sets the gateway as their custom SMS sender, and its key. It sends all other settings of \
a pool back as they are. From then on the pool's codes go through the gateway.
clickatell, vonage   change nothing. The command says what to enter by hand for delivery receipts. With clickatell it shows the callback URL, \
which contains a secret token.")]
#[command(after_help = "\
The command also requires credentials that the stack's secrets do not have:
  mailgun  MAILGUN_API_KEY, or it asks
  auth0    AUTH0_MANAGEMENT_TOKEN, or an application with the scopes that operator/README.md lists
  okta     OKTA_API_TOKEN of a super admin, or a service app with the event hook scopes and that role
  okta-telephony OKTA_API_TOKEN of a super admin, or a service app with the inline hook scopes; OKTA_URL, if the stack has no OktaUrl
  cognito  the rights cognito-idp:DescribeUserPool and UpdateUserPool on the pools, and kms:CreateGrant on the key

Examples:
  operator --stack switchboard connect --dry-run
  operator --stack switchboard connect twilio mailgun
  operator --stack switchboard connect twilio --company-number +14155550101 --menu-number +14155550199
  operator --stack switchboard connect auth0 --legacy-gateway sms")]
pub(crate) struct ConnectArgs {
    /// The providers; without a name, all that the stack uses
    #[arg(value_enum, value_name = "PROVIDER")]
    pub(crate) targets: Vec<Target>,
    /// A company number that was bought by hand; may be repeated
    #[arg(long, value_name = "NUMBER", value_parser = e164)]
    company_number: Vec<E164>,
    /// The number of the phone menu
    #[arg(long, value_name = "NUMBER", value_parser = e164)]
    menu_number: Option<E164>,
    /// Name or id of the passwordless connection that will use this gateway (tenants created before March 2025)
    #[arg(long, value_name = "CONNECTION")]
    legacy_gateway: Option<String>,
    /// Replace another phone provider, another custom SMS sender, or an Action that this CLI did not write
    #[arg(long)]
    replace_provider: bool,
}

impl ConnectArgs {
    pub(crate) fn extras(&self) -> Extras {
        Extras {
            company_numbers: self
                .company_number
                .iter()
                .map(|number| number.reveal().to_owned())
                .collect(),
            menu_number: self
                .menu_number
                .as_ref()
                .map(|number| number.reveal().to_owned()),
            legacy_gateway: self.legacy_gateway.clone(),
            named: !self.targets.is_empty(),
            replace_provider: self.replace_provider,
        }
    }
}

#[derive(Subcommand)]
pub(crate) enum Words {
    /// List all texts as people get them, with usual values, their segments, and which are your own
    #[command(after_help = "\
Examples:
  operator --stack switchboard words list
  operator --stack switchboard words list da")]
    List {
        /// Only this language; else all languages of the stack
        #[arg(value_name = "LANGUAGE", value_parser = language)]
        language: Option<Language>,
    },
    /// Check a file of texts and store it in the table, in place of earlier texts of this language
    #[command(long_about = "\
Check a file of texts and store it in the table, in place of earlier texts of this language.

The file has the form of the files in the folder `words` (Project Fluent), with only the texts that you replace. The command checks each name, \
its variables and its syntax before it writes anything. The functions read the table if the parameter Words is `table`.")]
    #[command(after_help = "\
Example:
  operator --stack switchboard words set da my-danish.ftl")]
    Set {
        /// Tag of the language
        #[arg(value_name = "LANGUAGE", value_parser = language)]
        language: Language,
        /// File with texts
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Remove the texts of your own in this language from the table
    #[command(after_help = "\
Example:
  operator --stack switchboard words clear da")]
    Clear {
        /// Tag of the language
        #[arg(value_name = "LANGUAGE", value_parser = language)]
        language: Language,
    },
}

#[derive(Subcommand)]
pub(crate) enum Secrets {
    /// Set keys of a secret: from a prompt without echo, the environment or standard input
    #[command(long_about = "\
Set keys of a secret.

The command asks for each key without echo. With --from-env, it reads variables named like TWILIO_AUTH_TOKEN. If standard input is no \
terminal, it reads a JSON object from there (with --generate or --remove only if you also add --stdin). Keys that you do not give stay as \
they are. The command checks the form of each value before it writes anything. It never shows a value.

`twilio` also fills `twilio-send`, the secret of functions that only call Twilio: with the API key or, without one, with the Auth Token.

The command uses only Secrets Manager (GetSecretValue, PutSecretValue). `doctor` then tries the values at the providers.")]
    #[command(after_help = "\
Examples:
  operator --stack switchboard secrets set twilio
  operator --stack switchboard secrets set gateway --generate bearer_token
  operator --stack switchboard secrets set mailgun --rotate             keeps the old signing_key as previous_signing_key
  operator --stack switchboard secrets set okta < okta.json
  VONAGE_API_KEY=... VONAGE_API_SECRET=... operator --stack switchboard secrets set vonage --from-env")]
    Set {
        #[arg(value_name = "SECRET", value_parser = secret, help = one_of(&secrets()))]
        name: String,
        /// Read environment variables, `SECRET_KEY` in capitals
        #[arg(long)]
        from_env: bool,
        /// Also read a JSON object from standard input, with --generate or --remove
        #[arg(long, conflicts_with = "from_env")]
        stdin: bool,
        /// Give this key (`bearer_token`, `jwt_secret`, `recipient_key`) a random value; if it has a value, add --rotate or --replace; may be repeated
        #[arg(long, value_name = "KEY")]
        generate: Vec<String>,
        /// Remove this key; may be repeated
        #[arg(long, value_name = "KEY")]
        remove: Vec<String>,
        /// Keep replaced values as previous_...; the functions accept both
        #[arg(long)]
        rotate: bool,
        /// Discard the stored keys and begin with an empty secret
        #[arg(long)]
        replace: bool,
    },
    /// List the secrets, their keys and the keys that they lack; never a value
    List,
}

pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("is not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn language(text: &str) -> Result<Language, String> {
    text.parse().map_err(|_| {
        let tags: Vec<&str> = Language::all().map(Language::tag).collect();
        format!("is not one of {}", tags.join(", "))
    })
}

pub(crate) fn e164(text: &str) -> Result<E164, String> {
    text.parse().map_err(|_| {
        "is not a possible number with its country code, such as +4512345678".to_owned()
    })
}

fn account(text: &str) -> Result<String, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| text.to_owned())
        .ok_or_else(|| "an account number has digits only".to_owned())
}

/// The secrets that a person sets.
fn secrets() -> Vec<&'static str> {
    let names = crate::secrets::SECRETS.iter().map(|spec| spec.name);
    names
        .filter(|name| *name != crate::secrets::SENDS)
        .collect()
}

/// `a, b or c`.
fn one_of(names: &[&str]) -> String {
    match names {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => names.concat(),
    }
}

fn secret(text: &str) -> Result<String, String> {
    let names = secrets();
    names
        .contains(&text)
        .then(|| text.to_owned())
        .ok_or_else(|| format!("is none of {}", names.join(", ")))
}

/// How a person calls the programs for a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Programs {
    /// `operator --stack switchboard`.
    pub(crate) operator: String,
    /// What follows a command of `aws` or `sam`: ` --profile acme`.
    pub(crate) aws_options: String,
}

/// A value as one word of a shell.
fn quoted(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/:=,+@".contains(&byte);
    if !value.is_empty() && value.bytes().all(is_plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', "'\\''"))
    }
}

impl Cli {
    /// How a person calls this program, and those of AWS, for the same stack.
    pub(crate) fn programs(&self, is_cargo: bool) -> Programs {
        let outputs = self.outputs.as_ref().map(|path| path.display().to_string());
        let stack = self.stack.as_deref().filter(|_| outputs.is_none());
        let mut words = vec![
            if is_cargo {
                "cargo operator"
            } else {
                "operator"
            }
            .to_owned(),
        ];
        for (option, value) in [
            ("--stack", stack),
            ("--outputs", outputs.as_deref()),
            ("--profile", self.profile.as_deref()),
            ("--region", self.region.as_deref()),
        ] {
            words.extend(value.map(|value| format!("{option} {}", quoted(value))));
        }
        words.extend(
            self.parameter
                .iter()
                .map(|(name, value)| format!("--parameter {}", quoted(&format!("{name}={value}")))),
        );
        let login = [("profile", &self.profile), ("region", &self.region)];
        let login = login.map(|(option, value)| {
            let value = value.as_deref().map(quoted);
            value.map_or_else(String::new, |value| format!(" --{option} {value}"))
        });
        Programs {
            operator: words.join(" "),
            aws_options: login.concat(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_printed_command_is_for_the_same_stack() {
        for (arguments, operator, aws) in [
            (vec!["--stack", "a b"], "operator --stack 'a b'", ""),
            (
                vec![
                    "--outputs",
                    "s.json",
                    "--region",
                    "eu-west-1",
                    "--parameter",
                    "A=it's",
                ],
                r"operator --outputs s.json --region eu-west-1 --parameter 'A=it'\''s'",
                " --region eu-west-1",
            ),
        ] {
            let words = [vec!["operator"], arguments, vec!["doctor"]].concat();
            let programs = Cli::parse_from(words).programs(false);
            assert_eq!(
                (&*programs.operator, &*programs.aws_options),
                (operator, aws)
            );
        }
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
