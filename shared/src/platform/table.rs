//! The one DynamoDB table: keys, items, and the few operations the functions need.
//!
//! Conditional writes are the only lock. Every item has `expires_at` (epoch seconds, the table's
//! TTL attribute). DynamoDB deletes expired items up to days late
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html>), so readers
//! compare `expires_at` with `now` themselves. An outage is [`Unavailable`], never "not found".

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update as SdkUpdate,
};
use aws_sdk_dynamodb::{Client, Config};

use crate::platform::reply::Failure;

/// Seconds since 1970, as stored.
pub fn epoch(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The primary key of an item. Its parts come from validated values only (E.164, SIDs, hashes), so
/// they hold no `#` of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Partition key, `prefix#value`.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

impl Key {
    /// A key.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self {
            pk: pk.into(),
            sk: sk.into(),
        }
    }

    fn attributes(self) -> HashMap<String, AttributeValue> {
        HashMap::from([
            ("pk".to_owned(), AttributeValue::S(self.pk)),
            ("sk".to_owned(), AttributeValue::S(self.sk)),
        ])
    }
}

/// An attribute to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A string.
    S(String),
    /// A whole number.
    N(u64),
    /// A map.
    M(Vec<(&'static str, Value)>),
    /// A set with one string. [`Update::add_to_set`] adds more.
    Set(String),
}

impl From<Value> for AttributeValue {
    fn from(value: Value) -> Self {
        match value {
            Value::S(text) => Self::S(text),
            Value::N(number) => Self::N(number.to_string()),
            Value::Set(text) => Self::Ss(vec![text]),
            Value::M(entries) => Self::M(
                entries
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value.into()))
                    .collect(),
            ),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::S(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::S(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::N(number)
    }
}

/// Attributes as stored: an item, or a map within an item.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Item(HashMap<String, AttributeValue>);

impl Item {
    /// A string attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_s().ok().map(String::as_str)
    }

    /// A whole-number attribute.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_n().ok()?.parse().ok()
    }

    /// A string set attribute, empty if there is none.
    pub fn set(&self, name: &str) -> &[String] {
        self.0
            .get(name)
            .and_then(|value| value.as_ss().ok())
            .map_or(&[], Vec::as_slice)
    }

    /// The names of all attributes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A map attribute.
    pub fn map(&self, name: &str) -> Option<Item> {
        Some(Item(self.0.get(name)?.as_m().ok()?.clone()))
    }

    /// The maps in a list attribute.
    pub fn list(&self, name: &str) -> Vec<Item> {
        let list = self.0.get(name).and_then(|value| value.as_l().ok());
        list.into_iter()
            .flatten()
            .filter_map(|value| Some(Item(value.as_m().ok()?.clone())))
            .collect()
    }

    /// The map attributes whose name begins with `prefix`, as (rest of the name, map).
    pub fn maps<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, Item)> {
        self.0.iter().filter_map(move |(name, value)| {
            Some((name.strip_prefix(prefix)?, Item(value.as_m().ok()?.clone())))
        })
    }
}

#[cfg(test)]
impl Item {
    /// An item made by hand.
    pub(crate) fn for_tests(texts: &[(&str, &str)], numbers: &[(&str, u64)]) -> Self {
        let texts = texts
            .iter()
            .map(|(name, text)| ((*name).to_owned(), AttributeValue::S((*text).to_owned())));
        let numbers = numbers
            .iter()
            .map(|(name, number)| ((*name).to_owned(), AttributeValue::N(number.to_string())));
        Self(texts.chain(numbers).collect())
    }
}

/// DynamoDB could not be used. The text names the operation and the kind of error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable(String);

impl Unavailable {
    /// No time is left to wait for DynamoDB.
    pub fn late() -> Self {
        Self("no answer in time".to_owned())
    }

    /// Other instances changed the item before each of our writes.
    pub fn busy() -> Self {
        Self("the item changed too often".to_owned())
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Unavailable> for Failure {
    fn from(error: Unavailable) -> Self {
        Failure {
            status: 503,
            outcome: "table_unavailable",
            cause: error.0,
        }
    }
}

/// The answer to a conditional write.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// The write was done; the item as it is now.
    Done(Item),
    /// The condition does not hold; the item as it is, empty if there is none.
    Refused(Item),
}

/// An update of one item under a condition. Attribute names are the crate's own constants.
#[derive(Debug, Clone)]
pub struct Update {
    key: Key,
    sets: Vec<(String, Value)>,
    copies: Vec<(String, String, Value)>,
    adds: Vec<(String, AttributeValue)>,
    takes: Vec<(String, AttributeValue)>,
    removes: Vec<String>,
    condition: Option<String>,
    values: Vec<(&'static str, Value)>,
    is_once: bool,
}

impl Update {
    /// An update of the item at `key`. DynamoDB creates the item if it does not exist.
    pub fn new(key: Key) -> Self {
        Self {
            key,
            sets: Vec::new(),
            copies: Vec::new(),
            adds: Vec::new(),
            takes: Vec::new(),
            removes: Vec::new(),
            condition: None,
            values: Vec::new(),
            is_once: false,
        }
    }

