//! Requests to `/validate` for which only Twilio's signature speaks: each of them tries a PIN once.
//!
//! A signature has no time: whoever has seen a signed request could send it for ever. So its hash is written to the table before the
//! PIN is tried. Twilio itself asks again within minutes, and gets what it did not get the first time; what comes later is refused.
//!
//! The request is noted before its attempt is counted, not at once with it: copies that are counted and taken back would use up, for a
//! moment, what the honest caller has left.

use std::time::{Instant, SystemTime};

use ring::digest;
use shared::platform::table::{Item, Key, Table, Unavailable, Update, Write, epoch, owner_id};

use crate::dialogue::{LOOK, PATIENCE};

/// So long after the first of them Twilio may ask again.
const RETRIED: u64 = 5 * 60;
/// The hash is kept for so long.
const REMEMBERED: u64 = 365 * 86_400;

/// A signed request, by its signature.
pub(crate) struct SignedRequest {
    key: Key,
    account: String,
    owner: String,
}

/// What is known of a signed request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Earlier {
    /// It was not seen before.
    None,
    /// Its PIN was right a short time ago.
    Accepted,
    /// It was refused a short time ago, or nobody knows how it ended.
    Refused,
    /// It was seen too long ago to be Twilio's, or for another account: its parameters were cut differently, which the signature allows.
    Replayed,
}

impl SignedRequest {
    /// The request with this signature, which names this account.
    pub(crate) fn new(signature: &str, account: &str) -> Self {
        Self {
            key: Key::new(format!("seen#ivr#{}", hash(signature)), "request"),
            account: hash(&format!("{signature} {account}")),
            owner: owner_id(),
        }
    }

    /// Notes that it came. One that is being answered elsewhere is waited for.
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
            // Written by an attempt whose answer was lost.
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

    /// Looks for a signature without noting it. The parameters of a noted request can be cut so that its call's id is gone.
    pub(crate) async fn find(
        &self,
        table: &Table,
        now: SystemTime,
    ) -> Result<Earlier, Unavailable> {
        let seen = table.get(self.key.clone(), now).await?;
        Ok(seen.map_or(Earlier::None, |_| Earlier::Replayed))
    }

    /// Writes down how it ended, for those that come again.
    pub(crate) async fn settle(&self, table: &Table, is_accepted: bool) -> Result<(), Unavailable> {
        let outcome = if is_accepted { "accepted" } else { "refused" };
        let update = Update::new(self.key.clone())
            .set("outcome", outcome)
            .only_if("owner_id = :owner")
            .bind(":owner", self.owner.as_str());
        table.update(update).await.map(drop)
    }

    /// What the item of a request that was seen before says; `None`: it is still being answered.
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
