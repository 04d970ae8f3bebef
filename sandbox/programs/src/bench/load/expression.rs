//! The expressions that the functions use: conditions, and updates of top-level attributes or of
//! attributes in a map.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html>. An unknown
//! syntax is an error, never a guess.

use serde_json::{Map, Value, json};

/// An item, in `DynamoDB` JSON.
pub(super) type Item = Map<String, Value>;

/// The values of an expression's placeholders.
#[derive(Clone, Copy)]
pub(super) struct Bindings<'a> {
    names: &'a Value,
    values: &'a Value,
}

impl<'a> Bindings<'a> {
    /// The placeholders of a request, or of one write of a transaction.
    pub(super) fn of(request: &'a Value) -> Self {
        Self {
            names: &request["ExpressionAttributeNames"],
            values: &request["ExpressionAttributeValues"],
        }
    }

    fn name(self, word: &str) -> Result<String, String> {
        if !word.starts_with('#') {
            return Ok(word.to_owned());
        }
        self.names[word]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| format!("{word} stands for nothing"))
    }

    fn value(self, word: &str) -> Result<Value, String> {
        self.values
            .get(word)
            .cloned()
            .ok_or_else(|| format!("{word} stands for nothing"))
    }
}

/// True if the condition holds or is empty.
pub(super) fn holds(
    condition: &str,
    item: Option<&Item>,
    bindings: Bindings<'_>,
) -> Result<bool, String> {
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
pub(super) fn updated(update: &str, item: &Item, bindings: Bindings<'_>) -> Result<Item, String> {
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

fn found<'a>(item: &'a Item, path: &[String]) -> Option<&'a Value> {
    let (last, parents) = path.split_last()?;
    parents
        .iter()
        .try_fold(item, |map, name| map.get(name)?["M"].as_object())?
        .get(last)
}

fn place<'a>(item: &'a mut Item, parents: &[String]) -> Option<&'a mut Item> {
    parents.iter().try_fold(item, |map, name| {
        map.get_mut(name)?.get_mut("M")?.as_object_mut()
    })
}

fn set(item: &mut Item, path: &[String], value: Value) -> Result<(), String> {
    let (last, parents) = path.split_last().ok_or("a path is missing")?;
    let place = place(item, parents).ok_or("the path in the update is not valid for this item")?;
    place.insert(last.clone(), value);
    Ok(())
}

fn remove(item: &mut Item, path: &[String]) {
    if let Some((last, parents)) = path.split_last()
        && let Some(place) = place(item, parents)
    {
        place.remove(last);
    }
}

fn number(value: &Value) -> Option<f64> {
    value["N"].as_str()?.parse().ok()
}

fn texts(value: &Value) -> Option<Vec<&str>> {
    value["SS"].as_array()?.iter().map(Value::as_str).collect()
}

fn sum(one: &Value, other: &Value, sign: i128) -> Result<Value, String> {
    let whole = |value: &Value| value["N"].as_str()?.parse::<i128>().ok();
    let (Some(one), Some(other)) = (whole(one), whole(other)) else {
        return Err("only whole numbers are added".to_owned());
    };
    Ok(json!({ "N": (one + sign * other).to_string() }))
}

fn added(old: Option<&Value>, more: &Value) -> Result<Value, String> {
    let Some(old) = old else {
        return Ok(more.clone());
    };
    if let (Some(mut old), Some(more)) = (texts(old), texts(more)) {
        old.extend(more);
        old.sort_unstable();
        old.dedup();
        return Ok(json!({ "SS": old }));
    }
    sum(old, more, 1)
}

/// The rest of a set after a removal; `None` if it is empty.
fn taken(old: &Value, less: &Value) -> Result<Option<Value>, String> {
    let (Some(mut old), Some(less)) = (texts(old), texts(less)) else {
        return Err("only sets of strings shrink".to_owned());
    };
    old.retain(|text| !less.contains(text));
    Ok((!old.is_empty()).then(|| json!({ "SS": old })))
}

