//! Settings of one's own for the functions of a sandbox: values of template parameters, or of
//! variables.
//!
//! The simulators' data must still fit. So a value that names something of a real account (a
//! tenant's URL, a number, a secret) does not replace the sandbox's. A note says so.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Sandbox,
    template::{Function, Template},
    twilio,
};

/// A value, as somebody wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// A parameter such as `IvrMenu`, or a variable such as `IVR_MENU`.
    pub name: String,
    /// The value.
    pub value: String,
    /// The logical id of the only function that the value is for; `None`: all that have the
    /// variable.
    pub function: Option<String>,
}

/// Variables whose values name what exists only in an account, or in this sandbox.
const OF_AN_ACCOUNT: [&str; 16] = [
    "API_AUDIENCE",
    "AWS_SMS_CONFIGURATION_SET",
    "COGNITO_POOLS",
    "GATEWAY_AUDIENCE",
    "GATEWAY_SUBJECT",
    "LINK_HOSTS",
    "LOGIN_REALM",
    "MAIL_SENDERS",
    "RECIPIENT_DOMAIN",
    "RECIPIENT_PATTERN",
    "RECIPIENT_PREFIX",
    "SMS_FROM",
    "TABLE_NAME",
    "TWILIO_MESSAGING_SERVICE",
    "TWILIO_NUMBER",
    "VOICE_FROM",
];

/// The longest value that a note shows.
const SHOWN: usize = 60;

/// The settings of all functions.
#[derive(Clone, Debug, Default)]
pub struct OwnSettings {
    /// Values by function and variable. An empty value means not set.
    functions: BTreeMap<String, BTreeMap<String, String>>,
    /// What does not take effect, and why.
    pub notes: Vec<String>,
}

