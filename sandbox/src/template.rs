//! The parts of `template.yaml` that the sandbox needs: the functions with their variables and
//! rights, and the table.
//!
//! A value that `CloudFormation` knows only after deployment (an ARN, a parameter without a
//! default) is `None` here. The sandbox uses its own value instead.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

use serde_json::{Map, Value, json};
use serde_norway::Value as Yaml;

use crate::{
    aws::{KEY_ARN, arn_of},
    cloudformation::STACK_NAME,
    rights::{Principals, Rights},
};

/// The resources of the template.
#[derive(Clone, Debug)]
pub struct Template {
    /// In the order of the file. Functions under a condition are included.
    pub functions: Vec<Function>,
    /// The properties of the first `AWS::DynamoDB::Table`, as `CreateTable` takes them except `TimeToLiveSpecification`.
    pub table: Value,
    /// The names of the parameters.
    pub parameters: BTreeSet<String>,
    /// The ARNs of KMS's keys, by the logical id or the parameter that means them.
    pub(crate) keys: BTreeMap<String, String>,
}

/// One `AWS::Serverless::Function`, with `Globals` merged in.
#[derive(Clone, Debug)]
pub struct Function {
    /// Key under `Resources`.
    pub logical_id: String,
    /// Last part of `CodeUri`: package, binary and folder under `functions/`.
    pub name: String,
    /// The condition under which a stack has it, such as `Gateway`.
    pub condition: String,
    /// Lambda kills the process after this time.
    pub timeout: Duration,
    /// MB.
    pub memory: u64,
    /// Declared variables. The value of a parameter is its default.
    pub environment: BTreeMap<String, Option<String>>,
    /// The parameters that each variable's value names.
    pub parameters: BTreeMap<String, BTreeSet<String>>,
    /// The variables that name a secret of the template, with the secret's name in this stack.
    pub secrets: BTreeMap<String, String>,
    /// The variables that hold a Function URL of the template, with the logical id of its function.
    pub urls: BTreeMap<String, String>,
    /// The variables that name a key of KMS, with its ARN.
    pub keys: BTreeMap<String, String>,
    /// The rights of its role.
    pub rights: Rights,
}

/// The folder of `template.yaml`: this repository, or else the current directory.
pub fn root() -> PathBuf {
    let repository = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    if repository.join("template.yaml").exists() {
        repository
            .canonicalize()
            .unwrap_or_else(|_| repository.into())
    } else {
        PathBuf::from(".")
    }
}

impl Template {
    /// This repository's template. A process reads its file once: a test process starts many
    /// sandboxes.
    pub fn read() -> Result<Self, String> {
        static TEMPLATE: OnceLock<Result<Template, String>> = OnceLock::new();
        let read = || Self::read_with(&BTreeMap::new());
        TEMPLATE.get_or_init(read).clone()
    }

    /// This repository's template, with these values of parameters in place of the defaults.
    pub fn read_with(given: &BTreeMap<String, String>) -> Result<Self, String> {
        let path = root().join("template.yaml");
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse_with(&text, given).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Parses a template. It evaluates the intrinsic functions `Ref` and `If` with its conditions.
    /// The value of any other function is unknown before deployment.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::parse_with(text, &BTreeMap::new())
    }

