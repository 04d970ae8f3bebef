//! The description of the API, from the list of routes and the schemas in `schemas.json`.

use serde_json::{Map, Value, json};

use super::{
    guard::WRITES,
    routes::{Route, routes},
};

const SCHEMAS: &str = include_str!("schemas.json");

/// The schemas by name.
pub(super) fn schemas() -> Value {
    serde_json::from_str(SCHEMAS).expect("schemas.json is JSON")
}

fn content(schema: &str) -> Value {
    if schema.contains('/') {
        return json!({ schema: { "schema": { "type": "string" } } });
    }
    json!({ "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } })
}

fn operation(route: &Route) -> Value {
    let mut parameters: Vec<_> = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    let query: &[&str] = match (route.method, route.path) {
        ("GET", "/api/events") => &["since"],
        ("GET", "/api/texts") => &["before", "limit"],
        ("GET", "/api/wire") => &["before", "limit", "from", "to", "status", "text"],
        ("GET", "/api/table") => &["prefix", "limit"],
        _ => &[],
    };
    parameters.extend(query.iter().map(
        |name| json!({ "name": name, "in": "query", "required": false, "schema": { "type": "string" } }),
    ));
    if route.method != "GET" {
        parameters.push(json!({
            "name": WRITES, "in": "header", "required": true, "schema": { "const": "1" },
            "description": "Another site cannot send this header.",
        }));
    }
    let mut answer =
        json!({ "description": if route.answer.is_empty() { "Done." } else { "The answer." } });
    if !route.answer.is_empty() {
        answer["content"] = content(route.answer);
    }
    let mut operation = json!({
        "summary": route.summary, "parameters": parameters,
        "responses": {
            route.status.to_string(): answer,
            "default": { "description": "What is wrong, and what to do.", "content": content("Problem") },
        },
    });
    if !route.body.is_empty() {
        operation["requestBody"] =
            json!({ "required": route.body != "Nothing", "content": content(route.body) });
    }
    operation
}

/// The document.
pub(super) fn document() -> Value {
    let mut paths = Map::new();
    for route in routes() {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = operation(&route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "The page of the sandbox", "version": env!("CARGO_PKG_VERSION"),
            "description": "What the page shows and does. Requests must name the host 127.0.0.1 or localhost. Numbers are E.164; in a path, write the plus as %2B.",
        },
        "paths": paths, "components": { "schemas": schemas() },
    })
}
