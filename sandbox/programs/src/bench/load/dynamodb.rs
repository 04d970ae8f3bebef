//! `DynamoDB` in memory, for hundreds of processes at once. It has the operations that the
//! functions use, over HTTP. [`Contention`] adds the latency, the conflicts of transactions and the
//! throttling of hot keys.
//!
//! An operation takes effect when it arrives, at once and atomically. The answer is sent when its
//! time is over. A transaction holds its items until then. The tests compare the answers with
//! those of the sandbox's embedded `DynamoDB`.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    convert::Infallible,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response, body::Incoming, header::CONTENT_TYPE, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use sandbox::contention::Contention;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use super::expression::{Bindings, Item, holds, updated};

/// Larger than every request of a function.
const LIMIT: usize = 2 * 1024 * 1024;

/// Maximum number of reported problems.
const PROBLEMS: usize = 20;

/// Partition key and sort key.
type Key = (String, String);

/// The traffic since the last look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    /// Writes that conflicted with a transaction, by the kind of the held item.
    pub(super) conflicts: BTreeMap<String, u64>,
    /// Throttled writes, by the kind of the written item.
    pub(super) throttled: BTreeMap<String, u64>,
    /// Billed writes and reads. A write in a transaction counts as two.
    pub(super) writes: usize,
    pub(super) reads: usize,
    /// Number of completed transactions, and the item in most of them: its kind and the number.
    pub(super) transactions: u64,
    pub(super) most_shared: Option<(String, u64)>,
    /// Requests that this implementation does not understand.
    pub(super) problems: Vec<String>,
}

#[derive(Default)]
struct Seen {
    conflicts: BTreeMap<String, u64>,
    throttled: BTreeMap<String, u64>,
    writes: usize,
    reads: usize,
    transactions: u64,
    written: HashMap<Key, u64>,
    problems: Vec<String>,
}

struct Store {
    items: Mutex<HashMap<Key, Item>>,
    contention: Contention,
    latency: Duration,
    seen: Mutex<Seen>,
}

