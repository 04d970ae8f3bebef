//! What a person may ask the doctor.

use std::time::Duration;

use clap::Args;
use shared::rules::phone::E164;

use crate::cli::e164;

/// Check everything that can be checked from outside, and name what to do
#[derive(Args, Default)]
#[command(long_about = "\
Check everything that can be checked from outside, and name what to do.

The command invokes each function with a probe: the function says which settings are wrong, and whether it reaches its secrets, the table and \
its providers. The command reads secrets (their keys, and whether providers accept them), the table (TTL), webhooks and methods, Mailgun's \
signing key, routes and MX records, Auth0's grants and attack protection, Okta's scopes and hooks, Twilio's geo permissions and \
registrations, AWS End User Messaging by a dry run, and the clock. It changes nothing and sends nothing.

What the stack has and the command does not try is listed as unchecked, with the way to try it. The last line is the verdict.")]
#[command(after_help = "\
Severities:
  fault      it does not work
  risk       it works but should not stay so, or the provider did not answer or rejected the key
  unchecked  it was not tried: a credential (such as MAILGUN_API_KEY) or scope was not given, a check before it was not fine, or
             trying it would send or buy something
Faults and risks give exit code 1.

Examples:
  operator --stack switchboard doctor
  MAILGUN_API_KEY=... operator --stack switchboard doctor     with the Mailgun route and MX records
  operator --stack switchboard doctor --watch                 again and again, until nothing is left to do
  operator --stack switchboard doctor --phone +4512345678     with a dry run of AWS to this phone")]
pub(crate) struct DoctorArgs {
    /// A phone for the dry run of AWS End User Messaging, which sends nothing to it; else a number of the stack
    #[arg(long, value_name = "NUMBER", value_parser = e164)]
    pub(super) phone: Option<E164>,
    /// Check again after this many seconds, show what is new and what is mended, and end when nothing is left to do
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "15",
        value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    watch: Option<u64>,
}

impl DoctorArgs {
    /// The time between two examinations. `None`: one is enough.
    pub(crate) fn pause(&self) -> Option<Duration> {
        self.watch.map(Duration::from_secs)
    }
}
