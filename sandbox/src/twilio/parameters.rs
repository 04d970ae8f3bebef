//! The parameters of requests: their names and their values.

use std::collections::HashMap;

pub(super) type Pairs = Vec<(String, String)>;

/// Turns `VoiceUrl` into `voice_url`.
pub(super) fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// The parameters of a query, if all are known and none is repeated.
pub(super) fn parameters(query: Pairs, known: &[&str]) -> Result<HashMap<String, String>, String> {
    let mut parameters = HashMap::new();
    for (name, value) in query {
        if !known.contains(&name.as_str()) || parameters.insert(name.clone(), value).is_some() {
            return Err(format!("unknown or repeated parameter {name}"));
        }
    }
    Ok(parameters)
}

pub(super) fn flag(
    parameters: &HashMap<String, String>,
    name: &str,
) -> Result<Option<bool>, String> {
    let parse = |text: &String| text.parse().map_err(|_| format!("{name} is true or false"));
    parameters.get(name).map(parse).transpose()
}

pub(super) fn page_size(parameters: &HashMap<String, String>) -> Result<usize, String> {
    let size = parameters
        .get("PageSize")
        .map_or(Some(50), |size| size.parse().ok());
    size.filter(|size| (1..=1000).contains(size))
        .ok_or_else(|| "PageSize is 1 to 1000".to_owned())
}
