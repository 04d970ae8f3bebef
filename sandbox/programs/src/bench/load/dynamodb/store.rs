//! The items, the operations on them, and what was seen of the traffic.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sandbox::contention::Contention;
use serde_json::{Value, json};

use super::{
    key::{Key, key, kind},
    traffic::Seen,
    writes::{Refusal, check, invalid, transact, written},
};
use sandbox::expression::Item;

/// Maximum number of reported problems.
const PROBLEMS: usize = 20;

pub(super) struct Store {
    pub(super) items: Mutex<HashMap<Key, Item>>,
    pub(super) contention: Contention,
    pub(super) latency: Duration,
    pub(super) seen: Mutex<Seen>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// The status and the body of an answer.
    pub(super) async fn answer(&self, operation: &str, request: &Value) -> (u16, Value) {
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
