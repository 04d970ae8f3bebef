//! The values of an expression's placeholders.

use serde_json::Value;

/// The values of an expression's placeholders.
#[derive(Clone, Copy)]
pub struct Bindings<'a> {
    names: &'a Value,
    values: &'a Value,
}

impl<'a> Bindings<'a> {
    /// The placeholders of a request, or of one write of a transaction.
    pub fn of(request: &'a Value) -> Self {
        Self {
            names: &request["ExpressionAttributeNames"],
            values: &request["ExpressionAttributeValues"],
        }
    }

    pub(super) fn name(self, word: &str) -> Result<String, String> {
        if !word.starts_with('#') {
            return Ok(word.to_owned());
        }
        self.names[word]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| format!("{word} stands for nothing"))
    }

    pub(super) fn value(self, word: &str) -> Result<Value, String> {
        self.values
            .get(word)
            .cloned()
            .ok_or_else(|| format!("{word} stands for nothing"))
    }
}