    /// Tells [`Table::update`] not to try again after a lost answer, because this update must not
    /// be applied twice.
    #[must_use]
    pub fn once(self) -> Self {
        Self {
            is_once: true,
            ..self
        }
    }

    /// Sets an attribute. `map.attribute` names an attribute within an existing map.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.sets.push((name.into(), value.into()));
        self
    }

    /// Sets an attribute to the value that `path` has before this update, or to `otherwise` if
    /// there is none.
    #[must_use]
    pub fn copy(
        mut self,
        path: impl Into<String>,
        name: impl Into<String>,
        otherwise: impl Into<Value>,
    ) -> Self {
        self.copies
            .push((name.into(), path.into(), otherwise.into()));
        self
    }

    /// Adds to a number. An absent attribute counts as 0.
    #[must_use]
    pub fn add(mut self, name: impl Into<String>, number: i64) -> Self {
        self.adds
            .push((name.into(), AttributeValue::N(number.to_string())));
        self
    }

    /// Adds a string to a set. DynamoDB creates the set if it does not exist.
    #[must_use]
    pub fn add_to_set(mut self, name: impl Into<String>, text: &str) -> Self {
        self.adds
            .push((name.into(), AttributeValue::Ss(vec![text.to_owned()])));
        self
    }

    /// Removes a string from a set. DynamoDB removes the set with its last string.
    #[must_use]
    pub fn take_from_set(mut self, name: impl Into<String>, text: &str) -> Self {
        self.takes
            .push((name.into(), AttributeValue::Ss(vec![text.to_owned()])));
        self
    }

    /// Removes an attribute.
    #[must_use]
    pub fn remove(mut self, name: impl Into<String>) -> Self {
        self.removes.push(name.into());
        self
    }

    /// Makes the update conditional. `condition` is a DynamoDB condition expression;
    /// [`Update::bind`] binds its `:names`.
    #[must_use]
    pub fn only_if(mut self, condition: impl Into<String>) -> Self {
        self.condition = Some(condition.into());
        self
    }

    /// Binds a value of the condition.
    #[must_use]
    pub fn bind(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.values.push((name, value.into()));
        self
    }

    fn into_parts(self) -> Parts {
        let mut names = HashMap::new();
        let mut values: HashMap<String, AttributeValue> = self
            .values
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        let mut expression = String::new();
        let mut clause = |verb: &str, terms: Vec<String>| {
            if !terms.is_empty() {
                // Writing to a string cannot fail.
                let _ = write!(expression, "{verb} {} ", terms.join(", "));
            }
        };
        let mut placeholder = |name: String| {
            let placeholder = format!("#n{}", names.len());
            names.insert(placeholder.clone(), name);
            placeholder
        };
        let mut bound = |value: AttributeValue| {
            let placeholder = format!(":v{}", values.len());
            values.insert(placeholder.clone(), value);
            placeholder
        };
        let sets = self.sets.into_iter();
        let mut sets: Vec<String> = sets
            .map(|(name, value)| {
                let path: Vec<String> = name
                    .split('.')
                    .map(|name| placeholder(name.to_owned()))
                    .collect();
                format!("{} = {}", path.join("."), bound(value.into()))
            })
            .collect();
        let copies = self.copies.into_iter();
        let copy = |(name, path, otherwise): (String, String, Value)| {
            format!(
                "{} = if_not_exists({path}, {})",
                placeholder(name),
                bound(otherwise.into())
            )
        };
        sets.extend(copies.map(copy));
        clause("SET", sets);
        let adds = self.adds.into_iter();
        clause(
            "ADD",
            adds.map(|(name, value)| format!("{} {}", placeholder(name), bound(value)))
                .collect(),
        );
        let takes = self.takes.into_iter();
        clause(
            "DELETE",
            takes
                .map(|(name, value)| format!("{} {}", placeholder(name), bound(value)))
                .collect(),
        );
        clause(
            "REMOVE",
            self.removes.into_iter().map(&mut placeholder).collect(),
        );
        Parts {
            key: self.key.attributes(),
            expression,
            condition: self.condition,
            names: Some(names).filter(|names| !names.is_empty()),
            values: Some(values).filter(|values| !values.is_empty()),
        }
    }
}

struct Parts {
    key: HashMap<String, AttributeValue>,
    expression: String,
    condition: Option<String>,
    names: Option<HashMap<String, String>>,
    values: Option<HashMap<String, AttributeValue>>,
}

/// The table.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: String,
}

