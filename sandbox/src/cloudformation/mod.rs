//! `CloudFormation`: deployed stacks, and change sets that deploy them.
//!
//! Imitates
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html> in the
//! query protocol, as far as the CLI and `sam deploy` use it. Everything is complete at once, and
//! each list has only one page. A change set checks parameters, rules and conditions and makes
//! outputs, buckets and secrets. The functions of a deployed stack are those that run in the
//! sandbox.

mod api;
mod deployment;
mod document;
mod parameters;
mod query;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};

use axum::Router;
use serde_norway::Value as Yaml;

use self::deployment::Record;
use crate::{
    REGION,
    aws::{Buckets, Vault},
    template::root,
    wire::{Server, lock},
};

/// The stack of all resources in a sandbox.
pub const STACK_NAME: &str = "switchboard";

/// A stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stack {
    /// `CREATE_COMPLETE`, `UPDATE_COMPLETE`, `ROLLBACK_COMPLETE`...
    pub status: String,
    /// By key.
    pub outputs: BTreeMap<String, String>,
    /// By key. A parameter that was not given has its default.
    pub parameters: BTreeMap<String, String>,
}

/// What else is in the account, as far as a deployment needs it.
pub(crate) struct Surroundings {
    /// The names and addresses of resources, by reference (`Table`, `SmsGatewayUrl.FunctionUrl`).
    pub(crate) resources: BTreeMap<String, String>,
    /// Where templates and packages are.
    pub(crate) buckets: Buckets,
    /// Where a stack creates its secrets.
    pub(crate) secrets: Vault,
}

struct Account {
    stacks: Mutex<BTreeMap<String, Record>>,
    surroundings: Surroundings,
    /// A resource that cannot be made, and why.
    broken: Mutex<Option<(String, String)>>,
}

/// The `CloudFormation` simulator.
pub struct CloudFormation {
    server: Server,
    account: Arc<Account>,
}

impl CloudFormation {
    /// Serves `https://cloudformation.REGION.amazonaws.com` on this port or on a free one, without
    /// any stack.
    pub(crate) async fn start(port: Option<u16>, surroundings: Surroundings) -> io::Result<Self> {
        let account = Arc::new(Account {
            stacks: Mutex::default(),
            surroundings,
            broken: Mutex::default(),
        });
        let router = Router::new()
            .fallback(api::serve)
            .with_state(Arc::clone(&account));
        Ok(Self {
            server: Server::start_on("CloudFormation", port.unwrap_or(0), router).await?,
            account,
        })
    }

    /// The server, with its exchanges, faults and complaints.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Deploys a stack. It replaces a stack of the same name.
    pub fn set_stack(&self, name: &str, stack: Stack) {
        lock(&self.account.stacks).insert(name.to_owned(), Record::of(stack));
    }

    /// Changes a deployed stack.
    pub fn change_stack(&self, name: &str, change: impl FnOnce(&mut Stack)) {
        let mut stacks = lock(&self.account.stacks);
        let record = stacks.get_mut(name);
        change(&mut record.unwrap_or_else(|| panic!("no stack {name}")).stack);
    }

    /// A stack in its present state.
    pub fn stack(&self, name: &str) -> Option<Stack> {
        lock(&self.account.stacks)
            .get(name)
            .map(|record| record.stack.clone())
    }

    /// Deletes a stack.
    pub fn remove_stack(&self, name: &str) {
        lock(&self.account.stacks).remove(name);
    }

    /// From now on, a deployment that makes or changes this resource fails for this reason, and is
    /// rolled back. `None`: deployments succeed again.
    pub fn break_resource(&self, broken: Option<(&str, &str)>) {
        *lock(&self.account.broken) =
            broken.map(|(resource, why)| (resource.to_owned(), why.to_owned()));
    }
}

impl Stack {
    /// The stack of this repository's template. `parameter` returns parameters. `resource` returns
    /// resources by a reference (`Table`, `SmsGatewayUrl.FunctionUrl`). An output with any other
    /// reference is left out.
    pub(crate) fn of_template(
        parameter: impl Fn(&str) -> Option<String>,
        resource: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let text = std::fs::read_to_string(root().join("template.yaml"))
            .map_err(|error| error.to_string())?;
        let yaml: Yaml = serde_norway::from_str(&text).map_err(|error| error.to_string())?;
        let entries = |section: &str| {
            let mapping = yaml[section].as_mapping().cloned().unwrap_or_default();
            mapping
                .into_iter()
                .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), value)))
        };
        let scalar = |value: &Yaml| match value {
            Yaml::String(text) => Some(text.clone()),
            Yaml::Number(number) => Some(number.to_string()),
            Yaml::Bool(flag) => Some(flag.to_string()),
            _ => None,
        };
        let known = |key: String, entry: &Yaml| {
            let value = parameter(&key).or_else(|| scalar(&entry["Default"]))?;
            Some((key, value))
        };
        let parameters = entries("Parameters")
            .filter_map(|(key, entry)| known(key, &entry))
            .collect::<BTreeMap<_, _>>();
        let lookup = |name: &str| match name {
            "AWS::StackName" => Some(STACK_NAME.to_owned()),
            "AWS::Region" => Some(REGION.to_owned()),
            _ => resource(name).or_else(|| parameters.get(name).cloned()),
        };
        // Outputs depend on one condition only: whether the stack has a domain of its own.
        let has_domain = parameters
            .get("Domain")
            .is_some_and(|name| !name.is_empty());
        let chosen = |value: &Yaml| match value {
            Yaml::Tagged(tagged) if tagged.tag == "If" => {
                tagged.value[if has_domain { 1 } else { 2 }].clone()
            }
            other => other.clone(),
        };
        let resolve = |value: &Yaml| match &chosen(value) {
            Yaml::Tagged(tagged) => match (tagged.tag.to_string().as_str(), tagged.value.as_str()?)
            {
                ("!Ref" | "!GetAtt", name) => lookup(name),
                ("!Sub", text) => substitute(text, lookup),
                _ => None,
            },
            other => scalar(other),
        };
        let output = |(key, entry): (String, Yaml)| Some((key, resolve(&entry["Value"])?));
        let outputs = entries("Outputs").filter_map(output).collect();
        Ok(Self {
            status: "CREATE_COMPLETE".to_owned(),
            outputs,
            parameters,
        })
    }
}

