//! The table in memory. It answers the requests of DynamoDB's client. The conditions and updates
//! are evaluated, not restated.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use sandbox::expression::{Bindings, Item, holds, updated};
use serde_json::{Value, json};

use crate::digest;
use crate::fault::Faults;

/// The items, as canonical JSON, by `pk` and `sk`. So equal tables are equal states.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Items(BTreeMap<String, String>);

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// JSON.
    pub body: String,
}

impl Reply {
    /// The answer of an effect in one word.
    pub fn word(word: &str) -> Self {
        Self {
            status: 200,
            body: word.to_owned(),
        }
    }
}

/// The answers so far, by the digest of request and items: the same request to the same items has
/// the same answer.
type Memory = Mutex<HashMap<u64, (Items, Reply)>>;

/// What the table does.
#[derive(Debug, Default)]
pub struct Engine {
    memory: Memory,
    /// What is wrong with it.
    pub faults: Faults,
}

/// JSON whose objects and sets have one order only.
pub fn canonical(mut value: Value) -> String {
    fn sort_sets(value: &mut Value) {
        match value {
            Value::Object(map) => {
                if let Some(Value::Array(set)) = map.get_mut("SS") {
                    set.sort_by_key(ToString::to_string);
                }
                map.values_mut().for_each(sort_sets);
            }
            Value::Array(list) => list.iter_mut().for_each(sort_sets),
            _ => {}
        }
    }
    sort_sets(&mut value);
    value.sort_all_objects();
    value.to_string()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("the SDK and this crate write JSON")
}

fn key(request: &Value) -> String {
    let part = |name: &str| request["Key"][name]["S"].as_str().unwrap_or_default();
    format!("{} / {}", part("pk"), part("sk"))
}

impl Items {
    /// The names of the items whose time is over at `now`. DynamoDB may delete them at any moment.
    pub fn expired(&self, now: u64) -> Vec<String> {
        let is_over = |text: &str| {
            let end = parsed(text)["expires_at"]["N"]
                .as_str()
                .and_then(|end| end.parse::<u64>().ok());
            end.is_some_and(|end| end <= now)
        };
        let over = self.0.iter().filter(|(_, text)| is_over(text));
        over.map(|(name, _)| name.clone()).collect()
    }

    /// The items with one more, by its `pk` and `sk`.
    #[must_use]
    pub fn with(mut self, pk: &str, sk: &str, attributes: &Value) -> Self {
        let mut item = json!({ "pk": { "S": pk }, "sk": { "S": sk } });
        let (item_fields, attributes) = (item.as_object_mut(), attributes.as_object());
        if let Some((fields, attributes)) = item_fields.zip(attributes) {
            fields.extend(attributes.clone());
        }
        self.0.insert(format!("{pk} / {sk}"), canonical(item));
        self
    }

    /// Deletes an item.
    pub fn delete(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// An item's attributes, if it exists.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.0.get(name).map(|text| parsed(text))
    }

    /// The attributes of the first item whose key begins so.
    pub fn find(&self, beginning: &str) -> Option<Value> {
        let mut items = self.0.iter();
        let (_, text) = items.find(|(name, _)| name.starts_with(beginning))?;
        Some(parsed(text))
    }

    /// The items of one partition, up to a sort key if the request names one.
    fn queried(&self, request: &Value) -> Reply {
        let bound = |name: &str| request["ExpressionAttributeValues"][name]["S"].as_str();
        let partition = format!("{} / ", bound(":pk").unwrap_or_default());
        let mut found = Vec::new();
        for (name, text) in &self.0 {
            let Some(sort) = name.strip_prefix(&partition) else {
                continue;
            };
            if bound(":sk").is_none_or(|end| sort < end) {
                found.push(parsed(text));
            }
        }
        reply(200, json!({ "Count": found.len(), "Items": found }))
    }

    fn item(&self, name: &str) -> Option<Item> {
        self.get(name)?.as_object().cloned()
    }
}

