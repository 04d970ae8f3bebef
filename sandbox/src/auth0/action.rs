//! An Action: its code, its secrets, its build.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::tenant::THEN;

/// An Action with the values of its secrets. The API never returns these values.
#[derive(Clone, Debug)]
pub struct Action {
    /// A UUID.
    pub id: String,
    /// A name for administrators.
    pub name: String,
    /// `custom-phone-provider`...
    pub trigger: String,
    /// The source as last saved.
    pub code: String,
    /// `node22`...
    pub runtime: String,
    /// Values of the secrets, by name.
    pub secrets: BTreeMap<String, String>,
    /// The running version, if any: code and secrets at its deployment.
    pub deployed: Option<(String, BTreeMap<String, String>)>,
    /// The build is complete after this many more reads of the Action.
    pub(super) building: u32,
    pub(super) versions: u32,
}

impl Action {
    /// True if the saved version is the deployed one.
    pub fn is_deployed(&self) -> bool {
        self.deployed
            .as_ref()
            .is_some_and(|(code, secrets)| *code == self.code && *secrets == self.secrets)
    }

    fn status(&self) -> &'static str {
        if self.building == 0 {
            "built"
        } else {
            "building"
        }
    }

    pub(super) fn triggers(&self) -> Value {
        json!([{ "id": self.trigger, "version": "v1" }])
    }

    pub(super) fn wire(&self) -> Value {
        let secret = |name: &String| json!({ "name": name, "updated_at": THEN });
        let mut action = json!({
            "id": self.id, "name": self.name, "supported_triggers": self.triggers(), "code": self.code,
            "dependencies": [], "runtime": self.runtime, "secrets": self.secrets.keys().map(secret).collect::<Vec<_>>(),
            "status": self.status(), "all_changes_deployed": self.is_deployed(), "created_at": THEN, "updated_at": THEN,
            "installed_integration_id": null,
        });
        if let Some((code, _)) = &self.deployed {
            action["deployed_version"] = json!({ "code": code, "number": self.versions, "deployed": true, "status": "built", "runtime": self.runtime });
        }
        action
    }

    /// Takes code, name, runtime and secrets from a body. A secret without a value keeps its old
    /// value.
    pub(super) fn change(&mut self, body: &Map<String, Value>) -> Result<(), String> {
        for (name, place) in [
            ("name", &mut self.name),
            ("code", &mut self.code),
            ("runtime", &mut self.runtime),
        ] {
            if let Some(value) = body.get(name) {
                value
                    .as_str()
                    .ok_or_else(|| format!("{name} is not a text"))?
                    .clone_into(place);
            }
        }
        if body
            .get("dependencies")
            .is_some_and(|dependencies| *dependencies != json!([]))
        {
            return Err("dependencies are not simulated".to_owned());
        }
        if let Some(secrets) = body.get("secrets") {
            let mut new = BTreeMap::new();
            for secret in secrets.as_array().ok_or("secrets is not a list")? {
                let name = secret["name"].as_str().ok_or("a secret without a name")?;
                let value = secret["value"]
                    .as_str()
                    .or_else(|| self.secrets.get(name).map(String::as_str));
                new.insert(
                    name.to_owned(),
                    value
                        .ok_or_else(|| format!("secret {name} has no value"))?
                        .to_owned(),
                );
            }
            self.secrets = new;
        }
        if self.name.is_empty() {
            Err("name is missing".to_owned())
        } else {
            Ok(())
        }
    }
}