impl Table {
    /// The table of this name.
    pub fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// Reads an item with a consistent read. An expired item counts as absent.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn get(&self, key: Key, now: SystemTime) -> Result<Option<Item>, Unavailable> {
        let output = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Unavailable(crate::platform::aws::cause("GetItem", &error)))?;
        let item = output.item.map(Item);
        Ok(item.filter(|item| item.number("expires_at").is_none_or(|end| end > epoch(now))))
    }

    /// Updates an item, if its condition holds.
    ///
    /// # Errors
    /// [`Unavailable`], also when transactions kept the item busy through all retries.
    pub async fn update(&self, update: Update) -> Result<Write, Unavailable> {
        let is_once = update.is_once;
        let parts = &update.into_parts();
        unless_busy(move || async move {
            let request = self
                .client
                .update_item()
                .table_name(&self.name)
                .set_key(Some(parts.key.clone()))
                .update_expression(&parts.expression)
                .set_condition_expression(parts.condition.clone())
                .set_expression_attribute_names(parts.names.clone())
                .set_expression_attribute_values(parts.values.clone())
                .return_values(ReturnValue::AllNew)
                .return_values_on_condition_check_failure(
                    ReturnValuesOnConditionCheckFailure::AllOld,
                );
            let result = if is_once {
                let config = Config::builder().retry_config(RetryConfig::disabled());
                request.customize().config_override(config).send().await
            } else {
                request.send().await
            };
            let error = match result {
                Ok(output) => {
                    return Attempt::Ended(Ok(Write::Done(Item(
                        output.attributes.unwrap_or_default(),
                    ))));
                }
                Err(error) => error,
            };
            let failed = || {
                Err(Unavailable(crate::platform::aws::cause(
                    "UpdateItem",
                    &error,
                )))
            };
            match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                    let item = refusal.item.clone().unwrap_or_default();
                    Attempt::Ended(Ok(Write::Refused(Item(item))))
                }
                Some(UpdateItemError::TransactionConflictException(_)) => Attempt::Busy(failed()),
                _ => Attempt::Ended(failed()),
            }
        })
        .await
    }

    /// Deletes an item if `condition` (see [`Update::only_if`]) holds.
    ///
    /// # Errors
    /// As [`Table::update`].
    pub async fn delete(
        &self,
        key: Key,
        condition: Option<(String, Vec<(&'static str, Value)>)>,
    ) -> Result<Write, Unavailable> {
        let key = key.attributes();
        let (condition, values) = condition.unzip();
        let values: Option<HashMap<String, AttributeValue>> = values.map(|values| {
            values
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect()
        });
        let (key, condition, values) = (&key, &condition, &values);
        unless_busy(move || async move {
            let result = self
                .client
                .delete_item()
                .table_name(&self.name)
                .set_key(Some(key.clone()))
                .set_condition_expression(condition.clone())
                .set_expression_attribute_values(values.clone())
                .send()
                .await;
            let Err(error) = result else {
                return Attempt::Ended(Ok(Write::Done(Item::default())));
            };
            let failed = || {
                Err(Unavailable(crate::platform::aws::cause(
                    "DeleteItem",
                    &error,
                )))
            };
            match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => {
                    Attempt::Ended(Ok(Write::Refused(Item::default())))
                }
                Some(DeleteItemError::TransactionConflictException(_)) => Attempt::Busy(failed()),
                _ => Attempt::Ended(failed()),
            }
        })
        .await
    }

    /// Makes all updates or none. `Ok(None)`: done. `Ok(Some(refusals))`: nothing was written.
    /// There is one entry for each update, in order: the item that the condition refused (empty if
    /// there is none), or `None` if the condition did not refuse.
    ///
    /// # Errors
    /// [`Unavailable`], also when other transactions kept these items busy through the SDK's and
    /// our own retries.
    pub async fn update_all(
        &self,
        updates: Vec<Update>,
    ) -> Result<Option<Vec<Option<Item>>>, Unavailable> {
        let items: Vec<TransactWriteItem> = updates
            .into_iter()
            .map(|update| {
                let parts = update.into_parts();
                let update = SdkUpdate::builder()
                    .table_name(&self.name)
                    .set_key(Some(parts.key))
                    .update_expression(parts.expression)
                    .set_condition_expression(parts.condition)
                    .set_expression_attribute_names(parts.names)
                    .set_expression_attribute_values(parts.values)
                    .return_values_on_condition_check_failure(
                        ReturnValuesOnConditionCheckFailure::AllOld,
                    )
                    .build();
                update.map(|update| TransactWriteItem::builder().update(update).build())
            })
            .collect::<Result<_, _>>()
            .map_err(|_| Unavailable("TransactWriteItems: request could not be made".to_owned()))?;
        let items = &items;
        unless_busy(move || async move {
            let result = self
                .client
                .transact_write_items()
                .set_transact_items(Some(items.clone()))
                .send()
                .await;
            let Err(error) = result else {
                return Attempt::Ended(Ok(None));
            };
            let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
                error.as_service_error()
            else {
                let cause = crate::platform::aws::cause("TransactWriteItems", &error);
                return Attempt::Ended(Err(Unavailable(cause)));
            };
            let reasons = cancelled.cancellation_reasons();
            let is = |code: &str| reasons.iter().any(|reason| reason.code() == Some(code));
            let result = if is("ConditionalCheckFailed") {
                let refusals = reasons.iter().map(|reason| {
                    let refused = reason.code() == Some("ConditionalCheckFailed");
                    refused.then(|| Item(reason.item().cloned().unwrap_or_default()))
                });
                Ok(Some(refusals.collect()))
            } else {
                let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason.code()).collect();
                let cause = format!("TransactWriteItems: {}", codes.join(", "));
                Err(Unavailable(cause))
            };
            // While one item is busy, the refusals of the other items are incomplete.
            if is("TransactionConflict") {
                Attempt::Busy(result)
            } else {
                Attempt::Ended(result)
            }
        })
        .await
    }

    /// The result of `work`, if it comes within `time`.
    ///
    /// # Errors
    /// As `work`, or [`Unavailable::late`].
    pub async fn within<T>(
        time: Duration,
        work: impl Future<Output = Result<T, Unavailable>>,
    ) -> Result<T, Unavailable> {
        tokio::time::timeout(time, work)
            .await
            .unwrap_or_else(|_| Err(Unavailable::late()))
    }
}

