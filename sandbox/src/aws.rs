//! `DynamoDB` (embedded, behind a recording proxy) and Secrets Manager.

use std::{
    collections::BTreeMap,
    io,
    ops::RangeInclusive,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
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

use crate::{
    contention::Contention,
    random,
    rights::Principals,
    template::Template,
    wire::{self, BODY_LIMIT, Complaints, Server, lock},
};

/// The name of the table.
pub const TABLE_NAME: &str = "switchboard-sandbox";

/// The two AWS services that the functions call. Dropping it stops them.
pub struct Aws {
    dynamodb: Server,
    secrets: Server,
    database: Database,
    values: Secrets,
    contention: Contention,
    tasks: Vec<JoinHandle<()>>,
}

type Secrets = Arc<Mutex<BTreeMap<String, Secret>>>;

/// A secret. One without a version was created but has no value yet.
#[derive(Default)]
struct Secret {
    description: String,
    /// The versions, in the order of creation.
    versions: Vec<Version>,
    /// Seconds since the epoch.
    changed: u64,
}

struct Version {
    id: String,
    /// `SecretString`, or `SecretBinary` in Base64.
    kind: &'static str,
    value: String,
    /// Staging labels. Each label is on one version of a secret.
    stages: Vec<String>,
    /// Seconds since the epoch.
    created: u64,
}

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

impl Secret {
    /// Writes a version with these labels. If the version exists, only moves the labels to it. The
    /// version that was current becomes the previous one.
    fn put(&mut self, id: &str, kind: &'static str, value: &str, stages: &[String]) {
        self.changed = crate::now().as_secs();
        let stages = if self.versions.is_empty() {
            vec![CURRENT.to_owned()]
        } else {
            stages.to_vec()
        };
        if !self.versions.iter().any(|version| version.id == id) {
            let (id, value) = (id.to_owned(), value.to_owned());
            self.versions.push(Version {
                id,
                kind,
                value,
                stages: vec![],
                created: self.changed,
            });
        }
        for stage in stages {
            let before = self
                .versions
                .iter()
                .position(|version| version.stages.contains(&stage));
            let Some(index) = self.versions.iter().position(|version| version.id == id) else {
                continue;
            };
            if before == Some(index) {
                continue;
            }
            if let Some(before) = before.filter(|_| stage == CURRENT) {
                self.versions
                    .iter_mut()
                    .for_each(|version| version.stages.retain(|stage| stage != PREVIOUS));
                self.versions[before].stages.push(PREVIOUS.to_owned());
            }
            self.versions
                .iter_mut()
                .for_each(|version| version.stages.retain(|other| *other != stage));
            self.versions[index].stages.push(stage);
        }
    }

    fn current(&self) -> Option<&Version> {
        self.versions
            .iter()
            .find(|version| version.stages.iter().any(|stage| stage == CURRENT))
    }
}

impl Aws {
    /// Starts both services, on these ports or on free ones, with the template's table and no
    /// secrets. A function has the rights of its role.
    pub async fn start(template: &Template, ports: Option<(u16, u16)>) -> io::Result<Self> {
        let database = Database::memory().map_err(io::Error::other)?;
        create(&database, &template.table).map_err(io::Error::other)?;
        let inner = TcpListener::bind(("127.0.0.1", 0)).await?;
        let upstream = format!("http://{}/", inner.local_addr()?);
        let (dynamodb_port, secrets_port) = ports.unwrap_or_default();
        let functions = template
            .functions
            .iter()
            .map(|function| (function.name.clone(), function.rights.clone()));
        let principals = Arc::new(Principals::new(functions));
        let contention = Contention::default();
        let upstream = Upstream {
            client: wire::client(),
            url: upstream,
            principals: Arc::clone(&principals),
            contention: contention.clone(),
        };
        let proxy = Router::new().fallback(forward).with_state(upstream);
        let dynamodb = Server::start_on("dynamodb", dynamodb_port, proxy)
            .await
            .map_err(|error| crate::busy("DynamoDB", dynamodb_port, &error))?;
        let values = Secrets::default();
        let router = Router::new()
            .fallback(secrets_manager)
            .with_state((Arc::clone(&values), principals));
        let secrets = Server::start_on("secrets", secrets_port, router)
            .await
            .map_err(|error| crate::busy("Secrets Manager", secrets_port, &error))?;
        let serving = tokio::spawn(dynoxide::server::serve_on(inner, database.clone()));
        Ok(Self {
            dynamodb,
            secrets,
            database,
            values,
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

    /// Stores a value of a secret, e.g. `switchboard/twilio`, as its current version.
    pub fn set_secret(&self, id: &str, value: &Value) {
        lock(&self.values).entry(id.to_owned()).or_default().put(
            &random::uuid(),
            "SecretString",
            &value.to_string(),
            &[CURRENT.to_owned()],
        );
    }

    /// Creates a secret without a value, as a stack does. An existing secret loses its value.
    pub fn create_secret(&self, id: &str, description: &str) {
        lock(&self.values).insert(
            id.to_owned(),
            Secret {
                description: description.to_owned(),
                ..Secret::default()
            },
        );
    }

    /// The current value of a secret. A text that is not JSON becomes a JSON string.
    pub fn secret(&self, id: &str) -> Option<Value> {
        let value = lock(&self.values).get(id)?.current()?.value.clone();
        Some(serde_json::from_str(&value).unwrap_or_else(|_| value.into()))
    }

    /// Removes a secret.
    pub fn remove_secret(&self, id: &str) {
        lock(&self.values).remove(id);
    }

    /// Starts to delete expired items, each within a second. AWS may take days.
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

    /// Deletes the expired items once.
    pub async fn sweep_now(&self) {
        sweep(&self.database).await;
    }

    /// All items, in `DynamoDB` JSON and in no particular order.
    pub async fn items(&self) -> Vec<Value> {
        let mut items = Vec::new();
        let mut from = Value::Null;
        loop {
            let page = self
                .call("Scan", json!({ "ExclusiveStartKey": from }))
                .await;
            items.extend(page["Items"].as_array().cloned().unwrap_or_default());
            from = page["LastEvaluatedKey"].clone();
            if from.is_null() {
                return items;
            }
        }
    }

    /// Writes an item (`DynamoDB` JSON). It replaces an item with the same key.
    pub async fn put(&self, item: Value) {
        self.call("PutItem", json!({ "Item": item })).await;
    }

    /// Changes `expires_at` (epoch seconds) of an existing item. A test uses this to let time pass.
    pub async fn update_expiry(&self, pk: &str, sk: &str, epoch: u64) {
        self.set_number(pk, sk, "expires_at", epoch).await;
    }

    /// Sets a number attribute of an existing item, for example a timestamp.
    pub async fn set_number(&self, pk: &str, sk: &str, name: &str, number: u64) {
        let request = json!({
            "Key": { "pk": { "S": pk }, "sk": { "S": sk } },
            "UpdateExpression": "SET #name = :number",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeNames": { "#name": name },
            "ExpressionAttributeValues": { ":number": { "N": number.to_string() } },
        });
        self.call("UpdateItem", request).await;
    }

    /// Switches the table's time to live on or off.
    pub async fn set_time_to_live(&self, on: bool) {
        let specification = json!({ "AttributeName": "expires_at", "Enabled": on });
        self.call(
            "UpdateTimeToLive",
            json!({ "TimeToLiveSpecification": specification }),
        )
        .await;
    }

    /// Sends one operation on the table directly to the database. It is not recorded and meets no
    /// fault. Panics if `DynamoDB` refuses.
    async fn call(&self, operation: &str, mut request: Value) -> Value {
        if let Some(fields) = request.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
            fields.insert("TableName".into(), TABLE_NAME.into());
        }
        let (database, operation) = (self.database.clone(), operation.to_owned());
        let called = tokio::task::spawn_blocking(move || call(&database, &operation, request))
            .await
            .expect("DynamoDB does not panic");
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
    for name in [
        "AttributeDefinitions",
        "KeySchema",
        "BillingMode",
        "GlobalSecondaryIndexes",
    ] {
        if !table[name].is_null() {
            request[name] = table[name].clone();
        }
    }
    call(database, "CreateTable", request)?;
    let expiry = &table["TimeToLiveSpecification"];
    if !expiry.is_null() {
        call(
            database,
            "UpdateTimeToLive",
            json!({ "TableName": TABLE_NAME, "TimeToLiveSpecification": expiry }),
        )?;
    }
    Ok(())
}

async fn sweep(database: &Database) {
    let database = database.clone();
    let swept = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
    swept
        .expect("a sweep does not panic")
        .expect("the database is there");
}

/// The embedded `DynamoDB` and the proxy before it.
#[derive(Clone)]
struct Upstream {
    client: reqwest::Client,
    url: String,
    principals: Arc<Principals>,
    contention: Contention,
}

async fn forward(
    State(Upstream {
        client,
        url,
        principals,
        contention,
    }): State<Upstream>,
    Extension(complaints): Extension<Complaints>,
    request: Request,
) -> Response<Body> {
    let (mut head, body) = request.into_parts();
    head.headers.remove(header::HOST);
    head.headers.remove(header::CONTENT_LENGTH);
    let body = axum::body::to_bytes(body, BODY_LIMIT)
        .await
        .unwrap_or_default();
    let started = Instant::now();
    let target = head
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default();
    let asked = serde_json::from_slice(&body).unwrap_or_default();
    let refused = |error: Value| {
        let json_1_0 = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
        (StatusCode::BAD_REQUEST, json_1_0, error.to_string()).into_response()
    };
    if let Some((function, rights)) = principals.of(&head.headers)
        && let Some(excess) = rights.excess(operation, &asked)
    {
        complaints.add(format!(
            "DynamoDB: the role of {function} in template.yaml does not allow {excess}"
        ));
        let kind = "com.amazon.coral.service#AccessDeniedException";
        return refused(json!({ "__type": kind, "Message": denied(function, &excess) }));
    }
    let admitted = match contention.admit(operation, &asked) {
        Ok(admitted) => admitted,
        Err((kind, mut error)) => {
            error["__type"] = format!("com.amazonaws.dynamodb.v20120810#{kind}").into();
            error["Message"] = kind.into();
            return refused(error);
        }
    };
    let answer = client
        .request(
            head.method,
            format!("{}{}", url.trim_end_matches('/'), head.uri),
        )
        .headers(head.headers)
        .body(body)
        .send();
    let answer = match answer.await {
        Ok(answer) => answer,
        Err(error) => return (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut forwarded = Response::new(Body::from(answer.bytes().await.unwrap_or_default()));
    tokio::time::sleep(admitted.takes.saturating_sub(started.elapsed())).await;
    drop(admitted);
    *forwarded.status_mut() = status;
    *forwarded.headers_mut() = headers;
    forwarded
}

fn denied(function: &str, what: &str) -> String {
    format!(
        "User: arn:aws:sts::000000000000:assumed-role/{function}/{function} is not authorized to perform: {what} because no identity-based \
         policy allows the action"
    )
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValue {
    secret_id: String,
    version_id: Option<String>,
    version_stage: Option<String>,
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutSecretValue {
    secret_id: String,
    client_request_token: Option<String>,
    secret_string: Option<String>,
    secret_binary: Option<String>,
    version_stages: Option<Vec<String>>,
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateSecret {
    name: String,
    description: Option<String>,
    client_request_token: Option<String>,
    secret_string: Option<String>,
    secret_binary: Option<String>,
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeSecret {
    secret_id: String,
}

/// An error's type and message.
type Refusal = (&'static str, String);

async fn secrets_manager(
    State((values, principals)): State<(Secrets, Arc<Principals>)>,
    Extension(complaints): Extension<Complaints>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(&'static str, &'static str); 1], String) {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let complain = |kind: &'static str, what: &str| {
        complaints.add(format!("Secrets Manager: {what}"));
        Err((kind, what.to_owned()))
    };
    let signed = text("authorization").starts_with("AWS4-HMAC-SHA256 ")
        && text("authorization").contains("/secretsmanager/aws4_request");
    let operation = text("x-amz-target")
        .strip_prefix("secretsmanager.")
        .unwrap_or_default();
    let excess = principals.of(&headers).and_then(|(function, rights)| {
        let asked: GetSecretValue = parse(&body).ok()?;
        let secret = name(&asked.secret_id);
        let allowed = operation == "GetSecretValue" && rights.may_read(secret);
        (!allowed).then(|| denied(function, &format!("secretsmanager:{operation} on {secret}")))
    });
    let answer = match operation {
        _ if !signed => complain(
            "MissingAuthenticationTokenException",
            "a request without a signature",
        ),
        _ if excess.is_some() => complain(
            "AccessDeniedException",
            excess.as_deref().unwrap_or_default(),
        ),
        "GetSecretValue" => get_secret_value(&lock(&values), &body),
        "PutSecretValue" => put_secret_value(&mut lock(&values), &body),
        "DescribeSecret" => describe_secret(&lock(&values), &body),
        "CreateSecret" => create_secret(&mut lock(&values), &body),
        "ListSecretVersionIds" => list_versions(&lock(&values), &body),
        _ => complain(
            "UnknownOperationException",
            &format!("{operation} is not simulated by this sandbox"),
        ),
    };
    let json_1_1 = [("content-type", "application/x-amz-json-1.1")];
    match answer {
        Ok(answer) => (StatusCode::OK, json_1_1, answer.to_string()),
        Err((kind, message)) => {
            if kind == "ValidationException" {
                complaints.add(format!("Secrets Manager: {message}"));
            }
            (
                StatusCode::BAD_REQUEST,
                json_1_1,
                json!({ "__type": kind, "message": message }).to_string(),
            )
        }
    }
}

fn parse<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| ("ValidationException", error.to_string()))
}

/// The name of a secret. `id` is a name or an ARN; an ARN ends with a dash and six random
/// characters.
fn name(id: &str) -> &str {
    let name = id.rsplit(":secret:").next().unwrap_or(id);
    if name == id {
        id
    } else {
        name.len()
            .checked_sub(7)
            .and_then(|end| name.get(..end))
            .unwrap_or(name)
    }
}

fn arn(name: &str) -> String {
    format!("arn:aws:secretsmanager:eu-west-1:000000000000:secret:{name}-AbCdEf")
}

fn no_secret() -> Refusal {
    (
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret.".to_owned(),
    )
}

fn get_secret_value(values: &BTreeMap<String, Secret>, body: &[u8]) -> Result<Value, Refusal> {
    let request: GetSecretValue = parse(body)?;
    let name = name(&request.secret_id);
    let secret = values.get(name).ok_or_else(no_secret)?;
    let stage = request
        .version_stage
        .as_deref()
        .or(request.version_id.is_none().then_some(CURRENT));
    let fits = |version: &&Version| {
        request
            .version_id
            .as_ref()
            .is_none_or(|id| version.id == *id)
            && stage.is_none_or(|stage| version.stages.iter().any(|label| label == stage))
    };
    let version = secret.versions.iter().find(fits).ok_or_else(|| {
        let by = match (&request.version_id, stage) {
            (Some(id), _) => format!("VersionId: {id}"),
            (None, stage) => format!("staging label: {}", stage.unwrap_or(CURRENT)),
        };
        (
            "ResourceNotFoundException",
            format!("Secrets Manager can't find the specified secret value for {by}"),
        )
    })?;
    let mut answer = json!({
        "ARN": arn(name), "Name": name, "VersionId": version.id, "VersionStages": version.stages, "CreatedDate": version.created,
    });
    answer[version.kind] = version.value.as_str().into();
    Ok(answer)
}

fn valid<T>(
    value: T,
    length: usize,
    allowed: RangeInclusive<usize>,
    name: &str,
) -> Result<T, Refusal> {
    if allowed.contains(&length) {
        Ok(value)
    } else {
        Err(("ValidationException", format!("{name}: length {length}")))
    }
}

/// The single value of a request; `Ok(None)` if it has none.
fn value(
    text: Option<String>,
    binary: Option<String>,
) -> Result<Option<(&'static str, String)>, Refusal> {
    let (kind, value) = match (text, binary) {
        (None, None) => return Ok(None),
        (Some(text), None) => ("SecretString", text),
        (None, Some(binary)) => ("SecretBinary", binary),
        (Some(_), Some(_)) => {
            let what = "You can't specify both a binary secret value and a string secret value in the same request.";
            return Err(("InvalidParameterException", what.to_owned()));
        }
    };
    let length = value.len();
    valid(Some((kind, value)), length, 1..=65_536, kind)
}

/// The version that a request names. Without one, a new version is made, as the SDKs do.
fn token(given: Option<String>) -> Result<String, Refusal> {
    let token = given.unwrap_or_else(random::uuid);
    let length = token.len();
    valid(token, length, 32..=64, "ClientRequestToken")
}

fn put_secret_value(values: &mut BTreeMap<String, Secret>, body: &[u8]) -> Result<Value, Refusal> {
    let request: PutSecretValue = parse(body)?;
    let token = token(request.client_request_token)?;
    let Some((kind, value)) = value(request.secret_string, request.secret_binary)? else {
        return Err((
            "InvalidRequestException",
            "You must provide either SecretString or SecretBinary.".to_owned(),
        ));
    };
    let stages = request
        .version_stages
        .unwrap_or_else(|| vec![CURRENT.to_owned()]);
    let stages_count = stages.len();
    let stages = valid(stages, stages_count, 1..=20, "VersionStages")?;
    let name = name(&request.secret_id);
    let secret = values.get_mut(name).ok_or_else(no_secret)?;
    match secret.versions.iter().find(|version| version.id == token) {
        Some(version) if (version.kind, &version.value) != (kind, &value) => {
            let what = format!(
                "You can't use ClientRequestToken {token} because that value is already in use for a version of secret {}.",
                arn(name)
            );
            return Err(("ResourceExistsException", what));
        }
        // A repeated request changes nothing.
        Some(_) => {}
        None => secret.put(&token, kind, &value, &stages),
    }
    let stages = secret
        .versions
        .iter()
        .find(|version| version.id == token)
        .map(|version| &version.stages);
    Ok(json!({ "ARN": arn(name), "Name": name, "VersionId": token, "VersionStages": stages }))
}

fn create_secret(values: &mut BTreeMap<String, Secret>, body: &[u8]) -> Result<Value, Refusal> {
    let request: CreateSecret = parse(body)?;
    let (token, value) = (
        token(request.client_request_token)?,
        value(request.secret_string, request.secret_binary)?,
    );
    let length = request.name.len();
    let name = valid(request.name, length, 1..=512, "Name")?;
    if values.contains_key(&name) {
        let what = format!("The operation failed because the secret {name} already exists.");
        return Err(("ResourceExistsException", what));
    }
    let mut secret = Secret {
        description: request.description.unwrap_or_default(),
        changed: crate::now().as_secs(),
        ..Secret::default()
    };
    let mut answer = json!({ "ARN": arn(&name), "Name": name });
    if let Some((kind, value)) = value {
        secret.put(&token, kind, &value, &[]);
        answer["VersionId"] = token.into();
    }
    values.insert(name, secret);
    Ok(answer)
}

fn describe_secret(values: &BTreeMap<String, Secret>, body: &[u8]) -> Result<Value, Refusal> {
    let request: DescribeSecret = parse(body)?;
    let name = name(&request.secret_id);
    let secret = values.get(name).ok_or_else(no_secret)?;
    let labelled = secret
        .versions
        .iter()
        .filter(|version| !version.stages.is_empty());
    let versions = labelled
        .map(|version| (version.id.clone(), json!(version.stages)))
        .collect::<serde_json::Map<_, _>>();
    Ok(json!({
        "ARN": arn(name), "Name": name, "Description": secret.description, "CreatedDate": 1_700_000_000,
        "LastChangedDate": secret.changed, "VersionIdsToStages": versions, "Tags": [],
    }))
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecretVersionIds.html>.
/// Versions without a label are left out.
fn list_versions(values: &BTreeMap<String, Secret>, body: &[u8]) -> Result<Value, Refusal> {
    let request: DescribeSecret = parse(body)?;
    let name = name(&request.secret_id);
    let secret = values.get(name).ok_or_else(no_secret)?;
    let labelled = secret
        .versions
        .iter()
        .filter(|version| !version.stages.is_empty());
    let wire = |version: &Version| json!({ "VersionId": version.id, "VersionStages": version.stages, "CreatedDate": version.created });
    Ok(
        json!({ "ARN": arn(name), "Name": name, "Versions": labelled.map(wire).collect::<Vec<_>>() }),
    )
}
