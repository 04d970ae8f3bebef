//! The local cloud: every service that the functions call, on 127.0.0.1, in one process.
//!
//! A [`Sandbox`] has AWS (`DynamoDB`, Secrets Manager, KMS, Lambda) and simulators of the providers.
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
pub mod auth0;
pub mod aws;
pub mod binaries;
pub mod clickatell;
pub mod cloudformation;
pub mod cognito;
pub mod contention;
mod door;
pub mod end_user_messaging;
pub mod lambda;
pub mod mail;
pub mod mailgun;
mod moment;
pub mod okta;
pub mod plivo;
pub mod providers;
mod random;
pub mod receipts;
pub mod record;
pub mod rights;
pub mod scene;
pub mod segments;
pub mod sms;
pub mod sms_webhook;
pub mod supabase;
pub mod template;
mod trace;
pub mod twilio;
pub mod twiml;
pub mod vonage;
pub mod wire;

use std::{collections::BTreeMap, io, ops::Deref, path::Path, time::Duration};

use serde_json::json;

use crate::{
    accounts::Account,
    auth0::Auth0,
    aws::{Aws, TABLE_NAME},
    cloudformation::{CloudFormation, STACK_NAME, Stack},
    cognito::Cognito,
    door::Door,
    lambda::{Lambda, Launch},
    mailgun::Mailgun,
    okta::Okta,
    providers::Providers,
    template::{Function, Template},
    twilio::Twilio,
    wire::Server,
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

/// The fragment of a webhook's URL. It tells Twilio which failures to retry.
const RETRIED: &str = "#rc=3&rp=5xx,ct,rt";

/// Values for variables of `template.yaml` that only this sandbox knows. The values of the
/// simulators are added to these.
const VALUES: [(&str, &str); 14] = [
    ("ALLOWED_COUNTRIES", "DK,US,CO"),
    ("API_AUDIENCE", auth0::API_AUDIENCE),
    ("AREA_PREFIXES", "415,628"),
    ("COGNITO_POOLS", cognito::POOL),
    ("GATEWAY_AUDIENCE", auth0::GATEWAY_AUDIENCE),
    ("GATEWAY_SUBJECT", auth0::GATEWAY_SUBJECT),
    (
        "GENERIC_MAPPING",
        r#"{"recipient":"/to","text":"/text","code":"/payload/code","channel":"/channel","id":"/id","locale":"/locale","ip":"/ip"}"#,
    ),
    ("MAIL_SENDERS", "no-reply@acme.example"),
    ("RECIPIENT_DOMAIN", "sms.example.com"),
    ("RECIPIENT_PREFIX", "acme"),
    (
        "SMS_FROM",
        "twilio:+15005550006,plivo:15005550006,vonage:ACME",
    ),
    (
        "SMS_ROUTES",
        "+57=plivo,clickatell;+1=twilio;*=vonage,twilio",
    ),
    ("TABLE_NAME", TABLE_NAME),
    ("TWILIO_NUMBER", twilio::NUMBER),
];

/// The fixed ports of a sandbox.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// The port of the Invoke API. The Function URLs follow it (+1 to +9, and more from +30). Then
    /// come Twilio (+10), Mailgun (+11), Auth0 (+12), Okta (+16), `DynamoDB` (+20), Secrets Manager
    /// (+21), `CloudFormation` (+22), KMS (+23), Cognito (+24), and the simulators of [`providers`] (+13, +14 ...).
    pub base: u16,
}

impl Ports {
    /// The default ports of `cargo sandbox`.
    pub const USUAL: Self = Self { base: 4700 };

    /// The port of the Function URL of a function, by its place in `template.yaml`.
    pub fn function(self, place: usize) -> u16 {
        self.base + Self::door(place)
    }

    /// The first nine follow the Invoke API. The servers are behind them.
    fn door(place: usize) -> u16 {
        (1..10).chain(30..).nth(place).unwrap_or_default()
    }

    /// The port of `DynamoDB`.
    pub fn dynamodb(self) -> u16 {
        self.base + Self::DYNAMODB
    }

    const TWILIO: u16 = 10;
    const MAILGUN: u16 = 11;
    const AUTH0: u16 = 12;
    const OKTA: u16 = 16;
    const DYNAMODB: u16 = 20;
    const SECRETS: u16 = 21;
    const CLOUDFORMATION: u16 = 22;
    const KMS: u16 = 23;
    const COGNITO: u16 = 24;
}