/// The result of one attempt at a write.
enum Attempt<T> {
    Ended(Result<T, Unavailable>),
    /// A transaction was changing an item. After the last attempt this is the result.
    Busy(Result<T, Unavailable>),
}

/// Repeats a write while a transaction on the same item blocks it.
async fn unless_busy<T, F: Future<Output = Attempt<T>>>(
    attempt: impl Fn() -> F,
) -> Result<T, Unavailable> {
    let mut attempts = 1;
    loop {
        match attempt().await {
            Attempt::Busy(_) if attempts < CONFLICT_ATTEMPTS => back_off(attempts).await,
            Attempt::Busy(result) | Attempt::Ended(result) => return result,
        }
        attempts += 1;
    }
}

/// Attempts at a write that meets a transaction on the same item. DynamoDB rejects such a write
/// instead of queuing it, and the SDK does not repeat it
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling>).
const CONFLICT_ATTEMPTS: u64 = 10;

/// Pauses between attempts. They grow and are random, because fifty copies of one request may
/// collide.
async fn back_off(attempt: u64) {
    tokio::time::sleep(Duration::from_millis(
        5 + random_below(10 << attempt.min(5)),
    ))
    .await;
}

/// A random number from 0 to `bound - 1`.
pub fn random_below(bound: u64) -> u64 {
    getrandom::u64().unwrap_or_default() % bound
}

/// A new name for one invocation's claims. After a lost answer the invocation recognises its own
/// claim by it.
pub fn owner_id() -> String {
    format!(
        "{:016x}{:016x}",
        random_below(u64::MAX),
        random_below(u64::MAX)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        let parts = Update::new(Key::new("rate#sms#x", "1"))
            .set("expires_at", 5)
            .add("hits", 1)
            .remove("lease_until")
            .only_if("attribute_not_exists(hits) OR hits < :max")
            .bind(":max", 3)
            .into_parts();
        assert_eq!(parts.expression, "SET #n0 = :v1 ADD #n1 :v2 REMOVE #n2 ");
        assert_eq!(parts.names.unwrap()["#n2"], "lease_until");
        let values = parts.values.unwrap();
        assert_eq!(
            (&values[":max"], &values[":v1"]),
            (
                &AttributeValue::N("3".into()),
                &AttributeValue::N("5".into())
            )
        );
    }
}