impl Engine {
    /// The answer to a request, and the items after it.
    pub fn serve(&self, items: &mut Items, target: &str, body: &str) -> Reply {
        let known = digest(&(target, body, &*items));
        let mut memory = self.memory.lock().expect("no thread has panicked");
        let (after, reply) = memory.entry(known).or_insert_with(|| {
            let mut after = items.clone();
            let reply = self.answer(&mut after, target, &parsed(body));
            (after, reply)
        });
        *items = after.clone();
        reply.clone()
    }

    fn answer(&self, items: &mut Items, target: &str, request: &Value) -> Reply {
        match target {
            "GetItem" => {
                let item = items.get(&key(request));
                reply(200, item.map_or(json!({}), |item| json!({ "Item": item })))
            }
            "UpdateItem" => match self.written(items, request) {
                Ok((name, item)) => {
                    let attributes = reply(200, json!({ "Attributes": item }));
                    self.store(items, request, name, Some(item));
                    attributes
                }
                Err(old) => refused(old),
            },
            "DeleteItem" => match self.written(items, request) {
                Ok((name, _)) => {
                    self.store(items, request, name, None);
                    reply(200, json!({}))
                }
                Err(old) => refused(old),
            },
            "Query" => items.queried(request),
            "TransactWriteItems" => self.transaction(items, request),
            other => panic!("the table does not know {other}"),
        }
    }

    /// The item after a write, or the old item if the condition refuses.
    fn written(&self, items: &Items, request: &Value) -> Result<(String, Value), Option<Value>> {
        let name = key(request);
        let old = items.item(&name);
        let bindings = Bindings::of(request);
        let condition = request["ConditionExpression"].as_str().unwrap_or_default();
        let held = holds(condition, old.as_ref(), bindings).expect("a valid condition");
        if !self.faults.holds(held, &request.to_string()) {
            return Err(old.map(Value::Object));
        }
        let base = old.unwrap_or_else(|| request["Key"].as_object().cloned().unwrap_or_default());
        let update = request["UpdateExpression"].as_str().unwrap_or_default();
        // Without conditions an update may meet an item that it was not made for.
        let new = match updated(update, &base, bindings) {
            Err(_) if self.faults.ignores_conditions() => base,
            new => new.expect("a valid update"),
        };
        Ok((name, Value::Object(new)))
    }

    /// Puts an item into the table, or deletes it.
    fn store(&self, items: &mut Items, request: &Value, name: String, item: Option<Value>) {
        if !self.faults.keeps(&request.to_string()) {
            return;
        }
        match item {
            Some(item) => items.0.insert(name, canonical(item)),
            None => items.0.remove(&name),
        };
    }

    fn transaction(&self, items: &mut Items, request: &Value) -> Reply {
        let writes = request["TransactItems"].as_array().expect("a list");
        let results: Vec<_> = writes
            .iter()
            .map(|write| self.written(items, &write["Update"]))
            .collect();
        if results.iter().all(Result::is_ok) {
            for (write, (name, item)) in writes.iter().zip(results.into_iter().flatten()) {
                self.store(items, &write["Update"], name, Some(item));
            }
            return reply(200, json!({}));
        }
        let reasons: Vec<Value> = results
            .into_iter()
            .map(|result| match result {
                Ok(_) => json!({ "Code": "None" }),
                Err(None) => json!({ "Code": "ConditionalCheckFailed" }),
                Err(Some(old)) => json!({ "Code": "ConditionalCheckFailed", "Item": old }),
            })
            .collect();
        let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
        reply(
            400,
            json!({ "__type": kind, "Message": "cancelled", "CancellationReasons": reasons }),
        )
    }
}

fn reply(status: u16, body: Value) -> Reply {
    Reply {
        status,
        body: canonical(body),
    }
}

fn refused(old: Option<Value>) -> Reply {
    let kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
    let mut body = json!({ "__type": kind, "message": "refused" });
    if let Some(old) = old {
        body["Item"] = old;
    }
    reply(400, body)
}
