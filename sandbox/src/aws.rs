//! `DynamoDB` (embedded, behind a recording proxy) and Secrets Manager.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Response, StatusCode, header},
    response::IntoResponse,
};
use bytes::Bytes;
use dynoxide::Database;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::wire::{self, BODY_LIMIT, Complaints, Server, lock};

/// The table's name.
pub const TABLE_NAME: &str = "switchboard-sandbox";

/// The two AWS services the functions call. Dropping it stops them.
pub struct Aws {
    dynamodb: Server,
    secrets: Server,
    database: Database,
    values: Secrets,
    tasks: Vec<JoinHandle<()>>,
}

type Secrets = Arc<Mutex<BTreeMap<String, String>>>;

impl Aws {
    /// Starts both, on these ports or free ones, with the table as `template.yaml` has it (`table`: its properties) and no secrets.
    pub async fn start(table: &Value, ports: Option<(u16, u16)>) -> io::Result<Self> {
        let database = Database::memory().map_err(io::Error::other)?;
        create(&database, table).map_err(io::Error::other)?;
        let inner = TcpListener::bind(("127.0.0.1", 0)).await?;
        let upstream = format!("http://{}/", inner.local_addr()?);
        let (dynamodb_port, secrets_port) = ports.unwrap_or_default();
        let proxy = Router::new().fallback(forward).with_state((wire::client(), upstream));
        let dynamodb = Server::start_on("dynamodb", dynamodb_port, proxy)
            .await
            .map_err(|error| crate::busy("DynamoDB", dynamodb_port, &error))?;
        let values = Secrets::default();
        let router = Router::new().fallback(get_secret_value).with_state(Arc::clone(&values));
        let secrets = Server::start_on("secrets", secrets_port, router)
            .await
            .map_err(|error| crate::busy("Secrets Manager", secrets_port, &error))?;
        let serving = tokio::spawn(dynoxide::server::serve_on(inner, database.clone()));
        Ok(Self { dynamodb, secrets, database, values, tasks: vec![serving] })
    }

    /// The `DynamoDB` endpoint: its faults and exchanges.
    pub fn dynamodb(&self) -> &Server {
        &self.dynamodb
    }

    /// The Secrets Manager endpoint.
    pub fn secrets(&self) -> &Server {
        &self.secrets
    }

    /// Stores the value of a secret, e.g. `switchboard/twilio`, as its current version.
    pub fn set_secret(&self, id: &str, value: &Value) {
        lock(&self.values).insert(id.to_owned(), value.to_string());
    }

    /// Forgets a secret.
    pub fn remove_secret(&self, id: &str) {
        lock(&self.values).remove(id);
    }

    /// From now on expired items vanish, within a second instead of AWS's days.
    pub fn sweep(&mut self) {
        let database = self.database.clone();
        self.tasks.push(tokio::spawn(async move {
            let mut clock = tokio::time::interval(Duration::from_secs(1));
            loop {
                clock.tick().await;
                sweep(&database).await;
            }
        }));
    }

    /// Deletes the items that have expired, once.
    pub async fn sweep_now(&self) {
        sweep(&self.database).await;
    }

    /// Every item, in `DynamoDB` JSON, in no order.
    pub async fn items(&self) -> Vec<Value> {
        let mut items = Vec::new();
        let mut from = Value::Null;
        loop {
            let page = self.call("Scan", json!({ "ExclusiveStartKey": from })).await;
            items.extend(page["Items"].as_array().cloned().unwrap_or_default());
            from = page["LastEvaluatedKey"].clone();
            if from.is_null() {
                return items;
            }
        }
    }

    /// Writes an item (`DynamoDB` JSON), over another if need be.
    pub async fn put(&self, item: Value) {
        self.call("PutItem", json!({ "Item": item })).await;
    }

    /// Moves an existing item's `expires_at` (epoch seconds): a test's way to let time pass.
    pub async fn update_expiry(&self, pk: &str, sk: &str, epoch: u64) {
        let request = json!({
            "Key": { "pk": { "S": pk }, "sk": { "S": sk } },
            "UpdateExpression": "SET expires_at = :at",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeValues": { ":at": { "N": epoch.to_string() } },
        });
        self.call("UpdateItem", request).await;
    }

