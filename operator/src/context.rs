//! What every command needs.

use std::cell::OnceCell;

use secrecy::SecretString;
use shared::platform::base_url::BaseUrl;

use crate::aws::Aws;
use crate::calls::Calls;
use crate::cli::Programs;
use crate::problem::Problem;
use crate::report::Console;
use crate::secrets::{Spec, Stored, Vault};
use crate::stack::Stack;

/// The stack, the AWS clients, and the access to the providers.
pub(crate) struct Context {
    pub(crate) stack: Stack,
    pub(crate) aws: Aws,
    pub(crate) calls: Calls,
    pub(crate) console: Console,
    pub(crate) urls: Urls,
    pub(crate) own: OwnCredentials,
    pub(crate) dry_run: bool,
    /// How a person calls programs for this stack.
    pub(crate) programs: Programs,
}

/// Credentials that only this CLI uses, for actions that no function may take. Has no `Debug`.
pub(crate) struct OwnCredentials {
    /// From the environment, or typed in.
    pub(crate) mailgun_api_key: OnceCell<SecretString>,
    pub(crate) auth0_token: Option<SecretString>,
    pub(crate) okta_api_token: Option<SecretString>,
}

/// Where the providers' APIs are.
#[derive(Debug, Clone, clap::Args)]
#[expect(
    clippy::struct_field_names,
    reason = "the fields have the options' names"
)]
#[command(next_help_heading = "Addresses of the providers, for regions and trials")]
pub(crate) struct Urls {
    /// Twilio's REST API; else the stack's `TwilioUrl`
    #[arg(long, env = "TWILIO_URL", value_name = "URL", value_parser = url, global = true, hide_short_help = true)]
    pub(crate) twilio_url: Option<BaseUrl>,
    /// Twilio's messaging services
    #[arg(long, env, value_name = "URL", value_parser = url, global = true, hide = true, default_value = "https://messaging.twilio.com")]
    pub(crate) twilio_messaging_url: BaseUrl,
    /// Twilio's permissions for calls
    #[arg(long, env, value_name = "URL", value_parser = url, global = true, hide = true, default_value = "https://voice.twilio.com")]
    pub(crate) twilio_voice_url: BaseUrl,
    /// Twilio's permissions for texts
    #[arg(long, env, value_name = "URL", value_parser = url, global = true, hide = true, default_value = "https://accounts.twilio.com")]
    pub(crate) twilio_accounts_url: BaseUrl,
    /// Twilio's prices
    #[arg(long, env, value_name = "URL", value_parser = url, global = true, hide = true, default_value = "https://pricing.twilio.com")]
    pub(crate) twilio_pricing_url: BaseUrl,
    /// Twilio's host with the certificate that its other hosts get next
    #[arg(long, env, value_name = "URL", value_parser = url, global = true, hide = true, default_value = "https://tls-test.twilio.com")]
    pub(crate) twilio_tls_url: BaseUrl,
    /// Mailgun's API; `https://api.eu.mailgun.net` for domains in the EU
    #[arg(long, env, value_name = "URL", value_parser = url, global = true, hide_short_help = true, default_value = "https://api.mailgun.net")]
    pub(crate) mailgun_url: BaseUrl,
    /// The Auth0 tenant; else the stack's `Auth0Url`
    #[arg(long, env = "AUTH0_URL", value_name = "URL", value_parser = url, global = true, hide_short_help = true)]
    pub(crate) auth0_url: Option<BaseUrl>,
    /// The Okta org; else the stack's `OktaUrl`
    #[arg(long, env = "OKTA_URL", value_name = "URL", value_parser = url, global = true, hide_short_help = true)]
    pub(crate) okta_url: Option<BaseUrl>,
    /// Cognito's user pools; else AWS's in the region of the stack
    #[arg(long, env = "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", value_name = "URL", value_parser = url, global = true, hide = true)]
    pub(crate) cognito_url: Option<BaseUrl>,
    /// AWS End User Messaging; else AWS's in the region of the stack
    #[arg(long, env = "AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2", value_name = "URL", value_parser = url, global = true, hide = true)]
    pub(crate) aws_sms_url: Option<BaseUrl>,
    /// `CloudWatch Logs`; else AWS's in the region of the stack
    #[arg(long, env = "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", value_name = "URL", value_parser = url, global = true, hide = true)]
    pub(crate) logs_url: Option<BaseUrl>,
    /// Lambda; else AWS's in the region of the stack
    #[arg(long, env = "AWS_ENDPOINT_URL_LAMBDA", value_name = "URL", value_parser = url, global = true, hide = true)]
    pub(crate) lambda_url: Option<BaseUrl>,
}

impl Context {
    pub(crate) fn vault(&self) -> Vault<'_> {
        Vault {
            client: &self.aws.secrets,
            stack: &self.stack,
        }
    }

    /// A secret by its short name, with all its keys.
    pub(crate) async fn secret(&self, name: &str) -> Result<Stored, Problem> {
        self.vault().complete(Spec::of(name)).await
    }

    /// The URL of Twilio's REST API.
    pub(crate) fn twilio_url(&self) -> Result<BaseUrl, Problem> {
        match &self.urls.twilio_url {
            Some(url) => Ok(url.clone()),
            None => base(
                self.stack
                    .get("TwilioUrl")
                    .unwrap_or("https://api.twilio.com"),
                "TwilioUrl",
            ),
        }
    }

    /// The URL of the Auth0 tenant.
    pub(crate) fn auth0_url(&self) -> Result<BaseUrl, Problem> {
        self.urls
            .auth0_url
            .clone()
            .map_or_else(|| base(self.stack.required("Auth0Url")?, "Auth0Url"), Ok)
    }

    /// The URL of the Okta org.
    pub(crate) fn okta_url(&self) -> Result<BaseUrl, Problem> {
        self.urls
            .okta_url
            .clone()
            .map_or_else(|| base(self.stack.required("OktaUrl")?, "OktaUrl"), Ok)
    }
}

fn base(text: &str, name: &str) -> Result<BaseUrl, Problem> {
    text.parse()
        .map_err(|why| Problem::Usage(format!("{name} {why}")))
}

fn url(text: &str) -> Result<BaseUrl, String> {
    text.parse().map_err(str::to_owned)
}
