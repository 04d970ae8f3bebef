//! Keys, attributes and items, as the table holds them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

/// The primary key of an item. Its parts come from validated values only (E.164, SIDs, hashes), so
/// they hold no `#` of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Partition key, `prefix#value`.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

impl Key {
    /// A key.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self {
            pk: pk.into(),
            sk: sk.into(),
        }
    }

    pub(super) fn attributes(self) -> HashMap<String, AttributeValue> {
        HashMap::from([
            ("pk".to_owned(), AttributeValue::S(self.pk)),
            ("sk".to_owned(), AttributeValue::S(self.sk)),
        ])
    }
}

/// An attribute to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A string.
    S(String),
    /// A whole number.
    N(u64),
    /// A map.
    M(Vec<(&'static str, Value)>),
    /// A set of strings, at least one. [`Update::add_to_set`](super::Update::add_to_set) adds more.
    Set(Vec<String>),
}

impl From<Value> for AttributeValue {
    fn from(value: Value) -> Self {
        match value {
            Value::S(text) => Self::S(text),
            Value::N(number) => Self::N(number.to_string()),
            Value::Set(texts) => Self::Ss(texts),
            Value::M(entries) => Self::M(
                entries
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value.into()))
                    .collect(),
            ),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::S(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::S(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::N(number)
    }
}

/// Attributes as stored: an item, or a map within an item.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Item(pub(super) HashMap<String, AttributeValue>);

impl Item {
    /// A string attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_s().ok().map(String::as_str)
    }

    /// A whole-number attribute.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_n().ok()?.parse().ok()
    }

    /// A string set attribute, empty if there is none.
    pub fn set(&self, name: &str) -> &[String] {
        self.0
            .get(name)
            .and_then(|value| value.as_ss().ok())
            .map_or(&[], Vec::as_slice)
    }

    /// The names of all attributes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A map attribute.
    pub fn map(&self, name: &str) -> Option<Item> {
        Some(Item(self.0.get(name)?.as_m().ok()?.clone()))
    }

    /// The maps in a list attribute.
    pub fn list(&self, name: &str) -> Vec<Item> {
        let list = self.0.get(name).and_then(|value| value.as_l().ok());
        list.into_iter()
            .flatten()
            .filter_map(|value| Some(Item(value.as_m().ok()?.clone())))
            .collect()
    }

    /// The map attributes whose name begins with `prefix`, as (rest of the name, map).
    pub fn maps<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, Item)> {
        self.0.iter().filter_map(move |(name, value)| {
            Some((name.strip_prefix(prefix)?, Item(value.as_m().ok()?.clone())))
        })
    }
}

impl<N: Into<String>> FromIterator<(N, Value)> for Item {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(attributes: I) -> Self {
        let attributes = attributes.into_iter();
        let attributes = attributes.map(|(name, value)| (name.into(), value.into()));
        Self(attributes.collect())
    }
}
