//! The stack's secrets: their keys, and reading and writing them. A value is never shown, and never
//! in an argument.

mod given;
mod keys;
mod outcome;
mod set;

use std::io::{self, Write};

use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Map, Value};
use shared::platform::aws::cause;
use shared::services::providers::Name;

pub(crate) use given::{Given, variable, variable_name};
pub(crate) use keys::{SECRETS, SENDS, Spec, is_generated};
pub(crate) use outcome::Outcome;
pub(crate) use set::{Wishes, set};

use crate::aws::failed;
use crate::problem::Problem;
use crate::report::{BAD, FAINT, GOOD, Report};
use crate::stack::Stack;

/// A secret as it is stored. Has no `Debug`.
#[derive(Clone)]
pub(crate) struct Stored {
    /// The name in Secrets Manager.
    pub(crate) id: String,
    /// Changes with every change of a value.
    pub(crate) version: String,
    values: Map<String, Value>,
}

impl Stored {
    /// A value, if it is set.
    pub(crate) fn text(&self, key: &str) -> Option<SecretString> {
        self.plain(key).map(SecretString::from)
    }

    fn plain(&self, key: &str) -> Option<&str> {
        self.values
            .get(key)?
            .as_str()
            .filter(|text| !text.trim().is_empty())
    }

    /// A value that is `true` or `false`.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.values
            .get(key)
            .is_some_and(|value| *value == Value::Bool(true) || value == "true")
    }

    /// The problems with the values, in words that complete "the secret …".
    pub(crate) fn problems(&self, spec: &Spec) -> Vec<String> {
        spec.problems(&|key| self.plain(key).map(str::to_owned))
    }

    /// True if no key is set. The stack creates a secret like that.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// The result of reading a secret.
pub(crate) enum Found {
    Stored(Stored),
    /// No secret has this name.
    Missing,
    /// The text is not a JSON object. The functions cannot read it either.
    NotJson(String),
}

/// Secrets Manager, and the stack that names the secrets.
pub(crate) struct Vault<'a> {
    pub(crate) client: &'a aws_sdk_secretsmanager::Client,
    pub(crate) stack: &'a Stack,
}

impl Vault<'_> {
    /// Reads a secret by its short name. `None`: the stack has no such secret.
    pub(crate) async fn find(&self, name: &str) -> Result<Option<Found>, Problem> {
        let Some(id) = self.stack.secret(name) else {
            return Ok(None);
        };
        let answer = match self.client.get_secret_value().secret_id(&id).send().await {
            Ok(answer) => answer,
            Err(error) => {
                return match error.as_service_error() {
                    Some(GetSecretValueError::ResourceNotFoundException(_)) => {
                        Ok(Some(Found::Missing))
                    }
                    _ => Err(failed(&cause(&format!("GetSecretValue {id}"), &error))),
                };
            }
        };
        let version = answer.version_id().unwrap_or_default().to_owned();
        let values = serde_json::from_str(answer.secret_string().unwrap_or_default());
        Ok(Some(values.map_or_else(
            |_| Found::NotJson(id.clone()),
            |values| {
                Found::Stored(Stored {
                    id: id.clone(),
                    version,
                    values,
                })
            },
        )))
    }

    /// True if a secret that is optional for a stack has any value.
    pub(crate) async fn is_in_use(&self, name: &str) -> Result<bool, Problem> {
        Ok(match self.find(name).await? {
            Some(Found::Stored(stored)) => !stored.is_empty(),
            Some(Found::NotJson(_)) => true,
            Some(Found::Missing) | None => false,
        })
    }

    /// The secret with all its keys; an error if anything is missing.
    pub(crate) async fn complete(&self, spec: &Spec) -> Result<Stored, Problem> {
        let (name, dialogue) = (spec.name, spec.dialogue());
        match self.find(name).await? {
            Some(Found::Stored(stored)) => match stored.problems(spec) {
                problems if problems.is_empty() => Ok(stored),
                problems => Err(Problem::Failed(format!(
                    "the secret {} {}; run `operator secrets set {dialogue}`",
                    stored.id,
                    problems.join(", ")
                ))),
            },
            Some(Found::NotJson(id)) => Err(Problem::Failed(format!(
                "the secret {id} is no JSON object; run `operator secrets set {dialogue} --replace`"
            ))),
            Some(Found::Missing) => Err(Problem::Failed(format!(
                "there is no secret {}",
                self.stack.secret(name).unwrap_or_default()
            ))),
            None => Err(Problem::Usage(format!(
                "the stack has no secret {name}: that part of it is not deployed"
            ))),
        }
    }
}

