//! The local cloud: every service that the functions call, on 127.0.0.1, in one process.
//!
//! A [`Sandbox`] has AWS (`DynamoDB`, Secrets Manager, KMS, Lambda, `CloudFormation`, S3) and simulators of the providers.
//! Each simulator has its own state. The sandbox runs the real binaries with exactly the
//! environment that `template.yaml` declares.
//!
//! Simulators are strict. They refuse every request that the real provider refuses. They note a
//! complaint about every request that our functions must not send. A sandbox with unread complaints
//! fails the test when it is dropped. A complaint changes no answer: other clients get the real
//! provider's answer. The answer to a request that is not simulated says so in the provider's form.
//!
//! The sandbox shares no code with the functions, so a misunderstanding of a provider cannot be on
//! both sides.

pub mod accounts;
mod asked;
pub mod auth0;
pub mod aws;
pub mod binaries;
pub mod calls;
pub mod clickatell;
pub mod cloudformation;
pub mod cognito;
pub mod contention;
mod door;
pub mod end_user_messaging;
mod environment;
pub mod expression;
pub mod lambda;
pub mod mail;
pub mod mailgun;
mod moment;
pub mod okta;
pub mod own_settings;
pub mod page;
pub mod plivo;
mod ports;
pub mod providers;
mod random;
pub mod receipts;
pub mod record;
pub mod report;
pub mod rights;
pub mod scene;
pub mod segments;
pub mod sms;
pub mod sms_webhook;
mod start;
pub mod supabase;
pub mod template;
mod trace;
pub mod twilio;
pub mod twiml;
pub mod vonage;
pub mod wire;

pub use ports::Ports;

use std::{collections::BTreeMap, ops::Deref, path::Path, time::Duration};

use serde_json::Value;

use crate::{
    accounts::Account,
    auth0::Auth0,
    aws::{Aws, S3},
    cloudformation::CloudFormation,
    cognito::Cognito,
    door::Door,
    lambda::{InvokeError, Lambda, Launch},
    mailgun::Mailgun,
    okta::Okta,
    providers::Providers,
    template::{Function, Template},
    twilio::Twilio,
    wire::{Server, Tap},
};

/// The AWS region of the sandbox.
const REGION: &str = "eu-west-1";

/// The secret key of the functions' roles.
const SECRET_ACCESS_KEY: &str = "sandbox-secret-access-key";

/// A company number. Its calls and texts go to `call-forward` and `sms-forward`.
pub const COMPANY_NUMBER: &str = "+15005550010";
/// The mobile of the employee with [`COMPANY_NUMBER`], in the recorded events and for
/// `cargo sandbox`.
pub const EMPLOYEE_MOBILE: &str = "+4520304050";
/// The `Authorization` header of Okta's event hook.
pub const HOOK_TOKEN: &str = "example-hook-bearer-token";
/// The `Authorization` header of Okta's telephony inline hook.
pub const OKTA_HOOK_TOKEN: &str = "example-okta-hook-bearer-token";
/// The name of the secret that holds [`OKTA_HOOK_TOKEN`]. `OKTA_HOOK_SECRET` names it where a test
/// or a recorded request is about this entrance.
pub const OKTA_HOOK_SECRET: &str = "switchboard/okta-hook";
/// The number of the phone menu. Its calls go to `ivr-validate`.
pub const IVR_NUMBER: &str = "+15005550020";
/// The token that another IVR sends to `/validate`.
pub const IVR_TOKEN: &str = "example-ivr-bearer-token";
/// The token that a generic caller sends to `sms-gateway`.
pub const GENERIC_TOKEN: &str = "example-generic-bearer-token";
/// The name of the secret that holds [`GENERIC_TOKEN`] and [`GENERIC_HMAC_SECRET`].
/// `GENERIC_SECRET` names it where a test or a recorded request is about this entrance.
pub const GENERIC_SECRET: &str = "switchboard/generic";
/// The name of the secret that holds [`supabase::SECRET`], for `WEBHOOK_SECRET` in the same way.
pub const WEBHOOK_SECRET: &str = "switchboard/webhook";
/// The key with which a generic caller signs.
pub const GENERIC_HMAC_SECRET: &str = "example-generic-hmac-secret";
/// The token that a Studio flow sends to `api-call`, if its author set one.
pub const STUDIO_TOKEN: &str = "example-studio-bearer-token";

