//! `CloudFormation`: the description of a deployed stack.
//!
//! Imitates
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html> in
//! the query protocol: the request is a form, the answer XML. The list of stacks has only one page.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io,
    sync::{Arc, Mutex},
};

use axum::{
    Extension, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use quick_xml::escape::escape;
use serde_norway::Value as Yaml;

use crate::{
    REGION, sms,
    template::root,
    wire::{Complaints, Server, lock},
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

type Stacks = Arc<Mutex<BTreeMap<String, Stack>>>;

/// The `CloudFormation` simulator.
pub struct CloudFormation {
    server: Server,
    stacks: Stacks,
}

impl CloudFormation {
    /// Serves `https://cloudformation.REGION.amazonaws.com` on this port or on a free one, without
    /// any stack.
    pub async fn start(port: Option<u16>) -> io::Result<Self> {
        let stacks = Stacks::default();
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&stacks));
        Ok(Self {
            server: Server::start_on("CloudFormation", port.unwrap_or(0), router).await?,
            stacks,
        })
    }

    /// The server, with its exchanges, faults and complaints.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Deploys a stack. It replaces a stack of the same name.
    pub fn set_stack(&self, name: &str, stack: Stack) {
        lock(&self.stacks).insert(name.to_owned(), stack);
    }

    /// Changes a deployed stack.
    pub fn change_stack(&self, name: &str, change: impl FnOnce(&mut Stack)) {
        change(
            lock(&self.stacks)
                .get_mut(name)
                .unwrap_or_else(|| panic!("no stack {name}")),
        );
    }

    /// A stack in its present state.
    pub fn stack(&self, name: &str) -> Option<Stack> {
        lock(&self.stacks).get(name).cloned()
    }

    /// Deletes a stack.
    pub fn remove_stack(&self, name: &str) {
        lock(&self.stacks).remove(name);
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

    fn xml(&self, name: &str) -> String {
        let mut xml = format!(
            "<member><StackName>{0}</StackName><StackId>{1}</StackId><CreationTime>2026-11-20T12:00:00.000Z</CreationTime><StackStatus>{2}</StackStatus>",
            escape(name),
            escape(id(name)),
            escape(self.status.as_str()),
        );
        for (list, entry, pairs) in [
            ("Parameters", "Parameter", &self.parameters),
            ("Outputs", "Output", &self.outputs),
        ] {
            let _ = write!(xml, "<{list}>");
            for (key, value) in pairs {
                let (key, value) = (escape(key), escape(value));
                let _ = write!(
                    xml,
                    "<member><{entry}Key>{key}</{entry}Key><{entry}Value>{value}</{entry}Value></member>"
                );
            }
            let _ = write!(xml, "</{list}>");
        }
        xml + "<DisableRollback>false</DisableRollback><Tags/></member>"
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

fn respond(status: StatusCode, body: &str) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "text/xml")],
        body.to_owned(),
    )
        .into_response()
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    let error = format!(
        "<Error><Type>Sender</Type><Code>{code}</Code><Message>{}</Message></Error>",
        escape(message)
    );
    let namespace = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
    let request = "<RequestId>00000000-0000-4000-8000-000000000002</RequestId>";
    respond(
        status,
        &format!("<ErrorResponse xmlns=\"{namespace}\">{error}{request}</ErrorResponse>"),
    )
}

async fn answer(
    State(stacks): State<Stacks>,
    Extension(complaints): Extension<Complaints>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let complain = |status, code, what: &str| {
        complaints.add(format!("CloudFormation: {what}"));
        refuse(status, code, what)
    };
    let authorization = sms::header(&headers, header::AUTHORIZATION);
    if !(authorization.starts_with("AWS4-HMAC-SHA256 ")
        && authorization.contains("/cloudformation/aws4_request"))
    {
        return complain(
            StatusCode::FORBIDDEN,
            "MissingAuthenticationToken",
            "a request without a signature",
        );
    }
    let content_type = sms::header(&headers, header::CONTENT_TYPE);
    if method != Method::POST
        || uri.path() != "/"
        || !content_type.starts_with("application/x-www-form-urlencoded")
    {
        return complain(
            StatusCode::BAD_REQUEST,
            "InvalidAction",
            &format!("{method} {} of {content_type:?}", uri.path()),
        );
    }
    let fields = match sms::form(&body, &["Action", "Version", "StackName"]) {
        Ok(fields) => fields,
        Err(what) => return complain(StatusCode::BAD_REQUEST, "ValidationError", &what),
    };
    let field = |name: &str| fields.get(name).map(String::as_str);
    if (field("Action"), field("Version")) != (Some("DescribeStacks"), Some("2010-05-15")) {
        return complain(
            StatusCode::BAD_REQUEST,
            "InvalidAction",
            &format!("action {:?}", field("Action")),
        );
    }
    let stacks = lock(&stacks);
    let wanted =
        |name: &str| field("StackName").is_none_or(|asked| asked == name || asked == id(name));
    let found = stacks
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, stack)| stack.xml(name))
        .collect::<String>();
    if let Some(name) = field("StackName").filter(|_| found.is_empty()) {
        return refuse(
            StatusCode::BAD_REQUEST,
            "ValidationError",
            &format!("Stack with id {name} does not exist"),
        );
    }
    let result = format!("<DescribeStacksResult><Stacks>{found}</Stacks></DescribeStacksResult>");
    let metadata = "<ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000002</RequestId></ResponseMetadata>";
    let namespace = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
    respond(
        StatusCode::OK,
        &format!(
            "<DescribeStacksResponse xmlns=\"{namespace}\">{result}{metadata}</DescribeStacksResponse>"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::client;

    #[tokio::test]
    async fn a_stack_is_described() {
        let simulator = CloudFormation::start(None).await.unwrap();
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
