//! Sums, sets and comparisons of values.

use serde_json::{Map, Value, json};

fn number(value: &Value) -> Option<f64> {
    value["N"].as_str()?.parse().ok()
}

fn texts(value: &Value) -> Option<Vec<&str>> {
    value["SS"].as_array()?.iter().map(Value::as_str).collect()
}

pub(super) fn sum(one: &Value, other: &Value, sign: i128) -> Result<Value, String> {
    let whole = |value: &Value| value["N"].as_str()?.parse::<i128>().ok();
    let (Some(one), Some(other)) = (whole(one), whole(other)) else {
        return Err("only whole numbers are added".to_owned());
    };
    Ok(json!({ "N": (one + sign * other).to_string() }))
}

pub(super) fn added(old: Option<&Value>, more: &Value) -> Result<Value, String> {
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
pub(super) fn taken(old: &Value, less: &Value) -> Result<Option<Value>, String> {
    let (Some(mut old), Some(less)) = (texts(old), texts(less)) else {
        return Err("only sets of strings shrink".to_owned());
    };
    old.retain(|text| !less.contains(text));
    Ok((!old.is_empty()).then(|| json!({ "SS": old })))
}

pub(super) fn are_equal(one: &Value, other: &Value) -> bool {
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
pub(super) fn compared(one: &Value, other: &Value) -> Option<std::cmp::Ordering> {
    let whole = |value: &Value| value["N"].as_str()?.parse::<i128>().ok();
    match (one["S"].as_str(), other["S"].as_str()) {
        (Some(one), Some(other)) => Some(one.cmp(other)),
        _ => match (whole(one), whole(other)) {
            (Some(one), Some(other)) => Some(one.cmp(&other)),
            _ => number(one)?.partial_cmp(&number(other)?),
        },
    }
}

pub(super) fn contains(whole: &Value, part: &Value) -> bool {
    let text = part["S"].as_str();
    match (texts(whole), whole["S"].as_str(), whole["L"].as_array()) {
        (Some(set), ..) => text.is_some_and(|text| set.contains(&text)),
        (_, Some(whole), _) => text.is_some_and(|text| whole.contains(text)),
        (.., Some(list)) => list.iter().any(|entry| are_equal(entry, part)),
        _ => false,
    }
}

pub(super) fn begins_with(whole: &Value, part: &Value) -> bool {
    whole["S"]
        .as_str()
        .zip(part["S"].as_str())
        .is_some_and(|(whole, part)| whole.starts_with(part))
}

pub(super) fn size(value: &Value) -> Option<usize> {
    let length = value["S"].as_str().map(str::len);
    let entries = ["SS", "L"]
        .into_iter()
        .find_map(|kind| value[kind].as_array().map(Vec::len));
    length
        .or(entries)
        .or_else(|| value["M"].as_object().map(Map::len))
}
