//! The keys of each secret, and the checks of their values.

use shared::vendors::twilio::is_sid;

/// A secret.
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [Key],
    /// All keys of one of these groups must be set.
    needed: &'static [&'static [&'static str]],
    /// The keys of each of these groups are given together or not at all.
    together: &'static [&'static [&'static str]],
}

/// A key of a secret.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// Where a person finds the value.
    pub(crate) hint: &'static str,
    pub(crate) kind: Kind,
}

/// The kind of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text from the provider.
    Given,
    /// A SID with this prefix.
    Sid(&'static str),
    /// A text that we choose. It must not be short.
    Chosen,
    /// The text of a PEM file. Where a value is one line, it is given as `@path`.
    Pem,
    /// `true` or `false`.
    Flag,
}

impl Key {
    /// True if any random text will do. A previous value is not generated: a caller still uses it.
    pub(crate) fn is_generated(&self) -> bool {
        self.kind == Kind::Chosen && !self.name.starts_with("previous_")
    }
}

const fn key(name: &'static str, kind: Kind, hint: &'static str) -> Key {
    Key { name, hint, kind }
}

const TOKEN: &[Key] = &[key(
    "bearer_token",
    Kind::Chosen,
    "any long random text, see --generate",
)];
const ONLY_TOKEN: &[&[&str]] = &[&["bearer_token"]];

/// The secret of the functions that only call Twilio. It is made from the secret `twilio`, if the
/// stack has that one.
pub(crate) const SENDS: &str = "twilio-send";

/// All secrets, in the order of the setup.
pub(crate) const SECRETS: &[Spec] = &[
    Spec {
        name: "twilio",
        keys: &[
            key(
                "account_sid",
                Kind::Sid("AC"),
                "Console, Account info: Account SID",
            ),
            key(
                "auth_token",
                Kind::Given,
                "Console, Account info: the primary Auth Token, which signs webhooks",
            ),
            key(
                "previous_auth_token",
                Kind::Given,
                "the token before, while it is being rotated",
            ),
            key(
                "api_key_sid",
                Kind::Sid("SK"),
                "Console, API keys & tokens: a standard API key; whoever only sends then has no Auth Token",
            ),
            key("api_key_secret", Kind::Given, "the API key's secret"),
        ],
        needed: &[&["account_sid", "auth_token"]],
        together: &[&["api_key_sid", "api_key_secret"]],
    },
    Spec {
        name: SENDS,
        keys: &[
            key(
                "account_sid",
                Kind::Sid("AC"),
                "Console, Account info: Account SID",
            ),
            key(
                "api_key_sid",
                Kind::Sid("SK"),
                "Console, API keys & tokens: a standard API key",
            ),
            key("api_key_secret", Kind::Given, "the API key's secret"),
            key(
                "auth_token",
                Kind::Given,
                "only if there is no API key: Console, Account info: the primary Auth Token",
            ),
        ],
        needed: &[
            &["account_sid", "api_key_sid", "api_key_secret"],
            &["account_sid", "auth_token"],
        ],
        together: &[&["api_key_sid", "api_key_secret"]],
    },
    Spec {
        name: "mailgun",
        keys: &[
            key(
                "signing_key",
                Kind::Given,
                "Control Panel, API security: the HTTP webhook signing key, not an API key",
            ),
            key(
                "previous_signing_key",
                Kind::Given,
                "the key before, while it is being rotated",
            ),
        ],
        needed: &[&["signing_key"]],
        together: &[],
    },
    Spec {
        name: "recipient",
        keys: &[
            key(
                "recipient_key",
                Kind::Chosen,
                "what the application makes tags of addresses with: any long random text, see --generate",
            ),
            key(
                "previous_recipient_key",
                Kind::Chosen,
                "the key before, while it is being rotated",
            ),
        ],
        needed: &[&["recipient_key"]],
        together: &[],
    },
    Spec {
        name: "auth0",
        keys: &[
            key(
                "client_id",
                Kind::Given,
                "Applications, the machine-to-machine application: Client ID",
            ),
            key("client_secret", Kind::Given, "the same: Client Secret"),
            key(
                "login_client_id",
                Kind::Given,
                "of the application that logs callers in, if it is another one",
            ),
            key(
                "login_client_secret",
                Kind::Given,
                "the same: Client Secret",
            ),
        ],
        needed: &[&["client_id", "client_secret"]],
        together: &[&["login_client_id", "login_client_secret"]],
    },
    Spec {
        name: "gateway",
        keys: &[
            key(
                "jwt_secret",
                Kind::Chosen,
                "of a passwordless connection: any long random text, see --generate",
            ),
            key(
                "previous_jwt_secret",
                Kind::Chosen,
                "the one before, while it is being rotated",
            ),
            key(
                "jwt_secret_base64",
                Kind::Flag,
                "true: they are base64url, and decoded before use",
            ),
            key(
                "bearer_token",
                Kind::Chosen,
                "of the Action: any long random text, see --generate",
            ),
        ],
        needed: &[&["jwt_secret"], &["bearer_token"]],
        together: &[],
    },
    Spec {
        name: "okta",
        keys: &[
            key(
                "api_token",
                Kind::Given,
                "Security, API, Tokens; or instead the three of a service app",
            ),
            key(
                "client_id",
                Kind::Given,
                "Applications, the API Services app: Client ID",
            ),
            key(
                "private_key",
                Kind::Pem,
                "the PEM file of its key (RSA), as @path",
            ),
            key("key_id", Kind::Given, "the key's id (kid)"),
        ],
        needed: &[&["api_token"], &["client_id", "private_key", "key_id"]],
        together: &[&["client_id", "private_key", "key_id"]],
    },
    Spec {
        name: "hook",
        keys: TOKEN,
        needed: ONLY_TOKEN,
        together: &[],
    },
    Spec {
        name: "ivr",
        keys: TOKEN,
        needed: ONLY_TOKEN,
        together: &[],
    },
    Spec {
        name: "studio",
        keys: TOKEN,
        needed: ONLY_TOKEN,
        together: &[],
    },
    Spec {
        name: "clickatell",
        keys: &[
            key("api_key", Kind::Given, "of the One API"),
            key("user", Kind::Given, "of the legacy HTTP API"),
            key("password", Kind::Given, "of the legacy HTTP API"),
            key("api_id", Kind::Given, "of the legacy HTTP API"),
        ],
        needed: &[&["api_key"], &["user", "password", "api_id"]],
        together: &[&["user", "password", "api_id"]],
    },
    Spec {
        name: "plivo",
        keys: &[
            key("auth_id", Kind::Given, "Console, Overview: Auth ID"),
            key("auth_token", Kind::Given, "the same: Auth Token"),
        ],
        needed: &[&["auth_id", "auth_token"]],
        together: &[],
    },
    Spec {
        name: "vonage",
        keys: &[
            key("api_key", Kind::Given, "Dashboard, API settings"),
            key("api_secret", Kind::Given, "the same"),
        ],
        needed: &[&["api_key", "api_secret"]],
        together: &[],
    },
];