/// The local cloud. Dropping it stops everything except a [`Lambda`], which stops when it is
/// dropped itself.
pub struct Sandbox {
    /// `DynamoDB`, Secrets Manager and KMS.
    pub aws: Aws,
    /// Simulator of Cognito, whose user pool has its texts sent by a function.
    pub cognito: Cognito,
    /// `CloudFormation` with the stack [`STACK_NAME`], which lists the deployed resources.
    pub cloudformation: CloudFormation,
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
}

impl Sandbox {
    /// A new sandbox on free ports with empty state. The Mailgun route and the Twilio numbers are
    /// set up as for a deployment. Panics if the sandbox cannot start.
    pub async fn start() -> Self {
        Self::open(None)
            .await
            .unwrap_or_else(|error| panic!("sandbox: {error}"))
    }

    /// A sandbox on fixed ports. If a port is taken, the error names the port and the server that
    /// needs it.
    pub async fn start_on(ports: Ports) -> io::Result<Self> {
        Self::open(Some(ports.base)).await
    }

    async fn open(base: Option<u16>) -> io::Result<Self> {
        let template = Template::read().map_err(io::Error::other)?;
        let at = |offset: u16| base.map(|base| base + offset);
        let mut doors = BTreeMap::new();
        for (place, function) in template.functions.iter().enumerate() {
            let port = at(Ports::door(place)).unwrap_or_default();
            let door = Door::open(port)
                .await
                .map_err(|error| busy(&function.name, port, &error))?;
            doors.insert(function.name.clone(), door);
        }
        let started =
            |whose, offset, error: io::Error| busy(whose, at(offset).unwrap_or_default(), &error);
        let twilio = Twilio::start(at(Ports::TWILIO))
            .await
            .map_err(|error| started("Twilio", Ports::TWILIO, error))?;
        let mailgun = Mailgun::start(at(Ports::MAILGUN))
            .await
            .map_err(|error| started("Mailgun", Ports::MAILGUN, error))?;
        let auth0 = Auth0::start(at(Ports::AUTH0))
            .await
            .map_err(|error| started("Auth0", Ports::AUTH0, error))?;
        let tokens = record::Tokens::new(&auth0);
        let invoke_api = door::invoke_api(at(0).unwrap_or_default(), &doors, tokens);
        let invoke_api = invoke_api
            .await
            .map_err(|error| started("Invoke API", 0, error))?;
        let providers = Providers::start(at)
            .await
            .map_err(|(name, offset, error)| started(name, offset, error))?;
        let okta = Okta::start(at(Ports::OKTA))
            .await
            .map_err(|error| started("Okta", Ports::OKTA, error))?;
        let ports = [Ports::DYNAMODB, Ports::SECRETS, Ports::KMS];
        let ports = base.map(|base| ports.map(|offset| base + offset));
        let aws = Aws::start(&template, ports).await?;
        aws.set_secret(
            "switchboard/twilio",
            &json!({ "account_sid": twilio::ACCOUNT_SID, "auth_token": twilio::AUTH_TOKEN }),
        );
        aws.set_secret(
            "switchboard/twilio-send",
            &json!({
                "account_sid": twilio::ACCOUNT_SID, "api_key_sid": twilio::API_KEY_SID, "api_key_secret": twilio::API_KEY_SECRET,
            }),
        );
        aws.set_secret(
            "switchboard/mailgun",
            &json!({ "signing_key": mailgun::SIGNING_KEY }),
        );
        aws.set_secret(
            "switchboard/auth0",
            &json!({
                "client_id": auth0::CLIENT_ID,
                "client_secret": auth0::CLIENT_SECRET,
                "login_client_id": auth0::LOGIN_CLIENT_ID,
                "login_client_secret": auth0::LOGIN_CLIENT_SECRET,
            }),
        );
        aws.set_secret(
            "switchboard/gateway",
            &json!({ "jwt_secret": auth0::GATEWAY_SECRET, "bearer_token": auth0::GATEWAY_BEARER_TOKEN }),
        );
        aws.set_secret(WEBHOOK_SECRET, &json!({ "secrets": supabase::SECRET }));
        aws.set_secret(
            GENERIC_SECRET,
            &json!({ "bearer_token": GENERIC_TOKEN, "hmac_secret": GENERIC_HMAC_SECRET }),
        );
        aws.set_secret(RECIPIENT_SECRET, &json!({ "recipient_key": RECIPIENT_KEY }));
        for provider in providers.providers() {
            let id = format!("switchboard/{}", provider.name.to_ascii_lowercase());
            if !provider.secret.is_null() {
                aws.set_secret(&id, &provider.secret);
            }
        }
        aws.set_secret("switchboard/okta", &json!({ "api_token": okta::API_TOKEN }));
        aws.set_secret("switchboard/hook", &json!({ "bearer_token": HOOK_TOKEN }));
        aws.set_secret(
            OKTA_HOOK_SECRET,
            &json!({ "bearer_token": OKTA_HOOK_TOKEN }),
        );
        aws.set_secret("switchboard/ivr", &json!({ "bearer_token": IVR_TOKEN }));
        aws.set_secret(
            "switchboard/studio",
            &json!({ "bearer_token": STUDIO_TOKEN }),
        );
        providers.know(|| template.principals());
        for (name, door) in &doors {
            let url = format!("{}/", door.server().url());
            let retried = format!("{url}{RETRIED}");
            // What calls each function. A function that no provider calls has no line here.
            match name.as_str() {
                "send-verification-sms" => mailgun.set_route(&url),
                "receive-confirmation-sms" => twilio.set_sms_url(twilio::NUMBER, &retried),
                "call-forward" => {
                    twilio.set_voice_url(COMPANY_NUMBER, &retried);
                    twilio.set_status_callback(COMPANY_NUMBER, &format!("{url}status{RETRIED}"));
                }
                "sms-forward" => twilio.set_sms_url(COMPANY_NUMBER, &retried),
                "delivery-status" => {
                    let token = clickatell::CALLBACK_TOKEN;
                    let url = format!("{url}clickatell/{token}");
                    providers.clickatell.set_callback(&url);
                }
                "ivr-validate" => twilio.set_voice_url(IVR_NUMBER, &format!("{url}voice{RETRIED}")),
                _ => {}
            }
        }
        let cloudformation = CloudFormation::start(at(Ports::CLOUDFORMATION))
            .await
            .map_err(|error| started("CloudFormation", Ports::CLOUDFORMATION, error))?;
        let cognito = Cognito::start(at(Ports::COGNITO), aws.keys.clone())
            .await
            .map_err(|error| started("Cognito", Ports::COGNITO, error))?;
        let sandbox = Self {
            aws,
            cognito,
            cloudformation,
            twilio,
            mailgun,
            auth0,
            okta,
            providers,
            template,
            doors,
            invoke_api,
        };
        sandbox
            .cloudformation
            .set_stack(STACK_NAME, sandbox.stack().map_err(io::Error::other)?);
        Ok(sandbox)
    }

