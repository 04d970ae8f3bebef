//! The wanted route of a stack, for tests.

use serde_json::{Value, json};

use super::wanted::Wanted;
use crate::stack::Stack;

pub(super) fn wanted() -> Wanted {
    let stack =
        Stack::read(r#"{"TableName":"t","SendVerificationSmsUrl":"https://x.on.aws/","RecipientDomain":"sms.acme.example"}"#)
            .unwrap();
    Wanted::read(&stack).unwrap().unwrap()
}

/// That route as the account holds it.
pub(super) fn ours(priority: i64) -> Value {
    let wanted = wanted();
    json!({ "id": "ours", "priority": priority, "description": wanted.description, "expression": wanted.expression, "actions": wanted.actions })
}