/// Replaces each `${...}`; `None` if a value is unknown.
fn substitute(text: &str, lookup: impl Fn(&str) -> Option<String>) -> Option<String> {
    let (mut whole, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}')?;
        whole.push_str(before);
        whole.push_str(&lookup(name)?);
        rest = after;
    }
    Some(whole + rest)
}

fn id(name: &str) -> String {
    format!(
        "arn:aws:cloudformation:{REGION}:000000000000:stack/{name}/00000000-0000-4000-8000-000000000001"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::client;

    fn alone() -> Surroundings {
        Surroundings {
            resources: BTreeMap::new(),
            buckets: Buckets::default(),
            secrets: Vault::default(),
        }
    }

    #[tokio::test]
    async fn a_stack_is_described() {
        let simulator = CloudFormation::start(None, alone()).await.unwrap();
        let pair = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
        let stack = Stack {
            status: "UPDATE_COMPLETE".to_owned(),
            outputs: pair("SmsGatewayUrl", "https://x.example/?a&b"),
            parameters: pair("Region", "<DK>"),
        };
        simulator.set_stack("switchboard-dev", stack.clone());
        let ask = async |authorization: &str, form: &[(&str, &str)]| {
            let request = client()
                .post(simulator.server().url())
                .header("authorization", authorization)
                .form(form);
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        let signed = "AWS4-HMAC-SHA256 Credential=A/20261120/eu-west-1/cloudformation/aws4_request";
        let [action, version] = [("Action", "DescribeStacks"), ("Version", "2010-05-15")];
        let (status, xml) = ask(signed, &[action, version, ("StackName", "switchboard-dev")]).await;
        assert_eq!(status, 200);
        for part in [
            "<StackStatus>UPDATE_COMPLETE</StackStatus>",
            "<OutputKey>SmsGatewayUrl</OutputKey><OutputValue>https://x.example/?a&amp;b</OutputValue>",
            "<ParameterKey>Region</ParameterKey><ParameterValue>&lt;DK&gt;</ParameterValue>",
        ] {
            assert!(xml.contains(part), "{xml}");
        }
        assert_eq!(ask(signed, &[action, version]).await, (200, xml));
        let (status, xml) = ask(signed, &[action, version, ("StackName", "other")]).await;
        assert!(
            status == 400 && xml.contains("<Code>ValidationError</Code><Message>Stack with id other does not exist</Message>")
        );
        simulator.change_stack("switchboard-dev", |stack| stack.outputs.clear());
        assert!(
            !ask(signed, &[action, version])
                .await
                .1
                .contains("<OutputKey>")
        );
        assert_eq!(
            simulator.stack("switchboard-dev"),
            Some(Stack {
                outputs: BTreeMap::new(),
                ..stack
            })
        );
        simulator.remove_stack("switchboard-dev");
        assert!(
            !ask(signed, &[action, version])
                .await
                .1
                .contains("<StackName>")
        );
        assert_eq!(simulator.server().complaints(), [""; 0]);
        assert_eq!(ask("", &[action, version]).await.0, 403);
        assert_eq!(
            ask(signed, &[("Action", "DeleteStack"), version]).await.0,
            400
        );
        assert_eq!(
            ask(signed, &[action, version, ("NextToken", "x")]).await.0,
            400
        );
        assert_eq!(simulator.server().complaints().len(), 3);
    }

    #[test]
    fn the_real_template_has_its_outputs() {
        let parameter = |name: &str| (name == "TwilioNumber").then(|| "+15005550006".to_owned());
        let resource = |name: &str| match name {
            "Table" => Some("table".to_owned()),
            _ => name
                .strip_suffix("Url.FunctionUrl")
                .map(|function| format!("https://{function}.example/")),
        };
        let stack = Stack::of_template(parameter, resource).unwrap();
        for (key, value) in [
            (
                "SendVerificationSmsUrl",
                "https://SendVerificationSms.example/",
            ),
            (
                "ProvisionNumbersUrl",
                "https://ProvisionNumbers.example/okta",
            ),
            ("TwilioSecretName", "switchboard/twilio"),
            ("TableName", "table"),
        ] {
            assert_eq!(stack.outputs.get(key).map(String::as_str), Some(value));
        }
        assert_eq!(
            (
                stack.parameters["TwilioNumber"].as_str(),
                stack.parameters["ResetValidHours"].as_str()
            ),
            ("+15005550006", "8")
        );
        assert_eq!(substitute("${a}-${b}", |_| None), None);
        let of_a_domain = |name: &str| (name == "Domain").then(|| "hooks.example.com".to_owned());
        let stack = Stack::of_template(of_a_domain, resource).unwrap();
        for (key, value) in [
            (
                "SendVerificationSmsUrl",
                "https://hooks.example.com/send-verification-sms",
            ),
            (
                "IvrVoiceUrl",
                "https://hooks.example.com/ivr-validate/voice",
            ),
        ] {
            assert_eq!(stack.outputs.get(key).map(String::as_str), Some(value));
        }
    }
}