    /// One operation on the table past the proxy: neither recorded nor met by a fault. Panics when `DynamoDB` refuses.
    async fn call(&self, operation: &str, mut request: Value) -> Value {
        if let Some(fields) = request.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
            fields.insert("TableName".into(), TABLE_NAME.into());
        }
        let (database, operation) = (self.database.clone(), operation.to_owned());
        let called =
            tokio::task::spawn_blocking(move || call(&database, &operation, request)).await.expect("DynamoDB does not panic");
        called.unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn call(database: &Database, operation: &str, request: Value) -> Result<Value, String> {
    fn run<Q: for<'de> Deserialize<'de>, A: serde::Serialize>(
        request: Value,
        execute: impl FnOnce(Q) -> Result<A, dynoxide::DynoxideError>,
    ) -> Result<Value, String> {
        let request = serde_json::from_value(request).map_err(|error| error.to_string())?;
        let answer = execute(request).map_err(|error| error.to_string())?;
        serde_json::to_value(answer).map_err(|error| error.to_string())
    }
    match operation {
        "CreateTable" => run(request, |request| database.create_table(request)),
        "UpdateTimeToLive" => run(request, |request| database.update_time_to_live(request)),
        "Scan" => run(request, |request| database.scan(request)),
        "PutItem" => run(request, |request| database.put_item(request)),
        "UpdateItem" => run(request, |request| database.update_item(request)),
        other => Err(format!("{other} is not used")),
    }
    .map_err(|error| format!("{operation}: {error}"))
}

fn create(database: &Database, table: &Value) -> Result<(), String> {
    let mut request = json!({ "TableName": TABLE_NAME });
    for name in ["AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes"] {
        if !table[name].is_null() {
            request[name] = table[name].clone();
        }
    }
    call(database, "CreateTable", request)?;
    let expiry = &table["TimeToLiveSpecification"];
    if !expiry.is_null() {
        call(database, "UpdateTimeToLive", json!({ "TableName": TABLE_NAME, "TimeToLiveSpecification": expiry }))?;
    }
    Ok(())
}

async fn sweep(database: &Database) {
    let database = database.clone();
    let swept = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
    swept.expect("a sweep does not panic").expect("the database is there");
}

async fn forward(State((client, upstream)): State<(reqwest::Client, String)>, request: Request) -> Response<Body> {
    let (mut head, body) = request.into_parts();
    head.headers.remove(header::HOST);
    head.headers.remove(header::CONTENT_LENGTH);
    let body = axum::body::to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    let answer = client
        .request(head.method, format!("{}{}", upstream.trim_end_matches('/'), head.uri))
        .headers(head.headers)
        .body(body)
        .send();
    let answer = match answer.await {
        Ok(answer) => answer,
        Err(error) => return (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut forwarded = Response::new(Body::from(answer.bytes().await.unwrap_or_default()));
    *forwarded.status_mut() = status;
    *forwarded.headers_mut() = headers;
    forwarded
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetSecretValue {
    secret_id: String,
    version_stage: Option<String>,
}

async fn get_secret_value(
    State(values): State<Secrets>,
    Extension(complaints): Extension<Complaints>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(&'static str, &'static str); 1], String) {
    let json_1_1 = [("content-type", "application/x-amz-json-1.1")];
    let refuse = |kind: &str, message: &str| {
        (StatusCode::BAD_REQUEST, json_1_1, json!({ "__type": kind, "message": message }).to_string())
    };
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if text("x-amz-target") != "secretsmanager.GetSecretValue" {
        complaints.add(format!("Secrets Manager: operation {:?}", text("x-amz-target")));
        return refuse("UnknownOperationException", "");
    }
    if !(text("authorization").starts_with("AWS4-HMAC-SHA256 ") && text("authorization").contains("/secretsmanager/aws4_request"))
    {
        complaints.add("Secrets Manager: a request without a signature");
        return refuse("MissingAuthenticationTokenException", "Missing Authentication Token");
    }
    let request: GetSecretValue = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => {
            complaints.add(format!("Secrets Manager: {error}"));
            return refuse("ValidationException", &error.to_string());
        }
    };
    let current = request.version_stage.as_deref().is_none_or(|stage| stage == "AWSCURRENT");
    let values = lock(&values);
    let Some(value) = values.get(&request.secret_id).filter(|_| current) else {
        return refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
    };
    let answer = json!({
        "ARN": format!("arn:aws:secretsmanager:eu-west-1:000000000000:secret:{}-AbCdEf", request.secret_id),
        "Name": request.secret_id,
        "VersionId": "00000000-0000-4000-8000-000000000001",
        "SecretString": value,
        "VersionStages": ["AWSCURRENT"],
        "CreatedDate": 1_700_000_000,
    });
    (StatusCode::OK, json_1_1, answer.to_string())
}
