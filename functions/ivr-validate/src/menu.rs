//! The menu after the PIN, from `IVR_MENU`: what it offers, and what it tells of the API's answer.

use std::collections::HashSet;
use std::mem;

use serde::Deserialize;
use serde_json::Value;
use shared::platform::config::Source;
use shared::services::protected::Template;

const DEFAULT: &str = r#"[
    {"digit":"1","label":"account balance","path":"/accounts/{account}","say":"Your balance is {balance.amount} {balance.currency}."},
    {"digit":"2","label":"payments","path":"/accounts/{account}","say":"Your last payment was {payments.0.amount} {payments.0.currency} on {payments.0.date}."},
    {"digit":"9","label":"exit","exit":true}
]"#;
const LABEL_LIMIT: usize = 100;
/// Callers do not listen to more characters.
const TOLD_LIMIT: usize = 1_000;

/// The menu.
#[derive(Debug)]
pub(crate) struct Menu(Vec<Entry>);

/// What a key does.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) digit: String,
    label: String,
    pub(crate) action: Action,
}

/// What a key does.
#[derive(Debug)]
pub(crate) enum Action {
    /// Ends the call.
    Exit,
    /// Tells what the API has at this path.
    Tell { path: Template, say: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    digit: String,
    label: String,
    path: Option<String>,
    say: Option<String>,
    #[serde(default)]
    exit: bool,
}

impl Menu {
    /// Reads `IVR_MENU` and reports problems to `source`.
    pub(crate) fn read(source: &mut Source<'_>) -> Self {
        parse(&source.text("IVR_MENU", DEFAULT)).unwrap_or_else(|why| {
            source.problem(format!("IVR_MENU {why}"));
            Self(Vec::new())
        })
    }

    /// The entry for the pressed key.
    pub(crate) fn find(&self, digit: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.digit == digit)
    }

    /// The menu as spoken text.
    pub(crate) fn offer(&self) -> String {
        self.0
            .iter()
            .map(|entry| format!("Press {} for {}.", entry.digit, entry.label))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

fn parse(text: &str) -> Result<Menu, String> {
    const SHAPE: &str = r#"is not a JSON list such as [{"digit":"1","label":"account balance","path":"/accounts/{account}","say":"Your balance is {balance.amount}."},{"digit":"9","label":"exit","exit":true}]"#;
    let given: Vec<Given> = serde_json::from_str(text).map_err(|_| SHAPE.to_owned())?;
    let mut digits = HashSet::new();
    let mut entries = Vec::new();
    for Given {
        digit,
        label,
        path,
        say,
        exit,
    } in given
    {
        if digit.len() != 1
            || !digit.bytes().all(|byte| byte.is_ascii_digit())
            || !digits.insert(digit.clone())
        {
            return Err("must give each entry one digit of its own".to_owned());
        }
        let action = match (path, say, exit) {
            (None, None, true) => Action::Exit,
            (Some(path), Some(say), false) => {
                let path: Template = path
                    .parse()
                    .map_err(|why| format!("entry {digit}: path {why}"))?;
                if path.names().any(|name| name != "account") {
                    return Err(format!("entry {digit}: path may hold {{account}} only"));
                }
                Action::Tell { path, say }
            }
            _ => return Err(format!("entry {digit}: either path and say, or exit")),
        };
        let wrong = |what: &str| Err(format!("entry {digit}: {what}"));
        if matches!(&action, Action::Tell { say, .. } if !are_paired(say)) {
            return wrong("say has a brace without its other half");
        }
        if label.chars().count() > LABEL_LIMIT {
            return wrong(&format!("label is longer than {LABEL_LIMIT} characters"));
        }
        entries.push(Entry {
            digit,
            label,
            action,
        });
    }
    if entries.is_empty() {
        Err("is empty".to_owned())
    } else {
        Ok(Menu(entries))
    }
}

/// True if every brace has its partner and no pair is inside another.
fn are_paired(say: &str) -> bool {
    let mut is_open = false;
    let fits = |c| match c {
        '{' => !mem::replace(&mut is_open, true),
        '}' => mem::replace(&mut is_open, false),
        _ => true,
    };
    say.chars().all(fits) && !is_open
}

/// Fills the braces of a sentence from `found` (`{balance.amount}`, `{payments.0.date}`). `None` if
/// a value is missing. Braces in a filled-in value stay as they are.
pub(crate) fn tell(say: &str, found: &Value) -> Option<String> {
    let mut told = String::new();
    let mut rest = say;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        let value = name.split('.').try_fold(found, |value, step| match value {
            Value::Array(list) => list.get(step.parse::<usize>().ok()?),
            value => value.get(step),
        });
        told.push_str(before);
        match value? {
            Value::String(text) => told.push_str(text),
            Value::Number(number) => told.push_str(&number.to_string()),
            _ => return None,
        }
        rest = after;
    }
    told.push_str(rest);
    Some(told.chars().take(TOLD_LIMIT).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_default_menu() {
        let menu = parse(DEFAULT).unwrap();
        assert_eq!(
            menu.offer(),
            "Press 1 for account balance. Press 2 for payments. Press 9 for exit."
        );
        assert!(matches!(menu.find("9").unwrap().action, Action::Exit));
        assert!(menu.find("3").is_none() && menu.find("").is_none() && menu.find("19").is_none());
    }

    #[test]
    fn bad_menus_are_told() {
        for (fields, part) in [
            ("", "either"),
            (r#","path":"/a","exit":true"#, "either"),
            (r#","path":"/a""#, "either"),
            (r#","path":"a","say":"y""#, "path"),
            (r#","path":"/{pin}","say":"y""#, "{account}"),
            (r#","path":"/a","say":"{y""#, "brace"),
            (r#","path":"/a","say":"y}""#, "brace"),
            (r#","path":"/a","say":"}y{""#, "brace"),
            (r#","path":"/a","say":"{{y}}""#, "brace"),
        ] {
            let why = parse(&format!(r#"[{{"digit":"1","label":"x"{fields}}}]"#)).unwrap_err();
            assert!(why.contains(part), "{fields}: {why}");
        }
        assert_eq!(parse("[]").unwrap_err(), "is empty");
    }

    #[test]
    fn a_sentence_is_filled_once() {
        let found = json!({"balance": {"amount": "12.50", "currency": "EUR"}, "payments": [{"amount": 3, "date": "{balance.amount}"}]});
        for (say, told) in [
            (
                "It is {balance.amount} {balance.currency}.",
                Some("It is 12.50 EUR."),
            ),
            (
                "{payments.0.amount} on {payments.0.date}",
                Some("3 on {balance.amount}"),
            ),
            ("nothing to fill", Some("nothing to fill")),
            ("{payments.1.amount}", None),
            ("{balance}", None),
            ("{nothing.there}", None),
            ("{balance.amount", None),
        ] {
            assert_eq!(tell(say, &found).as_deref(), told, "{say}");
        }
    }
}