    /// The stack: the template with this sandbox's values.
    fn stack(&self) -> Result<Stack, String> {
        let functions = || self.template.functions.iter();
        let parameter = |parameter: &str| {
            let variables = functions().flat_map(|function| {
                function
                    .environment
                    .keys()
                    .map(move |name| (function, name))
            });
            // A parameter that feeds the same variable is for another URL than that of the stack's
            // own function.
            let mut feeding = variables.filter(|(function, name)| {
                !function.urls.contains_key(*name) && camel_case(name) == parameter
            });
            feeding
                .next()
                .and_then(|(function, name)| self.value(&function.name, name))
        };
        let resource = |reference: &str| match reference.strip_suffix("Url.FunctionUrl") {
            Some(id) => functions()
                .find(|function| function.logical_id == id)
                .map(|function| self.door(&function.name).url() + "/"),
            None if reference == "SmsGateway.Arn" => Some(format!(
                "arn:aws:lambda:{REGION}:000000000000:function:{STACK_NAME}-sms-gateway"
            )),
            None => (reference == "Table").then(|| TABLE_NAME.to_owned()),
        };
        Stack::of_template(parameter, resource)
    }

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

    /// The environment that Lambda gives this function: the variables of `template.yaml` without
    /// the empty ones, and Lambda's own. Panics if the template declares a variable without a
    /// default and the sandbox has no value for it.
    pub fn env_for(&self, function: &str) -> BTreeMap<String, String> {
        let declared = self.declared(function);
        let mut environment: BTreeMap<String, String> = declared
            .environment
            .iter()
            .map(|(name, default)| {
                let value = self.value(function, name).or_else(|| default.clone());
                (
                    name.clone(),
                    value.unwrap_or_else(|| {
                        panic!(
                            "{function}: {name} has no default in template.yaml and no value here"
                        )
                    }),
                )
            })
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let (memory, access_key) = (declared.memory.to_string(), rights::access_key(function));
        let lambda = [
            ("AWS_ACCESS_KEY_ID", access_key.as_str()),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
            ("AWS_LAMBDA_FUNCTION_NAME", function),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", function),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "sandbox"),
            ("AWS_REGION", REGION),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
            ("AWS_SESSION_TOKEN", "sandbox-session-token"),
            ("LANG", "en_US.UTF-8"),
            ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
            ("LAMBDA_TASK_ROOT", "/var/task"),
            ("TZ", ":UTC"),
            ("_HANDLER", "bootstrap"),
        ];
        environment.extend(lambda.map(|(name, value)| (name.to_owned(), value.to_owned())));
        for name in [
            "AWS_ENDPOINT_URL_DYNAMODB",
            "AWS_ENDPOINT_URL_KMS",
            "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        ] {
            environment.extend(
                self.value(function, name)
                    .map(|value| (name.to_owned(), value)),
            );
        }
        environment
    }

