//! Reads all items of a partition.

use std::time::SystemTime;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{Item, Table, Unavailable};
use crate::platform::aws::cause;
use crate::platform::time::epoch;

/// Items in one page.
const PAGE: i32 = 1_000;
/// Pages of one query. So a partition that grows without bound does not fill the memory.
const PAGES: usize = 10;

impl Table {
    /// Reads the items with this partition key, with consistent reads. Expired items are left out.
    /// Of more than ten thousand items, the first ten thousand are returned.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn query(&self, partition: &str, now: SystemTime) -> Result<Vec<Item>, Unavailable> {
        let mut items = Vec::new();
        let mut from = None;
        for _ in 0..PAGES {
            let page = self
                .client
                .query()
                .table_name(&self.name)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", AttributeValue::S(partition.to_owned()))
                .consistent_read(true)
                .limit(PAGE)
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|error| Unavailable(cause("Query", &error)))?;
            let found = page.items.unwrap_or_default().into_iter().map(Item);
            items.extend(
                found.filter(|item| item.number("expires_at").is_none_or(|end| end > epoch(now))),
            );
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(items);
            }
        }
        tracing::warn!("a partition has more items than are read");
        Ok(items)
    }

    /// Reads the first items with this partition key, at most `most`, whose sort key is less than
    /// `before`. Expired items are among them.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn first(
        &self,
        partition: &str,
        before: &str,
        most: i32,
    ) -> Result<Vec<Item>, Unavailable> {
        let page = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk AND sk < :sk")
            .expression_attribute_values(":pk", AttributeValue::S(partition.to_owned()))
            .expression_attribute_values(":sk", AttributeValue::S(before.to_owned()))
            .consistent_read(true)
            .limit(most)
            .send()
            .await
            .map_err(|error| Unavailable(cause("Query", &error)))?;
        Ok(page
            .items
            .unwrap_or_default()
            .into_iter()
            .map(Item)
            .collect())
    }
}
