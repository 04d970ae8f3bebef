//! The keys of each secret, and the checks of their values.

use std::sync::LazyLock;

pub(crate) use shared::platform::layout::{Key, Kind};

use shared::platform::bearer::Token;
use shared::platform::layout::{Described as _, Layout};
use shared::rules::voice::Channel;
use shared::services::providers::Name;
use shared::vendors::{auth0, mailgun, okta, twilio};

/// A secret.
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) layout: Layout,
}

/// True if any random text will do. A previous value is not generated: a caller still uses it.
pub(crate) fn is_generated(key: &Key) -> bool {
    key.kind == Kind::Chosen && !key.name.starts_with("previous_")
}

/// The secret of the functions that only call Twilio. It is made from the secret `twilio`, if the
/// stack has that one.
pub(crate) const SENDS: &str = "twilio-send";

/// All secrets, in the order of the setup. The secrets of the providers that only send texts are
/// the last.
pub(crate) static SECRETS: LazyLock<Vec<Spec>> = LazyLock::new(|| {
    let spec = |(name, layout)| Spec { name, layout };
    let mut secrets: Vec<_> = [
        ("twilio", twilio::Credentials::LAYOUT),
        (SENDS, twilio::RestCredentials::LAYOUT),
        ("mailgun", mailgun::Credentials::LAYOUT),
        ("recipient", RECIPIENT),
        ("auth0", auth0::Credentials::LAYOUT),
        ("gateway", GATEWAY),
        ("okta-hook", Token::LAYOUT),
        ("webhook", WEBHOOK),
        ("generic", GENERIC),
        ("okta", okta::Credentials::LAYOUT),
        ("hook", Token::LAYOUT),
        ("ivr", Token::LAYOUT),
        ("studio", Token::LAYOUT),
    ]
    .map(spec)
    .into();
    // A provider of calls has the secret of its texts.
    let providers = Name::of(Channel::Sms).filter(|name| *name != Name::Twilio);
    let providers = providers.filter_map(|name| Some((name.word(), name.layout()?)));
    secrets.extend(providers.map(spec));
    secrets
});

/// `send-verification-sms` reads it.
const RECIPIENT: Layout = Layout {
    keys: &[
        Key::new(
            "recipient_key",
            Kind::Chosen,
            "what the application makes tags of addresses with: any long random text, see --generate",
        ),
        Key::new(
            "previous_recipient_key",
            Kind::Chosen,
            "the key before, while it is being rotated",
        ),
    ],
    needed: &[&["recipient_key"]],
    together: &[],
};

/// `sms-gateway` reads it.
const GATEWAY: Layout = Layout {
    keys: &[
        Key::new(
            "jwt_secret",
            Kind::Chosen,
            "of a passwordless connection: any long random text, see --generate",
        ),
        Key::new(
            "previous_jwt_secret",
            Kind::Chosen,
            "the one before, while it is being rotated",
        ),
        Key::new(
            "jwt_secret_base64",
            Kind::Flag,
            "true: they are base64url, and decoded before use",
        ),
        Key::new(
            "bearer_token",
            Kind::Chosen,
            "of the Action: any long random text, see --generate",
        ),
    ],
    needed: &[&["jwt_secret"], &["bearer_token"]],
    together: &[],
};

/// `sms-gateway` reads it for Supabase's hook.
const WEBHOOK: Layout = Layout {
    keys: &[Key::new(
        "secrets",
        Kind::Given,
        "of Supabase's Send SMS hook: v1,whsec_...; several with a blank or | between them",
    )],
    needed: &[&["secrets"]],
    together: &[],
};

