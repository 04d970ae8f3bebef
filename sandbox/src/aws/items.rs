//! What a test does with the items of the table.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    database::{self, TABLE_NAME},
    services::Aws,
};

impl Aws {
    /// Starts to delete expired items, each within a second. AWS may take days.
    pub fn sweep(&mut self) {
        let database = self.database.clone();
        self.tasks.push(tokio::spawn(async move {
            let mut clock = tokio::time::interval(Duration::from_secs(1));
            loop {
                clock.tick().await;
                database::sweep(&database).await;
            }
        }));
    }

    /// Deletes the expired items once.
    pub async fn sweep_now(&self) {
        database::sweep(&self.database).await;
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

    /// Deletes an item.
    pub async fn delete(&self, pk: &str, sk: &str) {
        let key = json!({ "pk": { "S": pk }, "sk": { "S": sk } });
        self.call("DeleteItem", json!({ "Key": key })).await;
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
        let called =
            tokio::task::spawn_blocking(move || database::call(&database, &operation, request))
                .await
                .expect("DynamoDB does not panic");
        called.unwrap_or_else(|error| panic!("{error}"))
    }
}
