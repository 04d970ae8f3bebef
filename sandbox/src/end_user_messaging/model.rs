//! What the model of the API allows in a request.

use serde_json::{Map, Value};

/// The first member that the model does not allow.
pub(super) fn wrong(request: &Map<String, Value>) -> Option<&'static str> {
    let required = |name: &str, fits: &dyn Fn(&str) -> bool| {
        request.get(name).and_then(Value::as_str).is_some_and(fits)
    };
    let optional = |name: &str, fits: &dyn Fn(&str) -> bool| {
        !request.contains_key(name) || required(name, fits)
    };
    let is_number = |text: &str| {
        let digits = text.strip_prefix('+').unwrap_or(text);
        (2..=19).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_of = |text: &str, others: &str, most: usize| {
        (1..=most).contains(&text.len())
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
    };
    let is_price = |text: &str| {
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        text.split_once('.').is_some_and(|(whole, rest)| {
            whole.len() <= 2 && (1..=5).contains(&rest.len()) && digits(whole) && digits(rest)
        })
    };
    let is_life = |life: &Value| {
        life.as_u64()
            .is_some_and(|life| (5..=259_200).contains(&life))
    };
    let is_context = |context: &Value| {
        context.as_object().is_some_and(|pairs| {
            (0..=5).contains(&pairs.len())
                && pairs.iter().all(|(key, value)| {
                    let value = value.as_str().unwrap_or_default();
                    (1..=100).contains(&key.len())
                        && !key.contains(char::is_whitespace)
                        && (1..=800).contains(&value.len())
                        && value.trim() == value
                })
        })
    };
    let rules = [
        (
            "DestinationPhoneNumber",
            required("DestinationPhoneNumber", &is_number),
        ),
        (
            "MessageBody",
            required("MessageBody", &|text| {
                !text.trim().is_empty() && text.chars().count() <= 1600
            }),
        ),
        (
            "OriginationIdentity",
            optional("OriginationIdentity", &|text| is_of(text, "_:/+-", 256)),
        ),
        (
            "MessageType",
            optional("MessageType", &|text| {
                matches!(text, "TRANSACTIONAL" | "PROMOTIONAL")
            }),
        ),
        (
            "ConfigurationSetName",
            optional("ConfigurationSetName", &|text| is_of(text, "_:/-", 256)),
        ),
        ("MaxPrice", optional("MaxPrice", &is_price)),
        ("TimeToLive", request.get("TimeToLive").is_none_or(is_life)),
        ("Context", request.get("Context").is_none_or(is_context)),
        (
            "DryRun",
            request.get("DryRun").is_none_or(Value::is_boolean),
        ),
    ];
    rules
        .into_iter()
        .find(|(_, fits)| !fits)
        .map(|(name, _)| name)
}
