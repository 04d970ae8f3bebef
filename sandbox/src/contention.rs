//! Adds three behaviours that the embedded `DynamoDB` lacks: conflicts between writes and
//! transactions, throttling of hot items, and latency.
//!
//! A transaction holds its items while it runs. A second transaction that names one of these items
//! is cancelled, with a reason for each place. A plain write to one of them is refused. Plain
//! writes wait for each other and are never refused for a conflict
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling>).
//!
//! An item takes 1,000 write units a second. All items of one partition key share this limit
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>).
//! A write in a transaction counts as two.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::wire::lock;

/// More keys than the tests write to within a second.
const MOST_KEYS: usize = 10_000;

/// The behaviour of `DynamoDB` under load. Cheap to clone.
#[derive(Clone, Default)]
pub struct Contention(Arc<Mutex<State>>);

struct State {
    conflicts: bool,
    latency: Duration,
    transaction: Duration,
    writes_per_second: u32,
    /// The items of running transactions.
    held: BTreeSet<String>,
    /// The recent writes of each partition key, as a leaky bucket: its level and the time of the
    /// last write.
    written: HashMap<String, (f64, Instant)>,
    refused: u64,
    throttled: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            conflicts: true,
            latency: Duration::ZERO,
            transaction: Duration::ZERO,
            writes_per_second: 1_000,
            held: BTreeSet::new(),
            written: HashMap::new(),
            refused: 0,
            throttled: 0,
        }
    }
}

/// An operation that may run. Dropping it releases its items.
pub struct Admitted {
    contention: Contention,
    held: Vec<String>,
    /// Minimum duration of the operation.
    pub takes: Duration,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut state = lock(&self.contention.0);
        for item in &self.held {
            state.held.remove(item);
        }
    }
}

impl Contention {
    /// Sets whether a running transaction refuses other operations on its items. The default is
    /// true.
    pub fn set_conflicts(&self, on: bool) {
        lock(&self.0).conflicts = on;
    }

    /// Sets the minimum duration of each operation, and that of a transaction, which holds its
    /// items as long.
    pub fn set_latency(&self, operation: Duration, transaction: Duration) {
        let mut state = lock(&self.0);
        (state.latency, state.transaction) = (operation, transaction);
    }

    /// Sets how many writes a second one partition key takes.
    pub fn set_writes_per_second(&self, writes: u32) {
        lock(&self.0).writes_per_second = writes;
    }

    /// The number of refused writes and transactions, and of throttled ones.
    pub fn refusals(&self) -> (u64, u64) {
        let state = lock(&self.0);
        (state.refused, state.throttled)
    }

    /// Admits an operation. The error is the type and the further members of the answer.
    pub fn admit(
        &self,
        operation: &str,
        request: &Value,
    ) -> Result<Admitted, (&'static str, Value)> {
        let mut state = lock(&self.0);
        let admitted = |held, takes| Admitted {
            contention: self.clone(),
            held,
            takes,
        };
        let places: Vec<(String, String)> = match operation {
            "PutItem" => vec![key(&request["Item"])],
            "UpdateItem" | "DeleteItem" => vec![key(&request["Key"])],
            "TransactWriteItems" => request["TransactItems"]
                .as_array()
                .into_iter()
                .flatten()
                .map(place)
                .collect(),
            _ => return Ok(admitted(Vec::new(), state.latency)),
        };
        let is_transaction = operation == "TransactWriteItems";
        let busy: Vec<bool> = places
            .iter()
            .map(|(_, item)| state.conflicts && state.held.contains(item))
            .collect();
        if busy.contains(&true) {
            state.refused += 1;
            if !is_transaction {
                return Err(("TransactionConflictException", json!({})));
            }
            let conflict = json!({ "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" });
            let reasons = busy.into_iter().map(|busy| {
                if busy {
                    conflict.clone()
                } else {
                    json!({ "Code": "None" })
                }
            });
            return Err((
                "TransactionCanceledException",
                json!({ "CancellationReasons": reasons.collect::<Vec<_>>() }),
            ));
        }
        let (now, allowed) = (Instant::now(), f64::from(state.writes_per_second));
        let units = if is_transaction { 2.0 } else { 1.0 };
        let level = |state: &State, pk: &str| {
            let (level, since) = state.written.get(pk).copied().unwrap_or((0.0, now));
            (level - now.duration_since(since).as_secs_f64() * allowed).max(0.0)
        };
        if places
            .iter()
            .any(|(pk, _)| level(&state, pk) + units > allowed)
        {
            state.throttled += 1;
            return Err((
                "ThrottlingException",
                json!({ "message": "Throughput exceeds the current capacity of the key" }),
            ));
        }
        if state.written.len() > MOST_KEYS {
            state
                .written
                .retain(|_, (_, since)| now.duration_since(*since) < Duration::from_secs(1));
        }
        for (pk, _) in &places {
            let level = level(&state, pk) + units;
            state.written.insert(pk.clone(), (level, now));
        }
        if !is_transaction {
            return Ok(admitted(Vec::new(), state.latency));
        }
        let held: Vec<String> = places.into_iter().map(|(_, item)| item).collect();
        state.held.extend(held.iter().cloned());
        Ok(admitted(held, state.transaction.max(state.latency)))
    }
}