/// The key with which the application makes the tags of proxy e-mail addresses. Tags are optional:
/// `RECIPIENT_KEY_SECRET` is set only by a test.
pub const RECIPIENT_KEY: &str = "example-recipient-key";
/// The name of the secret that holds [`RECIPIENT_KEY`].
pub const RECIPIENT_SECRET: &str = "switchboard/recipient";

/// The local cloud. Dropping it stops everything except a [`Lambda`], which stops when it is
/// dropped itself.
pub struct Sandbox {
    /// `DynamoDB`, Secrets Manager and KMS.
    pub aws: Aws,
    /// Simulator of Cognito, whose user pool has its texts sent by a function.
    pub cognito: Cognito,
    /// `CloudFormation` with the stack [`cloudformation::STACK_NAME`], which lists the deployed resources.
    pub cloudformation: CloudFormation,
    /// S3, where `sam deploy` puts its packages.
    pub s3: S3,
    /// Simulator of Twilio, a texting provider.
    pub twilio: Twilio,
    /// Simulator of Mailgun, the provider that receives mail.
    pub mailgun: Mailgun,
    /// Simulator of Auth0, the identity provider.
    pub auth0: Auth0,
    /// Simulator of Okta, the directory of employees.
    pub okta: Okta,
    providers: Providers,
    template: Template,
    doors: BTreeMap<String, Door>,
    invoke_api: Server,
    tap: Tap,
    /// Of the functions for recorded events, which have the names of those that the page shows.
    recorded: Tap,
}