    fn parse_with(text: &str, given: &BTreeMap<String, String>) -> Result<Self, String> {
        let yaml: Yaml = serde_norway::from_str(text).map_err(|error| error.to_string())?;
        let parameters = yaml["Parameters"].as_mapping().into_iter().flatten();
        let parameters: BTreeSet<_> = parameters
            .filter_map(|(name, _)| Some(name.as_str()?.to_owned()))
            .collect();
        let known = Known {
            parameters: &yaml["Parameters"],
            conditions: &yaml["Conditions"],
            given,
        };
        let globals = known.value(&yaml["Globals"]["Function"]);
        let resources = yaml["Resources"].as_mapping().ok_or("no Resources")?;
        let (secrets, mut functions, mut table) =
            (secrets(&yaml["Resources"]), Vec::new(), Value::Null);
        let keys = keys(&yaml);
        for (id, resource) in resources {
            let id = id.as_str().unwrap_or_default();
            let properties = known.value(&resource["Properties"]);
            match resource["Type"].as_str() {
                Some("AWS::Serverless::Function") => {
                    let mut function = function(id, &globals, &properties)?;
                    let condition = resource["Condition"].as_str();
                    condition
                        .unwrap_or_default()
                        .clone_into(&mut function.condition);
                    for (name, value) in resource["Properties"]["Environment"]["Variables"]
                        .as_mapping()
                        .into_iter()
                        .flatten()
                    {
                        let url = function_url(value);
                        function.urls.extend(
                            name.as_str()
                                .zip(url)
                                .map(|(name, id)| (name.to_owned(), id.to_owned())),
                        );
                        let secret = secret(known.chosen(value), &secrets);
                        function.secrets.extend(
                            name.as_str()
                                .zip(secret)
                                .map(|(name, secret)| (name.to_owned(), secret.clone())),
                        );
                    }
                    let variables = &resource["Properties"]["Environment"]["Variables"];
                    let variables = variables.as_mapping().into_iter().flatten();
                    let named = variables.filter_map(|(name, value)| {
                        Some((name.as_str()?.to_owned(), keys.get(key(value)?)?.clone()))
                    });
                    function.keys = named.collect();
                    function.parameters = [&yaml["Globals"]["Function"], &resource["Properties"]]
                        .into_iter()
                        .filter_map(|of| of["Environment"]["Variables"].as_mapping())
                        .flatten()
                        .filter_map(|(name, value)| {
                            let named = named_parameters(value);
                            let named = named.intersection(&parameters).cloned().collect();
                            Some((name.as_str()?.to_owned(), named))
                        })
                        .collect();
                    let role = referred(&resource["Properties"]["Role"], "GetAtt")
                        .and_then(|role| role.strip_suffix(".Arn"));
                    function.rights = Rights::of(
                        &yaml["Resources"][role.unwrap_or_default()],
                        &secrets,
                        &keys,
                    );
                    functions.push(function);
                }
                Some("AWS::DynamoDB::Table") if table.is_null() => table = properties,
                _ => {}
            }
        }
        Ok(Self {
            functions,
            table,
            parameters,
            keys,
        })
    }

    /// The functions, with the rights of their roles.
    pub(crate) fn principals(&self) -> Principals {
        let functions = self.functions.iter();
        Principals::new(functions.map(|function| (function.name.clone(), function.rights.clone())))
    }

    /// The function of this name.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }
}

/// The target of a plain reference with this tag.
fn referred<'a>(yaml: &'a Yaml, tag: &str) -> Option<&'a str> {
    match yaml {
        Yaml::Tagged(tagged) if tagged.tag == tag => tagged.value.as_str(),
        _ => None,
    }
}

/// What the values of a node refer to. A condition is not one of them.
fn named_parameters(yaml: &Yaml) -> BTreeSet<String> {
    match yaml {
        Yaml::Tagged(tagged) if tagged.tag == "If" => {
            let branches = tagged.value.as_sequence().into_iter().flatten().skip(1);
            branches.flat_map(named_parameters).collect()
        }
        _ => referred(yaml, "Ref")
            .map(str::to_owned)
            .into_iter()
            .collect(),
    }
}

/// The logical id of the function whose Function URL a value is, also if that depends on a
/// condition.
fn function_url(yaml: &Yaml) -> Option<&str> {
    match yaml {
        Yaml::Tagged(tagged) if tagged.tag == "If" => {
            tagged.value.as_sequence()?.iter().find_map(function_url)
        }
        _ => referred(yaml, "GetAtt")?.strip_suffix("Url.FunctionUrl"),
    }
}

