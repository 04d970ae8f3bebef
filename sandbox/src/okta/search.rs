//! The expressions of `search`: comparisons, `and`, `or` and parentheses. Names are case sensitive;
//! operators and values are not. An absent attribute matches nothing. There is no `ne`.

use super::user::{ATTRIBUTES, User};
use crate::moment::iso;

/// A parsed expression.
#[derive(Debug)]
pub(super) enum Search {
    Compare {
        name: String,
        operator: Operator,
        value: String,
    },
    All(Vec<Search>),
    Any(Vec<Search>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    StartsWith,
    Contains,
    Greater,
    Less,
    Present,
}

impl Search {
    pub(super) fn fits(&self, user: &User) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.fits(user)),
            Self::Any(parts) => parts.iter().any(|part| part.fits(user)),
            Self::Compare {
                name,
                operator,
                value,
            } => {
                let time;
                let actual = match name.as_str() {
                    "id" => user.id.as_str(),
                    "status" => &user.status,
                    "statusChanged" | "lastUpdated" => {
                        time = iso(if name == "lastUpdated" {
                            user.last_updated
                        } else {
                            user.status_changed
                        });
                        &time
                    }
                    attribute => user.text(attribute.trim_start_matches("profile.")),
                };
                let (actual, value) = (actual.to_lowercase(), value.to_lowercase());
                let fits = match operator {
                    Operator::Equal => actual == value,
                    Operator::StartsWith => actual.starts_with(&value),
                    Operator::Contains => actual.contains(&value),
                    Operator::Greater => actual > value,
                    Operator::Less => actual < value,
                    Operator::Present => true,
                };
                fits && !actual.is_empty()
            }
        }
    }
}

/// Parses an expression. The error says what is wrong.
pub(super) fn parse(text: &str) -> Result<Search, String> {
    let mut words = words(text)?;
    words.reverse();
    let search = any(&mut words)?;
    words
        .pop()
        .map_or(Ok(search), |word| Err(format!("{word} is too much")))
}

/// Splits a text into parentheses, bare words, and strings with their quotes.
fn words(text: &str) -> Result<Vec<String>, String> {
    let (mut words, mut rest) = (vec![], text.trim_start());
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' => 1,
            '"' => {
                let mut escaped = false;
                let end = rest[1..].find(|c| {
                    let ends = c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                    ends
                });
                end.ok_or("a string does not end")? + 2
            }
            _ => rest.find([' ', '(', ')', '"']).unwrap_or(rest.len()),
        };
        words.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    Ok(words)
}

/// Parses alternatives. `and` binds closer than `or`. The words are taken from the end of the list.
fn any(words: &mut Vec<String>) -> Result<Search, String> {
    let mut parts = vec![all(words)?];
    while words
        .pop_if(|word| word.eq_ignore_ascii_case("or"))
        .is_some()
    {
        parts.push(all(words)?);
    }
    Ok(Search::Any(parts))
}

fn all(words: &mut Vec<String>) -> Result<Search, String> {
    let mut parts = vec![one(words)?];
    while words
        .pop_if(|word| word.eq_ignore_ascii_case("and"))
        .is_some()
    {
        parts.push(one(words)?);
    }
    Ok(Search::All(parts))
}

fn one(words: &mut Vec<String>) -> Result<Search, String> {
    let mut word = || words.pop().ok_or_else(|| "it breaks off".to_owned());
    let name = word()?;
    if name == "(" {
        let inner = any(words)?;
        return words
            .pop_if(|word| word == ")")
            .map_or_else(|| Err("a parenthesis is open".to_owned()), |_| Ok(inner));
    }
    let attribute = name
        .strip_prefix("profile.")
        .filter(|attribute| ATTRIBUTES.contains(attribute));
    if attribute.is_none()
        && !["id", "status", "statusChanged", "lastUpdated"].contains(&name.as_str())
    {
        return Err(format!("{name} is not simulated"));
    }
    let operator = match word()?.to_lowercase().as_str() {
        "eq" => Operator::Equal,
        "sw" => Operator::StartsWith,
        "co" if attribute.is_some_and(|attribute| ATTRIBUTES[..4].contains(&attribute)) => {
            Operator::Contains
        }
        "gt" => Operator::Greater,
        "lt" => Operator::Less,
        "pr" => {
            return Ok(Search::Compare {
                name,
                operator: Operator::Present,
                value: String::new(),
            });
        }
        other => return Err(format!("operator {other}")),
    };
    let value = word()?;
    let value =
        serde_json::from_str(&value).map_err(|_| format!("{value} is not a JSON string"))?;
    Ok(Search::Compare {
        name,
        operator,
        value,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn expressions() {
        let user = User {
            id: "00u1".to_owned(),
            status: "ACTIVE".to_owned(),
            status_changed: std::time::Duration::ZERO,
            last_updated: std::time::Duration::ZERO,
            profile: serde_json::from_value(
                json!({"firstName": "Ann \"A\"", "primaryPhone": "+15005550006", "mobilePhone": null}),
            )
            .unwrap(),
        };
        for (text, fits) in [
            (r#"profile.primaryPhone eq "+15005550006""#, true),
            (r#"profile.primaryPhone eq "+1500""#, false),
            (r#"profile.primaryPhone sw "+1500""#, true),
            (r#"status EQ "active" and profile.mobilePhone pr"#, false),
            (r#"profile.mobilePhone eq """#, false),
            (r#"profile.firstName eq "ann \"a\"""#, true),
            (r#"profile.firstName co "nn""#, true),
            (
                r#"(status lt "DEPROVISIONED" or status gt "DEPROVISIONED") and id eq "00u1""#,
                true,
            ),
            (r#"status eq "X" and id eq "00u1" or id eq "00u1""#, true),
            (r#"status eq "X" and (id eq "00u1" or id eq "00u1")"#, false),
        ] {
            assert_eq!(parse(text).unwrap().fits(&user), fits, "{text}");
        }
        for text in [
            "",
            "+15005550006",
            r#"primaryPhone eq "1""#,
            r#"profile.PrimaryPhone eq "1""#,
            r#"profile.primaryPhone ne "1""#,
            r#"profile.primaryPhone co "1""#,
            "profile.primaryPhone eq +15005550006",
            "profile.primaryPhone eq 1",
            r#"profile.primaryPhone eq "1"#,
            r#"profile.primaryPhone eq "1" or"#,
            r#"profile.primaryPhone eq "1" "2""#,
            r#"(id eq "1""#,
            r#"id eq "1")"#,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
