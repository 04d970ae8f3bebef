//! The keys of a secret, as the operator's program asks a person for them.

use super::secrets::Content;

/// A secret whose keys are described for the people who set them.
pub trait Described: Content {
    /// The keys that [`Content::take`] looks for.
    const LAYOUT: Layout;
}

/// The keys of a secret, and which of them must be set.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// All keys, in the order in which a person is asked for them.
    pub keys: &'static [Key],
    /// All keys of one of these groups must be set.
    pub needed: &'static [&'static [&'static str]],
    /// The keys of each of these groups are given together or not at all.
    pub together: &'static [&'static [&'static str]],
}

/// A key of a secret.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The name in the JSON object.
    pub name: &'static str,
    /// The kind of its value.
    pub kind: Kind,
    /// Where a person finds the value.
    pub hint: &'static str,
}

impl Key {
    /// A key with its kind and its hint.
    pub const fn new(name: &'static str, kind: Kind, hint: &'static str) -> Self {
        Self { name, kind, hint }
    }
}

/// The kind of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text from the provider.
    Given,
    /// Twilio's SID with this prefix.
    Sid(&'static str),
    /// A text that we choose. It must not be short.
    Chosen,
    /// The text of a PEM file. Where a value is one line, it is given as `@path`.
    Pem,
    /// `true` or `false`.
    Flag,
}

/// Panics if the layout of a secret is not what its [`Content::take`] looks for.
#[cfg(test)]
pub(crate) fn check<T: Described>() {
    let Layout { keys, needed, .. } = T::LAYOUT;
    let take = |names: &[&str]| {
        let values = names.iter().map(|name| ((*name).to_owned(), "text".into()));
        let object = serde_json::Value::Object(values.collect());
        super::secrets::take::<T>(&object.to_string())
    };
    for group in needed {
        assert_eq!(take(group).0, [""; 0], "{}: {group:?}", T::NAME);
        for left_out in *group {
            let rest: Vec<_> = group
                .iter()
                .copied()
                .filter(|name| name != left_out)
                .collect();
            let is_enough = needed
                .iter()
                .any(|group| group.iter().all(|name| rest.contains(name)));
            let (missing, _) = take(&rest);
            assert_eq!(
                missing.is_empty(),
                is_enough,
                "{} without {left_out}",
                T::NAME
            );
        }
    }
    let names: Vec<_> = keys.iter().map(|key| key.name).collect();
    let (_, unread) = take(&names);
    for name in names {
        let is_read = !unread.iter().any(|unread| unread == name)
            || needed.iter().any(|group| group.contains(&name));
        assert!(is_read, "{} never reads {name}", T::NAME);
    }
}
