//! What is deployed: the outputs and parameters of the CloudFormation stack, from AWS or from a
//! file.

use std::collections::BTreeMap;

use serde_json::Value;
use shared::platform::base_url::BaseUrl;
use url::Url;

use crate::problem::Problem;

/// With this fragment Twilio retries after a 5xx and after a timeout
/// (<https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides>).
pub(crate) const RETRIES: &str = "#rc=3&rp=5xx,ct,rt";

/// Outputs and parameters by their names in `template.yaml`, and `StackName` if it is known. No
/// name is both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stack {
    values: BTreeMap<String, String>,
    /// The names of the outputs, as far as outputs are told from parameters.
    outputs: Vec<String>,
}

impl Stack {
    /// Reads the output of `aws cloudformation describe-stacks` or of `sam list stack-outputs
    /// --output json`, or a plain object of names and values.
    pub(crate) fn read(text: &str) -> Result<Self, Problem> {
        let unreadable = || {
            Problem::Usage(
                "the outputs are neither those of `aws cloudformation describe-stacks`, nor of `sam list stack-outputs --output json`, \
                 nor an object of names and values"
                    .to_owned(),
            )
        };
        let value: Value = serde_json::from_str(text).map_err(|_| unreadable())?;
        let pairs = |list: &Value, name: &str, content: &str| -> Option<Vec<(String, String)>> {
            list.as_array()?
                .iter()
                .map(|entry| {
                    Some((
                        entry[name].as_str()?.to_owned(),
                        entry[content].as_str()?.to_owned(),
                    ))
                })
                .collect()
        };
        let found = match &value {
            Value::Object(object) if object.contains_key("Stacks") => {
                let stack = &value["Stacks"][0];
                if stack.is_object() && stack["Outputs"].as_array().is_none_or(Vec::is_empty) {
                    return Err(Problem::Usage(
                        "this stack has no outputs yet: wait until it is deployed".to_owned(),
                    ));
                }
                let mut found =
                    pairs(&stack["Outputs"], "OutputKey", "OutputValue").ok_or_else(unreadable)?;
                found.extend(
                    pairs(&stack["Parameters"], "ParameterKey", "ParameterValue")
                        .unwrap_or_default(),
                );
                found.extend(
                    stack["StackName"]
                        .as_str()
                        .map(|name| ("StackName".to_owned(), name.to_owned())),
                );
                found
            }
            Value::Object(object) => {
                let text = |value: &Value| value.as_str().map(str::to_owned);
                let found = object
                    .iter()
                    .map(|(name, value)| Some((name.clone(), text(value)?)))
                    .collect::<Option<_>>();
                found.ok_or_else(unreadable)?
            }
            _ => pairs(&value, "OutputKey", "OutputValue").ok_or_else(unreadable)?,
        };
        let found: Vec<(String, String)> = found;
        Ok(Self {
            values: found.into_iter().collect(),
            outputs: outputs(&value),
        })
    }

