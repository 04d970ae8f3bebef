//! A route that the account holds: what it does with a mail.

use serde_json::Value;

pub(super) fn actions(route: &Value) -> Vec<&str> {
    route["actions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// The texts in quotes in an action.
pub(super) fn urls(action: &str) -> impl Iterator<Item = &str> {
    action.split(['"', '\'']).skip(1).step_by(2)
}

pub(crate) fn priority(route: &Value) -> i64 {
    route["priority"].as_i64().unwrap_or_default()
}

/// True if mail to `address` ends at this route: the route has `stop()` and its expression matches.
/// `None`: the expression cannot be evaluated here.
pub(crate) fn ends_at(route: &Value, address: &str) -> Option<bool> {
    if !actions(route)
        .iter()
        .any(|action| action.trim() == "stop()")
    {
        return Some(false);
    }
    let expression = route["expression"].as_str().unwrap_or_default().trim();
    if expression.starts_with("catch_all") {
        return Some(true);
    }
    let inner = expression
        .strip_prefix("match_recipient(")?
        .strip_suffix(')')?
        .trim();
    let quote = inner.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let pattern = inner
        .strip_prefix(quote)?
        .strip_suffix(quote)?
        .replace(r"\\", r"\")
        .replace("\\\"", "\"");
    // Python's `match` begins at the start of the text.
    let pattern = regex::Regex::new(&format!("^(?:{pattern})")).ok()?;
    Some(pattern.is_match(address))
}

/// The routes that stop mail to the proxy e-mail addresses before `route`.
pub(crate) fn before<'a>(routes: &'a [Value], route: &Value, example: &str) -> Vec<&'a Value> {
    let other = |other: &&Value| other["id"] != route["id"] && priority(other) <= priority(route);
    routes
        .iter()
        .filter(other)
        .filter(|other| ends_at(other, example) == Some(true))
        .collect()
}
