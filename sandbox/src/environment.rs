//! The environment of a function, as Lambda gives it.

use std::collections::BTreeMap;

use crate::cloudformation::STACK_NAME;
use crate::{REGION, SECRET_ACCESS_KEY, Sandbox, auth0, aws::TABLE_NAME, cognito, rights, twilio};

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

impl Sandbox {
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

    pub(super) fn value(&self, function: &str, name: &str) -> Option<String> {
        match name {
            "STACK" => Some(STACK_NAME.to_owned()),
            "AUTH0_URL" => Some(self.auth0.server().url()),
            "OKTA_URL" => Some(self.okta.server().url()),
            "TWILIO_URL" => Some(self.twilio.server().url()),
            "PUBLIC_URL" => Some(self.door(function).url()),
            "VONAGE_API_URL" => Some(self.vonage.server().url()),
            // A test that is about receipts sets the first one to the function's door. Without the
            // others the gateway requires `GATEWAY_SECRET`, as in most stacks.
            // A test that is about languages sets `LANGUAGES`. The others compare English texts.
            "DELIVERY_URL" | "LANGUAGES" | "OKTA_HOOK_SECRET" | "WEBHOOK_SECRET"
            | "GENERIC_SECRET" => Some(String::new()),
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
}
