//! The one error of the table.

use std::fmt;

use crate::platform::reply::Failure;

/// DynamoDB could not be used. The text names the operation and the kind of error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable(pub(super) String);

impl Unavailable {
    /// No time is left to wait for DynamoDB.
    pub fn late() -> Self {
        Self("no answer in time".to_owned())
    }

    /// A later instance is at work on the item.
    pub fn overtaken() -> Self {
        Self("a later instance has written the item".to_owned())
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