/// The names of the secrets in this stack, by logical id.
fn secrets(resources: &Yaml) -> BTreeMap<String, String> {
    let entries = resources.as_mapping().into_iter().flatten();
    let secrets = entries
        .filter(|(_, resource)| resource["Type"].as_str() == Some("AWS::SecretsManager::Secret"));
    let named = secrets.filter_map(|(id, secret)| {
        let name = referred(&secret["Properties"]["Name"], "Sub")?
            .replace("${AWS::StackName}", STACK_NAME);
        Some((id.as_str()?.to_owned(), name))
    });
    named.collect()
}

/// The name of the secret that a variable names: by a reference, or by its name as the template
/// gives it.
fn secret<'a>(yaml: &Yaml, secrets: &'a BTreeMap<String, String>) -> Option<&'a String> {
    let Some(name) = referred(yaml, "Sub") else {
        return secrets.get(referred(yaml, "Ref")?);
    };
    let name = name.replace("${AWS::StackName}", STACK_NAME);
    secrets.values().find(|known| **known == name)
}

/// The name of what may be a key: the parameter of a `!Ref`, the resource of a `!GetAtt`.
fn key(yaml: &Yaml) -> Option<&str> {
    referred(yaml, "Ref").or_else(|| referred(yaml, "GetAtt")?.strip_suffix(".Arn"))
}

/// The ARNs of the keys in this stack and of the one outside of it, by the names that mean them.
fn keys(template: &Yaml) -> BTreeMap<String, String> {
    let entries = |section: &str| {
        let mapping = template[section].as_mapping().into_iter().flatten();
        mapping.filter_map(|(name, entry)| Some((name.as_str()?.to_owned(), entry)))
    };
    let parameters = entries("Parameters").map(|(name, _)| name);
    let outside = parameters.filter(|name| name.ends_with("KeyArn"));
    let resources =
        entries("Resources").filter(|(_, entry)| entry["Type"].as_str() == Some("AWS::KMS::Key"));
    outside
        .map(|name| (name, KEY_ARN.to_owned()))
        .chain(resources.map(|(id, _)| (id.clone(), arn_of(&id))))
        .collect()
}

fn function(id: &str, globals: &Value, properties: &Value) -> Result<Function, String> {
    let either = |name: &str| {
        [&properties[name], &globals[name]]
            .into_iter()
            .find(|value| !value.is_null())
    };
    let mut environment = BTreeMap::new();
    for source in [globals, properties] {
        for (name, value) in source["Environment"]["Variables"]
            .as_object()
            .into_iter()
            .flatten()
        {
            let value = match value {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            };
            environment.insert(name.clone(), value);
        }
    }
    let code = properties["CodeUri"]
        .as_str()
        .ok_or_else(|| format!("{id}: no CodeUri"))?;
    Ok(Function {
        logical_id: id.to_owned(),
        name: code
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or(code)
            .to_owned(),
        condition: String::new(),
        timeout: Duration::from_secs(either("Timeout").and_then(Value::as_u64).unwrap_or(3)), // Lambda's default
        memory: either("MemorySize").and_then(Value::as_u64).unwrap_or(128),
        environment,
        parameters: BTreeMap::new(),
        secrets: BTreeMap::new(),
        urls: BTreeMap::new(),
        keys: BTreeMap::new(),
        rights: Rights::default(),
    })
}

/// The parameters that switch an integration on, or an entrance of the gateway, if they have another
/// value than the one that means off.
const SWITCHES: [&str; 8] = [
    "MailSenders",
    "SmsRoutes",
    "OktaHook",
    "OktaUrl",
    "AreaPrefixes",
    "ApiAudience",
    "GenericMapping",
    "StandardWebhooks",
];

struct Known<'a> {
    parameters: &'a Yaml,
    conditions: &'a Yaml,
    /// Values in place of the parameters' defaults.
    given: &'a BTreeMap<String, String>,
}

