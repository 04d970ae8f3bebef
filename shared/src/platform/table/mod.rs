//! The one DynamoDB table: keys, items, and the few operations the functions need.
//!
//! Conditional writes are the only lock. Every item has `expires_at` (epoch seconds, the table's
//! TTL attribute). DynamoDB deletes expired items up to days late
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html>), so readers
//! compare `expires_at` with `now` themselves. An outage is [`Unavailable`], never "not found".

mod conflicts;
mod item;
mod query;
mod unavailable;
mod update;

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update as SdkUpdate,
};
use aws_sdk_dynamodb::{Client, Config};

use conflicts::{Attempt, retry_conflicts};
pub use item::{Item, Key, Value};
pub use unavailable::Unavailable;
pub use update::Update;

use crate::platform::aws::cause;

pub use crate::platform::random::owner_id;
pub use crate::platform::time::epoch;

/// The answer to a conditional write.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// The write was done; the item as it is now.
    Done(Item),
    /// The condition does not hold; the item as it is, empty if there is none.
    Refused(Item),
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
            .map_err(|error| Unavailable(cause("GetItem", &error)))?;
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
        retry_conflicts(move || async move {
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
            let failed = || Err(Unavailable(cause("UpdateItem", &error)));
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
        retry_conflicts(move || async move {
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
            let failed = || Err(Unavailable(cause("DeleteItem", &error)));
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
        retry_conflicts(move || async move {
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
                let why = cause("TransactWriteItems", &error);
                return Attempt::Ended(Err(Unavailable(why)));
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
