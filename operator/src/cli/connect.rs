//! The command line of `connect`.

use clap::Args;
use shared::rules::phone::E164;

use super::values::e164;
use crate::connect::{Extras, Target};

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
