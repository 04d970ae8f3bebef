//! `secrets set`: reads values from prompts, the environment or standard input, and writes them
//! over the stored ones. Keys that are not given keep their values.

use std::collections::BTreeMap;
use std::io::{self, Write};

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::{Map, Value};
use shared::platform::aws::cause;

use super::keys::{Key, Kind, fault, is_generated};
use super::{Found, SENDS, Spec, Vault};
use crate::aws::failed;
use crate::problem::Problem;
use crate::report::{FAINT, GOOD, Report};

/// The source of the values.
pub(crate) enum Given<'a> {
    /// Environment variables, such as `TWILIO_AUTH_TOKEN`.
    Environment(&'a dyn Fn(&str) -> Option<String>),
    /// A JSON object of keys and values.
    Text(String),
    /// Prompts on the terminal, without echo.
    Terminal,
    /// No source: the options say everything.
    Nothing,
}

/// What to do with the keys.
pub(crate) struct Wishes {
    /// The keys that get a random value.
    pub(crate) generate: Vec<String>,
    /// The keys to remove.
    pub(crate) remove: Vec<String>,
    /// Keep a replaced value as `previous_…`.
    pub(crate) rotate: bool,
    /// Ignore the stored values, even if they cannot be read.
    pub(crate) replace: bool,
    pub(crate) dry_run: bool,
}

/// The changes.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    #[serde(flatten)]
    asked: Change,
    /// The change of the secret that is made from this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    also: Option<Change>,
}

/// The changes of one secret. Names only.
#[derive(Debug, Serialize)]
struct Change {
    secret: &'static str,
    id: String,
    dry_run: bool,
    changed: Vec<String>,
    kept: Vec<String>,
    removed: Vec<String>,
}

/// Sets keys of a secret, and updates the secret that is made from it.
pub(crate) async fn set(
    vault: &Vault<'_>,
    spec: &'static Spec,
    given: Given<'_>,
    wishes: &Wishes,
) -> Result<Outcome, Problem> {
    // If Twilio calls no function of the stack, only the secret of the functions that call Twilio
    // exists.
    let sends = Spec::of(SENDS);
    let spec = if spec.name == sends.dialogue() && vault.stack.secret(spec.name).is_none() {
        sends
    } else {
        spec
    };
    let known = |name: &String| {
        spec.key(name).map(drop).ok_or_else(|| {
            Problem::Usage(format!(
                "the secret {} has no key {name}; it has {}",
                spec.name,
                names(spec)
            ))
        })
    };
    wishes
        .generate
        .iter()
        .chain(&wishes.remove)
        .try_for_each(known)?;
    if let Some(name) = wishes
        .generate
        .iter()
        .find(|name| !spec.key(name).is_some_and(is_generated))
    {
        let why = format!(
            "{name} of the secret {} cannot be made up: its value comes from elsewhere; give it",
            spec.name
        );
        return Err(Problem::Usage(why));
    }
    let (id, stored) = match vault.find(spec.name).await? {
        Some(Found::Stored(stored)) if !wishes.replace => (stored.id, stored.values),
        Some(Found::Stored(stored)) => (stored.id, Map::new()),
        Some(Found::NotJson(id)) if wishes.replace => (id, Map::new()),
        Some(Found::NotJson(id)) => {
            return Err(Problem::Failed(format!(
                "the secret {id} is no JSON object; --replace writes a new one in its place"
            )));
        }
        Some(Found::Missing) => {
            return Err(Problem::Failed(format!(
                "there is no secret {}",
                vault.stack.secret(spec.name).unwrap_or_default()
            )));
        }
        None => {
            return Err(Problem::Usage(format!(
                "the stack has no secret {}: that part of it is not deployed",
                spec.name
            )));
        }
    };
    let mut values = collect(spec, given, &stored, wishes)?;
    for name in &wishes.generate {
        if !wishes.rotate && stored.contains_key(name) {
            return Err(Problem::Usage(format!(
                "{name} of {id} is set already, and whoever uses it would be refused; --rotate puts a new value in its place, \
                 --replace empties the secret first"
            )));
        }
        values.insert(name.clone(), random()?);
    }
    let updated = merge(spec, &stored, &values, wishes);
    let text = |key: &str| {
        updated
            .get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.trim().is_empty())
            .map(str::to_owned)
    };
    let problems = spec.problems(&text);
    if !problems.is_empty() {
        return Err(Problem::Failed(format!(
            "nothing was written: the secret {} {}",
            spec.name,
            problems.join(", ")
        )));
    }
    let also = if spec.name == sends.dialogue() {
        vault.find(sends.name).await?
    } else {
        None
    };
    let also = match also {
        None => None,
        Some(Found::Stored(stored)) => Some((stored.id, stored.values)),
        Some(Found::NotJson(id)) => Some((id, Map::new())),
        Some(Found::Missing) => {
            return Err(Problem::Failed(format!(
                "there is no secret {}",
                vault.stack.secret(sends.name).unwrap_or_default()
            )));
        }
    };
    let also = match also {
        Some((id, stored)) => Some(
            write(
                vault,
                sends,
                id,
                &stored,
                for_sending(&updated),
                wishes.dry_run,
            )
            .await?,
        ),
        None => None,
    };
    Ok(Outcome {
        asked: write(vault, spec, id, &stored, updated, wishes.dry_run).await?,
        also,
    })
}

