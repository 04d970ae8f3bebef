//! An event hook: the resource, and what a registration may say.

use serde_json::{Value, json};

use super::{answers::THEN, hook_body::HookBody};
use crate::{moment::iso, random};

/// Members of Okta's answers that Okta ignores in requests. A client may send them back without a
/// complaint.
const READ_ONLY: [&str; 7] = [
    "id",
    "status",
    "verificationStatus",
    "created",
    "createdBy",
    "lastUpdated",
    "_links",
];

/// A registered event hook. It receives events after its verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventHook {
    /// `who` and 17 letters and digits.
    pub id: String,
    /// A name for administrators.
    pub name: String,
    /// A description for administrators.
    pub description: Option<String>,
    /// The URI to which events are posted.
    pub uri: String,
    /// The name of the header with the secret, usually `Authorization`.
    pub header: String,
    /// The secret.
    pub secret: String,
    /// `user.lifecycle.create`...
    pub events: Vec<String>,
    /// True if the URI has echoed its challenge.
    pub verified: bool,
    /// False if the hook is deactivated.
    pub active: bool,
}

impl EventHook {
    /// The hook as a resource, without the secret.
    pub(super) fn wire(&self) -> Value {
        let (then, url) = (
            iso(THEN),
            format!("https://acme.okta.com/api/v1/eventHooks/{}", self.id),
        );
        let post = |action: &str| json!({ "href": format!("{url}/lifecycle/{action}"), "hints": {"allow": ["POST"]} });
        json!({
            "id": self.id, "name": self.name, "description": self.description, "status": if self.active { "ACTIVE" } else { "INACTIVE" },
            "verificationStatus": if self.verified { "VERIFIED" } else { "UNVERIFIED" }, "created": then, "createdBy": "00uadministrator0000",
            "lastUpdated": then, "events": {"type": "EVENT_TYPE", "items": self.events, "filter": null},
            "channel": {
                "type": "HTTP", "version": "1.0.0",
                "config": {"uri": self.uri, "headers": [], "method": "POST", "authScheme": {"type": "HEADER", "key": self.header}},
            },
            "_links": {"self": {"href": url}, "verify": post("verify"), "deactivate": post("deactivate")},
        })
    }

    /// Parses the body into a hook with a new id. The error names a member that is missing, unknown
    /// or wrong.
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        let known: [(&str, &[&str]); 2] = [
            ("", &["name", "description", "events", "channel"]),
            ("/events", &["type", "items", "filter"]),
        ];
        let body = HookBody::parse(body, &READ_ONLY, &known)?;
        body.expect(&[("/events/type", "EVENT_TYPE")])?;
        for (pointer, only) in [
            ("/channel/config/method", json!("POST")),
            ("/channel/config/headers", json!([])),
            ("/events/filter", Value::Null),
        ] {
            if body
                .value(pointer)
                .is_some_and(|value| !value.is_null() && *value != only)
            {
                return Err(format!("{pointer}: only {only} is simulated"));
            }
        }
        let items = body
            .value("/events/items")
            .and_then(Value::as_array)
            .filter(|items| !items.is_empty())
            .ok_or("/events/items: none")?;
        let event = |item: &Value| {
            item.as_str()
                .filter(|name| name.contains('.'))
                .map(str::to_owned)
        };
        Ok(Self {
            id: format!("who{}", &random::hex(9)[..17]),
            name: body.text("/name")?.to_owned(),
            description: body
                .value("/description")
                .and_then(Value::as_str)
                .map(str::to_owned),
            uri: body.uri()?.to_owned(),
            header: body.text("/channel/config/authScheme/key")?.to_owned(),
            secret: body.text("/channel/config/authScheme/value")?.to_owned(),
            events: items
                .iter()
                .map(event)
                .collect::<Option<_>>()
                .ok_or("/events/items: not event types")?,
            verified: false,
            active: true,
        })
    }
}
