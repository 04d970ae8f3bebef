//! The body of a hook's registration, which event hooks and inline hooks have in common.

use serde_json::Value;

/// A body with known members only. An error names a member that is missing, unknown or wrong.
pub(super) struct HookBody(Value);

impl HookBody {
    /// Reads a body. `known` lists the objects in it, each with its members. Okta ignores the
    /// members in `read_only`, so a client may send them back.
    pub(super) fn parse(
        body: &[u8],
        read_only: &[&str],
        known: &[(&str, &[&str])],
    ) -> Result<Self, String> {
        let mut body = serde_json::from_slice::<Value>(body).map_err(|error| error.to_string())?;
        if let Some(hook) = body.as_object_mut() {
            hook.retain(|name, _| !read_only.contains(&name.as_str()));
        }
        let channel: [(&str, &[&str]); 3] = [
            ("/channel", &["type", "version", "config"]),
            (
                "/channel/config",
                &["uri", "headers", "method", "authScheme"],
            ),
            ("/channel/config/authScheme", &["type", "key", "value"]),
        ];
        for (pointer, known) in known.iter().chain(&channel) {
            let members = body
                .pointer(pointer)
                .and_then(Value::as_object)
                .ok_or_else(|| format!("{pointer}: not an object"))?;
            if let Some(stray) = members.keys().find(|name| !known.contains(&name.as_str())) {
                return Err(format!("{pointer}/{stray}: unknown"));
            }
        }
        let body = Self(body);
        body.expect(&[
            ("/channel/type", "HTTP"),
            ("/channel/version", "1.0.0"),
            ("/channel/config/authScheme/type", "HEADER"),
        ])?;
        Ok(body)
    }

    /// Any member.
    pub(super) fn value(&self, pointer: &str) -> Option<&Value> {
        self.0.pointer(pointer)
    }

    /// A text that must be there.
    pub(super) fn text(&self, pointer: &str) -> Result<&str, String> {
        self.value(pointer)
            .and_then(Value::as_str)
            .filter(|text| (1..=1024).contains(&text.len()))
            .ok_or_else(|| format!("{pointer}: missing"))
    }

    /// Checks texts that have one allowed value.
    pub(super) fn expect(&self, texts: &[(&str, &str)]) -> Result<(), String> {
        for (pointer, only) in texts {
            if self.text(pointer)? != *only {
                return Err(format!("{pointer}: not {only}"));
            }
        }
        Ok(())
    }

    /// The URI to which Okta posts. Only this machine may be without TLS.
    pub(super) fn uri(&self) -> Result<&str, String> {
        let uri = self.text("/channel/config/uri")?;
        let is_allowed = |url: &url::Url| {
            url.scheme() == "https" || url.scheme() == "http" && url.host_str() == Some("127.0.0.1")
        };
        if uri.contains(' ') || !url::Url::parse(uri).is_ok_and(|url| is_allowed(&url)) {
            return Err("/channel/config/uri: not https".to_owned());
        }
        Ok(uri)
    }
}
