//! Requests to `/validate` with only Twilio's signature. Each of them tries a PIN once.
//!
//! A signature does not expire: an attacker who has seen a signed request could send it for ever.
//! So the signature's hash is written to the table before the PIN is tried. Twilio's own retry
//! comes within minutes and gets the answer that was lost. A later copy is rejected.
//!
//! The request is noted before its attempt is counted, not at the same time. Otherwise copies would
//! be counted and taken back, and for a moment use up the honest caller's attempts.

use std::time::{Instant, SystemTime};

use ring::digest;
use shared::platform::random::owner_id;
use shared::platform::table::{Item, Key, Table, Unavailable, Update, Write};
use shared::platform::time::epoch;

use crate::dialogue::{LOOK, PATIENCE};

/// Twilio may retry for this many seconds after the first request.
const RETRIED: u64 = 5 * 60;
/// How long the hash is kept, in seconds.
const REMEMBERED: u64 = 365 * 86_400;

/// A signed request, identified by its signature.
pub(crate) struct SignedRequest {
    key: Key,
    account: String,
    owner: String,
}

/// What the table says about a signed request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Earlier {
    /// The request is new.
    None,
    /// Its PIN was right a short time ago.
    Accepted,
    /// It was rejected a short time ago, or its result is unknown.
    Refused,
    /// It is too old to be Twilio's retry. Or it was for another account: the same text was split
    /// differently into parameters, which the signature allows.
    Replayed,
}

impl SignedRequest {
    /// The request with this signature, for this account.
    pub(crate) fn new(signature: &str, account: &str) -> Self {
        Self {
            key: Key::new(format!("seen#ivr#{}", hash(signature)), "request"),
            account: hash(&format!("{signature} {account}")),
            owner: owner_id(),
        }
    }

    /// Notes the request. If another instance is answering it, waits for the result.
    pub(crate) async fn note(
        &self,
        table: &Table,
        now: SystemTime,
    ) -> Result<Earlier, Unavailable> {
        let update = Update::new(self.key.clone())
            .set("first", epoch(now))
            .set("account", self.account.as_str())
            .set("owner_id", self.owner.as_str())
            .set("expires_at", epoch(now) + REMEMBERED)
            .remove("outcome")
            .only_if("attribute_not_exists(pk) OR expires_at <= :now")
            .bind(":now", epoch(now));
        let mut seen = match table.update(update).await? {
            Write::Done(_) => return Ok(Earlier::None),
            // Our own write, whose answer was lost.
            Write::Refused(seen) if seen.text("owner_id") == Some(&self.owner) => {
                return Ok(Earlier::None);
            }
            Write::Refused(seen) => seen,
        };
        let started = Instant::now();
        loop {
            if let Some(earlier) = self.earlier(&seen, now) {
                return Ok(earlier);
            }
            if started.elapsed() >= PATIENCE {
                return Ok(Earlier::Refused);
            }
            tokio::time::sleep(LOOK).await;
            seen = table.get(self.key.clone(), now).await?.unwrap_or_default();
        }
    }

    /// Looks for a signature without noting it. An attacker can cut the parameters of a noted request
    /// so that its call's id is gone.
    pub(crate) async fn find(
        &self,
        table: &Table,
        now: SystemTime,
    ) -> Result<Earlier, Unavailable> {
        let seen = table.get(self.key.clone(), now).await?;
        Ok(seen.map_or(Earlier::None, |_| Earlier::Replayed))
    }

    /// Stores the result for repeated requests.
    pub(crate) async fn settle(&self, table: &Table, is_accepted: bool) -> Result<(), Unavailable> {
        let outcome = if is_accepted { "accepted" } else { "refused" };
        let update = Update::new(self.key.clone())
            .set("outcome", outcome)
            .only_if("owner_id = :owner")
            .bind(":owner", self.owner.as_str());
        table.update(update).await.map(drop)
    }

    /// What the item of an earlier request says. `None`: the request is still being answered.
    fn earlier(&self, seen: &Item, now: SystemTime) -> Option<Earlier> {
        let is_recent = seen
            .number("first")
            .is_some_and(|first| epoch(now) <= first + RETRIED);
        if !is_recent || seen.text("account") != Some(&self.account) {
            return Some(Earlier::Replayed);
        }
        Some(match seen.text("outcome")? {
            "accepted" => Earlier::Accepted,
            _ => Earlier::Refused,
        })
    }
}

fn hash(text: &str) -> String {
    hex::encode(&digest::digest(&digest::SHA256, text.as_bytes()).as_ref()[..16])
}
