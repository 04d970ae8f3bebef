//! A template, and its values in one stack: intrinsic functions and conditions.
//!
//! The SAM transform is left aside. The resources that it generates are known by their names only.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Map, Value, json};
use serde_norway::Value as Yaml;
use sha2::{Digest as _, Sha256};

use crate::REGION;

/// A template with its functions in the long form: `{"Ref": "Table"}`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Document(Value);

impl Document {
    /// Parses JSON, or YAML with functions in either form.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let yaml: Yaml = serde_norway::from_str(text)
            .map_err(|error| format!("Template format error: YAML not well-formed. {error}"))?;
        let document = long(&yaml);
        let has_resources = document["Resources"]
            .as_object()
            .is_some_and(|resources| !resources.is_empty());
        if has_resources {
            Ok(Self(document))
        } else {
            Err("Template format error: At least one Resources member must be defined.".to_owned())
        }
    }

    /// The entries of a section.
    pub(super) fn section(&self, name: &str) -> impl Iterator<Item = (&String, &Value)> {
        self.0[name].as_object().into_iter().flatten()
    }

    fn entry(&self, section: &str, name: &str) -> Option<&Value> {
        self.0[section].get(name)
    }

    /// The capability that a deployment must acknowledge: the template creates roles.
    pub(super) fn needs_capability(&self) -> bool {
        self.section("Resources").any(|(_, resource)| {
            resource["Type"]
                .as_str()
                .is_some_and(|kind| kind.starts_with("AWS::IAM::"))
        })
    }
}

/// A node with the tags of YAML as functions in the long form.
fn long(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => json!(flag),
        Yaml::Number(number) => serde_json::to_value(number).unwrap_or_default(),
        Yaml::String(text) => json!(text),
        Yaml::Sequence(items) => items.iter().map(long).collect(),
        Yaml::Mapping(entries) => entries
            .iter()
            .map(|(key, value)| (text(&long(key)), long(value)))
            .collect::<Map<_, _>>()
            .into(),
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let operand = long(&tagged.value);
            let (name, operand) = match (tag.trim_start_matches('!'), operand) {
                (name @ ("Ref" | "Condition"), operand) => (name.to_owned(), operand),
                ("GetAtt", Value::String(path)) => {
                    let (resource, attribute) = path.split_once('.').unwrap_or((&path, ""));
                    ("Fn::GetAtt".to_owned(), json!([resource, attribute]))
                }
                (name, operand) => (format!("Fn::{name}"), operand),
            };
            json!({ name: operand })
        }
    }
}

/// A scalar as `CloudFormation` compares and stores it. "-1" and -1 are equal.
pub(super) fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// A document with the parameters of a stack.
pub(super) struct Evaluation<'a> {
    pub(super) document: &'a Document,
    pub(super) parameters: &'a BTreeMap<String, String>,
    pub(super) stack: &'a str,
    /// What the resources of the account are called and where they are, by reference (`Table`,
    /// `SmsGatewayUrl.FunctionUrl`). Others get a name.
    pub(super) known: &'a BTreeMap<String, String>,
}

