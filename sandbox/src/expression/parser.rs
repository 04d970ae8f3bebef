//! Parses an expression, and evaluates it against an item while parsing.

use serde_json::{Value, json};

use super::{
    attributes::{Item, found},
    bindings::Bindings,
    values::{are_equal, begins_with, compared, contains, size, sum},
};

pub(super) struct Parser<'a> {
    tokens: Vec<String>,
    at: usize,
    bindings: Bindings<'a>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &str, bindings: Bindings<'a>) -> Result<Self, String> {
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

    pub(super) fn is_over(&self) -> bool {
        self.at == self.tokens.len()
    }

    fn next_is(&self, token: &str) -> bool {
        self.tokens.get(self.at).is_some_and(|next| next == token)
    }

    pub(super) fn take(&mut self, token: &str) -> bool {
        let found = self.next_is(token);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) {
            Ok(())
        } else {
            Err(format!(
                "{token} was expected, not {:?}",
                self.tokens.get(self.at)
            ))
        }
    }

    pub(super) fn word(&mut self) -> Option<String> {
        let word = self.tokens.get(self.at).filter(|token| {
            token.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '#' || c == '_')
        })?;
        self.at += 1;
        Some(word.clone())
    }

    pub(super) fn path(&mut self) -> Result<Vec<String>, String> {
        let mut path = Vec::new();
        loop {
            let word = self.word().ok_or("an attribute's name was expected")?;
            path.push(self.bindings.name(&word)?);
            if !self.take(".") {
                return Ok(path);
            }
        }
    }

    pub(super) fn bound(&mut self) -> Result<Value, String> {
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
    pub(super) fn sum(&mut self, item: &Item) -> Result<Value, String> {
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

    pub(super) fn any(&mut self, item: &Item) -> Result<bool, String> {
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
