//! Writes that meet a transaction on the same item are made again.

use std::time::Duration;

use super::unavailable::Unavailable;
use crate::platform::random::random_below;

/// The result of one attempt at a write.
pub(super) enum Attempt<T> {
    Ended(Result<T, Unavailable>),
    /// A transaction was changing an item. After the last attempt this is the result.
    Busy(Result<T, Unavailable>),
}

/// Repeats a write while a transaction on the same item blocks it.
pub(super) async fn retry_conflicts<T, F: Future<Output = Attempt<T>>>(
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
