//! An inline hook: the resource, and what a registration may say.

use serde_json::{Value, json};

use super::answers::THEN;
use crate::{moment::iso, random};

/// The type of the hook that delivers codes.
pub(super) const TELEPHONY: &str = "com.okta.telephony.provider";

/// Members of Okta's answers that Okta ignores in requests. A client may send them back without a
/// complaint.
const READ_ONLY: [&str; 6] = [
    "id",
    "status",
    "created",
    "lastUpdated",
    "metadata",
    "_links",
];

/// A registered inline hook for telephony.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InlineHook {
    /// `cal` and 17 letters and digits.
    pub id: String,
    /// A name for administrators.
    pub name: String,
    /// The URI to which Okta posts.
    pub uri: String,
    /// The name of the header with the secret, usually `Authorization`.
    pub header: String,
    /// The secret.
    pub secret: String,
    /// More headers, which Okta shows to administrators.
    pub headers: Vec<(String, String)>,
    /// False if the hook is deactivated.
    pub active: bool,
}

impl InlineHook {
    /// An active hook with its secret in `Authorization`.
    pub(super) fn new(name: &str, uri: &str, secret: &str) -> Self {
        Self {
            id: format!("cal{}", &random::hex(9)[..17]),
            name: name.to_owned(),
            uri: uri.to_owned(),
            header: "Authorization".to_owned(),
            secret: secret.to_owned(),
            headers: vec![],
            active: true,
        }
    }

    /// The hook as a resource, without the secret.
    pub(super) fn wire(&self) -> Value {
        let then = iso(THEN);
        let url = format!("https://acme.okta.com/api/v1/inlineHooks/{}", self.id);
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(key, value)| json!({ "key": key, "value": value }))
            .collect();
        json!({
            "id": self.id, "name": self.name, "type": TELEPHONY, "version": "1.0.0",
            "status": if self.active { "ACTIVE" } else { "INACTIVE" }, "created": then, "lastUpdated": then,
            "channel": {
                "type": "HTTP", "version": "1.0.0",
                "config": {
                    "uri": self.uri, "headers": headers, "method": "POST",
                    "authScheme": {"type": "HEADER", "key": self.header},
                },
            },
            "_links": {"self": {"href": url}},
        })
    }

    /// Parses the body into a hook with a new id. The error names a member that is missing, unknown
    /// or wrong.
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        let mut body = serde_json::from_slice::<Value>(body).map_err(|error| error.to_string())?;
        if let Some(hook) = body.as_object_mut() {
            hook.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
        }
        for (pointer, known) in [
            ("", &["name", "type", "version", "channel"][..]),
            ("/channel", &["type", "version", "config"]),
            (
                "/channel/config",
                &["uri", "headers", "method", "authScheme"],
            ),
            ("/channel/config/authScheme", &["type", "key", "value"]),
        ] {
            let members = body
                .pointer(pointer)
                .and_then(Value::as_object)
                .ok_or_else(|| format!("{pointer}: not an object"))?;
            if let Some(stray) = members.keys().find(|name| !known.contains(&name.as_str())) {
                return Err(format!("{pointer}/{stray}: unknown"));
            }
        }
        let text = |pointer: &str| {
            let text = body
                .pointer(pointer)
                .and_then(Value::as_str)
                .filter(|text| (1..=1024).contains(&text.len()));
            text.ok_or_else(|| format!("{pointer}: missing"))
        };
        for (pointer, only) in [
            ("/type", TELEPHONY),
            ("/version", "1.0.0"),
            ("/channel/type", "HTTP"),
            ("/channel/version", "1.0.0"),
            ("/channel/config/method", "POST"),
            ("/channel/config/authScheme/type", "HEADER"),
        ] {
            if text(pointer)? != only {
                return Err(format!("{pointer}: not {only}"));
            }
        }
        let uri = text("/channel/config/uri")?;
        let allowed = |url: &url::Url| {
            url.scheme() == "https" || url.scheme() == "http" && url.host_str() == Some("127.0.0.1")
        };
        if uri.contains(' ') || !url::Url::parse(uri).is_ok_and(|url| allowed(&url)) {
            return Err("/channel/config/uri: not https".to_owned());
        }
        let header = |entry: &Value| {
            let [key, value] = ["key", "value"].map(|name| entry[name].as_str());
            Some((key?.to_owned(), value?.to_owned()))
        };
        let headers = body["channel"]["config"]["headers"].as_array();
        let headers: Option<_> = headers.into_iter().flatten().map(header).collect();
        let secret = text("/channel/config/authScheme/value")?;
        Ok(Self {
            header: text("/channel/config/authScheme/key")?.to_owned(),
            headers: headers.ok_or("/channel/config/headers: not pairs of key and value")?,
            ..Self::new(text("/name")?, uri, secret)
        })
    }
}
