//! The start of a sandbox: servers, secrets, and what the providers call.

use std::{collections::BTreeMap, io};

use serde_json::json;

use crate::{
    COMPANY_NUMBER, GENERIC_HMAC_SECRET, GENERIC_SECRET, GENERIC_TOKEN, HOOK_TOKEN, IVR_NUMBER,
    IVR_TOKEN, OKTA_HOOK_SECRET, OKTA_HOOK_TOKEN, Ports, RECIPIENT_KEY, RECIPIENT_SECRET, REGION,
    STUDIO_TOKEN, Sandbox, WEBHOOK_SECRET,
    auth0::{self, Auth0},
    aws::{Aws, S3, TABLE_NAME},
    clickatell,
    cloudformation::{CloudFormation, STACK_NAME, Stack, Surroundings},
    cognito::Cognito,
    door::{self, Door},
    mailgun::{self, Mailgun},
    okta::{self, Okta},
    ports::busy,
    providers::Providers,
    record, supabase,
    template::Template,
    twilio::{self, Twilio},
    wire::Tap,
};

/// The fragment of a webhook's URL. It tells Twilio which failures to retry.
const RETRIED: &str = "#rc=3&rp=5xx,ct,rt";

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
        let ports = [Ports::DYNAMODB, Ports::SECRETS, Ports::KMS, Ports::LOGS];
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
        let s3 = S3::start(at(Ports::S3))
            .await
            .map_err(|error| started("S3", Ports::S3, error))?;
        let surroundings = Surroundings {
            resources: resources(&template, &doors),
            buckets: s3.buckets(),
            secrets: aws.vault(),
        };
        let cloudformation = CloudFormation::start(at(Ports::CLOUDFORMATION), surroundings)
            .await
            .map_err(|error| started("CloudFormation", Ports::CLOUDFORMATION, error))?;
        let cognito = Cognito::start(at(Ports::COGNITO), aws.keys.clone())
            .await
            .map_err(|error| started("Cognito", Ports::COGNITO, error))?;
        let sandbox = Self {
            aws,
            cognito,
            cloudformation,
            s3,
            twilio,
            mailgun,
            auth0,
            okta,
            providers,
            template,
            doors,
            invoke_api,
            tap: Tap::default(),
            recorded: Tap::default(),
        };
        for (name, server) in sandbox.servers() {
            server.connect(name, &sandbox.tap);
        }
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
        let resources = resources(&self.template, &self.doors);
        let resource = |reference: &str| resources.get(reference).cloned();
        let mut stack = Stack::of_template(parameter, resource)?;
        // The template joins the names of those functions that are deployed.
        let names: Vec<&str> = functions().map(|function| function.name.as_str()).collect();
        stack
            .outputs
            .insert("FunctionNames".to_owned(), names.join(","));
        Ok(stack)
    }
}

/// What the resources of a stack are called and where they are, by reference.
fn resources(template: &Template, doors: &BTreeMap<String, Door>) -> BTreeMap<String, String> {
    let urls = template.functions.iter().filter_map(|function| {
        let reference = format!("{}Url.FunctionUrl", function.logical_id);
        Some((reference, doors.get(&function.name)?.server().url() + "/"))
    });
    let function =
        format!("arn:aws:lambda:{REGION}:000000000000:function:{STACK_NAME}-sms-gateway");
    urls.chain([
        ("SmsGateway.Arn".to_owned(), function),
        ("Table".to_owned(), TABLE_NAME.to_owned()),
    ])
    .collect()
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
