//! The command line: names, defaults, and the help that explains them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use shared::phone::E164;

use crate::connect::{Extras, Target};
use crate::context::Urls;
use crate::problem::Problem;

const EXAMPLES: &str = "\
The three commands after `sam deploy`:
  operator --stack switchboard secrets set twilio     (and mailgun, gateway, okta ... as far as deployed)
  operator --stack switchboard connect
  operator --stack switchboard doctor

Without CloudFormation's right to describe stacks:
  aws cloudformation describe-stacks --stack-name switchboard > stack.json
  operator --outputs stack.json doctor

In a pipeline:
  MAILGUN_API_KEY=... operator --stack switchboard --json connect --dry-run
  operator --stack switchboard --json doctor | jq '.findings[] | select(.severity == \"fault\")'

Exit codes: 0 all is well, 1 something is left to do, 2 wrong usage, 3 AWS could not be reached or refused.";

/// Connects a deployed Switchboard stack with its providers, checks it, and looks after its secrets and data.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES, max_term_width = 110, propagate_version = true, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Name of the CloudFormation stack; its outputs and parameters say what is deployed
    #[arg(long, env = "SWITCHBOARD_STACK", value_name = "NAME", global = true)]
    pub(crate) stack: Option<String>,
    /// Instead of asking CloudFormation: a file with the output of `aws cloudformation describe-stacks`, or of `sam list
    /// stack-outputs --output json`, or an object of names and values; `-` for standard input
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) outputs: Option<PathBuf>,
    /// A value in place of, or missing from, the stack's outputs and parameters; may be repeated
    #[arg(long, value_name = "NAME=VALUE", global = true, value_parser = pair)]
    pub(crate) parameter: Vec<(String, String)>,
    /// Profile of ~/.aws/config, as for the AWS CLI
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) profile: Option<String>,
    /// AWS region, as for the AWS CLI
    #[arg(long, value_name = "REGION", global = true)]
    pub(crate) region: Option<String>,
    /// One JSON document on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say what would be changed, and change nothing
    #[arg(long, global = true)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) urls: Urls,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Connect(ConnectArgs),
    /// Check everything that can be checked from outside, and say what to do about what is wrong
    #[command(long_about = "\
Check everything that can be checked from outside, and say what to do about what is wrong.

Reads secrets (their keys, and whether providers accept them), the table (TTL), webhooks and methods, Mailgun's routes and MX records, \
Auth0's grants and attack protection, Okta's scopes and event hook, Twilio's geo permissions and registrations, the clock. Changes nothing \
and sends nothing.")]
    #[command(after_help = "\
Severities: `fault` does not work; `risk` works but should not stay so, or the provider did not answer or refused the key; \
`unchecked` was not asked for, as its credential (MAILGUN_API_KEY) or scope was not given.
Faults and risks give exit code 1.

Examples:
  operator --stack switchboard doctor
  MAILGUN_API_KEY=... operator --stack switchboard doctor     with the Mailgun route and MX records")]
    Doctor,
    /// Read and write the stack's secrets
    #[command(subcommand)]
    Secrets(Secrets),
    /// Who has been texted and has not replied yet
    #[command(long_about = "\
Who has been texted and has not replied yet: masked numbers, kind and age of each open request.

Reads items `pending#...` of the table. Links and codes are not shown. Changes nothing.")]
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
Let a caller of the phone menu try again: deletes the counts of wrong PINs of an account, `lock#<account>` in the table, and with --caller \
what that caller has tried in this hour with any account, `rate#pin#...`. A caller who guessed at several accounts waits up to an hour otherwise.

Auth0's own block of the user, if it has come to that, is lifted in Auth0: User Management, the user, Unblock.")]
    #[command(after_help = "\
Examples:
  operator --stack switchboard unlock --account 10042
  operator --stack switchboard unlock --account 10042 --caller +4512345678")]
    Unlock {
        /// Account number, digits only
        #[arg(long, value_name = "NUMBER", value_parser = account)]
        account: String,
        /// The caller's number in E.164, whose count of the hour is to go as well
        #[arg(long, value_name = "NUMBER", value_parser = e164)]
        caller: Option<E164>,
    },
    /// Delete all that the table holds about a phone number
    #[command(long_about = "\
Delete all that the table holds about a phone number: requests, counters, copies of the directory, conversations, under the number itself \
and under its hash.

Scans the whole table. Says what it deletes, masked, and what it cannot reach: the providers' own logs, CloudWatch, backups. What is \
business data (an account and its lock, a company number's ledger) or unknown is named and kept.")]
    #[command(after_help = "\
Examples:
  operator --stack switchboard erase --number +4512345678 --dry-run
  operator --stack switchboard erase --number +4512345678 --yes")]
    Erase {
        /// The number, in E.164
        #[arg(long, value_name = "NUMBER", value_parser = e164)]
        number: E164,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Which numbers there are, who has them, what they cost
    #[command(long_about = "\
Which numbers there are, who has them, what they cost a month; and those that nobody has.

Reads Twilio (numbers, prices), Okta (who has which, if the stack has a company phone) and the table's ledger. Changes nothing.")]
    #[command(after_help = "\
Example:
  operator --stack switchboard numbers")]
    Numbers,
}