fn are_equal(one: &Value, other: &Value) -> bool {
    match (number(one), number(other), texts(one), texts(other)) {
        (Some(_), Some(_), ..) => compared(one, other) == Some(std::cmp::Ordering::Equal),
        (_, _, Some(mut one), Some(mut other)) => {
            one.sort_unstable();
            other.sort_unstable();
            one == other
        }
        _ => one == other,
    }
}

/// Compares two values; `None` if their types differ or have no order.
fn compared(one: &Value, other: &Value) -> Option<std::cmp::Ordering> {
    let whole = |value: &Value| value["N"].as_str()?.parse::<i128>().ok();
    match (one["S"].as_str(), other["S"].as_str()) {
        (Some(one), Some(other)) => Some(one.cmp(other)),
        _ => match (whole(one), whole(other)) {
            (Some(one), Some(other)) => Some(one.cmp(&other)),
            _ => number(one)?.partial_cmp(&number(other)?),
        },
    }
}

fn contains(whole: &Value, part: &Value) -> bool {
    let text = part["S"].as_str();
    match (texts(whole), whole["S"].as_str(), whole["L"].as_array()) {
        (Some(set), ..) => text.is_some_and(|text| set.contains(&text)),
        (_, Some(whole), _) => text.is_some_and(|text| whole.contains(text)),
        (.., Some(list)) => list.iter().any(|entry| are_equal(entry, part)),
        _ => false,
    }
}

fn size(value: &Value) -> Option<usize> {
    let length = value["S"].as_str().map(str::len);
    let entries = ["SS", "L"]
        .into_iter()
        .find_map(|kind| value[kind].as_array().map(Vec::len));
    length
        .or(entries)
        .or_else(|| value["M"].as_object().map(Map::len))
}

struct Parser<'a> {
    tokens: Vec<String>,
    at: usize,
    bindings: Bindings<'a>,
}

impl<'a> Parser<'a> {
    fn new(text: &str, bindings: Bindings<'a>) -> Result<Self, String> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '#' | ':');
        let (mut tokens, mut rest) = (Vec::new(), text.trim_start());
        while let Some(first) = rest.chars().next() {
            let length = if is_word(first) {
                rest.find(|c| !is_word(c)).unwrap_or(rest.len())
            } else if ["<=", ">=", "<>"].iter().any(|sign| rest.starts_with(sign)) {
                2
            } else if "()=<>,.+-".contains(first) {
                1
            } else {
                return Err(format!("{text}: {first:?} is not understood"));
            };
            let (token, more) = rest.split_at(length);
            tokens.push(token.to_owned());
            rest = more.trim_start();
        }
        Ok(Self {
            tokens,
            at: 0,
            bindings,
        })
    }

    fn is_over(&self) -> bool {
        self.at == self.tokens.len()
    }

