//! An update as DynamoDB's expressions.

use std::collections::HashMap;
use std::fmt::Write as _;

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::{Key, Value};

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
    pub(super) is_once: bool,
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

    /// Tells [`Table::update`](super::Table::update) not to try again after a lost answer, because this update must not
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

    /// The update as DynamoDB takes it.
    pub(super) fn into_parts(self) -> Parts {
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

/// An update in the words of DynamoDB.
pub(super) struct Parts {
    pub(super) key: HashMap<String, AttributeValue>,
    pub(super) expression: String,
    pub(super) condition: Option<String>,
    pub(super) names: Option<HashMap<String, String>>,
    pub(super) values: Option<HashMap<String, AttributeValue>>,
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
