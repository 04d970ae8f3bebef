//! The Lucene queries of `q` (search engine v3): fields, phrases, wildcards, ranges, groups and
//! operators.
//!
//! Operators work as in Lucene's classic parser. Unescaped text in a query therefore selects the
//! same users here as at Auth0.

use serde_json::Value;

/// Fields that are compared without regard to case. A term without a field searches only these.
const NORMALIZED: [&str; 5] = ["email", "name", "given_name", "family_name", "nickname"];

/// A parsed query.
#[derive(Debug)]
pub(super) enum Search {
    Clauses(Vec<(Occur, Search)>),
    Compare { field: Option<String>, test: Test },
    Everyone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occur {
    Must,
    Should,
    Never,
}

#[derive(Debug)]
pub(super) enum Test {
    /// A whole text.
    Phrase(String),
    /// A whole text or number. `None` matches any text.
    Pattern(Vec<Option<char>>),
    /// From, to, and whether each end is included. `None` is open.
    Range {
        from: Option<String>,
        to: Option<String>,
        closed: bool,
    },
    Exists,
}

impl Search {
    /// True if the query selects a profile, in the Management API's form.
    pub(super) fn fits(&self, profile: &Value) -> bool {
        match self {
            Self::Everyone => true,
            Self::Clauses(clauses) => {
                let of = |occur| {
                    clauses
                        .iter()
                        .filter(move |(is, _)| *is == occur)
                        .map(|(_, clause)| clause)
                };
                let needed = of(Occur::Must).next().is_some() || of(Occur::Should).next().is_none();
                of(Occur::Must).all(|clause| clause.fits(profile))
                    && !of(Occur::Never).any(|clause| clause.fits(profile))
                    && (needed || of(Occur::Should).any(|clause| clause.fits(profile)))
            }
            Self::Compare { field, test } => {
                let fields = field
                    .as_deref()
                    .map_or(NORMALIZED.to_vec(), |field| vec![field]);
                fields.into_iter().any(|field| {
                    let path = field.split('.').collect::<Vec<_>>();
                    test.fits(profile, &path, NORMALIZED.contains(&field))
                })
            }
        }
    }
}

impl Test {
    /// An array of objects matches if one of its objects does.
    fn fits(&self, value: &Value, path: &[&str], fold: bool) -> bool {
        match (value, path) {
            (Value::Array(values), _) => values.iter().any(|value| self.fits(value, path, fold)),
            (Value::Object(object), [name, rest @ ..]) => object
                .get(*name)
                .is_some_and(|value| self.fits(value, rest, fold)),
            (Value::Object(object), []) => matches!(self, Self::Exists) && !object.is_empty(),
            (Value::Null, _) | (_, [_, ..]) => false,
            (scalar, []) => {
                let folded = |text: &str| {
                    if fold {
                        text.to_lowercase()
                    } else {
                        text.to_owned()
                    }
                };
                let text = folded(
                    &scalar
                        .as_str()
                        .map_or_else(|| scalar.to_string(), str::to_owned),
                );
                match self {
                    Self::Exists => true,
                    Self::Phrase(phrase) => scalar.is_string() && text == folded(phrase),
                    Self::Pattern(pattern) => {
                        let pattern = pattern.iter().flat_map(|piece| match piece {
                            Some(c) if fold => c.to_lowercase().map(Some).collect(),
                            piece => vec![*piece],
                        });
                        matches(
                            &pattern.collect::<Vec<_>>(),
                            &text.chars().collect::<Vec<_>>(),
                        )
                    }
                    Self::Range { from, to, closed } => {
                        let inside = |lower: &str, upper: &str| {
                            let numbers = lower
                                .parse::<f64>()
                                .ok()
                                .zip(upper.parse::<f64>().ok())
                                .filter(|_| scalar.is_number());
                            let order = numbers.map_or(Some(lower.cmp(upper)), |(lower, upper)| {
                                lower.partial_cmp(&upper)
                            });
                            order.is_some_and(|order| order.is_lt() || *closed && order.is_eq())
                        };
                        from.as_ref().is_none_or(|from| inside(from, &text))
                            && to.as_ref().is_none_or(|to| inside(&text, to))
                    }
                }
            }
        }
    }
}

fn matches(pattern: &[Option<char>], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [None, rest @ ..] => (0..=text.len()).any(|skip| matches(rest, &text[skip..])),
        [Some(c), rest @ ..] => text.first() == Some(c) && matches(rest, &text[1..]),
    }
}