/// An error's type and its other members.
type Refusal = (&'static str, Value);

/// A table with its server. The server ends when dropped.
pub(super) struct DynamoDb {
    url: String,
    store: Arc<Store>,
    _serving: JoinSet<()>,
}

impl DynamoDb {
    /// An empty table with these latencies. A transaction holds its items for its whole latency.
    pub(super) async fn start(operation: Duration, transaction: Duration) -> io::Result<Self> {
        let contention = Contention::default();
        contention.set_latency(operation, transaction);
        let store = Arc::new(Store {
            items: Mutex::default(),
            contention,
            latency: operation,
            seen: Mutex::default(),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (mut serving, served) = (JoinSet::new(), Arc::clone(&store));
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                let (store, _) = (Arc::clone(&served), stream.set_nodelay(true));
                let service = service_fn(move |request| serve(Arc::clone(&store), request));
                // A client may leave; this is not a problem.
                connections.spawn(async move {
                    drop(
                        http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        Ok(Self {
            url,
            store,
            _serving: serving,
        })
    }

    /// `http://127.0.0.1:PORT`.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Never throttles a key from now on.
    pub(super) fn never_throttle(&self) {
        self.store.contention.set_writes_per_second(u32::MAX);
    }

    /// The traffic since the last call.
    pub(super) fn traffic(&self) -> Traffic {
        let Seen {
            conflicts,
            throttled,
            writes,
            reads,
            transactions,
            written,
            problems,
        } = std::mem::take(&mut *lock(&self.store.seen));
        let most = written.into_iter().max_by_key(|(_, times)| *times);
        let most_shared = most.map(|((pk, _), times)| (kind(&pk), times));
        Traffic {
            conflicts,
            throttled,
            writes,
            reads,
            transactions,
            most_shared,
            problems,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The kind of a partition key: `sent#…` for every message.
fn kind(pk: &str) -> String {
    let is_word =
        |part: &str| part.len() < 16 && !part.contains(|c: char| c.is_ascii_digit() || c == '+');
    pk.split('#')
        .map(|part| if is_word(part) { part } else { "…" })
        .collect::<Vec<_>>()
        .join("#")
}

fn key(key: &Value) -> Key {
    let part = |name: &str| key[name]["S"].as_str().unwrap_or_default().to_owned();
    (part("pk"), part("sk"))
}

async fn serve(
    store: Arc<Store>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    // A client opens its connection in advance.
    if request.method() == Method::HEAD {
        return Ok(response);
    }
    let target = request
        .headers()
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    let operation = target
        .and_then(|target| target.rsplit('.').next())
        .unwrap_or_default()
        .to_owned();
    let body = Limited::new(request.into_body(), LIMIT)
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let request = body
        .ok()
        .and_then(|body| serde_json::from_slice(&body).ok())
        .unwrap_or_default();
    let (status, answer) = store.answer(&operation, &request).await;
    *response.status_mut() = status.try_into().unwrap_or_default();
    *response.body_mut() = Full::new(answer.to_string().into());
    response.headers_mut().insert(
        CONTENT_TYPE,
        hyper::header::HeaderValue::from_static("application/x-amz-json-1.0"),
    );
    Ok(response)
}

impl Store {
    /// The status and the body of an answer.
    async fn answer(&self, operation: &str, request: &Value) -> (u16, Value) {
        let admitted = self.contention.admit(operation, request);
        let takes = admitted
            .as_ref()
            .map_or(self.latency, |admitted| admitted.takes);
        let answer = match &admitted {
            Ok(_) => self.done(operation, request),
            Err((kind, members)) => Err((*kind, members.clone())),
        };
        self.note(operation, request, answer.as_ref().err());
        tokio::time::sleep(takes).await;
        drop(admitted);
        match answer {
            Ok(answer) => (200, answer),
            Err((kind, mut members)) => {
                members["__type"] = format!("com.amazonaws.dynamodb.v20120810#{kind}").into();
                if members["Message"].is_null() {
                    members["Message"] = kind.into();
                }
                (400, members)
            }
        }
    }

    fn note(&self, operation: &str, request: &Value, refusal: Option<&Refusal>) {
        let mut seen = lock(&self.seen);
        let keys: Vec<Key> = match request["TransactItems"].as_array() {
            Some(items) => items
                .iter()
                .map(|item| key(&item["Update"]["Key"]))
                .collect(),
            None => vec![key(&request["Key"])],
        };
        // A refused condition is billed as well.
        match (operation, refusal) {
            ("GetItem", _) => seen.reads += 1,
            (
                _,
                Some((
                    "TransactionConflictException" | "ThrottlingException" | "ValidationException",
                    _,
                )),
            ) => {}
            ("TransactWriteItems", _) => seen.writes += 2 * keys.len(),
            _ => seen.writes += 1,
        }
        let mut conflict = |pk: &str| *seen.conflicts.entry(kind(pk)).or_default() += 1;
        match refusal {
            None if operation == "TransactWriteItems" => {
                seen.transactions += 1;
                for key in keys {
                    *seen.written.entry(key).or_default() += 1;
                }
            }
            Some(("TransactionConflictException", _)) => {
                for (pk, _) in &keys {
                    conflict(pk);
                }
            }
            Some(("TransactionCanceledException", reasons)) => {
                let reasons = reasons["CancellationReasons"]
                    .as_array()
                    .into_iter()
                    .flatten();
                for (_, (pk, _)) in reasons
                    .zip(&keys)
                    .filter(|(reason, _)| reason["Code"] == "TransactionConflict")
                {
                    conflict(pk);
                }
            }
            Some(("ThrottlingException", _)) => {
                // `DynamoDB` does not say which of a transaction's keys was throttled.
                let kinds: Vec<String> = keys.iter().map(|(pk, _)| kind(pk)).collect();
                *seen.throttled.entry(kinds.join(", ")).or_default() += 1;
            }
            Some(("ValidationException", what)) if seen.problems.len() < PROBLEMS => {
                seen.problems
                    .push(format!("DynamoDB, {operation}: {}", what["Message"]));
            }
            _ => {}
        }
    }

    fn done(&self, operation: &str, request: &Value) -> Result<Value, Refusal> {
        let mut items = lock(&self.items);
        match operation {
            "GetItem" => Ok(items
                .get(&key(&request["Key"]))
                .map_or_else(|| json!({}), |item| json!({ "Item": item }))),
            "UpdateItem" => {
                let new = written(&items, request)?;
                let wanted = request["ReturnValues"] == "ALL_NEW";
                let answer = if wanted {
                    json!({ "Attributes": new })
                } else {
                    json!({})
                };
                items.insert(key(&request["Key"]), new);
                Ok(answer)
            }
            "DeleteItem" => {
                check(items.get(&key(&request["Key"])), request)?;
                items.remove(&key(&request["Key"]));
                Ok(json!({}))
            }
            "TransactWriteItems" => transact(&mut items, request),
            other => Err(invalid(format!(
                "operation {other:?} is not used by a function"
            ))),
        }
    }
}

fn invalid(what: impl Into<String>) -> Refusal {
    ("ValidationException", json!({ "Message": what.into() }))
}

/// Checks the condition of a write on the existing item.
fn check(item: Option<&Item>, request: &Value) -> Result<(), Refusal> {
    let condition = request["ConditionExpression"].as_str().unwrap_or_default();
    if holds(condition, item, Bindings::of(request)).map_err(invalid)? {
        return Ok(());
    }
    let mut refusal = json!({ "Message": "The conditional request failed" });
    if let Some(item) = item.filter(|_| request["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD")
    {
        refusal["Item"] = json!(item);
    }
    Err(("ConditionalCheckFailedException", refusal))
}

/// The item after an update.
fn written(items: &HashMap<Key, Item>, request: &Value) -> Result<Item, Refusal> {
    let old = items.get(&key(&request["Key"]));
    check(old, request)?;
    let made = || request["Key"].as_object().cloned().unwrap_or_default();
    let update = request["UpdateExpression"].as_str().unwrap_or_default();
    updated(
        update,
        &old.cloned().unwrap_or_else(made),
        Bindings::of(request),
    )
    .map_err(invalid)
}

fn transact(items: &mut HashMap<Key, Item>, request: &Value) -> Result<Value, Refusal> {
    let writes: Vec<&Value> = request["TransactItems"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| &item["Update"])
        .collect();
    let keys: Vec<Key> = writes.iter().map(|write| key(&write["Key"])).collect();
    if writes.iter().any(|write| !write.is_object())
        || keys.iter().collect::<HashSet<_>>().len() != keys.len()
    {
        return Err(invalid(
            "a transaction updates different items, and does nothing else",
        ));
    }
    let results: Vec<Result<Item, Refusal>> =
        writes.iter().map(|write| written(items, write)).collect();
    if let Some((kind, what)) = results.iter().find_map(|result| {
        result
            .as_ref()
            .err()
            .filter(|(kind, _)| *kind == "ValidationException")
    }) {
        return Err((*kind, what.clone()));
    }
    if results.iter().all(Result::is_ok) {
        items.extend(keys.into_iter().zip(results.into_iter().flatten()));
        return Ok(json!({}));
    }
    let reason = |result: Result<Item, Refusal>| match result {
        Ok(_) => json!({ "Code": "None" }),
        Err((_, mut reason)) => {
            reason["Code"] = "ConditionalCheckFailed".into();
            reason
        }
    };
    let reasons: Vec<Value> = results.into_iter().map(reason).collect();
    Err((
        "TransactionCanceledException",
        json!({ "CancellationReasons": reasons }),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandbox::{Sandbox, aws::TABLE_NAME, wire::client};

    /// The same sequence in every run of a seed. <https://en.wikipedia.org/wiki/Linear_congruential_generator>
    struct Chance(u64);

    impl Chance {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % bound
        }

        fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
            choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
        }
    }

    fn text(text: &str) -> Value {
        json!({ "S": text })
    }

    fn number(number: u64) -> Value {
        json!({ "N": number.to_string() })
    }

    /// A write as the functions make it: names of attributes as placeholders, names in the condition as they are.
    fn write(
        pk: &str,
        clauses: &[(&str, &str, Value)],
        condition: &str,
        bound: &[(&str, Value)],
    ) -> Value {
        let mut write =
            json!({ "TableName": TABLE_NAME, "Key": { "pk": text(pk), "sk": text("1") } });
        let mut values: serde_json::Map<_, _> = bound
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let (mut expression, mut last) = (String::new(), "");
        for (at, (verb, name, value)) in clauses.iter().enumerate() {
            let clause = if *verb == last {
                ",".to_owned()
            } else {
                format!(" {verb}")
            };
            let value_of = match *verb {
                "REMOVE" => String::new(),
                "SET" => format!("= :v{at}"),
                _ => format!(":v{at}"),
            };
            expression = format!("{expression}{clause} #n{at} {value_of}");
            write["ExpressionAttributeNames"][format!("#n{at}")] = (*name).into();
            if *verb != "REMOVE" {
                values.insert(format!(":v{at}"), value.clone());
            }
            last = verb;
        }
        write["UpdateExpression"] = expression.trim().into();
        if !condition.is_empty() {
            write["ConditionExpression"] = condition.into();
        }
        if !values.is_empty() {
            write["ExpressionAttributeValues"] = values.into();
        }
        write["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD".into();
        write
    }

    /// One of the kinds of writes that functions make, to one of few items, with few values, so that conditions hold and do not.
    fn some_write(chance: &mut Chance) -> Value {
        let (slice, max, now) = (chance.below(3), chance.below(4) + 1, chance.below(6));
        let (id, other) = (chance.one_of(&["a", "b", "c"]), chance.one_of(&["x", "y"]));
        let (counted, named) = (format!("s_{slice}"), format!("i_{slice}"));
        let room = "(attribute_not_exists(newest) OR newest = :slice) AND (attribute_not_exists(hits) OR hits < :max)";
        let set = || json!({ "SS": [id] });
        let none = Value::Null;
        let budget = |pk: &str,
                      verb: &str,
                      name: &str,
                      value: Value,
                      condition: &str,
                      bound: &[(&str, Value)]| {
            let clauses = [
                ("SET", "newest", number(slice)),
                ("SET", "expires_at", number(now + 9)),
                ("ADD", "hits", number(1)),
                (verb, name, value),
            ];
            write(
                pk,
                &clauses,
                condition,
                &[&[(":slice", number(slice)), (":max", number(max))], bound].concat(),
            )
        };
        match chance.below(13) {
            0 => budget("rate#all", "ADD", &counted, number(1), room, &[]),
            1 => {
                let condition = format!(
                    "{room} AND NOT contains(i_{slice}, :id) AND NOT contains(i_{}, :id)",
                    slice + 1
                );
                budget(
                    "rate#code",
                    "ADD",
                    &named,
                    set(),
                    &condition,
                    &[(":id", text(id))],
                )
            }
            2 => {
                let clauses = [
                    ("SET", "newest", number(slice)),
                    ("SET", "hits", number(max)),
                    ("SET", &*named, set()),
                    ("REMOVE", &*counted, none.clone()),
                    ("REMOVE", "i_9", none),
                ];
                let bound = [(":newest", number(now % 3)), (":hits", number(max))];
                write(
                    "rate#code",
                    &clauses,
                    "newest = :newest AND hits = :hits",
                    &bound,
                )
            }
            3 => {
                let less = ("ADD", "hits", json!({ "N": "-1" }));
                let clauses = [less, ("DELETE", &*named, set())];
                write(
                    "rate#code",
                    &clauses,
                    &format!("contains({named}, :id)"),
                    &[(":id", text(id))],
                )
            }
            4 => {
                let clauses = [
                    ("ADD", "hits", json!({ "N": "-1" })),
                    ("ADD", &*counted, json!({ "N": "-1" })),
                ];
                write(
                    "rate#all",
                    &clauses,
                    &format!("{counted} > :none"),
                    &[(":none", number(0))],
                )
            }
            5 => {
                let clauses = [
                    ("SET", "stage", text("sending")),
                    ("SET", "owner_id", text(other)),
                    ("SET", "expires_at", number(now + 2)),
                    ("REMOVE", "sid", none.clone()),
                    ("REMOVE", "provider", none),
                ];
                write(
                    "sent#1",
                    &clauses,
                    "attribute_not_exists(pk) OR expires_at <= :now",
                    &[(":now", number(now))],
                )
            }
            6 => {
                let clauses = [("SET", "stage", text("sent")), ("SET", "sid", text(id))];
                write(
                    "sent#1",
                    &clauses,
                    "owner_id = :owner",
                    &[(":owner", text(other))],
                )
            }
            7 => {
                let request = json!({ "M": { "kind": text("password"), "added_by": text(other), "expires_at": number(now) } });
                let clauses = [
                    ("SET", &*format!("r_{id}"), request),
                    ("SET", "expires_at", number(now)),
                    ("ADD", "version", number(1)),
                ];
                let condition = if now > 2 {
                    format!("attribute_exists(r_{id})")
                } else {
                    String::new()
                };
                write("pending#+45", &clauses, &condition, &[])
            }
            8 => {
                let clauses = [("REMOVE", &*format!("r_{id}"), none)];
                write(
                    "pending#+45",
                    &clauses,
                    &format!("r_{id}.added_by = :me"),
                    &[(":me", text(other))],
                )
            }
            9 => {
                let clauses = [
                    ("SET", "held_by", text(other)),
                    ("SET", "held_until", number(now)),
                ];
                let condition = "attribute_exists(pk) AND (attribute_not_exists(held_until) OR held_until <= :now OR held_by = :me)";
                write(
                    "pending#+45",
                    &clauses,
                    condition,
                    &[(":now", number(slice)), (":me", text(other))],
                )
            }
            10 => {
                let clauses = [("ADD", "wrong", number(1))];
                write(
                    "lock#1",
                    &clauses,
                    "wrong < :max AND expires_at > :now",
                    &[(":max", number(max)), (":now", number(now))],
                )
            }
            11 => {
                let clauses = [
                    ("SET", "wrong", number(1)),
                    ("SET", "expires_at", number(now + 2)),
                ];
                write(
                    "lock#1",
                    &clauses,
                    "attribute_not_exists(wrong) OR expires_at <= :now",
                    &[(":now", number(now))],
                )
            }
            _ => {
                let clauses = [
                    ("SET", "correspondent", text(id)),
                    ("SET", "expires_at", number(now)),
                ];
                if now > 3 {
                    write("thread#1", &[("REMOVE", "correspondent", none)], "", &[])
                } else {
                    write("thread#1", &clauses, "", &[])
                }
            }
        }
    }

    fn some_request(chance: &mut Chance) -> (&'static str, Value) {
        match chance.below(20) {
            0 => {
                let Value::Object(mut request) = some_write(chance) else {
                    unreachable!()
                };
                for name in [
                    "UpdateExpression",
                    "ConditionExpression",
                    "ExpressionAttributeNames",
                    "ExpressionAttributeValues",
                ] {
                    request.remove(name);
                }
                request.remove("ReturnValuesOnConditionCheckFailure");
                if chance.below(2) == 0 {
                    request.insert(
                        "ConditionExpression".to_owned(),
                        "version = :version AND attribute_not_exists(held_by)".into(),
                    );
                    request.insert(
                        "ExpressionAttributeValues".to_owned(),
                        json!({ ":version": number(chance.below(3)) }),
                    );
                }
                ("DeleteItem", request.into())
            }
            1..=2 => (
                "GetItem",
                json!({ "TableName": TABLE_NAME, "Key": some_write(chance)["Key"], "ConsistentRead": true }),
            ),
            3..=7 => {
                let mut writes: Vec<Value> = Vec::new();
                for _ in 0..=chance.below(4) {
                    let write = some_write(chance);
                    if writes
                        .iter()
                        .all(|other| other["Update"]["Key"] != write["Key"])
                    {
                        writes.push(json!({ "Update": write }));
                    }
                }
                ("TransactWriteItems", json!({ "TransactItems": writes }))
            }
            _ => {
                let mut request = some_write(chance);
                request["ReturnValues"] = "ALL_NEW".into();
                ("UpdateItem", request)
            }
        }
    }

    /// Sets have no order, and nobody reads an error's words.
    fn plain(mut value: Value) -> Value {
        if let Some(members) = value.as_object_mut() {
            members.retain(|name, value| {
                !matches!(name.as_str(), "message" | "Message") && !value.is_null()
            });
            if let Some(kind) = members
                .get("__type")
                .and_then(Value::as_str)
                .and_then(|kind| kind.rsplit('#').next())
            {
                let kind = kind.to_owned();
                members.insert("__type".to_owned(), kind.into());
            }
            for (name, member) in members.iter_mut() {
                if let (true, Some(set)) = (name == "SS", member.as_array_mut()) {
                    set.sort_by_key(Value::to_string);
                } else {
                    *member = plain(member.take());
                }
            }
        } else if let Some(entries) = value.as_array_mut() {
            for entry in entries {
                *entry = plain(entry.take());
            }
        }
        value
    }

    async fn ask(url: &str, operation: &str, request: &Value) -> (u16, Value) {
        let sent = client()
            .post(url)
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=a/20261120/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
            )
            .header("x-amz-date", "20261120T120000Z")
            .body(request.to_string())
            .send();
        let answer = sent.await.unwrap();
        let status = answer.status().as_u16();
        (
            status,
            plain(serde_json::from_str(&answer.text().await.unwrap()).unwrap()),
        )
    }

    /// Its figures can be believed only if it does what the other one does.
    #[tokio::test]
    async fn the_same_writes_give_the_same_answers_as_the_embedded_dynamodb() {
        let sandbox = Sandbox::start().await;
        let own = DynamoDb::start(Duration::ZERO, Duration::ZERO)
            .await
            .unwrap();
        let embedded = sandbox.aws.dynamodb().url();
        let (mut chance, mut refused) = (Chance(27_182_818), 0);
        for step in 0..600 {
            let (operation, request) = some_request(&mut chance);
            let (ours, theirs) = (
                ask(own.url(), operation, &request).await,
                ask(&embedded, operation, &request).await,
            );
            assert_eq!(ours, theirs, "step {step}: {operation} {request:#}");
            refused += u32::from(ours.0 == 400);
        }
        // Both sides of conditions were met.
        assert!((100..500).contains(&refused), "{refused}");
        assert_eq!(own.traffic().problems, [""; 0]);
    }

    #[tokio::test]
    async fn a_transaction_holds_its_items_and_the_one_that_all_share_is_named() {
        let own = DynamoDb::start(Duration::ZERO, Duration::from_millis(300))
            .await
            .unwrap();
        let claim = |of: &str| {
            let write =
                |pk: &str| json!({ "Update": write(pk, &[("ADD", "hits", number(1))], "", &[]) });
            json!({ "TransactItems": [write(&format!("sent#00000000{of}")), write("rate#sms#all")] })
        };
        let (url, one, other) = (own.url(), claim("1"), claim("2"));
        let (first, second) = tokio::join!(
            ask(url, "TransactWriteItems", &one),
            ask(url, "TransactWriteItems", &other)
        );
        let mut both = [first, second];
        both.sort_by_key(|(status, _)| *status);
        let [(200, _), (400, refusal)] = &both else {
            panic!("{both:?}")
        };
        let codes = ["None", "TransactionConflict"].map(|code| json!({ "Code": code }));
        assert_eq!(refusal["CancellationReasons"], json!(codes));
        assert_eq!(ask(url, "TransactWriteItems", &claim("3")).await.0, 200);
        let traffic = own.traffic();
        assert_eq!(
            traffic.conflicts,
            BTreeMap::from([("rate#sms#all".to_owned(), 1)])
        );
        assert_eq!((traffic.writes, traffic.reads), (3 * 2 * 2, 0));
        assert_eq!(
            (traffic.transactions, traffic.most_shared),
            (2, Some(("rate#sms#all".to_owned(), 2)))
        );
        assert_eq!(own.traffic(), Traffic::default());
    }

    #[tokio::test]
    async fn a_key_that_is_written_to_too_often_is_named() {
        let own = DynamoDb::start(Duration::ZERO, Duration::ZERO)
            .await
            .unwrap();
        own.store.contention.set_writes_per_second(1);
        let count = write("rate#code#all", &[("ADD", "hits", number(1))], "", &[]);
        assert_eq!(ask(own.url(), "UpdateItem", &count).await.0, 200);
        let (status, refusal) = ask(own.url(), "UpdateItem", &count).await;
        assert_eq!(
            (status, &refusal["__type"]),
            (400, &json!("ThrottlingException"))
        );
        assert_eq!(
            own.traffic().throttled,
            BTreeMap::from([("rate#code#all".to_owned(), 1)])
        );
    }

    #[tokio::test]
    async fn what_is_not_understood_is_a_problem_and_no_guess() {
        let own = DynamoDb::start(Duration::ZERO, Duration::ZERO)
            .await
            .unwrap();
        for (operation, request) in [
            ("Query", json!({})),
            (
                "UpdateItem",
                write("a", &[("SET", "b", number(1))], "size(b", &[]),
            ),
            (
                "TransactWriteItems",
                json!({ "TransactItems": [{ "Delete": { "Key": { "pk": text("a"), "sk": text("1") } } }] }),
            ),
        ] {
            assert_eq!(
                ask(own.url(), operation, &request).await.0,
                400,
                "{operation}"
            );
        }
        assert_eq!(own.traffic().problems.len(), 3);
    }

    #[test]
    fn kinds_tell_nobodys_number() {
        assert_eq!(kind("rate#sms#all"), "rate#sms#all");
        assert_eq!(kind("rate#code-country#DK"), "rate#code-country#DK");
        assert_eq!(kind("thread#+15005550010"), "thread#…");
        assert_eq!(kind("sent#ATRvbHqCFL5UiZkqxxxxx"), "sent#…");
    }
}