    /// Checks that this is a stack of this project and that its URLs can be registered.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        self.required("TableName")?;
        let is_url = |text: &str| {
            Url::parse(text)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        };
        let mut urls = self.values.keys().filter(|name| name.ends_with("Url"));
        match urls.find(|name| self.get(name).is_some_and(|text| !is_url(text))) {
            Some(name) => Err(Problem::Usage(format!(
                "{name} is no URL, such as https://x.lambda-url.eu-west-1.on.aws/"
            ))),
            None => Ok(()),
        }
    }

    /// The name that distinguishes this stack from others in the same accounts. If it is not known,
    /// the table's name contains it (`<stack>-Table-<random>`).
    pub(crate) fn name(&self) -> Result<&str, Problem> {
        match self.get("StackName") {
            Some(name) => Ok(name),
            None => self.required("TableName").map(|table| {
                table
                    .rsplit_once("-Table-")
                    .map_or(table, |(stack, _)| stack)
            }),
        }
    }

    /// Adds outputs; they replace existing values.
    pub(crate) fn extend_outputs(&mut self, outputs: impl IntoIterator<Item = (String, String)>) {
        for (name, value) in outputs {
            self.outputs.push(name.clone());
            self.values.insert(name, value);
        }
    }

    /// The outputs that are URLs of functions, with their names. The dashboard is none.
    pub(crate) fn urls(&self) -> impl Iterator<Item = (&str, Url)> {
        let names = self
            .outputs
            .iter()
            .filter(|name| name.ends_with("Url") && *name != "DashboardUrl");
        names.filter_map(|name| Some((name.as_str(), Url::parse(self.get(name)?).ok()?)))
    }

    /// Adds values; they replace existing ones.
    pub(crate) fn extend(&mut self, values: impl IntoIterator<Item = (String, String)>) {
        self.values.extend(values);
    }

    /// An output or parameter. A blank value counts as missing.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// The same; an error if it is missing.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Problem> {
        self.get(name).ok_or_else(|| {
            Problem::Usage(format!(
                "{name} is not among the stack's outputs and parameters; give it by --parameter {name}=VALUE, or use --stack, which \
                 knows both"
            ))
        })
    }

    /// The entries of a comma list.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        self.get(name)
            .into_iter()
            .flat_map(|text| text.split(','))
            .map(|entry| entry.trim().to_owned())
            .collect()
    }

    /// The name of a secret (`twilio`) in Secrets Manager. `None`: the stack does not have this
    /// secret.
    pub(crate) fn secret(&self, name: &str) -> Option<String> {
        let capitalised = name
            .split('-')
            .map(|word| word[..1].to_ascii_uppercase() + &word[1..]);
        self.get(&format!("{}SecretName", capitalised.collect::<String>()))
            .map(str::to_owned)
    }

    /// The names of all secrets in Secrets Manager.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let names = self
            .values
            .keys()
            .filter(|name| name.ends_with("SecretName"));
        names.filter_map(|name| self.get(name))
    }

    /// True if Twilio calls a function of the stack. That function then verifies Twilio's
    /// signature.
    pub(crate) fn is_called_by_twilio(&self) -> bool {
        Webhook::ALL
            .into_iter()
            .any(|webhook| self.webhook(webhook).is_some())
    }

    /// True if proxy e-mail addresses must have the application's tag.
    pub(crate) fn has_tags(&self) -> bool {
        self.get("SendVerificationSmsUrl").is_some() && self.get("RecipientTags") == Some("true")
    }

    /// True if one-time codes go through this provider.
    pub(crate) fn routes_to(&self, provider: &str) -> bool {
        self.get("SmsRoutes")
            .unwrap_or_default()
            .split(|c: char| !c.is_ascii_lowercase())
            .any(|word| word == provider)
    }

    /// Where providers send delivery receipts. `None`: no text asks for one.
    pub(crate) fn receipts(&self) -> Option<BaseUrl> {
        let own = self.get("DeliveryStatusUrl")?;
        self.get("DeliveryPublicUrl").unwrap_or(own).parse().ok()
    }

    /// The URL of a function for Twilio, with the retries that Twilio should make. It is the public
    /// URL from the parameters, or else the output.
    pub(crate) fn webhook(&self, webhook: Webhook) -> Option<String> {
        let (output, public, path) = match webhook {
            Webhook::Receive => ("ReceiveConfirmationSmsUrl", "ReceivePublicUrl", "/"),
            Webhook::Call => ("CallForwardUrl", "CallForwardPublicUrl", "/"),
            Webhook::Text => ("SmsForwardUrl", "SmsForwardPublicUrl", "/"),
            Webhook::Menu => ("IvrVoiceUrl", "IvrPublicUrl", "/voice"),
        };
        let url = self.get(output)?;
        let url = self.get(public).map_or_else(
            || url.to_owned(),
            |base| format!("{}{path}", base.trim_end_matches('/')),
        );
        Some(format!("{}{RETRIES}", Url::parse(&url).ok()?))
    }
}

/// The names of the outputs in what CloudFormation or SAM tells. Of a plain object, nobody knows.
fn outputs(told: &Value) -> Vec<String> {
    let list = match told {
        Value::Object(_) => &told["Stacks"][0]["Outputs"],
        list => list,
    };
    let outputs = list.as_array().into_iter().flatten();
    let names = outputs.filter_map(|output| output["OutputKey"].as_str());
    names.map(str::to_owned).collect()
}

/// A function that Twilio calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Webhook {
    /// Handles replies to verification SMS.
    Receive,
    /// Handles calls to a company number.
    Call,
    /// Handles SMS to a company number.
    Text,
    /// Handles calls to the phone menu.
    Menu,
}

impl Webhook {
    const ALL: [Self; 4] = [Self::Receive, Self::Call, Self::Text, Self::Menu];
}

