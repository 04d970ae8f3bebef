//! Writes and their conditions; one takes effect, or several together.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::key::{Key, key};
use sandbox::expression::{Bindings, Item, holds, updated};

/// An error's type and its other members.
pub(super) type Refusal = (&'static str, Value);

pub(super) fn invalid(what: impl Into<String>) -> Refusal {
    ("ValidationException", json!({ "Message": what.into() }))
}

/// Checks the condition of a write on the existing item.
pub(super) fn check(item: Option<&Item>, request: &Value) -> Result<(), Refusal> {
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
pub(super) fn written(items: &HashMap<Key, Item>, request: &Value) -> Result<Item, Refusal> {
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

pub(super) fn transact(items: &mut HashMap<Key, Item>, request: &Value) -> Result<Value, Refusal> {
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