/// `sms-gateway` reads it for the other identity providers.
const GENERIC: Layout = Layout {
    keys: &[
        Key::new(
            "bearer_token",
            Kind::Chosen,
            "what the caller sends as Authorization: any long random text, see --generate",
        ),
        Key::new(
            "previous_bearer_token",
            Kind::Chosen,
            "the one before, while it is being rotated",
        ),
        Key::new(
            "hmac_secret",
            Kind::Chosen,
            "what the caller signs with: any long random text, or the caller's own key",
        ),
        Key::new(
            "previous_hmac_secret",
            Kind::Chosen,
            "the one before, while it is being rotated",
        ),
    ],
    needed: &[&["bearer_token"], &["hmac_secret"]],
    together: &[],
};

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
        self.layout.keys.iter().find(|key| key.name == name)
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
        let Layout {
            keys,
            needed,
            together,
        } = self.layout;
        if needed.iter().all(|group| !lacks(group).is_empty()) {
            let ways: Vec<String> = needed
                .iter()
                .map(|group| lacks(group).join(" and "))
                .collect();
            problems.push(format!("lacks {}", ways.join(", or ")));
        }
        for group in together {
            let missing = lacks(group);
            if !missing.is_empty() && missing.len() < group.len() && !needed.contains(group) {
                problems.push(format!(
                    "lacks {}, which goes with {}",
                    missing.join(" and "),
                    group.join(", ")
                ));
            }
        }
        let faults = keys.iter().filter_map(|key| {
            Some(format!(
                "has a {} that {}",
                key.name,
                fault(key.kind, &value(key.name)?)?
            ))
        });
        problems.extend(faults);
        problems
    }
}

/// Why this cannot be a value, in words that complete "a value that …".
pub(crate) fn fault(kind: Kind, value: &str) -> Option<String> {
    if kind != Kind::Pem && (value.trim() != value || value.chars().any(char::is_control)) {
        return Some("has blanks or line breaks around it".to_owned());
    }
    match kind {
        Kind::Given => None,
        Kind::Sid(prefix) => (!twilio::is_sid(value, &[prefix]))
            .then(|| format!("is not {prefix} and 32 digits from 0 to 9 and a to f")),
        Kind::Chosen => (value.len() < 16).then(|| "is shorter than 16 characters".to_owned()),
        Kind::Pem => (!value.contains("PRIVATE KEY-----"))
            .then(|| "is no private key in PEM form".to_owned()),
        Kind::Flag => {
            (!matches!(value, "true" | "false")).then(|| "is neither true nor false".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use regex::Regex;

    use super::*;

    /// The keys that the sources below a folder read.
    fn read_below(folder: &Path) -> BTreeSet<String> {
        let reads = Regex::new(r#"keys\s*\.(?:required|optional|flag)\("([a-z_0-9]+)"\)"#).unwrap();
        let mut found = BTreeSet::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(read_below(&path));
            } else {
                let text = fs::read_to_string(path).unwrap();
                found.extend(reads.captures_iter(&text).map(|key| key[1].to_owned()));
            }
        }
        found
    }

    #[test]
    fn a_person_is_asked_for_the_keys_that_a_function_reads() {
        let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
        for (function, layout) in [
            ("send-verification-sms/src", RECIPIENT),
            ("sms-gateway/src/auth0", GATEWAY),
            ("sms-gateway/src/webhook", WEBHOOK),
            ("sms-gateway/src/generic", GENERIC),
        ] {
            let asked: BTreeSet<_> = layout.keys.iter().map(|key| key.name.to_owned()).collect();
            assert_eq!(read_below(&functions.join(function)), asked);
        }
    }

    #[test]
    fn every_key_of_every_secret_is_documented() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
        let page = fs::read_to_string(page).unwrap();
        let (_, table) = page.split_once("\n| secret | keys |\n").unwrap();
        for Spec { name, layout } in SECRETS.iter() {
            let mut rows = table.lines();
            let row = rows.find(|line| line.starts_with(&format!("| {name} |")));
            for key in layout.keys {
                let is_named = row.is_some_and(|row| row.contains(&format!("`{}`", key.name)));
                assert!(is_named, "docs/configuration.md: {} of {name}", key.name);
            }
        }
    }

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