/// The URL to which Twilio reports the end of a call, for the function at this URL.
pub(crate) fn status_of(call: &str) -> String {
    let (address, retries) = call.split_once('#').unwrap_or((call, ""));
    format!("{}/status#{retries}", address.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_shapes() {
        let all = [
            r#"{"Stacks":[{"Outputs":[{"OutputKey":"TableName","OutputValue":"t"}],"Parameters":[{"ParameterKey":"SmsFrom","ParameterValue":" "}]}]}"#,
            r#"[{"OutputKey":"TableName","OutputValue":"t","Description":"d"}]"#,
            r#"{"TableName":"t"}"#,
        ];
        for text in all {
            let stack = Stack::read(text).unwrap();
            assert_eq!(
                (stack.required("TableName"), stack.get("SmsFrom")),
                (Ok("t"), None),
                "{text}"
            );
        }
        for text in [
            "",
            "[]x",
            r#"{"TableName":1}"#,
            "7",
            r#"[{"OutputKey":1}]"#,
            r#"{"Stacks":[]}"#,
        ] {
            assert!(Stack::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_stack_of_ours_or_not_deployed_is_refused() {
        let no_outputs = Stack::read(r#"{"Stacks":[{"StackName":"a"}]}"#).unwrap_err();
        assert!(
            no_outputs
                .to_string()
                .starts_with("this stack has no outputs yet"),
            "{no_outputs}"
        );
        for (text, words) in [
            (
                r#"{"IvrVoiceUrl":"https://x.on.aws/voice"}"#,
                Some("TableName is not among"),
            ),
            (
                r#"{"TableName":"t","IvrVoiceUrl":"x.on.aws/voice"}"#,
                Some("IvrVoiceUrl is no URL"),
            ),
            (
                r#"{"TableName":"t","IvrPublicUrl":"mailto:a@b"}"#,
                Some("IvrPublicUrl is no URL"),
            ),
            (
                r#"{"TableName":"t","IvrVoiceUrl":"https://x.on.aws/voice","IvrPublicUrl":""}"#,
                None,
            ),
        ] {
            let problem = Stack::read(text).unwrap().check().err();
            assert_eq!(
                problem.as_ref().map(Problem::code),
                words.map(|_| 2),
                "{text}"
            );
            assert!(
                problem.is_none_or(|problem| problem.to_string().starts_with(words.unwrap())),
                "{text}"
            );
        }
    }

    #[test]
    fn a_stack_has_a_name_even_where_nobody_tells_it() {
        for (text, name) in [
            (
                r#"{"Stacks":[{"StackName":"a","Outputs":[{"OutputKey":"TableName","OutputValue":"b-Table-1X"}]}]}"#,
                "a",
            ),
            (r#"{"TableName":"acme-Table-Table-1X"}"#, "acme-Table"),
            (r#"{"TableName":"t"}"#, "t"),
        ] {
            assert_eq!(Stack::read(text).unwrap().name(), Ok(name), "{text}");
        }
    }

    #[test]
    fn urls_and_secrets_follow_the_template() {
        let mut stack = Stack::read(
            r#"{"TwilioSecretName":"acme/twilio","ReceiveConfirmationSmsUrl":"https://x.lambda-url.eu-west-1.on.aws/",
                "IvrVoiceUrl":"https://y.lambda-url.eu-west-1.on.aws/voice","IvrPublicUrl":"https://phone.acme.example"}"#,
        )
        .unwrap();
        assert_eq!(stack.secret("twilio").as_deref(), Some("acme/twilio"));
        assert_eq!(
            (stack.secret("okta"), stack.secret("twilio-send")),
            (None, None)
        );
        stack.extend([(
            "TwilioSendSecretName".to_owned(),
            "acme/twilio-send".to_owned(),
        )]);
        assert_eq!(
            stack.secret("twilio-send").as_deref(),
            Some("acme/twilio-send")
        );
        let url = stack.webhook(Webhook::Receive).unwrap();
        assert_eq!(
            url,
            "https://x.lambda-url.eu-west-1.on.aws/#rc=3&rp=5xx,ct,rt"
        );
        stack.extend([(
            "ReceivePublicUrl".to_owned(),
            "https://in.acme.example/sms/".to_owned(),
        )]);
        assert_eq!(
            stack.webhook(Webhook::Receive).unwrap(),
            "https://in.acme.example/sms/#rc=3&rp=5xx,ct,rt"
        );
        assert_eq!(
            stack.webhook(Webhook::Menu).unwrap(),
            "https://phone.acme.example/voice#rc=3&rp=5xx,ct,rt"
        );
        assert_eq!(stack.webhook(Webhook::Call), None);
    }
}