/// Checks the names. The error lists every unknown name with the nearest known one.
pub fn check(template: &Template, given: &[Given]) -> Result<(), String> {
    let variables = template.functions.iter();
    let variables = variables.flat_map(|function| function.environment.keys());
    let known: BTreeSet<&str> = variables
        .chain(&template.parameters)
        .map(String::as_str)
        .collect();
    let ids: BTreeSet<&str> = template
        .functions
        .iter()
        .map(|function| function.logical_id.as_str())
        .collect();
    let mut problems = BTreeSet::new();
    for given in given {
        if !known.contains(given.name.as_str()) {
            problems.insert(unknown(&given.name, "parameter and no variable", &known));
        }
        if let Some(id) = given.function.as_deref()
            && !ids.contains(id)
        {
            problems.insert(unknown(id, "function", &ids));
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(problems.into_iter().collect::<Vec<_>>().join("\n"))
}

fn unknown(name: &str, what: &str, known: &BTreeSet<&str>) -> String {
    let plain = |text: &str| text.replace('_', "").to_lowercase();
    let far = |other: &&&str| distance(&plain(name), &plain(other));
    // Parameters and variables have the same names in two forms. The form that was meant is nearer.
    let nearest = known
        .iter()
        .min_by_key(|other| (far(other), distance(name, other)));
    let near = nearest.filter(|other| far(other) <= name.len().div_ceil(3));
    let hint = near.map_or_else(String::new, |other| {
        format!(" The nearest name is {other}.")
    });
    format!("template.yaml has no {what} {name}.{hint}")
}

/// The number of changed, added or missing characters between two words.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, left) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, right) in other.iter().enumerate() {
            let changed = diagonal + usize::from(left != *right);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

impl OwnSettings {
    /// The settings for the functions of this sandbox. A later value replaces an earlier one. The
    /// error lists every unknown name.
    pub fn of(sandbox: &Sandbox, given: &[Given]) -> Result<Self, String> {
        let plain = sandbox.template();
        check(plain, given)?;
        let parameters: BTreeMap<String, String> = given
            .iter()
            .filter(|given| plain.parameters.contains(&given.name))
            .map(|given| (given.name.clone(), given.value.clone()))
            .collect();
        let with = Template::read_with(&parameters)?;
        let mut settings = Self::default();
        let mut idle: BTreeSet<&str> = parameters.keys().map(String::as_str).collect();
        for (function, changed) in plain.functions.iter().zip(&with.functions) {
            let mut values = BTreeMap::new();
            for (variable, value) in &changed.environment {
                let named = changed.parameters.get(variable).into_iter().flatten();
                let source = named
                    .into_iter()
                    .find(|name| parameters.contains_key(*name));
                idle.retain(|name| source.is_none_or(|source| source != name));
                let Some(value) = value else { continue };
                if source.is_none()
                    && function.environment.get(variable) == Some(&Some(value.clone()))
                {
                    continue;
                }
                let name = source.map_or(variable.as_str(), String::as_str);
                values.insert(variable.as_str(), (name, value.as_str()));
            }
            for given in given {
                let meant = given.function.as_ref();
                if meant.is_none_or(|id| *id == function.logical_id)
                    && let Some((variable, _)) = function.environment.get_key_value(&given.name)
                {
                    values.insert(variable, (&given.name, &given.value));
                }
            }
            for (variable, (name, value)) in values {
                match fits(sandbox, function, variable, value) {
                    Ok(()) => {
                        let of = settings.functions.entry(function.name.clone()).or_default();
                        of.insert(variable.to_owned(), value.to_owned());
                    }
                    Err(why) => {
                        let stands_in = why.is_none().then(|| callers(variable, value)).flatten();
                        settings.note(name, value, why.or_else(|| stands_in.clone()).as_deref());
                        if let Some(own) = stands_in {
                            let of = settings.functions.entry(function.name.clone()).or_default();
                            of.insert(variable.to_owned(), own);
                        }
                    }
                }
            }
        }
        if !idle.is_empty() {
            let names = idle.into_iter().collect::<Vec<_>>().join(", ");
            settings
                .notes
                .push(format!("Without effect in the sandbox: {names}."));
        }
        Ok(settings)
    }

    fn note(&mut self, name: &str, value: &str, own: Option<&str>) {
        let short: String = value.chars().take(SHOWN).collect();
        let dots = if short.len() < value.len() { "…" } else { "" };
        let then = match own {
            Some("") => return, // nothing changes
            Some(own) => format!("the sandbox has {own} in its place."),
            None => "there is no such thing in the sandbox, so this is not set.".to_owned(),
        };
        let note = format!("{name}={short}{dots}: {then}");
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The settings of a function. They replace the sandbox's.
    pub fn function(&self, name: &str) -> Vec<(&str, Option<&str>)> {
        let values = self.functions.get(name).into_iter().flatten();
        values
            .map(|(name, value)| {
                let value = value.as_str();
                (name.as_str(), (!value.is_empty()).then_some(value))
            })
            .collect()
    }

    /// A function's value of a variable, if one was given.
    pub fn value(&self, function: &str, variable: &str) -> Option<&str> {
        let value = self.functions.get(function)?.get(variable)?;
        Some(value)
    }
}

/// Whether a value can replace the sandbox's own. `Err`: the sandbox's own value that stays; `None`:
/// the variable stays as it is; an empty text: nothing needs to be said.
fn fits(
    sandbox: &Sandbox,
    function: &Function,
    variable: &str,
    value: &str,
) -> Result<(), Option<String>> {
    let own = sandbox.value(&function.name, variable);
    let own = own.filter(|own| !own.is_empty());
    let is_url = variable.ends_with("_URL") || variable.starts_with("AWS_ENDPOINT_URL");
    let is_secret = variable.ends_with("_SECRET");
    let stays = if is_url {
        value.is_empty() && own.is_some() || !value.is_empty() && !is_local(value)
    } else if is_secret {
        !value.is_empty() && sandbox.aws.secret(value).is_none()
    } else {
        OF_AN_ACCOUNT.contains(&variable) || variable.ends_with("_ARN")
    };
    match own {
        _ if !stays => Ok(()),
        Some(own) if own == value || value.is_empty() => Err(Some(String::new())),
        None if value.is_empty() => Err(Some(String::new())),
        own => Err(own),
    }
}

/// The sandbox's number in the place of each provider's number. A gateway with `VOICE_PROVIDERS` does
/// not start without one.
fn callers(variable: &str, value: &str) -> Option<String> {
    let providers = value.split(',').filter_map(|entry| entry.split_once(':'));
    let callers = providers.map(|(provider, _)| format!("{}:{}", provider.trim(), twilio::NUMBER));
    let callers = callers.collect::<Vec<_>>().join(",");
    (variable == "VOICE_FROM" && !callers.is_empty()).then_some(callers)
}

/// Whether a URL leads to this machine.
fn is_local(url: &str) -> bool {
    url::Url::parse(url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .is_some_and(|host| ["127.0.0.1", "localhost", "[::1]"].contains(&host.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(name: &str, value: &str) -> Given {
        Given {
            name: name.to_owned(),
            value: value.to_owned(),
            function: None,
        }
    }

    #[test]
    fn unknown_names_are_errors_with_the_nearest_name() {
        let template = Template::read().unwrap();
        let wrong = [
            given("IvrMneu", ""),
            given("IVR_MENUE", ""),
            given("PinLength", "6"),
            given("Nothing like this at all", ""),
        ];
        let error = check(&template, &wrong).unwrap_err();
        let lines: Vec<_> = error.lines().collect();
        assert_eq!(lines.len(), 3, "{error}");
        assert!(
            error.contains("IvrMneu. The nearest name is IvrMenu."),
            "{error}"
        );
        assert!(error.contains("IVR_MENUE. The nearest name is"), "{error}");
        assert!(
            error.contains("at all.\n") || error.ends_with("at all."),
            "{error}"
        );
        let mut of_one = given("IVR_MENU", "");
        of_one.function = Some("IvrValidat".to_owned());
        let error = check(&template, &[of_one]).unwrap_err();
        assert!(error.contains("nearest name is IvrValidate."), "{error}");
    }

    #[tokio::test]
    async fn a_parameter_is_set_in_every_function_that_has_its_variable() {
        let sandbox = Sandbox::start().await;
        let given = [
            given("PinLength", "6"),
            given("Languages", "da"),
            given("LANGUAGES", "da,en"),
            given("LogRetentionDays", "7"),
        ];
        let settings = OwnSettings::of(&sandbox, &given).unwrap();
        assert_eq!(settings.value("ivr-validate", "PIN_LENGTH"), Some("6"));
        assert_eq!(settings.value("sms-gateway", "PIN_LENGTH"), None);
        for function in ["send-verification-sms", "receive-confirmation-sms"] {
            assert_eq!(settings.value(function, "LANGUAGES"), Some("da,en"));
        }
        assert_eq!(
            settings.notes,
            ["Without effect in the sandbox: LogRetentionDays."]
        );
    }

    #[tokio::test]
    async fn a_number_that_calls_is_the_sandboxs() {
        let sandbox = Sandbox::start().await;
        let given = [
            given("VoiceProviders", "twilio,vonage"),
            given("VoiceFrom", "twilio:+4580808080, vonage:+4580808081"),
        ];
        let settings = OwnSettings::of(&sandbox, &given).unwrap();
        let expected = "twilio:+15005550006,vonage:+15005550006";
        let set = settings.value("sms-gateway", "VOICE_FROM");
        assert_eq!(set, Some(expected));
        let note = settings.notes.join("\n");
        assert!(
            note.contains(&format!("the sandbox has {expected} in its place.")),
            "{note}"
        );
    }

    #[tokio::test]
    async fn what_is_of_a_real_account_does_not_replace_the_sandboxs() {
        let sandbox = Sandbox::start().await;
        let auth0 = sandbox.auth0.server().url();
        let given = [
            given("Auth0Url", "https://acme.eu.auth0.com"),
            given("LinkHosts", "login.acme.example"),
            given(
                "TWILIO_SECRET",
                "arn:aws:secretsmanager:eu-west-1:1:secret:x",
            ),
            given("WEBHOOK_SECRET", crate::WEBHOOK_SECRET),
            given("ApiUrl", "http://localhost:9000/"),
            given("TWILIO_NUMBER", crate::twilio::NUMBER),
        ];
        let settings = OwnSettings::of(&sandbox, &given).unwrap();
        let notes = settings.notes.join("\n");
        assert!(
            notes.contains(&format!(
                "Auth0Url=https://acme.eu.auth0.com: the sandbox has {auth0} in its place."
            )),
            "{notes}"
        );
        assert!(
            notes.contains("LinkHosts=login.acme.example: there is no such"),
            "{notes}"
        );
        assert!(notes.contains("TWILIO_SECRET="), "{notes}");
        assert!(
            !notes.contains("TWILIO_NUMBER") && !notes.contains("WEBHOOK_SECRET"),
            "{notes}"
        );
        for function in &sandbox.template().functions {
            for (name, value) in settings.function(&function.name) {
                let expected = match name {
                    "WEBHOOK_SECRET" => crate::WEBHOOK_SECRET,
                    "API_URL" => "http://localhost:9000/",
                    _ => panic!("{name}={value:?}"),
                };
                assert_eq!(value, Some(expected));
            }
        }
    }
}
