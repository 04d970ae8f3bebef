//! One request, and its map in the number's item.

use std::time::SystemTime;

use ring::digest;
use words::Language;

use super::item::{attribute, mail};
use crate::platform::random::owner_id;
use crate::platform::table::{Item, Value};
use crate::platform::time::epoch;
use crate::rules::link::{Kind, Link};

/// One request.
#[derive(Clone)]
pub struct Request {
    /// The mail's id.
    pub id: String,
    /// Its slot: a hash of address and kind.
    pub slot: String,
    /// The purpose of the link.
    pub kind: Kind,
    /// The link to confirm with, or to hand over.
    pub link: String,
    /// The address that the mail went to. It is the user's address at the identity provider.
    pub email: String,
    /// When the mail came (epoch seconds). The newest mail is found by it.
    pub mailed_at: u64,
    /// Epoch seconds.
    pub created_at: u64,
    /// Epoch seconds. From then on the request is not valid.
    pub expires_at: u64,
    /// The four digits that tell it from other requests, once a reply has listed them.
    pub code: Option<String>,
    /// The language of the text that asked for a reply. Requests of earlier versions have none.
    pub language: Option<String>,
    /// The invocation that stored it (a [`crate::platform::random::owner_id`]). A later delivery of
    /// the mail may have stored it anew.
    pub added_by: String,
}

impl Request {
    /// A new request for the mail `id`, which came at `mailed_at` (epoch seconds).
    pub fn new(
        id: &str,
        link: &Link,
        email: &str,
        mailed_at: u64,
        now: SystemTime,
        valid_hours: u64,
        language: Language,
    ) -> Self {
        Self {
            id: id.to_owned(),
            slot: slot(link.kind, email),
            kind: link.kind,
            link: link.reveal().to_owned(),
            email: email.to_owned(),
            mailed_at,
            created_at: epoch(now),
            expires_at: epoch(now) + valid_hours * 3600,
            code: None,
            language: Some(language.to_string()),
            added_by: owner_id(),
        }
    }

    /// Whether `seen`, the number's item, has the request of another mail in this slot.
    pub fn is_replaced_in(&self, seen: &Item) -> bool {
        seen.map(&attribute(&self.slot))
            .is_some_and(|other| other.text("mail") != Some(&self.id))
    }

    pub(super) fn value(&self) -> Value {
        let mut map = vec![
            ("kind", word(self.kind).into()),
            ("link", self.link.clone().into()),
            ("email", self.email.clone().into()),
            ("mail", self.id.clone().into()),
            ("mailed_at", self.mailed_at.into()),
            ("created_at", self.created_at.into()),
            ("expires_at", self.expires_at.into()),
            ("added_by", self.added_by.clone().into()),
        ];
        map.extend(self.code.clone().map(|code| ("code", code.into())));
        let language = self.language.clone();
        map.extend(language.map(|language| ("language", language.into())));
        Value::M(map)
    }

    pub(super) fn from_item(slot: &str, map: &Item, item_end: u64) -> Option<Self> {
        let created_at = map.number("created_at")?;
        Some(Self {
            id: mail(slot, map).to_owned(),
            slot: slot.to_owned(),
            kind: if map.text("kind")? == word(Kind::Password) {
                Kind::Password
            } else {
                Kind::Verification
            },
            link: map.text("link")?.to_owned(),
            email: map.text("email")?.to_owned(),
            mailed_at: map.number("mailed_at").unwrap_or(created_at),
            created_at,
            expires_at: map.number("expires_at")?.min(item_end),
            code: map.text("code").map(str::to_owned),
            language: map.text("language").map(str::to_owned),
            added_by: map.text("added_by").unwrap_or_default().to_owned(),
        })
    }
}

fn word(kind: Kind) -> &'static str {
    if kind == Kind::Password {
        "password"
    } else {
        "verification"
    }
}

/// The slot for requests of this kind for this address. Upper and lower case are the same user.
pub fn slot(kind: Kind, email: &str) -> String {
    let text = format!("{}\n{}", word(kind), email.to_lowercase());
    hex::encode(&digest::digest(&digest::SHA256, text.as_bytes()).as_ref()[..16])
}