impl Sandbox {
    /// The template of the deployment, in the order of `template.yaml`.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// Sets another timeout than the template's, for functions that start later. A test of a
    /// timeout then takes less time.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.template
            .functions
            .iter_mut()
            .for_each(|function| function.timeout = timeout);
    }

    /// The server where `cargo lambda invoke -A 127.0.0.1 -P <port>` finds the functions.
    pub fn invoke_api(&self) -> &Server {
        &self.invoke_api
    }

    /// The server of a function's Function URL. It exists before the function runs and answers 502
    /// until then.
    pub fn door(&self, function: &str) -> &Server {
        self.doors
            .get(function)
            .unwrap_or_else(|| panic!("template.yaml has no {function}"))
            .server()
    }

    fn declared(&self, function: &str) -> &Function {
        self.template
            .function(function)
            .unwrap_or_else(|| panic!("template.yaml has no {function}"))
    }

    /// Starts a function of the template from this binary, in one process.
    pub async fn run(&self, function: &str, binary: &Path) -> Lambda {
        self.run_with(function, binary, 1, &[]).await
    }

    /// Starts a function in several processes, with some variables set (`Some`) or removed
    /// (`None`). Its Function URL and the Invoke API now lead to it, and no longer to a function
    /// that was started before.
    pub async fn run_with(
        &self,
        function: &str,
        binary: &Path,
        instances: usize,
        overrides: &[(&str, Option<&str>)],
    ) -> Lambda {
        let lambda = self
            .launch(function, binary, instances, overrides, self.tap.clone())
            .await;
        if let Some(door) = self.doors.get(function) {
            door.attach(lambda.core());
        }
        lambda
    }

    /// Starts a function for the events of [`record`]. These events are old and signed for another
    /// URL. The Invoke API now leads to this function; the Function URL does not.
    /// The overrides hold except where the events need their own.
    pub async fn run_recorded(
        &self,
        function: &str,
        binary: &Path,
        overrides: &[(&str, Option<&str>)],
    ) -> Lambda {
        let settings = [overrides, &record::settings(self.declared(function))].concat();
        let lambda = self
            .launch(function, binary, 1, &settings, self.recorded.clone())
            .await;
        if let Some(door) = self.doors.get(function) {
            door.attach_to_invoke_api(lambda.core());
        }
        lambda
    }

    /// Invokes the function behind the Function URL with this event, as a schedule does.
    pub async fn invoke(&self, function: &str, event: Value) -> Result<Value, InvokeError> {
        let door = self.doors.get(function);
        let door = door.unwrap_or_else(|| panic!("template.yaml has no {function}"));
        let answer = door.invoke(event.to_string().into()).await?;
        serde_json::from_slice(&answer).map_err(|error| InvokeError::NotJson(error.to_string()))
    }

    async fn launch(
        &self,
        function: &str,
        binary: &Path,
        instances: usize,
        overrides: &[(&str, Option<&str>)],
        tap: Tap,
    ) -> Lambda {
        let mut environment = self.env_for(function);
        for (name, value) in overrides {
            environment.remove(*name);
            environment.extend(value.map(|value| ((*name).to_owned(), value.to_owned())));
        }
        let launch = Launch {
            name: function,
            timeout: self.declared(function).timeout,
            binary,
            instances,
            environment,
            tap,
            logs: self.aws.logs().clone(),
        };
        Lambda::start(launch, format!("{}/", self.door(function).url()))
            .await
            .unwrap_or_else(|error| panic!("{function}: {error}"))
    }

    /// All servers with their names: the functions, the texting providers, and the others.
    pub fn servers(&self) -> Vec<(&str, &Server)> {
        let all = self.servers_by_kind().into_iter();
        all.map(|(_, name, server)| (name, server)).collect()
    }

    /// All servers, with what they are: a function, a provider, an identity provider, a service of
    /// AWS, or the edge that invokes functions.
    pub(crate) fn servers_by_kind(&self) -> Vec<(&'static str, &str, &Server)> {
        let functions = self.template.functions.iter();
        let doors = functions.map(|function| {
            let name = function.name.as_str();
            ("function", name, self.door(name))
        });
        let providers = self.providers.providers().into_iter();
        let providers = providers.map(|provider| ("provider", provider.name, provider.server));
        doors
            .chain(providers)
            .chain([
                ("provider", "Twilio", self.twilio.server()),
                ("provider", "Mailgun", self.mailgun.server()),
                ("identity", "Auth0", self.auth0.server()),
                ("identity", "Okta", self.okta.server()),
                ("identity", "Cognito", self.cognito.server()),
                ("aws", "DynamoDB", self.aws.dynamodb()),
                ("aws", "Secrets Manager", self.aws.secrets()),
                ("aws", "KMS", self.aws.kms()),
                ("aws", "CloudWatch Logs", self.aws.log_server()),
                ("aws", "CloudFormation", self.cloudformation.server()),
                ("aws", "S3", self.s3.server()),
                ("edge", "Invoke API", &self.invoke_api),
            ])
            .collect()
    }

    /// The complaints of all simulators. Reading removes them.
    pub fn complaints(&self) -> Vec<String> {
        let servers = self.servers().into_iter();
        servers
            .flat_map(|(_, server)| server.complaints())
            .collect()
    }

    /// Waits until all providers have posted their receipts, except the late ones.
    pub async fn receipts_posted(&self) {
        for receipts in self.receipts() {
            receipts.posted().await;
        }
    }

    /// The receipts of all providers, Twilio's first.
    pub fn receipts(&self) -> Vec<receipts::Receipts> {
        let others = self.providers.providers().into_iter();
        let others = others.map(|provider| provider.receipts);
        [self.twilio.receipts().clone()]
            .into_iter()
            .chain(others)
            .collect()
    }

    /// Writes accounts into the table, in the form that `secure-api` reads.
    pub async fn load(&self, accounts: &[Account]) {
        for item in accounts.iter().flat_map(Account::items) {
            self.aws.put(item).await;
        }
    }

    /// Ends the sandbox. Panics if a complaint is unread, as a drop does.
    pub fn finish(self) {}
}

/// A test writes `sandbox.plivo`, whatever list Plivo's simulator is in.
impl Deref for Sandbox {
    type Target = Providers;

    fn deref(&self) -> &Providers {
        &self.providers
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let complaints = self.complaints();
        assert!(
            complaints.is_empty() || std::thread::panicking(),
            "the simulators complain: {complaints:#?}"
        );
    }
}

/// Time since the epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "the rule is for functions; the sandbox is the outside world"
)]
pub fn now() -> Duration {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
}