/// Register the stack's URLs with the providers
#[derive(Args)]
#[command(long_about = "\
Register the stack's URLs with the providers. What is right already is left alone; a second run changes nothing and says so.

twilio   reads numbers and the messaging service; sets webhook URLs and methods of TwilioNumber, or of TwilioMessagingService, of numbers \
named `switchboard:...`, of --company-number and --menu-number
mailgun  reads routes; creates or updates the one for the pseudo addresses, with stop(), before any route that would stop the mail earlier
auth0    reads Actions and the phone provider; creates or updates, builds and deploys the Action with its secrets, and makes it the phone \
provider; with --legacy-gateway, or if the secret gateway has a jwt_secret only, it sets the gateway of a passwordless connection instead
okta     reads event hooks; creates or updates and verifies the one for provision-numbers")]
#[command(after_help = "\
Needs besides the stack's secrets: MAILGUN_API_KEY (or it is asked for); for auth0 an application with the scopes that operator/README.md \
lists, or AUTH0_MANAGEMENT_TOKEN; for okta the event hook scopes, or OKTA_API_TOKEN.

Examples:
  operator --stack switchboard connect --dry-run
  operator --stack switchboard connect twilio mailgun
  operator --stack switchboard connect twilio --company-number +14155550101 --menu-number +14155550199
  operator --stack switchboard connect auth0 --legacy-gateway sms")]
pub(crate) struct ConnectArgs {
    /// Which providers; all that the stack has something for, if none is named
    #[arg(value_enum, value_name = "PROVIDER")]
    pub(crate) targets: Vec<Target>,
    /// A company number that was bought by hand; may be repeated
    #[arg(long, value_name = "NUMBER", value_parser = e164)]
    company_number: Vec<E164>,
    /// The number of the phone menu
    #[arg(long, value_name = "NUMBER", value_parser = e164)]
    menu_number: Option<E164>,
    /// Name or id of the passwordless connection whose gateway this is to be (tenants made before March 2025)
    #[arg(long, value_name = "CONNECTION")]
    legacy_gateway: Option<String>,
    /// Let the Action take the place of another phone provider, or of an Action that this program did not write
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
pub(crate) enum Secrets {
    /// Set keys of a secret: asked for without echo, or from the environment, or from standard input
    #[command(long_about = "\
Set keys of a secret: asked for without echo; with --from-env from variables named like TWILIO_AUTH_TOKEN; or, where standard input is no \
terminal, from a JSON object (with --generate or --remove only if --stdin is given, too). Keys not given stay as they are. Values are checked by their look before anything is written, and never shown.

`twilio` also fills `twilio-send`, what functions have that only call Twilio: the API key or, where there is none, the Auth Token.

Reads and writes Secrets Manager (GetSecretValue, PutSecretValue) and nothing else; `doctor` then tries the values at the providers.")]
    #[command(after_help = "\
Examples:
  operator --stack switchboard secrets set twilio
  operator --stack switchboard secrets set gateway --generate bearer_token
  operator --stack switchboard secrets set mailgun --rotate             the old signing_key stays as previous_signing_key
  operator --stack switchboard secrets set okta < okta.json
  VONAGE_API_KEY=... VONAGE_API_SECRET=... operator --stack switchboard secrets set vonage --from-env")]
    Set {
        /// twilio, mailgun, recipient, auth0, gateway, okta, hook, ivr, studio, clickatell, plivo or vonage
        #[arg(value_name = "SECRET", value_parser = secret)]
        name: String,
        /// From environment variables, `SECRET_KEY` in capitals
        #[arg(long)]
        from_env: bool,
        /// Read a JSON object from standard input besides what --generate and --remove say
        #[arg(long, conflicts_with = "from_env")]
        stdin: bool,
        /// Give this key (`bearer_token`, `jwt_secret`, `recipient_key`) a random value; if it has one, with --rotate or --replace; may be repeated
        #[arg(long, value_name = "KEY")]
        generate: Vec<String>,
        /// Take this key away; may be repeated
        #[arg(long, value_name = "KEY")]
        remove: Vec<String>,
        /// Keep values that are replaced as previous_..., which the functions accept meanwhile
        #[arg(long)]
        rotate: bool,
        /// Begin with an empty secret, whatever is stored
        #[arg(long)]
        replace: bool,
    },
    /// Which secrets there are, which keys they have, what they lack; never a value
    List,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("is not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn e164(text: &str) -> Result<E164, String> {
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

fn secret(text: &str) -> Result<String, String> {
    let names: Vec<&str> = crate::secrets::SECRETS
        .iter()
        .map(|spec| spec.name)
        .filter(|name| *name != crate::secrets::SENDS)
        .collect();
    names
        .contains(&text)
        .then(|| text.to_owned())
        .ok_or_else(|| format!("is none of {}", names.join(", ")))
}

impl Cli {
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
