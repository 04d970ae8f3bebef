//! AWS as the AWS CLI uses it: profiles, regions, single sign-on. It uses the same HTTP client as
//! the rest.

use std::error::Error as _;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use shared::platform::aws::{cause, http_client};
use shared::platform::base_url::BaseUrl;
use shared::platform::http::Client;

use crate::calls::{Authorization, Session};
use crate::context::Context;
use crate::problem::Problem;
use crate::stack::Stack;

/// A person's computer may be far from AWS.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// The AWS clients.
pub(crate) struct Aws {
    pub(crate) cloudformation: aws_sdk_cloudformation::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    config: SdkConfig,
}

/// What a deployment asks about a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) status: String,
    /// When it was created or updated last.
    changed: Option<aws_sdk_cloudformation::primitives::DateTime>,
}

impl Aws {
    /// Connects with the profile and region that the AWS CLI would use, unless others are given.
    pub(crate) async fn connect(
        profile: Option<&str>,
        region: Option<&str>,
        http: &Client,
    ) -> Result<Self, Problem> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client(http, ATTEMPT_TIMEOUT));
        if let Some(profile) = profile {
            // As in the AWS CLI, a profile that is named beats keys in the environment. The SDK's own
            // order would take those keys, and write to their account.
            let own = ProviderConfig::default()
                .with_http_client(http_client(http, ATTEMPT_TIMEOUT))
                .with_region(region.map(|region| Region::new(region.to_owned())));
            let credentials = ProfileFileCredentialsProvider::builder()
                .configure(&own)
                .profile_name(profile)
                .build();
            if let Err(error) = credentials.provide_credentials().await {
                return Err(unusable(profile, &error));
            }
            loader = loader
                .profile_name(profile)
                .credentials_provider(credentials);
        }
        if let Some(region) = region {
            loader = loader.region(Region::new(region.to_owned()));
        }
        let config = loader.load().await;
        if config.region().is_none() {
            return Err(Problem::Aws(
                "AWS: no region is chosen; give --region, or set AWS_REGION, or run `aws configure set region eu-west-1`"
                    .to_owned(),
            ));
        }
        if let Some(provider) = config.credentials_provider()
            && let Err(error) = provider.provide_credentials().await
        {
            return Err(without_login(&error));
        }
        Ok(Self {
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            config,
        })
    }

    /// The API of Cognito's user pools. Its SDK would drop settings that it does not know.
    pub(crate) async fn cognito(&self, context: &Context) -> Result<Session, Problem> {
        let url = context.urls.cognito_url.as_ref();
        self.service(context, "cognito-idp", "1.1", url).await
    }

    /// The API of AWS End User Messaging, of which one operation is used.
    pub(crate) async fn texts(&self, context: &Context) -> Result<Session, Problem> {
        let url = context.urls.aws_sms_url.as_ref();
        self.service(context, "sms-voice", "1.0", url).await
    }

    /// The API of `CloudWatch Logs`, of which one operation is used.
    pub(crate) async fn logs(&self, context: &Context) -> Result<Session, Problem> {
        let url = context.urls.logs_url.as_ref();
        self.service(context, "logs", "1.1", url).await
    }

    /// The API of Lambda, which invokes functions.
    pub(crate) async fn lambda(&self, context: &Context) -> Result<Session, Problem> {
        let url = context.urls.lambda_url.as_ref();
        self.service(context, "lambda", "1.1", url).await
    }

    /// An API of AWS with a JSON protocol, at `url` or in the region.
    async fn service(
        &self,
        context: &Context,
        name: &'static str,
        json: &'static str,
        url: Option<&BaseUrl>,
    ) -> Result<Session, Problem> {
        let region = self.config.region().map(ToString::to_string);
        let region = region.ok_or_else(|| failed("the request could not be made: no region"))?;
        let base = if let Some(url) = url {
            url.clone()
        } else {
            let china = if region.starts_with("cn-") { ".cn" } else { "" };
            let url = format!("https://{name}.{region}.amazonaws.com{china}");
            url.parse()
                .map_err(|why| failed(&format!("the region {region}: {why}")))?
        };
        let provider = self.config.credentials_provider();
        let provider =
            provider.ok_or_else(|| failed("the request could not be made: no credentials"))?;
        let credentials = provider.provide_credentials().await;
        let credentials = credentials
            .map_err(|error| failed(&format!("the request could not be made: {error}")))?;
        let authorization = Authorization::Signed {
            credentials,
            region,
            service: name,
            json,
        };
        Ok(context.calls.to(&base, authorization))
    }

    /// The state of a stack. `None`: there is no stack of this name.
    pub(crate) async fn state(&self, name: &str) -> Result<Option<State>, Problem> {
        let request = self.cloudformation.describe_stacks().stack_name(name);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                let said = error.as_service_error();
                let said = said.and_then(|error| error.meta().message());
                if said.is_some_and(|said| said.contains("does not exist")) {
                    return Ok(None);
                }
                return Err(failed(&cause(&format!("DescribeStacks {name}"), &error)));
            }
        };
        let found = answer.stacks().first();
        Ok(found.map(|stack| State {
            status: stack
                .stack_status()
                .map_or_else(String::new, |status| status.as_str().to_owned()),
            changed: stack.last_updated_time().or(stack.creation_time()).copied(),
        }))
    }

    /// What could not be made or changed in the last deployment of a stack, and why. It is for an
    /// error message, so nothing is an answer too.
    pub(crate) async fn failures(&self, stack: &str) -> Vec<String> {
        let request = self.cloudformation.describe_stack_events();
        let Ok(answer) = request.stack_name(stack).send().await else {
            return Vec::new();
        };
        let of_last = answer
            .stack_events()
            .iter()
            .take_while(|event| event.resource_status_reason() != Some("User Initiated"));
        let failed = of_last.filter_map(|event| {
            let is_failure = event.resource_status()?.as_str().ends_with("_FAILED");
            let why = event.resource_status_reason()?;
            // The others are cancelled because of the first.
            let is_cause = is_failure && !why.contains("cancelled");
            let resource = event.logical_resource_id()?;
            is_cause.then(|| format!("{resource}: {why}"))
        });
        failed.collect()
    }

    /// Reads the outputs and parameters of a stack.
    pub(crate) async fn stack(&self, name: &str) -> Result<Stack, Problem> {
        let answer = self
            .cloudformation
            .describe_stacks()
            .stack_name(name)
            .send()
            .await;
        let answer =
            answer.map_err(|error| failed(&cause(&format!("DescribeStacks {name}"), &error)))?;
        let stacks = answer.stacks();
        let found = stacks
            .first()
            .ok_or_else(|| failed(&format!("DescribeStacks {name}: there is no such stack")))?;
        let pair =
            |name: Option<&str>, value: Option<&str>| Some((name?.to_owned(), value?.to_owned()));
        let outputs = found
            .outputs()
            .iter()
            .filter_map(|output| pair(output.output_key(), output.output_value()));
        let given = found.parameters().iter();
        let given = given
            .filter_map(|parameter| pair(parameter.parameter_key(), parameter.parameter_value()));
        let mut stack = Stack::default();
        stack.extend(given.chain(pair(Some("StackName"), found.stack_name())));
        stack.extend_outputs(outputs);
        Ok(stack)
    }
}

