//! An inline hook: the resource, and what a registration may say.

use serde_json::{Value, json};

use super::{answers::THEN, hook_body::HookBody};
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
        let known: [(&str, &[&str]); 1] = [("", &["name", "type", "version", "channel"])];
        let body = HookBody::parse(body, &READ_ONLY, &known)?;
        body.expect(&[
            ("/type", TELEPHONY),
            ("/version", "1.0.0"),
            ("/channel/config/method", "POST"),
        ])?;
        let header = |entry: &Value| {
            let [key, value] = ["key", "value"].map(|name| entry[name].as_str());
            Some((key?.to_owned(), value?.to_owned()))
        };
        let headers = body
            .value("/channel/config/headers")
            .and_then(Value::as_array);
        let headers: Option<_> = headers.into_iter().flatten().map(header).collect();
        let secret = body.text("/channel/config/authScheme/value")?;
        Ok(Self {
            header: body.text("/channel/config/authScheme/key")?.to_owned(),
            headers: headers.ok_or("/channel/config/headers: not pairs of key and value")?,
            ..Self::new(body.text("/name")?, body.uri()?, secret)
        })
    }
}