/// True if a function of this stack requires this secret.
pub(crate) fn is_needed(stack: &Stack, secret: &str) -> bool {
    match secret {
        "mailgun" => stack.get("SendVerificationSmsUrl").is_some(),
        "recipient" => stack.has_tags(),
        "auth0" => {
            stack.get("ConfirmWith") == Some("management-api")
                || stack.get("IvrVoiceUrl").is_some()
                || stack.get("ApiCallUrl").is_some()
        }
        // With another entrance, the one for Auth0 may be unused.
        "gateway" => {
            let is_other = |name| stack.secret(name).is_some();
            stack.get("SmsGatewayUrl").is_some()
                && !["okta-hook", "webhook", "generic"]
                    .into_iter()
                    .any(is_other)
        }
        "okta-hook" => stack.get("OktaHookUrl").is_some(),
        "hook" | "ivr" | "studio" => false,
        "twilio" => stack.is_called_by_twilio(),
        SENDS => {
            let sends = ["SendVerificationSmsUrl", "ProvisionNumbersUrl"]
                .into_iter()
                .any(|url| stack.get(url).is_some());
            sends || stack.routes_to("twilio")
        }
        provider if provider.parse::<Name>().is_ok() => stack.routes_to(provider),
        _ => true,
    }
}

/// The result of `secrets list`.
#[derive(Serialize)]
pub(crate) struct Listing {
    secrets: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    name: &'static str,
    id: String,
    /// The names of the keys, never their values.
    keys: Vec<String>,
    /// True if a function of the stack requires the secret.
    needed: bool,
    problems: Vec<String>,
    changed: Option<String>,
}

/// Lists names, keys and dates of the stack's secrets.
pub(crate) async fn list(vault: &Vault<'_>) -> Result<Listing, Problem> {
    let mut secrets = Vec::new();
    for spec in SECRETS.iter() {
        let Some(found) = vault.find(spec.name).await? else {
            continue;
        };
        let id = vault.stack.secret(spec.name).unwrap_or_default();
        let needed = is_needed(vault.stack, spec.name);
        let (keys, problems) = match found {
            Found::Stored(stored) => {
                let keys = spec
                    .layout
                    .keys
                    .iter()
                    .filter(|key| stored.values.contains_key(key.name))
                    .map(|key| key.name.to_owned())
                    .collect();
                // A secret that no function requires may be empty.
                let problems = if !needed && stored.is_empty() {
                    Vec::new()
                } else {
                    stored.problems(spec)
                };
                (keys, problems)
            }
            Found::NotJson(_) => (Vec::new(), vec!["is no JSON object".to_owned()]),
            Found::Missing if !needed => continue,
            Found::Missing => (Vec::new(), vec!["does not exist".to_owned()]),
        };
        let described = vault
            .client
            .describe_secret()
            .secret_id(&id)
            .send()
            .await
            .ok();
        let changed =
            described.and_then(|secret| secret.last_changed_date().map(ToString::to_string));
        secrets.push(Entry {
            name: spec.name,
            id,
            keys,
            needed,
            problems,
            changed,
        });
    }
    Ok(Listing { secrets })
}

impl Report for Listing {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for Entry {
            name,
            id,
            keys,
            needed,
            problems,
            changed,
        } in &self.secrets
        {
            let keys = match (keys.is_empty(), needed) {
                (false, _) => keys.join(", "),
                (true, true) => "empty (needed)".to_owned(),
                (true, false) => "empty (not needed)".to_owned(),
            };
            write!(out, "{GOOD}{name:<11}{GOOD:#} {id}: {keys}")?;
            if let Some(changed) = changed {
                write!(out, " {FAINT}(changed {changed}){FAINT:#}")?;
            }
            writeln!(out)?;
            for problem in problems {
                writeln!(out, "            {BAD}{problem}{BAD:#}")?;
            }
        }
        Ok(())
    }
}
