//! Change sets, and what becomes of a stack when one is executed.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    Stack, Surroundings,
    document::{Document, Evaluation, text},
    parameters::{Given, broken_rule, resolve},
};
use crate::{REGION, random};

/// A stack with its history.
#[derive(Default)]
pub(super) struct Record {
    pub(super) stack: Stack,
    pub(super) tags: BTreeMap<String, String>,
    /// The oldest is the first.
    pub(super) events: Vec<Event>,
    pub(super) change_sets: Vec<ChangeSet>,
    /// When it was updated last.
    pub(super) updated: Option<Duration>,
    /// What a change set made. A stack that was set as a whole has none.
    resources: BTreeMap<String, Resource>,
}

/// A resource with its evaluated properties.
#[derive(Clone, Debug, PartialEq)]
struct Resource {
    kind: String,
    properties: Value,
    /// Its name in the account.
    physical: String,
}

pub(super) struct Event {
    pub(super) id: String,
    pub(super) time: Duration,
    pub(super) resource: String,
    pub(super) kind: String,
    pub(super) physical: String,
    pub(super) status: String,
    pub(super) reason: Option<String>,
}

/// What a request for a change set wishes.
pub(super) struct Wish {
    pub(super) name: String,
    pub(super) is_new: bool,
    pub(super) template: String,
    pub(super) parameters: BTreeMap<String, Given>,
    pub(super) capabilities: BTreeSet<String>,
    pub(super) tags: BTreeMap<String, String>,
}

pub(super) struct ChangeSet {
    pub(super) id: String,
    pub(super) name: String,
    /// Why it cannot be executed.
    pub(super) failure: Option<&'static str>,
    pub(super) changes: Vec<Change>,
    target: Target,
}

pub(super) struct Change {
    pub(super) action: &'static str,
    pub(super) resource: String,
    pub(super) kind: String,
}

#[derive(Default)]
struct Target {
    stack: Stack,
    tags: BTreeMap<String, String>,
    resources: BTreeMap<String, Resource>,
}

