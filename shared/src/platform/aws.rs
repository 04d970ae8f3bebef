//! The AWS SDK on the one HTTP client, with the credentials that Lambda puts into the environment.
//!
//! The SDK's own credential chain and HTTPS stack would add megabytes and a second set of
//! connections without any benefit. A function's credentials are three variables, fixed for the
//! life of the instance
//! (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>), so the SDK's
//! identity cache is off. The HTTP client bounds every attempt and every answer, so the SDK
//! measures neither.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, IdentityCache, Region, SharedAsyncSleep, StalledStreamProtectionConfig,
};
use aws_sdk_dynamodb::error::SdkError;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::{Response, StatusCode};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::platform::base_url::BaseUrl;
use crate::platform::config::Source;
use crate::platform::http::{Client, NoAnswer};
use crate::platform::signed::Service;

/// A page of DynamoDB results is at most 1 MB.
const ANSWER_LIMIT: usize = 4 * 1024 * 1024;
pub(super) const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(2_500);
pub(super) const OPERATION_TIMEOUT: Duration = Duration::from_secs(6);

/// Region, credentials and endpoint overrides.
#[derive(Debug, Clone)]
pub struct Settings {
    region: String,
    credentials: Credentials,
    dynamodb: Option<BaseUrl>,
    secrets_manager: Option<BaseUrl>,
    kms: Option<BaseUrl>,
}

impl Settings {
    /// Reads Lambda's variables and the SDK's own `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_DYNAMODB`,
    /// `AWS_ENDPOINT_URL_SECRETS_MANAGER`, `AWS_ENDPOINT_URL_KMS`.
    pub fn read(source: &mut Source<'_>) -> Self {
        let region = source
            .optional("AWS_REGION")
            .or_else(|| source.optional("AWS_DEFAULT_REGION"));
        let region = region.unwrap_or_else(|| source.required("AWS_REGION"));
        let key = source.required("AWS_ACCESS_KEY_ID");
        let secret = source.required("AWS_SECRET_ACCESS_KEY");
        let session = source.optional("AWS_SESSION_TOKEN");
        let mut endpoint = |name: &str| endpoint(source, name);
        Self {
            dynamodb: endpoint("AWS_ENDPOINT_URL_DYNAMODB"),
            secrets_manager: endpoint("AWS_ENDPOINT_URL_SECRETS_MANAGER"),
            kms: endpoint("AWS_ENDPOINT_URL_KMS"),
            region,
            credentials: Credentials::new(key, secret, session, None, "environment"),
        }
    }

    /// DynamoDB's client.
    pub fn dynamodb(&self, http: &Client) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .credentials_provider(self.credentials.clone())
            .http_client(http_client(http, ATTEMPT_TIMEOUT))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .retry_config(retries())
            .timeout_config(timeouts())
            .identity_cache(IdentityCache::no_cache())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        aws_sdk_dynamodb::Client::from_conf(match &self.dynamodb {
            Some(url) => config.endpoint_url(url.to_string()).build(),
            None => config.build(),
        })
    }

    /// Secrets Manager's client.
    pub fn secrets_manager(&self, http: &Client) -> aws_sdk_secretsmanager::Client {
        let config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .credentials_provider(self.credentials.clone())
            .http_client(http_client(http, ATTEMPT_TIMEOUT))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .retry_config(retries())
            .timeout_config(timeouts())
            .identity_cache(IdentityCache::no_cache())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        aws_sdk_secretsmanager::Client::from_conf(match &self.secrets_manager {
            Some(url) => config.endpoint_url(url.to_string()).build(),
            None => config.build(),
        })
    }

    /// What KMS's client is made of: credentials, and the endpoint that the settings name.
    pub(super) fn for_kms(&self) -> (Credentials, Option<BaseUrl>) {
        (self.credentials.clone(), self.kms.clone())
    }

    /// A service for which no client of the SDK is linked: `sms-voice`. `variable` is the SDK's own
    /// for another endpoint.
    pub fn service(
        &self,
        http: &Client,
        source: &mut Source<'_>,
        name: &'static str,
        variable: &str,
    ) -> Service {
        let own = || {
            format!("https://{name}.{}.amazonaws.com", self.region)
                .parse()
                .ok()
        };
        Service {
            http: http.clone(),
            credentials: self.credentials.clone(),
            region: self.region.clone(),
            name,
            base: endpoint(source, variable).or_else(own),
        }
    }

    /// DynamoDB's base URL, for the warm-up.
    pub fn dynamodb_url(&self) -> Option<BaseUrl> {
        self.dynamodb.clone().or_else(|| {
            format!("https://dynamodb.{}.amazonaws.com", self.region)
                .parse()
                .ok()
        })
    }
}

/// Another endpoint of a service: the variable of its own, or the one for all services.
fn endpoint(source: &mut Source<'_>, name: &str) -> Option<BaseUrl> {
    let name = if source.optional(name).is_some() {
        name
    } else {
        "AWS_ENDPOINT_URL"
    };
    source.optional_base_url(name)
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(50))
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

/// The one HTTP client, as the SDK takes it. One attempt may take `attempt`.
pub fn http_client(http: &Client, attempt: Duration) -> impl HttpClient + Clone + 'static {
    OneClient(http.clone(), attempt)
}

/// The cause of a failed AWS call, for logs: the kind of failure, and the service's own error code.
/// It holds no value of ours.
pub fn cause<E: ProvideErrorMetadata, R>(operation: &str, error: &SdkError<E, R>) -> String {
    let kind = match error {
        SdkError::ConstructionFailure(_) => "request could not be made",
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "no answer in time",
        SdkError::DispatchFailure(_) => "no connection",
        SdkError::ResponseError(_) => "unreadable answer",
        _ => error
            .as_service_error()
            .and_then(ProvideErrorMetadata::code)
            .filter(|code| is_code(code))
            .unwrap_or("unknown error"),
    };
    format!("{operation}: {kind}")
}

/// Whether `text` is an error code such as `ProvisionedThroughputExceededException`. Any other text
/// stays out of the log.
pub(super) fn is_code(text: &str) -> bool {
    text.len() <= 80
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'))
}

#[derive(Debug, Clone)]
struct OneClient(Client, Duration);

impl HttpClient for OneClient {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for OneClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self(client, attempt) = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            let (parts, body) = request.into_parts();
            let url = parts
                .uri
                .to_string()
                .parse()
                .map_err(|_| ConnectorError::user("no URL".into()))?;
            let body = body
                .bytes()
                .map(bytes::Bytes::copy_from_slice)
                .unwrap_or_default();
            let request = client
                .request(parts.method, url)
                .headers(parts.headers)
                .body(body);
            let answer = client
                .send(request, ANSWER_LIMIT, attempt)
                .await
                .map_err(|error| match error {
                    NoAnswer::Unknown("no answer in time") => {
                        ConnectorError::timeout(error.to_string().into())
                    }
                    NoAnswer::NotSent(_) | NoAnswer::Unknown(_) => {
                        ConnectorError::io(error.to_string().into())
                    }
                })?;
            let body = answer
                .body()
                .map_err(|why| ConnectorError::io(why.into()))?
                .clone();
            let status = StatusCode::try_from(answer.status)
                .map_err(|error| ConnectorError::other(error.into(), None))?;
            let mut response = Response::new(status, SdkBody::from(body));
            for (name, value) in &answer.headers {
                if let Ok(value) = value.to_str() {
                    response
                        .headers_mut()
                        .append(name.as_str().to_owned(), value.to_owned());
                }
            }
            Ok(response)
        })
    }
}
