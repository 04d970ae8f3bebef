//! The variables of the functions that answer the recorded requests.

use serde_json::Value;

use super::TENANT;
use crate::{GENERIC_SECRET, OKTA_HOOK_SECRET, Ports, Sandbox, WEBHOOK_SECRET, template::Function};

/// The name of this machine in a container (`sam local`) of Docker Desktop or Finch.
const HOST: &str = "host.docker.internal";

/// Settings that keep recorded requests valid for a century, and that switch on what they ask for.
/// An empty value means not set.
const SETTINGS: [(&str, &str); 9] = [
    ("AUTH0_URL", TENANT),
    ("GENERIC_SECRET", GENERIC_SECRET),
    ("MAX_MAIL_AGE_SECONDS", "3153600000"),
    ("MAX_WEBHOOK_AGE_SECONDS", "3153600000"),
    ("OKTA_HOOK_SECRET", OKTA_HOOK_SECRET),
    ("PUBLIC_URL", ""),
    ("VOICE_FROM", "twilio:+15005550006"),
    ("VOICE_PROVIDERS", "twilio"),
    ("WEBHOOK_SECRET", WEBHOOK_SECRET),
];
/// The variable of the functions that compare recorded links with the tenant. The others call the
/// tenant, and they run here, not in a container.
const LINKED: &str = "LINK_HOSTS";
/// The user of the recorded mails exists in no tenant. So this function gets no keys for questions
/// to a tenant.
const UNASKED: (&str, &str) = ("send-verification-sms", "AUTH0_SECRET");

/// The part of [`SETTINGS`] that a function on this machine needs.
pub(crate) fn settings(function: &Function) -> Vec<(&'static str, Option<&'static str>)> {
    let needed = SETTINGS
        .into_iter()
        .filter(|(name, _)| *name != "AUTH0_URL" || function.environment.contains_key(LINKED));
    let unasked = (function.name == UNASKED.0).then_some((UNASKED.1, ""));
    needed
        .chain(unasked)
        .map(|(name, value)| (name, (!value.is_empty()).then_some(value)))
        .collect()
}

/// The file for `sam local invoke -n`. By logical id it has the variables of `template.yaml` that
/// need a value, or another value, beside `cargo sandbox`.
pub(super) fn environment(sandbox: &Sandbox) -> Value {
    let mut ports = vec![
        (sandbox.twilio.server(), Ports::TWILIO),
        (sandbox.auth0.server(), Ports::AUTH0),
        (sandbox.okta.server(), Ports::OKTA),
        (sandbox.aws.dynamodb(), Ports::DYNAMODB),
        (sandbox.aws.secrets(), Ports::SECRETS),
        (sandbox.aws.kms(), Ports::KMS),
    ];
    let providers = sandbox.providers();
    ports.extend(
        providers
            .iter()
            .map(|provider| (provider.server, provider.port)),
    );
    // A bought number gets this machine's URLs, because the sandbox's Twilio calls them. The
    // protected API gets the URL that a container can call.
    let doors = sandbox.template().functions.iter().enumerate();
    let doors: Vec<_> = doors
        .map(|(place, function)| {
            (
                sandbox.door(&function.name).url() + "/",
                format!("http://127.0.0.1:{}/", Ports::USUAL.function(place)),
            )
        })
        .collect();
    let outside = |name: &str, value: &str| {
        let there = ports.iter().find(|(server, _)| server.url() == value);
        let there =
            there.map(|(_, offset)| format!("http://{HOST}:{}", Ports::USUAL.base + offset));
        let door = doors
            .iter()
            .find(|(url, _)| url == value)
            .map(|(_, usual)| match name {
                "API_URL" => usual.replace("127.0.0.1", HOST),
                _ => usual.clone(),
            });
        there.or(door).unwrap_or_else(|| value.to_owned())
    };
    let functions = sandbox.template().functions.iter().map(|function| {
        let values = sandbox.env_for(&function.name);
        let needed = function.environment.iter().filter_map(|(name, default)| {
            // Without a value `sam local` would insert the reference.
            if (function.name.as_str(), name.as_str()) == UNASKED {
                return Some((name.clone(), "".into()));
            }
            let fixed = SETTINGS
                .iter()
                .find(|(setting, _)| setting == name)
                .map(|(_, value)| (*value).to_owned());
            let value = fixed
                .or_else(|| values.get(name).map(|value| outside(name, value)))
                .unwrap_or_default();
            (!value.is_empty() && default.as_ref() != Some(&value))
                .then(|| (name.clone(), Value::from(value)))
        });
        (function.logical_id.clone(), Value::Object(needed.collect()))
    });
    Value::Object(functions.collect())
}
