//! A second reader of tokens' headers and claims (RFC 7519). It says where the standard leaves a
//! reader free.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::members::Members;

pub(crate) const NOW: u64 = 1_795_780_800;
/// The clocks of two machines differ by no more.
const LEEWAY: u64 = 30;
/// No time in seconds is later.
const LATEST: u64 = 100_000_000_000;

/// What must become of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Counts,
    Refused,
    /// A reader may do either: a name is there twice, or something that does not count is malformed.
    Free,
}

impl Verdict {
    /// Whether a reader that accepted a token, or did not, was right.
    pub(crate) fn allows(self, is_accepted: bool) -> bool {
        self == Self::Free || is_accepted == (self == Self::Counts)
    }

    fn of(counts: bool) -> Self {
        if counts { Self::Counts } else { Self::Refused }
    }

    /// Both must count.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Refused, _) | (_, Self::Refused) => Self::Refused,
            (Self::Counts, Self::Counts) => Self::Counts,
            _ => Self::Free,
        }
    }
}

/// An object that was read, or why not.
pub(crate) struct Object(Result<Members<Value>, Verdict>);

impl Object {
    pub(crate) fn read(text: &str) -> Self {
        let members = serde_json::from_str::<Members<Value>>(text);
        Self(members.map_err(|_| {
            // A number or a text that cannot be held may be in a member that nobody reads.
            let is_json = serde_json::from_str::<&RawValue>(text).is_ok();
            if is_json && text.trim_start().starts_with('{') {
                Verdict::Free
            } else {
                Verdict::Refused
            }
        }))
    }

    /// The object with these members, where it has none of the name. `None`: it is no object.
    pub(crate) fn with(&self, defaults: &Value) -> Option<String> {
        let mut whole = defaults.as_object()?.clone();
        whole.extend(self.0.as_ref().ok()?.0.iter().cloned());
        Some(Value::Object(whole).to_string())
    }

    /// A member that is not null.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let members = &self.0.as_ref().ok()?.0;
        let found = members.iter().find(|(found, _)| found == name);
        found
            .map(|(_, value)| value)
            .filter(|value| !value.is_null())
    }

    /// Whether a rule holds. It does not matter if one of these names is there twice.
    fn judge(&self, names: &[&str], rule: impl FnOnce(&Self) -> bool) -> Verdict {
        let members = match &self.0 {
            Ok(members) => &members.0,
            Err(verdict) => return *verdict,
        };
        let count = |name: &str| members.iter().filter(|(found, _)| found == name).count();
        if names.iter().any(|name| count(name) > 1) {
            return Verdict::Free;
        }
        Verdict::of(rule(self))
    }

    /// What does not decide must still have its shape, or a reader is free.
    fn unread(&self, name: &str, is_shaped: impl Fn(&Value) -> bool) -> Verdict {
        if self.get(name).is_none_or(is_shaped) {
            Verdict::Counts
        } else {
            Verdict::Free
        }
    }

    fn is_for(&self, audience: &str) -> bool {
        match self.get("aud") {
            Some(Value::Array(all)) => {
                all.iter().all(Value::is_string) && all.iter().any(|one| one == audience)
            }
            one => one.is_some_and(|one| one == audience),
        }
    }

    /// Whether the times that are there are whole seconds, and the token is valid now.
    fn is_current(&self) -> bool {
        let holds = |name: &str, rule: fn(u64) -> bool| {
            let time = self.get(name).map(|time| time.as_u64().is_some_and(rule));
            time.unwrap_or(true)
        };
        holds("exp", |end| end + LEEWAY > NOW && end < LATEST)
            && holds("nbf", |begin| begin <= NOW + LEEWAY)
            && holds("iat", |begin| begin <= NOW + LEEWAY)
    }

    /// Whether `iat` is at most so long ago.
    fn is_younger(&self, seconds: u64, leeway: u64) -> bool {
        let issued = self.get("iat").and_then(Value::as_u64);
        issued.is_some_and(|issued| issued.saturating_add(seconds + leeway) > NOW)
    }

    /// The claims of Auth0's gateway token. One without an end is valid for an hour.
    pub(crate) fn of_gateway(&self, audience: &str, subject: &str) -> Verdict {
        let rule = |claims: &Self| {
            claims.is_for(audience)
                && claims.get("sub").is_some_and(|sub| sub == subject)
                && claims.is_current()
                && (claims.get("exp").is_some() || claims.is_younger(3_600, LEEWAY))
        };
        self.judge(&REGISTERED, rule)
            .and(self.unread("iss", is_name))
    }

    /// The claims of a webhook over a body with this hash, at most five minutes ago.
    pub(crate) fn of_webhook(&self, hash: &str) -> Verdict {
        let rule = |claims: &Self| {
            let signed = claims.get("payload_hash");
            signed.is_some_and(|signed| signed == hash)
                && claims.is_current()
                && claims.is_younger(300, 0)
        };
        let unread = ["aud", "iss", "sub"].map(|name| self.unread(name, Value::is_string));
        let names = [&REGISTERED[..], &["payload_hash"]].concat();
        unread
            .into_iter()
            .fold(self.judge(&names, rule), Verdict::and)
    }

    /// The claims of an access token.
    pub(crate) fn of_access(&self, issuer: &str, audience: &str) -> Verdict {
        if self.get("iss").is_some_and(Value::is_array) {
            return Verdict::Free; // RFC 7519 knows one issuer.
        }
        let rule = |claims: &Self| {
            claims.is_for(audience)
                && claims.get("iss").is_some_and(|iss| iss == issuer)
                && claims.get("exp").is_some()
                && claims.is_current()
                && claims.get("scope").is_none_or(Value::is_string)
        };
        let names = [&REGISTERED[..], &["scope"]].concat();
        self.judge(&names, rule)
            .and(self.unread("sub", Value::is_string))
    }

    /// A header of this algorithm. No reader knows a critical extension.
    pub(crate) fn of_header(&self, algorithm: &str) -> Verdict {
        let rule = |header: &Self| {
            header.get("alg").is_some_and(|alg| alg == algorithm) && header.get("crit").is_none()
        };
        let mut verdict = self.judge(&["alg", "crit", "kid", "typ"], rule);
        for (name, value) in self.0.iter().flat_map(|members| &members.0) {
            let is_plain = ["alg", "kid", "typ"].contains(&name.as_str());
            if !is_plain || !(value.is_null() || value.is_string()) {
                verdict = verdict.and(Verdict::Free);
            }
        }
        verdict
    }
}

/// The claims that every reader looks at.
const REGISTERED: [&str; 6] = ["aud", "exp", "iat", "iss", "nbf", "sub"];

/// A name, or several.
fn is_name(value: &Value) -> bool {
    let names = value.as_array();
    value.is_string() || names.is_some_and(|names| names.iter().all(Value::is_string))
}
