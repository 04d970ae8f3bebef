//! The values that a person gives: from prompts, the environment or standard input.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde_json::{Map, Value};
use shared::platform::layout::Layout;

use super::Spec;
use super::keys::{Key, Kind, fault};
use super::set::{Wishes, names};
use crate::problem::Problem;

/// The source of the values.
pub(crate) enum Given<'a> {
    /// Environment variables, such as `TWILIO_AUTH_TOKEN`.
    Environment(&'a dyn Fn(&str) -> Option<String>),
    /// A JSON object of keys and values.
    Text(String),
    /// Prompts on the terminal for every key, without echo.
    Terminal,
    /// These variables, and prompts for the keys that the secret then still lacks, and for those that
    /// go together.
    Lacking(&'a dyn Fn(&str) -> Option<String>),
    /// No source: the options say everything.
    Nothing,
}

/// The given values, each checked for its form. A key without a value is left out.
pub(super) fn collect(
    spec: &Spec,
    given: Given<'_>,
    stored: &Map<String, Value>,
    wishes: &Wishes,
) -> Result<BTreeMap<String, SecretString>, Problem> {
    let mut values = BTreeMap::new();
    let mut take = |key: &Key, value: String| {
        let value = if key.kind == Kind::Pem {
            pem(&value)?
        } else {
            value.trim().to_owned()
        };
        if let Some(fault) = fault(key.kind, &value) {
            return Err(Problem::Failed(format!(
                "nothing was written: {} {fault}",
                key.name
            )));
        }
        values.insert(key.name.to_owned(), SecretString::from(value));
        Ok(())
    };
    match given {
        Given::Environment(lookup) => {
            for (key, value) in variables(spec, lookup) {
                take(key, value)?;
            }
        }
        Given::Nothing => {}
        Given::Text(text) if text.trim().is_empty() => {}
        Given::Text(text) => {
            let object: Map<String, Value> = serde_json::from_str(&text).map_err(|_| {
                Problem::Usage("standard input is no JSON object of keys and values".to_owned())
            })?;
            for (name, value) in object {
                let key = spec.key(&name).ok_or_else(|| {
                    Problem::Usage(format!(
                        "the secret {} has no key {}; it has {}",
                        spec.name,
                        crate::report::plain(&name),
                        names(spec)
                    ))
                })?;
                match value {
                    Value::String(text) if text.trim().is_empty() => {}
                    Value::String(text) => take(key, text)?,
                    Value::Bool(set) if key.kind == Kind::Flag => take(key, set.to_string())?,
                    _ => return Err(Problem::Usage(format!("{name} is not a text"))),
                }
            }
        }
        Given::Terminal => {
            let open = |key: &&Key| {
                !wishes
                    .generate
                    .iter()
                    .chain(&wishes.remove)
                    .any(|name| name == key.name)
            };
            for key in spec.layout.keys.iter().filter(open) {
                if let Some(value) = ask(key, stored.contains_key(key.name))? {
                    take(key, value)?;
                }
            }
        }
        Given::Lacking(lookup) => {
            let mut has: Vec<&str> = stored.keys().map(String::as_str).collect();
            for (key, value) in variables(spec, lookup) {
                has.push(key.name);
                take(key, value)?;
            }
            for (key, value) in ask_lacking(spec, has, |key| ask(key, false))? {
                take(key, value)?;
            }
        }
    }
    Ok(values)
}

/// Asks for the keys that complete a secret, one group after the other until one is complete, and
/// then for those that go together. A person who has no first key of a group has no other.
fn ask_lacking(
    spec: &Spec,
    mut has: Vec<&str>,
    mut ask: impl FnMut(&Key) -> Result<Option<String>, Problem>,
) -> Result<Vec<(&'static Key, String)>, Problem> {
    let Layout {
        needed, together, ..
    } = spec.layout;
    let mut asked: Vec<&str> = Vec::new();
    let mut answers = Vec::new();
    let optional = together.iter().filter(|group| !needed.contains(group));
    let groups = needed.iter().map(|group| (group, true));
    for (group, is_needed) in groups.chain(optional.map(|group| (group, false))) {
        let is_complete = |group: &&[&str]| group.iter().all(|key| has.contains(key));
        if needed.iter().any(is_complete) == is_needed {
            continue;
        }
        for key in group.iter().filter_map(|name| spec.key(name)) {
            if has.contains(&key.name) || asked.contains(&key.name) {
                continue;
            }
            asked.push(key.name);
            let Some(value) = ask(key)? else { break };
            has.push(key.name);
            answers.push((key, value));
        }
    }
    Ok(answers)
}

/// Asks for a key without echo. `None`: the person only pressed Enter.
fn ask(key: &Key, is_set: bool) -> Result<Option<String>, Problem> {
    let state = if is_set {
        "set; Enter keeps it"
    } else {
        "not set; Enter leaves it so"
    };
    let prompt = format!("{} ({}; {state}): ", key.name, key.hint);
    let value = rpassword::prompt_password(prompt).map_err(|_| {
        Problem::Usage(
            "there is no terminal to ask on; use --from-env, or a JSON object on standard input"
                .to_owned(),
        )
    })?;
    Ok(Some(value).filter(|value| !value.trim().is_empty()))
}

/// The name of the environment variable for a key.
pub(crate) fn variable_name(spec: &Spec, key: &str) -> String {
    let name = format!("{}_{key}", spec.dialogue());
    name.replace('-', "_").to_ascii_uppercase()
}

/// The keys of a secret whose variables are set.
fn variables(
    spec: &Spec,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> impl Iterator<Item = (&'static Key, String)> {
    let keys = spec.layout.keys.iter();
    keys.filter_map(move |key| Some((key, variable(spec, key.name, lookup)?)))
}

/// The value of the environment variable for a key, if it is set.
pub(crate) fn variable(
    spec: &Spec,
    key: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Option<String> {
    lookup(&variable_name(spec, key)).filter(|value| !value.trim().is_empty())
}

/// A PEM text, or the content of the file `@path`.
fn pem(value: &str) -> Result<String, Problem> {
    match value.trim().strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| Problem::Usage(format!("{path}: {error}"))),
        // An environment variable has one line, so `\n` stands for a line break.
        None => Ok(value.replace("\\n", "\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_asked_only_for_what_completes_a_secret() {
        let asked = |secret: &str, stored: &[&str], given: &[&str]| {
            let mut asked = Vec::new();
            let ask = |key: &Key| {
                asked.push(key.name.to_owned());
                Ok(given.contains(&key.name).then(|| "x".to_owned()))
            };
            let answers = ask_lacking(Spec::of(secret), stored.to_vec(), ask).unwrap();
            assert_eq!(answers.len(), given.len(), "{secret}");
            asked.join(" ")
        };
        let both = ["account_sid", "auth_token"];
        for (secret, stored, given, expected) in [
            (
                "twilio",
                &[][..],
                &both[..],
                "account_sid auth_token api_key_sid",
            ),
            ("twilio", &both[..1], &both[1..], "auth_token api_key_sid"),
            ("twilio", &both[..], &[], "api_key_sid"),
            ("twilio", &[], &[], "account_sid"),
            ("mailgun", &[], &["signing_key"], "signing_key"),
            ("okta", &[], &["api_token"], "api_token"),
            (
                "okta",
                &[],
                &["client_id", "private_key", "key_id"],
                "api_token client_id private_key key_id",
            ),
        ] {
            assert_eq!(asked(secret, stored, given), expected, "{secret}");
        }
    }
}
