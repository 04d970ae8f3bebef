//! The answers fit the description of the API.

use sandbox::twilio;
use serde_json::{Value, json};

use super::Stage;
use crate::{GATEWAY, PROVISION, RECEIVE, SEND};

/// The keywords of JSON Schema that the description uses.
fn check(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        let named = document.pointer(name.trim_start_matches('#'));
        let named = named.ok_or_else(|| format!("{at}: {name} is missing"))?;
        return check(document, named, value, at);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let fits = |choice| check(document, choice, value, at);
        return match choices.iter().map(fits).find(Result::is_ok) {
            Some(fit) => fit,
            None => Err(format!("{at}: {value} fits none of {}", schema["anyOf"])),
        };
    }
    if let Some(choices) = schema["enum"].as_array()
        && !choices.contains(value)
    {
        return Err(format!("{at}: {value} is none of {choices:?}"));
    }
    let kinds: Vec<_> = match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    let is = |kind: &&str| match *kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        _ => value.is_object(),
    };
    if !kinds.is_empty() && !kinds.iter().any(is) {
        return Err(format!("{at}: {value} is no {kinds:?}"));
    }
    for item in value.as_array().into_iter().flatten() {
        check(document, &schema["items"], item, &format!("{at}[]"))?;
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap();
        value
            .get(name)
            .ok_or_else(|| format!("{at}: {name} is missing"))?;
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        let known = &schema["properties"][name];
        if known.is_null() && schema["additionalProperties"] == false {
            return Err(format!("{at}: {name} is not described"));
        }
        check(document, known, member, &format!("{at}.{name}"))?;
    }
    Ok(())
}

