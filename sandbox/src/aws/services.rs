//! The services: their start and their end.

use std::{io, sync::Arc};

use axum::Router;
use dynoxide::Database;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    database,
    keys::{KEY_ARN, Keys},
    kms,
    logs::{self, Logs},
    proxy::{self, Upstream},
    secret::Secrets,
    secrets_manager,
};
use crate::{
    contention::Contention,
    template::Template,
    wire::{self, Server},
};

/// The AWS services that the functions call. Dropping it stops them.
pub struct Aws {
    pub(super) dynamodb: Server,
    pub(super) secrets: Server,
    pub(super) kms: Server,
    pub(super) log_server: Server,
    pub(super) logs: Logs,
    pub(super) database: Database,
    pub(super) values: Secrets,
    pub(crate) keys: Keys,
    pub(super) contention: Contention,
    pub(super) tasks: Vec<JoinHandle<()>>,
}

impl Aws {
    /// Starts the services, on these ports (`DynamoDB`, Secrets Manager, KMS, `CloudWatch Logs`) or on free ones, with
    /// the template's table and keys and no secrets. A function has the rights of its role.
    pub async fn start(template: &Template, ports: Option<[u16; 4]>) -> io::Result<Self> {
        let database = Database::memory().map_err(io::Error::other)?;
        database::create(&database, &template.table).map_err(io::Error::other)?;
        let inner = TcpListener::bind(("127.0.0.1", 0)).await?;
        let upstream = format!("http://{}/", inner.local_addr()?);
        let [dynamodb_port, secrets_port, kms_port, logs_port] = ports.unwrap_or_default();
        let principals = Arc::new(template.principals());
        let contention = Contention::default();
        let upstream = Upstream {
            client: wire::client(),
            url: upstream,
            principals: Arc::clone(&principals),
            contention: contention.clone(),
        };
        let proxy = Router::new().fallback(proxy::forward).with_state(upstream);
        let dynamodb = Server::start_on("dynamodb", dynamodb_port, proxy)
            .await
            .map_err(|error| crate::ports::busy("DynamoDB", dynamodb_port, &error))?;
        let values = Secrets::default();
        let router = Router::new()
            .fallback(secrets_manager::secrets_manager)
            .with_state((Arc::clone(&values), Arc::clone(&principals)));
        let secrets = Server::start_on("secrets", secrets_port, router)
            .await
            .map_err(|error| crate::ports::busy("Secrets Manager", secrets_port, &error))?;
        let keys = Keys::default();
        for arn in template.keys.values().map(String::as_str).chain([KEY_ARN]) {
            keys.make(arn);
        }
        let router = Router::new()
            .fallback(kms::kms)
            .with_state((keys.clone(), principals));
        let kms = Server::start_on("kms", kms_port, router)
            .await
            .map_err(|error| crate::ports::busy("KMS", kms_port, &error))?;
        let logs = Logs::default();
        let router = Router::new().fallback(logs::logs).with_state(logs.clone());
        let log_server = Server::start_on("logs", logs_port, router)
            .await
            .map_err(|error| crate::ports::busy("CloudWatch Logs", logs_port, &error))?;
        let serving = tokio::spawn(dynoxide::server::serve_on(inner, database.clone()));
        Ok(Self {
            dynamodb,
            secrets,
            kms,
            log_server,
            logs,
            database,
            values,
            keys,
            contention,
            tasks: vec![serving],
        })
    }

    /// The server of the `DynamoDB` endpoint, with its faults and exchanges.
    pub fn dynamodb(&self) -> &Server {
        &self.dynamodb
    }

    /// The behaviour of `DynamoDB` under load.
    pub fn contention(&self) -> &Contention {
        &self.contention
    }

    /// The server of the Secrets Manager endpoint.
    pub fn secrets(&self) -> &Server {
        &self.secrets
    }

    /// The server of the KMS endpoint.
    pub fn kms(&self) -> &Server {
        &self.kms
    }

    /// The server of the `CloudWatch Logs` endpoint.
    pub fn log_server(&self) -> &Server {
        &self.log_server
    }

    /// What the functions have written.
    pub fn logs(&self) -> &Logs {
        &self.logs
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
