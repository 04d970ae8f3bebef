//! Bodies as the page shows them: decoded, and without secrets.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::Sandbox;

/// What stands for a secret.
const HIDDEN: &str = "••••";

/// Fields whose value is a secret.
const FIELDS: [&str; 19] = [
    "access_token",
    "api_key",
    "api_secret",
    "apikey",
    "auth_token",
    "bearer_token",
    "calltoken", // with it a call can be forwarded in the caller's name
    "client_assertion",
    "client_secret",
    "id_token",
    "jwt_secret",
    "password",
    "pin",
    "refresh_token",
    "secret",
    "secretbinary",
    "secretstring",
    "signing_key",
    "token",
];

/// Headers whose value is a secret.
const HEADERS: [&str; 6] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "x-amz-security-token",
    "x-api-key",
];

/// The secrets of a sandbox.
#[derive(Clone, Default)]
pub(super) struct Masks(Vec<String>);

impl Masks {
    /// The values of all secrets. Names of accounts are no secrets.
    pub(super) fn of(sandbox: &Sandbox) -> Self {
        let mut all: Vec<String> = sandbox
            .aws
            .secret_names()
            .iter()
            .filter_map(|name| sandbox.aws.secret(name))
            .flat_map(|secret| match secret {
                Value::Object(members) => members
                    .into_iter()
                    .filter(|(key, _)| !key.ends_with("_sid") && !key.ends_with("_id"))
                    .map(|(_, value)| value.as_str().unwrap_or_default().to_owned())
                    .collect(),
                Value::String(text) => vec![text],
                _ => vec![],
            })
            .filter(|value| value.len() >= 8)
            .collect();
        all.sort_by_key(|value| std::cmp::Reverse(value.len()));
        all.dedup();
        Self(all)
    }

    pub(super) fn text(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        for secret in &self.0 {
            if shown.contains(secret) {
                shown = shown.replace(secret, HIDDEN);
            }
        }
        shown
    }

    /// A header's value. The scheme of an `Authorization` is no secret.
    pub(super) fn header(&self, name: &str, value: &str) -> String {
        if !HEADERS.contains(&name) {
            return self.text(value);
        }
        match value.split_once(' ') {
            Some((scheme, _)) if name == "authorization" => format!("{scheme} {HIDDEN}"),
            _ => HIDDEN.to_owned(),
        }
    }

    /// A field's value.
    pub(super) fn field(&self, name: &str, value: &str) -> String {
        if is_secret(name) && !value.is_empty() {
            HIDDEN.to_owned()
        } else {
            self.text(value)
        }
    }

    /// JSON without secrets.
    pub(super) fn json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => self.text(&text).into(),
            Value::Array(items) => items.into_iter().map(|item| self.json(item)).collect(),
            Value::Object(members) => members
                .into_iter()
                .map(|(name, value)| {
                    let hidden = is_secret(&name) && !value.is_null() && value != "";
                    let value = if hidden {
                        HIDDEN.into()
                    } else {
                        self.json(value)
                    };
                    (name, value)
                })
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => other,
        }
    }
}

fn is_secret(name: &str) -> bool {
    FIELDS.contains(&name.to_ascii_lowercase().as_str())
}

/// A body. `size` is its size before it was cut.
pub(super) fn shown(content_type: &str, body: &[u8], size: usize, masks: &Masks) -> Value {
    let mut shown = json!({ "kind": "empty", "text": "", "cut": body.len() < size, "bytes": size });
    if body.is_empty() {
        return shown;
    }
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let Ok(text) = std::str::from_utf8(body) else {
        shown["kind"] = "binary".into();
        shown["text"] = hex_dump(&body[..body.len().min(1024)]).into();
        return shown;
    };
    if kind == "application/x-www-form-urlencoded" {
        let fields: Vec<_> = form_urlencoded::parse(body)
            .map(|(name, value)| [name.to_string(), masks.field(&name, &value)])
            .collect();
        let lines: Vec<_> = fields
            .iter()
            .map(|[name, value]| format!("{name}={value}"))
            .collect();
        shown["kind"] = "form".into();
        shown["text"] = lines.join("\n").into();
        shown["fields"] = json!(fields);
    } else if let Ok(value) = serde_json::from_str::<Value>(text)
        && (value.is_object() || value.is_array())
    {
        shown["kind"] = "json".into();
        let pretty = serde_json::to_string_pretty(&masks.json(value)).unwrap_or_default();
        shown["text"] = pretty.into();
    } else {
        shown["kind"] = match kind {
            "text/xml" | "application/xml" => "xml",
            "text/html" => "html",
            _ => "text",
        }
        .into();
        shown["text"] = masks.text(text).into();
    }
    shown
}

fn hex_dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(16) {
        for byte in line {
            let _ = write!(text, "{byte:02x} ");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let masks = Masks(vec!["very-secret-token".to_owned()]);
        assert_eq!(masks.header("authorization", "Bearer abc"), "Bearer ••••");
        assert_eq!(masks.header("cookie", "a=b"), "••••");
        assert_eq!(masks.header("x-other", "a very-secret-token"), "a ••••");
        let form = shown(
            "application/x-www-form-urlencoded",
            b"Body=YES&client_secret=x&a=very-secret-token",
            44,
            &masks,
        );
        assert_eq!(form["kind"], "form");
        assert_eq!(
            form["fields"],
            json!([["Body", "YES"], ["client_secret", "••••"], ["a", "••••"]])
        );
        let answer =
            br#"{"SecretString":"{\"auth_token\":\"x\"}","Name":"n","deep":[{"Password":"x"}]}"#;
        let shown = shown("application/x-amz-json-1.1", answer, 100, &masks);
        let text = shown["text"].as_str().unwrap();
        assert!(
            !text.contains("auth_token") && text.contains("\"Password\": \"••••\""),
            "{text}"
        );
        assert_eq!(
            (&shown["kind"], &shown["cut"]),
            (&json!("json"), &json!(true))
        );
    }

    #[test]
    fn any_bytes_are_shown() {
        let masks = Masks::default();
        assert_eq!(shown("text/xml", b"", 0, &masks)["kind"], "empty");
        assert_eq!(shown("text/xml", b"<a/>", 4, &masks)["kind"], "xml");
        let binary = shown("image/png", &[0x89, 0xff], 2, &masks);
        assert_eq!(binary["text"], "89 ff \n");
    }
}