/// The code and the message of an error.
pub(super) type Refusal = (&'static str, String);

pub(super) const IN_REVIEW: &str = "REVIEW_IN_PROGRESS";

/// `CloudFormation` keeps the events of 90 days. A person reads the last ones.
const EVENTS: usize = 2_000;

fn invalid(why: impl Into<String>) -> Refusal {
    ("ValidationError", why.into())
}

impl Record {
    /// A stack that no change set made.
    pub(super) fn of(stack: Stack) -> Self {
        Self {
            stack,
            ..Self::default()
        }
    }

    /// True if a change set may create the stack.
    pub(super) fn is_open(&self) -> bool {
        self.stack.status == IN_REVIEW
    }

    /// Works out a change set. The stack stays as it is.
    pub(super) fn plan(
        &mut self,
        name: &str,
        wish: Wish,
        surroundings: &Surroundings,
    ) -> Result<&ChangeSet, Refusal> {
        let document = Document::parse(&wish.template).map_err(invalid)?;
        let acknowledged = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"];
        if document.needs_capability()
            && !acknowledged
                .iter()
                .any(|one| wish.capabilities.contains(*one))
        {
            return Err((
                "InsufficientCapabilitiesException",
                "Requires capabilities : [CAPABILITY_IAM]".to_owned(),
            ));
        }
        let is_taken = |set: &ChangeSet| set.name == wish.name;
        if self.change_sets.iter().any(is_taken) {
            let why = format!("ChangeSet {} already exists", wish.name);
            return Err(("AlreadyExistsException", why));
        }
        let parameters =
            resolve(&document, &wish.parameters, &self.stack.parameters).map_err(invalid)?;
        let evaluation = Evaluation {
            document: &document,
            parameters: &parameters,
            stack: name,
            known: &surroundings.resources,
        };
        if let Some(why) = broken_rule(&evaluation).map_err(invalid)? {
            return Err(invalid(why));
        }
        let (resources, outputs) = wanted(&evaluation).map_err(invalid)?;
        let changes = self.changes(&resources);
        let is_same = changes.is_empty() && outputs == self.stack.outputs && !self.is_open();
        let suffix = random::uuid();
        self.change_sets.push(ChangeSet {
            id: format!(
                "arn:aws:cloudformation:{REGION}:000000000000:changeSet/{}/{suffix}",
                wish.name
            ),
            name: wish.name,
            failure: is_same.then_some(
                "The submitted information didn't contain changes. Submit different information to create a change set.",
            ),
            changes,
            target: Target {
                stack: Stack {
                    status: String::new(),
                    outputs,
                    parameters,
                },
                tags: wish.tags,
                resources,
            },
        });
        self.change_sets
            .last()
            .ok_or_else(|| invalid("no change set"))
    }

    fn changes(&self, wanted: &BTreeMap<String, Resource>) -> Vec<Change> {
        let change = |action, resource: &String, kind: &String| Change {
            action,
            resource: resource.clone(),
            kind: kind.clone(),
        };
        let is_unknown = self.resources.is_empty() && !self.is_open();
        let mut changes: Vec<Change> = Vec::new();
        for (id, resource) in wanted {
            match self.resources.get(id) {
                Some(present) if present == resource => {}
                None if !is_unknown => changes.push(change("Add", id, &resource.kind)),
                _ => changes.push(change("Modify", id, &resource.kind)),
            }
        }
        let gone = self.resources.iter();
        let gone = gone.filter(|(id, _)| !wanted.contains_key(*id));
        changes.extend(gone.map(|(id, resource)| change("Remove", id, &resource.kind)));
        changes
    }

    /// Executes a change set. `broken` is a resource that cannot be made, and why.
    pub(super) fn execute(
        &mut self,
        name: &str,
        id: &str,
        broken: Option<&(String, String)>,
        surroundings: &Surroundings,
    ) -> Result<(), Refusal> {
        let is_named = |set: &ChangeSet| set.id == id || set.name == id;
        let Some(index) = self.change_sets.iter().position(is_named) else {
            return Err(no_change_set(id));
        };
        if self.change_sets[index].failure.is_some() {
            let why = format!(
                "ChangeSet [{}] cannot be executed in its current status of [FAILED]",
                self.change_sets[index].id
            );
            return Err(("InvalidChangeSetStatus", why));
        }
        let set = self.change_sets.swap_remove(index);
        // As in AWS, the others are of a stack that there is no more.
        self.change_sets.clear();
        let verb = if self.is_open() { "CREATE" } else { "UPDATE" };
        self.tell_stack(name, &format!("{verb}_IN_PROGRESS"), Some("User Initiated"));
        for change in &set.changes {
            let verb = match change.action {
                "Add" => "CREATE",
                "Remove" => "DELETE",
                _ => "UPDATE",
            };
            let physical = set.target.resources.get(&change.resource);
            let physical = physical.or_else(|| self.resources.get(&change.resource));
            let physical = physical.map_or_else(String::new, |found| found.physical.clone());
            let mut tell = |status: &str, reason| {
                let (resource, kind) = (&change.resource, &change.kind);
                self.tell(
                    resource,
                    kind,
                    &physical,
                    &format!("{verb}_{status}"),
                    reason,
                );
            };
            tell("IN_PROGRESS", None);
            if let Some((_, why)) = broken.filter(|(id, _)| *id == change.resource) {
                tell("FAILED", Some(why));
                let why = format!(
                    "The following resource(s) failed to create: [{}]. ",
                    change.resource
                );
                let rollback = match verb {
                    "CREATE" if self.is_open() => "ROLLBACK",
                    _ => "UPDATE_ROLLBACK",
                };
                self.tell_stack(name, &format!("{rollback}_IN_PROGRESS"), Some(&why));
                self.tell_stack(name, &format!("{rollback}_COMPLETE"), None);
                self.stack.status = format!("{rollback}_COMPLETE");
                return Ok(());
            }
            tell("COMPLETE", None);
        }
        self.settle(&set.target, surroundings);
        self.updated = (verb == "UPDATE").then(crate::now);
        self.tell_stack(name, &format!("{verb}_COMPLETE"), None);
        self.stack = Stack {
            status: format!("{verb}_COMPLETE"),
            ..set.target.stack
        };
        self.tags = set.target.tags;
        self.resources = set.target.resources;
        Ok(())
    }

    /// Makes the buckets and the secrets of a stack, and deletes the secrets that it has no more.
    fn settle(&self, target: &Target, surroundings: &Surroundings) {
        for (id, resource) in &target.resources {
            // A new description changes no value.
            let is_new = self.resources.get(id).is_none_or(|old| {
                ["Name", "SecretString", "GenerateSecretString"]
                    .iter()
                    .any(|key| old.properties[key] != resource.properties[key])
            });
            match resource.kind.as_str() {
                "AWS::S3::Bucket" => surroundings.buckets.create(&resource.physical),
                "AWS::SecretsManager::Secret" if is_new => {
                    let properties = &resource.properties;
                    let value = secret_value(properties);
                    let [name, description] =
                        ["Name", "Description"].map(|key| text(&properties[key]));
                    surroundings.secrets.create(&name, &description, &value);
                }
                _ => {}
            }
        }
        for (id, resource) in &self.resources {
            if resource.kind == "AWS::SecretsManager::Secret" && !target.resources.contains_key(id)
            {
                surroundings
                    .secrets
                    .remove(&text(&resource.properties["Name"]));
            }
        }
    }

    /// Notes an event of the stack itself.
    pub(super) fn tell_stack(&mut self, name: &str, status: &str, reason: Option<&str>) {
        self.tell(
            name,
            "AWS::CloudFormation::Stack",
            &super::id(name),
            status,
            reason,
        );
    }

    fn tell(&mut self, id: &str, kind: &str, physical: &str, status: &str, reason: Option<&str>) {
        // Clients tell old events from new ones by their time.
        let after = |event: &Event| event.time + Duration::from_millis(1);
        let time = self.events.last().map(after).unwrap_or_default();
        self.events.push(Event {
            id: random::uuid(),
            time: crate::now().max(time),
            resource: id.to_owned(),
            kind: kind.to_owned(),
            physical: physical.to_owned(),
            status: status.to_owned(),
            reason: reason.map(str::to_owned),
        });
        let excess = self.events.len().saturating_sub(EVENTS);
        self.events.drain(..excess);
    }
}

pub(super) fn no_change_set(id: &str) -> Refusal {
    let why = format!("ChangeSet [{id}] does not exist");
    ("ChangeSetNotFound", why)
}

/// The value with which a stack creates a secret.
fn secret_value(properties: &Value) -> String {
    let generated = &properties["GenerateSecretString"];
    match generated["GenerateStringKey"].as_str() {
        Some(key) => {
            let template = text(&generated["SecretStringTemplate"]);
            let mut value: Value = serde_json::from_str(&template).unwrap_or_else(|_| json!({}));
            value[key] = random::hex(32).into();
            value.to_string()
        }
        None => text(&properties["SecretString"]),
    }
}

type Wanted = (BTreeMap<String, Resource>, BTreeMap<String, String>);

/// The resources and outputs of a stack.
fn wanted(evaluation: &Evaluation<'_>) -> Result<Wanted, String> {
    let mut resources = BTreeMap::new();
    for (id, resource) in evaluation.document.section("Resources") {
        if evaluation.exists(resource)? {
            let made = Resource {
                kind: text(&resource["Type"]),
                properties: evaluation.value(&resource["Properties"])?,
                physical: evaluation.physical(id)?,
            };
            resources.insert(id.clone(), made);
        }
    }
    let mut outputs = BTreeMap::new();
    for (name, output) in evaluation.document.section("Outputs") {
        if evaluation.exists(output)? {
            outputs.insert(name.clone(), text(&evaluation.value(&output["Value"])?));
        }
    }
    Ok((resources, outputs))
}