/// Partition key and full key of one item of a transaction.
fn place(item: &Value) -> (String, String) {
    let writes = ["Update", "Delete", "ConditionCheck"].map(|write| &item[write]["Key"]);
    key(writes
        .into_iter()
        .find(|key| key.is_object())
        .unwrap_or(&item["Put"]["Item"]))
}

fn key(item: &Value) -> (String, String) {
    let part = |name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    let pk = part("pk");
    let whole = format!("{pk}\n{}", part("sk"));
    (pk, whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(pk: &str) -> Value {
        json!({ "Key": { "pk": { "S": pk }, "sk": { "S": "1" } } })
    }

    fn transaction(pks: &[&str]) -> Value {
        json!({ "TransactItems": pks.iter().map(|pk| json!({ "Update": update(pk) })).collect::<Vec<_>>() })
    }

    #[test]
    fn a_transaction_refuses_what_meets_it_and_plain_writes_queue() {
        let contention = Contention::default();
        let on = contention
            .admit("TransactWriteItems", &transaction(&["a", "b"]))
            .ok()
            .unwrap();
        assert_eq!(
            contention
                .admit("UpdateItem", &update("a"))
                .err()
                .unwrap()
                .0,
            "TransactionConflictException"
        );
        let (kind, reasons) = contention
            .admit("TransactWriteItems", &transaction(&["c", "b"]))
            .err()
            .unwrap();
        let codes: Vec<_> = reasons["CancellationReasons"]
            .as_array()
            .unwrap()
            .iter()
            .map(|reason| &reason["Code"])
            .collect();
        assert_eq!(
            (kind, codes),
            (
                "TransactionCanceledException",
                vec![&json!("None"), &json!("TransactionConflict")]
            )
        );
        let plain = contention.admit("UpdateItem", &update("c")).ok().unwrap();
        assert!(
            contention.admit("UpdateItem", &update("c")).is_ok()
                && contention.admit("GetItem", &update("a")).is_ok()
        );
        drop((on, plain));
        assert!(
            contention
                .admit("TransactWriteItems", &transaction(&["a", "c"]))
                .is_ok()
        );
        assert_eq!(contention.refusals(), (2, 0));
        let _on = contention.admit("TransactWriteItems", &transaction(&["a"]));
        contention.set_conflicts(false);
        assert!(contention.admit("UpdateItem", &update("a")).is_ok());
    }

    #[test]
    fn a_hot_key_is_throttled() {
        let contention = Contention::default();
        contention.set_writes_per_second(10);
        let passed = (0..30)
            .filter(|_| contention.admit("UpdateItem", &update("hot")).is_ok())
            .count();
        assert!((10..30).contains(&passed), "{passed}");
        assert!(contention.admit("UpdateItem", &update("cool")).is_ok());
        assert!(contention.refusals().1 > 0);
    }
}
