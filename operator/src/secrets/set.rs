//! `secrets set`: writes given values over the stored ones. Keys that are not given keep their
//! values.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use shared::platform::aws::cause;

use super::given::{Given, collect, variable_name};
use super::keys::{Kind, is_generated};
use super::outcome::{Change, Outcome};
use super::{Found, SENDS, Spec, Vault};
use crate::aws::failed;
use crate::problem::Problem;

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
    // A person who leaves all as it is means it. A pipeline that gives nothing is mistaken.
    let is_person = matches!(given, Given::Terminal | Given::Lacking(_));
    let mut values = collect(spec, given, &stored, wishes)?;
    let is_idle = values.is_empty() && wishes.generate.is_empty() && wishes.remove.is_empty();
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
        Some((id, stored)) => {
            let kept = for_sending(&updated, &stored, wishes);
            Some(write(vault, sends, id, &stored, kept, wishes.dry_run).await?)
        }
        None => None,
    };
    let asked = write(vault, spec, id, &stored, updated, wishes.dry_run).await?;
    if is_idle && !is_person && also.as_ref().is_none_or(Change::is_none) {
        return Err(Problem::Usage(format!(
            "nothing was given for the secret {}; its keys are {}. With --from-env, the variable of the first is {}",
            spec.name,
            names(spec),
            variable_name(spec, spec.layout.keys[0].name)
        )));
    }
    Ok(Outcome { asked, also })
}

/// The part of the secret `twilio` that calls to Twilio require. It contains the Auth Token only if
/// there is no API key. A key that only `stored`, the secret for these calls, has is kept: Twilio
/// shows a key once.
fn for_sending(
    twilio: &Map<String, Value>,
    stored: &Map<String, Value>,
    wishes: &Wishes,
) -> Map<String, Value> {
    const KEY: [&str; 3] = ["account_sid", "api_key_sid", "api_key_secret"];
    let has_key = |secret: &Map<String, Value>| KEY.iter().all(|name| secret.contains_key(*name));
    let is_of_account = stored.get("account_sid") == twilio.get("account_sid");
    let is_unwanted = wishes.replace
        || KEY
            .iter()
            .any(|name| wishes.remove.iter().any(|one| one == name));
    let (source, wanted) = if has_key(twilio) {
        (twilio, &KEY[..])
    } else if has_key(stored) && is_of_account && !is_unwanted {
        (stored, &KEY[..])
    } else {
        (twilio, &["account_sid", "auth_token"][..])
    };
    let values = wanted
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), source.get(*name)?.clone())));
    values.collect()
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

pub(super) fn names(spec: &Spec) -> String {
    spec.layout
        .keys
        .iter()
        .map(|key| key.name)
        .collect::<Vec<_>>()
        .join(", ")
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
