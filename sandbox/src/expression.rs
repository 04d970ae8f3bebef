//! The expressions that the functions use: conditions, and updates of top-level attributes or of
//! attributes in a map.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html>. An unknown
//! syntax is an error, never a guess.

mod attributes;
mod bindings;
mod parser;
mod values;

pub use attributes::Item;
pub use bindings::Bindings;

use attributes::{found, remove, set};
use parser::Parser;
use values::{added, taken};

/// True if the condition holds or is empty.
pub fn holds(condition: &str, item: Option<&Item>, bindings: Bindings<'_>) -> Result<bool, String> {
    let mut parser = Parser::new(condition, bindings)?;
    if parser.is_over() {
        return Ok(true);
    }
    let none = Item::new();
    let held = parser.any(item.unwrap_or(&none))?;
    if parser.is_over() {
        Ok(held)
    } else {
        Err(format!("{condition}: more follows than was understood"))
    }
}

/// The item after an update. New values are computed from the old item.
pub fn updated(update: &str, item: &Item, bindings: Bindings<'_>) -> Result<Item, String> {
    let (mut parser, mut new) = (Parser::new(update, bindings)?, item.clone());
    while let Some(verb) = parser.word() {
        loop {
            let path = parser.path()?;
            match verb.as_str() {
                "SET" => {
                    parser.expect("=")?;
                    let value = parser.sum(item)?;
                    set(&mut new, &path, value)?;
                }
                "ADD" => {
                    let (old, more) = (found(item, &path).cloned(), parser.bound()?);
                    set(&mut new, &path, added(old.as_ref(), &more)?)?;
                }
                "DELETE" => {
                    let (old, less) = (found(item, &path).cloned(), parser.bound()?);
                    match old.map(|old| taken(&old, &less)).transpose()?.flatten() {
                        Some(left) => set(&mut new, &path, left)?,
                        None => remove(&mut new, &path),
                    }
                }
                "REMOVE" => remove(&mut new, &path),
                other => return Err(format!("{other} is no clause of an update")),
            }
            if !parser.take(",") {
                break;
            }
        }
    }
    if parser.is_over() {
        Ok(new)
    } else {
        Err(format!("{update}: more follows than was understood"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn item() -> Item {
        let item = json!({ "pk": { "S": "a" }, "hits": { "N": "9" }, "ids": { "SS": ["x", "y"] }, "r_1": { "M": { "by": { "S": "me" } } } });
        item.as_object().cloned().unwrap()
    }

    fn request() -> Value {
        json!({
            "ExpressionAttributeNames": { "#h": "hits", "#i": "ids" },
            "ExpressionAttributeValues": {
                ":ten": { "N": "10" }, ":one": { "N": "1" }, ":me": { "S": "me" }, ":x": { "S": "x" }, ":set": { "SS": ["x", "z"] },
                ":both": { "SS": ["y", "x"] },
            },
        })
    }

    #[test]
    fn conditions() {
        let (item, request) = (item(), request());
        for (condition, expected) in [
            ("", true),
            ("attribute_exists(pk) AND #h < :ten", true),
            ("attribute_not_exists(hits) OR hits < :one", false),
            (
                "NOT contains(ids, :x) OR (r_1.by = :me AND NOT hits >= :ten)",
                true,
            ),
            ("contains(ids, :me) OR contains(pk, :x)", false),
            (
                "size(ids) > :one AND ids = :both AND begins_with(r_1.by, :me)",
                true,
            ),
            ("nothing = :one OR nothing < :one OR r_2.by = :me", false),
            ("nothing <> :one AND pk <> :one", true),
            ("hits > :x OR pk > :one", false),
        ] {
            assert_eq!(
                holds(condition, Some(&item), Bindings::of(&request)),
                Ok(expected),
                "{condition}"
            );
        }
        for wrong in [
            "hits",
            "hits < :none",
            "hits ? :one",
            "pk IN (:x)",
            "(pk = :x",
            "attribute_exists(pk) pk",
            "#no = :one",
        ] {
            assert!(
                holds(wrong, Some(&item), Bindings::of(&request)).is_err(),
                "{wrong}"
            );
        }
        assert_eq!(
            holds("attribute_not_exists(pk)", None, Bindings::of(&request)),
            Ok(true)
        );
    }

    #[test]
    fn updates() {
        let (item, request) = (item(), request());
        let update =
            |update: &str| updated(update, &item, Bindings::of(&request)).map(Value::Object);
        let all =
            update("SET a = :me, b = hits + :one, c = if_not_exists(d, :ten) ADD #h :one, #i :set, n :ten REMOVE r_1.by, gone")
                .unwrap();
        let expected = json!({
            "pk": { "S": "a" }, "hits": { "N": "10" }, "ids": { "SS": ["x", "y", "z"] }, "r_1": { "M": {} }, "a": { "S": "me" },
            "b": { "N": "10" }, "c": { "N": "10" }, "n": { "N": "10" },
        });
        assert_eq!(all, expected);
        assert_eq!(
            update("DELETE ids :set SET r_1.by = :x").unwrap()["ids"],
            json!({ "SS": ["y"] })
        );
        assert!(update("DELETE ids :both").unwrap().get("ids").is_none());
        for wrong in [
            "SET r_2.by = :x",
            "ADD pk :one",
            "ADD hits :x",
            "PUT a = :x",
            "SET a = nothing",
            "SET a = :x b",
        ] {
            assert!(update(wrong).is_err(), "{wrong}");
        }
    }
}
