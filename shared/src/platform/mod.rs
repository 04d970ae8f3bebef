//! The base of every function: one HTTP client, one table, the secrets. The platform knows no floor
//! above it.

pub mod aws;
pub mod base_url;
pub mod bearer;
mod body;
pub mod config;
mod connecting;
mod event;
pub mod figures;
pub mod http;
pub mod kms;
pub mod layout;
pub mod random;
pub mod reply;
pub mod request;
mod resolver;
pub mod runtime;
pub mod secrets;
pub mod signed;
pub mod table;
pub mod time;
mod tls;

use base_url::BaseUrl;
use config::Source;
use http::Client;
use kms::Kms;
use secrets::{Content, Secret};
use table::Table;

/// The HTTP client, the table, and the clients of KMS and Secrets Manager.
pub struct Platform {
    /// The one HTTP client.
    pub http: Client,
    /// The one table.
    pub table: Table,
    /// The client of KMS.
    pub kms: Kms,
    secrets: aws_sdk_secretsmanager::Client,
    dynamodb: Option<BaseUrl>,
    stack: Option<String>,
    public_url: Option<BaseUrl>,
    aws: aws::Settings,
}

impl Platform {
    /// Reads `TABLE_NAME`, `STACK`, `PUBLIC_URL`, `EXTRA_CA_FILE` and Lambda's own variables; problems are noted in
    /// `source`.
    pub fn read(source: &mut Source<'_>) -> Self {
        let aws = aws::Settings::read(source);
        let http = Client::new(http::Settings::read(source)).unwrap_or_else(|why| {
            source.problem(why);
            Client::new(http::Settings::default()).expect("the roots that are built in are sound")
        });
        Self {
            table: Table::new(aws.dynamodb(&http), source.required("TABLE_NAME")),
            kms: Kms::new(&aws, &http),
            secrets: aws.secrets_manager(&http),
            dynamodb: aws.dynamodb_url(),
            stack: source.optional("STACK"),
            public_url: source.optional_base_url("PUBLIC_URL"),
            http,
            aws,
        }
    }

    /// The secret whose id or ARN is in the variable `name`.
    pub fn secret<T: Content>(&self, source: &mut Source<'_>, name: &str) -> Secret<T> {
        Secret::new(source.required(name), self.secrets.clone())
    }

    /// As [`Platform::secret`], for a secret that may be left out.
    pub fn optional_secret<T: Content>(
        &self,
        source: &mut Source<'_>,
        name: &str,
    ) -> Option<Secret<T>> {
        source.optional(name)?;
        Some(self.secret(source, name))
    }

    /// A service of AWS that the function's role opens. `variable` is the SDK's own for another
    /// endpoint.
    pub fn service(
        &self,
        source: &mut Source<'_>,
        name: &'static str,
        variable: &str,
    ) -> signed::Service {
        self.aws.service(&self.http, source, name, variable)
    }

    /// Opens connections to the table, enough for `requests` requests at once.
    pub async fn warm_up(&self, requests: usize) {
        self.http
            .warm_up_for(requests, self.dynamodb.as_ref())
            .await;
    }
}
