//! One JSON object made of two.

use serde_json::{Map, Value};

/// The members of both objects. A member of `changes` replaces one of the same name; null removes
/// it.
pub(super) fn merged(base: Value, changes: Value) -> Value {
    let object = |value| serde_json::from_value::<Map<_, _>>(value).unwrap_or_default();
    let mut all = object(base);
    all.extend(object(changes));
    all.retain(|_, member| !member.is_null());
    all.into()
}
