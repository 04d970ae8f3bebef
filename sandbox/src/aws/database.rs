//! The table in the embedded `DynamoDB`.

use dynoxide::Database;
use serde::Deserialize;
use serde_json::{Value, json};

/// The name of the table.
pub const TABLE_NAME: &str = "switchboard-sandbox";

pub(super) fn call(database: &Database, operation: &str, request: Value) -> Result<Value, String> {
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
        "DeleteItem" => run(request, |request| database.delete_item(request)),
        "UpdateItem" => run(request, |request| database.update_item(request)),
        other => Err(format!("{other} is not used")),
    }
    .map_err(|error| format!("{operation}: {error}"))
}

pub(super) fn create(database: &Database, table: &Value) -> Result<(), String> {
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

pub(super) async fn sweep(database: &Database) {
    let database = database.clone();
    let swept = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
    swept
        .expect("a sweep does not panic")
        .expect("the database is there");
}