impl Evaluation<'_> {
    /// True if an entry of a section exists in this stack.
    pub(super) fn exists(&self, entry: &Value) -> Result<bool, String> {
        match entry["Condition"].as_str() {
            Some(name) => self.condition(name, &[]),
            None => Ok(true),
        }
    }

    /// Evaluates a node. `AWS::NoValue` is left out of lists and objects.
    pub(super) fn value(&self, node: &Value) -> Result<Value, String> {
        match node {
            Value::Array(items) => {
                let values = items.iter().map(|item| self.value(item));
                let kept = values.filter(|value| *value != Ok(Value::Null));
                kept.collect()
            }
            Value::Object(entries) => {
                if let (1, Some((name, operand))) = (entries.len(), entries.iter().next())
                    && (name == "Ref" || name.starts_with("Fn::"))
                {
                    return self.function(name, operand);
                }
                let mut values = Map::new();
                for (name, entry) in entries {
                    let value = self.value(entry)?;
                    if !value.is_null() {
                        values.insert(name.clone(), value);
                    }
                }
                Ok(values.into())
            }
            scalar => Ok(scalar.clone()),
        }
    }

    fn function(&self, name: &str, operand: &Value) -> Result<Value, String> {
        match name {
            "Ref" => self.reference(operand.as_str().unwrap_or_default()),
            "Fn::GetAtt" => {
                let part = |index: usize| operand[index].as_str().unwrap_or_default();
                self.attribute(part(0), part(1)).map(Value::from)
            }
            "Fn::If" => {
                let name = operand[0].as_str().unwrap_or_default();
                let holds = self.condition(name, &[])?;
                self.value(&operand[if holds { 1 } else { 2 }])
            }
            "Fn::Sub" => self.substitute(operand).map(Value::from),
            "Fn::Select" => {
                let parts = self.value(&operand[1])?;
                let place = text(&self.value(&operand[0])?).parse().ok();
                let part = place.and_then(|place: usize| parts.get(place).cloned());
                part.ok_or_else(|| "Fn::Select: there is no such part".to_owned())
            }
            "Fn::Join" => {
                let parts = self.value(&operand[1])?;
                let parts: Vec<String> = parts.as_array().into_iter().flatten().map(text).collect();
                Ok(parts.join(&text(&operand[0])).into())
            }
            "Fn::Split" => {
                let whole = text(&self.value(&operand[1])?);
                let separator = text(&operand[0]);
                Ok(whole.split(separator.as_str()).collect())
            }
            "Fn::Equals" | "Fn::Not" | "Fn::And" | "Fn::Or" => {
                self.holds(&json!({ name: operand }), &[]).map(Value::from)
            }
            _ => Err(format!("{name} is not simulated by this sandbox")),
        }
    }

    fn reference(&self, name: &str) -> Result<Value, String> {
        Ok(match name {
            "AWS::NoValue" => Value::Null,
            "AWS::StackName" => self.stack.into(),
            "AWS::Region" => REGION.into(),
            "AWS::AccountId" => "000000000000".into(),
            "AWS::Partition" => "aws".into(),
            "AWS::URLSuffix" => "amazonaws.com".into(),
            _ => match self.parameters.get(name) {
                Some(value) => value.as_str().into(),
                None => self.physical(name)?.into(),
            },
        })
    }

    /// The name of a resource in the account.
    pub(super) fn physical(&self, id: &str) -> Result<String, String> {
        if let Some(known) = self.known.get(id) {
            return Ok(known.clone());
        }
        let Some(resource) = self.document.entry("Resources", id) else {
            return Err(format!(
                "Template format error: Unresolved resource dependencies [{id}] in the Resources block of the template"
            ));
        };
        let unique = hex::encode(Sha256::digest(format!("{} {id}", self.stack)));
        let name = format!("{}-{id}-{}", self.stack, unique[..12].to_uppercase());
        Ok(if resource["Type"] == "AWS::S3::Bucket" {
            name.to_lowercase()
        } else {
            name
        })
    }

    fn attribute(&self, id: &str, attribute: &str) -> Result<String, String> {
        if let Some(known) = self.known.get(&format!("{id}.{attribute}")) {
            return Ok(known.clone());
        }
        // The transform makes `SmsGatewayUrl` of the function `SmsGateway`.
        let source = [Some(id), id.strip_suffix("Url")].into_iter().flatten();
        let mut source = source.filter(|id| self.document.entry("Resources", id).is_some());
        match source.next() {
            Some(id) => Ok(format!("{}.{attribute}", self.physical(id)?)),
            None => Err(format!(
                "Template error: instance of Fn::GetAtt references undefined resource {id}"
            )),
        }
    }

    /// Replaces each `${...}`. The operand is a text, or a text and its own values.
    fn substitute(&self, operand: &Value) -> Result<String, String> {
        let (template, own) = match operand {
            Value::Array(parts) => (parts.first(), parts.get(1)),
            text => (Some(text), None),
        };
        let mut rest = template.and_then(Value::as_str).unwrap_or_default();
        let mut whole = String::new();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            whole.push_str(before);
            if let Some(literal) = name.strip_prefix('!') {
                let _ = write!(whole, "${{{literal}}}");
            } else if let Some(value) = own.and_then(|own| own.get(name)) {
                whole.push_str(&text(&self.value(value)?));
            } else if let Some((id, attribute)) = name.split_once('.') {
                whole.push_str(&self.attribute(id, attribute)?);
            } else {
                whole.push_str(&text(&self.reference(name)?));
            }
            rest = after;
        }
        Ok(whole + rest)
    }

    /// A condition by its name. `trail` has the conditions that asked for it.
    fn condition(&self, name: &str, trail: &[&str]) -> Result<bool, String> {
        let unresolved = || {
            format!("Template format error: Unresolved condition dependency {name} in the template")
        };
        if trail.contains(&name) {
            return Err(unresolved());
        }
        let condition = self.document.entry("Conditions", name);
        let trail = [trail, &[name]].concat();
        self.holds(condition.ok_or_else(unresolved)?, &trail)
    }

    /// Whether a condition or an assertion holds.
    pub(super) fn holds(&self, node: &Value, trail: &[&str]) -> Result<bool, String> {
        let function = node.as_object().and_then(|entries| entries.iter().next());
        let Some((name, operand)) = function else {
            return Ok(text(node) == "true");
        };
        let mut operands = operand.as_array().into_iter().flatten();
        match name.as_str() {
            "Condition" => self.condition(operand.as_str().unwrap_or_default(), trail),
            "Fn::Equals" => Ok(text(&self.value(&operand[0])?) == text(&self.value(&operand[1])?)),
            "Fn::Not" => self.holds(&operand[0], trail).map(|holds| !holds),
            "Fn::And" => operands.try_fold(true, |all, one| Ok(all & self.holds(one, trail)?)),
            "Fn::Or" => operands.try_fold(false, |any, one| Ok(any | self.holds(one, trail)?)),
            _ => Err(format!("{name} is not simulated by this sandbox")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r#"
Conditions:
  On: !Not [!Equals [!Ref Mode, "off"]]
  Both: !And [!Condition On, !Equals [!Ref Number, -1]]
  Circle: !Or [!Condition Circle, !Condition On]
Resources:
  Bucket: { Type: AWS::S3::Bucket }
  Job: { Type: AWS::Serverless::Function, Condition: Both }
"#;

    #[test]
    fn functions_of_both_forms_have_the_values_of_the_stack() {
        let document = Document::parse(TEMPLATE).unwrap();
        let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let parameters = [("Mode", "on"), ("Number", "-1")].map(pair).into();
        let known = [pair(("JobUrl.FunctionUrl", "http://x/"))].into();
        let evaluation = Evaluation {
            document: &document,
            parameters: &parameters,
            stack: "acme",
            known: &known,
        };
        let value = |yaml: &str| {
            let yaml: Yaml = serde_norway::from_str(yaml).unwrap();
            evaluation.value(&long(&yaml)).map(|value| text(&value))
        };
        for (yaml, expected) in [
            ("!Ref Mode", "on"),
            ("!If [Both, !Ref AWS::StackName, no]", "acme"),
            ("{ 'Fn::If': [Both, { Ref: Number }, no] }", "-1"),
            ("!GetAtt JobUrl.FunctionUrl", "http://x/"),
            (
                "!Sub '${JobUrl.FunctionUrl}okta ${!x} ${Mode}'",
                "http://x/okta ${x} on",
            ),
            ("!Sub ['${a}-${Mode}', { a: !Ref Number }]", "-1-on"),
            ("!Join ['/', [a, !Ref AWS::NoValue, !Ref Mode]]", "a/on"),
            ("!Split [',', 'a,b']", r#"["a","b"]"#),
            ("{ a: !Ref AWS::NoValue, b: 1 }", r#"{"b":1}"#),
        ] {
            assert_eq!(value(yaml).as_deref(), Ok(expected), "{yaml}");
        }
        assert!(value("!Ref Bucket").unwrap().starts_with("acme-bucket-"));
        for (yaml, why) in [
            ("!Ref Nothing", "Unresolved resource dependencies [Nothing]"),
            ("!GetAtt No.Arn", "undefined resource No"),
            (
                "!If [Circle, a, b]",
                "Unresolved condition dependency Circle",
            ),
            ("!ImportValue x", "not simulated"),
        ] {
            assert!(value(yaml).unwrap_err().contains(why), "{yaml}");
        }
        assert!(Document::parse("Resources: {}").is_err());
    }
}