/// Asks, and checks the answer against the description.
async fn fits(
    stage: &Stage,
    document: &Value,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Value {
    let (status, answer) = stage.ask(method, path, body).await;
    let plain = path.split('?').next().unwrap();
    let parts: Vec<_> = plain.split('/').collect();
    let paths = document["paths"].as_object().unwrap();
    let matches = |known: &&String| {
        let known: Vec<_> = known.split('/').collect();
        known.len() == parts.len()
            && known
                .iter()
                .zip(&parts)
                .all(|(known, part)| known == part || known.starts_with('{'))
    };
    let mut named: Vec<_> = paths.keys().filter(matches).collect();
    named.sort_by_key(|known| known.matches('{').count());
    let operation = &paths[named[0]][method.to_lowercase()];
    let described = &operation["responses"][status.to_string()];
    assert!(
        !described.is_null(),
        "{method} {path}: {status} is not described: {answer}"
    );
    let schema = &described["content"]["application/json"]["schema"];
    check(document, schema, &answer, path).unwrap();
    answer
}

#[tokio::test]
async fn answers_fit_their_description() {
    let stage = Stage::open(&[SEND, RECEIVE, GATEWAY, PROVISION]).await;
    let document = stage.get("/api/openapi.json").await;
    let fits = async |method, path: &str, body| fits(&stage, &document, method, path, body).await;
    let phone = "+4520111222";
    fits(
        "POST",
        "/api/phones",
        Some(json!({ "number": phone, "name": "B" })),
    )
    .await;
    fits(
        "PATCH",
        "/api/phones/%2B4520111222",
        Some(json!({ "behaviour": "busy" })),
    )
    .await;
    let made = fits("POST", "/api/auth0/users", Some(json!({ "phone": phone }))).await;
    let user = made["user"]["id"].as_str().unwrap().replace('|', "%7C");
    for (deed, body) in [
        ("forgot", json!({})),
        ("block", json!({ "on": true })),
        ("block", json!({ "on": false })),
        ("let-in", json!({})),
    ] {
        fits(
            "POST",
            &format!("/api/auth0/users/{user}/{deed}"),
            Some(body),
        )
        .await;
    }
    let mail = made["mail"]["id"].as_str().unwrap();
    fits("GET", &format!("/api/mails/{mail}"), None).await;
    fits(
        "POST",
        "/api/mails",
        Some(json!({ "to": "x@sms.example.com", "subject": "x" })),
    )
    .await;
    fits("POST", "/api/texts", Some(json!({ "from": phone, "to": twilio::NUMBER, "text": "Hi", "media": ["https://p.example/a.png"] }))).await;
    fits(
        "POST",
        "/api/texts",
        Some(json!({ "from": phone, "to": "+4599999999", "text": "Hi" })),
    )
    .await;
    fits(
        "POST",
        "/api/auth0/callers",
        Some(json!({ "account": "7", "pin": "1", "name": "C" })),
    )
    .await;
    let login = fits("POST", "/api/auth0/login", Some(json!({ "phone": phone }))).await;
    let login = format!("/api/auth0/login/{}/code", login["login"].as_str().unwrap());
    fits("POST", &login, Some(json!({ "code": "x" }))).await;
    let hired = fits(
        "POST",
        "/api/okta/users",
        Some(json!({ "name": "Ben", "mobile": "+4520111223" })),
    )
    .await;
    let ben = format!("/api/okta/users/{}", hired["user"]["id"].as_str().unwrap());
    fits(
        "PATCH",
        &ben,
        Some(json!({ "mobile": null, "status": "SUSPENDED" })),
    )
    .await;
    fits("POST", "/api/schedules/provision-numbers", Some(json!({}))).await;
    let call = fits(
        "POST",
        "/api/calls",
        Some(json!({ "from": phone, "to": "+15005550020", "pace": "fast" })),
    )
    .await;
    fits(
        "GET",
        &format!("/api/calls/{}", call["id"].as_str().unwrap()),
        None,
    )
    .await;
    fits("PUT", "/api/faults/Twilio/slow", Some(json!({ "left": 2 }))).await;
    fits(
        "PUT",
        "/api/faults/Twilio/refuse_21610",
        Some(json!({ "number": phone })),
    )
    .await;
    let wire = fits("GET", "/api/wire?limit=1000", None).await;
    for exchange in wire["exchanges"].as_array().unwrap() {
        fits("GET", &format!("/api/wire/{}", exchange["id"]), None).await;
    }
    let again = stage.get(&format!("/api/wire?to={SEND}")).await["exchanges"][0]["id"].clone();
    fits(
        "POST",
        &format!("/api/wire/{again}/replay"),
        Some(json!({ "as": "same" })),
    )
    .await;
    for path in [
        "/api/state",
        "/api/texts",
        "/api/identity",
        "/api/table?prefix=rate%23sms",
        "/api/secrets",
        "/api/faults",
        "/api/numbers",
        "/api/prices",
        "/api/openapi.json",
    ] {
        fits("GET", path, None).await;
    }
    for path in [
        "/api/faults/Twilio/slow",
        "/api/faults",
        &ben,
        "/api/phones/%2B4520111222",
    ] {
        fits("DELETE", path, None).await;
    }
    fits("DELETE", &format!("/api/auth0/users/{user}"), None).await;
    stage.close().await;
}

#[tokio::test]
async fn the_description_names_every_schema_it_uses() {
    let stage = Stage::open(&[]).await;
    let document = stage.get("/api/openapi.json").await;
    let text = document.to_string();
    for name in text.split("#/components/schemas/").skip(1) {
        let name = name.split('"').next().unwrap();
        assert!(
            document["components"]["schemas"][name].is_object(),
            "{name}"
        );
    }
    stage.close().await;
}

#[tokio::test]
async fn whatever_does_not_fit_gets_the_described_problem() {
    let stage = Stage::open(&[]).await;
    let problem = stage.get("/api/openapi.json").await["components"]["schemas"]["Problem"].clone();
    let document = json!({});
    for (method, path, body, status) in [
        ("GET", "/api/wire/abc", None, 400),
        ("GET", "/api/wire/-1/curl", None, 400),
        ("GET", "/api/wire?limit=-1", None, 400),
        ("GET", "/api/events?since=x", None, 400),
        ("GET", "/api/table?limit=many", None, 400),
        ("GET", "/api/calls/none", None, 404),
        ("GET", "/api/none", None, 404),
        ("PUT", "/api/texts", Some(json!({})), 405),
        ("POST", "/api/texts", Some(json!([])), 400),
        ("POST", "/api/texts", None, 400),
        (
            "POST",
            "/api/calls/x/keys",
            Some(json!({ "digits": "12x" })),
            400,
        ),
        (
            "POST",
            "/api/calls/x/keys",
            Some(json!({ "text": "12" })),
            400,
        ),
        ("POST", "/api/calls/x/hangup", Some(json!({})), 409),
        ("POST", "/api/scenes/none", Some(json!({})), 404),
        ("POST", "/api/scenes/next", Some(json!({})), 409),
        ("DELETE", "/api/scenes/run", None, 409),
        (
            "PUT",
            "/api/faults/Twilio/slow",
            Some(json!({ "number": "+4512345678" })),
            400,
        ),
        (
            "PUT",
            "/api/faults/Twilio/down",
            Some(json!({ "left": 3 })),
            400,
        ),
        (
            "PUT",
            "/api/faults/Twilio/slow",
            Some(json!({ "left": 0 })),
            400,
        ),
        (
            "PUT",
            "/api/faults/Twilio/refuse_21610",
            Some(json!({})),
            400,
        ),
    ] {
        let (came, answer) = stage.ask(method, path, body).await;
        assert_eq!(came, status, "{method} {path}: {answer}");
        check(&document, &problem, &answer, path).unwrap();
    }
    assert_eq!(stage.get("/api/faults").await["active"], json!([]));
    stage.close().await;
}