    fn next_is(&self, token: &str) -> bool {
        self.tokens.get(self.at).is_some_and(|next| next == token)
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.next_is(token);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) {
            Ok(())
        } else {
            Err(format!(
                "{token} was expected, not {:?}",
                self.tokens.get(self.at)
            ))
        }
    }

    fn word(&mut self) -> Option<String> {
        let word = self.tokens.get(self.at).filter(|token| {
            token.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '#' || c == '_')
        })?;
        self.at += 1;
        Some(word.clone())
    }

    fn path(&mut self) -> Result<Vec<String>, String> {
        let mut path = Vec::new();
        loop {
            let word = self.word().ok_or("an attribute's name was expected")?;
            path.push(self.bindings.name(&word)?);
            if !self.take(".") {
                return Ok(path);
            }
        }
    }

    fn bound(&mut self) -> Result<Value, String> {
        let word = self
            .tokens
            .get(self.at)
            .filter(|token| token.starts_with(':'))
            .ok_or("a value was expected")?;
        let value = self.bindings.value(word)?;
        self.at += 1;
        Ok(value)
    }

    /// Reads the start of a function call, if it is there.
    fn call(&mut self, name: &str) -> bool {
        let called = self.next_is(name)
            && self
                .tokens
                .get(self.at + 1)
                .is_some_and(|token| token == "(");
        self.at += if called { 2 } else { 0 };
        called
    }

    /// Reads an operand. Its value is `None` if the item lacks the attribute.
    fn operand(&mut self, item: &Item) -> Result<Option<Value>, String> {
        if self.call("size") {
            let path = self.path()?;
            self.expect(")")?;
            return Ok(found(item, &path)
                .and_then(size)
                .map(|size| json!({ "N": size.to_string() })));
        }
        if self
            .tokens
            .get(self.at)
            .is_some_and(|token| token.starts_with(':'))
        {
            return self.bound().map(Some);
        }
        let path = self.path()?;
        Ok(found(item, &path).cloned())
    }

    /// Reads the value that SET assigns.
    fn sum(&mut self, item: &Item) -> Result<Value, String> {
        let term = |parser: &mut Self| {
            if parser.call("if_not_exists") {
                let path = parser.path()?;
                parser.expect(",")?;
                let other = parser.operand(item)?;
                parser.expect(")")?;
                return Ok(found(item, &path).cloned().or(other));
            }
            parser.operand(item)
        };
        let missing = || "an attribute that is not there cannot be assigned".to_owned();
        let first = term(self)?.ok_or_else(missing)?;
        let sign = match () {
            () if self.take("+") => 1,
            () if self.take("-") => -1,
            () => return Ok(first),
        };
        let second = term(self)?.ok_or_else(missing)?;
        sum(&first, &second, sign)
    }

    fn any(&mut self, item: &Item) -> Result<bool, String> {
        let mut held = self.all(item)?;
        while self.take("OR") {
            // Both sides are parsed, even if the first is true.
            held |= self.all(item)?;
        }
        Ok(held)
    }

    fn all(&mut self, item: &Item) -> Result<bool, String> {
        let mut held = self.one(item)?;
        while self.take("AND") {
            held &= self.one(item)?;
        }
        Ok(held)
    }

    fn one(&mut self, item: &Item) -> Result<bool, String> {
        if self.take("NOT") {
            return self.one(item).map(|held| !held);
        }
        if self.take("(") {
            let held = self.any(item)?;
            return self.expect(")").map(|()| held);
        }
        for (name, wanted) in [("attribute_exists", true), ("attribute_not_exists", false)] {
            if self.call(name) {
                let path = self.path()?;
                return self
                    .expect(")")
                    .map(|()| found(item, &path).is_some() == wanted);
            }
        }
        for (name, test) in [
            ("contains", contains as fn(&Value, &Value) -> bool),
            ("begins_with", begins_with),
        ] {
            if self.call(name) {
                let path = self.path()?;
                self.expect(",")?;
                let part = self.operand(item)?;
                self.expect(")")?;
                return Ok(found(item, &path)
                    .zip(part)
                    .is_some_and(|(whole, part)| test(whole, &part)));
            }
        }
        let one = self.operand(item)?;
        let sign = self.tokens.get(self.at).cloned().unwrap_or_default();
        self.at += 1;
        let other = self.operand(item)?;
        if sign == "BETWEEN" {
            self.expect("AND")?;
            let last = self.operand(item)?;
            let order =
                |from: &Option<Value>, to: &Option<Value>| compared(from.as_ref()?, to.as_ref()?);
            return Ok([order(&other, &one), order(&one, &last)]
                .into_iter()
                .all(|order| order.is_some_and(std::cmp::Ordering::is_le)));
        }
        let both = one.zip(other);
        let order = || both.as_ref().and_then(|(one, other)| compared(one, other));
        Ok(match sign.as_str() {
            "=" => both
                .as_ref()
                .is_some_and(|(one, other)| are_equal(one, other)),
            "<>" => both
                .as_ref()
                .is_none_or(|(one, other)| !are_equal(one, other)),
            "<" => order().is_some_and(std::cmp::Ordering::is_lt),
            "<=" => order().is_some_and(std::cmp::Ordering::is_le),
            ">" => order().is_some_and(std::cmp::Ordering::is_gt),
            ">=" => order().is_some_and(std::cmp::Ordering::is_ge),
            _ => return Err(format!("{sign:?} compares nothing")),
        })
    }
}

fn begins_with(whole: &Value, part: &Value) -> bool {
    whole["S"]
        .as_str()
        .zip(part["S"].as_str())
        .is_some_and(|(whole, part)| whole.starts_with(part))
}

#[cfg(test)]
mod tests {
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