/// Why nobody is logged in.
fn without_login(error: &CredentialsError) -> Problem {
    let why = causes(error);
    Problem::Aws(format!(
        "AWS: there are no credentials{why}; log in with `aws sso login` or `aws configure`, or give --profile NAME"
    ))
}

/// Why a named profile gives no credentials.
fn unusable(profile: &str, error: &CredentialsError) -> Problem {
    let why = causes(error);
    Problem::Aws(format!(
        "AWS: the profile {profile} gives no credentials{why}; `aws configure list-profiles` names those that there are, and `aws sso login --profile {profile}` logs in"
    ))
}

/// The causes of an error, in parentheses, or nothing.
fn causes(error: &CredentialsError) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    match causes.join(": ") {
        why if why.is_empty() => why,
        why => format!(" ({why})"),
    }
}

/// What AWS rejected, and what usually helps.
pub(crate) fn failed(cause: &str) -> Problem {
    let hint = match cause {
        text if text.contains("request could not be made") => {
            "; is there a region and a login (`aws sts get-caller-identity`)?"
        }
        text if text.contains("no connection") || text.contains("no answer") => {
            "; is there a login (`aws sts get-caller-identity`), a network, and is the region right? With AWS_ENDPOINT_URL_... set, does the sandbox run?"
        }
        text if text.contains("Expired") => "; log in again (`aws sso login`)",
        text if text.contains("Skewed") || text.contains("SignatureDoesNotMatch") => {
            "; is this machine's clock right?"
        }
        text if text.contains("AccessDenied") => {
            "; operator/README.md lists the permissions that each command needs"
        }
        text if text.contains("ValidationError") => "; is the stack's name right, and the region?",
        text if text.contains("ResourceNotFound") => "; is it this stack, and this region?",
        _ => "",
    };
    Problem::Aws(format!("AWS: {cause}{hint}"))
}