/// Parses a query. The error says what is wrong.
pub(super) fn parse(text: &str) -> Result<Search, String> {
    let mut reader = Reader { rest: text.trim() };
    let search = reader.clauses(None)?;
    if reader.rest.is_empty() {
        Ok(search)
    } else {
        Err(format!("{} is too much", reader.rest))
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn take(&mut self, token: &str) -> bool {
        let found = self.rest.strip_prefix(token);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    /// Reads an operator in capitals. It ends at a blank or a parenthesis.
    fn word(&mut self, word: &str) -> bool {
        let ends = self
            .rest
            .strip_prefix(word)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '(', ')']));
        ends && self.take(word)
    }

    /// Reads clauses up to the end or a closing parenthesis. Clauses without an operator between
    /// them are alternatives. `AND` makes both of its neighbours necessary.
    fn clauses(&mut self, field: Option<&str>) -> Result<Search, String> {
        let mut clauses: Vec<(Occur, Search)> = vec![];
        loop {
            self.rest = self.rest.trim_start();
            if !clauses.is_empty() && (self.rest.is_empty() || self.rest.starts_with(')')) {
                return Ok(Search::Clauses(clauses));
            }
            let and = self.word("AND") || self.take("&&");
            let or = !and && (self.word("OR") || self.take("||"));
            match clauses.last_mut() {
                None if and || or => return Err("it begins with an operator".to_owned()),
                Some((occur, _)) if and && *occur == Occur::Should => *occur = Occur::Must,
                _ => {}
            }
            self.rest = self.rest.trim_start();
            let never = self.word("NOT") || self.take("!") || self.take("-");
            let must = !never && self.take("+");
            self.rest = self.rest.trim_start();
            let occur = match (never, must || and) {
                (true, _) => Occur::Never,
                (_, true) => Occur::Must,
                _ => Occur::Should,
            };
            clauses.push((occur, self.clause(field)?));
        }
    }

    fn clause(&mut self, field: Option<&str>) -> Result<Search, String> {
        if self.take("(") {
            let inner = self.clauses(field)?;
            return if self.take(")") {
                Ok(inner)
            } else {
                Err("a parenthesis is open".to_owned())
            };
        }
        let test = self.test()?;
        if !self.take(":") {
            let everyone = field.is_none() && matches!(&test, Test::Exists);
            return Ok(if everyone {
                Search::Everyone
            } else {
                Search::Compare {
                    field: field.map(str::to_owned),
                    test,
                }
            });
        }
        let name = match test {
            Test::Pattern(name) => name
                .into_iter()
                .collect::<Option<String>>()
                .ok_or("a field name has a wildcard")?,
            Test::Exists => "*".to_owned(),
            _ => return Err("a field name is a plain word".to_owned()),
        };
        self.rest = self.rest.trim_start();
        if self.rest.starts_with('(') {
            return self.clause(Some(&name));
        }
        match (name.as_str(), self.test()?) {
            ("*", Test::Exists) => Ok(Search::Everyone),
            ("_exists_", Test::Pattern(name)) => {
                let field = name
                    .into_iter()
                    .collect::<Option<String>>()
                    .ok_or("a field name has a wildcard")?;
                Ok(Search::Compare {
                    field: Some(field),
                    test: Test::Exists,
                })
            }
            (_, test) => Ok(Search::Compare {
                field: Some(name),
                test,
            }),
        }
    }

    fn test(&mut self) -> Result<Test, String> {
        if self.take("\"") {
            return self.phrase().map(Test::Phrase);
        }
        for (open, close, closed) in [("[", ']', true), ("{", '}', false)] {
            if self.take(open) {
                let (range, rest) = self.rest.split_once(close).ok_or("a range does not end")?;
                let (from, to) = range.split_once(" TO ").ok_or("a range has no TO")?;
                self.rest = rest;
                let [from, to] = [from, to].map(|end| {
                    (end.trim() != "*").then(|| end.trim().trim_matches('"').to_owned())
                });
                return Ok(Test::Range { from, to, closed });
            }
        }
        let mut pattern = vec![];
        let mut rest = self.rest.chars();
        while let Some(c) = rest.clone().next() {
            match c {
                '*' => pattern.push(None),
                '\\' => {
                    rest.next();
                    pattern.push(Some(rest.clone().next().ok_or("it ends with an escape")?));
                }
                '?' | '~' | '^' | '/' => return Err(format!("{c} is not simulated")),
                ' ' | '\t' | '\r' | '\n' | '(' | ')' | '[' | ']' | '{' | '}' | '"' | ':' => break,
                _ => pattern.push(Some(c)),
            }
            rest.next();
        }
        self.rest = rest.as_str();
        match pattern.as_slice() {
            [] => Err("a term is missing".to_owned()),
            [None] => Ok(Test::Exists),
            [None, literals @ ..] if literals.iter().flatten().count() < 3 => {
                Err("after a leading wildcard there are at least 3 characters".to_owned())
            }
            _ => Ok(Test::Pattern(pattern)),
        }
    }

    /// Reads a phrase after its opening quote.
    fn phrase(&mut self) -> Result<String, String> {
        let (mut phrase, mut rest) = (String::new(), self.rest.chars());
        loop {
            match rest.next().ok_or("a phrase does not end")? {
                '"' => break,
                '\\' => phrase.push(rest.next().ok_or("it ends with an escape")?),
                c => phrase.push(c),
            }
        }
        self.rest = rest.as_str();
        Ok(phrase)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn queries() {
        let profile = json!({
            "email": "ann@example.com", "name": "Ann Example", "email_verified": true, "logins_count": 7,
            "identities": [{ "connection": "one" }, { "connection": "Two" }],
            "app_metadata": { "account_number": "0010042", "level": 3, "note": "A \"b\" *", "empty": null, "plan": { "name": "Gold" } },
        });
        for (query, fits) in [
            (r#"app_metadata.account_number:"0010042""#, true),
            (r#"app_metadata.account_number:"001004""#, false),
            (r#"app_metadata.account_number:"00*""#, false),
            (r#"app_metadata.account_number:"10042""#, false),
            ("app_metadata.account_number:0010042", true),
            ("app_metadata.account_number:00*", true),
            ("app_metadata.account_number:*042", true),
            ("app_metadata.account_number:0*4*", true),
            ("app_metadata.account_number:*", true),
            ("app_metadata.account_number:[0 TO 1]", true),
            ("app_metadata.account_number:{0010042 TO *}", false),
            (r#"app_metadata.account_number:"x" OR _exists_:email"#, true),
            (r#"app_metadata.account_number:"x" OR email:*"#, true),
            (r#"app_metadata.account_number:"x" || *"#, true),
            (r#"app_metadata.account_number:"x" *:*"#, true),
            (
                r#"app_metadata.account_number:"x" AND _exists_:email"#,
                false,
            ),
            (r#"app_metadata.account_number:"x" +email:ann*"#, true),
            (r#"app_metadata.account_number:"x" -email:bob*"#, false),
            (r#"app_metadata.account_number:("x" OR "0010042")"#, true),
            (r#"NOT app_metadata.account_number:"x""#, true),
            (
                r#"app_metadata.account_number:"x" OR email:ann* AND name:"ann example""#,
                true,
            ),
            (
                "(email:ann* OR email:bob*) AND !app_metadata.level:3",
                false,
            ),
            ("app_metadata.level:3", true),
            (r#"app_metadata.level:"3""#, false),
            ("logins_count:[5 TO 10]", true),
            ("logins_count:{7 TO 10}", false),
            (r#"app_metadata.note:"A \"b\" *""#, true),
            (r#"app_metadata.note:A\ \"b\"\ \*"#, true),
            (r#"app_metadata.note:"a \"b\" *""#, false),
            ("_exists_:app_metadata.empty", false),
            ("_exists_:app_metadata.plan", true),
            (
                r#"app_metadata.plan.name:"Gold" && identities.connection:"Two""#,
                true,
            ),
            (r#"identities.connection:"two""#, false),
            ("EMAIL:ann*", false),
            (r#"email:"ANN@example.com""#, true),
            ("ANN@example.com", true),
            ("0010042", false),
            ("ORANGE ann*", true),
        ] {
            assert_eq!(parse(query).unwrap().fits(&profile), fits, "{query}");
        }
        for query in [
            "",
            " ",
            "*42",
            "email:",
            "email:\"a",
            "email:a:b",
            "(email:a",
            "email:a)",
            "OR email:a",
            "email:a OR ",
            "email:a?",
            "email:/a/",
            "email:a~1",
            "email:[a]",
            "email:[a TO b",
            "e*l:a",
            "\"email\":a",
            "email:a\\",
        ] {
            assert!(parse(query).is_err(), "{query}");
        }
    }
}