/// The part of the secret `twilio` that calls to Twilio require. It contains the Auth Token only if
/// there is no API key.
fn for_sending(twilio: &Map<String, Value>) -> Map<String, Value> {
    let key = ["account_sid", "api_key_sid", "api_key_secret"];
    let wanted = if key.iter().all(|name| twilio.contains_key(*name)) {
        &key[..]
    } else {
        &["account_sid", "auth_token"]
    };
    wanted
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), twilio.get(*name)?.clone())))
        .collect()
}

/// Writes a secret, unless nothing has changed.
async fn write(
    vault: &Vault<'_>,
    spec: &'static Spec,
    id: String,
    stored: &Map<String, Value>,
    updated: Map<String, Value>,
    dry_run: bool,
) -> Result<Change, Problem> {
    let named = |same: bool| {
        updated
            .iter()
            .filter(move |(name, value)| (stored.get(*name) == Some(value)) == same)
    };
    let change = Change {
        secret: spec.name,
        id: id.clone(),
        dry_run,
        changed: named(false).map(|(name, _)| name.clone()).collect(),
        kept: named(true).map(|(name, _)| name.clone()).collect(),
        removed: stored
            .keys()
            .filter(|name| !updated.contains_key(*name))
            .cloned()
            .collect(),
    };
    if dry_run || change.is_none() {
        return Ok(change);
    }
    let written = vault
        .client
        .put_secret_value()
        .secret_id(&id)
        .secret_string(Value::from(updated).to_string())
        .send()
        .await;
    written.map_err(|error| failed(&cause(&format!("PutSecretValue {id}"), &error)))?;
    Ok(change)
}

fn names(spec: &Spec) -> String {
    spec.layout
        .keys
        .iter()
        .map(|key| key.name)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The given values, each checked for its form. A key without a value is left out.
fn collect(
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
            for key in spec.layout.keys {
                let name = format!("{}_{}", spec.dialogue(), key.name);
                let name = name.replace('-', "_").to_ascii_uppercase();
                if let Some(value) = lookup(&name).filter(|value| !value.trim().is_empty()) {
                    take(key, value)?;
                }
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
                let state = if stored.contains_key(key.name) {
                    "set; Enter keeps it"
                } else {
                    "not set; Enter leaves it so"
                };
                let prompt = format!("{} ({}; {state}): ", key.name, key.hint);
                let value = rpassword::prompt_password(prompt).map_err(|_| {
                    Problem::Usage(
                        "there is no terminal to ask on; use --from-env, or a JSON object on standard input".to_owned(),
                    )
                })?;
                if !value.trim().is_empty() {
                    take(key, value)?;
                }
            }
        }
    }
    Ok(values)
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

/// 256 random bits, as a token.
fn random() -> Result<SecretString, Problem> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|_| Problem::Failed("this system has no random numbers".to_owned()))?;
    Ok(hex::encode(bytes).into())
}

fn merge(
    spec: &Spec,
    stored: &Map<String, Value>,
    values: &BTreeMap<String, SecretString>,
    wishes: &Wishes,
) -> Map<String, Value> {
    let mut updated = stored.clone();
    for (name, value) in values {
        let value = match (spec.key(name).map(|key| key.kind), value.expose_secret()) {
            (Some(Kind::Flag), flag) => Value::Bool(flag == "true"),
            (_, text) => text.into(),
        };
        let previous = format!("previous_{name}");
        let replaced = stored.get(name).filter(|old| **old != value);
        if let (true, Some(old), Some(_)) = (wishes.rotate, replaced, spec.key(&previous)) {
            updated.insert(previous, old.clone());
        }
        updated.insert(name.clone(), value);
    }
    updated.retain(|name, _| !wishes.remove.contains(name));
    updated
}

impl Report for Outcome {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let changes = [Some(&self.asked), self.also.as_ref()];
        changes
            .iter()
            .flatten()
            .try_for_each(|change| change.write(out))?;
        let written = changes
            .iter()
            .flatten()
            .any(|change| !change.dry_run && !change.is_none());
        if written {
            writeln!(
                out,
                "Running functions read it within five minutes; `operator doctor` tries it."
            )?;
        }
        Ok(())
    }
}

impl Change {
    fn is_none(&self) -> bool {
        self.changed.is_empty() && self.removed.is_empty()
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.is_none() {
            return writeln!(out, "{}: nothing to change", self.id);
        }
        let verb = if self.dry_run { "would set" } else { "set" };
        for name in &self.changed {
            writeln!(out, "{GOOD}{verb}{GOOD:#} {name} of {}", self.id)?;
        }
        for name in &self.removed {
            writeln!(
                out,
                "{GOOD}{}{GOOD:#} {name} of {}",
                if self.dry_run {
                    "would remove"
                } else {
                    "removed"
                },
                self.id
            )?;
        }
        if !self.kept.is_empty() {
            writeln!(out, "{FAINT}kept {}{FAINT:#}", self.kept.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_rotated_value_stays_as_the_previous_one() {
        let stored = json!({ "signing_key": "old", "other": 1 });
        let wishes = Wishes {
            generate: vec![],
            remove: vec![],
            rotate: true,
            replace: false,
            dry_run: false,
        };
        let values = BTreeMap::from([("signing_key".to_owned(), SecretString::from("new"))]);
        let merged = merge(
            Spec::of("mailgun"),
            stored.as_object().unwrap(),
            &values,
            &wishes,
        );
        assert_eq!(
            Value::from(merged),
            json!({ "signing_key": "new", "previous_signing_key": "old", "other": 1 })
        );
    }
}