    fn declared(&self, function: &str) -> &Function {
        self.template
            .function(function)
            .unwrap_or_else(|| panic!("template.yaml has no {function}"))
    }

    fn value(&self, function: &str, name: &str) -> Option<String> {
        match name {
            "AUTH0_URL" => Some(self.auth0.server().url()),
            "OKTA_URL" => Some(self.okta.server().url()),
            "TWILIO_URL" => Some(self.twilio.server().url()),
            "PUBLIC_URL" => Some(self.door(function).url()),
            "VONAGE_API_URL" => Some(self.vonage.server().url()),
            // A test that is about receipts sets the first one to the function's door. Without the
            // others the gateway requires `GATEWAY_SECRET`, as in most stacks.
            "DELIVERY_URL" | "OKTA_HOOK_SECRET" | "WEBHOOK_SECRET" | "GENERIC_SECRET" => {
                Some(String::new())
            }
            "AWS_ENDPOINT_URL_DYNAMODB" => Some(self.aws.dynamodb().url()),
            "AWS_ENDPOINT_URL_KMS" => Some(self.aws.kms().url()),
            "AWS_ENDPOINT_URL_SECRETS_MANAGER" => Some(self.aws.secrets().url()),
            _ => {
                let declared = self.declared(function);
                let functions = &self.template.functions;
                let url = declared.urls.get(name).and_then(|id| {
                    let called = functions.iter().find(|called| called.logical_id == *id)?;
                    Some(self.door(&called.name).url() + "/")
                });
                let providers = self.providers.providers();
                let mut providers = providers.iter();
                url.or_else(|| {
                    let provider = providers.find(|provider| provider.variable() == name)?;
                    Some(provider.server.url())
                })
                .or_else(|| declared.secrets.get(name).cloned())
                .or_else(|| declared.keys.get(name).cloned())
                .or_else(|| {
                    VALUES
                        .iter()
                        .find(|(known, _)| *known == name)
                        .map(|(_, value)| (*value).to_owned())
                })
            }
        }
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
        let lambda = self.launch(function, binary, instances, overrides).await;
        if let Some(door) = self.doors.get(function) {
            door.attach(lambda.core());
        }
        lambda
    }

    /// Starts a function for the events of [`record`]. These events are old and signed for another
    /// URL. The Invoke API now leads to this function; the Function URL does not.
    pub async fn run_recorded(&self, function: &str, binary: &Path) -> Lambda {
        let lambda = self
            .launch(
                function,
                binary,
                1,
                &record::settings(self.declared(function)),
            )
            .await;
        if let Some(door) = self.doors.get(function) {
            door.attach_to_invoke_api(lambda.core());
        }
        lambda
    }

    async fn launch(
        &self,
        function: &str,
        binary: &Path,
        instances: usize,
        overrides: &[(&str, Option<&str>)],
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
        };
        Lambda::start(launch, format!("{}/", self.door(function).url()))
            .await
            .unwrap_or_else(|error| panic!("{function}: {error}"))
    }

    /// The complaints of all simulators. Reading removes them.
    pub fn complaints(&self) -> Vec<String> {
        let servers = [
            self.twilio.server(),
            self.mailgun.server(),
            self.auth0.server(),
            self.okta.server(),
            self.aws.dynamodb(),
            self.aws.secrets(),
            self.aws.kms(),
            self.cloudformation.server(),
            &self.invoke_api,
        ];
        let providers = self.providers.providers();
        servers
            .into_iter()
            .chain(providers.iter().map(|provider| provider.server))
            .chain(self.doors.values().map(Door::server))
            .flat_map(Server::complaints)
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

/// Turns `TWILIO_URL` into `TwilioUrl`.
fn camel_case(name: &str) -> String {
    let capitalised = |word: &str| {
        word.chars()
            .take(1)
            .chain(word.to_ascii_lowercase().chars().skip(1))
            .collect::<String>()
    };
    name.split('_').map(capitalised).collect()
}

/// Adds the port and its server to an error.
fn busy(whose: &str, port: u16, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("port {port} ({whose}): {error}"))
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
