//! What the template makes of parameters: which functions with which variables, which outputs, and
//! which rules are broken.

use serde_norway::Value as Yaml;
use serde_norway::value::TaggedValue;

use super::Values;
use super::template::{Template, scalar};
use crate::stack::Stack;

/// A function that the stack would have.
pub(super) struct Deployed {
    pub(super) name: String,
    /// Variables that are empty count as unset, and are left out.
    pub(super) variables: Values,
    /// The parameters that each variable is made of.
    pub(super) made_of: Vec<(String, Vec<String>)>,
}

/// The template with values for all parameters.
struct Evaluation<'a> {
    template: &'a Template,
    values: &'a Values,
}

impl Template {
    /// The functions that a stack with these parameters has.
    pub(super) fn functions(&self, values: &Values) -> Vec<Deployed> {
        let evaluation = Evaluation {
            template: self,
            values,
        };
        let common = &self.yaml["Globals"]["Function"]["Environment"]["Variables"];
        let resources = self.yaml["Resources"].as_mapping().into_iter().flatten();
        let functions = resources.filter(|(_, resource)| {
            resource["Type"].as_str() == Some("AWS::Serverless::Function")
                && evaluation.exists(resource)
        });
        let deployed = functions.filter_map(|(_, function)| {
            let properties = &function["Properties"];
            let name = properties["CodeUri"].as_str()?.rsplit('/').next()?;
            let own = &properties["Environment"]["Variables"];
            let (mut variables, mut made_of) = (Values::new(), Vec::new());
            for (variable, node) in [common, own]
                .into_iter()
                .filter_map(Yaml::as_mapping)
                .flatten()
            {
                let variable = variable.as_str()?;
                variables.insert(variable.to_owned(), evaluation.text(node));
                let mut parameters = Vec::new();
                evaluation.parameters(node, &mut parameters);
                made_of.push((variable.to_owned(), parameters));
            }
            let name = name.to_owned();
            Some(Deployed {
                name,
                variables,
                made_of,
            })
        });
        deployed.collect()
    }

    /// The rules that these parameters break, in the template's words.
    pub(super) fn broken_rules(&self, values: &Values) -> Vec<String> {
        let evaluation = Evaluation {
            template: self,
            values,
        };
        let rules = self.yaml["Rules"].as_mapping().into_iter().flatten();
        let applied = rules.filter(|(_, rule)| {
            rule.get("RuleCondition")
                .is_none_or(|condition| evaluation.holds(condition))
        });
        let assertions =
            applied.flat_map(|(_, rule)| rule["Assertions"].as_sequence().into_iter().flatten());
        assertions
            .filter(|assertion| !evaluation.holds(&assertion["Assert"]))
            .map(|assertion| scalar(&assertion["AssertDescription"]))
            .collect()
    }

    /// A stack with these parameters, as it would be after its deployment. Its URLs are examples.
    pub(crate) fn stack(&self, given: &Values) -> Stack {
        let values = &self.complete(given);
        let evaluation = Evaluation {
            template: self,
            values,
        };
        let outputs = self.yaml["Outputs"].as_mapping().into_iter().flatten();
        let outputs = outputs.filter(|(_, output)| evaluation.exists(output));
        let outputs = outputs.filter_map(|(name, output)| {
            Some((name.as_str()?.to_owned(), evaluation.text(&output["Value"])))
        });
        let mut stack = Stack::default();
        stack.extend(values.clone());
        stack.extend_outputs(outputs);
        stack
    }
}

impl Evaluation<'_> {
    /// Whether a resource or an output exists.
    fn exists(&self, entry: &Yaml) -> bool {
        entry["Condition"]
            .as_str()
            .is_none_or(|name| self.holds(&self.template.yaml["Conditions"][name]))
    }

    fn holds(&self, condition: &Yaml) -> bool {
        let Yaml::Tagged(tagged) = condition else {
            return false;
        };
        let operands = || tagged.value.as_sequence().into_iter().flatten();
        match tag(tagged).as_str() {
            "Equals" => self.text(&tagged.value[0]) == self.text(&tagged.value[1]),
            "Not" => !self.holds(&tagged.value[0]),
            "And" => operands().all(|operand| self.holds(operand)),
            "Or" => operands().any(|operand| self.holds(operand)),
            "Condition" => {
                let name = tagged.value.as_str().unwrap_or_default();
                self.holds(&self.template.yaml["Conditions"][name])
            }
            _ => false,
        }
    }

    /// The branch of an `If`.
    fn branch<'b>(&self, tagged: &'b TaggedValue) -> &'b Yaml {
        let name = tagged.value[0].as_str().unwrap_or_default();
        let holds = self.holds(&self.template.yaml["Conditions"][name]);
        &tagged.value[if holds { 1 } else { 2 }]
    }

    /// A value as text. What only AWS knows has an example in its place.
    fn text(&self, node: &Yaml) -> String {
        let Yaml::Tagged(tagged) = node else {
            return scalar(node);
        };
        let target = tagged.value.as_str().unwrap_or_default();
        match tag(tagged).as_str() {
            "If" => self.text(self.branch(tagged)),
            "Ref" => match (self.values.get(target), target) {
                (Some(value), _) => value.clone(),
                (None, "AWS::NoValue") => String::new(),
                (None, name) => format!("arn:aws:example:eu-west-1:123456789012:{name}-ExAmPl"),
            },
            "GetAtt" if target.ends_with("Url.FunctionUrl") => {
                "https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-west-1.on.aws/".to_owned()
            }
            "Sub" if target.contains(".FunctionUrl}") => {
                "https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-west-1.on.aws/x".to_owned()
            }
            "Sub" => target.replace("${AWS::StackName}", "switchboard"),
            _ => format!("arn:aws:kms:eu-west-1:123456789012:key/{target}"),
        }
    }

    /// The parameters that a value is made of.
    fn parameters(&self, node: &Yaml, found: &mut Vec<String>) {
        let Yaml::Tagged(tagged) = node else {
            return;
        };
        match (tag(tagged).as_str(), tagged.value.as_str()) {
            ("If", _) => self.parameters(self.branch(tagged), found),
            ("Ref", Some(name)) if self.values.contains_key(name) => found.push(name.to_owned()),
            _ => {}
        }
    }
}

fn tag(tagged: &TaggedValue) -> String {
    tagged.tag.to_string().trim_start_matches('!').to_owned()
}