impl Spec {
    /// The secret with this name. Panics if the name is not listed: names come only from this
    /// program.
    pub(crate) fn of(name: &str) -> &'static Self {
        SECRETS
            .iter()
            .find(|spec| spec.name == name)
            .expect("a secret's name")
    }

    /// The name that `secrets set` uses for it.
    pub(crate) fn dialogue(&self) -> &'static str {
        if self.name == SENDS {
            "twilio"
        } else {
            self.name
        }
    }

    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The problems with the values, in words that complete "the secret …".
    pub(crate) fn problems(&self, value: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
        let lacks = |group: &[&'static str]| -> Vec<&'static str> {
            group
                .iter()
                .copied()
                .filter(|key| value(key).is_none())
                .collect()
        };
        let mut problems = Vec::new();
        if self.needed.iter().all(|group| !lacks(group).is_empty()) {
            let ways: Vec<String> = self
                .needed
                .iter()
                .map(|group| lacks(group).join(" and "))
                .collect();
            problems.push(format!("lacks {}", ways.join(", or ")));
        }
        for group in self.together {
            let missing = lacks(group);
            if !missing.is_empty() && missing.len() < group.len() && !self.needed.contains(group) {
                problems.push(format!(
                    "lacks {}, which goes with {}",
                    missing.join(" and "),
                    group.join(", ")
                ));
            }
        }
        let faults = self.keys.iter().filter_map(|key| {
            Some(format!(
                "has a {} that {}",
                key.name,
                key.kind.fault(&value(key.name)?)?
            ))
        });
        problems.extend(faults);
        problems
    }
}

impl Kind {
    /// Why this cannot be a value, in words that complete "a value that …".
    pub(crate) fn fault(self, value: &str) -> Option<String> {
        if self != Self::Pem && (value.trim() != value || value.chars().any(char::is_control)) {
            return Some("has blanks or line breaks around it".to_owned());
        }
        match self {
            Self::Given => None,
            Self::Sid(prefix) => (!is_sid(value, &[prefix]))
                .then(|| format!("is not {prefix} and 32 digits from 0 to 9 and a to f")),
            Self::Chosen => (value.len() < 16).then(|| "is shorter than 16 characters".to_owned()),
            Self::Pem => (!value.contains("PRIVATE KEY-----"))
                .then(|| "is no private key in PEM form".to_owned()),
            Self::Flag => {
                (!matches!(value, "true" | "false")).then(|| "is neither true nor false".to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let problems = |name: &str, given: &[(&str, &str)]| {
            let value = |key: &str| {
                given
                    .iter()
                    .find(|(name, _)| *name == key)
                    .map(|(_, value)| (*value).to_owned())
            };
            Spec::of(name).problems(&value).join("; ")
        };
        assert_eq!(problems("twilio", &[]), "lacks account_sid and auth_token");
        let sid = "AC00000000000000000000000000000001";
        assert_eq!(
            problems("twilio", &[("account_sid", sid), ("auth_token", "t")]),
            ""
        );
        assert_eq!(
            problems(SENDS, &[("account_sid", sid)]),
            "lacks api_key_sid and api_key_secret, or auth_token"
        );
        assert_eq!(
            problems(SENDS, &[("account_sid", sid), ("auth_token", "t")]),
            ""
        );
        let half = [
            ("account_sid", sid),
            ("auth_token", "t"),
            ("api_key_secret", "s"),
        ];
        assert_eq!(
            problems("twilio", &half),
            "lacks api_key_sid, which goes with api_key_sid, api_key_secret"
        );
        assert_eq!(
            problems("twilio", &[("account_sid", "AC1"), ("auth_token", " t")])
                .matches("has a ")
                .count(),
            2
        );
        assert_eq!(
            problems("okta", &[("client_id", "c")]),
            "lacks api_token, or private_key and key_id"
        );
        assert_eq!(
            problems("gateway", &[]),
            "lacks jwt_secret, or bearer_token"
        );
        assert_eq!(
            problems("hook", &[("bearer_token", "short")]),
            "has a bearer_token that is shorter than 16 characters"
        );
    }
}
