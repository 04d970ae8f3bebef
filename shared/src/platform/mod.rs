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
pub mod object;
pub mod probe;
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

use std::collections::BTreeSet;
use std::sync::Mutex;

use base_url::BaseUrl;
use config::Source;
use http::Client;
use kms::Kms;
use secrets::{Complaint, Content, Secret};
use table::Table;

use crate::lock;

/// The HTTP client, the table, and the clients of KMS and Secrets Manager.
pub struct Platform {
    /// The one HTTP client.
    pub http: Client,
    /// The one table.
    pub table: Table,
    /// The client of KMS.
    pub kms: Kms,
    secrets: aws_sdk_secretsmanager::Client,
    named: Mutex<Vec<(String, Complaint)>>,
    dynamodb: Option<BaseUrl>,
    stack: Option<String>,
    public_url: Option<BaseUrl>,
    aws: aws::Settings,
}

impl Platform {
    /// Reads `TABLE_NAME`, `STACK`, `PUBLIC_URL`, `EXTRA_CA_FILE` and Lambda's own variables; problems are noted in
    /// `source`.
    pub fn read(source: &mut Source<'_>) -> Self {
        let http = Client::new(http::Settings::read(source)).unwrap_or_else(|why| {
            source.problem(why);
            Client::new(http::Settings::default()).expect("the roots that are built in are sound")
        });
        Platform::over(http, source)
    }

    /// As [`Platform::read`], with this client.
    pub fn over(http: Client, source: &mut Source<'_>) -> Self {
        let aws = aws::Settings::read(source);
        Self {
            table: Table::new(aws.dynamodb(&http), source.required("TABLE_NAME")),
            kms: Kms::new(&aws, &http),
            secrets: aws.secrets_manager(&http),
            named: Mutex::default(),
            dynamodb: aws.dynamodb_url(),
            stack: source.optional("STACK"),
            public_url: source.optional_base_url("PUBLIC_URL"),
            http,
            aws,
        }
    }

    /// The secret whose id or ARN is in the variable `name`.
    pub fn secret<T: Content>(&self, source: &mut Source<'_>, name: &str) -> Secret<T> {
        let id = source.required(name);
        lock(&self.named).push((id.clone(), secrets::complaint::<T>));
        Secret::new(id, self.secrets.clone())
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

    /// The ids of the function's secrets.
    fn secret_ids(&self) -> BTreeSet<String> {
        lock(&self.named).iter().map(|(id, _)| id.clone()).collect()
    }

    /// Fetches a secret now. `Some`: why it cannot be used. It names missing keys, no values.
    async fn secret_problem(&self, id: &str) -> Option<String> {
        let fetched = self.secrets.get_secret_value().secret_id(id).send().await;
        match fetched {
            Err(error) => Some(aws::cause("GetSecretValue", &error)),
            Ok(fetched) => {
                let text = fetched.secret_string().unwrap_or_default();
                let named = lock(&self.named);
                let readers = named.iter().filter(|(named, _)| named == id);
                readers
                    .map(|(_, complaint)| complaint)
                    .find_map(|complaint| complaint(id, text))
            }
        }
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