impl Known<'_> {
    /// Evaluates a node. An unknown value is null.
    fn value(&self, yaml: &Yaml) -> Value {
        match yaml {
            Yaml::Bool(flag) => json!(flag),
            Yaml::Number(number) => serde_json::to_value(number).unwrap_or_default(),
            Yaml::String(text) => json!(text),
            Yaml::Sequence(items) => items.iter().map(|item| self.value(item)).collect(),
            Yaml::Mapping(entries) => entries
                .iter()
                .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), self.value(value))))
                .collect::<Map<_, _>>()
                .into(),
            Yaml::Tagged(tagged) if tagged.tag == "Ref" => {
                let name = tagged.value.as_str().unwrap_or_default();
                match self.given.get(name) {
                    Some(value) => json!(value),
                    None => self.value(&self.parameters[&tagged.value]["Default"]),
                }
            }
            Yaml::Tagged(tagged) if tagged.tag == "If" => self.value(self.chosen(yaml)),
            Yaml::Null | Yaml::Tagged(_) => Value::Null,
        }
    }

    /// The branch of an `If`; any other node as it is.
    fn chosen<'b>(&self, yaml: &'b Yaml) -> &'b Yaml {
        match yaml {
            Yaml::Tagged(tagged) if tagged.tag == "If" => {
                let holds = self.holds(&self.conditions[&tagged.value[0]]);
                self.chosen(&tagged.value[if holds { 1 } else { 2 }])
            }
            _ => yaml,
        }
    }

    /// Whether a node is a parameter that switches something on. A sandbox has it all.
    fn is_switch(node: &Yaml) -> bool {
        referred(node, "Ref").is_some_and(|parameter| SWITCHES.contains(&parameter))
    }

    fn holds(&self, condition: &Yaml) -> bool {
        let Yaml::Tagged(tagged) = condition else {
            return false;
        };
        let mut operands = tagged.value.as_sequence().into_iter().flatten();
        match tagged.tag.to_string().trim_start_matches('!') {
            // `CloudFormation` treats "-1" and -1 as equal.
            "Equals" if Self::is_switch(&tagged.value[0]) => false,
            "Equals" => text(&self.value(&tagged.value[0])) == text(&self.value(&tagged.value[1])),
            "Not" => !self.holds(&tagged.value[0]),
            "And" => operands.all(|operand| self.holds(operand)),
            "Or" => operands.any(|operand| self.holds(operand)),
            "Condition" => self.holds(&self.conditions[&tagged.value]),
            _ => false,
        }
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r#"
Parameters:
  Url: { Type: String }
  Prefix: { Type: String, Default: acme }
  Pattern: { Type: String, Default: "" }
  Hours: { Type: Number, Default: 8 }
  OuterKeyArn: { Type: String }
  Reserved: { Type: Number, Default: "-1" }
Conditions:
  ByPattern: !Not [!Equals [!Ref Pattern, ""]]
  Both: !And [!Condition ByPattern, !Equals [!Ref Reserved, -1]]
Globals:
  Function:
    Timeout: 15
    Environment: { Variables: { TABLE_NAME: !Ref Table, LEVEL: info, CLEAR: one } }
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties: { BillingMode: PAY_PER_REQUEST, KeySchema: [{ AttributeName: pk, KeyType: HASH }] }
  SendIt:
    Type: AWS::Serverless::Function
    Condition: Both
    Properties:
      CodeUri: functions/send-it/
      MemorySize: 256
      Role: !GetAtt SendItRole.Arn
      Environment:
        Variables:
          URL: !Ref Url
          CLEAR: ""
          PREFIX: !If [ByPattern, "", !Ref Prefix]
          BOTH: !If [Both, yes, no]
          HOURS: !Ref Hours
          SECRET: !Sub "${AWS::StackName}/it"
          KEY_SECRET: !Ref KeySecret
          SAME_SECRET: !Sub "${AWS::StackName}/key"
          NEXT_URL: !If [Both, !Ref Url, !GetAtt SendItUrl.FunctionUrl]
          OUTER_KEY_ARN: !Ref OuterKeyArn
          INNER_KEY_ARN: !GetAtt InnerKey.Arn
  SendItRole:
    Type: AWS::IAM::Role
    Properties: { Policies: [{ PolicyDocument: { Statement: [{ Action: secretsmanager:GetSecretValue, Resource: !Ref KeySecret }] } }] }
  InnerKey: { Type: AWS::KMS::Key }
  KeySecret:
    Type: AWS::SecretsManager::Secret
    Properties: { Name: !Sub "${AWS::StackName}/key" }
"#;

    #[test]
    fn functions_have_defaults_and_globals() {
        let template = Template::parse(TEMPLATE).unwrap();
        let function = template.function("send-it").unwrap();
        assert_eq!(
            (
                function.logical_id.as_str(),
                function.timeout,
                function.memory
            ),
            ("SendIt", Duration::from_secs(15), 256)
        );
        let expected = [
            ("BOTH", Some("no")),
            ("CLEAR", Some("")),
            ("HOURS", Some("8")),
            ("INNER_KEY_ARN", None),
            ("KEY_SECRET", None),
            ("LEVEL", Some("info")),
            ("NEXT_URL", None),
            ("OUTER_KEY_ARN", None),
            ("PREFIX", Some("acme")),
            ("SAME_SECRET", None),
            ("SECRET", None),
            ("TABLE_NAME", None),
            ("URL", None),
        ];
        let found: Vec<_> = function
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
            .collect();
        assert_eq!(found, expected);
        assert_eq!(template.table["KeySchema"][0]["AttributeName"], "pk");
        assert_eq!(
            function.secrets,
            BTreeMap::from(
                ["KEY_SECRET", "SAME_SECRET"]
                    .map(|name| (name.to_owned(), "switchboard/key".to_owned()))
            )
        );
        assert_eq!(
            function.urls,
            BTreeMap::from([("NEXT_URL".to_owned(), "SendIt".to_owned())])
        );
        assert!(function.rights.may_read("switchboard/key"));
        let (outer, inner) = (
            &function.keys["OUTER_KEY_ARN"],
            &function.keys["INNER_KEY_ARN"],
        );
        assert_eq!((outer.as_str(), function.keys.len()), (KEY_ARN, 2));
        assert!(inner != outer && template.keys.values().any(|arn| arn == inner));
    }

    #[test]
    fn a_given_parameter_reaches_its_variables_and_the_conditions() {
        let given = [("Prefix", "other"), ("Pattern", ""), ("Hours", "9")];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let template = Template::parse_with(TEMPLATE, &BTreeMap::from(given)).unwrap();
        let function = template.function("send-it").unwrap();
        assert_eq!(function.environment["PREFIX"].as_deref(), Some("other"));
        assert_eq!(function.environment["HOURS"].as_deref(), Some("9"));
        assert_eq!(
            function.parameters["PREFIX"],
            BTreeSet::from(["Prefix".to_owned()])
        );
        assert_eq!(function.parameters["SECRET"], BTreeSet::new());
        let given = BTreeMap::from([("Pattern".to_owned(), "p".to_owned())]);
        let template = Template::parse_with(TEMPLATE, &given).unwrap();
        let function = template.function("send-it").unwrap();
        assert_eq!(function.environment["PREFIX"].as_deref(), Some(""));
        assert_eq!(function.environment["BOTH"].as_deref(), Some("yes"));
        assert!(template.parameters.contains("Reserved"));
    }

    #[test]
    fn the_real_template_is_understood() {
        let template = Template::read().unwrap();
        assert!(
            template.function("send-verification-sms").is_some()
                && template.function("receive-confirmation-sms").is_some()
        );
        assert_eq!(
            template.table["TimeToLiveSpecification"]["AttributeName"],
            "expires_at"
        );
    }
}
